//! The deployment of a release to the emulator, by the code that deploys it to AWS.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use aws_config::SdkConfig;
use operator::Reporter;
use operator::deploy::{self, Deployment, Plan, Settings, Target};
use release::ARCHITECTURE;
use tokio::sync::Notify;

use crate::LocalStackError;
use crate::tools::tool;

/// Gives the name of the stack.
pub(crate) const STACK: &str = "upvest-webhooks";
/// Is where the emulator's Python has a bundle of certificate authorities, below the folder of its version.
const CERTIFICATES: &str = "site-packages/botocore/cacert.pem";

/// Deploys the release in a folder with these parameters, written `Name=value`; gives the outputs of the stack by name.
///
/// # Errors
///
/// [`LocalStackError::Deploy`] when it is refused, or taken back.
pub(crate) async fn deploy(
    config: &SdkConfig,
    release: &Path,
    parameters: &[String],
) -> Result<BTreeMap<String, String>, LocalStackError> {
    let failed = |error| LocalStackError::Deploy(Box::new(error));
    let target = Target {
        config,
        stack: STACK,
        reporter: Reporter::silent(),
        // Nobody ends it: the emulator ends with this process, and with it all that was begun.
        stop: &Notify::new(),
    };
    let deployment = Deployment {
        release: release.display().to_string(),
        settings: Settings::read(None, parameters).map_err(failed)?,
        ..Deployment::default()
    };
    let done = deploy::deploy(&target, &deployment, async |_: &Plan| Ok(true)).await;
    let done = done.map_err(failed)?;
    match done.ending.failure {
        None => Ok(done.outputs),
        Some(failure) => Err(failed(operator::Error::failed(failure))),
    }
}

/// Sets what differs from AWS: the machine's instruction set and certificates, tables that may go with the emulator, and that
/// nothing here is real.
///
/// # Errors
///
/// [`LocalStackError::ToolMissing`] where the emulator is not installed.
pub(crate) fn machine_parameters(repository: &Path) -> Result<[String; 4], LocalStackError> {
    let certificates = certificates(repository)?;
    Ok([
        format!("Architecture={ARCHITECTURE}"),
        "DeletionProtection=false".to_owned(),
        "Environment=local".to_owned(),
        format!("CertificateBundle={}", certificates.display()),
    ])
}

/// Finds a bundle of certificate authorities that is there on every machine: the one that the emulator brings.
fn certificates(repository: &Path) -> Result<PathBuf, LocalStackError> {
    let lib = tool(repository, "emulator/lib")?;
    let versions = fs::read_dir(&lib).map_err(|source| LocalStackError::file("list", &lib, source))?;
    versions
        .filter_map(Result::ok)
        .map(|python| python.path().join(CERTIFICATES))
        .find(|path| path.exists())
        .ok_or_else(|| LocalStackError::ToolMissing {
            path: lib.join("python3").join(CERTIFICATES),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_deployment_that_is_refused_says_why() {
        // Nothing answers there, so that whoever asked AWS before it has a release would say so.
        let config = crate::sdk_config("http://127.0.0.1:9").await;
        let parameters = ["Environment=local".to_owned()];
        let error = deploy(&config, Path::new("/nowhere"), &parameters)
            .await
            .unwrap_err();
        let told = pipeline::error::ErrorChain(&error).to_string();
        assert!(told.starts_with("the stack cannot be deployed"), "{told}");
        assert!(told.contains("/nowhere holds no release"), "{told}");
    }
}
