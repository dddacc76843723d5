//! What can go wrong, and what to do about it.

use std::io;
use std::path::{Path, PathBuf};

/// Why a local stack does not run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LocalStackError {
    /// A pinned tool is not in `.tools`.
    #[error("{} is missing: run `make tools`", path.display())]
    ToolMissing {
        /// The program or file.
        path: PathBuf,
    },
    /// Another process uses the folder.
    #[error("another local stack runs in {}: stop it first", directory.display())]
    InUse {
        /// The folder.
        directory: PathBuf,
    },
    /// A program could not be started.
    #[error("cannot run {program}")]
    Run {
        /// The program.
        program: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The functions do not compile.
    #[error("`cargo build` failed: {last_lines}")]
    Build {
        /// The end of what it printed, if that was not shown already.
        last_lines: String,
    },
    /// A file could not be used.
    #[error("cannot {action} {}", path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// With which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// No port of the loopback interface is free.
    #[error("no free port on 127.0.0.1")]
    NoPort(#[source] io::Error),
    /// The emulator ended or did not answer.
    #[error("the emulator does not answer; the end of {}:\n{last_lines}", log.display())]
    Emulator {
        /// Its log.
        log: PathBuf,
        /// The end of that log.
        last_lines: String,
    },
    /// `sam deploy` failed.
    #[error("`sam deploy` failed (see also {}):\n{last_lines}", log.display())]
    Deploy {
        /// What it printed.
        log: PathBuf,
        /// The end of that.
        last_lines: String,
    },
    /// The deployed stack cannot be read.
    #[error("cannot read the outputs of the stack")]
    Outputs(#[source] Box<aws_sdk_cloudformation::Error>),
    /// The connection cannot be written as JSON.
    #[error("cannot describe the stack")]
    Describe(#[source] serde_json::Error),
}

impl LocalStackError {
    /// A file operation that failed.
    pub(crate) fn file(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self::File {
            action,
            path: path.to_owned(),
            source,
        }
    }
}
