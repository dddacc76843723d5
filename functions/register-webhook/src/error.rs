//! Says why the subscription could not be made what it is to be.

use lambda_runtime::Diagnostic;
use pipeline::error::{AwsError, ErrorChain};
use pipeline::runtime::cloudformation::AnswerError;
use pipeline::runtime::config::ConfigError;
use pipeline::upvest_access::AccessError;
use upvest_api::ResourceId;

/// Says why the subscription is not as it is to be. No text holds a secret or CloudFormation's URL.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegisterError {
    /// A setting is missing or wrong.
    #[error("the function is not configured")]
    Config(#[from] ConfigError),
    /// Upvest's API refused a call, or there are no credentials for it.
    #[error("Upvest's API cannot be called")]
    Access(#[from] AccessError),
    /// The endpoint does not answer as Upvest needs it.
    #[error("Upvest tested {url}, which answered {status} in place of 200: {body}")]
    TestFailed {
        /// Gives the URL that Upvest was to call.
        url: String,
        /// Gives the HTTP status of the endpoint's answer, as Upvest reports it.
        status: u16,
        /// Holds the first 300 characters of the answer's body.
        body: String,
    },
    /// Upvest could not test the endpoint.
    #[error("Upvest could not test the endpoint {url}")]
    Untested {
        /// Gives the URL that Upvest was to call.
        url: String,
        /// Says what the call of Upvest's API failed with.
        #[source]
        source: AccessError,
    },
    /// A subscription that was created is not known to be ours, and so was not enabled.
    #[error("subscription {id} was created, and is not enabled, because it cannot be noted as ours")]
    Unnoted {
        /// Gives the id of the subscription at Upvest.
        id: ResourceId,
        /// Says what the call of `DynamoDB` failed with.
        #[source]
        source: AwsError,
    },
    /// CloudFormation asks for something else than to create, update or delete.
    #[error("CloudFormation asks for {0:?}, which is not known")]
    UnknownRequest(String),
    /// The invocation's time was over, but for what is needed to answer CloudFormation.
    #[error("there was no time left: Upvest's API or the endpoint is too slow")]
    OutOfTime,
    /// The function panicked while it worked; CloudFormation is answered all the same.
    #[error("the function panicked; its log says where")]
    Panicked,
    /// The answer could not be sent to CloudFormation, or was refused there.
    #[error("CloudFormation cannot be answered")]
    Unanswered(#[from] AnswerError),
}

impl RegisterError {
    /// Tells the error with all its sources, and what to do about it.
    #[must_use]
    pub fn explain(&self) -> String {
        match self {
            Self::Access(source) | Self::Untested { source, .. } => format!("{self}: {}", source.explain()),
            _ => ErrorChain(self).to_string(),
        }
    }
}

impl From<RegisterError> for Diagnostic {
    fn from(error: RegisterError) -> Self {
        let error_type = match &error {
            RegisterError::Config(_) => "Config",
            RegisterError::Access(_) => "Access",
            RegisterError::TestFailed { .. } | RegisterError::Untested { .. } => "Test",
            RegisterError::Unnoted { .. } => "Note",
            RegisterError::UnknownRequest(_) => "UnknownRequest",
            RegisterError::OutOfTime => "OutOfTime",
            RegisterError::Panicked => "Panicked",
            RegisterError::Unanswered(_) => "Unanswered",
        };
        Self {
            error_type: error_type.to_owned(),
            error_message: error.explain(),
        }
    }
}
