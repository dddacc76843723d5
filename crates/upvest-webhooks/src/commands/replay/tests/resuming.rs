//! A replay that was interrupted goes on where it was.

use super::*;

const RESUMABLE: [&str; 4] = [
    "--event o1-1 o1-3 x1-2 o2-1 o3-1 t1-1",
    "--entity ORDER#o1 ORDER#o2 ORDER#o3 TOPUP#t1",
    "--domain orders payments",
    "--since 2026-01-01 --until 2026-01-02",
];

/// Runs a replay that a crash ends after some calls, and whatever is then to be run. Tells whether it was struck.
async fn interrupted(line: &str, calls: u32, pause: Duration) -> bool {
    let deployed = deployed().await;
    let before = deployed.entities();
    let said = |items: Vec<Value>| -> Vec<Value> { items.into_iter().map(without_notes).collect() };
    deployed.delete_entities().await;
    let crash = CallFilter::any().by("replay").after(calls);
    deployed.receiver.aws.inject(Fault::CrashAfterEffect, crash);
    let struck = parse(&format!("{line} --yes --reason test"));
    let run = Box::pin(struck.run(Site::silent(&deployed.stack, deployed.clock())));
    let outcome = deployed.receiver.aws.invoke("replay", run).await;
    deployed.receiver.aws.heal();
    deployed.receiver.aws.clock().advance(pause);
    let is_struck = outcome.is_err();
    let operations = deployed.receiver.operations().await;
    let rest = match operations.first() {
        None => line.to_owned(),
        Some(begun) => format!("--resume {}", begun.id),
    };
    if operations.first().is_none_or(|begun| begun.ended_at.is_none()) {
        let report = replay(&deployed, &rest).await.unwrap();
        assert!(report.succeeded(), "{}", report.text());
    }
    let sent: BTreeSet<String> = sent(&deployed).into_iter().flat_map(|(_, ids)| ids).collect();
    assert_eq!(sent.len(), 6, "{line}, {calls} calls");
    let runs = deployed.receiver.effects.runs().len();
    deployed.process().await;
    assert_eq!(said(deployed.entities()), said(before), "{line}, {calls} calls");
    assert_eq!(deployed.receiver.effects.runs().len(), runs);
    assert_eq!(deployed.receiver.waiting(), 0);
    assert_eq!(deployed.receiver.operations().await.len(), 1);
    is_struck
}

#[tokio::test(start_paused = true)]
async fn a_replay_interrupted_after_any_call_goes_on_and_loses_nothing() {
    for line in RESUMABLE {
        // Within five minutes the queue knows what it had, after them it does not.
        for pause in [Duration::from_secs(1), Duration::from_secs(301)] {
            let mut calls = 0;
            while interrupted(line, calls, pause).await {
                calls += 1;
            }
            assert!(calls > 8, "{line} makes only {calls} calls");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_left_after_an_interruption_is_all_that_is_sent() {
    for line in RESUMABLE {
        let deployed = deployed().await;
        let outage = CallFilter::operation(Service::DynamoDb, "ExecuteStatement")
            .on("audit")
            .by("replay");
        deployed
            .receiver
            .aws
            .inject(Fault::CrashBeforeEffect, outage.after(2));
        let run = Box::pin(
            parse(&format!("{line} --yes --reason test"))
                .run(Site::silent(&deployed.stack, deployed.clock())),
        );
        let _ = deployed
            .receiver
            .aws
            .invoke("replay", async { run.await.map(|report| report.sent) })
            .await;
        let operation = deployed.receiver.operations().await.remove(0);
        let (id, progress) = (operation.id, operation.progress.unwrap());
        let replay = parse(&format!("--resume {id} --dry-run"));
        let rest = replay
            .run(Site::silent(&deployed.stack, deployed.clock()))
            .await
            .unwrap();
        let done = progress["sent"].as_u64().unwrap();
        assert!(done >= 2, "{line}: {progress}");
        assert_eq!(rest.remaining(), 6 - done, "{line}: {progress}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_failure_says_how_to_go_on() {
    let deployed = deployed().await;
    let send = CallFilter::operation(Service::Sqs, "SendMessageBatch").by("replay");
    for _ in 0..30 {
        deployed
            .receiver
            .aws
            .inject(Fault::FailBeforeEffect, send.clone());
    }
    let error = replay(&deployed, "--domain orders").await.unwrap_err();
    let id = deployed.receiver.stored("audit").remove(0);
    assert!(error.to_string().contains(&format!("--resume {id}")), "{error}");
    deployed.receiver.aws.heal();
    let report = replay(&deployed, &format!("--resume {id}")).await.unwrap();
    assert_eq!((report.sent, report.replay.unwrap().to_string()), (5, id.clone()));
    let again = refusal(&deployed, &format!("--resume {id}")).await;
    assert!(again.contains("there is nothing to go on with"), "{again}");
}

#[tokio::test(start_paused = true)]
async fn what_failed_before_an_interruption_is_told_after_it() {
    let deployed = deployed().await;
    let key = &deployed.verified()[0];
    let object = deployed.receiver.aws.objects("archive")[key].clone();
    let mut delivery = ArchivedDelivery::parse(&object.bytes).unwrap().envelope;
    let events = [
        order("o1", 3, "FILLED"),
        topup("t1", 1, "CONFIRMED"),
        event("unlogged", 1, "ORDER.NEW", r#"{"id":"o9"}"#),
    ];
    delivery.body = format!("[{}]", events.join(",")).into_bytes();
    let object = serde_json::to_vec(&ArchivedDelivery::of(&delivery, Some("key"))).unwrap();
    deployed.put_archived(key, object).await;
    // The first delivery goes to two queues, and is noted then.
    let send = CallFilter::operation(Service::Sqs, "SendMessageBatch").by("replay");
    deployed
        .receiver
        .aws
        .inject(Fault::CrashBeforeEffect, send.after(2));
    let struck = parse("--since 2026-01-01 --until 2026-01-02 --yes --reason test");
    let run = Box::pin(struck.run(Site::silent(&deployed.stack, deployed.clock())));
    assert!(deployed.receiver.aws.invoke("replay", run).await.is_err());
    let id = deployed.receiver.stored("audit").remove(0);
    let report = replay(&deployed, &format!("--resume {id}")).await.unwrap();
    assert_eq!((report.sent, report.failed, report.succeeded()), (6, 1, false));
    assert!(report.text().contains("unlogged"), "{}", report.text());
    let operation = deployed.receiver.operations().await.remove(0);
    assert_eq!(operation.result, Some(json!({ "failed": 1, "sent": 6 })));
    let progress = operation.progress.unwrap().to_string();
    assert!(
        progress.contains("resumed") && progress.contains(OPERATOR),
        "{progress}"
    );
}

#[tokio::test(start_paused = true)]
async fn messages_that_the_queue_does_not_take_at_once_are_sent_again() {
    let deployed = deployed().await;
    let send = CallFilter::operation(Service::Sqs, "SendMessageBatch").by("replay");
    for _ in 0..2 {
        deployed.receiver.aws.inject(Fault::Partial, send.clone());
    }
    replay(&deployed, "--domain orders").await.unwrap();
    let sent = sent(&deployed).remove(0).1;
    assert_eq!(BTreeSet::from_iter(sent).len(), 5);
}

#[tokio::test(start_paused = true)]
async fn only_an_interrupted_replay_can_be_gone_on_with() {
    let deployed = deployed().await;
    let id = Uuid::nil();
    let unknown = refusal(&deployed, &format!("--resume {id}")).await;
    assert_eq!(
        unknown,
        format!("no operation {id} in the audit table: `upvest-webhooks audit list` has them")
    );
    let audit = Audit::of(&deployed.stack, Clock::system()).await.unwrap();
    let other = audit.begin("dlq redrive", "test", json!({})).await.unwrap().id;
    let refused = refusal(&deployed, &format!("--resume {other}")).await;
    assert_eq!(
        refused,
        format!("operation {other} is no replay, but `dlq redrive`")
    );
}
