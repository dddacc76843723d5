//! Other parameters for a stack that runs, and the ones that it has.
//!
//! The template is that of the stack's own release, given again: CloudFormation evaluates the language extensions in it by the
//! values of parameters, and does so with new values for a template that is given alone.

use aws_sdk_cloudformation::types::TemplateStage;
use pipeline::error::AwsError;
use serde::Serialize;

use super::artifacts::Store;
use super::change_set::{Request, review_and_execute};
use super::changes::Plan;
use super::nested::NestedTemplates;
use super::parameters::{ARTIFACTS_BUCKET, ARTIFACTS_PREFIX, Definitions};
use super::present::Present;
use super::settings::Settings;
use super::{ARCHITECTURE, Deployed, Target, account, arns, signing, value_of};
use crate::error::{Error, Result};

/// Names the template in the place of every release.
const TEMPLATE: &str = "template.yaml";

/// Says which parameters are to have other values.
#[derive(Debug, Clone, Default)]
pub struct Configuration {
    /// Holds the parameters that change. All others keep their values.
    pub settings: Settings,
    /// Names the account that the bucket of the stack's release is of; `None` for the caller's.
    pub artifacts_bucket_owner: Option<String>,
    /// Names the role that CloudFormation works as; `None` for the caller, or the role that the stack has already.
    pub role_arn: Option<String>,
    /// Tells whether a table or a bucket may be replaced or removed.
    pub allow_replacement: bool,
    /// Tells whether to show what would change, and to change nothing.
    pub dry_run: bool,
}

/// Lists the parameters of a stack.
#[derive(Debug, Serialize)]
pub struct StackParameters {
    /// Names the stack whose parameters these are.
    pub stack: String,
    /// Gives the version that it is of; `None` where it does not tell.
    pub version: Option<String>,
    /// Lists the parameters that the stack has, in the order of their names.
    pub parameters: Vec<StackParameter>,
}

/// Tells which value a parameter of a stack has.
#[derive(Debug, Serialize)]
pub struct StackParameter {
    /// Names the parameter as the template does.
    pub name: String,
    /// Gives its value, as CloudFormation shows it: asterisks for one that nobody is to see.
    pub value: String,
    /// Tells whether that is its default.
    pub is_default: bool,
}

/// Gives parameters of a stack that runs other values: shows what would change to `confirm`, and has CloudFormation do it.
///
/// # Errors
///
/// [`Error`] when nothing was changed. What a change that was begun failed with is in [`Ending::failure`](crate::repair::Ending).
pub async fn configure(
    target: &Target<'_>,
    configuration: &Configuration,
    confirm: impl AsyncFnOnce(&Plan) -> Result<bool>,
) -> Result<Deployed> {
    let request = target.before_changes(prepare(target, configuration)).await?;
    review_and_execute(target, request, confirm).await
}

/// Lists the parameters that a stack has.
///
/// # Errors
///
/// [`Error`] when there is no such stack, or CloudFormation does not tell.
pub async fn parameters(target: &Target<'_>) -> Result<StackParameters> {
    let present = there(target).await?;
    let definitions = Definitions::read(&template(target).await?)?;
    let listed = definitions.names().filter_map(|name| {
        let value = present.parameter(name)?;
        Some(StackParameter {
            name: name.to_owned(),
            value: value.to_owned(),
            is_default: definitions.default_of(name) == Some(value),
        })
    });
    Ok(StackParameters {
        stack: target.stack.to_owned(),
        version: present.output("Version").map(str::to_owned),
        parameters: listed.collect(),
    })
}

async fn prepare<'t>(target: &'t Target<'t>, configuration: &Configuration) -> Result<Request<'t>> {
    let Configuration { settings, .. } = configuration;
    let present = there(target).await?;
    present.refuse_unless_ready(target.stack)?;
    let template = template(target).await?;
    let definitions = Definitions::read(&template)?;
    definitions.check(settings)?;
    refuse_another_architecture(settings, &present)?;
    let place = present
        .parameter(ARTIFACTS_BUCKET)
        .zip(present.parameter(ARTIFACTS_PREFIX));
    let (bucket, prefix) = place.ok_or_else(|| not_of_a_release(target.stack))?;

    let caller = account::caller(target).await?;
    arns::check(settings, &caller, &target.region())?;
    let value = |name: &str| value_of(name, settings, &present, &definitions);
    account::check(target, settings, &present, value).await?;
    // Only one that is given now: what runs was taken by the one that the stack has, and nothing is uploaded.
    signing::check(target, settings.get(signing::CONFIGURATION), None).await?;
    let owner = configuration.artifacts_bucket_owner.as_deref();
    let store = Store::new(target, &caller, Some(bucket), owner);
    let key = format!("{prefix}/{TEMPLATE}");
    if store.read(&key).await?.trim_end() != template.trim_end() {
        return Err(changed(target.stack, bucket, &key));
    }
    Ok(Request {
        uploaded: 0,
        template_url: store.url(&key),
        nested: NestedTemplates::checked(&template, store, prefix).await?,
        parameters: definitions.values(settings, &present)?,
        parameter_changes: definitions.changes(settings, &present),
        description: format!("upvest-webhooks configure, by {}", caller.arn),
        present,
        tags: std::collections::BTreeMap::new(),
        role_arn: configuration.role_arn.clone(),
        stack_policy: None,
        termination_protection: false,
        allow_replacement: configuration.allow_replacement,
        dry_run: configuration.dry_run,
    })
}

/// Finds a stack that is there.
async fn there(target: &Target<'_>) -> Result<Present> {
    let present = Present::look_up(target).await?;
    match present.is_new() {
        true => Err(Error::not_found(format!(
            "there is no stack {} in {}: check its name, the region (--region) and the account (--profile); deploy makes one",
            target.stack,
            target.region()
        ))),
        false => Ok(present),
    }
}

/// Gives the template that the stack was made of.
async fn template(target: &Target<'_>) -> Result<String> {
    let get = target.cloudformation().get_template().stack_name(target.stack);
    // In the processed one the language extensions are evaluated already, by the values of before.
    let template = get.template_stage(TemplateStage::Original).send().await;
    let template = template.map_err(AwsError::of("cloudformation:GetTemplate"))?;
    Ok(template.template_body.unwrap_or_default())
}

/// Refuses to have functions run on what they may not be uploaded for.
fn refuse_another_architecture(settings: &Settings, present: &Present) -> Result<()> {
    let wanted = settings
        .get(ARCHITECTURE)
        .filter(|wanted| present.parameter(ARCHITECTURE) != Some(*wanted));
    match wanted {
        Some(wanted) => Err(Error::usage(format!(
            "{ARCHITECTURE} needs other binaries: upvest-webhooks deploy --release DIR --set {ARCHITECTURE}={wanted}"
        ))),
        None => Ok(()),
    }
}

fn changed(stack: &str, bucket: &str, key: &str) -> Error {
    Error::failed(format!(
        "{key} in the bucket {bucket} is not the template that stack {stack} was made of, so that other parameters would bring \
         another stack: find out who changed it, and deploy the release again (upvest-webhooks deploy --release DIR), which puts \
         its own there"
    ))
}

fn not_of_a_release(stack: &str) -> Error {
    Error::usage(format!(
        "stack {stack} was not deployed from a release, so that its template is nowhere but with whoever built it: change its \
         parameters as it was deployed (sam deploy --parameter-overrides Name=Value), or deploy a release into it"
    ))
}
