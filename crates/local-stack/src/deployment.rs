//! `sam deploy` to the emulator, and what is common to it and to the deployment of a release.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use aws_config::SdkConfig;

use crate::LocalStackError;
use crate::emulator::Emulator;
use crate::tools::{last_lines, run, sealed, tool};

/// Gives the name of the stack, as in `samconfig.toml`.
pub(crate) const STACK: &str = "upvest-webhooks";

/// Deploys the template with its binaries.
///
/// # Errors
///
/// [`LocalStackError::Deploy`] with the end of what the SAM CLI printed.
pub(crate) fn deploy(
    repository: &Path,
    artifacts: &Path,
    emulator: &Emulator,
    parameters: &[String],
) -> Result<(), LocalStackError> {
    let sam = tool(repository, "sam/bin/sam")?;
    let mut command = sealed(&sam, &emulator.endpoint_url());
    command
        .args([
            "deploy",
            "--no-confirm-changeset",
            "--no-progressbar",
            "--stack-name",
            STACK,
        ])
        .arg("--parameter-overrides")
        .args(machine_parameters(repository)?)
        .args(parameters)
        .env("SAM_CLI_TELEMETRY", "0")
        .env("SAM_CLI_POLL_DELAY", "1")
        .current_dir(artifacts);
    carry_out(command, "sam deploy", &artifacts.with_file_name("deploy.log"))
}

/// Runs a command that deploys; `log` has what it printed if it fails.
///
/// # Errors
///
/// [`LocalStackError::Deploy`] with the end of that.
pub(crate) fn carry_out(mut command: Command, name: &'static str, log: &Path) -> Result<(), LocalStackError> {
    let output = run(&mut command)?;
    if output.status.success() {
        return Ok(());
    }
    let printed = [output.stdout, output.stderr].concat();
    fs::write(log, &printed).map_err(|source| LocalStackError::file("write", log, source))?;
    Err(LocalStackError::Deploy {
        command: name,
        log: log.to_owned(),
        last_lines: last_lines(&printed),
    })
}

/// Reads the outputs of the deployed stack, by name.
///
/// # Errors
///
/// [`LocalStackError::Outputs`] when the emulator does not tell.
pub(crate) async fn outputs(config: &SdkConfig) -> Result<BTreeMap<String, String>, LocalStackError> {
    let client = aws_sdk_cloudformation::Client::new(config);
    let response = client.describe_stacks().stack_name(STACK).send().await;
    let stacks = response.map_err(|error| LocalStackError::Outputs(Box::new(error.into())))?;
    let outputs = stacks.stacks().iter().flat_map(|stack| stack.outputs());
    Ok(outputs
        .filter_map(|output| Some((output.output_key()?.to_owned(), output.output_value()?.to_owned())))
        .collect())
}

/// Sets what differs from AWS: the machine's instruction set and certificates, tables that may go with the emulator, and that
/// nothing here is real.
///
/// # Errors
///
/// [`LocalStackError::ToolMissing`] where the SAM CLI is not installed.
pub(crate) fn machine_parameters(repository: &Path) -> Result<[String; 4], LocalStackError> {
    let architecture = if cfg!(target_arch = "aarch64") {
        "arm64"
    } else {
        "x86_64"
    };
    let certificates = certificates(repository)?;
    Ok([
        format!("Architecture={architecture}"),
        "DeletionProtection=false".to_owned(),
        "Environment=local".to_owned(),
        format!("CertificateBundle={}", certificates.display()),
    ])
}

/// Finds a bundle of certificate authorities that is there on every machine: the one the SAM CLI brings.
fn certificates(repository: &Path) -> Result<PathBuf, LocalStackError> {
    let lib = tool(repository, "sam/lib")?;
    let versions = fs::read_dir(&lib).map_err(|source| LocalStackError::file("list", &lib, source))?;
    let bundle = Path::new("site-packages/certifi/cacert.pem");
    versions
        .filter_map(Result::ok)
        .map(|python| python.path().join(bundle))
        .find(|path| path.exists())
        .ok_or_else(|| LocalStackError::ToolMissing {
            path: lib.join("python3").join(bundle),
        })
}
