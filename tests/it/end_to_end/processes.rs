//! The processes of the stack's functions.

use std::collections::HashMap;
use std::fs;
use std::process::{Command, Stdio};

use super::stack::Stack;

/// Describes a process that the emulator started for a function of this stack.
#[derive(Debug)]
pub(super) struct FunctionProcess {
    pid: u32,
    environment: HashMap<String, String>,
}

impl FunctionProcess {
    /// Lists the running processes of a function, by its logical id.
    pub(super) fn running(stack: &Stack, function: &str) -> Vec<Self> {
        // The emulator unpacks functions below the folder of its stack: those of other stacks are elsewhere.
        let folder = stack.directory().canonicalize().expect("the stack has a folder");
        let processes = fs::read_dir("/proc")
            .expect("processes can be listed")
            .filter_map(Result::ok);
        processes
            .filter_map(|entry| {
                let pid = entry.file_name().to_str()?.parse().ok()?;
                let program = fs::read_link(entry.path().join("exe")).ok()?;
                let environment = fs::read(entry.path().join("environ")).ok()?;
                let environment = String::from_utf8_lossy(&environment)
                    .split('\0')
                    .filter_map(|variable| variable.split_once('='))
                    .map(|(name, value)| (name.to_owned(), value.to_owned()))
                    .collect();
                let process = Self { pid, environment };
                let name = process.variable("AWS_LAMBDA_FUNCTION_NAME");
                (program.starts_with(&folder) && name.contains(function)).then_some(process)
            })
            .collect()
    }

    /// Reads a variable of the process's environment, empty where it is not set.
    pub(super) fn variable(&self, name: &str) -> &str {
        self.environment.get(name).map_or("", String::as_str)
    }

    /// Sends a signal to processes.
    pub(super) fn signal(processes: &[Self], signal: &str) {
        let ids = processes.iter().map(|process| process.pid.to_string());
        // One that has ended by itself in the meantime needs no signal.
        let sent = Command::new("kill")
            .arg(format!("-{signal}"))
            .args(ids)
            .stderr(Stdio::null())
            .status();
        sent.expect("kill can be run");
    }
}
