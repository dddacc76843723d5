//! What does not hold: keys, the archive, the log, the state.

use pipeline::stores::entities::attributes as of_entity;
use pipeline::stores::events::attributes::{OBJECT, SHA256};
use pipeline::stores::keys::attributes as of_key;

use super::*;

#[tokio::test(start_paused = true)]
async fn a_deleted_archive_object_is_told() {
    let (signed, [first, _]) = with_order().await;
    signed.delete_archived(&signed.archived_at(&first)).await;
    let explanation = explain(&signed, "ORDER#o1").await;
    assert_finding(
        &explanation,
        &format!("delivery {first}: the archived delivery is missing"),
    );
    assert_eq!(explanation.findings.len(), 1);
    assert_eq!(explanation.events[0].bytes, Bytes::Unproven);
    assert_eq!(explanation.events[1].bytes, Bytes::AsSigned);
}

#[tokio::test(start_paused = true)]
async fn a_tampered_archive_object_does_not_hold_any_more() {
    let (signed, [_, second]) = with_order().await;
    let key = signed.archived_at(&second);
    let object = signed.archived(&key).to_string();
    for (tampered, reason) in [
        (object.replace("FILLED", "FAILED"), "(digest-mismatch)"),
        (
            object.replace(r#""method":"POST""#, r#""method":"PUT""#),
            "(bad-signature)",
        ),
        ("{}".to_owned(), "object is not an archived delivery"),
        (
            object.replace(&second, "019b76da-a87b-7def-8123-456789abcdef"),
            "says that it is delivery",
        ),
    ] {
        signed.put_archived(&key, tampered.into_bytes()).await;
        assert_finding(&explain(&signed, "ORDER#o1").await, reason);
        assert_finding(&explain(&signed, "e3").await, reason);
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_gone_leaves_the_signature_unverified() {
    let (signed, _) = with_order().await;
    signed.delete("keys", "key").await;
    let explanation = explain(&signed, "e1").await;
    assert_finding(&explanation, "its key key is not in the keys table");
}

#[tokio::test(start_paused = true)]
async fn the_history_of_a_key_is_told() {
    let (signed, _) = with_order().await;
    for (name, at) in [
        (of_key::FIRST_SEEN, "2025-01-01T00:00:00Z"),
        (of_key::RETIRED_AT, "2026-02-01T00:00:00Z"),
    ] {
        signed.set("keys", "key", (name, at)).await;
    }
    let explanation = explain(&signed, "e1").await;
    assert_holds(&explanation);
    let text = explanation.text();
    assert!(
        text.contains("first seen 2025-01-01T00:00:00Z, retired 2026-02-01T00:00:00Z"),
        "{text}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_keys_table_that_cannot_be_read_is_told_and_asked_again() {
    let (signed, _) = with_order().await;
    let aws = &signed.receiver.aws;
    // The first read finds the key to verify by, the second what is noted about it.
    let note = CallFilter::operation(Service::DynamoDb, "GetItem")
        .on("keys")
        .after(1);
    aws.inject(Fault::Deny, note);
    let explanation = aws
        .invoke("operator", explain(&signed, "ORDER#o1"))
        .await
        .unwrap();
    assert_finding(
        &explanation,
        "the keys table cannot be read: GetItem of the keys table failed",
    );
    assert_eq!(explanation.findings.len(), 1, "{:?}", explanation.findings);
    assert!(
        explanation
            .events
            .iter()
            .all(|event| event.bytes == Bytes::AsSigned)
    );
    let deliveries = json(&explanation)["deliveries"].clone();
    let deliveries = deliveries.as_object().unwrap().values();
    let (unread, known): (Vec<_>, Vec<_>) =
        deliveries.partition(|delivery| delivery["signature"]["key"]["unread"].is_string());
    assert_eq!((unread.len(), known.len()), (1, 1));
    assert!(
        known[0]["signature"]["key"]["thumbprint"].is_string(),
        "{known:?}"
    );
    assert!(
        unread[0]["signature"]["key"]["thumbprint"].is_null(),
        "{unread:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn what_the_receiver_remarked_is_told() {
    let signed = Deployment::builder().subscriptions(Policy::Flag).start().await;
    signed.receiver.subscriptions().adopt("ours").await.unwrap();
    let untimed = r#"{"id":"e1","type":"ORDER.NEW","webhook_id":"theirs","object":{"id":"o1"}}"#;
    signed.deliver(&[untimed.to_owned()]).await;
    let explanation = explain(&signed, "e1").await;
    assert_holds(&explanation);
    for fact in [["flagged", "foreign-subscription"], ["time flag", "receipt"]] {
        let told = |line: &str| fact.iter().all(|word| line.contains(word));
        assert!(explanation.text().lines().any(told), "{}", explanation.text());
    }
}

#[tokio::test(start_paused = true)]
async fn an_event_that_was_changed_in_the_log_is_not_what_was_signed() {
    let (signed, _) = with_order().await;
    let object = r#"{"id":"o1","status":"NEW","user_id":"u2"}"#;
    signed.set("events", "e1", (OBJECT, object)).await;
    assert_finding(
        &explain(&signed, "ORDER#o1").await,
        "event e1: the log does not have what was signed: object",
    );
    signed.set("events", "e3", (SHA256, "00")).await;
    signed
        .set("events", "e3", (RECEIVED_AT, "2026-01-01T00:00:00Z"))
        .await;
    assert_finding(
        &explain(&signed, "e3").await,
        "event e3: the log does not have what was signed: sha256, received_at",
    );
}

#[tokio::test(start_paused = true)]
async fn an_entity_that_was_edited_by_hand_is_not_what_the_log_folds_to() {
    let (signed, _) = with_order().await;
    let item = "ORDER#o1";
    signed
        .set("entities", item, (of_entity::STATUS, "CANCELLED"))
        .await;
    let explanation = explain(&signed, "ORDER#o1").await;
    assert_finding(&explanation, "status is CANCELLED, by the log FILLED");
    // Who it belongs to is personal data: only that it differs is told.
    signed
        .set("entities", item, (of_entity::USER_ID, "someone"))
        .await;
    let explanation = explain(&signed, "e3").await;
    assert_finding(&explanation, "status is CANCELLED, by the log FILLED; user_id");
    assert!(!explanation.text().contains("someone"));
    signed.receiver.break_entity(item).await;
    assert_finding(&explain(&signed, "ORDER#o1").await, "has no usable last_occurred");
}

#[tokio::test(start_paused = true)]
async fn an_event_that_never_got_into_the_state_is_found() {
    let (signed, _) = with_order().await;
    signed.receiver.aws.clock().advance(Duration::from_secs(1));
    log_without_dispatch(&signed, "e4", 4, "CANCELLED").await;
    signed.receiver.aws.clock().advance(Duration::from_secs(1));
    signed.deliver(&[order("e5", 5, "PROCESSING")]).await;
    let explanation = explain(&signed, "ORDER#o1").await;
    assert_finding(&explanation, "the state lacks event e4, and has later ones");
}

#[tokio::test(start_paused = true)]
async fn duplicates_and_conflicts_are_found_in_the_archive() {
    let (signed, _) = with_order().await;
    let clock = signed.receiver.aws.clock().clone();
    clock.advance(Duration::from_secs(3600));
    let duplicate = signed.deliver(&[order("e1", 1, "NEW")]).await;
    assert_holds(&explain(&signed, "e1").await);
    let explanation = explain(&signed, "e1 --duplicates 2h").await;
    assert_holds(&explanation);
    assert!(explanation.text().contains(&duplicate), "{}", explanation.text());
    assert_eq!(json(&explanation)["duplicates"][0]["same"], true);
    let explanation = explain(&signed, "e1 --duplicates 1h").await;
    assert!(
        explanation
            .text()
            .contains("no other delivery of it in that time")
    );
    clock.advance(Duration::from_secs(60));
    let other = signed.deliver(&[order("e1", 1, "CANCELLED")]).await;
    let explanation = explain(&signed, "e1 --duplicates 2h").await;
    assert_finding(
        &explanation,
        &format!("event e1: delivery {other} brought it with other content"),
    );
    let logged_as = json(&explanation)["duplicates"][1]["logged_as"]
        .as_str()
        .unwrap()
        .to_owned();
    let explanation = explain(&signed, &logged_as).await;
    assert_finding(
        &explanation,
        &format!("event {logged_as}: it conflicts with event e1"),
    );
    assert_eq!(explanation.findings.len(), 1, "{:?}", explanation.findings);
    let versions: Vec<_> = explanation.events.iter().map(|event| event.bytes).collect();
    assert_eq!(versions, [Bytes::AsSigned, Bytes::AsSigned]);
}

#[tokio::test(start_paused = true)]
async fn an_object_too_large_for_the_log_is_read_from_the_archive() {
    let signed = Deployment::new().await;
    let note = "x".repeat(390 * 1024);
    let object = format!(r#"{{"id":"o1","status":"NEW","note":"{note}"}}"#);
    let id = signed.deliver(&[event("e1", 1, "ORDER.NEW", &object)]).await;
    signed.receiver.aws.clock().advance(Duration::from_secs(1));
    signed.deliver(&[order("e2", 2, "FILLED")]).await;
    assert_holds(&explain(&signed, "ORDER#o1 --limit 1").await);
    signed.delete_archived(&signed.archived_at(&id)).await;
    let explanation = explain(&signed, "ORDER#o1 --limit 1").await;
    assert_finding(
        &explanation,
        "the state cannot be compared with the log: event e1",
    );
}
