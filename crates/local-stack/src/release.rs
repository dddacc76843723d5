//! A release in place of the repository's template and binaries: it is deployed by the command that deploys it to AWS.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::deployment::{STACK, carry_out, machine_parameters};
use crate::progress::Progress;
use crate::tools::{build, sealed};
use crate::{Emulated, LocalStackError};

/// Names the binary that deploys a release.
const COMMAND_LINE: &str = "upvest-webhooks";

/// Builds what deploys a release, and finds its folder. Its functions are built.
///
/// # Errors
///
/// [`LocalStackError::Build`] when the command line does not compile.
pub(crate) fn prepare(
    repository: &Path,
    release: &Path,
    show_progress: bool,
) -> Result<PathBuf, LocalStackError> {
    Progress::new(show_progress).step("Building the command line", || {
        build(repository, &["--bin", COMMAND_LINE], show_progress)
    })?;
    Ok(repository.join(release))
}

/// Deploys the release of a local stack. What the command prints is in `deploy.log` if it fails.
///
/// # Errors
///
/// [`LocalStackError::Deploy`] with the end of what the command printed.
pub(crate) fn deploy(stack: &Emulated) -> Result<(), LocalStackError> {
    let program = stack.repository.join("target/debug").join(COMMAND_LINE);
    let mut command = sealed(&program, &stack.emulator.endpoint_url());
    let machine = machine_parameters(&stack.repository)?;
    let parameters = machine.iter().chain(&stack.options.parameters);
    describe(&mut command, &stack.artifacts, parameters);
    let log = stack.directory.join("deploy.log");
    carry_out(command, "upvest-webhooks deploy", &log)
}

/// Tells the command what is to be deployed, with which parameters.
fn describe<'p>(command: &mut Command, release: &Path, parameters: impl Iterator<Item = &'p String>) {
    command
        .args(["deploy", "--stack", STACK, "--yes", "--release"])
        .arg(release)
        // Whatever of the owner's names another stack.
        .env_remove("UPVEST_WEBHOOKS_LOCAL")
        .env_remove("UPVEST_WEBHOOKS_STACK")
        .env_remove("UPVEST_WEBHOOKS_CONTEXT")
        .env("UPVEST_WEBHOOKS_CONFIG", "/nowhere/config.toml");
    for parameter in parameters {
        command.arg("--set").arg(parameter);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_is_deployed_with_each_parameter_and_to_no_stack_of_the_owners() {
        let mut command = Command::new(COMMAND_LINE);
        let parameters = ["Environment=local", "PublicUrl=http://a/b?c=d"].map(str::to_owned);
        describe(&mut command, Path::new("/dist"), parameters.iter());
        let arguments = command.get_args().map(|argument| argument.to_string_lossy());
        assert_eq!(
            arguments.collect::<Vec<_>>().join(" "),
            "deploy --stack upvest-webhooks --yes --release /dist --set Environment=local --set PublicUrl=http://a/b?c=d"
        );
        let mut variables = command.get_envs();
        let local = variables.find(|(name, _)| *name == "UPVEST_WEBHOOKS_LOCAL");
        assert_eq!(local.map(|(_, value)| value), Some(None));
    }

    #[test]
    fn a_deployment_that_fails_leaves_what_it_printed() {
        let log = std::env::temp_dir().join(format!("local-stack-deploy-{}.log", std::process::id()));
        let mut command = Command::new("sh");
        command.args(["-c", "echo what was wrong >&2; exit 4"]);
        let error = carry_out(command, "upvest-webhooks deploy", &log).unwrap_err();
        let told = error.to_string();
        assert!(told.starts_with("`upvest-webhooks deploy` failed"), "{told}");
        assert!(told.ends_with("what was wrong"), "{told}");
        assert_eq!(std::fs::read_to_string(&log).unwrap(), "what was wrong\n");
        std::fs::remove_file(&log).unwrap();
    }
}
