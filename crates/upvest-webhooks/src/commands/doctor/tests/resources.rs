//! What is wrong with queues, alarms, functions and storage.

use pipeline::stores::archive::{QUARANTINE_PREFIX, UNKNOWN_KEY};
use pipeline::stores::events::{EventLog, NewEvent};

use super::*;

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
            settings.redrive_to("UsersDead.fifo", 1_000)
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
async fn the_alarms_of_a_stack_whose_name_begins_alike_are_not_its_own() {
    let site = Site::healthy().await;
    let aws = &site.world.receiver.aws;
    let ringing = |name: &str| Alarm {
        name: name.to_owned(),
        is_silenced: true,
        ..alarm("ALARM")
    };
    aws.edit_account(|account| {
        let live = ["Alarms-1A-ConflictAlarm-2B", "OrdersDeadLetterAlarm-3C"];
        let live = live.map(|name| ringing(&format!("upvest-webhooks-live-{name}")));
        account.alarms.extend(live);
    });
    let checked = site.check("").await;
    assert_eq!((checked.of("failed"), checked.of("warning")), (vec![], vec![]));
    // Its own are not all in the nested stack.
    let own = "upvest-webhooks-OrdersDeadLetterAlarm-4D";
    aws.edit_account(|account| {
        account.alarms.push(ringing(own));
        let names = ("OrdersDeadLetterAlarm".to_owned(), own.to_owned());
        account
            .stack_resources
            .push(("AWS::CloudWatch::Alarm", names.0, names.1));
    });
    let checked = site.check("").await;
    let failed = checked.of("failed");
    let found: Vec<&str> = failed.iter().map(|(_, found, _)| found.as_str()).collect();
    assert_eq!(found, [format!("{own} rings")]);
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
            "upvest-webhooks drain --resume --reason",
            "IngestFunction is not there",
        ),
        (
            "orders-1",
            "functions",
            "OrdersFunction is switched off",
            "aws lambda delete-function-concurrency --function-name orders-1",
            "OrdersFunction is not there",
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
async fn an_account_in_which_queues_can_leave_nothing_for_ingest_is_found() {
    let site = Site::healthy().await;
    let aws = &site.world.receiver.aws;
    for (executions, result, found) in [
        (10, "failed", "10, all of which verify-and-store alone can take"),
        (150, "warning", "150, of which queues can take 150"),
    ] {
        aws.edit_account(|account| account.concurrent_executions = Some(executions));
        let checked = site.check("").await;
        checked.assert_only(result, "concurrency", found, "IngestReservedConcurrency");
    }
    aws.edit_account(|account| {
        let name = "IngestReservedConcurrency".to_owned();
        account.stack_parameters.insert(name, "50".to_owned());
    });
    let kept = site.check("").await;
    assert_eq!((kept.of("warning"), kept.of("failed")), (vec![], vec![]));
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
        format!("{QUARANTINE_PREFIX}digest-mismatch/2026/01/01/00/a"),
        format!("{QUARANTINE_PREFIX}{UNKNOWN_KEY}/2026/01/01/00/b"),
    ] {
        let body = aws_sdk_s3::primitives::ByteStream::from_static(b"{}");
        aws.s3()
            .put_object()
            .bucket("quarantine")
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
    site.check("").await.assert_only(
        "warning",
        "version",
        "older than this command",
        "deploy this version",
    );
    site.output("Version", "999.0.0");
    site.check("").await.assert_only(
        "warning",
        "version",
        "newer than this command",
        "use the command of the stack",
    );
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
async fn a_stack_that_was_deleted_since_it_was_found_is_told_as_that() {
    let site = Site::healthy().await;
    let aws = &site.world.receiver.aws;
    aws.edit_account(|account| account.has_no_stack = true);
    let checked = site.check("").await;
    let failed = checked.of("failed");
    let (_, found, advice) = failed.iter().find(|(check, ..)| check == "stack").unwrap();
    assert!(
        found.starts_with("there is no stack upvest-webhooks in "),
        "{found}"
    );
    assert!(advice.starts_with("deploy it again"), "{advice}");
}

#[tokio::test]
async fn events_whose_time_is_that_of_their_receipt_are_found() {
    let site = Site::healthy().await;
    let log = EventLog::new(site.world.receiver.aws.dynamodb().clone(), "events".to_owned());
    let event = |id: &str, time_flag| NewEvent {
        event_id: id.to_owned(),
        event_type: "ISA_WRAPPER.NEW".to_owned(),
        aggregate: Some("ISA_WRAPPER#i1".to_owned()),
        occurred: format!("2026-01-01T00:00:00#2020##2026-01-01T00:00:00#00000#{id}"),
        time_flag,
        delivery_id: "d1".to_owned(),
        received_at: "2026-01-01T00:00:00Z".to_owned(),
        sha256: String::new(),
        object: "{}",
        archived_at: String::new(),
    };
    log.record(&[event("e1", None), event("e2", Some("object-updated-at"))])
        .await
        .unwrap();
    let by_the_object = "2 events, not by their own time: 1 by object-updated-at (such as ISA_WRAPPER.NEW)";
    let checked = site.check("").await;
    assert_eq!(
        (checked.of("warning"), checked.of("failed")),
        (Vec::new(), Vec::new())
    );
    assert!(checked.text.contains(by_the_object), "{}", checked.text);
    log.record(&[event("e3", Some("future"))]).await.unwrap();
    site.check("").await.assert_only(
        "warning",
        "event times",
        "of 3 events, not by their own time: 1 by future (such as ISA_WRAPPER.NEW), 1 by object-updated-at",
        "explain EVENT",
    );
}

#[tokio::test]
async fn a_delivery_that_is_pending_for_more_than_a_day_fails() {
    let site = Site::healthy().await;
    let receiver = &site.world.receiver;
    let json = serde_json::json!({ "messageId": uuid::Uuid::nil(), "body": "no delivery" });
    let message = pipeline::stores::pending::PendingMessage::received(&serde_json::from_value(json).unwrap());
    // The account's clock is months behind that of this machine.
    receiver.pending().keep(&message).await.unwrap();
    let old = site.check("").await;
    old.assert_only("failed", "pending", "1 deliveries were answered", "dlq resend");
    receiver.pending().remove(&message.id).await.unwrap();
    site.world.catch_up();
    receiver.pending().keep(&message).await.unwrap();
    let young = site.check("").await;
    assert!(
        young.text.contains("1 deliveries, all for less than a day"),
        "{}",
        young.text
    );
}
