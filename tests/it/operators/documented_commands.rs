//! Every command that the documentation and the help name is one that can be given.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, in its helpers too"
)]

use std::path::{Path, PathBuf};

use clap::CommandFactory;
use upvest_webhooks::Cli;
use webhook_tests::commands::{assert_commands_parse, commands_in, parse};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
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
        count += assert_commands_parse::<Cli>(&text, &page.display().to_string());
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
            count += assert_commands_parse::<Cli>(&text, command.get_name());
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
        assert!(parse::<Cli>(wrong, is_whole).is_err(), "{wrong}");
    }
    assert!(parse::<Cli>("explain", false).is_ok());
    let text = "See `dlq list`:\n```sh\nupvest-webhooks --stack $STACK \\\n  doctor | less\n```\nand `x y`.";
    let expected = [
        ("dlq list", false),
        ("upvest-webhooks --stack $STACK    doctor | less", true),
    ];
    let expected = expected.map(|(command, is_whole)| (command.to_owned(), is_whole));
    assert_eq!(commands_in::<Cli>(text), expected);
}
