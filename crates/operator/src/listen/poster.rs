//! Posting what was heard to a program.

use std::time::Duration;

use reqwest::{Client, Url};
use serde::Serialize;
use tokio::time::{Instant, sleep};

use super::Heard;
use crate::error::Result;
use crate::send::Target;

/// Says how long to wait before something that the program did not take is posted again.
const PAUSE: Duration = Duration::from_secs(1);
/// Lists the headers that the connection to the program has of its own.
const OWN_HEADERS: [&str; 2] = ["host", "content-length"];

/// Posts what was heard to one program.
#[derive(Debug)]
pub struct Poster {
    client: Client,
    url: Url,
    attempts: u32,
}

/// Tells how posting to the program went: its last answer, and how many attempts that took.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Post {
    /// Gives the status of its last answer; `None` where it gave none.
    pub status: Option<u16>,
    /// Says why there was no answer.
    pub error: Option<&'static str>,
    /// Counts how often it was posted.
    pub attempts: u32,
    /// Says how many milliseconds the last attempt took.
    pub took_ms: u64,
}

impl Poster {
    /// Posts to `target`, `attempts` times at most, and waits for an answer for so long each time.
    ///
    /// # Errors
    ///
    /// [`Error`](crate::Error) when no client can be set up.
    pub fn new(target: &Target, attempts: u32, timeout: Duration) -> Result<Self> {
        Ok(Self {
            client: target.client(timeout)?,
            url: target.url().clone(),
            attempts,
        })
    }

    /// Posts until the program takes it, or there were as many attempts as there may be.
    pub async fn post(&self, heard: &Heard) -> Post {
        let mut attempts = 1;
        loop {
            let post = self.attempt(heard, attempts).await;
            if post.is_taken() || attempts >= self.attempts {
                return post;
            }
            sleep(PAUSE).await;
            attempts += 1;
        }
    }

    async fn attempt(&self, heard: &Heard, attempts: u32) -> Post {
        let begun = Instant::now();
        let own = |name: &str| OWN_HEADERS.contains(&name.to_ascii_lowercase().as_str());
        let headers = heard.headers.iter().filter(|(name, _)| !own(name));
        let request = self.client.post(self.url.clone()).body(heard.body.clone());
        let request = headers.fold(request, |request, (name, value)| request.header(name, value));
        let (status, error) = match request.send().await {
            Ok(answer) => (Some(answer.status().as_u16()), None),
            Err(error) if error.is_timeout() => (None, Some("no answer in time")),
            Err(error) if error.is_connect() => (None, Some("nothing listens there")),
            Err(_) => (None, Some("connection broken")),
        };
        Post {
            status,
            error,
            attempts,
            took_ms: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
        }
    }
}

impl Post {
    /// Tells whether the program took it: any status from 200 to 299 says so.
    #[must_use]
    pub fn is_taken(&self) -> bool {
        self.status.is_some_and(|status| (200..300).contains(&status))
    }
}
