//! Rebuilding entities in process.

use std::time::Duration;

use clap::Parser;
use fake_aws::{CallFilter, Fault, Service};
use operator::entities::{Problem, RebuildReport, Rebuilding};
use pipeline::stores::entities::NOTES;
use pipeline::stores::entities::attributes::{AGGREGATE, FOLD, HISTORY, LAST_OCCURRED, STATUS, VERSION};
use serde_json::{Value, json};
use upvest::Domain;
use webhook_tests::deliveries::{order, topup};
use webhook_tests::deployment::Deployment;
use webhook_tests::effects::Trouble;
use webhook_tests::receiver::{CHANGES, dead_letter_name};
use webhook_tests::schemas::fitting;

use super::*;
use crate::output::Report;

#[derive(Debug, Parser)]
struct Line {
    #[command(subcommand)]
    command: Command,
}

async fn run(site: &Deployment, line: &str) -> Result<Box<dyn Report>> {
    let words = std::iter::once("entities").chain(line.split_whitespace());
    let command = Line::try_parse_from(words).unwrap().command;
    let run = command.run(Site::silent(&site.stack, site.clock()));
    site.receiver.aws.invoke("operator", Box::pin(run)).await.unwrap()
}

async fn rebuild(site: &Deployment, line: &str) -> RebuildReport {
    let line = format!("rebuild {line} --yes --reason INC-42");
    run(site, &line).await.unwrap().into_known()
}

async fn is_in_order(site: &Deployment, entity: &str) -> bool {
    run(site, &format!("verify --entity {entity}"))
        .await
        .unwrap()
        .succeeded()
}

/// Sets up a stack that knows two orders and a payment.
async fn site() -> Deployment {
    let site = Deployment::new().await;
    site.deliver(&[
        order("o1", 1, "NEW"),
        order("o2", 1, "NEW"),
        topup("t1", 1, "CONFIRMED"),
    ])
    .await;
    site.pass(1);
    site.deliver(&[order("o1", 2, "FILLED")]).await;
    site
}

fn results(report: &RebuildReport) -> Vec<(&str, Problem, &Rebuilding)> {
    let entities = report.entities.iter();
    entities
        .map(|entity| {
            (
                entity.finding.entity.as_str(),
                entity.finding.problem,
                &entity.result,
            )
        })
        .collect()
}

fn said(site: &Deployment) -> Vec<Value> {
    let mut items = site.entities();
    for item in &mut items {
        item.as_object_mut()
            .unwrap()
            .retain(|name, _| !NOTES.contains(&name.as_str()));
    }
    items
}

#[tokio::test(start_paused = true)]
async fn what_was_edited_deleted_or_made_unreadable_is_as_its_events_say_again() {
    for (attribute, value, version) in [
        (STATUS, "CANCELLED", 3),
        ("note", "mine", 3),
        (LAST_OCCURRED, "yesterday", 3),
        (HISTORY, "?", 3),
        // What it was cannot be known, and the next write must find one.
        (VERSION, "two", 1),
    ] {
        let site = site().await;
        let (before, told) = (said(&site), site.receiver.aws.published(CHANGES).len());
        let item = "ORDER#o1";
        site.set("entities", item, (attribute, value)).await;
        let report = rebuild(&site, "ORDER#o1 ORDER#o2").await;
        assert_eq!(
            results(&report),
            [("ORDER#o1", Problem::Different, &Rebuilding::Rebuilt { version })],
            "{attribute}"
        );
        assert_eq!((said(&site), report.compared), (before, 2), "{attribute}");
        assert_eq!(site.receiver.aws.published(CHANGES).len(), told);
        site.deliver(&[order("o1", 3, "CANCELLED")]).await;
        assert!(is_in_order(&site, "ORDER#o1").await, "{attribute}");
    }
}

#[tokio::test(start_paused = true)]
async fn all_entities_of_a_domain_are_rebuilt_where_they_are_lost_or_of_other_rules() {
    let site = site().await;
    let before = said(&site);
    site.delete("entities", "ORDER#o2").await;
    let rows = site.receiver.rows("entities");
    rows.set_number("ORDER#o1", (FOLD, 999)).await;
    let verified = run(&site, "verify --domain orders").await.unwrap();
    assert!(!verified.succeeded());
    assert!(verified.text().contains("to-be-rebuilt"), "{}", verified.text());
    let report = rebuild(&site, "--domain orders").await;
    assert_eq!(
        results(&report),
        [
            (
                "ORDER#o1",
                Problem::ToBeRebuilt,
                &Rebuilding::Rebuilt { version: 3 }
            ),
            ("ORDER#o2", Problem::Missing, &Rebuilding::Rebuilt { version: 1 }),
        ]
    );
    assert_eq!(said(&site), before);
    assert!(
        run(&site, "verify --domain orders payments")
            .await
            .unwrap()
            .succeeded()
    );
    let [operation] = &site.operations().await[..] else {
        panic!()
    };
    assert_eq!(operation["command"], "entities rebuild");
    assert_eq!(operation["request"], json!({ "domains": ["orders"] }));
    assert_eq!(operation["result"]["rebuilt"], 2);
    assert_eq!(operation["result"]["entities"][0]["entity"], "ORDER#o1");
}

#[tokio::test(start_paused = true)]
async fn an_event_that_waits_is_left_out_and_told_as_the_change_that_it_is() {
    let site = site().await;
    site.receiver.break_entity("ORDER#o1").await;
    site.store(&[order("o1", 3, "CANCELLED")]).await;
    while site
        .receiver
        .aws
        .messages(&dead_letter_name(Domain::Orders))
        .is_empty()
    {
        site.process().await;
        site.pass(900);
    }
    let report = rebuild(&site, "ORDER#o1").await;
    assert_eq!(report.entities[0].left_out, ["o1-3"]);
    let text = report.text();
    assert!(text.contains("o1-3") && text.contains("dlq redrive"), "{text}");
    let status = site.receiver.status("ORDER#o1").await;
    assert_eq!(status.as_deref(), Some("FILLED"));
    // Nothing is wrong with it now but what waits.
    let again = rebuild(&site, "ORDER#o1").await;
    assert_eq!(
        results(&again),
        [("ORDER#o1", Problem::Different, &Rebuilding::AsItWas)]
    );
    let messages = site.receiver.aws.messages(&dead_letter_name(Domain::Orders));
    let queue = webhook_tests::receiver::queue_name(Domain::Orders);
    site.copy_to(&queue, &messages[0]).await;
    site.process().await;
    let status = site.receiver.status("ORDER#o1").await;
    assert_eq!(status.as_deref(), Some("CANCELLED"));
    let told = site.receiver.aws.published(CHANGES).pop().unwrap();
    let told: Value = serde_json::from_str(&told.detail).unwrap();
    assert_eq!(
        (&told["event"]["id"], &told["late"]),
        (&json!("o1-3"), &json!(false))
    );
    assert_eq!(told["previous"]["status"], "FILLED");
    // A second time there is nothing to do.
    let report = rebuild(&site, "ORDER#o1").await;
    assert_eq!((report.rebuilt, report.entities.len()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn an_event_that_the_index_does_not_have_yet_stays_in_the_state() {
    let site = site().await;
    let before = said(&site);
    let index = CallFilter::operation(Service::DynamoDb, "Query").on("events");
    let an_hour = Duration::from_secs(3600);
    site.receiver.aws.begin_outage(Fault::Stale, index, an_hour);
    // Of ORDER#o2 the index has nothing at all.
    for entity in ["ORDER#o1", "ORDER#o2"] {
        assert!(is_in_order(&site, entity).await, "{entity}");
        site.set("entities", entity, (STATUS, "CANCELLED")).await;
    }
    let report = rebuild(&site, "ORDER#o1 ORDER#o2").await;
    assert_eq!((report.rebuilt, report.failed), (2, 0), "{report:?}");
    assert_eq!(said(&site), before);
}

#[tokio::test(start_paused = true)]
async fn effects_that_are_still_to_come_come_after_a_rebuild_too() {
    let site = Deployment::new().await;
    site.deliver(&[order("o1", 1, "NEW")]).await;
    site.receiver.effects.trouble("o1-2", Trouble::Fails);
    site.deliver(&[order("o1", 2, "FILLED")]).await;
    site.set("entities", "ORDER#o1", (STATUS, "CANCELLED")).await;
    rebuild(&site, "ORDER#o1").await;
    site.receiver.effects.mend();
    site.receiver.drain().await;
    let runs = site.receiver.effects.runs_of("o1-2");
    let last = runs.last().unwrap();
    assert!(last.returned && !last.late, "{runs:?}");
    assert_eq!(last.status, (Some("NEW".to_owned()), Some("FILLED".to_owned())));
}

/// Makes sure that an event was told as the change from this status, and as nothing else.
fn assert_told_as_change(site: &Deployment, event: &str, from: Option<&str>) {
    let runs = site.receiver.effects.runs_of(event);
    let last = runs.last().unwrap();
    assert!(last.returned && !last.late, "{runs:?}");
    assert_eq!(last.status.0.as_deref(), from);
    let told = site.receiver.aws.published(CHANGES).pop().unwrap();
    let told: Value = serde_json::from_str(&told.detail).unwrap();
    assert_eq!(
        (&told["event"]["id"], &told["late"], &told["previous"]["status"]),
        (&json!(event), &json!(false), &json!(from))
    );
}

#[tokio::test(start_paused = true)]
async fn an_event_that_a_rebuild_brings_before_its_message_is_told_as_the_change_that_it_is() {
    let site = Deployment::new().await;
    site.deliver(&[order("o1", 1, "NEW")]).await;
    site.receiver.effects.trouble("o1-2", Trouble::Fails);
    site.deliver(&[order("o1", 2, "FILLED")]).await;
    // Behind the one that fails it is received, and given back untried.
    site.store(&[order("o1", 3, "CANCELLED")]).await;
    site.pass(60);
    site.process().await;
    let status = async || site.receiver.status("ORDER#o1").await;
    assert_eq!(status().await.as_deref(), Some("FILLED"));
    let report = rebuild(&site, "ORDER#o1").await;
    assert_eq!((report.rebuilt, report.failed), (1, 0), "{report:?}");
    assert_eq!(status().await.as_deref(), Some("CANCELLED"));
    assert!(is_in_order(&site, "ORDER#o1").await);
    site.receiver.effects.mend();
    site.receiver.drain().await;
    assert_told_as_change(&site, "o1-3", Some("FILLED"));
    assert!(is_in_order(&site, "ORDER#o1").await);
}

#[tokio::test(start_paused = true)]
async fn so_is_the_first_of_an_entity_whose_message_came_while_none_could_be_read() {
    let site = Deployment::new().await;
    let reads = CallFilter::operation(Service::DynamoDb, "BatchGetItem").on("entities");
    let an_hour = Duration::from_secs(3600);
    site.receiver.aws.begin_outage(Fault::Throttle, reads, an_hour);
    site.deliver(&[order("o1", 1, "NEW")]).await;
    assert!(site.entities().is_empty());
    let report = rebuild(&site, "ORDER#o1").await;
    assert_eq!((report.rebuilt, report.failed), (1, 0), "{report:?}");
    site.receiver.aws.heal();
    site.receiver.drain().await;
    assert_told_as_change(&site, "o1-1", None);
}

#[tokio::test(start_paused = true)]
async fn an_entity_that_its_processor_changes_meanwhile_is_folded_again() {
    let site = site().await;
    site.set("entities", "ORDER#o1", (STATUS, "CANCELLED")).await;
    // Our own write arrives, and its reply does not: the SDK sends it again, and finds another version.
    let write = CallFilter::operation(Service::DynamoDb, "PutItem")
        .on("entities")
        .by("operator");
    site.receiver.aws.inject(Fault::LoseReply, write);
    let report = rebuild(&site, "ORDER#o1").await;
    assert_eq!(report.failed, 0, "{report:?}");
    assert!(is_in_order(&site, "ORDER#o1").await);
}

#[tokio::test(start_paused = true)]
async fn what_no_event_tells_of_stays_and_a_dry_run_changes_nothing() {
    let site = site().await;
    let rows = site.receiver.rows("entities");
    rows.copy("ORDER#o1", &[(AGGREGATE, "ORDER#stray")]).await;
    site.set("entities", "ORDER#o2", (STATUS, "FILLED")).await;
    let before = site.entities();
    let report = run(&site, "rebuild ORDER#stray ORDER#o2 --dry-run")
        .await
        .unwrap();
    assert!(report.text().contains("would be rebuilt"), "{}", report.text());
    assert_eq!((site.entities(), site.operations().await.len()), (before, 0));
    let report = rebuild(&site, "ORDER#stray ORDER#o2").await;
    assert_eq!((report.rebuilt, report.failed), (1, 1));
    assert!(report.text().contains("the log has no event of it") && !report.succeeded());
    assert_eq!(site.entities().len(), 4);
    let unknown = run(&site, "rebuild ORDER#o9 --yes --reason r").await.unwrap_err();
    assert!(unknown.to_string().starts_with("no entity ORDER#o9"), "{unknown}");
}

#[tokio::test(start_paused = true)]
async fn the_entities_of_a_person_are_listed() {
    let site = Deployment::new().await;
    let of_user = |id: &str, event_type: &str, object: &str| {
        webhook_tests::deliveries::event(id, 1, event_type, object)
    };
    site.deliver(&[
        of_user("e1", "USER.CREATED", r#"{"id":"u1"}"#),
        of_user("e2", "ORDER.NEW", r#"{"id":"o1","user_id":"u1"}"#),
        of_user("e3", "ORDER.NEW", r#"{"id":"o2","user_id":"u2"}"#),
    ])
    .await;
    let listed = run(&site, "list --user u1").await.unwrap();
    let keys = |text: &str| -> Vec<String> {
        let words = text.split_whitespace().filter(|word| word.contains('#'));
        words.map(str::to_owned).collect()
    };
    assert_eq!(keys(&listed.text()), ["ORDER#o1", "USER#u1"]);
    let page = run(&site, "list --user u1 --limit 1").await.unwrap();
    assert_eq!(keys(&page.text()), ["ORDER#o1", "'ORDER#o1'"]);
    let rest = run(&site, "list --user u1 --page order#o1").await.unwrap();
    assert_eq!(keys(&rest.text()), ["USER#u1"]);
    let new = run(&site, "list --status new --domain orders").await.unwrap();
    let mut found = keys(&new.text());
    found.sort_unstable();
    assert_eq!(found, ["ORDER#o1", "ORDER#o2"]);
    let none = run(&site, "list --user u9").await.unwrap();
    assert_eq!(none.text(), "no entities of user u9 among 0 looked at\n");
}

#[tokio::test(start_paused = true)]
async fn an_entity_is_shown_with_its_newest_object_wherever_that_is() {
    let site = Deployment::new().await;
    let note = "x".repeat(400 * 1024);
    let large = format!(r#"{{"id":"o2","note":"{note}"}}"#);
    site.deliver(&[
        order("o1", 1, "NEW"),
        webhook_tests::deliveries::event("e2", 1, "ORDER.NEW", &large),
    ])
    .await;
    let shown = async |line: &str| {
        let report = run(&site, line).await.unwrap();
        (report.text(), fitting("entities show", &report))
    };
    let (_, json) = shown("show ORDER#o1").await;
    assert_eq!(json["object"]["id"], "o1");
    let (_, json) = shown("show ORDER#o2").await;
    assert_eq!(json["object"]["note"].as_str().unwrap().len(), note.len());
    site.delete_archived(&site.verified()[0]).await;
    let (text, json) = shown("show ORDER#o2").await;
    assert!(
        text.contains("cannot be had: the archive does not have it"),
        "{text}"
    );
    assert_eq!(json["object"], Value::Null);
}
