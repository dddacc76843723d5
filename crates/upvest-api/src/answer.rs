//! Reads the body of an answer up to a limit, and the documented JSON in it.

use jiff::Timestamp;
use reqwest::header::{CONTENT_LENGTH, HeaderMap};
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use crate::error::Error;
use crate::request::Call;

/// Holds an answer of Upvest's whose body was read.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Zeroizing<Vec<u8>>,
    /// Tells when Upvest says that it answered, in whole seconds.
    pub(crate) date: Option<Timestamp>,
}

/// Says why a body was not read to its end.
pub(crate) enum ReadError {
    TooLarge,
    Broken(reqwest::Error),
}

impl Answer {
    /// Reads the documented JSON. Its error tells where, but never quotes: answers hold tokens and locations.
    pub(crate) fn into_json<T: DeserializeOwned>(self, call: &Call) -> Result<T, Error> {
        serde_json::from_slice(&self.body).map_err(|error| Error::UnexpectedAnswer {
            request: call.line(),
            line: error.line(),
            column: error.column(),
        })
    }
}

/// Reads a body up to a limit, which the announced length and the bytes that come must both keep to.
pub(crate) async fn read(
    response: &mut reqwest::Response,
    limit: usize,
) -> Result<Zeroizing<Vec<u8>>, ReadError> {
    if announced(response.headers()).is_some_and(|length| length > limit) {
        return Err(ReadError::TooLarge);
    }
    let mut body = Zeroizing::new(Vec::new());
    while let Some(chunk) = response.chunk().await.map_err(ReadError::Broken)? {
        if body.len() + chunk.len() > limit {
            return Err(ReadError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn announced(headers: &HeaderMap) -> Option<usize> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}
