//! A body that is read piece by piece.

use bytes::Bytes;
use reqwest::Response;
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName};

use crate::error::{Error, RequestLine};

/// Streams a document. It is never held in memory as a whole; it ends with an error when the connection breaks.
///
/// ```no_run
/// # async fn example(client: &upvest_api::Client) -> Result<(), Box<dyn std::error::Error>> {
/// use std::io::Write;
///
/// let id = "9c1f3a6e-5b1d-4a0e-9d0c-2f8e3d1b7a55".parse()?;
/// let mut pdf = client.report_pdf(&id).await?;
/// let mut file = std::fs::File::create("report.pdf")?;
/// while let Some(chunk) = pdf.chunk().await? {
///     file.write_all(&chunk)?;
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Download {
    response: Response,
    request: RequestLine,
}

impl Download {
    pub(crate) const fn new(response: Response, request: RequestLine) -> Self {
        Self { response, request }
    }

    /// Returns the media type that the sender declared, if any.
    #[must_use]
    pub fn content_type(&self) -> Option<&str> {
        self.header(CONTENT_TYPE)
    }

    /// Returns the length that the sender announced, in bytes; compressed or chunked bodies have none.
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
            request: self.request.clone(),
            attempts: 1,
            source: error.without_url(),
        })
    }
}
