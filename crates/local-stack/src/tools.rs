//! The programs that a start needs, and running them.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::LocalStackError;

/// Finds the root of the repository this crate was built in.
pub(crate) fn repository() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2);
    root.expect("this crate is two folders below the root").to_owned()
}

/// Finds a file below `.tools`, where `make tools` installs what is pinned.
///
/// # Errors
///
/// [`LocalStackError::ToolMissing`] where it is not installed.
pub(crate) fn tool(repository: &Path, name: &str) -> Result<PathBuf, LocalStackError> {
    let path = repository.join(".tools").join(name);
    if path.exists() {
        Ok(path)
    } else {
        Err(LocalStackError::ToolMissing { path })
    }
}

/// Builds binaries of the workspace, so that none is older than the code that asks for it: those that `targets` name to
/// cargo, `--bins` for all. It is always told of the whole workspace, because a part of it would be built with other features
/// of the dependencies, which compiles those again.
pub(crate) fn build(repository: &Path, targets: &[&str], show_output: bool) -> Result<(), LocalStackError> {
    let cargo = std::env::var_os("CARGO").unwrap_or("cargo".into());
    let mut command = Command::new(cargo);
    command
        // Where the binaries are taken from, whatever the environment says.
        .args(["build", "--workspace", "--target-dir", "target"])
        .args(targets)
        .current_dir(repository);
    if show_output {
        command.stderr(Stdio::inherit());
    }
    let output = run(&mut command)?;
    if output.status.success() {
        return Ok(());
    }
    Err(LocalStackError::Build {
        last_lines: last_lines(&output.stderr),
    })
}

/// Makes a command that reaches no AWS account but the emulator's: whatever of AWS is in this process's environment or home
/// folder is kept from it.
pub(crate) fn sealed(program: &Path, endpoint_url: &str) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("AWS_") {
            command.env_remove(name);
        }
    }
    command
        .env("AWS_CONFIG_FILE", "/dev/null")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_ENDPOINT_URL", endpoint_url)
        .env("AWS_DEFAULT_REGION", crate::REGION)
        .env("AWS_REGION", crate::REGION)
        .env("AWS_ACCESS_KEY_ID", crate::ACCESS_KEY)
        .env("AWS_SECRET_ACCESS_KEY", crate::ACCESS_KEY)
        .env("NO_PROXY", "127.0.0.1,localhost")
        .env("no_proxy", "127.0.0.1,localhost");
    command
}

/// Runs a command to its end, and keeps what it printed.
pub(crate) fn run(command: &mut Command) -> Result<Output, LocalStackError> {
    command
        .stdin(Stdio::null())
        .output()
        .map_err(|source| LocalStackError::Run {
            program: command.get_program().to_string_lossy().into_owned(),
            source,
        })
}

/// Returns the last lines of what a program printed, empty ones left out.
pub(crate) fn last_lines(output: &[u8]) -> String {
    const SHOWN: usize = 20;
    let text = String::from_utf8_lossy(output);
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim_end)
        .filter(|line| !line.is_empty())
        .collect();
    lines[lines.len().saturating_sub(SHOWN)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_end_of_an_output_is_kept() {
        let output: String = (0..50).map(|line| format!("{line}\n\n")).collect();
        let kept = last_lines(output.as_bytes());
        assert!(kept.starts_with("30\n31\n") && kept.ends_with("\n49"), "{kept}");
        assert_eq!(last_lines(b""), "");
    }

    #[test]
    fn a_sealed_command_sees_no_account_but_the_emulator() {
        let command = sealed(Path::new("true"), "http://127.0.0.1:1");
        let value = |name: &str| {
            command
                .get_envs()
                .find(|(key, _)| *key == name)
                .and_then(|(_, value)| value.map(ToOwned::to_owned))
        };
        assert_eq!(value("AWS_ENDPOINT_URL"), Some("http://127.0.0.1:1".into()));
        assert_eq!(value("AWS_ACCESS_KEY_ID"), Some("test".into()));
        assert_eq!(value("AWS_PROFILE"), None);
        assert_eq!(value("AWS_CONFIG_FILE"), Some("/dev/null".into()));
    }

    #[test]
    fn a_missing_tool_names_the_command_that_installs_it() {
        let error = tool(&repository(), "nothing/bin/such").unwrap_err();
        assert!(error.to_string().ends_with("run `make tools`"), "{error}");
    }
}
