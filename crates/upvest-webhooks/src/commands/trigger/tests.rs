//! Stacks that take events which are made up, and stacks that do not.

use std::time::Duration;

use clap::Parser;
use pipeline::stores::keys::KeyRow;
use serde_json::Value;
use webhook_tests::deployment::ConnectedDeployment;
use webhook_tests::schemas::fitting;

use super::*;

#[derive(Debug, Parser)]
struct Line {
    #[command(flatten)]
    trigger: Arguments,
}

/// Holds the report of a command, and its exit code.
struct Outcome {
    json: Value,
    text: String,
    exit: Exit,
}

async fn sandbox() -> ConnectedDeployment {
    let world = ConnectedDeployment::new().await;
    world.catch_up();
    world
}

async fn run(world: &ConnectedDeployment, line: &str) -> Result<Outcome> {
    let words = std::iter::once("trigger").chain(line.split_whitespace());
    let arguments = Line::try_parse_from(words).unwrap().trigger;
    let clock = world.clock();
    let process = async {
        loop {
            world.process().await;
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let triggered = async {
        tokio::select! {
            triggered = arguments.run(&world.stacks, &clock) => triggered,
            () = process => unreachable!(),
        }
    };
    let report = world.receiving(triggered).await?;
    Ok(Outcome {
        json: fitting("trigger", &report),
        text: report.text(),
        exit: report.exit(),
    })
}

#[tokio::test]
async fn a_sample_goes_through_the_front_door_and_is_followed_to_its_state() {
    let world = sandbox().await;
    let outcome = run(&world, "order.new --set object.cash_amount=12.50")
        .await
        .unwrap();
    assert_eq!(outcome.exit, Exit::Done, "{}", outcome.text);
    let event = &outcome.json["events"][0];
    assert_eq!(event["status"], "NEW");
    let id = event["event_id"].as_str().unwrap();
    assert!(id.starts_with("synthetic-"), "{id}");
    assert!(
        outcome.text.contains(&format!("explain {id}")),
        "{}",
        outcome.text
    );
    let logged = world.receiver.logged().await;
    assert_eq!((logged.len(), logged[0].event_id.as_str()), (1, id));
    assert!(
        logged[0]
            .object
            .as_deref()
            .unwrap()
            .contains(r#""cash_amount":"12.50""#)
    );
    let published = world.receiver.aws.published(webhook_tests::receiver::CHANGES);
    let detail: Value = serde_json::from_str(&published[0].detail).unwrap();
    assert_eq!(detail["event"]["synthetic"], true, "{detail}");
    assert_eq!(detail["entity"], event["entity"]);
}

#[tokio::test]
async fn the_key_is_made_once_and_the_audit_table_says_by_whom() {
    let world = sandbox().await;
    for _ in 0..2 {
        run(&world, "ORDER.NEW").await.unwrap();
    }
    let mut operations = world.receiver.operations().await;
    operations.retain(|operation| operation.command == "trigger");
    assert_eq!(operations.len(), 1, "{operations:?}");
    let request = operations[0].request.to_string();
    assert!(request.contains("developer-trigger"), "{request}");
    assert_eq!(world.receiver.logged().await.len(), 2);
}

#[tokio::test]
async fn a_row_of_the_key_without_a_secret_is_refused_before_secrets_manager_is_asked() {
    let world = sandbox().await;
    for secret in [None, Some(String::new())] {
        let row = KeyRow {
            key_id: "developer-trigger".to_owned(),
            secret,
            ..KeyRow::default()
        };
        world.receiver.put_key_row(&row).await;
        let refused = run(&world, "ORDER.NEW").await.err().unwrap().to_string();
        assert!(refused.contains("developer-trigger has no secret"), "{refused}");
    }
    assert!(world.receiver.kept().is_empty());
}

#[tokio::test]
async fn a_story_is_one_delivery_about_entities_of_its_own() {
    let world = sandbox().await;
    let outcome = run(&world, "--story 04").await.unwrap();
    assert_eq!(outcome.exit, Exit::Done, "{}", outcome.text);
    let events = outcome.json["events"].as_array().unwrap();
    let filled = events
        .iter()
        .find(|event| event["type"] == "ORDER.FILLED")
        .unwrap();
    let of_order = events.iter().filter(|event| event["entity"] == filled["entity"]);
    assert!(of_order.count() > 3, "{}", outcome.text);
    assert_eq!(filled["status"], "FILLED");
    let entities: BTreeSet<&str> = events
        .iter()
        .map(|event| event["entity"].as_str().unwrap())
        .collect();
    assert_eq!(world.verified().len(), 1);
    assert_eq!(world.entities().len(), entities.len());
}

#[tokio::test]
async fn a_live_stack_is_posted_nothing() {
    let mut world = sandbox().await;
    world.add_outputs(&[("Environment", "live")]);
    let refused = run(&world, "ORDER.NEW").await.err().unwrap();
    assert!(
        refused.kind() == operator::ErrorKind::Usage && refused.to_string().contains("live environment"),
        "{refused}"
    );
    // One whose credentials say otherwise than its parameter.
    let mut live: Value = serde_json::from_str(&world.document).unwrap();
    live["base_url"] = upvest_api::Environment::Live.base_url().into();
    world
        .receiver
        .aws
        .create_secret("live", live.to_string().as_bytes());
    world.add_outputs(&[("Environment", "sandbox"), ("UpvestSecret", "live")]);
    let refused = run(&world, "ORDER.NEW").await.err().unwrap();
    assert!(
        refused.to_string().contains("are for the live environment"),
        "{refused}"
    );
    assert!(world.receiver.aws.items("audit").is_empty() && world.receiver.kept().is_empty());
}

#[tokio::test]
async fn what_does_not_come_through_in_time_is_told_with_where_to_look() {
    let world = sandbox().await;
    let process = world.clock();
    let line = Line::try_parse_from(["trigger", "ORDER.NEW", "--wait", "1ms"])
        .unwrap()
        .trigger;
    let report = world.receiving(line.run(&world.stacks, &process)).await.unwrap();
    let text = report.text();
    assert_eq!(report.exit(), Exit::Failed);
    assert!(
        text.contains("in the state  not in time") && text.contains("dlq list --messages"),
        "{text}"
    );
}

#[test]
fn something_is_to_be_triggered_and_one_thing_only() {
    let parsed = |line: &str| Line::try_parse_from(line.split(' ')).is_ok();
    assert!(parsed("trigger ORDER.NEW") && parsed("trigger --story 04") && parsed("trigger --list"));
    for wrong in [
        "trigger",
        "trigger ORDER.NEW --story 04",
        "trigger --list --set a=b",
        "trigger ORDER.NEW --set a",
    ] {
        assert!(!parsed(wrong), "{wrong}");
    }
}

#[test]
fn samples_are_listed() {
    let samples = Samples {
        types: type_names(),
        stories: stories(),
    };
    let text = samples.text();
    assert!(
        text.contains("\n  ORDER.FILLED\n") && text.contains("\n  an-order-is-cancelled\n"),
        "{text}"
    );
    assert!(text.lines().all(|line| line.len() <= 80));
}
