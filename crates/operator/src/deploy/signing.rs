//! The code signing configuration that the functions are to have: that it is there, and takes code that nobody signed.

use aws_sdk_lambda::types::CodeSigningPolicy;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use pipeline::error::{AwsError, ErrorChain};

use super::Target;
use crate::error::{Error, Result};

/// Names the parameter with the configuration's ARN.
pub(super) const CONFIGURATION: &str = "CodeSigningConfigArn";
/// Is how Lambda says that there is no such thing.
const NOT_THERE: &str = "ResourceNotFoundException";

/// Refuses a configuration that is not there, and to upload code that it does not take, before a first function fails by it.
/// `arn` is what the parameter is going to be, and `is_uploading` tells whether the code is a release's, which nobody signed.
///
/// # Errors
///
/// [`Error`] of the kind usage with what to do about it. What the caller may not look at is noted.
pub(super) async fn check(target: &Target<'_>, arn: Option<&str>, is_uploading: bool) -> Result<()> {
    let Some(arn) = arn.filter(|arn| !arn.is_empty()) else {
        return Ok(());
    };
    let get = aws_sdk_lambda::Client::new(target.config).get_code_signing_config();
    let found = match get.code_signing_config_arn(arn).send().await {
        Ok(found) => found,
        Err(error) if error.code() == Some(NOT_THERE) => {
            return Err(Error::usage(format!(
                "{CONFIGURATION} names what is not there: {arn}; make it first, or leave {CONFIGURATION} empty"
            )));
        }
        Err(error) => {
            let error = Error::from(AwsError::of("lambda:GetCodeSigningConfig")(error));
            target.reporter.note(&format!(
                "whether {CONFIGURATION} takes the functions was not checked ({}): Lambda refuses the first where it does not",
                ErrorChain(&error)
            ));
            return Ok(());
        }
    };
    let policies = found
        .code_signing_config()
        .and_then(|found| found.code_signing_policies());
    let untrusted = policies.and_then(|policies| policies.untrusted_artifact_on_deployment());
    if is_uploading && untrusted == Some(&CodeSigningPolicy::Enforce) {
        return Err(Error::usage(format!(
            "{CONFIGURATION} takes signed code alone, and nobody signed a release's: have its archives signed, and make the \
             stack with CloudFormation itself (docs/platform.md, Signed code), or have the configuration warn"
        )));
    }
    Ok(())
}
