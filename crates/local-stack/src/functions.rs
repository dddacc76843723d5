//! The functions of a deployed stack: starting them, and giving them other code.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use aws_config::SdkConfig;
use aws_sdk_lambda::primitives::Blob;
use tokio::task::JoinSet;

use crate::LocalStackError;
use crate::deployment::STACK;
use crate::tools::{last_lines, run, tool};

/// Names the type of a function among the resources of a stack.
const FUNCTION: &str = "AWS::Lambda::Function";
/// Is a batch without messages, by which a function starts and has nothing to do. refresh-keys fetches Upvest's keys for it,
/// and verify-and-store drains its dead-letter queue, as they do by their schedules.
const NO_MESSAGES: &[u8] = br#"{"Records":[]}"#;
/// Lists the functions that are not invoked with batches.
const WITHOUT_BATCHES: [&str; 3] = ["canary", "ingest", "register-webhook"];
/// Writes a deployment package to the standard output. It is not compressed, which would take longer than all else here.
const PACK: &str = "import sys, zipfile
with zipfile.ZipFile(sys.stdout.buffer, 'w') as package:
    package.write(sys.argv[1], 'bootstrap')
";

/// Reaches the functions of a stack by the names of their binaries.
#[derive(Debug, Clone)]
pub(crate) struct Functions {
    client: aws_sdk_lambda::Client,
    /// Holds the names that CloudFormation gave them, by those of their binaries.
    names: BTreeMap<String, String>,
}

impl Functions {
    /// Finds the functions of the deployed stack.
    ///
    /// # Errors
    ///
    /// [`LocalStackError::Functions`] when the emulator does not tell.
    pub(crate) async fn of(config: &SdkConfig) -> Result<Self, LocalStackError> {
        let client = aws_sdk_cloudformation::Client::new(config);
        let listed = client.list_stack_resources().stack_name(STACK);
        let mut resources = listed.into_paginator().items().send();
        let mut names = BTreeMap::new();
        while let Some(resource) = resources.next().await {
            let resource = resource.map_err(|error| LocalStackError::Functions(Box::new(error.into())))?;
            let ids = resource
                .logical_resource_id()
                .zip(resource.physical_resource_id());
            if let Some((logical, physical)) = ids.filter(|_| resource.resource_type() == Some(FUNCTION)) {
                names.insert(binary(logical), physical.to_owned());
            }
        }
        Ok(Self::new(config, names))
    }

    /// Reaches functions by the names that CloudFormation gave them, which `names` has by those of their binaries.
    pub(crate) fn new(config: &SdkConfig, names: BTreeMap<String, String>) -> Self {
        Self {
            client: aws_sdk_lambda::Client::new(config),
            names,
        }
    }

    /// Lists the functions by the names of their binaries, in order.
    pub(crate) fn binaries(&self) -> impl Iterator<Item = &str> {
        self.names.keys().map(String::as_str)
    }

    /// Starts all functions that take batches, at the same time, and tells of each that does not start.
    pub(crate) async fn start_all(&self) -> Vec<LocalStackError> {
        let mut starts = JoinSet::new();
        for binary in self.names.keys() {
            let (functions, binary) = (self.clone(), binary.clone());
            starts.spawn(async move { functions.start(&binary).await });
        }
        let started = starts.join_all().await;
        started.into_iter().filter_map(Result::err).collect()
    }

    /// Starts a process of a function that takes batches, unless one runs. Others start with what they are there for.
    ///
    /// # Errors
    ///
    /// [`LocalStackError::NotStarted`] when the process ends, for example because a variable of its environment is missing.
    pub(crate) async fn start(&self, binary: &str) -> Result<(), LocalStackError> {
        let Some(name) = self
            .names
            .get(binary)
            .filter(|_| !WITHOUT_BATCHES.contains(&binary))
        else {
            return Ok(());
        };
        let invoke = self.client.invoke().function_name(name);
        let invoked = invoke.payload(Blob::new(NO_MESSAGES)).send().await;
        let invoked = invoked.map_err(|error| LocalStackError::function("invoke", binary, error.into()))?;
        if invoked.function_error().is_none() {
            return Ok(());
        }
        let said = invoked.payload().map(AsRef::<[u8]>::as_ref).unwrap_or_default();
        Err(LocalStackError::NotStarted {
            function: binary.to_owned(),
            said: String::from_utf8_lossy(said).into_owned(),
        })
    }

    /// Gives a function the code in a deployment package. Its processes end, and the next event starts one with that code.
    ///
    /// # Errors
    ///
    /// [`LocalStackError::Function`] when the emulator does not take it.
    pub(crate) async fn replace(&self, binary: &str, package: Vec<u8>) -> Result<(), LocalStackError> {
        let Some(name) = self.names.get(binary) else {
            return Ok(());
        };
        let update = self.client.update_function_code().function_name(name);
        let updated = update.zip_file(Blob::new(package)).send().await;
        updated.map_err(|error| LocalStackError::function("update", binary, error.into()))?;
        Ok(())
    }
}

/// Names the binary of a function by the name that the template has for the function: `orders` for `OrdersFunction`.
fn binary(logical_id: &str) -> String {
    let name = logical_id.strip_suffix("Function").unwrap_or(logical_id);
    let mut binary = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !binary.is_empty() {
            binary.push('-');
        }
        binary.push(letter.to_ascii_lowercase());
    }
    binary
}

/// Makes the deployment package of a binary of the development build.
///
/// # Errors
///
/// [`LocalStackError`] when there is no such binary, or the emulator's Python is missing.
pub(crate) fn package(repository: &Path, binary: &str) -> Result<Vec<u8>, LocalStackError> {
    let python = tool(repository, "emulator/bin/python")?;
    let built = repository.join("target/debug").join(binary);
    let packed = run(Command::new(python).args(["-c", PACK]).arg(&built))?;
    if packed.status.success() {
        return Ok(packed.stdout);
    }
    Err(LocalStackError::Pack {
        path: built,
        last_lines: last_lines(&packed.stderr),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_of_the_template_has_the_binary_of_its_name() {
        assert_eq!(binary("OrdersFunction"), "orders");
        assert_eq!(binary("CorporateActionsFunction"), "corporate-actions");
        assert_eq!(binary("VerifyAndStoreFunction"), "verify-and-store");
    }
}
