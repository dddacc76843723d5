//! The calls that each command makes, held against the policies for operators and the table of the documentation.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, in its helpers too"
)]

mod calls;
mod commands;
mod stage;
mod table;

use std::collections::BTreeSet;
use std::path::Path;

use fake_aws::{Call, Outcome, Service};
use pipeline::stores::audit::attributes::COMMAND;
use serde_json::Value;
use upvest_webhooks::Cli;
use webhook_tests::deployment::UPVEST_SECRET;

use calls::{IamPolicy, Right, list, right};
use commands::{LOOKING, REPAIRING, RESTORING};
use stage::Stage;
use table::{Made, rows};

const STACK: &str = "upvest-webhooks";
const PAGE: &str = "docs/operations.md";
const TABLE_HEAD: &str = "| Commands | Policy | Calls |\n|---|---|---|\n";

/// Names what each command with `--stack` calls before it does anything.
const BEFORE_ALL: (&str, &str) = (
    "cloudformation:DescribeStacks",
    "arn:aws:cloudformation:eu-central-1:123456789012:stack/upvest-webhooks/1",
);

fn file(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

async fn made(stage: &Stage, commands: &[(&'static str, &str)]) -> Made {
    let mut made: Made = Vec::new();
    for (name, line) in commands {
        let rights = stage.run(line).await;
        match made.last_mut().filter(|(last, _)| last == name) {
            Some((_, all)) => all.extend(rights),
            None => made.push((name, rights)),
        }
    }
    made
}

fn all(made: &Made) -> BTreeSet<Right> {
    made.iter().flat_map(|(_, rights)| rights.clone()).collect()
}

/// Fails unless the policy to restore allows what the other two do not, and nothing else.
fn assert_restores(rights: &BTreeSet<Right>, look: &IamPolicy, repair: &IamPolicy) {
    let restore = IamPolicy::read("restore");
    restore.assert_needed(rights);
    for right in rights {
        let allowing = [look, repair, &restore].map(|policy| !policy.allowing(right).is_empty());
        let allowing = allowing.into_iter().filter(|allows| *allows).count();
        // Who repairs writes no event, and says of no action that it ran.
        assert_eq!(allowing, 1, "restore needs {right:?}, once");
    }
}

/// Fails unless `audit list --command` knows every command that left a record.
async fn assert_records_are_named(stage: &Stage) {
    // Read as items: `restore` brought a row that is no operation.
    let items = stage.world.receiver.aws.items("audit");
    let commands = items.iter().filter_map(|item| item[COMMAND]["S"].as_str());
    let recorded: BTreeSet<String> = commands.map(str::to_owned).collect();
    let named = operator::audit::COMMANDS.map(str::to_owned);
    assert_eq!(recorded, BTreeSet::from(named));
}

#[tokio::test]
async fn operators_have_the_permissions_that_commands_need_and_no_others() {
    let stage = Stage::set().await;
    let looking = made(&stage, &LOOKING).await;
    let repairing = made(&stage, &REPAIRING).await;
    let restoring = made(&stage, &RESTORING).await;
    let (look, repair) = (IamPolicy::read("look"), IamPolicy::read("repair"));
    assert_records_are_named(&stage).await;
    let before_all = (BEFORE_ALL.0.to_owned(), BEFORE_ALL.1.to_owned());
    for (command, rights) in &looking {
        for right in rights.iter().chain([&before_all]) {
            assert!(
                !look.allowing(right).is_empty(),
                "{command} needs {right:?} to look"
            );
        }
    }
    for (command, rights) in &repairing {
        for right in rights {
            let allowed = !look.allowing(right).is_empty() || !repair.allowing(right).is_empty();
            assert!(allowed, "{command} needs {right:?} to repair");
        }
    }
    assert_restores(&all(&restoring), &look, &repair);
    let mut looks = all(&looking);
    looks.insert(before_all);
    look.assert_needed(&looks);
    repair.assert_needed(&all(&repairing));
    // What one who looks has, one who repairs need not be given twice.
    let twice: Vec<_> = all(&repairing)
        .into_iter()
        .filter(|right| !look.allowing(right).is_empty())
        .collect();
    let twice: Vec<_> = twice
        .iter()
        .filter(|right| !repair.allowing(right).is_empty())
        .collect();
    assert!(twice.is_empty(), "{twice:?}");

    let beyond = |rights: &BTreeSet<Right>| {
        let beyond = rights.iter().filter(|right| look.allowing(right).is_empty());
        beyond.cloned().collect()
    };
    let beyond = |made: &Made| -> Made {
        let made = made.iter();
        made.map(|(command, rights)| (*command, beyond(rights))).collect()
    };
    let table = format!(
        "{TABLE_HEAD}{}{}{}",
        rows("look", &looking),
        rows("repair", &beyond(&repairing)),
        rows("restore", &beyond(&restoring))
    );
    let page = file(PAGE);
    assert!(
        page.contains(&format!("\n{table}\n")),
        "{PAGE} is to have this table:\n\n{table}"
    );
}

#[test]
fn one_who_looks_can_change_nothing() {
    // Receiving hides a message for a moment, and looking gives it back at once.
    let harmless = ["sqs:ReceiveMessage", "sqs:ChangeMessageVisibility"];
    for statement in &IamPolicy::read("look").0 {
        for action in list(&statement["Action"]).filter(|action| !harmless.contains(action)) {
            let (_, operation) = action.split_once(':').unwrap();
            let reads = ["Get", "List", "Describe", "Query", "Scan", "BatchGet"];
            assert!(reads.iter().any(|read| operation.starts_with(read)), "{action}");
        }
        for resource in list(&statement["Resource"]) {
            assert!(
                !resource.contains("/hmac/"),
                "whoever reads a shared secret can sign with it"
            );
        }
    }
}

#[test]
fn every_command_is_one_that_looks_or_one_that_repairs() {
    use clap::CommandFactory;
    let named: BTreeSet<String> = LOOKING
        .iter()
        .chain(&REPAIRING)
        .chain(&RESTORING)
        .map(|(_, line)| line.split_whitespace().next().unwrap().to_owned())
        .collect();
    // They call nothing of AWS but for the stack's outputs; those that deploy are held against the policy of deployers.
    let without = [
        "deploy",
        "configure",
        "context",
        "cost",
        "send",
        "spec",
        "completions",
        "man",
        "help",
    ];
    for command in Cli::command().get_subcommands() {
        let name = command.get_name();
        assert!(named.contains(name) || without.contains(&name), "{name}");
        for part in command
            .get_subcommands()
            .map(clap::Command::get_name)
            .filter(|part| *part != "help")
        {
            let full = format!("{name} {part}");
            let all = LOOKING.iter().chain(&REPAIRING);
            let is_named = all.map(|(_, line)| line).any(|line| line.starts_with(&full));
            assert!(
                is_named
                    || without.contains(&name)
                    || ["webhooks create", "webhooks disable"].contains(&&*full),
                "{full}"
            );
        }
    }
}
