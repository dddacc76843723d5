//! Checks of an archive in process.

use std::time::Duration;

use clap::Parser;
use fake_aws::{CallFilter, Fault, Service};
use pipeline::runtime::clock::Clock;
use pipeline::stores::events::attributes as of_event;
use pipeline::stores::events::conflicts_with;
use pipeline::stores::keys::KeyRow;
use pipeline::stores::keys::attributes as of_key;
use upvest::signature::{Dialect, SigningKey};
use webhook_tests::deliveries::{KEY_ID, event, import_key, order, topup};
use webhook_tests::deployment::Deployment;
use webhook_tests::schemas::fitting;
use webhook_tests::stored::key_in_the_first_hour;
use webhook_tests::story::Story;

use operator::archive::Problem;

use super::*;
use crate::output::Report;

const ALL: &str = "--since 2025-12-31 --until 2027-01-01";

#[derive(Debug, Parser)]
struct Line {
    #[command(flatten)]
    verify: Verify,
}

async fn verify_archive(deployed: &Deployment, line: &str) -> Result<VerifyReport> {
    let words = std::iter::once("verify").chain(line.split_whitespace());
    let verify = Line::try_parse_from(words).unwrap().verify;
    let run = Box::pin(verify.run(Site::silent(&deployed.stack, Clock::system())));
    deployed.receiver.aws.invoke("verify", run).await.unwrap()
}

/// What is found in everything: problem, event, and what the reason says.
async fn findings_of(deployed: &Deployment) -> Vec<(Problem, Option<String>, String)> {
    let report = verify_archive(deployed, ALL).await.unwrap();
    assert_eq!(report.succeeded(), report.findings.is_empty());
    let findings = report.findings.iter();
    findings
        .map(|finding| (finding.problem, finding.event_id.clone(), finding.reason.clone()))
        .collect()
}

async fn change_event(deployed: &Deployment, id: &str, attribute: &str, text: &str) {
    deployed.set("events", id, (attribute, text)).await;
}

/// Two deliveries, the second of which has a duplicate of an event of the first, and one that conflicts with another.
async fn deployed() -> Deployment {
    let deployed = Deployment::new().await;
    let first = [order("o1", 1, "NEW"), topup("t1", 2, "CONFIRMED")];
    deployed.deliver(&first).await;
    deployed.receiver.aws.clock().advance(Duration::from_secs(1));
    let other = topup("t1", 2, "CANCELLED").replace("TOPUP.CANCELLED", "TOPUP.CONFIRMED");
    deployed
        .deliver(&[first[0].clone(), other, order("o1", 3, "FILLED")])
        .await;
    deployed
}

fn event_of(problem: Problem, event_id: &str) -> (Problem, Option<String>) {
    (problem, Some(event_id.to_owned()))
}

fn without_reasons(found: Vec<(Problem, Option<String>, String)>) -> Vec<(Problem, Option<String>)> {
    found
        .into_iter()
        .map(|(problem, event, _)| (problem, event))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn duplicates_and_conflicts_are_as_they_should_be() {
    let deployed = deployed().await;
    let report = verify_archive(&deployed, ALL).await.unwrap();
    assert!(report.succeeded(), "{}", report.text());
    let json = fitting("archive verify", &report);
    assert_eq!(
        (&json["deliveries"], &json["delivered_events"]),
        (&2.into(), &5.into())
    );
    assert_eq!(
        (&json["logged_events"], &json["not_checked"]),
        (&4.into(), &0.into())
    );
    assert!(report.text().contains("nothing is wrong"), "{}", report.text());
}

#[tokio::test(start_paused = true)]
async fn whatever_was_received_nothing_is_wrong() {
    for seed in 0..40 {
        let deployed = Deployment::builder().seed(seed).without_key().start().await;
        let receiver = &deployed.receiver;
        let story = Story::new(&mut receiver.aws.rng());
        for key in &story.keys {
            import_key(&receiver.aws, key.clone()).await;
        }
        for delivery in &story.deliveries {
            receiver.post(&delivery.headers, &delivery.body).await.unwrap();
            receiver.aws.clock().advance(Duration::from_secs(600));
        }
        receiver.drain().await;
        let report = verify_archive(&deployed, ALL).await.unwrap();
        assert!(report.succeeded(), "seed {seed}: {}", report.text());
        let json = fitting("archive verify", &report);
        let genuine = story
            .deliveries
            .iter()
            .filter(|delivery| delivery.genuine)
            .count();
        assert_eq!(json["deliveries"], genuine, "seed {seed}");
        assert_eq!(
            json["logged_events"],
            receiver.aws.items("events").len(),
            "seed {seed}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn the_events_of_a_deleted_delivery_are_extra() {
    let deployed = deployed().await;
    deployed.delete_archived(&deployed.verified()[0]).await;
    let mut found = findings_of(&deployed).await;
    found.sort();
    assert!(found[0].2.contains("is not in the archive"), "{found:?}");
    let expected = [event_of(Problem::Extra, "o1-1"), event_of(Problem::Extra, "t1-2")];
    assert_eq!(without_reasons(found), expected);
}

#[tokio::test(start_paused = true)]
async fn a_change_of_any_byte_of_a_body_is_found() {
    let deployed = deployed().await;
    let key = deployed.verified()[1].clone();
    let object = deployed.receiver.aws.objects("archive")[&key].bytes.clone();
    let text = String::from_utf8(object.clone()).unwrap();
    let body = text.find(r#""body":"#).unwrap() + 8..text.len() - 2;
    for at in body.clone().step_by(7) {
        let mut changed = object.clone();
        changed[at] ^= 1;
        deployed.put_archived(&key, changed).await;
        let found = findings_of(&deployed).await;
        let is_found = found
            .iter()
            .any(|(problem, _, _)| matches!(problem, Problem::Unverifiable | Problem::BadObject));
        assert!(is_found, "byte {at}: {found:?}");
    }
    assert!(body.len() > 300);
}

#[tokio::test(start_paused = true)]
async fn a_changed_event_is_found_in_the_delivery_and_in_the_log() {
    let deployed = deployed().await;
    let key = deployed.verified()[1].clone();
    let object = deployed.receiver.aws.objects("archive")[&key].bytes.clone();
    let text = String::from_utf8(object).unwrap();
    deployed
        .put_archived(&key, text.replace("FILLED", "FIXXED").into_bytes())
        .await;
    let mut found = without_reasons(findings_of(&deployed).await);
    found.sort();
    assert_eq!(
        found,
        [event_of(Problem::Changed, "o1-3"), (Problem::Unverifiable, None)]
    );
}

#[tokio::test(start_paused = true)]
async fn when_and_by_which_key_a_delivery_was_received_cannot_be_rewritten() {
    let deployed = deployed().await;
    let key = deployed.verified()[1].clone();
    let object = deployed.receiver.aws.objects("archive")[&key].bytes.clone();
    let text = String::from_utf8(object).unwrap();
    for (from, to) in [
        ("2026-01-01T00:00:01Z", "2026-01-01T00:00:02Z"),
        (r#""key_id":"key""#, r#""key_id":"other""#),
        (r#""method":"POST""#, r#""method":"PUT""#),
        ("/webhooks/upvest", "/webhooks/other"),
    ] {
        let changed = text.replace(from, to);
        assert_ne!(changed, text, "{from}");
        deployed.put_archived(&key, changed.into_bytes()).await;
        assert_ne!(findings_of(&deployed).await, [], "{from}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_event_that_the_log_lost_is_missing() {
    let deployed = deployed().await;
    deployed.delete("events", "o1-3").await;
    let found = without_reasons(findings_of(&deployed).await);
    assert_eq!(found, [event_of(Problem::Missing, "o1-3")]);
}

#[tokio::test(start_paused = true)]
async fn a_conflict_that_the_log_lost_is_found() {
    let deployed = deployed().await;
    let keys = deployed.receiver.stored("events");
    let conflicting = keys.iter().find(|key| conflicts_with(key).is_some()).unwrap();
    deployed.delete("events", conflicting).await;
    let found = without_reasons(findings_of(&deployed).await);
    assert_eq!(found, [event_of(Problem::Changed, "t1-2")]);
}

#[tokio::test(start_paused = true)]
async fn a_change_of_anything_that_the_log_says_is_found() {
    let elsewhere = key_in_the_first_hour("other");
    for (attribute, text, problem) in [
        (of_event::SHA256, "00ff", Problem::Changed),
        (of_event::EVENT_TYPE, "ORDER.CANCELLED", Problem::Changed),
        (
            of_event::OBJECT,
            r#"{"id":"o1","status":"CANCELLED"}"#,
            Problem::Changed,
        ),
        (
            of_event::OCCURRED,
            "2026-01-01T00:00:04#2020##2026-01-01T00:00:00#00000#o1-3",
            Problem::Changed,
        ),
        (of_event::AGGREGATE, "USER#o1", Problem::Changed),
        (of_event::AGGREGATE, "ORDER#o2", Problem::Changed),
        (of_event::RECEIVED_AT, "2026-01-01T00:00:00Z", Problem::Changed),
        (of_event::RECEIVED_AT, "2025-01-01T00:00:00Z", Problem::Changed),
        (of_event::ARCHIVED_AT, elsewhere.as_str(), Problem::Changed),
        (
            of_event::DELIVERY_ID,
            "019b76da-a87b-7def-8123-456789abcdef",
            Problem::Extra,
        ),
        (of_event::DELIVERY_ID, "nobody", Problem::Extra),
    ] {
        let deployed = deployed().await;
        change_event(&deployed, "o1-3", attribute, text).await;
        let found = without_reasons(findings_of(&deployed).await);
        assert_eq!(found, [event_of(problem, "o1-3")], "{attribute} {text}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_event_that_nobody_delivered_is_extra() {
    let deployed = deployed().await;
    let forged = [(of_event::EVENT_ID, "forged"), (of_event::SHA256, "00ff")];
    deployed.receiver.rows("events").copy("o1-3", &forged).await;
    let found = findings_of(&deployed).await;
    assert!(found[0].2.contains("its delivery does not have it"), "{found:?}");
    assert_eq!(without_reasons(found), [event_of(Problem::Extra, "forged")]);
}

#[tokio::test(start_paused = true)]
async fn objects_that_are_no_deliveries_or_lie_elsewhere_are_bad() {
    let deployed = deployed().await;
    let key = deployed.verified()[0].clone();
    let bytes = deployed.receiver.aws.objects("archive")[&key].bytes.clone();
    let copy = key_in_the_first_hour("019b76da-a87b-7def-8123-456789abcdef");
    deployed.put_archived(&copy, bytes.clone()).await;
    let notes = key_in_the_first_hour("notes.txt");
    deployed.put_archived(&notes, b"hello".to_vec()).await;
    deployed.put_archived(&key.replace("/00/", "/01/"), bytes).await;
    let found = findings_of(&deployed).await;
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(
        found.iter().all(|(problem, _, _)| *problem == Problem::BadObject),
        "{found:?}"
    );
    let misplaced = found
        .iter()
        .filter(|(_, _, reason)| reason.contains(&key))
        .count();
    assert_eq!(misplaced, 2, "{found:?}");
}

#[tokio::test(start_paused = true)]
async fn a_range_takes_its_first_instant_and_not_its_last() {
    let deployed = Deployment::new().await;
    let clock = deployed.receiver.aws.clock();
    clock.advance(Duration::from_millis(3_599_999));
    for (number, wait_ms) in (0..).zip([1, 1, 998, 24 * 3_600_000]) {
        // Received at 00:59:59.999, 01:00:00, 01:00:00.001 and 01:00:00.999.
        deployed
            .deliver(&[order(&format!("o{number}"), number, "NEW")])
            .await;
        clock.advance(Duration::from_millis(wait_ms));
    }
    for (since, until, expected) in [
        ("00:59:59.999", "01:00:00", 1),
        ("00:59:59.9985", "00:59:59.9995", 1),
        ("00:59:59.9995", "01:00:00", 0),
        ("01:00:00", "01:00:00.001", 1),
        ("01:00:00", "01:00:00.999", 2),
        ("00:00:00", "01:00:01", 4),
        ("01:00:01", "23:00:00", 0),
    ] {
        let line = format!("--since 2026-01-01T{since}Z --until 2026-01-01T{until}Z");
        let report = verify_archive(&deployed, &line).await.unwrap();
        assert!(report.succeeded(), "{line}: {}", report.text());
        let json = fitting("archive verify", &report);
        assert_eq!(
            (&json["deliveries"], &json["logged_events"]),
            (&expected.into(), &expected.into()),
            "{line}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn more_deliveries_than_a_page_of_keys_has_are_all_checked() {
    let deployed = Deployment::new().await;
    deployed.deliver(&[order("o1", 1, "NEW")]).await;
    let key = deployed.verified()[0].clone();
    let object = deployed.receiver.aws.objects("archive")[&key].bytes.clone();
    for number in 0..1_100 {
        let copy = key_in_the_first_hour(&format!("{number:04}"));
        deployed.put_archived(&copy, object.clone()).await;
    }
    assert_eq!(
        verify_archive(&deployed, ALL).await.unwrap().findings.len(),
        1_000
    );
    let report = verify_archive(&deployed, ALL).await.unwrap();
    assert!(report.text().ends_with("and 100 more\n"));
}

#[tokio::test(start_paused = true)]
async fn a_retired_key_verifies_and_an_unknown_one_does_not() {
    let deployed = deployed().await;
    deployed
        .set("keys", KEY_ID, (of_key::RETIRED_AT, "2026-01-01T00:00:00.500Z"))
        .await;
    assert_eq!(findings_of(&deployed).await, []);
    deployed.delete("keys", KEY_ID).await;
    let found = findings_of(&deployed).await;
    let expected = (
        Problem::Unverifiable,
        None,
        "no key key in the keys table".to_owned(),
    );
    assert_eq!(found, [expected.clone(), expected]);
}

#[tokio::test(start_paused = true)]
async fn another_key_under_the_same_id_does_not_verify() {
    let deployed = deployed().await;
    let other = SigningKey::ed25519_from_seed(KEY_ID, Dialect::UnquotedDigest, &[8; 32]).unwrap();
    let jwk = serde_json::to_string(&other.to_jwk()).unwrap();
    deployed.set("keys", KEY_ID, (of_key::JWK, &jwk)).await;
    let found = findings_of(&deployed).await;
    assert_eq!(found.len(), 2);
    assert_eq!(
        found[0],
        (Problem::Unverifiable, None, "bad-signature".to_owned())
    );
}

#[tokio::test(start_paused = true)]
async fn a_delivery_whose_secret_cannot_be_read_is_not_checked_and_not_wrong() {
    let deployed = Deployment::new().await;
    let secret = vec![9; 32];
    deployed.receiver.aws.create_secret("arn:smoke", &secret);
    let smoke = KeyRow {
        key_id: "smoke".to_owned(),
        algorithm: Some("hmac-sha256".to_owned()),
        secret: Some("arn:smoke".to_owned()),
        ..KeyRow::default()
    };
    deployed.receiver.put_key_row(&smoke).await;
    let key = SigningKey::hmac("smoke", Dialect::QuotedContentDigest, secret.into()).unwrap();
    deployed.store_signed(&key, &[order("o1", 1, "NEW")]).await;
    let not_checked = async || {
        let report = verify_archive(&deployed, ALL).await.unwrap();
        assert!(report.succeeded(), "{}", report.text());
        let json = fitting("archive verify", &report);
        (
            json["not_checked"].as_u64().unwrap(),
            json["delivered_events"].as_u64().unwrap(),
            report.text(),
        )
    };
    let (count, events, _) = not_checked().await;
    assert_eq!((count, events), (0, 1));
    deployed.set("keys", "smoke", (of_key::SECRET, "arn:gone")).await;
    let (count, events, text) = not_checked().await;
    assert_eq!((count, events), (1, 1), "its events are compared all the same");
    assert!(text.contains("the secret of smoke cannot be read"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_is_an_error_and_no_finding() {
    let deployed = deployed().await;
    for (service, operation) in [
        (Service::S3, "ListObjectsV2"),
        (Service::S3, "GetObject"),
        (Service::DynamoDb, "GetItem"),
        (Service::DynamoDb, "BatchGetItem"),
        (Service::DynamoDb, "Scan"),
    ] {
        let call = CallFilter::operation(service, operation).by("verify");
        for _ in 0..30 {
            deployed
                .receiver
                .aws
                .inject(Fault::FailBeforeEffect, call.clone());
        }
        assert!(verify_archive(&deployed, ALL).await.is_err(), "{operation}");
        deployed.receiver.aws.heal();
    }
}

#[tokio::test(start_paused = true)]
async fn an_event_of_a_category_that_was_unknown_when_it_came_is_not_changed() {
    let deployed = Deployment::new().await;
    let execution = r#"{"id":"x1","order_id":"o1","status":"FILLED"}"#;
    deployed
        .deliver(&[event("e1", 1, "EXECUTION.FILLED", execution)])
        .await;
    change_event(&deployed, "e1", of_event::AGGREGATE, "EXECUTION#x1").await;
    assert_eq!(findings_of(&deployed).await, []);
}

#[tokio::test(start_paused = true)]
async fn a_large_event_is_where_the_log_says() {
    let deployed = Deployment::new().await;
    let note = "x".repeat(400 * 1024);
    let large = event("e1", 1, "ORDER.NEW", &format!(r#"{{"id":"o1","note":"{note}"}}"#));
    deployed.deliver(&[large]).await;
    assert_eq!(findings_of(&deployed).await, []);
    let elsewhere = key_in_the_first_hour("other");
    change_event(&deployed, "e1", of_event::ARCHIVED_AT, &elsewhere).await;
    assert_eq!(
        without_reasons(findings_of(&deployed).await),
        [event_of(Problem::Changed, "e1")]
    );
}

#[test]
fn a_range_is_required() {
    let is_taken = |line: &str| {
        let words = std::iter::once("verify").chain(line.split_whitespace());
        Line::try_parse_from(words).is_ok()
    };
    assert!(is_taken("--since 2026-01-05") && is_taken("--since 36h --until 1h"));
    assert!(!is_taken("") && !is_taken("--until 1h") && !is_taken("--since someday"));
}
