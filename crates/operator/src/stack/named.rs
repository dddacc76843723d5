//! A stack that CloudFormation knows by its name, and what it says of it.

use std::collections::BTreeMap;

use aws_config::{Region, SdkConfig};
use aws_sdk_cloudformation::error::ProvideErrorMetadata;
use aws_sdk_cloudformation::types::Stack as Described;
use pipeline::error::AwsError;

use super::Stack;
use crate::error::{Error, Result};

/// Finds the stack of this name, and reads its outputs.
///
/// # Errors
///
/// [`Error`] when there is none, or CloudFormation does not tell.
pub(super) async fn named(config: SdkConfig, name: String) -> Result<Stack> {
    let stack = look_up(&config, &name).await.map_err(Error::context(format!(
        "stack {name} cannot be looked up: check its name, the region (--region) and the credentials (--profile)"
    )))?;
    let stack = stack.ok_or_else(|| missing(&config, &name))?;
    let outputs = outputs(&stack);
    Ok(Stack::new(config, Some(name), outputs))
}

/// Makes the error of a stack that is not there.
pub(super) fn missing(config: &SdkConfig, name: &str) -> Error {
    let region = config.region().map(Region::as_ref).unwrap_or_default();
    Error::not_found(format!(
        "there is no stack {name} in {region}: check its name, the region (--region) and the account (--profile)"
    ))
}

/// Asks CloudFormation for a stack; gives nothing where there is none of that name.
///
/// # Errors
///
/// [`AwsError`] when it does not answer that.
pub(crate) async fn look_up(config: &SdkConfig, name: &str) -> Result<Option<Described>, AwsError> {
    let client = aws_sdk_cloudformation::Client::new(config);
    let answer = client.describe_stacks().stack_name(name).send().await;
    // CloudFormation has no code of its own for a stack that is not there.
    let is_absence = |text: &str| text.contains("does not exist");
    if answer
        .as_ref()
        .is_err_and(|error| error.message().is_some_and(is_absence))
    {
        return Ok(None);
    }
    let answer = answer.map_err(AwsError::of("cloudformation:DescribeStacks"))?;
    Ok(answer.stacks.unwrap_or_default().into_iter().next())
}

/// Reads the outputs of a stack, by their names.
pub(crate) fn outputs(stack: &Described) -> BTreeMap<String, String> {
    let outputs = stack.outputs().iter();
    let named = outputs
        .filter_map(|output| Some((output.output_key()?.to_owned(), output.output_value()?.to_owned())));
    named.collect()
}

/// Reads the parameters of a stack, by their names.
pub(crate) fn parameters(stack: &Described) -> BTreeMap<String, String> {
    let parameters = stack.parameters().iter().filter_map(|parameter| {
        let value = parameter.parameter_value().unwrap_or_default().to_owned();
        Some((parameter.parameter_key()?.to_owned(), value))
    });
    parameters.collect()
}
