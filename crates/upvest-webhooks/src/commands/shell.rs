//! What is installed beside the program: completions for shells, and man pages.

use std::path::{Path, PathBuf};

use clap::{Args, Command, CommandFactory};
use clap_complete::env::Shells;
use clap_complete::{CompleteEnv, Shell};
use operator::{Error, Result};
use serde::Serialize;

use crate::Cli;
use crate::output::Report;

/// Names the variable by which a shell asks this program how a word may go on.
const ASKED: &str = "UPVEST_WEBHOOKS_COMPLETE";

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

/// Writes the script by which a shell asks this program for completions.
pub(crate) fn completions(shell: Shell) -> String {
    let (shells, name, mut script) = (Shells::builtins(), "upvest-webhooks", Vec::new());
    let shell = shells
        .completer(&shell.to_string())
        .expect("it has the same shells");
    let written = shell.write_registration(ASKED, name, name, name, &mut script);
    written.expect("memory can be written to");
    String::from_utf8(script).expect("a script is text")
}

/// Answers a shell that asks how a word may go on; tells whether the program was started for that.
///
/// No file but that of the contexts is read for it, and nothing is asked of AWS. What goes wrong offers nothing: an error
/// would stand in the operator's line.
pub fn completes() -> bool {
    let folder = std::env::current_dir().ok();
    let asked = CompleteEnv::with_factory(Cli::command).var(ASKED);
    asked
        .try_complete(std::env::args_os(), folder.as_deref())
        // A failure counts as answered: going on would print what is wrong with the shell's words.
        .unwrap_or(true)
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
    use clap_complete::engine::complete;
    use webhook_tests::schemas::fitting;

    use super::*;

    /// Lists what a shell is offered for the last word of a line.
    fn offered(line: &str) -> Vec<String> {
        let words: Vec<_> = line.split(' ').map(Into::into).collect();
        let last = words.len() - 1;
        let offered = complete(&mut Cli::command(), words, last, None).unwrap();
        let values = offered.iter().map(|candidate| candidate.get_value());
        values.map(|value| value.to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn every_shell_has_a_completion_script() {
        use clap::ValueEnum;
        for shell in Shell::value_variants() {
            let script = completions(*shell);
            assert!(
                script.contains(ASKED) && script.contains("upvest-webhooks"),
                "{shell}"
            );
        }
    }

    #[test]
    fn a_shell_is_offered_names_of_closed_lists() {
        for (line, name) in [
            ("upvest-webhooks dlq list --queue key", "key-requests"),
            ("upvest-webhooks entities list --domain corp", "corporate-actions"),
            ("upvest-webhooks reconcile corp", "corporate-actions"),
            ("upvest-webhooks events list --type ORDER.FILL", "ORDER.FILLED"),
            ("upvest-webhooks quarantine list --because bad-s", "bad-signature"),
            ("upvest-webhooks events tim", "timeline"),
        ] {
            assert_eq!(offered(line), [name], "{line}");
        }
    }

    #[test]
    fn every_command_has_a_man_page() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = scratch.path().join("man");
        let manual = Manual {
            folder: folder.clone(),
        };
        let written = manual.run(Cli::command()).unwrap();
        let page = std::fs::read_to_string(folder.join("upvest-webhooks-quarantine-list.1")).unwrap();
        assert!(page.contains("QUARANTINE_REASON"), "{page}");
        assert_eq!(fitting("man", &written)["pages"], written.pages);
        assert!(written.pages > 40, "{}", written.pages);
    }
}
