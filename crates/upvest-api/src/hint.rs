//! Finds what probably caused a refusal, in words that say what to do.

use std::fmt;
use std::time::Duration;

use crate::error::Problem;
use crate::scope::Scope;

/// Bounds the difference of clocks that is not taken for the cause, in seconds: answers carry whole seconds
/// and are under way a while.
const NOTABLE_SKEW_SECONDS: i64 = 5;

/// Tells the likely cause of a refused call; its text says what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Hint {
    /// The answer was 401 while our clock differs from Upvest's: signatures are valid for some seconds alone.
    ClockSkew {
        /// Says how far our clock is ahead, in seconds; negative when it is behind.
        ahead_seconds: i64,
    },
    /// The answer was 401, to the token request.
    ClientOrKey,
    /// The answer was 401, to another call, although there was a token.
    Signature,
    /// The answer was 403: the token may not do that.
    Scope(Option<Scope>),
    /// The answer was 404: there is no such resource, or one of another client.
    NotThere,
    /// The answer was 406: the resource has no such format.
    NotAcceptable,
    /// The answer was 429: these are more calls than Upvest allows.
    TooManyRequests {
        /// Says how long Upvest asks to wait.
        retry_after: Option<Duration>,
    },
    /// The answer was 5xx: the failure is on Upvest's side.
    UpvestFailed,
}

impl Hint {
    pub(crate) fn of(problem: &Problem) -> Option<Self> {
        let skew = problem
            .clock_ahead_seconds
            .filter(|seconds| seconds.abs() > NOTABLE_SKEW_SECONDS);
        Some(match (problem.status, skew, problem.scope) {
            (401, Some(ahead_seconds), _) => Self::ClockSkew { ahead_seconds },
            (401, None, None) => Self::ClientOrKey,
            (401, None, Some(_)) => Self::Signature,
            (403, _, scope) => Self::Scope(scope),
            (404, ..) => Self::NotThere,
            (406, ..) => Self::NotAcceptable,
            (429, ..) => Self::TooManyRequests {
                retry_after: problem.retry_after,
            },
            (500.., ..) => Self::UpvestFailed,
            _ => return None,
        })
    }
}

impl fmt::Display for Hint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ClockSkew { ahead_seconds } => {
                let direction = if *ahead_seconds > 0 { "ahead of" } else { "behind" };
                let seconds = ahead_seconds.abs();
                write!(
                    formatter,
                    "the clock of this machine is {seconds} s {direction} Upvest's, and a signature is valid for some \
                     seconds alone: set the clock"
                )
            }
            Self::ClientOrKey => formatter.write_str(
                "client_id or client_secret is wrong, the public key is not registered at Upvest under key_id, or \
                 these are the credentials of the other environment (sandbox, live)",
            ),
            Self::Signature => formatter.write_str(
                "the signature was not accepted although a token was given out: the public key registered at Upvest \
                 under key_id is another one, or something on the way changes requests",
            ),
            Self::Scope(Some(scope)) => {
                write!(formatter, "the client may not use the scope {scope}: ask Upvest to allow it")
            }
            Self::Scope(None) => formatter.write_str("the client may not do this: ask Upvest to allow it"),
            Self::NotThere => formatter.write_str("there is no such resource, or it belongs to another client"),
            Self::NotAcceptable => formatter.write_str("Upvest does not serve the resource in this format"),
            Self::TooManyRequests { retry_after: Some(wait) } => {
                write!(formatter, "too many requests: wait {} s", wait.as_secs())
            }
            Self::TooManyRequests { retry_after: None } => {
                formatter.write_str("too many requests (the sandbox allows 300 a second and client): wait")
            }
            Self::UpvestFailed => formatter.write_str("Upvest failed, and may not later: try again"),
        }
    }
}
