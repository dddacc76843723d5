//! The commands against a simulated Upvest.

use clap::Parser;
use serde_json::{Value, json};
use tempfile::NamedTempFile;
use upvest_simulator::TestBehaviour;
use verify_and_store::Policy;
use webhook_tests::deployment::{ConnectedDeployment, Deployment};
use webhook_tests::schemas::fitting;

use super::*;

#[derive(Debug, Parser)]
struct Line {
    #[command(flatten)]
    webhooks: Webhooks,
}

/// Holds the report of a command, and whether it succeeded.
struct Ran {
    text: String,
    json: Value,
    succeeded: bool,
}

/// Runs a command line, which nobody watches.
async fn run(world: &ConnectedDeployment, line: &str) -> Result<Ran> {
    run_and_answer(world, line, None).await
}

/// Runs a command line, and answers its question so.
async fn run_and_answer(world: &ConnectedDeployment, line: &str, answer: Option<bool>) -> Result<Ran> {
    let words = std::iter::once("webhooks").chain(line.split_whitespace());
    let webhooks = Line::try_parse_from(words).unwrap().webhooks;
    let mut ask = |_: &str| Ok(answer);
    let run = webhooks.run_with(&world.stacks, &mut ask, Duration::ZERO);
    let result = world.receiving(run).await;
    match result {
        Ok(report) => {
            let json = serde_json::to_string(&report).unwrap();
            let text = report.text();
            let command = line.split_whitespace().next().unwrap();
            fitting(&format!("webhooks {command}"), &report);
            world.assert_no_secret_in(&format!("{text} {json} {report:?}"));
            Ok(Ran {
                succeeded: report.succeeded(),
                json: serde_json::from_str(&json).unwrap(),
                text,
            })
        }
        Err(error) => {
            world.assert_no_secret_in(&format!("{error} {error:?}"));
            Err(error)
        }
    }
}

/// Creates a subscription to the receiver, and returns its id.
async fn create(world: &ConnectedDeployment, options: &str) -> String {
    let outcome = run(world, &format!("create {options}")).await.unwrap();
    outcome.json["webhook"]["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_subscription_is_created_enabled_changed_and_deleted() {
    let world = ConnectedDeployment::new().await;
    let id = create(&world, "--category ALL --exclude USER").await;
    let listed = run(&world, "list").await.unwrap();
    assert_eq!(listed.json["webhooks"][0]["enabled"], false);
    assert_eq!(listed.json["webhooks"][0]["url"], world.url);
    assert_eq!(listed.json["webhooks"][0]["exclude_type"], json!(["USER"]));
    assert!(listed.text.contains(&id) && listed.text.contains("ALL but USER"));

    let enabled = run(&world, &format!("enable {id}")).await.unwrap();
    assert_eq!(enabled.json["webhook"]["enabled"], true);
    let updated = run(&world, &format!("update {id} --delay 7s --exclude-nothing")).await;
    let changes = &updated.unwrap().json["changes"];
    assert_eq!(
        *changes,
        json!([{"member": "exclude_type", "before": "USER", "after": ""},
               {"member": "delay", "before": "1s", "after": "7s"}])
    );
    let got = run(&world, &format!("get {id}")).await.unwrap();
    let config = json!({"delay": "7s", "max_package_size": 262_144});
    assert_eq!(got.json["webhook"]["config"], config);

    let deleted = run(&world, &format!("delete {id} --yes")).await.unwrap();
    assert_eq!(deleted.text, format!("{id}: deleted"));
    let again = run(&world, &format!("delete {id} --yes")).await.unwrap();
    assert_eq!(again.text, format!("{id}: not there"));
    assert_eq!(run(&world, "list").await.unwrap().json, json!({"webhooks": []}));
}

#[tokio::test]
async fn a_subscription_can_be_enabled_as_it_is_created() {
    let world = ConnectedDeployment::new().await;
    let id = create(&world, "--title All --enable").await;
    assert_eq!(
        world.changes(),
        ["POST /webhooks".to_owned(), format!("PATCH /webhooks/{id}")]
    );
    let got = run(&world, &format!("get {id}")).await.unwrap();
    assert_eq!(
        (&got.json["webhook"]["enabled"], &got.json["webhook"]["title"]),
        (&json!(true), &json!("All"))
    );
}

#[tokio::test]
async fn what_was_created_is_told_although_it_could_not_be_enabled() {
    let world = ConnectedDeployment::new().await;
    world.refuse("/webhooks/", 403);
    let error = run(&world, "create --enable").await.map(drop).unwrap_err();
    assert!(
        error.to_string().contains("was created, but not enabled"),
        "{error}"
    );
    assert!(error.hint().unwrap().to_string().contains("webhooks:admin"));
}

#[tokio::test]
async fn a_second_subscription_to_a_url_has_to_be_meant() {
    let world = ConnectedDeployment::new().await;
    let id = create(&world, "").await;
    let error = run(&world, "create").await.map(drop).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with(&format!("subscription {id} delivers to")),
        "{error}"
    );
    assert_ne!(create(&world, "--another").await, id);
}

#[tokio::test]
async fn a_dry_run_shows_the_requests_and_changes_nothing() {
    let world = ConnectedDeployment::new().await;
    let id = create(&world, "").await;
    let before = (world.changes(), run(&world, "list").await.unwrap().json);
    let create = run(&world, "create --another --enable --dry-run").await.unwrap();
    assert_eq!(create.json["requests"][0]["body"]["url"], world.url);
    assert_eq!(create.json["requests"][1]["body"], json!({"enabled": true}));
    let update = run(&world, &format!("update {id} --title New --dry-run"))
        .await
        .unwrap();
    assert_eq!(update.json["requests"][0]["body"], json!({"title": "New"}));
    assert!(
        update.text.starts_with(&format!("PATCH /webhooks/{id}\n")),
        "{}",
        update.text
    );
    assert!(update.text.contains("Upvest webhooks"), "{}", update.text);
    for line in ["enable", "disable", "delete"] {
        run(&world, &format!("{line} {id} --dry-run")).await.unwrap();
    }
    assert_eq!((world.changes(), run(&world, "list").await.unwrap().json), before);
}

#[tokio::test]
async fn what_is_so_already_is_not_asked_for() {
    let world = ConnectedDeployment::new().await;
    let id = create(&world, "").await;
    let before = world.changes();
    for line in ["disable ID", "update ID --delay 1s", "update ID --category ALL"] {
        let outcome = run(&world, &line.replace("ID", &id)).await.unwrap();
        assert_eq!(outcome.json["result"], "as it was", "{line}");
    }
    assert_eq!(world.changes(), before);
}

#[tokio::test]
async fn nothing_is_deleted_without_a_yes() {
    let world = ConnectedDeployment::new().await;
    let id = create(&world, "").await;
    let line = format!("delete {id}");
    let error = run(&world, &line).await.map(drop).unwrap_err();
    assert!(error.to_string().ends_with("use --yes"), "{error}");
    assert_eq!(error.kind(), operator::ErrorKind::Usage);
    let kept = run_and_answer(&world, &line, Some(false)).await.unwrap();
    assert!(!kept.succeeded && kept.text.ends_with("kept"));
    assert!(run(&world, &format!("get {id}")).await.is_ok());
    let deleted = run_and_answer(&world, &line, Some(true)).await.unwrap();
    assert!(deleted.text.ends_with("deleted"));
}

#[tokio::test]
async fn credentials_of_another_environment_are_refused_before_anything_is_sent() {
    let world = ConnectedDeployment::new().await;
    for environment in ["sandbox", "live"] {
        let error = run(&world, &format!("list --environment {environment}"))
            .await
            .map(drop);
        let error = pipeline::error::ErrorChain(&error.unwrap_err()).to_string();
        assert!(error.contains(&format!("not for {environment}")), "{error}");
    }
    assert!(world.simulator.api_requests().is_empty());
}

#[tokio::test]
async fn credentials_may_be_in_a_file() {
    let world = ConnectedDeployment::new().await;
    let file = NamedTempFile::new().unwrap();
    webhook_tests::files::write_secret(file.path(), &world.document);
    let line = format!("list --upvest-credentials {}", file.path().display());
    let listed = run(&world, &line).await;
    std::fs::write(file.path(), r#"{"client_secret": 73313731}"#).unwrap();
    let error = run(&world, &line).await.map(drop).unwrap_err();
    assert!(listed.is_ok());
    assert!(error.to_string().contains("cannot be used"), "{error}");
    assert!(!format!("{error:?}").contains("73313731"), "{error:?}");
}

#[tokio::test]
async fn a_test_is_followed_into_the_event_log() {
    let world = ConnectedDeployment::new().await;
    world.know_keys().await;
    let id = create(&world, "").await;
    let tested = run(&world, &format!("test {id}")).await.unwrap();
    assert!(tested.succeeded, "{}", tested.text);
    assert_eq!(tested.json["response"]["status"], 200);
    assert_eq!(tested.json["arrival"]["result"], "stored");
    let events = world.receiver.stored("events");
    assert_eq!(tested.json["arrival"]["event_ids"][0], events[0]);
    for shown in [
        "200: delivered",
        "content-type: ",
        "delivery_id",
        "are in the event log",
    ] {
        assert!(tested.text.contains(shown), "{shown} is not in {}", tested.text);
    }
}

#[tokio::test]
async fn a_test_in_quarantine_says_why() {
    let world = Deployment::builder().freshness(Policy::Strict).connect().await;
    world.know_keys().await;
    let id = create(&world, "").await;
    let tested = run(&world, &format!("test {id}")).await.unwrap();
    assert!(!tested.succeeded);
    assert_eq!(tested.json["arrival"]["result"], "quarantined");
    assert_eq!(tested.json["arrival"]["reason"], "not-yet-valid");
}

#[tokio::test]
async fn a_test_with_an_unknown_key_says_how_to_fetch_it() {
    let world = ConnectedDeployment::new().await;
    let id = create(&world, "").await;
    let tested = run(&world, &format!("test {id}")).await.unwrap();
    assert_eq!(tested.json["arrival"]["reason"], "unknown-key");
    assert!(
        !tested.succeeded && tested.text.contains("keys refresh"),
        "{}",
        tested.text
    );
}

#[tokio::test]
async fn a_test_that_upvest_tells_nothing_about_is_not_judged() {
    let world = ConnectedDeployment::new().await;
    world.simulator.set_test_behaviour(TestBehaviour::Accept);
    let id = create(&world, "").await;
    let tested = run(&world, &format!("test {id}")).await.unwrap();
    assert!(tested.succeeded);
    assert!(tested.text.contains("cannot be told"), "{}", tested.text);
}

#[tokio::test]
async fn a_missing_scope_is_named() {
    let world = ConnectedDeployment::new().await;
    world.refuse("/webhooks", 403);
    let error = run(&world, "list").await.map(drop).unwrap_err();
    let hint = error.hint().unwrap().to_string();
    assert!(hint.contains("webhooks:read"), "{hint}");
}
