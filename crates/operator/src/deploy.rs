//! Deploying a release, and changing the parameters of a stack that runs: what is asked for is checked before anything is made,
//! what would change is shown in words before it does, and a failure names its first cause.
//!
//! CloudFormation does the work: this module makes a change set of the release's own template, has somebody agree to it, and
//! follows it to its end. It changes nothing of a stack in any other way, but for what protects it where that is asked
//! for, so that whoever has no use for it does the same with another tool, from the same release.
//!
//! A deployment can be ended and run again at any time. Before the change set is executed, it is deleted, and the stack is as it
//! was; from then on AWS goes on by itself.
//!
//! ```no_run
//! use operator::deploy::{self, Deployment, Plan, Settings, Target};
//! use operator::Reporter;
//! use tokio::sync::Notify;
//!
//! # async fn deploy(config: aws_config::SdkConfig) -> operator::Result<()> {
//! let target = Target {
//!     config: &config,
//!     stack: "webhooks-sandbox",
//!     reporter: Reporter::silent(),
//!     stop: &Notify::new(),
//! };
//! let deployment = Deployment {
//!     release: "dist".to_owned(),
//!     settings: Settings::new([("Environment".to_owned(), "sandbox".to_owned())]),
//!     ..Deployment::default()
//! };
//! let done = deploy::deploy(&target, &deployment, async |_: &Plan| Ok(true)).await?;
//! if done.ending.failure.is_none() {
//!     println!("Upvest is to deliver to {}", done.outputs["WebhookUrl"]);
//! }
//! # Ok(())
//! # }
//! ```

mod account;
mod arns;
mod artifacts;
mod change_set;
mod changes;
mod configure;
mod ending;
mod execution;
mod nested;
mod network;
mod parameters;
mod present;
mod release_source;
mod settings;
mod signing;
mod stack_policy;
mod tagging;

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::path::PathBuf;

use aws_config::SdkConfig;
use aws_sdk_cloudformation::types::Parameter;
use serde::Serialize;
use tokio::sync::Notify;

pub use changes::{Change, ChangeKind, ParameterChange, Plan};
pub use configure::{Configuration, StackParameter, StackParameters, configure, parameters};
pub use nested::NESTED_TEMPLATES;
pub use settings::{Settings, tags};

use self::artifacts::Store;
use self::change_set::{Request, review_and_execute};
use self::nested::NestedTemplates;
use self::parameters::{ARTIFACTS_BUCKET, ARTIFACTS_PREFIX, Definitions};
use self::present::Present;
use self::release_source::Source;
use crate::error::{Error, Result};
use crate::release::Release;
use crate::repair::Ending;
use crate::reporter::Reporter;
use crate::versions::compare;

/// Names the parameter that says which functions of a release are deployed.
const ARCHITECTURE: &str = "Architecture";

/// Says which stack is to change, where it is, and who hears of it.
#[derive(Debug, Clone, Copy)]
pub struct Target<'t> {
    /// Tells how AWS clients reach the account.
    pub config: &'t SdkConfig,
    /// Names the stack, which need not be there yet.
    pub stack: &'t str,
    /// Hears how far it is, and what a person should know besides the result.
    pub reporter: Reporter<'t>,
    /// Is notified when the work is to end: before AWS has begun, nothing changes then.
    pub stop: &'t Notify,
}

/// Says what is to be deployed, and how.
#[derive(Debug, Clone, Default)]
pub struct Deployment {
    /// Names the folder of the release, or the URL of its archive.
    pub release: String,
    /// Gives the SHA-256 of the archive in hex, which a URL needs.
    pub checksum: Option<String>,
    /// Holds the parameters that are given. On an update, one that is not keeps its value.
    pub settings: Settings,
    /// Maps the names of tags to their values. The stack keeps all others that it has.
    pub tags: BTreeMap<String, String>,
    /// Names the bucket for the release's files; `None` for that of the stack's last release, or else one of the account's, which
    /// is made where it is missing.
    pub artifacts_bucket: Option<String>,
    /// Names the account that this bucket is of; `None` for the caller's.
    pub artifacts_bucket_owner: Option<String>,
    /// Names the role that CloudFormation works as; `None` for the caller, or the role that the stack has already.
    pub role_arn: Option<String>,
    /// Names the file with the stack policy, which is set after the deployment.
    pub stack_policy: Option<PathBuf>,
    /// Tells whether nobody is to delete the stack by a single call from then on.
    pub termination_protection: bool,
    /// Tells whether a table or a bucket may be replaced or removed.
    pub allow_replacement: bool,
    /// Tells whether to show what would change, and to change nothing of the stack.
    pub dry_run: bool,
}

/// Tells what came of a deployment, or of other parameters.
#[derive(Debug, Serialize)]
pub struct Deployed {
    /// Names the stack that was deployed, or was to be.
    pub stack: String,
    /// Gives the version of the release; `None` where only parameters were changed.
    pub version: Option<String>,
    /// Counts the files that were uploaded, because they were not in the bucket yet.
    pub uploaded: usize,
    /// Says whether it was a dry run, was declined, or failed.
    #[serde(flatten)]
    pub ending: Ending,
    /// Tells what was to change, also where in the end nothing did.
    #[serde(flatten)]
    pub plan: Plan,
    /// Gives the state that the stack is in, as CloudFormation names it; `None` where nothing was executed.
    pub status: Option<String>,
    /// Lists what the change leaves behind that belongs to no stack any more: what is retained, and what could not be deleted.
    pub left: Vec<String>,
    /// Maps the names of the stack's outputs to their values.
    pub outputs: BTreeMap<String, String>,
}

impl Target<'_> {
    /// Does some work, unless it is to end before that: gives nothing then.
    async fn unless_stopped<T>(&self, work: impl Future<Output = Result<T>>) -> Result<Option<T>> {
        tokio::select! {
            // Without it, work that is ready at the same time could win, and go on after it was ended.
            biased;
            () = self.stop.notified() => Ok(None),
            done = work => done.map(Some),
        }
    }

    /// Does some work that is to be finished before the stack changes.
    async fn before_changes<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        let done = self.unless_stopped(work).await?;
        done.ok_or_else(|| {
            Error::failed("ended by you: nothing of the stack was changed, so run the command again")
        })
    }

    fn cloudformation(&self) -> aws_sdk_cloudformation::Client {
        aws_sdk_cloudformation::Client::new(self.config)
    }

    fn region(&self) -> String {
        let region = self.config.region();
        region.map(ToString::to_string).unwrap_or_default()
    }
}

/// Deploys a release: checks it and what is given, uploads what is missing, shows what would change to `confirm`, and has
/// CloudFormation do it.
///
/// # Errors
///
/// [`Error`] when nothing of the stack was changed. What a change that was begun failed with is in [`Ending::failure`].
pub async fn deploy(
    target: &Target<'_>,
    deployment: &Deployment,
    confirm: impl AsyncFnOnce(&Plan) -> Result<bool>,
) -> Result<Deployed> {
    let (version, request) = target.before_changes(prepare(target, deployment)).await?;
    let done = review_and_execute(target, request, confirm).await?;
    Ok(Deployed {
        version: Some(version),
        ..done
    })
}

/// Checks all that can be checked before anything is made, and then uploads what is missing.
async fn prepare<'t>(target: &'t Target<'t>, deployment: &Deployment) -> Result<(String, Request<'t>)> {
    let stack_policy = deployment
        .stack_policy
        .as_deref()
        .map(stack_policy::read)
        .transpose()?;
    let source = Source::open(&deployment.release, deployment.checksum.as_deref()).await?;
    let release = Release::read(source.folder())?;
    let template = std::fs::read_to_string(source.folder().join(&release.template))
        .map_err(Error::context("the template of the release cannot be read"))?;
    let definitions = Definitions::read(&template)?;
    definitions.check(&deployment.settings)?;

    // AWS is asked only from here on: a mistake in release or settings shows without credentials too.
    let present = Present::look_up(target).await?;
    present.refuse_unless_ready(target.stack)?;
    let value = |name: &str| value_of(name, &deployment.settings, &present, &definitions);
    let architecture = value(ARCHITECTURE).unwrap_or_default();
    refuse_unless_built_for(&release, &architecture)?;
    let caller = account::caller(target).await?;
    arns::check(&deployment.settings, &caller, &target.region())?;
    account::check(target, &deployment.settings, &present, value).await?;
    let code = (source.folder(), &release, &*architecture);
    signing::check(target, value(signing::CONFIGURATION).as_deref(), Some(code)).await?;
    warn_of_older(target, &release, &present);

    let bucket = deployment.artifacts_bucket.as_deref();
    let bucket = bucket.or_else(|| present.parameter(ARTIFACTS_BUCKET));
    let owner = deployment.artifacts_bucket_owner.as_deref();
    let store = Store::new(target, &caller, bucket, owner);
    let place = [
        (ARTIFACTS_BUCKET.to_owned(), store.bucket().to_owned()),
        (ARTIFACTS_PREFIX.to_owned(), release.prefix()),
    ];
    let settings = deployment.settings.with(place);
    let parameters = definitions.values(&settings, &present)?;
    // Nothing in the account is made before this (`what_cannot_work_is_refused_before_anything_is_uploaded`).
    store.prepare().await?;
    let uploaded = store.upload(source.folder(), &release, &architecture).await?;

    let version = release.version.clone();
    let description = format!("upvest-webhooks {version}, by {}", caller.arn);
    let request = Request {
        uploaded,
        template_url: store.url(&format!("{}/{}", release.prefix(), release.template)),
        // After the upload, because they are read from the bucket.
        nested: NestedTemplates::checked(&template, store, &release.prefix()).await?,
        parameters,
        parameter_changes: definitions.changes(&settings, &present),
        present,
        description,
        tags: deployment.tags.clone(),
        role_arn: deployment.role_arn.clone(),
        stack_policy,
        termination_protection: deployment.termination_protection,
        allow_replacement: deployment.allow_replacement,
        dry_run: deployment.dry_run,
    };
    Ok((version, request))
}

/// Refuses to deploy functions that the release does not have.
fn refuse_unless_built_for(release: &Release, architecture: &str) -> Result<()> {
    if release.has_architecture(architecture) {
        return Ok(());
    }
    let first = release.architectures.first().map(String::as_str);
    Err(Error::usage(format!(
        "the release has no functions for {ARCHITECTURE}={architecture}, but for {}: use --set {ARCHITECTURE}={}",
        release.architectures.join(", "),
        first.unwrap_or_default()
    )))
}

/// Finds the value that a parameter is going to have.
fn value_of(name: &str, settings: &Settings, present: &Present, definitions: &Definitions) -> Option<String> {
    let given = settings.get(name).or_else(|| present.parameter(name));
    given.or_else(|| definitions.default_of(name)).map(str::to_owned)
}

/// Tells of a release that is older than what the stack runs. A way back is wanted now and then.
fn warn_of_older(target: &Target<'_>, release: &Release, present: &Present) {
    if let Some(deployed) = present.output("Version")
        && compare(&release.version, deployed) == Some(Ordering::Less)
    {
        target.reporter.note(&format!(
            "the stack is {deployed}, and this release {} is older: docs/upgrading.md says what a way back needs",
            release.version
        ));
    }
}

/// Makes a parameter of a request that gives a value.
fn parameter(name: &str, value: &str) -> Parameter {
    let parameter = Parameter::builder().parameter_key(name);
    parameter.parameter_value(value).build()
}

/// Makes a parameter of a request that stays as it is.
fn unchanged(name: &str) -> Parameter {
    Parameter::builder()
        .parameter_key(name)
        .use_previous_value(true)
        .build()
}
