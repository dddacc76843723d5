//! Names that commands use until their operations are in the library.

use pipeline::error::AwsError;
use pipeline::stores::archive::ReadError;
use pipeline::stores::events::LogError;

pub(crate) use operator::records::Records as Logged;

/// Why an event cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoggedError {
    #[error(transparent)]
    Log(#[from] LogError),
    #[error(transparent)]
    Archive(#[from] ReadError),
    #[error(transparent)]
    Aws(#[from] AwsError),
}
