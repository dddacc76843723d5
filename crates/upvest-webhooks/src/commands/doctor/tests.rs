//! A healthy stack, and one thing wrong with it at a time.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use axum::Router;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use clap::Parser;
use fake_aws::{Alarm, QueueSettings};
use serde_json::Value;
use upvest::Domain;
use upvest_api::{NewWebhook, Webhook, WebhookChange};
use webhook_tests::deployment::{ConnectedDeployment, UPVEST_SECRET};

use super::*;
use crate::output::Report;
use crate::stack::Queue;

const RINGING: &str = "upvest-webhooks-Alarms-1A-ConflictAlarm-2B";

#[derive(Debug, Parser)]
struct Line {
    #[command(flatten)]
    doctor: Arguments,
}

/// A world whose stack is complete.
struct Site {
    world: ConnectedDeployment,
    outputs: BTreeMap<String, String>,
}

/// What the command said.
struct Checked {
    json: Value,
    text: String,
}

impl Site {
    /// A stack without any fault, and its one enabled subscription.
    async fn healthy() -> Self {
        let world = ConnectedDeployment::new().await;
        let aws = &world.receiver.aws;
        let mut outputs = BTreeMap::from([
            ("WebhookUrl".to_owned(), world.url.clone()),
            ("UpvestSecret".to_owned(), UPVEST_SECRET.to_owned()),
            ("Version".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
            ("EventBusName".to_owned(), "changes".to_owned()),
            ("ArchiveBucketName".to_owned(), "archive".to_owned()),
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
            for (resource_type, logical, physical) in [
                ("AWS::Lambda::Function", "IngestFunction", "ingest-1"),
                ("AWS::Lambda::Function", "OrdersFunction", "orders-1"),
                (
                    "AWS::Lambda::EventSourceMapping",
                    "OrdersFunctionEvents",
                    "mapping-1",
                ),
                ("AWS::Events::Rule", "RefreshKeysSchedule", "schedule-1"),
                ("AWS::SQS::Queue", "OrdersQueue", "https://sqs/orders-1"),
            ] {
                let names = (logical.to_owned(), physical.to_owned());
                account.stack_resources.push((resource_type, names.0, names.1));
            }
        });
        let mut site = Self { world, outputs };
        for queue in [Queue::Deliveries, Queue::KeyRequests] {
            site.add_queue(queue, |settings| settings);
        }
        for domain in Domain::ALL {
            site.add_queue(Queue::Domain(domain), |settings| settings);
        }
        site.admit();
        site.world.know_keys().await;
        site.subscribe(&site.world.url.clone(), true).await;
        site
    }

    /// Has commands find the stack with these outputs.
    fn admit(&mut self) {
        let outputs: Vec<(&str, &str)> = self
            .outputs
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        let config = self.world.receiver.aws.sdk_config().clone();
        self.world.stacks = StackFinder::of(crate::stack::deployed(config, &outputs));
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
            Queue::Deliveries => (360, 10),
            Queue::KeyRequests => (360, 5),
            Queue::Domain(_) => (180, 10),
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

    /// Takes the only subscription away.
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
            json: serde_json::to_value(&report).unwrap(),
            text: report.text(),
        };
        let failed = checked.of("failed").len();
        assert_eq!(report.succeeded(), failed == 0);
        for (_, _, advice) in checked.of("failed").iter().chain(&checked.of("warning")) {
            crate::documented::assert_commands_parse(&advice.replace('`', "\n"), "advice");
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
    let before = (site.world.changes(), site.world.receiver.aws.objects("archive"));
    let checked = site.check("").await;
    assert_eq!(checked.of("failed"), [], "{}", checked.text);
    assert_eq!(checked.of("warning"), [], "{}", checked.text);
    let skipped: Vec<String> = checked
        .of("skipped")
        .into_iter()
        .map(|(check, ..)| check)
        .collect();
    assert_eq!(skipped, ["name", "certificate", "signed POST is answered 200"]);
    assert!(checked.of("ok").len() >= 22, "{}", checked.text);
    assert_eq!(
        (site.world.changes(), site.world.receiver.aws.objects("archive")),
        before
    );
    assert!(site.world.receiver.aws.items("events").is_empty());
}

#[tokio::test]
async fn a_probe_is_stored_once_however_often_it_is_made() {
    let site = Site::healthy().await;
    let file = std::env::temp_dir().join(format!("doctor-probe-{}", std::process::id()));
    std::fs::write(&file, b"sixteen bytes or more").unwrap();
    let line = format!("--probe-key {} --probe-key-id smoke", file.display());
    let unknown = site.check(&line).await;
    unknown.assert_only(
        "failed",
        "signed POST is answered 200",
        "does not know key smoke",
        "keys import",
    );
    assert!(
        site.world.receiver.aws.objects("archive").is_empty(),
        "nothing was posted"
    );

    site.world.know_secret("smoke", b"sixteen bytes or more").await;
    let aws = &site.world.receiver.aws;
    for _ in 0..2 {
        let checked = site.check(&line).await;
        assert_eq!(checked.of("failed"), [], "{}", checked.text);
        assert_eq!(aws.items("events").len(), 1, "{}", checked.text);
    }
    std::fs::write(&file, b"quite another secret").unwrap();
    let other = site.check(&line).await;
    other.assert_only(
        "failed",
        "signed POST is answered 200",
        "another secret",
        "keys import",
    );
    std::fs::remove_file(&file).unwrap();
}

#[tokio::test]
async fn a_subscription_that_does_not_deliver_here_is_found() {
    let site = Site::healthy().await;
    let id = site.world.simulator.subscriptions()[0].id.clone();
    let client = UpvestArgs::default().client(&site.world.stacks).await.unwrap();
    let change = |change: WebhookChange| {
        let (client, id) = (client.clone(), id.parse().unwrap());
        async move { client.update_webhook(&id, &change).await.unwrap() }
    };
    change(WebhookChange::enabled(false)).await;
    let enable = format!("webhooks enable {id}");
    site.check("")
        .await
        .assert_only("failed", "subscription", "is disabled", &enable);

    change(WebhookChange {
        enabled: Some(true),
        title: Some("Other".to_owned()),
        ..WebhookChange::default()
    })
    .await;
    let differs = site.check("").await;
    differs.assert_only(
        "warning",
        "subscription settings",
        "title \"Other\" instead of \"Upvest webhooks\"",
        &format!("webhooks update {id} --title 'Upvest webhooks'"),
    );

    site.unsubscribe();
    let missing = site.check("").await;
    missing.assert_only("failed", "subscription", "none of 0", "webhooks create --enable");
}

#[tokio::test]
async fn a_subscription_of_the_stack_to_another_url_is_led_back() {
    let mut site = Site::healthy().await;
    site.unsubscribe();
    let elsewhere = site.subscribe("http://127.0.0.1:9/webhooks/upvest", true).await;
    site.output("SubscriptionId", elsewhere.id.as_str());
    let checked = site.check("").await;
    let advice = format!("webhooks update {} --url {}", elsewhere.id, site.world.url);
    checked.assert_only(
        "failed",
        "subscription",
        "delivers to http://127.0.0.1:9",
        &advice,
    );
}

#[tokio::test]
async fn a_second_subscription_is_one_too_many() {
    let site = Site::healthy().await;
    let second = site.subscribe(&site.world.url, true).await;
    let first = &site.world.simulator.subscriptions()[0].id;
    let checked = site.check("").await;
    assert!(checked.text.contains(first), "{}", checked.text);
    checked.assert_only(
        "warning",
        "subscription",
        "every event comes twice",
        &format!("webhooks delete {}", second.id),
    );
}

#[tokio::test]
async fn a_key_that_is_missing_and_keys_that_are_stale_are_found() {
    let site = Site::healthy().await;
    let aws = &site.world.receiver.aws;
    let key_id = aws.items("keys")[0]["key_id"].clone();
    let key = AttributeValue::S(key_id["S"].as_str().unwrap().to_owned());
    let old = aws
        .dynamodb()
        .update_item()
        .table_name("keys")
        .key("key_id", key)
        .update_expression("SET last_seen = :old")
        .expression_attribute_values(":old", AttributeValue::S("2026-01-01T00:00:00Z".to_owned()));
    old.send().await.unwrap();
    let stale = site.check("").await;
    stale.assert_only("failed", "last fetched", "minutes ago", "refresh-keys");
    site.world.know_keys().await;
    site.world
        .simulator
        .rotate_key(Duration::from_secs(3600))
        .unwrap();
    let missing = site.check("").await;
    missing.assert_only("failed", "verification keys", "is not known", "keys refresh");
}

#[tokio::test]
async fn a_scope_that_upvest_does_not_give_and_credentials_that_it_refuses_are_found() {
    let site = Site::healthy().await;
    for status in [403, 401] {
        site.world.simulator.add_trouble(upvest_simulator::Trouble {
            answers: 50,
            status: Some(status),
            path_prefix: Some("/auth/token".to_owned()),
            ..upvest_simulator::Trouble::default()
        });
        let checked = site.check("").await;
        site.world.simulator.clear_trouble();
        let failed = checked.of("failed");
        let (_, _, advice) = failed
            .iter()
            .find(|(check, ..)| check == "API credentials")
            .unwrap();
        let expected = if status == 403 {
            "scope webhooks:read"
        } else {
            "client_id or client_secret"
        };
        assert!(advice.contains(expected), "{}", checked.text);
        assert!(!checked.of("ok").is_empty(), "the other checks ran");
    }
}

#[tokio::test]
async fn a_stack_without_credentials_is_checked_as_far_as_it_goes() {
    let mut site = Site::healthy().await;
    site.outputs.remove("UpvestSecret");
    site.admit();
    let checked = site.check("").await;
    assert_eq!(checked.of("failed"), [], "{}", checked.text);
    let skipped: Vec<String> = checked
        .of("skipped")
        .into_iter()
        .map(|(check, ..)| check)
        .collect();
    for check in ["API credentials", "subscription", "verification keys"] {
        assert!(skipped.iter().any(|skipped| skipped == check), "{}", checked.text);
    }
}

#[tokio::test]
async fn a_dead_letter_fails_and_a_backlog_warns() {
    let site = Site::healthy().await;
    let sqs = site.world.receiver.aws.sqs();
    let send = |url: &str, count: usize| {
        let url = url.to_owned();
        async move {
            for _ in 0..count {
                sqs.send_message()
                    .queue_url(&url)
                    .message_body("x")
                    .send()
                    .await
                    .unwrap();
            }
        }
    };
    send(&site.outputs["DeliveriesQueueUrl"], 1_000).await;
    let checked = site.check("").await;
    checked.assert_only(
        "warning",
        "backlog",
        "Deliveries: 1000 messages",
        "VerifyMaximumConcurrency",
    );
    let site = Site::healthy().await;
    let sqs = site.world.receiver.aws.sqs();
    let url = &site.outputs["DeliveriesDeadLetterQueueUrl"];
    sqs.send_message()
        .queue_url(url)
        .message_body("x")
        .send()
        .await
        .unwrap();
    let checked = site.check("").await;
    checked.assert_only("failed", "dead letters", "Deliveries: 1 messages", "dlq redrive");
}

#[tokio::test]
async fn a_queue_that_is_set_otherwise_is_found() {
    type Spoil = fn(QueueSettings) -> QueueSettings;
    let cases: [(&str, &str, Spoil); 6] = [
        ("failed", "Orders: has no redrive policy", |settings| {
            QueueSettings {
                redrive: None,
                ..settings
            }
        }),
        ("failed", "which is not its dead-letter queue", |settings| {
            settings.redrive_to("UsersDead.fifo", 10)
        }),
        ("failed", "redrives after 3 receives", |settings| {
            settings.redrive_to("OrdersDead.fifo", 3)
        }),
        ("failed", "takes messages of 262144 bytes at most", |settings| {
            QueueSettings {
                max_bytes: 262_144,
                ..settings
            }
        }),
        ("warning", "hides a message for 30 s", |settings| {
            settings.visibility_timeout(Duration::from_secs(30))
        }),
        ("warning", "keeps messages for 96 h", |settings| QueueSettings {
            retention: Duration::from_secs(4 * 24 * 3600),
            ..settings
        }),
    ];
    for (result, found, spoil) in cases {
        let mut site = Site::healthy().await;
        site.add_queue(Queue::Domain(Domain::Orders), spoil);
        site.admit();
        site.check("")
            .await
            .assert_only(result, "settings", found, "deploy the stack again");
    }
}

#[tokio::test]
async fn an_alarm_that_rings_fails_with_its_own_description() {
    let site = Site::healthy().await;
    let aws = &site.world.receiver.aws;
    aws.edit_account(|account| account.alarms.push(alarm("ALARM")));
    let checked = site.check("").await;
    checked.assert_only("failed", "alarms", RINGING, "An event has the id of a logged one");
    aws.edit_account(|account| {
        let is_composite = true;
        account.alarms = vec![Alarm {
            is_composite,
            ..alarm("ALARM")
        }];
    });
    site.check("")
        .await
        .assert_only("failed", "alarms", RINGING, "An event has");
    aws.edit_account(|account| account.alarms.clear());
    site.check("")
        .await
        .assert_only("warning", "alarms", "has none", "deploy");
}

#[tokio::test]
async fn alarms_that_tell_nobody_are_found() {
    let site = Site::healthy().await;
    let aws = &site.world.receiver.aws;
    aws.edit_account(|account| account.alarms[0].is_silenced = true);
    let silenced = site.check("").await;
    let advice = format!("aws cloudwatch enable-alarm-actions --alarm-names {RINGING}");
    silenced.assert_only("warning", "somebody is told", "its actions are off", &advice);
    aws.edit_account(|account| {
        account.alarms = vec![alarm("OK")];
        account
            .stack_parameters
            .insert("AlarmTopicArn".to_owned(), String::new());
    });
    let untold = site.check("").await;
    untold.assert_only("warning", "somebody is told", "alarms tell nobody", "AlarmEmail");
    aws.edit_account(|account| {
        let email = "on-call@example.com".to_owned();
        account.stack_parameters.insert("AlarmEmail".to_owned(), email);
    });
    assert_eq!(site.check("").await.of("warning"), []);
}

#[tokio::test]
async fn what_is_switched_off_or_gone_is_found_with_the_command_that_brings_it_back() {
    let site = Site::healthy().await;
    let aws = &site.world.receiver.aws;
    for (name, check, off, command, gone) in [
        (
            "ingest-1",
            "functions",
            "IngestFunction is switched off",
            "aws lambda delete-function-concurrency --function-name ingest-1",
            "IngestFunction is not there",
        ),
        (
            "mapping-1",
            "event sources",
            "OrdersFunctionEvents is Disabled",
            "aws lambda update-event-source-mapping --enabled --uuid mapping-1",
            "OrdersFunctionEvents is not there",
        ),
        (
            "schedule-1",
            "schedules",
            "RefreshKeysSchedule is disabled",
            "aws events enable-rule --name schedule-1",
            "RefreshKeysSchedule is not there",
        ),
    ] {
        aws.edit_account(|account| account.switched_off = [name.to_owned()].into());
        site.check("").await.assert_only("failed", check, off, command);
        aws.edit_account(|account| {
            account.switched_off.clear();
            account.gone = [name.to_owned()].into();
        });
        let checked = site.check("").await;
        checked.assert_only("failed", check, gone, "deploy the stack again");
        aws.edit_account(|account| account.gone.clear());
    }
}

#[tokio::test]
async fn a_url_that_upvest_could_not_use_is_found() {
    let redirect = server((
        StatusCode::MOVED_PERMANENTLY,
        [("location", "https://www.example.com/")],
    ))
    .await;
    let cases = [
        (
            redirect,
            "no redirect",
            "301 to https://www.example.com/",
            "PublicUrl",
        ),
        (
            "http://127.0.0.1:9/webhooks/upvest".to_owned(),
            "reachable",
            "error sending",
            "deployed",
        ),
        (
            "http://nowhere.invalid/webhooks/upvest".to_owned(),
            "name",
            "nowhere.invalid",
            "DNS",
        ),
    ];
    for (url, check, found, advice) in cases {
        let mut site = Site::healthy().await;
        site.unsubscribe();
        site.output("WebhookUrl", &url);
        let checked = site.check("").await;
        let failed = checked.of("failed");
        let [_, (_, its_finding, its_advice)] = [
            failed
                .iter()
                .find(|(failed, ..)| failed == "subscription")
                .unwrap(),
            failed.iter().find(|(failed, ..)| failed == check).unwrap(),
        ];
        assert!(its_finding.contains(found), "{its_finding}");
        assert!(its_advice.contains(advice), "{its_advice}");
    }
}

#[tokio::test]
async fn an_endpoint_that_is_not_ingest_is_found() {
    for (status, expected) in [(404, "WebhookPath"), (200, "is lost"), (503, "logs of ingest")] {
        let mut site = Site::healthy().await;
        let url = server(StatusCode::from_u16(status).unwrap()).await;
        site.unsubscribe();
        site.output("WebhookUrl", &url);
        site.subscribe(&url, true).await;
        let checked = site.check("").await;
        let failed = checked.of("failed");
        let checks: Vec<&str> = failed.iter().map(|(check, ..)| check.as_str()).collect();
        assert_eq!(
            checks,
            ["GET is refused", "unsigned POST is refused"],
            "{}",
            checked.text
        );
        assert!(failed[1].2.contains(expected), "{}", checked.text);
    }
}

#[tokio::test]
async fn a_clock_that_is_off_is_found_and_told_whose_it_is() {
    let site = Site::healthy().await;
    let aws = &site.world.receiver.aws;
    aws.edit_account(|account| account.ahead_seconds = Some(3600));
    let checked = site.check("").await;
    let failed = checked.of("failed");
    let checks: Vec<&str> = failed.iter().map(|(check, ..)| check.as_str()).collect();
    assert_eq!(
        checks,
        ["clock of this machine", "clock of AWS"],
        "{}",
        checked.text
    );
    assert!(failed[0].1.contains("behind AWS"), "{}", checked.text);
    assert!(failed[1].1.contains("ahead of Upvest"), "{}", checked.text);
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
        assert_eq!(failed.len(), 1, "{}", checked.text);
        assert_eq!(failed[0].1, lack, "{}", checked.text);
        assert!(failed[0].2.contains("operator-look.json"), "{}", checked.text);
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
async fn storage_that_is_not_protected_is_found() {
    let site = Site::healthy().await;
    let aws = &site.world.receiver.aws;
    for (resource, operation, result, check, found) in [
        (
            "events",
            "DescribeTable",
            "warning",
            "tables",
            "can be deleted: events",
        ),
        (
            "keys",
            "DescribeContinuousBackups",
            "warning",
            "tables",
            "no point-in-time recovery: keys",
        ),
        (
            "archive",
            "GetBucketVersioning",
            "warning",
            "archive",
            "keeps no versions",
        ),
        (
            "archive",
            "GetPublicAccessBlock",
            "failed",
            "archive",
            "made public",
        ),
        (
            "archive",
            "GetBucketEncryption",
            "warning",
            "archive",
            "not encrypted",
        ),
    ] {
        aws.edit_account(|account| account.lacking = [(resource.to_owned(), operation)].into());
        site.check("").await.assert_only(result, check, found, "");
    }
}

#[tokio::test]
async fn what_is_in_quarantine_is_counted_by_its_reason() {
    let site = Site::healthy().await;
    let aws = &site.world.receiver.aws;
    for key in [
        "quarantine/digest-mismatch/2026/01/01/00/a",
        "quarantine/unknown-key/2026/01/01/00/b",
    ] {
        let body = aws_sdk_s3::primitives::ByteStream::from_static(b"{}");
        aws.s3()
            .put_object()
            .bucket("archive")
            .key(key)
            .body(body)
            .send()
            .await
            .unwrap();
    }
    let full = site.check("").await;
    full.assert_only(
        "warning",
        "quarantine",
        "1 digest-mismatch, 1 unknown-key",
        "quarantine list",
    );
}

#[tokio::test]
async fn parts_that_are_gone_and_a_version_that_differs_are_found() {
    let mut site = Site::healthy().await;
    site.output("Version", "0.0.1");
    site.check("")
        .await
        .assert_only("warning", "version", "the stack is 0.0.1", "deploy");
    site.output("Version", env!("CARGO_PKG_VERSION"));
    site.output("EventBusName", "gone");
    site.check("")
        .await
        .assert_only("failed", "event bus", "gone is not there", "EventBusName");
    site.output("EventBusName", "changes");
    site.output("IdempotencyTableName", "gone");
    site.check("")
        .await
        .assert_only("failed", "tables", "not there: gone", "restore");
    site.output("IdempotencyTableName", "idempotency");
    let status = |status: &str| {
        let status = status.to_owned();
        site.world
            .receiver
            .aws
            .edit_account(|account| account.stack_status = status);
    };
    status("UPDATE_ROLLBACK_FAILED");
    site.check("")
        .await
        .assert_only("failed", "stack", "UPDATE_ROLLBACK_FAILED", "events");
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
