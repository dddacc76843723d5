//! Why a file was not retrieved, and whether it may be later.

use pipeline::actions::ActionError;
use pipeline::error::AwsError;
use pipeline::upvest_access::AccessError;
use upvest_api::Error;

/// Gives the HTTP status by which Upvest refuses credentials, which say nothing about the report.
const UNAUTHORIZED: u16 = 401;

/// Says why a file was not retrieved. No text holds a secret, or the location of a file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RetrieveError {
    /// The event's object does not name the file.
    #[error("the report does not say which file is its own")]
    NotAReport(#[from] serde_json::Error),
    /// Upvest does not give the file.
    #[error("Upvest does not give the file: {}", .0.explain())]
    Upvest(AccessError),
    /// The connection broke while the file came.
    #[error("the file came in part only")]
    Broken(#[source] Error),
    /// The file is larger than is retrieved.
    #[error("the file is larger than {limit} bytes, the most that is retrieved: fetch it by hand")]
    TooLarge {
        /// Gives the most bytes that are retrieved, for the person who fetches the file by hand.
        limit: u64,
    },
    /// The temporary file cannot be written or read.
    #[error("the file cannot be kept in the function's temporary storage")]
    Scratch(#[from] std::io::Error),
    /// The bucket does not take the file.
    #[error(transparent)]
    Store(#[from] AwsError),
}

impl RetrieveError {
    /// Tells whether no retry would change it.
    ///
    /// What Upvest does not find is tried again: by Upvest's documentation, what an event announces may be
    /// there only some time later. So is what has to do with credentials, which a person can repair meanwhile.
    #[must_use]
    pub fn is_permanent(&self) -> bool {
        match self {
            Self::NotAReport(_) | Self::TooLarge { .. } => true,
            Self::Upvest(AccessError::Upvest(error)) => is_permanent(error),
            Self::Upvest(_) | Self::Broken(_) | Self::Scratch(_) | Self::Store(_) => false,
        }
    }

    pub(crate) fn into_action_error(self) -> ActionError {
        if self.is_permanent() {
            ActionError::permanent(self)
        } else {
            ActionError::temporary(self)
        }
    }
}

fn is_permanent(error: &Error) -> bool {
    match error {
        // A location that gives nothing has expired, or leads to what is not there yet.
        Error::Storage { .. } => false,
        error => !(error.is_temporary() || error.is_not_found() || error.status() == Some(UNAUTHORIZED)),
    }
}
