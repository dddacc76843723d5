//! What is installed beside the program: completions for shells, and man pages.

use std::path::{Path, PathBuf};

use clap::{Args, Command};
use clap_complete::Shell;
use operator::{Error, Result};
use serde::Serialize;

use crate::output::Report;

#[derive(Debug, Args)]
pub(crate) struct Manual {
    /// The folder to write them to, which is made if it is not there
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
}

/// Tells how many man pages were written, and where.
#[derive(Debug, Serialize)]
pub(crate) struct Written {
    folder: PathBuf,
    pages: usize,
}

/// Writes the completion script of a shell.
pub(crate) fn completions(mut program: Command, shell: Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut program, "upvest-webhooks", &mut script);
    String::from_utf8(script).expect("names and help are text")
}

impl Manual {
    /// Writes a man page for the program, and one for each of its commands.
    pub(crate) fn run(self, program: Command) -> Result<Written> {
        let pages = write(program, &self.folder).map_err(Error::context(format!(
            "the man pages cannot be written to {}",
            self.folder.display()
        )))?;
        Ok(Written {
            folder: self.folder,
            pages,
        })
    }
}

fn write(program: Command, folder: &Path) -> std::io::Result<usize> {
    std::fs::create_dir_all(folder)?;
    clap_mangen::generate_to(program.name("upvest-webhooks"), folder)?;
    let pages = std::fs::read_dir(folder)?.filter_map(std::io::Result::ok);
    let is_ours = |name: &str| name.starts_with("upvest-webhooks") && name.ends_with(".1");
    Ok(pages
        .filter(|page| page.file_name().to_str().is_some_and(is_ours))
        .count())
}

impl Report for Written {
    fn text(&self) -> String {
        format!("{} man pages in {}", self.pages, self.folder.display())
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;
    use webhook_tests::schemas::fitting;

    use super::*;
    use crate::Cli;

    #[test]
    fn every_shell_has_a_completion_script() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let script = completions(Cli::command(), shell);
            assert!(script.contains("timeline"), "{shell}");
        }
    }

    #[test]
    fn every_command_has_a_man_page() {
        let folder = std::env::temp_dir().join(format!("upvest-webhooks-man-{}", std::process::id()));
        let manual = Manual {
            folder: folder.clone(),
        };
        let written = manual.run(Cli::command()).unwrap();
        let page = std::fs::read_to_string(folder.join("upvest-webhooks-quarantine-list.1")).unwrap();
        std::fs::remove_dir_all(folder).unwrap();
        assert!(page.contains("QUARANTINE_REASON"), "{page}");
        assert_eq!(fitting("man", &written)["pages"], written.pages);
        assert!(written.pages > 40, "{}", written.pages);
    }
}
