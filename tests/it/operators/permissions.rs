//! The calls that each command makes, held against the policies for operators and the table of the documentation.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, in its helpers too"
)]

mod calls;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use aws_sdk_dynamodb::types::AttributeValue;
use clap::Parser;
use fake_aws::{Call, Outcome, Service};
use pipeline::runtime::clock::Clock;
use serde_json::Value;
use upvest::Domain;
use upvest_simulator::Subscription;
use webhook_tests::deliveries::{event, sign, signing_key};
use webhook_tests::deployment::{ConnectedDeployment, Deployment, UPVEST_SECRET};
use webhook_tests::receiver::{dead_letter_name, gateway_request, queue_name};

use calls::{IamPolicy, Right, list, right};
use upvest_webhooks::Cli;
use verify_and_store::Policy;

const OPERATOR: &str = "operator";
const STACK: &str = "upvest-webhooks";
const PAGE: &str = "docs/operations.md";
const TABLE_HEAD: &str = "| Commands | Policy | Calls |\n|---|---|---|\n";

/// Names what each command with `--stack` calls before it does anything.
const BEFORE_ALL: (&str, &str) = (
    "cloudformation:DescribeStacks",
    "arn:aws:cloudformation:eu-central-1:123456789012:stack/upvest-webhooks/1",
);

/// Lists the commands that look, in the order of the table.
const LOOKING: [(&str, &str); 41] = [
    ("events show", "events show order-1"),
    ("events show", "events show topu"),
    ("events list", "events list --user u1 --since 1h"),
    ("events timeline", "events timeline ORDER#o1"),
    ("entities show", "entities show ORDER#o1"),
    ("entities list", "entities list --user u1"),
    ("entities list", "entities list --type order"),
    ("entities verify", "entities verify --domain orders"),
    (
        "entities rebuild --dry-run",
        "entities rebuild --domain orders --dry-run",
    ),
    ("explain", "explain ORDER#o1"),
    ("explain", "explain order-2"),
    ("explain", "explain o1"),
    ("tail", "tail --plain --since 10m --for 1s"),
    ("archive verify", "archive verify --since 1h"),
    ("archive resend --dry-run", "archive resend --since 1h --dry-run"),
    (
        "restore --dry-run",
        "restore events --from events-restored --dry-run",
    ),
    (
        "restore --dry-run",
        "restore idempotency --from idempotency-restored --dry-run",
    ),
    ("restore --dry-run", "restore keys --from keys-restored --dry-run"),
    (
        "restore --dry-run",
        "restore subscriptions --from subscriptions-restored --dry-run",
    ),
    (
        "restore --dry-run",
        "restore audit --from audit-restored --dry-run",
    ),
    ("quarantine list", "quarantine list"),
    ("quarantine show", "quarantine show $FORGED"),
    ("quarantine reverify --dry-run", "quarantine reverify --dry-run"),
    (
        "quarantine discard --dry-run",
        "quarantine discard $FORGED --dry-run",
    ),
    ("dlq list", "dlq list --messages"),
    ("dlq show", "dlq show $LETTER --queue orders"),
    ("dlq redrive --dry-run", "dlq redrive --queue orders --dry-run"),
    ("dlq discard --dry-run", "dlq discard $WAITING --dry-run"),
    ("dlq pending", "dlq pending"),
    ("dlq resend --dry-run", "dlq resend --dry-run"),
    ("drain --dry-run", "drain --dry-run"),
    ("audit list", "audit list"),
    ("audit show", "audit show $OPERATION"),
    ("replay --dry-run", "replay --domain orders --dry-run"),
    ("keys list", "keys list"),
    ("keys refresh --dry-run", "keys refresh --dry-run"),
    (
        "keys distrust --dry-run",
        "keys distrust $KEY --since 1h --dry-run",
    ),
    ("webhooks list", "webhooks list"),
    ("webhooks get", "webhooks get $SUBSCRIPTION"),
    ("reconcile", "reconcile orders --grace 0"),
    ("doctor", "doctor"),
];

/// Lists the commands that change something.
const REPAIRING: [(&str, &str); 24] = [
    (
        "quarantine discard",
        "quarantine discard $FORGED --reason r --yes",
    ),
    (
        "quarantine reverify",
        "quarantine reverify --wait 1 --reason r --yes",
    ),
    ("entities rebuild", "entities rebuild ORDER#o1 --reason r --yes"),
    ("dlq discard", "dlq discard $WAITING --reason r --yes"),
    ("dlq redrive", "dlq redrive --queue orders --reason r --yes"),
    ("dlq resend", "dlq resend --reason r --yes"),
    ("replay", "replay --domain orders --reason r --yes"),
    ("replay", "replay --since 1h --reason r --yes"),
    ("archive resend", "archive resend --since 1h --reason r --yes"),
    ("drain", "drain --wait 0 --reason r --yes"),
    ("drain --resume", "drain --resume --reason r --yes"),
    ("keys refresh", "keys refresh --reason r"),
    ("keys import", "keys import --jwk $JWK --reason r"),
    ("keys import", "keys import --jwk $JWK --reason r"),
    (
        "keys import",
        "keys import --key-id smoke --hmac-secret-file $SECRET --reason r",
    ),
    (
        "keys import",
        "keys import --key-id smoke --hmac-secret-file $OTHER --replace --reason r",
    ),
    ("keys distrust", "keys distrust nine --reason r --yes"),
    ("keys trust", "keys trust nine --reason r --yes"),
    (
        "reconcile --repair",
        "reconcile --entity ORDER#o3 --grace 0 --repair --yes --key-id smoke --key-file $OTHER --reason r",
    ),
    (
        "doctor --probe-key",
        "doctor --probe-key $OTHER --probe-key-id smoke",
    ),
    ("webhooks enable", "webhooks enable $SUBSCRIPTION"),
    ("webhooks update", "webhooks update $SUBSCRIPTION --title Other"),
    ("webhooks test", "webhooks test $SUBSCRIPTION"),
    ("webhooks delete", "webhooks delete $SUBSCRIPTION --yes"),
];

/// Lists the commands that put rows back which only the stack itself writes.
const RESTORING: [(&str, &str); 5] = [
    (
        "restore",
        "restore events --from events-restored --reason r --yes",
    ),
    (
        "restore",
        "restore idempotency --from idempotency-restored --reason r --yes",
    ),
    ("restore", "restore keys --from keys-restored --reason r --yes"),
    (
        "restore",
        "restore subscriptions --from subscriptions-restored --reason r --yes",
    ),
    ("restore", "restore audit --from audit-restored --reason r --yes"),
];

/// Holds a stack in which there is something to do for every command.
struct Stage {
    world: ConnectedDeployment,
    stand_ins: BTreeMap<&'static str, String>,
    files: std::path::PathBuf,
}

impl Drop for Stage {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.files);
    }
}

impl Stage {
    async fn set() -> Self {
        let mut world = Deployment::builder()
            .subscriptions(Policy::Strict)
            .connect()
            .await;
        world.catch_up();
        add_key_requests(&mut world);
        world.know_keys().await;
        let files = std::env::temp_dir().join(format!("permissions-{}", std::process::id()));
        std::fs::create_dir_all(&files).unwrap();
        let mut stage = Self {
            world,
            stand_ins: BTreeMap::new(),
            files,
        };
        stage.deliver().await;
        stage.spoil().await;
        stage.quarantine().await;
        stage.bury().await;
        stage.leave_pending().await;
        stage.lose_rows().await;
        stage.write_files();
        stage.describe_stack();
        stage
            .stand_ins
            .insert("$KEY", stage.world.simulator.state().key_id);
        let overlap = std::time::Duration::from_secs(3600);
        stage.world.simulator.rotate_key(overlap).unwrap();
        stage.run("replay --event order-1 --reason r --yes").await;
        let operation = stage.world.receiver.stored("audit").remove(0);
        stage.stand_ins.insert("$OPERATION", operation);
        stage
    }

    /// Delivers an order's events, one of which is too large for the log, and one for somebody else's subscription, which
    /// goes to quarantine.
    async fn deliver(&mut self) {
        let subscription = Subscription::new("s", self.world.url.parse().unwrap());
        self.world.simulator.subscribe(subscription).unwrap();
        let large = format!(
            r#"{{"id":"o1","status":"FILLED","user_id":"u1","note":"{}"}}"#,
            "x".repeat(500_000)
        );
        let events = [
            event(
                "order-1",
                1,
                "ORDER.NEW",
                r#"{"id":"o1","status":"NEW","user_id":"u1"}"#,
            ),
            event("order-2", 2, "ORDER.FILLED", &large),
            event("foreign", 3, "ORDER.NEW", r#"{"id":"o4","status":"NEW"}"#).replacen(
                '{',
                r#"{"webhook_id":"theirs","#,
                1,
            ),
            event("order-5", 4, "ORDER.NEW", r#"{"id":"o5","status":"NEW"}"#),
        ];
        self.world.receiver.subscriptions().adopt("ours").await.unwrap();
        let simulator = &self.world.simulator;
        simulator.queue(&format!("[{}]", events.join(","))).unwrap();
        self.world.receiving(simulator.delivered()).await;
        self.world.receiver.drain().await;
        let object = r#"{"id":"o3","created_at":"2026-01-01T00:00:03Z","updated_at":"2026-01-01T00:00:03Z",
            "account_id":"a1","quantity":"6","status":"NEW","executions":[]}"#;
        let lost = event("order-3", 3, "ORDER.NEW", object);
        simulator.lose(&format!("[{lost}]")).unwrap();
        let id = simulator.subscriptions()[0].id.clone();
        self.stand_ins.insert("$SUBSCRIPTION", id);
    }

    /// Puts two deliveries into quarantine, and then has the key be the one that signed them.
    async fn quarantine(&mut self) {
        self.world.know_key(&signing_key(8)).await;
        for id in ["forged", "wronged"] {
            let body = event(id, 3, "ORDER.CANCELLED", r#"{"id":"o2","status":"CANCELLED"}"#);
            let headers = sign(&signing_key(7), body.as_bytes());
            let now = self.world.receiver.aws.clock().unix_ms();
            let request = gateway_request(now, &headers, body.as_bytes());
            assert_eq!(self.world.receiver.request(request).await.unwrap().0, 200);
        }
        self.world.receiver.verify_and_store().await;
        self.world.know_key(&signing_key(7)).await;
        let objects = self.world.receiver.kept().into_keys();
        let quarantined = objects.filter(|key| key.starts_with("quarantine/bad-signature/"));
        let ids: Vec<String> = quarantined
            .filter_map(|key| Some(key.rsplit('/').next()?.to_owned()))
            .collect();
        assert_eq!(ids.len(), 2);
        self.stand_ins.insert("$FORGED", ids[0].clone());
    }

    /// Has a delivery be pending.
    async fn leave_pending(&self) {
        let pending = self.world.receiver.pending();
        let mut message = aws_lambda_events::sqs::SqsMessage::default();
        message.message_id = Some("6f2f1d0e-0000-4000-8000-000000000001".to_owned());
        message.body = Some("no delivery".to_owned());
        let message = pipeline::stores::pending::PendingMessage::received(&message);
        pending.keep(&message).await.unwrap();
    }

    /// Has a restored copy of each table, with a row that the table has not; and the archive have what the log lacks.
    async fn lose_rows(&self) {
        for (table, key, attribute) in [
            ("events", "event_id", "sha256"),
            ("idempotency", "id", "expiration"),
            ("keys", "key_id", "algorithm"),
            ("subscriptions", "webhook_id", "first_seen"),
            ("audit", "id", "at"),
        ] {
            let (aws, copy) = (&self.world.receiver.aws, format!("{table}-restored"));
            aws.create_table(&copy, key, None);
            let text = |text: &str| AttributeValue::S(text.to_owned());
            let put = aws.dynamodb().put_item().table_name(copy);
            let put = put.item(key, text("lost")).item(attribute, text("x"));
            put.send().await.unwrap();
        }
        self.world.delete("events", "order-5").await;
    }

    /// Puts a message into the dead-letter queue of the orders.
    async fn bury(&mut self) {
        let url = queue_url(&dead_letter_name(Domain::Orders));
        let send = self.world.receiver.aws.sqs().send_message().queue_url(url);
        let send = send.message_group_id("g").message_deduplication_id("d");
        let sent = send.message_body("no event").send().await.unwrap();
        self.stand_ins.insert("$LETTER", sent.message_id.unwrap());
    }

    /// Has a payment wait in the dead-letter queue of its domain, and spoils the item of an order.
    async fn spoil(&mut self) {
        let waits = event("topup-1", 4, "TOPUP.CONFIRMED", r#"{"id":"t1","user_id":"u1"}"#);
        let simulator = &self.world.simulator;
        simulator.queue(&waits).unwrap();
        self.world.receiving(simulator.delivered()).await;
        while self.world.receiver.verify_and_store().await.is_some() {}
        let message = self.world.waiting(Domain::Payments).remove(0);
        let (home, dead) = (queue_name(Domain::Payments), dead_letter_name(Domain::Payments));
        self.world.copy_to(&dead, &message).await;
        self.world.lose(&home).await;
        self.stand_ins.insert("$WAITING", "topup-1".to_owned());
        let item = "ORDER#o1";
        self.world.set("entities", item, ("status", "SPOILED")).await;
    }

    fn write_files(&mut self) {
        let jwk = serde_json::to_string(&signing_key(9).to_jwk().unwrap().with_key_id("nine")).unwrap();
        for (name, content) in [
            ("$JWK", jwk.as_str()),
            ("$SECRET", "sixteen bytes or more"),
            ("$OTHER", "another sixteen bytes"),
        ] {
            let file = self.files.join(name.trim_start_matches('$'));
            webhook_tests::files::write_secret(&file, content);
            self.stand_ins.insert(name, file.display().to_string());
        }
    }

    fn describe_stack(&self) {
        self.world.receiver.aws.edit_account(|account| {
            account.stack_status = "UPDATE_COMPLETE".to_owned();
            for (resource_type, name) in [
                ("AWS::Lambda::Function", "upvest-webhooks-IngestFunction-1"),
                ("AWS::Lambda::EventSourceMapping", "mapping"),
                ("AWS::Events::Rule", "upvest-webhooks-RefreshKeysSchedule-1"),
            ] {
                let logical = name.trim_start_matches("upvest-webhooks-").trim_end_matches("-1");
                let names = (logical.to_owned(), name.to_owned());
                account.stack_resources.push((resource_type, names.0, names.1));
            }
        });
    }

    /// Runs a command as an operator; gives what it takes in IAM.
    async fn run(&self, line: &str) -> BTreeSet<Right> {
        let words = line.split_whitespace().map(|word| {
            let stand_in = self.stand_ins.get(word).map(String::as_str);
            stand_in.unwrap_or(word).to_owned()
        });
        let words = std::iter::once(STACK.to_owned()).chain(words);
        let cli = Cli::try_parse_from(words).unwrap_or_else(|error| panic!("{error}"));
        let aws = &self.world.receiver.aws;
        self.world.catch_up();
        aws.clear_calls();
        let clock = Clock::system();
        let run = aws.invoke(OPERATOR, cli.run_on(&self.world.stacks, &clock));
        let done = self.world.receiving(run).await.unwrap();
        if let Err(error) = done {
            panic!("{line}: {}", pipeline::error::ErrorChain(&error));
        }
        let calls = aws.calls().into_iter();
        let own = calls.filter(|call| call.invocation.as_deref() == Some(OPERATOR));
        let rights: BTreeSet<Right> = own.filter_map(|call| right(&call)).collect();
        assert!(!rights.is_empty(), "{line} calls nothing");
        rights
    }
}

fn queue_url(name: &str) -> String {
    format!("https://sqs.eu-central-1.amazonaws.com/123456789012/{name}")
}

/// Has commands find queues of key requests, which no receiver in process has.
fn add_key_requests(world: &mut ConnectedDeployment) {
    let url = queue_url(&dead_letter_name(Domain::Fees));
    world.add_outputs(&[
        ("KeyRequestsQueueUrl", &url),
        ("KeyRequestsDeadLetterQueueUrl", &url),
    ]);
}

fn file(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Lists the calls by command, in the order of the commands.
type Made = Vec<(&'static str, BTreeSet<Right>)>;

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

/// Writes the rows of the table: commands with the same calls share one.
fn rows(policy: &str, made: &Made) -> String {
    let mut rows: Vec<(String, Vec<&str>)> = Vec::new();
    for (command, rights) in made {
        let calls = calls(rights);
        match rows.iter_mut().find(|(own, _)| *own == calls) {
            Some((_, commands)) => commands.push(command),
            None => rows.push((calls, vec![command])),
        }
    }
    let row = |(calls, commands): &(String, Vec<&str>)| {
        format!("| `{}` | {policy} | {calls} |\n", commands.join("`, `"))
    };
    rows.iter().map(row).collect()
}

fn calls(rights: &BTreeSet<Right>) -> String {
    let mut by_action: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for (action, arn) in rights.iter().filter(|right| right.0 != BEFORE_ALL.0) {
        by_action.entry(action).or_default().extend(place(arn));
    }
    let call = |(action, places): (&&str, &BTreeSet<String>)| match places.is_empty() {
        true => format!("`{action}`"),
        false => format!(
            "`{action}` ({})",
            places.iter().cloned().collect::<Vec<_>>().join(", ")
        ),
    };
    match by_action.is_empty() {
        true => "nothing more".to_owned(),
        false => by_action.iter().map(call).collect::<Vec<_>>().join("; "),
    }
}

/// Tells what the table calls a resource.
fn place(arn: &str) -> Option<String> {
    let name = arn.rsplit(':').next()?;
    let own = name.split_once(&format!("{STACK}-")).map(|(_, own)| own);
    let own = own.and_then(|own| own.split('-').next()).unwrap_or_default();
    Some(match arn.split(':').nth(2)? {
        "dynamodb" => own.trim_end_matches("Table").to_lowercase(),
        "sqs" if own.ends_with("DeadLetterQueue") => "dead-letter queues".to_owned(),
        "sqs" if own == "DeliveriesQueue" => "deliveries queue".to_owned(),
        "sqs" => "domain queues".to_owned(),
        "s3" if name.contains("-pendingbucket-") => "pending".to_owned(),
        "s3" if name.contains("-quarantinebucket-") => "quarantine".to_owned(),
        "s3" => "archive".to_owned(),
        "secretsmanager" if name.contains("UPVEST_SECRET") => "Upvest's credentials".to_owned(),
        "secretsmanager" => "keys of your own".to_owned(),
        _ => return None,
    })
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

#[tokio::test]
async fn operators_have_the_permissions_that_commands_need_and_no_others() {
    let stage = Stage::set().await;
    let looking = made(&stage, &LOOKING).await;
    let repairing = made(&stage, &REPAIRING).await;
    let restoring = made(&stage, &RESTORING).await;
    let (look, repair) = (IamPolicy::read("look"), IamPolicy::read("repair"));
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
    // They call nothing of AWS but for the stack's outputs.
    let without = ["cost", "send", "spec", "completions", "man", "help"];
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
                is_named || ["spec check", "webhooks create", "webhooks disable"].contains(&&*full),
                "{full}"
            );
        }
    }
}
