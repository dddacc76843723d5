//! A stack that received what a simulated Upvest delivered, and what it did not.

mod repairing;

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use pipeline::runtime::clock::Clock;
use pipeline::stores::events::LoggedEvent;
use serde_json::{Value, json};
use upvest_simulator::{Subscription, Trouble, generate};
use webhook_tests::deployment::{ConnectedDeployment, UPVEST_SECRET};

use super::*;
use crate::output::Report;

const KEY: &[u8] = b"sixteen bytes or more";
const ALL: &str = "users accounts payments orders holdings ledger reports fees instruments portfolios";
const REPAIR: &str = "--repair --yes --key-id smoke --key-file";

#[derive(Debug, Parser)]
struct Line {
    #[command(flatten)]
    reconcile: Arguments,
}

/// A world whose receiver has processed all that was delivered.
struct Desk {
    world: ConnectedDeployment,
    key_file: PathBuf,
}

/// What a command gave.
struct Outcome {
    json: Value,
    text: String,
    succeeded: bool,
}

impl Drop for Desk {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.key_file);
    }
}

impl Desk {
    async fn open(name: &str) -> Self {
        let world = ConnectedDeployment::new().await;
        world.know_keys().await;
        world.know_secret("smoke", KEY).await;
        let subscription = Subscription {
            delay: Duration::from_millis(1),
            ..Subscription::new("s", world.url.parse().unwrap())
        };
        world.simulator.subscribe(subscription).unwrap();
        let key_file = std::env::temp_dir().join(format!("reconcile-{name}-{}", std::process::id()));
        webhook_tests::files::write_secret(&key_file, KEY);
        let mut desk = Self { world, key_file };
        desk.adopt();
        desk
    }

    /// Has commands find the whole stack.
    fn adopt(&mut self) {
        self.world.add_outputs(&[
            ("EntitiesTableName", "entities"),
            ("AuditTableName", "audit"),
            ("UpvestSecret", UPVEST_SECRET),
        ]);
    }

    /// Lets events happen, and the receiver process them.
    async fn happen(&self, events: &[String]) {
        self.world
            .simulator
            .queue(&format!("[{}]", events.join(",")))
            .unwrap();
        self.world.catch_up();
        self.world.receiving(self.world.simulator.delivered()).await;
        self.world.receiver.drain().await;
    }

    /// Lets events happen that are never delivered.
    fn lose(&self, events: &[String]) {
        self.world
            .simulator
            .lose(&format!("[{}]", events.join(",")))
            .unwrap();
    }

    async fn run(&self, line: &str) -> Result<Outcome> {
        let words = std::iter::once("reconcile").chain(line.split_whitespace());
        let arguments = Line::try_parse_from(words).unwrap().reconcile;
        self.world.catch_up();
        let report = self.world.receiving(arguments.run(&self.world.stacks)).await?;
        let outcome = Outcome {
            json: serde_json::to_value(&report).unwrap(),
            text: report.text(),
            succeeded: report.succeeded(),
        };
        self.world
            .assert_no_secret_in(&format!("{} {}", outcome.text, outcome.json));
        Ok(outcome)
    }

    async fn compare(&self, what: &str) -> Outcome {
        self.run(&format!("{what} --rate 10000")).await.unwrap()
    }

    /// Repairs, and has the receiver process what it was told.
    async fn repair(&self, what: &str) -> Outcome {
        let repaired = self.tell(what).await;
        self.world.receiver.drain().await;
        repaired
    }

    /// Repairs, and leaves what the receiver was told in its queues.
    async fn tell(&self, what: &str) -> Outcome {
        let line = format!(
            "{what} --rate 10000 {REPAIR} {} --reason r",
            self.key_file.display()
        );
        self.run(&line).await.unwrap()
    }

    /// The status of an entity in the table.
    async fn status(&self, entity: &str) -> Option<String> {
        self.world.receiver.status(entity).await
    }

    /// The events of the log.
    async fn logged(&self) -> Vec<LoggedEvent> {
        self.world.receiver.logged().await
    }
}

impl Outcome {
    /// The differences: entity, kind, fields.
    fn differences(&self) -> Vec<(String, String, String)> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let differences = self.json["differences"].as_array().unwrap().iter();
        differences
            .map(|difference| {
                let fields = difference["fields"].as_array().unwrap().iter();
                let fields = fields.map(text).collect::<Vec<_>>().join(" ");
                (text(&difference["entity"]), text(&difference["kind"]), fields)
            })
            .collect()
    }

    fn category(&self, name: &str) -> &Value {
        let categories = self.json["categories"].as_array().unwrap();
        categories
            .iter()
            .find(|category| category["category"] == name)
            .unwrap()
    }
}

fn difference(entity: &str, kind: &str, fields: &str) -> (String, String, String) {
    (entity.to_owned(), kind.to_owned(), fields.to_owned())
}

fn event(id: &str, at: &str, event_type: &str, object: &Value) -> String {
    json!({ "id": id, "created_at": at, "type": event_type, "object": object, "webhook_id": "s" }).to_string()
}

fn account() -> String {
    let object = json!({"id": "a1", "created_at": "2026-01-05T09:00:00Z", "updated_at": "2026-01-05T09:00:00Z",
        "account_group_id": "g1", "users": [{"id": "u1", "type": "OWNER"}], "status": "ACTIVE"});
    event("account", "2026-01-05T09:00:00Z", "ACCOUNT.CREATED", &object)
}

/// An order of account `a1`, that was so in this second.
fn order(id: &str, second: u8, status: &str) -> String {
    let at = format!("2026-01-05T09:30:{second:02}Z");
    let object = json!({"id": id, "created_at": "2026-01-05T09:30:00Z", "updated_at": at, "account_id": "a1",
        "quantity": "6", "status": status, "executions": []});
    event(
        &format!("{id}-{status}"),
        &at,
        &format!("ORDER.{status}"),
        &object,
    )
}

fn execution(order: &str, second: u8, status: &str) -> String {
    let object = json!({"id": format!("{order}-x"), "order_id": order, "share_quantity": "6", "cash_amount": "511.32",
        "transaction_time": "2026-01-05T09:30:02Z", "status": status});
    let at = format!("2026-01-05T09:30:{second:02}Z");
    event(
        &format!("{order}-x-{status}"),
        &at,
        &format!("EXECUTION.{status}"),
        &object,
    )
}

#[tokio::test]
async fn what_was_delivered_does_not_differ() {
    let desk = Desk::open("clean").await;
    desk.happen(&generate(5, 400)).await;
    let outcome = desk.compare(ALL).await;
    assert_eq!(outcome.differences(), [], "{}", outcome.text);
    assert!(outcome.succeeded, "{}", outcome.text);
    for category in [
        "USER",
        "USER_CHECK",
        "ACCOUNT",
        "ORDER",
        "EXECUTION",
        "WITHDRAWAL",
        "POSITION",
        "CASH_BALANCE",
        "ACCOUNT_VALUATION",
        "ACCOUNT_RETURNS",
        "CASH_TRANSACTION",
        "SECURITY_TRANSACTION",
        "FEE_COLLECTION",
        "REPORT",
    ] {
        assert!(
            outcome.category(category)["compared"].as_u64() > Some(0),
            "{category}: {}",
            outcome.text
        );
    }
    for (category, why) in [
        ("TOPUP", "no call for it"),
        ("SAVINGS_PLAN", "no call for it"),
        ("INTRADAY_ACCOUNT_VALUATION", "end-of-day"),
    ] {
        let unreadable = outcome.category(category)["unreadable"].as_str().unwrap();
        assert!(unreadable.contains(why), "{category}: {unreadable}");
        assert!(outcome.text.contains(unreadable), "{}", outcome.text);
    }
    let changed = desk.world.changes();
    assert!(changed.is_empty(), "{changed:?}");
}

/// What happened and was never delivered: to an order that is known, to one that is not, to a user and a report.
fn lost() -> Vec<String> {
    let at = "2026-01-05T09:00:00Z";
    let report = json!({"id": "r1", "created_at": at, "user_id": "u1", "type": "BUY_ORDER",
        "substituted_report_id": null, "data": {}});
    let user = json!({"id": "u1", "created_at": at, "updated_at": at, "status": "ACTIVE"});
    vec![
        order("o1", 3, "FILLED"),
        execution("o1", 2, "FILLED"),
        order("o2", 1, "NEW"),
        event("user", at, "USER.CREATED", &user),
        event("report", at, "REPORT.CREATED", &report),
    ]
}

#[tokio::test]
async fn what_no_event_told_is_missing_or_stale() {
    let desk = Desk::open("missing").await;
    desk.happen(&[account(), order("o1", 1, "NEW")]).await;
    desk.lose(&lost());
    let found = desk.compare("users orders reports").await;
    let mut differences = found.differences();
    differences.sort();
    assert_eq!(
        differences,
        [
            difference("ORDER#o1", "missing", ""),
            difference("ORDER#o1", "stale", "status"),
            difference("ORDER#o2", "missing", ""),
            difference("REPORT#r1", "missing", ""),
            difference("USER#u1", "missing", ""),
        ],
        "{}",
        found.text
    );
    assert!(
        !found.succeeded && found.text.contains("5 of them could be told"),
        "{}",
        found.text
    );
    let line = format!(
        "users orders reports {REPAIR} {} --dry-run",
        desk.key_file.display()
    );
    assert!(desk.run(&line).await.unwrap().json["repair"].is_null());
    let events = desk.world.receiver.aws.items("events").len();
    assert_eq!(
        (desk.world.receiver.aws.items("audit").len(), events),
        (0, 2),
        "nothing was done"
    );
}

#[tokio::test]
async fn a_repair_ends_all_that_an_event_can_tell_and_is_recorded() {
    let desk = Desk::open("repair").await;
    desk.happen(&[account(), order("o1", 1, "NEW")]).await;
    desk.lose(&lost());
    let repaired = desk.repair("users orders reports").await;
    assert!(repaired.succeeded, "{}", repaired.text);
    let told = &repaired.json["repair"];
    assert_eq!((&told["told"], &told["accepted"]), (&json!(5), &json!(5)));
    let again = desk.compare("users orders reports").await;
    assert_eq!(again.differences(), [], "{}", again.text);
    for (entity, status) in [("ORDER#o1", "FILLED"), ("ORDER#o2", "NEW"), ("USER#u1", "ACTIVE")] {
        assert_eq!(desk.status(entity).await.as_deref(), Some(status));
    }
    let audit = desk.world.receiver.operations().await.remove(0);
    assert_eq!(json!(audit.id), told["operation"]);
    assert_eq!(audit.command, "reconcile");
    assert_eq!(audit.result.unwrap()["accepted"], 5);
    let request = audit.request.to_string();
    assert!(request.contains("\"stale\":1"), "{request}");
}

/// What an account owns, at some time of the day, in so many pieces; and a booking of its cash.
fn owned(id: &str, hour: u8, quantity: &str) -> Vec<String> {
    let at = format!("2026-01-05T{hour:02}:00:00Z");
    let position = json!({"account_id": "a1", "instrument": {"uuid": "i1"}, "quantity": quantity});
    let balance = json!({"account_group_id": "g1", "currency": "EUR", "balance": quantity});
    let booking = json!({"id": id, "created_at": at, "updated_at": at, "account_group_id": "g1", "delta": {"amount": "1"}});
    let name = |kind: &str| format!("{kind}-{id}");
    vec![
        event(&name("position"), &at, "POSITION.UPDATED", &position),
        event(&name("balance"), &at, "CASH_BALANCE.UPDATED", &balance),
        event(&name("booking"), &at, "CASH_TRANSACTION.EXECUTED", &booking),
    ]
}

fn group() -> String {
    let object = json!({"id": "g1", "created_at": "2026-01-05T09:00:00Z", "status": "ACTIVE"});
    event("group", "2026-01-05T09:00:00Z", "ACCOUNT_GROUP.CREATED", &object)
}

#[tokio::test]
async fn holdings_and_bookings_are_compared_and_told_though_they_say_no_time_or_id() {
    let desk = Desk::open("holdings").await;
    desk.happen(&[vec![account(), group()], owned("c1", 9, "6")].concat())
        .await;
    assert!(desk.compare("holdings ledger").await.succeeded);
    desk.lose(&owned("c2", 10, "7"));
    let found = desk.compare("holdings ledger").await;
    let mut differences = found.differences();
    differences.sort();
    assert_eq!(
        differences,
        [
            difference("CASH_BALANCE#g1#EUR", "diverged", "balance"),
            difference("CASH_TRANSACTION#c2", "missing", ""),
            difference("POSITION#a1#i1", "diverged", "quantity"),
        ],
        "{}",
        found.text
    );
    let repaired = desk.repair("holdings ledger").await;
    assert!(
        repaired.text.contains("CASH_TRANSACTION.EXECUTED"),
        "{}",
        repaired.text
    );
    let again = desk.compare("holdings ledger").await;
    assert_eq!(again.differences(), [], "{}", again.text);
}

/// Its next events may be on their way; it says no time of its own.
#[tokio::test]
async fn a_position_that_an_event_told_of_a_moment_ago_is_left_to_its_events() {
    let desk = Desk::open("moving").await;
    desk.happen(&[account()]).await;
    let now = Clock::system().now().to_string();
    let position =
        |quantity: &str| json!({"account_id": "a1", "instrument": {"uuid": "i1"}, "quantity": quantity});
    desk.happen(&[event("p1", &now, "POSITION.UPDATED", &position("6"))])
        .await;
    desk.world.simulator.put_object("POSITION", position("7"));
    let outcome = desk.compare("holdings").await;
    assert!(outcome.succeeded, "{}", outcome.text);
    assert_eq!(outcome.category("POSITION")["recent"], 1, "{}", outcome.text);
    assert_eq!(desk.compare("holdings --grace 0").await.differences().len(), 1);
}

#[tokio::test]
async fn an_entity_that_is_nowhere_is_a_mistake_and_a_list_that_is_not_there_no_empty_one() {
    let desk = Desk::open("nowhere").await;
    let error = desk.run("--entity ORDER#no-such").await.err().unwrap();
    assert!(
        error.is_usage() && error.to_string().contains("ORDER#no-such"),
        "{error}"
    );
    desk.world.simulator.add_trouble(Trouble {
        answers: 1,
        status: Some(404),
        path_prefix: Some("/instruments".to_owned()),
        ..Trouble::default()
    });
    let outcome = desk.compare("instruments").await;
    assert!(!outcome.succeeded, "{}", outcome.text);
}

/// Deliveries that nobody takes are no repair, and can be made again.
#[tokio::test]
async fn what_the_stack_did_not_take_is_told_by_the_next_run() {
    let mut desk = Desk::open("refusing").await;
    desk.happen(&[account()]).await;
    desk.lose(&[order("o1", 1, "NEW")]);
    let nobody = "http://127.0.0.1:9/webhooks/upvest";
    desk.world.add_outputs(&[("WebhookUrl", nobody)]);
    let failed = desk.repair("orders").await;
    assert!(
        !failed.succeeded
            && failed.text.contains("0 of 1 events accepted")
            && failed.text.contains("1 × unreachable"),
        "{}",
        failed.text
    );
    let url = desk.world.url.clone();
    desk.world.add_outputs(&[("WebhookUrl", &url)]);
    assert!(desk.repair("orders").await.succeeded);
    assert_eq!(desk.status("ORDER#o1").await.as_deref(), Some("NEW"));
}

#[tokio::test]
async fn what_changed_a_moment_ago_is_left_to_its_event() {
    let desk = Desk::open("recent").await;
    desk.happen(&[account(), order("o1", 1, "NEW")]).await;
    let now = Clock::system().now().to_string();
    let object =
        json!({"id": "o1", "created_at": now, "updated_at": now, "account_id": "a1", "status": "FILLED"});
    desk.lose(&[event("late", &now, "ORDER.FILLED", &object)]);
    let outcome = desk.compare("orders").await;
    assert!(outcome.succeeded, "{}", outcome.text);
    assert_eq!(outcome.category("ORDER")["recent"], 1);
    assert_eq!(desk.compare("orders --grace 0").await.differences().len(), 1);
}

#[tokio::test]
async fn a_category_that_upvest_refuses_keeps_no_other_from_being_compared() {
    let desk = Desk::open("refused").await;
    desk.happen(&[account(), order("o1", 1, "NEW")]).await;
    desk.world.simulator.add_trouble(Trouble {
        answers: 9,
        status: Some(403),
        path_prefix: Some("/users".to_owned()),
        ..Trouble::default()
    });
    let outcome = desk.compare("users orders").await;
    assert!(!outcome.succeeded, "{}", outcome.text);
    let error = outcome.category("USER")["error"].as_str().unwrap();
    assert!(error.contains("scope users:read"), "{error}");
    assert_eq!(outcome.category("ORDER")["compared"], 1, "{}", outcome.text);
}

#[tokio::test]
async fn nothing_is_told_with_a_key_that_the_stack_does_not_know_or_without_a_reason() {
    let desk = Desk::open("key").await;
    let error = desk.run("orders --repair --yes").await.map(drop).unwrap_err();
    assert!(
        error.is_usage() && error.to_string().contains("--reason"),
        "{error}"
    );
    let error = desk
        .run("orders --repair --yes --reason r")
        .await
        .map(drop)
        .unwrap_err();
    assert!(
        error.is_usage() && error.to_string().contains("--key-file"),
        "{error}"
    );
    let line = format!(
        "orders --repair --reason r --key-id other --key-file {}",
        desk.key_file.display()
    );
    let error = desk.run(&line).await.map(drop).unwrap_err();
    assert!(error.to_string().contains("does not know key other"), "{error}");
    std::fs::write(&desk.key_file, b"quite another secret").unwrap();
    let line = format!("orders {REPAIR} {} --reason r", desk.key_file.display());
    let error = desk.run(&line).await.map(drop).unwrap_err();
    assert!(error.to_string().contains("another secret"), "{error}");
    assert!(desk.world.receiver.aws.items("audit").is_empty());
    for entity in ["TOPUP#t1", "POSITION#a#b"] {
        let error = desk
            .run(&format!("--entity {entity}"))
            .await
            .map(drop)
            .unwrap_err();
        assert!(error.is_usage(), "{error}");
    }
}
