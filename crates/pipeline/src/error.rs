//! Errors of AWS calls, and what to do about an error.

use std::error::Error;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;

/// Says that a call to AWS did not succeed, and which one it was. The same call may succeed later.
#[derive(Debug, Clone)]
pub struct AwsError {
    operation: &'static str,
    /// Is shared, because one failed call may be the failure of many messages.
    source: Arc<dyn Error + Send + Sync>,
}

impl fmt::Display for AwsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} failed", self.operation)
    }
}

impl Error for AwsError {
    /// Gives what the SDK returned itself, and not the pointer to it, which nobody would find by its type.
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.source)
    }
}

impl AwsError {
    /// Wraps what the SDK returned for the operation of this name.
    pub fn of<E: Error + Send + Sync + 'static>(operation: &'static str) -> impl FnOnce(E) -> Self {
        move |source| Self {
            operation,
            source: Arc::new(source),
        }
    }

    /// Makes the error of an answer that reports some entries of a batch as failed.
    #[must_use]
    pub fn entries(operation: &'static str, code: &str) -> Self {
        Self {
            operation,
            source: Arc::from(Box::<dyn Error + Send + Sync>::from(format!(
                "entries of the batch failed: {code}"
            ))),
        }
    }
}

/// Prints an error with all its sources, which the log formatter and the SDK's own `Display` leave out. Where JSON holds
/// another value than was expected, the place is printed and not the value, which may be a person's name.
///
/// ```
/// use pipeline::error::{AwsError, ErrorChain};
///
/// let failed = AwsError::entries("SendMessageBatch", "InternalError");
/// assert_eq!(failed.to_string(), "SendMessageBatch failed");
/// let chain = ErrorChain(&failed).to_string();
/// assert_eq!(chain, "SendMessageBatch failed: entries of the batch failed: InternalError");
/// ```
pub struct ErrorChain<'e>(pub &'e (dyn Error + 'static));

impl fmt::Display for ErrorChain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut next = Some(self.0);
        let mut separator = "";
        while let Some(error) = next {
            f.write_str(separator)?;
            match error.downcast_ref::<serde_json::Error>() {
                Some(json) if json.is_data() => write!(
                    f,
                    "JSON is not of the expected form (line {}, column {})",
                    json.line(),
                    json.column()
                )?,
                _ => write!(f, "{error}")?,
            }
            separator = ": ";
            next = error.source();
        }
        Ok(())
    }
}

/// Says that code panicked. The log has the place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the code panicked")]
pub struct Panicked;

/// Works on one message; a panic is its failure and not that of all that are handled beside it.
///
/// # Errors
///
/// [`Panicked`] when the work panics. What it had changed must not be looked at.
pub async fn unwinding<T>(work: impl Future<Output = T>) -> Result<T, Panicked> {
    AssertUnwindSafe(work).catch_unwind().await.map_err(|_| Panicked)
}

/// Tells whether the same message would succeed later, and so what becomes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disposition {
    /// The same may succeed later: try again, the first time after this long, each further time after twice as long.
    Retry(Duration),
    /// The same never will succeed: it goes to the dead-letter queue without delay.
    DeadLetter,
}

/// Says why a message was not processed, and what becomes of it. A message that was is deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Says whether the message is tried again or goes to the dead-letter queue.
    pub disposition: Disposition,
    /// Gives the reason in words, for the person who finds the message in the dead-letter queue.
    pub reason: String,
    /// Gives attributes that its copy in the dead-letter queue has in place of the message's own, by name.
    pub attributes: Vec<(&'static str, String)>,
}

impl Failure {
    /// Describes a failure by this error, with all its sources.
    pub fn new(disposition: Disposition, error: &(dyn Error + 'static)) -> Self {
        Self {
            disposition,
            reason: ErrorChain(error).to_string(),
            attributes: Vec::new(),
        }
    }
}
