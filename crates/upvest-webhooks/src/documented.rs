//! Every command that the documentation, the help and advice name is one that can be given.

use std::path::{Path, PathBuf};

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, Parser};

use crate::cli::Cli;

const NAME: &str = "upvest-webhooks";

/// Lists what stands for something that the reader has, and what it could be.
const STAND_INS: [(&str, &str); 8] = [
    ("$DELIVERY", "9fc8c651-1a1d-47c4-b0c2-1f724601ecf4"),
    ("DELIVERY", "9fc8c651-1a1d-47c4-b0c2-1f724601ecf4"),
    ("DELIVERY_ID", "9fc8c651-1a1d-47c4-b0c2-1f724601ecf4"),
    ("$RECEIVED", "2026-01-05T09:30:00Z"),
    ("$A_MOMENT_LATER", "2026-01-05T09:30:01Z"),
    ("$STACK", "webhooks-live"),
    ("DOMAIN", "orders"),
    ("<domain>", "orders"),
];

/// Fails unless every command in a text can be given. Those in lines of their own are to be complete.
pub(crate) fn assert_commands_parse(text: &str, place: &str) -> usize {
    let commands = commands(text);
    for (command, is_whole) in &commands {
        if let Err(error) = parse(command, *is_whole) {
            panic!("{place}: {command}\n{error}");
        }
    }
    commands.len()
}

fn parse(command: &str, is_whole: bool) -> Result<(), clap::Error> {
    let words = words(command);
    let given = words.iter().skip(usize::from(words[0] == NAME));
    let Err(error) = Cli::try_parse_from([NAME].into_iter().chain(given.map(String::as_str))) else {
        return Ok(());
    };
    let lacks = match error.kind() {
        ErrorKind::DisplayHelp => return Ok(()),
        ErrorKind::MissingRequiredArgument
        | ErrorKind::MissingSubcommand
        | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => true,
        _ => error.to_string().contains("a value is required"),
    };
    match (lacks && !is_whole) || refuses_placeholder(&error) {
        true => Ok(()),
        false => Err(error),
    }
}

/// Tells whether all that is wrong is that a name stands where the reader is to put a value.
fn refuses_placeholder(error: &clap::Error) -> bool {
    let Some(ContextValue::String(value)) = error.get(ContextKind::InvalidValue) else {
        return false;
    };
    value.starts_with('$') || value.chars().all(|c| c.is_ascii_uppercase())
}

/// Finds the commands in lines of their own, and those in spans of code, which may leave out what they need.
fn commands(text: &str) -> Vec<(String, bool)> {
    let text = text.replace("\\\n", " ");
    let mut found = Vec::new();
    for (at, part) in text.split("```").enumerate() {
        let lines = part.lines().map(|line| line.trim().trim_start_matches("$ "));
        let lines = lines.filter(|line| is_command(line));
        found.extend(lines.map(|line| (line.to_owned(), true)));
        if at % 2 == 0 {
            let spans = part.split('`').skip(1).step_by(2);
            let spans = spans.map(|span| span.split_whitespace().collect::<Vec<_>>().join(" "));
            let spans = spans.filter(|span| is_command(span) || begins_with_subcommand(span));
            found.extend(spans.map(|span| (span, false)));
        }
    }
    found
}

fn is_command(text: &str) -> bool {
    text.starts_with("upvest-webhooks ")
}

fn begins_with_subcommand(text: &str) -> bool {
    let first = text.split_once(' ').map(|(first, _)| first);
    let cli = Cli::command();
    first.is_some_and(|first| cli.get_subcommands().any(|command| command.get_name() == first))
}

/// Lists the words of a line as a shell finds them, up to where another program begins.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quote = None;
    for c in line.chars() {
        let word = words.last_mut().expect("there is one");
        match (quote, c) {
            (None, '\'' | '"') => quote = Some(c),
            (Some(open), _) if open == c => quote = None,
            (None, ' ') if word.is_empty() => {}
            (None, ' ') => words.push(String::new()),
            _ => word.push(c),
        }
    }
    words.retain(|word| !word.is_empty());
    let ends = |word: &String| ["|", ">", "&&"].contains(&word.as_str());
    let end = words.iter().position(ends).unwrap_or(words.len());
    words.truncate(end);
    for word in &mut words {
        let stand_in = STAND_INS.iter().find(|(name, _)| word == name);
        if let Some((_, value)) = stand_in {
            (*value).clone_into(word);
        }
    }
    words
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Lists the README, and every page below docs/.
fn pages() -> Vec<PathBuf> {
    let mut pages = vec![repository().join("README.md"), repository().join("CHANGELOG.md")];
    let mut folders = vec![repository().join("docs")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false => pages.extend(path.extension().is_some_and(|end| end == "md").then_some(path)),
            }
        }
    }
    pages
}

#[test]
fn every_command_in_the_documentation_can_be_given() {
    let mut count = 0;
    for page in pages() {
        let text = std::fs::read_to_string(&page).unwrap();
        count += assert_commands_parse(&text, &page.display().to_string());
    }
    assert!(count > 100, "{count}");
}

#[test]
fn every_command_in_the_help_can_be_given() {
    let (mut commands, mut count) = (vec![Cli::command()], 0);
    while let Some(command) = commands.pop() {
        let texts = [
            command.get_after_help(),
            command.get_long_about(),
            command.get_about(),
        ];
        for text in texts.into_iter().flatten() {
            let text = text
                .to_string()
                .replace("Example: ", "\n")
                .replace("For bash: ", "\n");
            count += assert_commands_parse(&text, command.get_name());
        }
        commands.extend(command.get_subcommands().cloned());
    }
    assert!(count > 20, "{count}");
}

#[test]
fn a_wrong_flag_a_wrong_value_and_a_missing_argument_are_noticed() {
    for (wrong, is_whole) in [
        ("upvest-webhooks dlq redrive --queue orders", true),
        ("upvest-webhooks reconcile nonsense", true),
        ("upvest-webhooks explain", true),
        ("dlq redrive --queue orders --nonsense", false),
    ] {
        assert!(parse(wrong, is_whole).is_err(), "{wrong}");
    }
    assert!(parse("explain", false).is_ok());
    let text = "See `dlq list`:\n```sh\nupvest-webhooks --stack $STACK \\\n  doctor | less\n```\nand `x y`.";
    let expected = [
        ("dlq list", false),
        ("upvest-webhooks --stack $STACK    doctor | less", true),
    ];
    let expected = expected.map(|(command, is_whole)| (command.to_owned(), is_whole));
    assert_eq!(commands(text), expected);
}
