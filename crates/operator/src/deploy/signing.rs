//! The code signing configuration that the functions are to have: that it is there, and takes the code that is uploaded.

use std::path::Path;

use aws_sdk_lambda::types::CodeSigningPolicy;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use pipeline::error::{AwsError, ErrorChain};

use super::Target;
use crate::error::{Error, Result};
use crate::release::Release;
use crate::stack::NOT_THERE;

/// Names the parameter with the configuration's ARN.
pub(super) const CONFIGURATION: &str = "CodeSigningConfigArn";
/// Is in the name of the file that AWS Signer adds to an archive, and archives have names as they are.
const SIGNATURE: &[u8] = b"aws_signer_signature";

/// Refuses a configuration that is not there, and to upload code that it does not take, before a first function fails by it.
/// `arn` is what the parameter is going to be, and `code` the release that is uploaded, and its folder, where one is.
///
/// # Errors
///
/// [`Error`] of the kind usage with what to do about it. What the caller may not look at is noted.
pub(super) async fn check(
    target: &Target<'_>,
    arn: Option<&str>,
    code: Option<(&Path, &Release, &str)>,
) -> Result<()> {
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
    let code = code.filter(|_| untrusted == Some(&CodeSigningPolicy::Enforce));
    let Some((folder, release, architecture)) = code else {
        return Ok(());
    };
    match unsigned(folder, release, architecture)? {
        None => Ok(()),
        Some(path) => Err(Error::usage(format!(
            "{CONFIGURATION} takes signed code alone, and nobody signed {path} of this release: have its archives signed, and \
             make the stack with CloudFormation itself (docs/platform.md, Signed code), or have the configuration warn"
        ))),
    }
}

/// Finds code of a release for an architecture that nobody signed. Whether the configuration knows who signed the rest is for
/// Lambda to tell.
fn unsigned<'r>(folder: &Path, release: &'r Release, architecture: &str) -> Result<Option<&'r str>> {
    let functions = format!("functions/{architecture}/");
    let uploaded = |path: &&String| path.starts_with(&functions);
    for path in release.files.keys().filter(uploaded) {
        let code = std::fs::read(folder.join(path));
        let code = code.map_err(Error::context(format!("cannot read {path} of the release")))?;
        if !code.windows(SIGNATURE.len()).any(|part| part == SIGNATURE) {
            return Ok(Some(path.as_str()));
        }
    }
    Ok(None)
}
