//! A healthy stack, and one thing wrong with it at a time.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use axum::Router;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use clap::Parser;
use serde_json::Value;
use upvest::Domain;
use upvest_api::{NewWebhook, Webhook, WebhookChange};
use verify_and_store::FreshnessPolicy;
use webhook_tests::aws::{Alarm, QueueSettings};

use super::*;
use crate::output::Report;
use crate::simulated::{SECRET, World};
use crate::stack::Queue;

const RINGING: &str = "upvest-webhooks-Alarms-1A-ConflictAlarm-2B";

#[derive(Debug, Parser)]
struct Line {
    #[command(flatten)]
    doctor: Arguments,
}

/// A world whose stack is complete.
struct Clinic {
    world: World,
    outputs: BTreeMap<String, String>,
}

/// What the doctor said.
struct Diagnosis {
    json: Value,
    text: String,
}

impl Clinic {
    /// A stack without any fault, and its one enabled subscription.
    async fn healthy() -> Self {
        let world = World::new(FreshnessPolicy::Flag).await;
        let aws = &world.receiver.aws;
        let mut outputs = BTreeMap::from([
            ("WebhookUrl".to_owned(), world.url.clone()),
            ("UpvestSecret".to_owned(), SECRET.to_owned()),
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
            ] {
                account.stack_parameters.insert(name.to_owned(), value.to_owned());
            }
        });
        let mut clinic = Self { world, outputs };
        for queue in [Queue::Deliveries, Queue::KeyRequests] {
            clinic.add_queue(queue, |settings| settings);
        }
        for domain in Domain::ALL {
            clinic.add_queue(Queue::Domain(domain), |settings| settings);
        }
        clinic.admit();
        clinic.world.know_keys().await;
        clinic.subscribe(&clinic.world.url.clone(), true).await;
        clinic
    }

    /// Has commands find the stack with these outputs.
    fn admit(&mut self) {
        let outputs: Vec<(&str, &str)> = self
            .outputs
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        let config = self.world.receiver.aws.sdk_config().clone();
        self.world.stacks = StackFinder::of(Stack::of(config, &outputs));
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

    async fn examine(&self, line: &str) -> Diagnosis {
        let words = std::iter::once("doctor").chain(line.split_whitespace());
        let doctor = Line::try_parse_from(words).unwrap().doctor;
        let report = self
            .world
            .receiving(doctor.run(&self.world.stacks))
            .await
            .unwrap();
        let diagnosis = Diagnosis {
            json: serde_json::to_value(&report).unwrap(),
            text: report.text(),
        };
        let failed = diagnosis.of("failed").len();
        assert_eq!(report.succeeded(), failed == 0);
        self.world
            .assert_no_secret_in(&format!("{} {}", diagnosis.text, diagnosis.json));
        diagnosis
    }
}

impl Diagnosis {
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
        is_composite: false,
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
    let clinic = Clinic::healthy().await;
    let before = (
        clinic.world.changes(),
        clinic.world.receiver.aws.objects("archive"),
    );
    let diagnosis = clinic.examine("").await;
    assert_eq!(diagnosis.of("failed"), [], "{}", diagnosis.text);
    assert_eq!(diagnosis.of("warning"), [], "{}", diagnosis.text);
    let skipped: Vec<String> = diagnosis
        .of("skipped")
        .into_iter()
        .map(|(check, ..)| check)
        .collect();
    assert_eq!(skipped, ["name", "certificate", "signed POST is answered 200"]);
    assert!(diagnosis.of("ok").len() >= 18, "{}", diagnosis.text);
    assert_eq!(
        (
            clinic.world.changes(),
            clinic.world.receiver.aws.objects("archive")
        ),
        before
    );
    assert!(clinic.world.receiver.aws.items("events").is_empty());
}

#[tokio::test]
async fn a_probe_is_stored_once_however_often_it_is_made() {
    let clinic = Clinic::healthy().await;
    let file = std::env::temp_dir().join(format!("doctor-probe-{}", std::process::id()));
    std::fs::write(&file, b"sixteen bytes or more").unwrap();
    let line = format!("--probe-key {} --probe-key-id smoke", file.display());
    let unknown = clinic.examine(&line).await;
    unknown.assert_only(
        "failed",
        "signed POST is answered 200",
        "does not know key smoke",
        "keys import",
    );
    assert!(
        clinic.world.receiver.aws.objects("archive").is_empty(),
        "nothing was posted"
    );

    clinic.world.know_secret("smoke", b"sixteen bytes or more").await;
    let aws = &clinic.world.receiver.aws;
    for _ in 0..2 {
        let diagnosis = clinic.examine(&line).await;
        assert_eq!(diagnosis.of("failed"), [], "{}", diagnosis.text);
        assert_eq!(aws.items("events").len(), 1, "{}", diagnosis.text);
    }
    std::fs::write(&file, b"quite another secret").unwrap();
    let other = clinic.examine(&line).await;
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
    let clinic = Clinic::healthy().await;
    let id = clinic.world.simulator.subscriptions()[0].id.clone();
    let client = UpvestArgs::default().client(&clinic.world.stacks).await.unwrap();
    let change = |change: WebhookChange| {
        let (client, id) = (client.clone(), id.parse().unwrap());
        async move { client.update_webhook(&id, &change).await.unwrap() }
    };
    change(WebhookChange::enabled(false)).await;
    let enable = format!("webhooks enable {id}");
    clinic
        .examine("")
        .await
        .assert_only("failed", "subscription", "is disabled", &enable);

    change(WebhookChange {
        enabled: Some(true),
        title: Some("Other".to_owned()),
        ..WebhookChange::default()
    })
    .await;
    let differs = clinic.examine("").await;
    differs.assert_only(
        "warning",
        "subscription settings",
        "title differ",
        "webhooks update",
    );

    clinic.unsubscribe();
    let missing = clinic.examine("").await;
    missing.assert_only("failed", "subscription", "none of 0", "webhooks create --enable");
}

#[tokio::test]
async fn a_subscription_of_the_stack_to_another_url_is_led_back() {
    let mut clinic = Clinic::healthy().await;
    clinic.unsubscribe();
    let elsewhere = clinic.subscribe("http://127.0.0.1:9/webhooks/upvest", true).await;
    clinic.output("SubscriptionId", elsewhere.id.as_str());
    let diagnosis = clinic.examine("").await;
    let advice = format!("webhooks update {} --url {}", elsewhere.id, clinic.world.url);
    diagnosis.assert_only(
        "failed",
        "subscription",
        "delivers to http://127.0.0.1:9",
        &advice,
    );
}

#[tokio::test]
async fn a_second_subscription_is_one_too_many() {
    let clinic = Clinic::healthy().await;
    let second = clinic.subscribe(&clinic.world.url, true).await;
    let first = &clinic.world.simulator.subscriptions()[0].id;
    let diagnosis = clinic.examine("").await;
    assert!(diagnosis.text.contains(first), "{}", diagnosis.text);
    diagnosis.assert_only(
        "warning",
        "subscription",
        "every event comes twice",
        &format!("webhooks delete {}", second.id),
    );
}

#[tokio::test]
async fn a_key_that_is_missing_and_keys_that_are_stale_are_found() {
    let clinic = Clinic::healthy().await;
    let aws = &clinic.world.receiver.aws;
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
    let stale = clinic.examine("").await;
    stale.assert_only("failed", "last fetched", "minutes ago", "refresh-keys");
    clinic.world.know_keys().await;
    clinic
        .world
        .simulator
        .rotate_key(Duration::from_secs(3600))
        .unwrap();
    let missing = clinic.examine("").await;
    missing.assert_only("failed", "verification keys", "is not known", "keys refresh");
}

#[tokio::test]
async fn a_scope_that_upvest_does_not_give_and_credentials_that_it_refuses_are_found() {
    let clinic = Clinic::healthy().await;
    for status in [403, 401] {
        clinic.world.simulator.add_trouble(upvest_simulator::Trouble {
            answers: 50,
            status: Some(status),
            path_prefix: Some("/auth/token".to_owned()),
            ..upvest_simulator::Trouble::default()
        });
        let diagnosis = clinic.examine("").await;
        clinic.world.simulator.clear_trouble();
        let failed = diagnosis.of("failed");
        let (_, _, advice) = failed
            .iter()
            .find(|(check, ..)| check == "API credentials")
            .unwrap();
        let expected = if status == 403 {
            "scope webhooks:read"
        } else {
            "client_id or client_secret"
        };
        assert!(advice.contains(expected), "{}", diagnosis.text);
        assert!(!diagnosis.of("ok").is_empty(), "the other checks ran");
    }
}

#[tokio::test]
async fn a_stack_without_credentials_is_checked_as_far_as_it_goes() {
    let mut clinic = Clinic::healthy().await;
    clinic.outputs.remove("UpvestSecret");
    clinic.admit();
    let diagnosis = clinic.examine("").await;
    assert_eq!(diagnosis.of("failed"), [], "{}", diagnosis.text);
    let skipped: Vec<String> = diagnosis
        .of("skipped")
        .into_iter()
        .map(|(check, ..)| check)
        .collect();
    for check in ["API credentials", "subscription", "verification keys"] {
        assert!(
            skipped.iter().any(|skipped| skipped == check),
            "{}",
            diagnosis.text
        );
    }
}

#[tokio::test]
async fn a_dead_letter_fails_and_a_backlog_warns() {
    let clinic = Clinic::healthy().await;
    let sqs = clinic.world.receiver.aws.sqs();
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
    send(&clinic.outputs["DeliveriesQueueUrl"], 1_000).await;
    let diagnosis = clinic.examine("").await;
    diagnosis.assert_only(
        "warning",
        "backlog",
        "Deliveries: 1000 messages",
        "VerifyMaximumConcurrency",
    );
    let clinic = Clinic::healthy().await;
    let sqs = clinic.world.receiver.aws.sqs();
    let url = &clinic.outputs["DeliveriesDeadLetterQueueUrl"];
    sqs.send_message()
        .queue_url(url)
        .message_body("x")
        .send()
        .await
        .unwrap();
    let diagnosis = clinic.examine("").await;
    diagnosis.assert_only("failed", "dead letters", "Deliveries: 1 messages", "dlq redrive");
}

#[tokio::test]
async fn a_queue_that_is_set_otherwise_is_found() {
    type Spoil = fn(QueueSettings) -> QueueSettings;
    let cases: [(&str, &str, Spoil); 5] = [
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
        ("warning", "hides a message for 30 s", |settings| {
            settings.visibility_timeout(Duration::from_secs(30))
        }),
        ("warning", "keeps messages for 96 h", |settings| QueueSettings {
            retention: Duration::from_secs(4 * 24 * 3600),
            ..settings
        }),
    ];
    for (result, found, spoil) in cases {
        let mut clinic = Clinic::healthy().await;
        clinic.add_queue(Queue::Domain(Domain::Orders), spoil);
        clinic.admit();
        clinic
            .examine("")
            .await
            .assert_only(result, "settings", found, "deploy the stack again");
    }
}

#[tokio::test]
async fn an_alarm_that_rings_fails_with_its_own_description() {
    let clinic = Clinic::healthy().await;
    let aws = &clinic.world.receiver.aws;
    aws.edit_account(|account| account.alarms.push(alarm("ALARM")));
    let diagnosis = clinic.examine("").await;
    diagnosis.assert_only("failed", "alarms", RINGING, "An event has the id of a logged one");
    aws.edit_account(|account| {
        let is_composite = true;
        account.alarms = vec![Alarm {
            is_composite,
            ..alarm("ALARM")
        }];
    });
    clinic
        .examine("")
        .await
        .assert_only("failed", "alarms", RINGING, "An event has");
    aws.edit_account(|account| account.alarms.clear());
    clinic
        .examine("")
        .await
        .assert_only("warning", "alarms", "has none", "deploy");
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
        let mut clinic = Clinic::healthy().await;
        clinic.unsubscribe();
        clinic.output("WebhookUrl", &url);
        let diagnosis = clinic.examine("").await;
        let failed = diagnosis.of("failed");
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
        let mut clinic = Clinic::healthy().await;
        let url = server(StatusCode::from_u16(status).unwrap()).await;
        clinic.unsubscribe();
        clinic.output("WebhookUrl", &url);
        clinic.subscribe(&url, true).await;
        let diagnosis = clinic.examine("").await;
        let failed = diagnosis.of("failed");
        let checks: Vec<&str> = failed.iter().map(|(check, ..)| check.as_str()).collect();
        assert_eq!(
            checks,
            ["GET is refused", "unsigned POST is refused"],
            "{}",
            diagnosis.text
        );
        assert!(failed[1].2.contains(expected), "{}", diagnosis.text);
    }
}

#[tokio::test]
async fn a_clock_that_is_off_is_found_and_told_whose_it_is() {
    let clinic = Clinic::healthy().await;
    let aws = &clinic.world.receiver.aws;
    aws.edit_account(|account| account.ahead_seconds = Some(3600));
    let diagnosis = clinic.examine("").await;
    let failed = diagnosis.of("failed");
    let checks: Vec<&str> = failed.iter().map(|(check, ..)| check.as_str()).collect();
    assert_eq!(
        checks,
        ["clock of this machine", "clock of AWS"],
        "{}",
        diagnosis.text
    );
    assert!(failed[0].1.contains("behind AWS"), "{}", diagnosis.text);
    assert!(failed[1].1.contains("ahead of Upvest"), "{}", diagnosis.text);
}

#[tokio::test]
async fn what_one_may_not_look_at_is_skipped_with_the_permission_it_takes() {
    let clinic = Clinic::healthy().await;
    let denials = [
        ("GetQueueAttributes", "sqs:GetQueueAttributes"),
        ("DescribeTable", "dynamodb:DescribeTable"),
        ("DescribeAlarms", "cloudwatch:DescribeAlarms"),
        ("DescribeStacks", "cloudformation:DescribeStacks"),
        ("GetBucketVersioning", "s3:GetBucketVersioning"),
        ("ListObjectsV2", "s3:ListBucket"),
        ("DescribeEventBus", "events:DescribeEventBus"),
        ("Scan", "dynamodb:Scan"),
    ];
    for (operation, action) in denials {
        let aws = &clinic.world.receiver.aws;
        aws.edit_account(|account| account.denied = [operation.to_owned()].into());
        let diagnosis = clinic.examine("").await;
        assert_eq!(diagnosis.of("failed"), [], "{}", diagnosis.text);
        let lack = format!("you lack the permission {action}");
        let skipped = diagnosis.of("skipped");
        assert!(
            skipped.iter().any(|(_, why, _)| *why == lack),
            "{}",
            diagnosis.text
        );
    }
    let aws = &clinic.world.receiver.aws;
    aws.edit_account(|account| account.denied = ["GetSecretValue".to_owned()].into());
    let diagnosis = clinic.examine("").await;
    assert_eq!(diagnosis.of("failed"), [], "{}", diagnosis.text);
    assert!(
        diagnosis.text.contains("secretsmanager:GetSecretValue"),
        "{}",
        diagnosis.text
    );
}

#[tokio::test]
async fn storage_that_is_not_protected_is_found() {
    let clinic = Clinic::healthy().await;
    let aws = &clinic.world.receiver.aws;
    for (resource, operation, result, check, found) in [
        (
            "events",
            "DescribeTable",
            "warning",
            "tables",
            "events can be deleted",
        ),
        (
            "keys",
            "DescribeContinuousBackups",
            "warning",
            "tables",
            "keys has no point-in-time",
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
        clinic.examine("").await.assert_only(result, check, found, "");
    }
}

#[tokio::test]
async fn what_is_in_quarantine_is_counted_by_its_reason() {
    let clinic = Clinic::healthy().await;
    let aws = &clinic.world.receiver.aws;
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
    let full = clinic.examine("").await;
    full.assert_only(
        "warning",
        "quarantine",
        "1 digest-mismatch, 1 unknown-key",
        "quarantine list",
    );
}

#[tokio::test]
async fn parts_that_are_gone_and_a_version_that_differs_are_found() {
    let mut clinic = Clinic::healthy().await;
    clinic.output("Version", "0.0.1");
    clinic
        .examine("")
        .await
        .assert_only("warning", "version", "the stack is 0.0.1", "deploy");
    clinic.output("Version", env!("CARGO_PKG_VERSION"));
    clinic.output("EventBusName", "gone");
    clinic
        .examine("")
        .await
        .assert_only("failed", "event bus", "gone is not there", "EventBusName");
    clinic.output("EventBusName", "changes");
    clinic.output("IdempotencyTableName", "gone");
    clinic
        .examine("")
        .await
        .assert_only("failed", "tables", "gone is not there", "restore");
    clinic.output("IdempotencyTableName", "idempotency");
    let status = |status: &str| {
        let status = status.to_owned();
        clinic
            .world
            .receiver
            .aws
            .edit_account(|account| account.stack_status = status);
    };
    status("UPDATE_ROLLBACK_FAILED");
    clinic
        .examine("")
        .await
        .assert_only("failed", "stack", "UPDATE_ROLLBACK_FAILED", "events");
}

#[tokio::test]
async fn a_check_that_hangs_is_given_up_and_hides_no_other() {
    let clinic = Clinic::healthy().await;
    clinic.world.simulator.add_trouble(upvest_simulator::Trouble {
        answers: 50,
        delay_ms: 30_000,
        path_prefix: Some("/webhooks".to_owned()),
        ..upvest_simulator::Trouble::default()
    });
    let diagnosis = clinic.examine("--timeout 1").await;
    diagnosis.assert_only("failed", "subscription", "no answer within 1 s", "--timeout");
}
