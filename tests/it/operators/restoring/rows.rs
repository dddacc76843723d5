//! Rows of one table that are put back, and those that stay.

use pipeline::stores::events::attributes::{EVENT_ID, OBJECT};
use pipeline::stores::idempotency::attempts::attempt_id;
use pipeline::stores::{audit, idempotency, keys, subscriptions};

use super::*;

#[tokio::test(start_paused = true)]
async fn an_event_that_was_overwritten_is_put_back_when_that_is_asked_for() {
    let (deployment, _) = copied().await;
    let log = items(&deployment, "events");
    deployment
        .set("events", "o2-3", (OBJECT, r#"{"id":"o2","status":"FORGED"}"#))
        .await;
    let kept = put_back(&deployment, RestorableTable::Events).await;
    assert_eq!((kept.missing, kept.differing, kept.put_back), (0, 1, 0));
    assert_eq!(
        (kept.named[0].key.as_str(), &kept.named[0].attributes),
        ("o2-3", &vec![OBJECT.to_owned()])
    );
    let overwriting = Request {
        overwrite: true,
        ..request(RestorableTable::Events)
    };
    let is_one = |report: &RestoreReport| Ok(report.to_put_back(true) == 1);
    let back = restore(&deployment.repair(false), &overwriting, is_one).await;
    assert_eq!(back.unwrap().put_back, 1);
    assert_eq!(items(&deployment, "events"), log);
}

#[tokio::test(start_paused = true)]
async fn rows_that_are_there_are_newer_and_stay_and_missing_ones_come_back() {
    for (table, key, attribute) in [
        (RestorableTable::Keys, "key", keys::attributes::DISTRUSTED_AT),
        (
            RestorableTable::Idempotency,
            "orders#o1-1",
            idempotency::attributes::DATA,
        ),
        (
            RestorableTable::Subscriptions,
            "ours",
            subscriptions::attributes::OUTLIVED_AT,
        ),
        (RestorableTable::Audit, "", audit::attributes::RESULT),
    ] {
        let name = table.name();
        let deployment = Deployment::new().await;
        deployment.deliver(&[order("o1", 1, "NEW")]).await;
        deployment.receiver.subscriptions().adopt("ours").await.unwrap();
        rebuild_with_record(&deployment).await;
        let key = match key {
            "" => deployment.receiver.stored("audit").remove(0),
            key => key.to_owned(),
        };
        deployment.copy_table(name, COPY).await;
        deployment.set(name, &key, (attribute, "newer")).await;
        let newer = deployment.item(name, &key).await;
        let kept = put_back(&deployment, table).await;
        assert_eq!((kept.differing, kept.put_back), (1, 0), "{name}");
        assert_eq!(deployment.item(name, &key).await, newer, "{name}");
        let overwriting = Request {
            overwrite: true,
            ..request(table)
        };
        let refused = restore(&deployment.repair(false), &overwriting, |_| Ok(true)).await;
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::Usage, "{name}");
        deployment.delete(name, &key).await;
        assert_eq!(put_back(&deployment, table).await.put_back, 1, "{name}");
        let restored = deployment.item(name, &key).await;
        assert_ne!(restored.get(attribute), newer.get(attribute), "{name}");
    }
}

/// Leaves an operation in the audit table: a repair of a state that was lost.
async fn rebuild_with_record(deployment: &Deployment) {
    deployment.delete_entities().await;
    rebuild_all(deployment).await;
}

#[tokio::test(start_paused = true)]
async fn records_of_attempts_and_what_is_no_row_are_left_out() {
    let deployment = Deployment::new().await;
    deployment.deliver(&[order("o1", 1, "NEW")]).await;
    let attempt = attempt_id(Domain::Orders.name(), "o9-1");
    let records = deployment.receiver.rows("idempotency");
    let changed = [(idempotency::attributes::ID, attempt.as_str())];
    records.copy("orders#o1-1", &changed).await;
    deployment.copy_table("idempotency", COPY).await;
    lose(&deployment, "idempotency").await;
    let back = put_back(&deployment, RestorableTable::Idempotency).await;
    assert_eq!((back.left_out, back.put_back), (1, 1));
    assert_eq!(deployment.receiver.stored("idempotency"), ["orders#o1-1"]);
    // The copy of another table has nothing to put back, though its key is called the same.
    let wrong = put_back(&deployment, RestorableTable::Audit).await;
    assert_eq!((wrong.left_out, wrong.put_back), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn a_row_that_somebody_writes_meanwhile_stays_as_it_is_then() {
    let (deployment, _) = copied().await;
    deployment.delete("events", "o1-1").await;
    deployment.set("events", "o2-3", (OBJECT, "{}")).await;
    let restoring = Restoring::new(
        deployment.receiver.aws.dynamodb().clone(),
        RestorableTable::Events,
        COPY.to_owned(),
        "events".to_owned(),
    );
    let compared = restoring.compare(None).await.unwrap();
    assert_eq!(compared.rows.len(), 2);
    deployment.set("events", "o2-3", (OBJECT, "[]")).await;
    let log = deployment.receiver.rows("events");
    log.copy("o2-3", &[(EVENT_ID, "o1-1")]).await;
    let written = items(&deployment, "events");
    for row in &compared.rows {
        assert!(!restoring.put(row).await.unwrap(), "{}", row.key);
    }
    assert_eq!(items(&deployment, "events"), written);
}

#[tokio::test(start_paused = true)]
async fn an_interrupted_restore_goes_on_when_it_is_run_again() {
    let (deployment, at) = copied().await;
    lose(&deployment, "events").await;
    let fail = |operation, service, count| {
        for _ in 0..count {
            let call = CallFilter::operation(service, operation).by("operator");
            deployment.receiver.aws.inject(Fault::FailBeforeEffect, call);
        }
    };
    // The first put is that of the audit table's record.
    let repair = deployment.repair(false);
    let aws = &deployment.receiver.aws;
    let asked = request(RestorableTable::Events);
    let failed = aws.invoke("operator", async {
        restore(&repair, &asked, |_| {
            fail("Scan", Service::DynamoDb, 10);
            Ok(true)
        })
        .await
    });
    let failed = failed.await.unwrap().unwrap();
    assert!(
        failed.ending.failure.is_some() && failed.put_back == 0,
        "{failed:?}"
    );
    aws.heal();
    assert_eq!(put_back(&deployment, RestorableTable::Events).await.put_back, 3);
    let until = deployment.now();
    let failed = aws.invoke("operator", async {
        archive::resend(&repair, at..until, |_| {
            fail("SendMessage", Service::Sqs, 10);
            Ok(true)
        })
        .await
    });
    let failed = failed.await.unwrap().unwrap();
    assert!(failed.ending.failure.is_some() && failed.sent == 0, "{failed:?}");
    aws.heal();
    assert_eq!(resend(&deployment, at).await.sent, 1);
    deployment.settle().await;
    assert_whole(&deployment, "restored").await;
}

#[tokio::test(start_paused = true)]
async fn a_copy_is_not_the_table_itself() {
    let (deployment, _) = copied().await;
    let itself = Request {
        from: "events".to_owned(),
        ..request(RestorableTable::Events)
    };
    let refused = restore(&deployment.repair(false), &itself, |_| Ok(true)).await;
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::Usage);
}
