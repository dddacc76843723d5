//! Says how a stack is started: from what, in which folder, and on which ports.

use std::path::PathBuf;

use crate::Ports;

/// Says how a [`LocalStack`](crate::LocalStack) is to be started.
#[derive(Debug, Clone)]
pub struct Options {
    /// Tells whether the emulator enforces the functions' IAM policies.
    pub auth: bool,
    /// Names the folder for everything the stack writes, relative to the repository. One stack at a time can use it.
    pub directory: PathBuf,
    /// Names the folder of a release to run, relative to the repository; `None` for the template and the binaries of the
    /// repository itself.
    pub release: Option<PathBuf>,
    /// Says on which ports the stack answers.
    pub ports: Ports,
    /// Lists parameters of the template, each written `Name=value`.
    pub parameters: Vec<String>,
    /// Says whether to report the steps on standard error.
    pub show_progress: bool,
}

impl Default for Options {
    /// Describes the stack of `make run`, with the event bus and in the folder `.local`.
    fn default() -> Self {
        Self {
            auth: false,
            directory: ".local".into(),
            release: None,
            ports: Ports::default(),
            parameters: vec!["CreateEventBus=true".to_owned()],
            show_progress: true,
        }
    }
}
