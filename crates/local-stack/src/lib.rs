//! The deployed receiver on this machine: an emulator of AWS on loopback, and `template.yaml` deployed to it with
//! `sam deploy`, with the binaries of the development build as functions.
//!
//! `make run` and the end-to-end tests use it. It is a development tool and no part of a deployment.

mod deployment;
mod emulator;
mod error;
mod progress;
mod staging;
mod toolbox;

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_cloudformation::config::Credentials;
use serde::{Deserialize, Serialize};

use emulator::Emulator;
pub use error::LocalStackError;
use progress::Progress;

/// The region that the emulator is told to be.
const REGION: &str = "eu-central-1";
/// The emulator's root credentials: it knows one account and takes any name for it.
const ACCESS_KEY: &str = "test";

/// How to start a [`LocalStack`].
#[derive(Debug, Clone)]
pub struct Options {
    /// Whether the emulator enforces the functions' IAM policies.
    pub auth: bool,
    /// The folder for everything the stack writes, relative to the repository. One stack at a time can use it.
    pub directory: PathBuf,
    /// Template parameters, written `Name=value`.
    pub parameters: Vec<String>,
    /// Whether to report the steps on standard error.
    pub show_progress: bool,
}

impl Default for Options {
    /// The stack of `make run`.
    fn default() -> Self {
        Self {
            auth: false,
            directory: ".local".into(),
            parameters: vec!["CreateEventBus=true".to_owned()],
            show_progress: true,
        }
    }
}

/// How to reach a stack: the content of `stack.json` in its folder.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Connection {
    /// Answers AWS API calls.
    pub endpoint_url: String,
    /// The region that the emulator plays.
    pub region: String,
    /// The id of the emulator's root credentials.
    pub access_key_id: String,
    /// The secret of the emulator's root credentials.
    pub secret_access_key: String,
    /// The outputs of the stack. `WebhookUrl` is the local one: it can be posted to as it is.
    pub outputs: BTreeMap<String, String>,
}

/// A running receiver. It ends, with its functions, when it is dropped.
#[derive(Debug)]
pub struct LocalStack {
    connection: Connection,
    sdk_config: SdkConfig,
    directory: PathBuf,
    emulator: Emulator,
    _lock: File,
}

impl LocalStack {
    /// Builds the functions, starts the emulator on free ports of the loopback interface, deploys the template and
    /// writes `stack.json`.
    ///
    /// # Errors
    ///
    /// [`LocalStackError`] with what to do about it.
    pub async fn start(options: Options) -> Result<Self, LocalStackError> {
        let prepared = tokio::task::spawn_blocking(move || prepare(&options));
        let (emulator, directory, lock) = match prepared.await {
            Ok(result) => result?,
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        };
        let sdk_config = sdk_config(&emulator.endpoint_url()).await;
        let mut outputs = deployment::outputs(&sdk_config).await?;
        if let Some(url) = outputs.get_mut("WebhookUrl") {
            *url = emulator.local_webhook_url(url);
        }
        let connection = Connection {
            endpoint_url: emulator.endpoint_url(),
            region: REGION.to_owned(),
            access_key_id: ACCESS_KEY.to_owned(),
            secret_access_key: ACCESS_KEY.to_owned(),
            outputs,
        };
        write_connection(&directory.join("stack.json"), &connection)?;
        Ok(Self {
            connection,
            sdk_config,
            directory,
            emulator,
            _lock: lock,
        })
    }

    /// The outputs of the stack by name.
    #[must_use]
    pub fn outputs(&self) -> &BTreeMap<String, String> {
        &self.connection.outputs
    }

    /// How to reach the stack.
    #[must_use]
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// The configuration of AWS clients that talk to this stack as its owner.
    #[must_use]
    pub fn sdk_config(&self) -> &SdkConfig {
        &self.sdk_config
    }

    /// The folder with `stack.json`, `emulator.log` and the staged deployment.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Ends the emulator and its functions, and waits until they are gone.
    pub fn stop(self) {
        drop(self);
    }
}

impl Drop for LocalStack {
    fn drop(&mut self) {
        // A file that describes a stack which is gone would send tools to a closed port.
        let _ = std::fs::remove_file(self.directory.join("stack.json"));
        self.emulator.stop();
    }
}

fn prepare(options: &Options) -> Result<(Emulator, PathBuf, File), LocalStackError> {
    let progress = Progress::new(options.show_progress);
    let repository = toolbox::repository();
    let directory = repository.join(&options.directory);
    let lock = staging::lock(&directory)?;
    // Before minutes of building, not after.
    for program in ["emulator/bin/python", "sam/bin/sam"] {
        toolbox::tool(&repository, program)?;
    }
    progress.step("Building the functions", || {
        toolbox::build(&repository, options.show_progress)
    })?;
    let staged = staging::stage(&repository, &directory)?;
    let emulator = progress.step("Starting the emulator", || {
        Emulator::start(&repository, &directory, options)
    })?;
    progress.step("Deploying template.yaml", || {
        deployment::deploy(&repository, &staged, &emulator, &options.parameters)
    })?;
    Ok((emulator, directory, lock))
}

async fn sdk_config(endpoint_url: &str) -> SdkConfig {
    aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new(REGION))
        .endpoint_url(endpoint_url)
        .credentials_provider(Credentials::new(
            ACCESS_KEY,
            ACCESS_KEY,
            None,
            None,
            "local-stack",
        ))
        .load()
        .await
}

fn write_connection(path: &Path, connection: &Connection) -> Result<(), LocalStackError> {
    let text = serde_json::to_string_pretty(connection).map_err(LocalStackError::Describe)?;
    std::fs::write(path, text + "\n").map_err(|source| LocalStackError::file("write", path, source))
}
