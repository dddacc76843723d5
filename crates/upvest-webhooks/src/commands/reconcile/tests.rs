//! A stack that received what a simulated Upvest delivered, and what it did not.

mod desk;
mod repairing;

use std::time::Duration;

use clap::Parser;
use pipeline::runtime::clock::Clock;
use pipeline::stores::events::LoggedEvent;
use serde_json::{Value, json};
use upvest_simulator::{Subscription, Trouble, generate};
use webhook_tests::deployment::{ConnectedDeployment, UPVEST_SECRET};

use desk::Desk;

use super::*;
use crate::output::Report;

const KEY: &[u8] = b"sixteen bytes or more";
const ALL: &str = "users accounts payments orders holdings ledger reports fees instruments portfolios";
const REPAIR: &str = "--repair --yes --key-id smoke --key-file";

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
    let desk = Desk::open().await;
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
    let desk = Desk::open().await;
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
        desk.key_file.path().display()
    );
    assert!(desk.run(&line).await.unwrap().json["repair"].is_null());
    let events = desk.world.receiver.aws.items("events").len();
    assert_eq!(
        (desk.world.receiver.aws.items("audit").len(), events),
        (0, 2),
        "nothing was done"
    );
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
    let desk = Desk::open().await;
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
    let desk = Desk::open().await;
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
    let desk = Desk::open().await;
    let error = desk.run("--entity ORDER#no-such").await.err().unwrap();
    assert!(
        error.kind() == operator::ErrorKind::Usage && error.to_string().contains("ORDER#no-such"),
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

#[tokio::test]
async fn what_changed_a_moment_ago_is_left_to_its_event() {
    let desk = Desk::open().await;
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
    let desk = Desk::open().await;
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
