//! A healthy stack, and one thing wrong with it at a time.

mod account;
mod endpoint;
mod network;
mod resources;

use std::collections::BTreeMap;

use axum::Router;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use clap::Parser;
use fake_aws::{Alarm, QueueSettings};
use insta::assert_snapshot;
use serde_json::Value;
use upvest::Domain;
use upvest_api::{NewWebhook, Webhook, WebhookChange};
use webhook_tests::commands::assert_commands_parse;
use webhook_tests::deployment::{ConnectedDeployment, UPVEST_SECRET};
use webhook_tests::schemas::fitting;

use super::*;
use crate::output::{Report, laid_out};
use operator::Queue;

const RINGING: &str = "upvest-webhooks-Alarms-1A-ConflictAlarm-2B";

/// Lists what CloudFormation lists of a healthy stack: type, name in the template, and name.
const RESOURCES: [(&str, &str, &str); 6] = [
    ("AWS::Lambda::Function", "IngestFunction", "ingest-1"),
    ("AWS::Lambda::Function", "OrdersFunction", "orders-1"),
    (
        "AWS::Lambda::EventSourceMapping",
        "OrdersFunctionEvents",
        "mapping-1",
    ),
    ("AWS::Events::Rule", "RefreshKeysSchedule", "schedule-1"),
    ("AWS::SQS::Queue", "OrdersQueue", "https://sqs/orders-1"),
    (
        "AWS::CloudFormation::Stack",
        "Alarms",
        "arn:aws:cloudformation:eu-central-1:123456789012:stack/upvest-webhooks-Alarms-1A/2b",
    ),
];

#[derive(Debug, Parser)]
struct Line {
    #[command(flatten)]
    doctor: Arguments,
}

/// Holds a world whose stack is complete, and the outputs of that stack.
struct Site {
    world: ConnectedDeployment,
    outputs: BTreeMap<String, String>,
}

/// Holds the report of the command: as JSON, and as text of three widths.
struct Checked {
    json: Value,
    text: String,
    narrow: String,
    narrowest: String,
}

impl Site {
    /// Sets up a stack without any fault, and its one enabled subscription.
    async fn healthy() -> Self {
        let world = ConnectedDeployment::new().await;
        let aws = &world.receiver.aws;
        let mut outputs = BTreeMap::from([
            ("WebhookUrl".to_owned(), world.url.clone()),
            ("UpvestSecret".to_owned(), UPVEST_SECRET.to_owned()),
            ("Version".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
            ("EventBusName".to_owned(), "changes".to_owned()),
            ("ArchiveBucketName".to_owned(), "archive".to_owned()),
            ("QuarantineBucketName".to_owned(), "quarantine".to_owned()),
            ("PendingBucketName".to_owned(), "pending".to_owned()),
        ]);
        for (table, output) in [
            ("events", "EventsTableName"),
            ("entities", "EntitiesTableName"),
            ("idempotency", "IdempotencyTableName"),
            ("keys", "KeysTableName"),
            ("audit", "AuditTableName"),
        ] {
            outputs.insert(output.to_owned(), table.to_owned());
        }
        aws.edit_account(|account| {
            account.ahead_seconds = Some(0);
            account.stack_status = "UPDATE_COMPLETE".to_owned();
            account.alarms = vec![alarm("OK")];
            for (name, value) in [
                ("WebhookTitle", "Upvest webhooks"),
                ("WebhookCategories", "ALL"),
                ("WebhookDelay", "1s"),
                ("WebhookMaxPackageSize", "262144"),
                ("AlarmTopicArn", "arn:aws:sns:eu-central-1:123456789012:on-call"),
            ] {
                account.stack_parameters.insert(name.to_owned(), value.to_owned());
            }
            for (resource_type, logical, physical) in RESOURCES {
                let names = (logical.to_owned(), physical.to_owned());
                account.stack_resources.push((resource_type, names.0, names.1));
            }
        });
        let mut site = Self { world, outputs };
        let queues = Domain::ALL.map(Queue::Domain).into_iter();
        for queue in queues.chain([Queue::Deliveries, Queue::KeyRequests]) {
            site.add_queue(queue, |settings| settings);
        }
        site.admit();
        site.world.know_keys().await;
        site.subscribe(&site.world.url.clone(), true).await;
        site
    }

    /// Has commands find the stack with these outputs.
    fn admit(&mut self) {
        self.world.replace_stack(self.outputs.clone());
    }

    fn output(&mut self, name: &str, value: &str) {
        self.outputs.insert(name.to_owned(), value.to_owned());
        self.admit();
    }

    /// Adds a queue as in the template, or otherwise, and its dead-letter queue.
    fn add_queue(&mut self, queue: Queue, spoil: impl FnOnce(QueueSettings) -> QueueSettings) {
        let suffix = if queue == Queue::Deliveries { "" } else { ".fifo" };
        let (name, dead) = (format!("{queue}{suffix}"), format!("{queue}Dead{suffix}"));
        let (seconds, receives) = match queue {
            Queue::Deliveries => (360, 1_000),
            Queue::KeyRequests => (360, 5),
            Queue::Domain(_) => (180, 1_000),
        };
        let settings = QueueSettings::new(name)
            .redrive_to(&dead, receives)
            .visibility_timeout(Duration::from_secs(seconds));
        let aws = &self.world.receiver.aws;
        let dead = aws.create_queue(QueueSettings::new(dead));
        let own = aws.create_queue(spoil(settings));
        self.outputs.insert(format!("{queue}QueueUrl"), own);
        self.outputs.insert(format!("{queue}DeadLetterQueueUrl"), dead);
    }

    async fn subscribe(&self, url: &str, enabled: bool) -> Webhook {
        let client = UpvestArgs::default().client(&self.world.stacks).await.unwrap();
        let mut webhook = NewWebhook::new("Upvest webhooks", url.parse().unwrap());
        webhook.config = Some(upvest_api::WebhookConfig {
            delay: upvest_api::Delay::from_seconds(1).unwrap(),
            max_package_size: upvest_api::PackageSize::from_bytes(262_144).unwrap(),
        });
        let webhook = client.create_webhook(&webhook).await.unwrap();
        if !enabled {
            return webhook;
        }
        let change = WebhookChange::enabled(true);
        client.update_webhook(&webhook.id, &change).await.unwrap()
    }

    /// Replaces what differs from run to run, by texts of the same width: the port, an id, and how slow the machine is.
    fn without_chance(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for subscription in self.world.simulator.subscriptions() {
            text = text.replace(&subscription.id, "<the id that Upvest gave the URL>   ");
        }
        let url = format!("{:width$}", "<the stack's URL>", width = self.world.url.len());
        text = text.replace(&self.world.url, &url);
        for direction in ["ahead of", "behind"] {
            for seconds in 0..5 {
                text = text.replace(&format!("{seconds} s {direction}"), "0 s from");
            }
        }
        text.lines()
            .map(|line| format!("{}\n", line.trim_end()))
            .collect()
    }

    /// Deletes the only subscription at the simulated Upvest.
    fn unsubscribe(&self) {
        for subscription in self.world.simulator.subscriptions() {
            assert!(self.world.simulator.drop_subscription(&subscription.id));
        }
    }

    async fn check(&self, line: &str) -> Checked {
        let words = std::iter::once("doctor").chain(line.split_whitespace());
        let doctor = Line::try_parse_from(words).unwrap().doctor;
        let report = self
            .world
            .receiving(doctor.run(&self.world.stacks))
            .await
            .unwrap();
        let checked = Checked {
            json: fitting("doctor", &report),
            text: report.text(),
            narrow: laid_out(Some(80), || report.text()),
            narrowest: laid_out(Some(60), || report.text()),
        };
        let failed = checked.of("failed").len();
        assert_eq!(report.succeeded(), failed == 0);
        for (_, _, advice) in checked.of("failed").iter().chain(&checked.of("warning")) {
            assert_commands_parse::<crate::Cli>(&advice.replace('`', "\n"), "advice");
        }
        self.world
            .assert_no_secret_in(&format!("{} {}", checked.text, checked.json));
        checked
    }
}

impl Checked {
    /// The findings of a kind: check, what was found, and what to do.
    fn of(&self, result: &str) -> Vec<(String, String, String)> {
        let findings = self.json["findings"].as_array().unwrap().iter();
        let text = |finding: &Value, name: &str| finding[name].as_str().unwrap_or_default().to_owned();
        findings
            .filter(|finding| finding["result"] == result)
            .map(|finding| {
                (
                    text(finding, "check"),
                    text(finding, "found"),
                    text(finding, "advice"),
                )
            })
            .collect()
    }

    /// There is but one finding of this kind, it is this one, and nothing else is wrong.
    fn assert_only(&self, result: &str, check: &str, found: &str, advice: &str) {
        let other = if result == "failed" { "warning" } else { "failed" };
        assert_eq!(self.of(other), [], "{}", self.text);
        let findings = self.of(result);
        let [(its_check, its_finding, its_advice)] = &findings[..] else {
            panic!("not one {result}:\n{}", self.text);
        };
        assert_eq!(its_check, check);
        assert!(its_finding.contains(found), "{its_finding:?}");
        assert!(its_advice.contains(advice), "{its_advice:?}");
        assert!(
            self.text.contains(its_finding) && self.text.contains(its_advice),
            "{}",
            self.text
        );
    }
}

fn alarm(state: &'static str) -> Alarm {
    Alarm {
        name: RINGING.to_owned(),
        state,
        description: "An event has the id of a logged one and another content.".to_owned(),
        ..Alarm::default()
    }
}

/// A server that answers everything alike.
async fn server(answer: impl IntoResponse + Clone + Send + Sync + 'static) -> String {
    let listener = upvest_simulator::api::listen("127.0.0.1:0".parse().unwrap())
        .await
        .unwrap();
    let url = format!("http://{}/webhooks/upvest", listener.local_addr().unwrap());
    let router = Router::new().fallback(async move || answer.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

#[tokio::test]
async fn nothing_is_wrong_with_a_healthy_stack() {
    let site = Site::healthy().await;
    let before = (site.world.changes(), site.world.receiver.kept());
    let checked = site.check("").await;
    assert_eq!(checked.of("failed"), [], "{}", checked.text);
    assert_eq!(checked.of("warning"), [], "{}", checked.text);
    let skipped: Vec<String> = checked
        .of("skipped")
        .into_iter()
        .map(|(check, ..)| check)
        .collect();
    assert_eq!(skipped, ["name", "certificate", "signed POST is answered 200"]);
    assert_snapshot!(site.without_chance(&checked.text));
    assert_snapshot!("healthy_80", site.without_chance(&checked.narrow));
    assert_snapshot!("healthy_60", site.without_chance(&checked.narrowest));
    let narrowest = checked.narrowest.lines();
    let is_wide = |line: &&str| line.chars().count() > 60;
    assert_eq!(narrowest.filter(is_wide).collect::<Vec<_>>(), [""; 0]);
    assert_eq!((site.world.changes(), site.world.receiver.kept()), before);
    assert!(site.world.receiver.aws.items("events").is_empty());
}

#[tokio::test]
async fn what_one_may_not_look_at_fails_with_the_permission_it_takes_and_hides_no_other_check() {
    let site = Site::healthy().await;
    let aws = &site.world.receiver.aws;
    let healthy = site.check("").await.of("ok").len();
    for (operation, action) in [
        ("GetQueueAttributes", "sqs:GetQueueAttributes"),
        ("DescribeTable", "dynamodb:DescribeTable"),
        ("DescribeContinuousBackups", "dynamodb:DescribeContinuousBackups"),
        ("DescribeAlarms", "cloudwatch:DescribeAlarms"),
        ("DescribeStacks", "cloudformation:DescribeStacks"),
        ("ListStackResources", "cloudformation:ListStackResources"),
        ("GetFunction", "lambda:GetFunction"),
        ("ListEventSourceMappings", "lambda:ListEventSourceMappings"),
        ("GetAccountSettings", "lambda:GetAccountSettings"),
        ("DescribeRule", "events:DescribeRule"),
        ("GetBucketVersioning", "s3:GetBucketVersioning"),
        ("GetPublicAccessBlock", "s3:GetBucketPublicAccessBlock"),
        ("GetBucketEncryption", "s3:GetEncryptionConfiguration"),
        ("ListObjectsV2", "s3:ListBucket"),
        ("DescribeEventBus", "events:DescribeEventBus"),
        ("Scan", "dynamodb:Scan"),
        ("GetCallerIdentity", "sts:GetCallerIdentity"),
        ("GetSecretValue", "secretsmanager:GetSecretValue"),
    ] {
        aws.edit_account(|account| account.denied = [operation.to_owned()].into());
        let checked = site.check("").await;
        let lack = format!("not checked: you lack the permission {action}");
        let failed = checked.of("failed");
        let checks = match operation {
            // Keys, event types and event times take a scan, each of its own table.
            "Scan" => 3,
            // The quarantine and what is pending are listed.
            "ListObjectsV2" => 2,
            _ => 1,
        };
        assert_eq!(failed.len(), checks, "{}", checked.text);
        assert!(
            failed.iter().all(|(_, found, _)| *found == lack),
            "{}",
            checked.text
        );
        assert!(failed[0].2.contains("policy look"), "{}", checked.text);
        let missing = healthy - checked.of("ok").len();
        assert!(missing <= 7, "{operation}: {}", checked.text);
    }
}

#[tokio::test]
async fn whoever_may_look_at_nothing_is_told_so_check_by_check() {
    let site = Site::healthy().await;
    let aws = &site.world.receiver.aws;
    site.check("").await;
    let made = aws.calls().into_iter().map(|call| call.operation).collect();
    aws.edit_account(|account| account.denied = made);
    let checked = site.check("").await;
    let failed = checked.of("failed");
    assert!(failed.len() > 8, "{}", checked.text);
    for (_, found, _) in &failed {
        assert!(found.contains("you lack the permission"), "{}", checked.text);
    }
}

#[tokio::test]
async fn a_check_that_hangs_is_given_up_and_hides_no_other() {
    let site = Site::healthy().await;
    site.world.simulator.add_trouble(upvest_simulator::Trouble {
        answers: 50,
        delay_ms: 30_000,
        path_prefix: Some("/webhooks".to_owned()),
        ..upvest_simulator::Trouble::default()
    });
    let checked = site.check("--timeout 1").await;
    checked.assert_only("failed", "subscription", "no answer within 1 s", "--timeout");
}
