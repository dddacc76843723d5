//! Names what keeps a local stack from running, and tells what to do about it.

use std::io;
use std::path::{Path, PathBuf};

/// Says why a local stack does not run, and what to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LocalStackError {
    /// A pinned tool is not in `.tools`: `make tools` installs it.
    #[error("{} is missing: run `make tools`", path.display())]
    ToolMissing {
        /// Names the program or file that is not there.
        path: PathBuf,
    },
    /// Another local stack already uses the folder.
    #[error("another local stack runs in {}: stop it first", directory.display())]
    InUse {
        /// Names the folder that is locked by it.
        directory: PathBuf,
    },
    /// A program of the tools could not be started, for example because it is not there.
    #[error("cannot run {program}")]
    Run {
        /// Names the program that was to run.
        program: String,
        /// Tells what the operating system answered.
        #[source]
        source: io::Error,
    },
    /// The functions do not compile as they are.
    #[error("`cargo build` failed: {last_lines}")]
    Build {
        /// Holds the end of what it printed, if that was not shown already.
        last_lines: String,
    },
    /// A file could not be read or written.
    #[error("cannot {action} {}", path.display())]
    File {
        /// Names what was tried, as a verb: `read`.
        action: &'static str,
        /// Names the file or folder that it was tried with.
        path: PathBuf,
        /// Tells what the operating system answered.
        #[source]
        source: io::Error,
    },
    /// No port of the loopback interface is free.
    #[error("no free port on 127.0.0.1")]
    NoPort(#[source] io::Error),
    /// A port that was asked for is taken, or not allowed.
    #[error("cannot listen on port {port} of 127.0.0.1: end what has it, or name another one with {option}")]
    Port {
        /// Gives the port that was asked for.
        port: u16,
        /// Names the option that asked for it.
        option: &'static str,
        /// Tells what the operating system answered.
        #[source]
        source: io::Error,
    },
    /// The emulator ended or did not answer.
    #[error("the emulator does not answer; the end of {}:\n{last_lines}", log.display())]
    Emulator {
        /// Names the file with everything that it printed.
        log: PathBuf,
        /// Holds the last lines of that file.
        last_lines: String,
    },
    /// No release can be made of the repository: a binary is missing, or the template is not written as it is to be.
    #[error("the template and the functions cannot be packaged")]
    Package(#[source] Box<operator::Error>),
    /// The deployment was refused, or failed and was taken back.
    #[error("the stack cannot be deployed")]
    Deploy(#[source] Box<operator::Error>),
    /// The functions of the deployed stack cannot be listed.
    #[error("cannot list the functions of the stack")]
    Functions(#[source] Box<aws_sdk_cloudformation::Error>),
    /// The emulator does not do with a function what it was asked for.
    #[error("cannot {action} the function of {function}")]
    Function {
        /// Names what was tried, as a verb: `invoke`.
        action: &'static str,
        /// Names the binary of the function that was called.
        function: String,
        /// Tells what Lambda's API, as the emulator serves it, answered.
        #[source]
        source: Box<aws_sdk_lambda::Error>,
    },
    /// A function's process ended before it took its first event.
    #[error("{function} does not start: {said}")]
    NotStarted {
        /// Names the binary of the function whose process ended.
        function: String,
        /// Holds what was answered in its place.
        said: String,
    },
    /// A binary cannot be made the code of a function that runs.
    #[error("cannot pack {}:\n{last_lines}", path.display())]
    Pack {
        /// Names the file of the binary that was to be packed.
        path: PathBuf,
        /// Holds the end of what was said about it.
        last_lines: String,
    },
    /// The connection cannot be written as JSON.
    #[error("cannot describe the stack")]
    Describe(#[source] serde_json::Error),
}

impl LocalStackError {
    /// Names the file operation that failed, and with which file.
    pub(crate) fn file(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self::File {
            action,
            path: path.to_owned(),
            source,
        }
    }
    /// Names what failed with a function, and with which.
    pub(crate) fn function(action: &'static str, function: &str, source: aws_sdk_lambda::Error) -> Self {
        Self::Function {
            action,
            function: function.to_owned(),
            source: Box::new(source),
        }
    }
}
