//! The deployed receiver on this machine: an emulator of AWS on loopback, and a release deployed to it by the code of
//! `upvest-webhooks deploy`. Unless another one is named, the release is made of `template.yaml` and the binaries of the
//! development build.
//!
//! `make run` and the end-to-end tests use it. It is a development tool and no part of a deployment.
//!
//! A start has two halves, because Upvest's side needs an address in between: [`LocalStack::prepare`] builds the functions
//! and starts the emulator, [`Emulated::deploy`] deploys to it.
//!
//! ```no_run
//! # async fn example() -> Result<(), local_stack::LocalStackError> {
//! use local_stack::{LocalStack, Options};
//!
//! let stack = LocalStack::prepare(Options::default()).await?.deploy(Vec::new()).await?;
//! println!("deliveries go to {}", stack.outputs()["WebhookUrl"]);
//! stack.stop();
//! # Ok(())
//! # }
//! ```

mod artifacts;
mod connection;
mod deployment;
mod emulator;
mod error;
mod functions;
mod options;
mod ports;
mod progress;
mod sources;
mod tools;
mod watch;

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_cloudformation::config::Credentials;
use pipeline::runtime::aws::connections;

pub use connection::Connection;
use emulator::Emulator;
pub use error::LocalStackError;
use functions::Functions;
pub use options::Options;
pub use ports::Ports;
use progress::Progress;
use sources::Sources;
pub use watch::{Changed, Watch};

/// Gives the region that the emulator is told to be.
const REGION: &str = "eu-central-1";
/// Gives the path of the webhook URL, the template's default.
const WEBHOOK_PATH: &str = "/webhooks/upvest";
/// Names the emulator's root credentials, key and secret alike: it knows one account and takes any name for it.
const ACCESS_KEY: &str = "test";

/// Runs a receiver. It ends, with its functions, when it is dropped.
#[derive(Debug)]
pub struct LocalStack {
    connection: Connection,
    emulated: Emulated,
}

/// Holds an emulator that runs, and what it was prepared with.
#[derive(Debug)]
pub struct Emulated {
    prepared: Prepared,
    sdk_config: SdkConfig,
}

impl Emulated {
    /// Configures AWS clients that talk to the emulator as its owner.
    #[must_use]
    pub fn sdk_config(&self) -> &SdkConfig {
        &self.sdk_config
    }

    /// Names the folder for everything the stack writes.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.prepared.directory
    }

    /// Lists the parameters that every deployment to this emulator takes, written `Name=value`: where it differs from AWS, and
    /// those of the options, which win.
    ///
    /// # Errors
    ///
    /// [`LocalStackError::ToolMissing`] where the emulator is not installed as a whole.
    pub fn parameters(&self) -> Result<Vec<String>, LocalStackError> {
        let mut parameters = deployment::machine_parameters(&self.prepared.repository)?.to_vec();
        let url = self.prepared.emulator.local_url(WEBHOOK_PATH);
        parameters.push(format!("PublicUrl={url}"));
        parameters.extend_from_slice(&self.prepared.options.parameters);
        Ok(parameters)
    }

    /// Deploys the release with these parameters, written `Name=value`, besides [those](Self::parameters) that every deployment
    /// takes, and writes `stack.json`.
    ///
    /// # Errors
    ///
    /// [`LocalStackError`] with what to do about it.
    pub async fn deploy(self, more: Vec<String>) -> Result<LocalStack, LocalStackError> {
        let mut parameters = self.parameters()?;
        parameters.extend(more);
        let release = self.release().await?;
        let deployment = deployment::deploy(&self.sdk_config, &release, &parameters);
        let progress = Progress::new(self.prepared.options.show_progress);
        let connection = Connection {
            endpoint_url: self.prepared.emulator.endpoint_url(),
            region: REGION.to_owned(),
            access_key_id: ACCESS_KEY.to_owned(),
            secret_access_key: ACCESS_KEY.to_owned(),
            outputs: progress.wait("Deploying", deployment).await?,
        };
        connection.write(&self.prepared.directory.join("stack.json"))?;
        Ok(LocalStack {
            connection,
            emulated: self,
        })
    }

    /// Gives the folder of the release that is to be deployed: that of the options, or one that it makes.
    async fn release(&self) -> Result<PathBuf, LocalStackError> {
        if let Some(release) = &self.prepared.options.release {
            return Ok(self.prepared.repository.join(release));
        }
        let progress = Progress::new(self.prepared.options.show_progress);
        let (repository, directory) = (self.prepared.repository.clone(), self.prepared.directory.clone());
        let packaged = tokio::task::spawn_blocking(move || {
            progress.step("Packaging the functions", || {
                artifacts::package(&repository, &directory)
            })
        });
        joined(packaged.await)
    }
}

impl LocalStack {
    /// Builds the functions, unless they come from a release, and starts the emulator, on the ports of the options or free ones
    /// of the loopback interface.
    ///
    /// # Errors
    ///
    /// [`LocalStackError`] with what to do about it.
    pub async fn prepare(options: Options) -> Result<Emulated, LocalStackError> {
        let prepared = tokio::task::spawn_blocking(move || prepare(options));
        let prepared = joined(prepared.await)?;
        let sdk_config = sdk_config(&prepared.emulator.endpoint_url()).await;
        Ok(Emulated { prepared, sdk_config })
    }

    /// Gives the outputs of the deployed stack by name.
    #[must_use]
    pub fn outputs(&self) -> &BTreeMap<String, String> {
        &self.connection.outputs
    }

    /// Tells how tools reach the stack, as `stack.json` does.
    #[must_use]
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Configures AWS clients that talk to this stack as its owner.
    #[must_use]
    pub fn sdk_config(&self) -> &SdkConfig {
        self.emulated.sdk_config()
    }

    /// Names the folder with `stack.json`, `emulator.log` and, in `deploy`, the release that was made.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.emulated.directory()
    }

    /// Starts a process of each function that takes batches, so that the first event finds it there, and tells of each that does
    /// not start.
    ///
    /// # Errors
    ///
    /// [`LocalStackError::Functions`] when the functions are not known.
    pub async fn start_functions(&self) -> Result<Vec<LocalStackError>, LocalStackError> {
        Ok(Functions::of(self.sdk_config()).await?.start_all().await)
    }

    /// Follows the sources since the functions were built, to give the functions what changes there.
    ///
    /// # Errors
    ///
    /// [`LocalStackError::Functions`] when the functions are not known.
    pub async fn watch(&self) -> Result<Watch, LocalStackError> {
        let functions = Functions::of(self.sdk_config()).await?;
        let built = &self.emulated.prepared;
        Ok(Watch::new(
            built.repository.clone(),
            functions,
            built.sources.clone(),
        ))
    }

    /// Follows the sources of another folder, laid out like the repository, from now on.
    ///
    /// # Errors
    ///
    /// [`LocalStackError::Functions`] when the functions are not known.
    pub async fn watch_at(&self, repository: PathBuf) -> Result<Watch, LocalStackError> {
        let functions = Functions::of(self.sdk_config()).await?;
        let sources = sources::look(&repository);
        Ok(Watch::new(repository, functions, sources))
    }

    /// Ends the emulator and its functions, and waits until they are gone.
    pub fn stop(self) {
        drop(self);
    }
}

impl Drop for LocalStack {
    fn drop(&mut self) {
        // A file that describes a stack which is gone would send tools to a closed port.
        let _ = std::fs::remove_file(self.directory().join("stack.json"));
        self.emulated.prepared.emulator.stop();
    }
}

/// Holds what [`LocalStack::prepare`] makes before there is anything to await.
#[derive(Debug)]
struct Prepared {
    emulator: Emulator,
    repository: PathBuf,
    directory: PathBuf,
    sources: Sources,
    options: Options,
    _lock: File,
}

fn prepare(options: Options) -> Result<Prepared, LocalStackError> {
    let progress = Progress::new(options.show_progress);
    let repository = tools::repository();
    let directory = repository.join(&options.directory);
    let lock = artifacts::lock(&directory)?;
    // Before minutes of building, not after.
    tools::tool(&repository, "emulator/bin/python")?;
    options.ports.find()?;
    // Before they are built: what is changed meanwhile is not in the binaries.
    let sources = sources::look(&repository);
    if options.release.is_none() {
        progress.step("Building the functions", || {
            tools::build(&repository, &["--bins"], options.show_progress)
        })?;
    }
    let emulator = progress.step("Starting the emulator", || {
        Emulator::start(&repository, &directory, &options)
    })?;
    Ok(Prepared {
        emulator,
        repository,
        directory,
        sources,
        options,
        _lock: lock,
    })
}

/// Takes the result of a blocking task; its panic goes on here.
fn joined<T>(
    result: Result<Result<T, LocalStackError>, tokio::task::JoinError>,
) -> Result<T, LocalStackError> {
    result.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
}

async fn sdk_config(endpoint_url: &str) -> SdkConfig {
    let credentials = Credentials::new(ACCESS_KEY, ACCESS_KEY, None, None, "local-stack");
    aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new(REGION))
        .endpoint_url(endpoint_url)
        .credentials_provider(credentials)
        .http_client(connections())
        .load()
        .await
}
