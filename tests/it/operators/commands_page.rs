//! docs/commands.md has every command as its help has it.

use std::fs;

use clap::{Arg, Command, CommandFactory};
use upvest_webhooks::Cli;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/commands.md");
/// Begins what is written by this test.
const BEGIN: &str = "<!-- written by tests/it/operators/commands_page.rs, of the help -->\n";
/// What begins a paragraph that is an example, and ends before the command.
const LONGEST_LEAD: usize = 10;

#[test]
fn the_page_of_commands_is_what_the_help_says() {
    let page = fs::read_to_string(PAGE).unwrap();
    let (head, written) = page.split_once(BEGIN).expect("the page has the mark");
    let wanted = commands();
    // As snapshots are written anew.
    if std::env::var("INSTA_UPDATE").is_ok_and(|update| update == "always") {
        fs::write(PAGE, format!("{head}{BEGIN}{wanted}")).unwrap();
        return;
    }
    let mut lines = written.lines().zip(wanted.lines());
    let differs = lines.find(|(written, wanted)| written != wanted);
    assert!(
        written == wanted,
        "the help and docs/commands.md differ: {differs:?}\n\
         `INSTA_UPDATE=always cargo test -p webhook-tests --test it -- commands_page` writes it"
    );
}

#[test]
fn a_text_of_the_help_is_shown_as_it_is() {
    assert_eq!(escaped("a <b> of `c <d>`"), "a &lt;b> of `c <d>`");
    assert_eq!(cell("one | `two|three`\n\nfour"), "one \\| `two\\|three`. four");
    assert_eq!(
        paragraphs("Does it.\n\nExample: upvest-webhooks doctor"),
        "Does it.\n\nExample:\n\n```sh\nupvest-webhooks doctor\n```\n\n"
    );
}

fn commands() -> String {
    let mut program = Cli::command();
    program.build();
    let mut named = Vec::new();
    collect("", &program, &mut named);
    let mut page = "\n| Command | Does |\n|---|---|\n".to_owned();
    for (name, command) in &named {
        let about = command.get_about().map(ToString::to_string).unwrap_or_default();
        let anchor = name.replace(' ', "-");
        page.push_str(&format!("| [`{name}`](#{anchor}) | {} |\n", cell(&about)));
    }
    page.push_str("\n## Global options\n\n");
    page.push_str(&options(program.get_arguments()));
    for (name, command) in &named {
        page.push_str(&section(name, command, &program));
    }
    let after = program.get_after_help().map(ToString::to_string);
    page.push_str(&format!(
        "## By what they are for\n\n```text\n{}\n```\n",
        after.unwrap_or_default()
    ));
    page
}

/// Lists all commands below one, each with its words.
fn collect<'c>(words: &str, command: &'c Command, named: &mut Vec<(String, &'c Command)>) {
    let below = command.get_subcommands();
    for command in below.filter(|command| command.get_name() != "help" && !command.is_hide_set()) {
        let name = format!("{words} {}", command.get_name()).trim().to_owned();
        named.push((name.clone(), command));
        collect(&name, command, named);
    }
}

/// Writes what a command does and takes, but for the options that every command has.
fn section(name: &str, command: &Command, program: &Command) -> String {
    let depth = name.split(' ').count() + 1;
    let long = command.get_long_about().or(command.get_about());
    let about = long.map(ToString::to_string).unwrap_or_default();
    // Each with the word before it, so that none is taken for a command that can be given.
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ").lines();
    let usage: Vec<String> = usage.map(|line| format!("Usage: {}\n", line.trim())).collect();
    let after = command.get_after_help().map(ToString::to_string);
    let after = after.map_or_else(String::new, |text| format!("```text\n{text}\n```\n\n"));
    let is_everywhere = |arg: &&Arg| {
        program
            .get_arguments()
            .any(|global| global.get_id() == arg.get_id())
    };
    let own = command.get_arguments().filter(|arg| !is_everywhere(arg));
    format!(
        "{} `{name}`\n\n{}```text\n{}```\n\n{}{after}",
        "#".repeat(depth),
        paragraphs(&about),
        usage.concat(),
        options(own),
    )
}

/// Writes paragraphs of the help, and examples of a line as code.
fn paragraphs(text: &str) -> String {
    let paragraphs = text.split("\n\n").map(|paragraph| {
        let example = paragraph.split_once(": upvest-webhooks ");
        match example.filter(|(lead, _)| lead.len() <= LONGEST_LEAD) {
            Some((lead, command)) => format!("{lead}:\n\n```sh\nupvest-webhooks {command}\n```\n\n"),
            None => format!("{}\n\n", escaped(paragraph)),
        }
    });
    paragraphs.collect()
}

/// Makes the table of arguments and options; empty where there are none.
fn options<'a>(arguments: impl Iterator<Item = &'a Arg>) -> String {
    let shown =
        arguments.filter(|arg| !arg.is_hide_set() && !["help", "version"].contains(&arg.get_id().as_str()));
    let rows: Vec<String> = shown
        .map(|arg| {
            format!(
                "| `{}` | {} |\n",
                arg.to_string().replace('|', "\\|"),
                meaning(arg)
            )
        })
        .collect();
    match rows.is_empty() {
        true => String::new(),
        false => format!("| Argument | Means |\n|---|---|\n{}\n", rows.concat()),
    }
}

/// Says what an argument means, takes, is without being given, and which variable gives it.
fn meaning(arg: &Arg) -> String {
    let help = arg.get_long_help().or(arg.get_help());
    let mut text = cell(&help.map(ToString::to_string).unwrap_or_default());
    let mut add = |name: &str, values: Vec<String>| {
        if !values.is_empty() {
            let values: Vec<String> = values.iter().map(|value| format!("`{value}`")).collect();
            text.push_str(&format!("; {name} {}", values.join(", ")));
        }
    };
    if arg.get_action().takes_values() {
        let values = arg.get_possible_values().into_iter();
        let values = values.filter(|value| !value.is_hide_set() && !arg.is_hide_possible_values_set());
        add(
            "one of",
            values.map(|value| value.get_name().to_owned()).collect(),
        );
        let defaults = arg.get_default_values().iter();
        let defaults = defaults.filter(|_| !arg.is_hide_default_value_set());
        add(
            "default",
            defaults
                .map(|value| value.to_string_lossy().into_owned())
                .collect(),
        );
    }
    let variable = arg.get_env().filter(|_| !arg.is_hide_env_set());
    add(
        "or the variable",
        variable
            .map(|name| name.to_string_lossy().into_owned())
            .into_iter()
            .collect(),
    );
    text
}

/// Makes one line of a text, for a cell of a table. The last full stop of a paragraph is not in the help.
fn cell(text: &str) -> String {
    let paragraphs = text.split("\n\n").map(|paragraph| {
        let words: Vec<&str> = paragraph.split_whitespace().collect();
        words.join(" ").trim_end_matches('.').to_owned()
    });
    let paragraphs: Vec<String> = paragraphs.collect();
    escaped(&paragraphs.join(". ")).replace('|', "\\|")
}

/// Makes a text show in Markdown as it is, with what stands between backticks as code.
fn escaped(text: &str) -> String {
    let parts = text.split('`').enumerate().map(|(at, part)| match at % 2 {
        0 => part.replace('<', "&lt;").replace('*', "\\*").replace('_', "\\_"),
        _ => part.to_owned(),
    });
    parts.collect::<Vec<_>>().join("`")
}
