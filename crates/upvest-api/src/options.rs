//! Sets how patient a client is: its timeouts, its attempts, and the limits of what it reads.

use std::time::Duration;

use crate::clock::Clock;

/// Sets how patient a client is, and which time it has; nothing here says who it is.
#[derive(Debug, Clone)]
pub struct Options {
    /// Says how long connecting may take; 5 seconds by default, `None` for ever.
    pub connect_timeout: Option<Duration>,
    /// Says how long one request may take from its beginning to the end of its answer, and how long a download may
    /// stand still; 20 seconds by default, `None` for ever.
    pub request_timeout: Option<Duration>,
    /// Says how often one call is tried at most; 5 by default.
    pub max_attempts: u32,
    /// Says how long after its beginning a call may still be tried again; 60 seconds by default. A wait that Upvest
    /// asks for and that would not end by then is not begun. The request of a token has as long of its own.
    pub total_time: Duration,
    /// Bounds the longest random wait before the second attempt, doubled with each attempt; 200 milliseconds by
    /// default.
    pub first_backoff: Duration,
    /// Bounds the longest random wait before any attempt; 10 seconds by default.
    pub max_backoff: Duration,
    /// Sets the time from a signature's `created` to its `expires`: 10 seconds by default, as in Upvest's Python
    /// example. It also is what our clock may be behind Upvest's.
    pub signature_lifetime: Duration,
    /// Bounds the largest JSON answer that is read; 8 MiB by default. Reports in PDF and files are not limited, they
    /// stream.
    pub max_answer_bytes: usize,
    /// Says where the client takes the time from; the machine's clock by default.
    pub clock: Clock,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            connect_timeout: Some(Duration::from_secs(5)),
            request_timeout: Some(Duration::from_secs(20)),
            max_attempts: 5,
            total_time: Duration::from_secs(60),
            first_backoff: Duration::from_millis(200),
            max_backoff: Duration::from_secs(10),
            signature_lifetime: Duration::from_secs(10),
            max_answer_bytes: 8 * 1024 * 1024,
            clock: Clock::system(),
        }
    }
}
