//! Why nothing could be measured.

use std::io;
use std::path::PathBuf;

use upvest::signature::{KeyError, SignError};

/// Says why a measurement could not be made. What a function takes is never an error: the benchmark measures.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// A sample event, or what is made of it, is not the JSON that it should be.
    #[error("sample events cannot be used")]
    Sample(#[source] serde_json::Error),
    /// There is no key to sign with.
    #[error("signing key has no public part")]
    Key,
    /// The key could not be generated.
    #[error("signing key could not be generated")]
    NoKey(#[from] KeyError),
    /// A delivery could not be signed.
    #[error("delivery could not be signed")]
    Sign(#[from] SignError),
    /// The receiver that prepares messages refused a delivery.
    #[error("receiver did not take a delivery")]
    NotTaken,
    /// A certificate could not be made or used.
    #[error("certificate of the stand-in for AWS could not be made")]
    Certificate(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A file or a socket could not be used.
    #[error("cannot use {what}")]
    Io {
        /// Names the file, the program or the address.
        what: String,
        /// Says what was wrong with it.
        #[source]
        source: io::Error,
    },
    /// A function did not do what it is measured for.
    #[error("{function} {what}; its log is {}", log.display())]
    Function {
        /// Names the program, by its path or its name on the PATH.
        function: String,
        /// Says what it did instead, as the rest of the sentence.
        what: String,
        /// Names the file to which it wrote its log.
        log: PathBuf,
    },
}

impl BenchError {
    /// Makes the error of a file, a program or an address.
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }
}
