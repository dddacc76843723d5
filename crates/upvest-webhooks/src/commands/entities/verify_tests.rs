//! Checks of entities in process.

use clap::Parser;
use upvest::EntityKey;
use webhook_tests::deliveries::{event, order, topup};
use webhook_tests::deployment::Deployment;

use operator::entities::{Problem, Verified};
use operator::explain::{Question, explain};
use pipeline::runtime::clock::Clock;
use pipeline::stores::entities::attributes::{AGGREGATE, LAST_OCCURRED, STATUS};
use pipeline::stores::events;

use super::*;
use crate::output::Report;

#[derive(Debug, Parser)]
struct Line {
    #[command(flatten)]
    verify: VerifyArgs,
}

async fn verify_entities(deployed: &Deployment, line: &str) -> Result<Verified> {
    let words = std::iter::once("verify").chain(line.split_whitespace());
    let verify = Line::try_parse_from(words).unwrap().verify;
    let verified = Command::Verify(verify).run(Site::silent(&deployed.stack, deployed.clock()));
    Ok(verified.await?.into_known())
}

/// Whether `explain` and `entities verify` find something wrong with an entity's state.
async fn verdicts(deployed: &Deployment, entity: &str) -> [bool; 2] {
    let question = Question {
        subject: entity.to_owned(),
        limit: 20,
        duplicates_within: None,
        with_objects: false,
    };
    let explained = explain(&deployed.stack, &question, &Clock::system())
        .await
        .unwrap();
    let own = format!("entity {entity}: ");
    let verified = verify_entities(deployed, &format!("--entity {entity}"))
        .await
        .unwrap();
    [
        explained.findings.iter().any(|finding| finding.starts_with(&own)),
        !verified.succeeded(),
    ]
}

/// What is found in a domain: entity, problem and detail.
async fn differences_in(deployed: &Deployment, domain: &str) -> Vec<(String, Problem, Option<String>)> {
    let verified = verify_entities(deployed, &format!("--domain {domain}"))
        .await
        .unwrap();
    assert_eq!(verified.succeeded(), verified.findings.is_empty());
    let findings = verified.findings.iter().cloned();
    findings
        .map(|finding| (finding.entity, finding.problem, finding.detail))
        .collect()
}

/// Two orders and a payment, received in disorder and with duplicates.
async fn deployed() -> Deployment {
    let deployed = Deployment::new().await;
    let execution = r#"{"id":"x1","order_id":"o1","status":"FILLED","share_quantity":"1","cash_amount":"2"}"#;
    for events in [
        vec![order("o1", 3, "FILLED"), topup("t1", 1, "CONFIRMED")],
        vec![
            order("o1", 1, "NEW"),
            order("o2", 1, "NEW"),
            order("o1", 1, "NEW"),
        ],
        vec![
            event("x1-2", 2, "EXECUTION.FILLED", execution),
            order("o1", 3, "FILLED"),
        ],
    ] {
        deployed.deliver(&events).await;
    }
    deployed
}

fn named(names: &str) -> Option<String> {
    Some(names.to_owned())
}

#[tokio::test(start_paused = true)]
async fn entities_that_are_what_their_events_say_are_in_order() {
    let deployed = deployed().await;
    let verified = verify_entities(&deployed, "--domain orders payments")
        .await
        .unwrap();
    assert_eq!(verified.findings, []);
    assert!(
        verified.text().contains("entities                 3"),
        "{}",
        verified.text()
    );
    let one = verify_entities(&deployed, "--entity ORDER#o1").await.unwrap();
    assert!(one.succeeded());
    let error = verify_entities(&deployed, "--entity ORDER#o9").await.unwrap_err();
    assert!(error.to_string().starts_with("no entity ORDER#o9"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_deleted_entity_and_one_whose_events_wait_are_missing() {
    let deployed = deployed().await;
    deployed.delete("entities", "ORDER#o1").await;
    deployed.store(&[order("o3", 1, "NEW")]).await;
    let found = differences_in(&deployed, "orders").await;
    let missing = |entity: &str| (entity.to_owned(), Problem::Missing, None);
    assert_eq!(found, [missing("ORDER#o1"), missing("ORDER#o3")]);
    deployed.process().await;
    assert_eq!(differences_in(&deployed, "orders").await, [missing("ORDER#o1")]);
    assert_eq!(differences_in(&deployed, "payments").await, []);
}

#[tokio::test(start_paused = true)]
async fn a_changed_attribute_is_named_and_one_that_is_behind_too() {
    let deployed = deployed().await;
    deployed
        .set("entities", "ORDER#o1", ("filled_amount", "1000"))
        .await;
    deployed.set("entities", "ORDER#o2", ("note", "mine")).await;
    let different = |entity: &str, names| (entity.to_owned(), Problem::Different, named(names));
    let expected = [
        different("ORDER#o1", "filled_amount"),
        different("ORDER#o2", "note"),
    ];
    assert_eq!(differences_in(&deployed, "orders").await, expected);
    deployed.store(&[topup("t1", 2, "SETTLED")]).await;
    let found = differences_in(&deployed, "payments").await;
    assert_eq!(
        (found[0].0.as_str(), found[0].1),
        ("TOPUP#t1", Problem::Different)
    );
    assert!(found[0].2.as_deref().unwrap().contains("status"), "{found:?}");
}

#[tokio::test(start_paused = true)]
async fn an_entity_without_events_is_found() {
    let deployed = deployed().await;
    let rows = deployed.receiver.rows("entities");
    rows.copy("ORDER#o2", &[(AGGREGATE, "ORDER#forged")]).await;
    let expected = ("ORDER#forged".to_owned(), Problem::WithoutEvents, None);
    assert_eq!(differences_in(&deployed, "orders").await, [expected]);
    assert_eq!(differences_in(&deployed, "payments").await, []);
}

/// A category may move to another entity: an event stays with the one that it had when it was stored.
#[tokio::test(start_paused = true)]
async fn an_event_belongs_to_the_entity_that_the_log_has() {
    let deployed = deployed().await;
    deployed
        .set("events", "x1-2", (events::attributes::AGGREGATE, "EXECUTION#x1"))
        .await;
    let found = differences_in(&deployed, "orders").await;
    let found: Vec<_> = found
        .iter()
        .map(|(entity, problem, _)| (entity.as_str(), *problem))
        .collect();
    assert_eq!(
        found,
        [
            ("EXECUTION#x1", Problem::Missing),
            ("ORDER#o1", Problem::Different)
        ]
    );
}

/// Both read the same fold: what one takes for well, the other does too.
#[tokio::test(start_paused = true)]
async fn explain_and_verify_agree_about_every_entity() {
    let deployed = deployed().await;
    for entity in ["ORDER#o1", "ORDER#o2", "TOPUP#t1"] {
        assert_eq!(verdicts(&deployed, entity).await, [false, false], "{entity}");
    }
    deployed
        .set("events", "x1-2", (events::attributes::AGGREGATE, "EXECUTION#x1"))
        .await;
    assert_eq!(verdicts(&deployed, "EXECUTION#x1").await, [true, true]);
    assert_eq!(verdicts(&deployed, "ORDER#o1").await, [true, true]);
    deployed.set("entities", "ORDER#o2", (STATUS, "FILLED")).await;
    assert_eq!(verdicts(&deployed, "ORDER#o2").await, [true, true]);
    deployed.delete("entities", "TOPUP#t1").await;
    assert_eq!(verdicts(&deployed, "TOPUP#t1").await, [true, true]);
}

#[tokio::test(start_paused = true)]
async fn an_event_that_is_nowhere_is_named() {
    let deployed = Deployment::new().await;
    let note = "x".repeat(400 * 1024);
    deployed
        .deliver(&[event(
            "e1",
            1,
            "ORDER.NEW",
            &format!(r#"{{"id":"o1","note":"{note}"}}"#),
        )])
        .await;
    assert_eq!(differences_in(&deployed, "orders").await, []);
    deployed.delete_archived(&deployed.verified()[0]).await;
    let found = differences_in(&deployed, "orders").await;
    assert_eq!((found.len(), found[0].1), (1, Problem::Unreadable));
    assert!(
        found[0].2.as_deref().unwrap().starts_with("event e1: "),
        "{found:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn an_item_that_is_no_entity_is_different() {
    let deployed = deployed().await;
    deployed.receiver.break_entity("ORDER#o1").await;
    let found = differences_in(&deployed, "orders").await;
    assert_eq!((found.len(), found[0].1), (1, Problem::Different));
    assert!(
        found[0].2.as_deref().unwrap().contains(LAST_OCCURRED),
        "{found:?}"
    );
    let entity = EntityKey::from_stored("ORDER#o1".to_owned());
    assert_eq!(found[0].0, entity.as_str());
}
