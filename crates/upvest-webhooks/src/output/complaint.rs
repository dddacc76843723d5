//! Errors on standard error: lines for people, or one line of JSON for programs.

use std::error::Error as StdError;
use std::ffi::OsString;

use operator::Error;
use pipeline::error::ErrorChain;
use serde::Serialize;

use super::{harmless_json, harmless_line, note};
use crate::exit::Exit;

/// Holds an error as the JSON document of docs/json.md.
#[derive(Serialize)]
struct Complaint<'c> {
    error: Failure<'c>,
}

#[derive(Serialize)]
struct Failure<'c> {
    kind: Exit,
    message: String,
    hint: Option<&'c str>,
}

/// Reports an error with what caused it, and a hint at what to do; gives the exit code that follows from it.
pub fn complain(error: &Error, as_json: bool) -> Exit {
    let (exit, hint) = (Exit::from(error.kind()), error.hint());
    note(&match as_json {
        true => json(exit, ErrorChain(error).to_string(), hint.as_deref()),
        false => text(error, hint.as_deref()),
    });
    exit
}

/// Reports a command line that cannot be parsed, or prints the help that it asks for; gives the exit code.
///
/// That `--json` is wanted is looked for in the words themselves: they could not be parsed.
pub fn misused(error: &clap::Error, words: impl IntoIterator<Item = OsString>) -> Exit {
    let exit = match error.exit_code() {
        0 => Exit::Done,
        _ => Exit::Usage,
    };
    if exit == Exit::Usage && words.into_iter().any(|word| word == "--json") {
        let (message, hint) = parts(&error.to_string());
        note(&json(exit, message, Some(&hint)));
    } else {
        // There is nowhere left to report that this failed.
        let _ = error.print();
    }
    exit
}

fn json(exit: Exit, message: String, hint: Option<&str>) -> String {
    let error = Failure {
        kind: exit,
        message,
        hint,
    };
    harmless_json(&serde_json::to_string(&Complaint { error }).expect("texts serialise"))
}

fn text(error: &dyn StdError, hint: Option<&str>) -> String {
    let mut text = format!("error: {}", one_line(error));
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(&format!("\n  because: {}", one_line(cause)));
        source = cause.source();
    }
    if let Some(hint) = hint {
        text.push_str(&format!("\n  hint: {hint}"));
    }
    text
}

/// Writes what an error says as one line: where it has several, like the SDK's of the places without credentials, they follow each
/// other.
fn one_line(error: &dyn StdError) -> String {
    let text = error.to_string();
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    harmless_line(&lines.join(" "))
}

/// Takes what the parser says apart: what is wrong, and the nearest name or else where to read on.
fn parts(error: &str) -> (String, String) {
    let mut paragraphs = error.trim().split("\n\n");
    let message = paragraphs.next().expect("a split has a first part");
    let message: Vec<&str> = message.lines().map(str::trim).collect();
    let tip = paragraphs.find_map(|paragraph| paragraph.trim().strip_prefix("tip: "));
    (
        message.join(" ").trim_start_matches("error: ").to_owned(),
        tip.unwrap_or("see --help").to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use std::io;

    use clap::Parser;
    use serde_json::{Value, json};
    use webhook_tests::schemas::assert_error;

    use super::*;

    #[test]
    fn a_complaint_ends_with_what_to_do() {
        let error = io::Error::other(io::Error::other("the clock is wrong"));
        let text = text(&error, Some("set the clock"));
        assert!(text.starts_with("error: the clock is wrong"), "{text}");
        assert!(text.ends_with("\n  hint: set the clock"), "{text}");
    }

    #[test]
    fn what_an_error_says_in_several_lines_is_read_in_one() {
        let shown = text(
            &io::Error::other("attempted:\n  Environment: not set\n\n  Profile: none\n"),
            None,
        );
        assert_eq!(shown, "error: attempted: Environment: not set Profile: none");
    }

    #[test]
    fn an_error_in_json_is_one_line_with_its_causes() {
        let error = Error::context("the log cannot be read")(io::Error::other("disk\nfull"));
        let line = json(Exit::Failed, ErrorChain(&error).to_string(), None);
        assert_eq!(line.lines().count(), 1);
        let parsed: Value = serde_json::from_str(&line).unwrap();
        assert_error(&parsed);
        assert_eq!(
            parsed,
            json!({"error": {"kind": "failed", "message": "the log cannot be read: disk\nfull", "hint": null}})
        );
    }

    #[test]
    fn what_an_error_repeats_of_others_steers_no_terminal_and_is_no_line_of_its_own() {
        let hostile =
            || Error::context("k\u{9b}2J")(io::Error::other("a\u{1b}[31m\u{202e}\nerror: all is well"));
        let shown = text(&hostile(), None);
        assert_eq!(shown.lines().count(), 2, "{shown}");
        assert!(
            !shown
                .chars()
                .any(|c| c != '\n' && (c.is_control() || c == '\u{202e}')),
            "{shown:?}"
        );
        let line = json(Exit::Failed, ErrorChain(&hostile()).to_string(), None);
        assert!(
            !line.chars().any(|c| c.is_control() || c == '\u{202e}'),
            "{line:?}"
        );
        let parsed: Value = serde_json::from_str(&line).unwrap();
        assert!(parsed["error"]["message"].as_str().unwrap().contains('\u{202e}'));
    }

    #[test]
    fn a_wrong_command_line_in_json_says_what_was_meant() {
        let told = |line: &str| {
            let words = std::iter::once("upvest-webhooks").chain(line.split_whitespace());
            parts(&crate::Cli::try_parse_from(words).unwrap_err().to_string())
        };
        let (message, hint) = told("events sow e1 --json");
        assert!(message.starts_with("unrecognized subcommand 'sow'"), "{message}");
        assert!(hint.contains("'show'"), "{hint}");
        let (message, hint) = told("events show --json");
        assert!(message.contains("EVENT_ID"), "{message}");
        assert_eq!(hint, "see --help");
    }
}
