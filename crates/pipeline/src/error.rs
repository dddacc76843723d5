//! Errors of AWS calls, and what to do about an error.

use std::error::Error;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use futures_util::FutureExt;

/// Lists the codes by which AWS refuses what is in a request, so that asking again is of no use. What has another code, or no
/// answer at all, is no fault of the request: throttling, a permission that was taken away, a table or queue that is not there,
/// a failure of AWS's own.
const REFUSALS: [&str; 14] = [
    "ValidationException",
    "ValidationError",
    "SerializationException",
    "ItemCollectionSizeLimitExceeded",
    "ItemCollectionSizeLimitExceededException",
    "InvalidParameterValue",
    "InvalidAttributeValue",
    "InvalidMessageContents",
    "MissingParameter",
    "BatchRequestTooLong",
    "EntityTooLarge",
    "KeyTooLongError",
    "InvalidArgument",
    "MalformedDetail",
];

/// Says that a call to AWS did not succeed, and which one it was.
#[derive(Debug, Clone)]
pub struct AwsError {
    operation: &'static str,
    kind: Kind,
    /// Is shared, because one failed call may be the failure of many messages.
    source: Arc<dyn Error + Send + Sync>,
}

impl fmt::Display for AwsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} failed", self.operation)
    }
}

impl Error for AwsError {
    /// Gives what the call failed with itself, and not the pointer to it, which nobody would find by its type.
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.source)
    }
}

/// Holds what a call failed with and its code, and prints as that. It is among the causes of every error that has an [`AwsError`],
/// those included that print as theirs, so that [`code_of`] finds it.
#[derive(Debug)]
struct CodedError {
    code: Option<String>,
    error: Box<dyn Error + Send + Sync>,
}

impl fmt::Display for CodedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl Error for CodedError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.error.source()
    }
}

/// Finds the code with which AWS refused a call, among an error and its causes; `None` where it did not answer, or no call failed.
///
/// ```
/// use pipeline::error::{AwsError, code_of};
/// use pipeline::stores::archive::ReadError;
///
/// // It prints as its cause does, which nobody would find by its type.
/// let failed = ReadError::from(AwsError::entries("GetObject", "AccessDenied"));
/// assert_eq!(code_of(&failed), Some("AccessDenied"));
/// ```
#[must_use]
pub fn code_of<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e str> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(coded) = error.downcast_ref::<CodedError>() {
            return coded.code.as_deref();
        }
        next = error.source();
    }
    None
}

impl AwsError {
    /// Wraps what the SDK returned for the operation of this name.
    pub fn of<E>(operation: &'static str) -> impl FnOnce(E) -> Self
    where
        E: Error + ProvideErrorMetadata + Send + Sync + 'static,
    {
        move |source| Self {
            operation,
            kind: source.code().map_or(Kind::Infrastructure, kind_of),
            source: Arc::new(CodedError {
                code: source.code().map(str::to_owned),
                error: Box::new(source),
            }),
        }
    }

    /// Wraps the error of the operation of this name that is none of AWS's: an answer that breaks off, or something that makes no
    /// request.
    pub fn beside<E: Error + Send + Sync + 'static>(
        operation: &'static str,
        kind: Kind,
    ) -> impl FnOnce(E) -> Self {
        move |source| Self {
            operation,
            kind,
            source: Arc::new(source),
        }
    }

    /// Tells whose failure it was: that of our own infrastructure, or that of the message whose content AWS does not take.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Gives the code with which AWS refused the call, or entries of a batch; `None` where it did not answer.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        code_of(self)
    }

    /// Makes the error of an answer that reports some entries of a batch as failed.
    #[must_use]
    pub fn entries(operation: &'static str, code: &str) -> Self {
        Self {
            operation,
            kind: kind_of(code),
            source: Arc::new(CodedError {
                code: Some(code.to_owned()),
                error: format!("entries of the batch failed: {code}").into(),
            }),
        }
    }
}

fn kind_of(code: &str) -> Kind {
    match REFUSALS.contains(&code) {
        true => Kind::Message,
        false => Kind::Infrastructure,
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

/// Does a piece of work that does not wait; a panic is the failure of that piece.
///
/// # Errors
///
/// [`Panicked`] when the work panics. What it had changed must not be looked at.
pub fn caught<T>(work: impl FnOnce() -> T) -> Result<T, Panicked> {
    std::panic::catch_unwind(AssertUnwindSafe(work)).map_err(|_| Panicked)
}

/// Says whose failure it was that a message was not handled, and with it what becomes of the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Our own infrastructure failed: throttling, a missing permission, no answer. The message is tried for a day, and no such
    /// failure counts as an attempt at it.
    Infrastructure,
    /// The message failed, or the code that runs for it, panics and time-outs included: it is attempted ten times.
    Message,
    /// The message will never succeed: it goes to the dead-letter queue at once.
    Never,
}

impl Kind {
    /// Names the kind, as metrics and the log have it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Infrastructure => "infrastructure",
            Self::Message => "message",
            Self::Never => "never",
        }
    }
}

/// Says why a message was not processed, and what becomes of it. A message that was is deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Says whose failure it was, which decides how often the message is tried.
    pub kind: Kind,
    /// Names what was being done, from a short list: a dimension of the metrics.
    pub step: &'static str,
    /// Gives the reason in words, for the person who finds the message in the dead-letter queue.
    pub reason: String,
    /// Gives attributes that its copy in the dead-letter queue has in place of the message's own, by name.
    pub attributes: Vec<(&'static str, String)>,
}

impl Failure {
    /// Describes a failure by this error, with all its sources.
    pub fn new(kind: Kind, step: &'static str, error: &(dyn Error + 'static)) -> Self {
        Self {
            kind,
            step,
            reason: ErrorChain(error).to_string(),
            attributes: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_aws_refuses_for_its_content_is_the_messages_failure_and_all_else_that_of_infrastructure() {
        let kind = |code| AwsError::entries("PutItem", code).kind();
        for code in ["ValidationException", "InvalidMessageContents", "MalformedDetail"] {
            assert_eq!(kind(code), Kind::Message, "{code}");
        }
        for code in [
            "ThrottlingException",
            "AccessDeniedException",
            "AccessDenied",
            "InternalError",
            "QueueDoesNotExist",
            "ResourceNotFoundException",
            "RequestTimeout",
            "no answer",
        ] {
            assert_eq!(kind(code), Kind::Infrastructure, "{code}");
        }
    }
}
