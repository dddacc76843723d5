//! Says why keys were not refreshed, and what to do about it.

use lambda_runtime::Diagnostic;

use crate::error::{AwsError, ErrorChain};
use crate::runtime::cloudformation::AnswerError;
use crate::runtime::config::ConfigError;
use crate::sending_on::SendOnError;
use crate::upvest_access::AccessError;

/// Says why keys were not refreshed. What the table holds stays as it is.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RefreshError {
    /// A setting is missing or wrong.
    #[error("the function is not configured")]
    Config(#[from] ConfigError),
    /// Upvest's API gave no answer that could be used, after all attempts that its client makes.
    #[error("Upvest's verification keys cannot be fetched")]
    Access(#[from] AccessError),
    /// Upvest serves no key that can be used. To believe it would retire every key.
    #[error("Upvest serves no verification key that can be used (entries: {entries})")]
    NoUsableKeys {
        /// Counts the entries of the key set that Upvest served, none of which could be read as a key.
        entries: usize,
    },
    /// The keys table could not be read or written.
    #[error(transparent)]
    Aws(#[from] AwsError),
    /// The keys are in the table, and deliveries that waited for one were not all sent on.
    #[error("not all that waited for a key was sent on")]
    SendOn(#[from] SendOnError),
    /// The event is no batch of messages, or a key or the answer cannot be written as JSON.
    #[error("not the expected JSON")]
    Json(#[from] serde_json::Error),
    /// CloudFormation has no answer, whatever became of the fetch that it asked for.
    #[error("CloudFormation cannot be answered")]
    Unanswered(#[from] AnswerError),
}

impl RefreshError {
    /// Tells the error with all its sources, and what to do about it.
    #[must_use]
    pub fn explain(&self) -> String {
        match self {
            Self::Access(error) => format!("{self}: {}", error.explain()),
            _ => ErrorChain(self).to_string(),
        }
    }
}

impl From<RefreshError> for Diagnostic {
    fn from(error: RefreshError) -> Self {
        let error_type = match &error {
            RefreshError::Config(_) => "Config",
            RefreshError::Access(_) => "Access",
            RefreshError::NoUsableKeys { .. } => "NoUsableKeys",
            RefreshError::Aws(_) => "Aws",
            RefreshError::SendOn(_) => "SendOn",
            RefreshError::Json(_) => "Json",
            RefreshError::Unanswered(_) => "Unanswered",
        };
        Self {
            error_type: error_type.to_owned(),
            error_message: error.explain(),
        }
    }
}
