//! The operator's commands that a text names, such as a page of the documentation or an advice.

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Parser, Subcommand};

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

/// Says why a repair is done, and that nobody is asked.
pub const REASON: [&str; 3] = ["--yes", "--reason", "INC-42"];

/// Is a command line of which `C` are the commands.
#[derive(Debug, Parser)]
struct Line<C: Subcommand> {
    #[command(subcommand)]
    command: C,
}

/// Parses the words behind the name of a group of commands, `C`.
///
/// # Panics
///
/// If the group has no such command.
pub fn parsed<C: Subcommand>(words: &[&str]) -> C {
    Line::try_parse_from(std::iter::once(&NAME).chain(words))
        .unwrap_or_else(|error| panic!("{error}"))
        .command
}

/// Fails unless every command in a text can be given to the command line `C`. Those in lines of their own are to be
/// complete. Returns how many there are.
///
/// # Panics
///
/// If a command cannot be given.
pub fn assert_commands_parse<C: Parser>(text: &str, place: &str) -> usize {
    let commands = commands_in::<C>(text);
    for (command, is_whole) in &commands {
        if let Err(error) = parse::<C>(command, *is_whole) {
            panic!("{place}: {command}\n{error}");
        }
    }
    commands.len()
}

/// Parses a command as the command line `C` does; one that is not whole may lack arguments.
///
/// # Errors
///
/// [`clap::Error`] when it cannot be given.
pub fn parse<C: Parser>(command: &str, is_whole: bool) -> Result<(), clap::Error> {
    let words = words(command);
    let given = words.iter().skip(usize::from(words[0] == NAME));
    let Err(error) = C::try_parse_from([NAME].into_iter().chain(given.map(String::as_str))) else {
        return Ok(());
    };
    let lacks = match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => return Ok(()),
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
pub fn commands_in<C: Parser>(text: &str) -> Vec<(String, bool)> {
    let text = text.replace("\\\n", " ");
    let mut found = Vec::new();
    for (at, part) in text.split("```").enumerate() {
        let lines = part.lines().map(|line| line.trim().trim_start_matches("$ "));
        let lines = lines.filter(|line| is_command(line));
        found.extend(lines.map(|line| (line.to_owned(), true)));
        if at % 2 == 0 {
            let spans = part.split('`').skip(1).step_by(2);
            let spans = spans.map(|span| span.split_whitespace().collect::<Vec<_>>().join(" "));
            let spans = spans.filter(|span| is_command(span) || begins_with_subcommand::<C>(span));
            found.extend(spans.map(|span| (span, false)));
        }
    }
    found
}

fn is_command(text: &str) -> bool {
    text.starts_with("upvest-webhooks ")
}

fn begins_with_subcommand<C: Parser>(text: &str) -> bool {
    let first = text.split_once(' ').map(|(first, _)| first);
    let cli = C::command();
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
