//! A stack in which there is something to do for every command.

use std::collections::BTreeMap;

use clap::Parser;
use pipeline::runtime::clock::Clock;
use pipeline::stores::archive::BAD_SIGNATURE;
use pipeline::stores::entities::attributes::STATUS;
use pipeline::stores::restoring::RestorableTable;
use tempfile::TempDir;
use upvest::Domain;
use upvest_simulator::Subscription;
use verify_and_store::Policy;
use webhook_tests::deliveries::{event, sign, signing_key};
use webhook_tests::deployment::{ConnectedDeployment, Deployment};
use webhook_tests::receiver::{dead_letter_name, gateway_request, queue_name};
use webhook_tests::schemas::assert_described;
use webhook_tests::stored::by_hand::Rows;
use webhook_tests::stored::quarantine_reason;

use super::*;

/// Names the invocation as which commands run, so that their calls are told from those of the test.
const OPERATOR: &str = "operator";

/// Holds a stack in which there is something to do for every command.
pub(super) struct Stage {
    pub(super) world: ConnectedDeployment,
    pub(super) stand_ins: BTreeMap<&'static str, String>,
    pub(super) files: TempDir,
}

impl Stage {
    pub(super) async fn set() -> Self {
        let mut world = Deployment::builder()
            .subscriptions(Policy::Strict)
            .connect()
            .await;
        world.catch_up();
        add_key_requests(&mut world);
        world.know_keys().await;
        let files = tempfile::tempdir().unwrap();
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
    pub(super) async fn deliver(&mut self) {
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
    pub(super) async fn quarantine(&mut self) {
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
        let quarantined = self.world.receiver.quarantined().into_iter();
        let quarantined = quarantined.filter(|key| quarantine_reason(key) == Some(BAD_SIGNATURE));
        let ids: Vec<String> = quarantined
            .filter_map(|key| Some(key.rsplit('/').next()?.to_owned()))
            .collect();
        assert_eq!(ids.len(), 2);
        self.stand_ins.insert("$FORGED", ids[0].clone());
    }

    /// Has a delivery be pending.
    pub(super) async fn leave_pending(&self) {
        let pending = self.world.receiver.pending();
        let mut message = aws_lambda_events::sqs::SqsMessage::default();
        message.message_id = Some("6f2f1d0e-0000-4000-8000-000000000001".to_owned());
        message.body = Some("no delivery".to_owned());
        let message = pipeline::stores::pending::PendingMessage::received(&message);
        pending.keep(&message).await.unwrap();
    }

    /// Has a restored copy of each table, with a row that the table has not; and the archive have what the log lacks.
    pub(super) async fn lose_rows(&self) {
        for table in RestorableTable::ALL {
            let aws = &self.world.receiver.aws;
            let (copy, (key, attribute)) = (format!("{}-restored", table.name()), table.attributes());
            aws.create_table(&copy, key, None);
            let rows = Rows::of(aws.dynamodb(), &copy, key);
            rows.put_texts(&[(key, "lost"), (attribute, "x")]).await;
        }
        self.world.delete("events", "order-5").await;
    }

    /// Puts a message into the dead-letter queue of the orders.
    pub(super) async fn bury(&mut self) {
        let url = queue_url(&dead_letter_name(Domain::Orders));
        let send = self.world.receiver.aws.sqs().send_message().queue_url(url);
        let send = send.message_group_id("g").message_deduplication_id("d");
        let sent = send.message_body("no event").send().await.unwrap();
        self.stand_ins.insert("$LETTER", sent.message_id.unwrap());
    }

    /// Has a payment wait in the dead-letter queue of its domain, and spoils the item of an order.
    pub(super) async fn spoil(&mut self) {
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
        self.world.set("entities", item, (STATUS, "SPOILED")).await;
    }

    pub(super) fn write_files(&mut self) {
        let jwk = serde_json::to_string(&signing_key(9).to_jwk().unwrap().with_key_id("nine")).unwrap();
        for (name, content) in [
            ("$JWK", jwk.as_str()),
            ("$SECRET", "sixteen bytes or more"),
            ("$OTHER", "another sixteen bytes"),
        ] {
            let file = self.files.path().join(name.trim_start_matches('$'));
            webhook_tests::files::write_secret(&file, content);
            self.stand_ins.insert(name, file.display().to_string());
        }
    }

    pub(super) fn describe_stack(&self) {
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
    pub(super) async fn run(&self, line: &str) -> BTreeSet<Right> {
        let words = line.split_whitespace().map(|word| {
            let stand_in = self.stand_ins.get(word).map(String::as_str);
            stand_in.unwrap_or(word).to_owned()
        });
        // Those that do not end by themselves print their lines as they come.
        let ends = !line.starts_with("tail") && !line.starts_with("listen");
        let json = ends.then(|| "--json".to_owned());
        let words: Vec<String> = std::iter::once(STACK.to_owned())
            .chain(json)
            .chain(words)
            .collect();
        let cli = Cli::try_parse_from(&words).unwrap_or_else(|error| panic!("{error}"));
        let aws = &self.world.receiver.aws;
        self.world.catch_up();
        aws.clear_calls();
        let clock = Clock::system();
        let run = aws.invoke(OPERATOR, cli.run_on(&self.world.stacks, &clock));
        let done = self.world.receiving(run).await.unwrap();
        let answer = done.unwrap_or_else(|error| panic!("{line}: {}", pipeline::error::ErrorChain(&error)));
        if ends {
            assert_described::<Cli>(&words, answer.text());
        }
        let calls = aws.calls().into_iter();
        let own = calls.filter(|call| call.invocation.as_deref() == Some(OPERATOR));
        let rights: BTreeSet<Right> = own.filter_map(|call| right(&call)).collect();
        assert!(!rights.is_empty(), "{line} calls nothing");
        rights
    }
}

pub(super) fn queue_url(name: &str) -> String {
    format!("https://sqs.eu-central-1.amazonaws.com/123456789012/{name}")
}

/// Has commands find queues of key requests, which no receiver in process has.
pub(super) fn add_key_requests(world: &mut ConnectedDeployment) {
    let url = queue_url(&dead_letter_name(Domain::Fees));
    world.add_outputs(&[
        ("KeyRequestsQueueUrl", &url),
        ("KeyRequestsDeadLetterQueueUrl", &url),
    ]);
}
