//! A body that is read piece by piece.

use bytes::Bytes;
use futures_util::Stream;
use reqwest::Response;
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName};

use crate::error::Error;

/// A document under way. It is never held in memory as a whole; it ends with an error when the connection breaks.
#[derive(Debug)]
pub struct Download {
    response: Response,
    path: String,
}

impl Download {
    pub(crate) const fn new(response: Response, path: String) -> Self {
        Self { response, path }
    }

    /// Returns the declared media type.
    #[must_use]
    pub fn content_type(&self) -> Option<&str> {
        self.header(CONTENT_TYPE)
    }

    /// Returns the announced length, in bytes.
    #[must_use]
    pub fn content_length(&self) -> Option<u64> {
        self.header(CONTENT_LENGTH)?.parse().ok()
    }

    fn header(&self, name: HeaderName) -> Option<&str> {
        self.response.headers().get(name)?.to_str().ok()
    }

    /// Returns the next piece; `None` at the end.
    ///
    /// # Errors
    /// [`Error::Network`] when the connection breaks or stands still.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        self.response.chunk().await.map_err(|error| Error::Network {
            method: "GET",
            path: self.path.clone(),
            attempts: 1,
            source: error.without_url(),
        })
    }

    /// Returns the pieces as a stream, which ends after an error.
    pub fn into_stream(self) -> impl Stream<Item = Result<Bytes, Error>> + Send {
        futures_util::stream::try_unfold(self, async |mut download| {
            let chunk = download.chunk().await?;
            Ok(chunk.map(|chunk| (chunk, download)))
        })
    }
}
