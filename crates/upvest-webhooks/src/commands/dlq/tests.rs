//! The commands against a receiver in process.

mod discarding;
mod interrupted;
mod looking;
mod resuming;

use fake_aws::{CallFilter, CrashError, Fault, Service};
use jiff::SignedDuration;
use operator::ErrorKind;
use operator::dlq::{QueueRedriven, RedriveReport};
use pipeline::runtime::clock::Clock;
use pipeline::stores::keys::KeyRow;
use serde_json::{Value, json};
use upvest::Domain;
use webhook_tests::commands::{REASON, parsed};
use webhook_tests::deliveries::{KEY_ID, order, signing_key};
use webhook_tests::deployment::Deployment;
use webhook_tests::effects::Trouble;
use webhook_tests::receiver::{DELIVERIES_DLQ, dead_letter_name, queue_name};

use super::*;
use crate::output::Report;

/// A site where actions find these events hopeless, so that they are in the dead-letter queue of the orders.
async fn site_with(events: &[String], hopeless: &[&str]) -> Deployment {
    let site = Deployment::new().await;
    for id in hopeless {
        site.receiver.effects.trouble(id, Trouble::Hopeless);
    }
    site.store(events).await;
    site.pass(1);
    site.settle().await;
    assert_eq!(dead(&site).len(), hopeless.len());
    site.pass(1);
    site
}

/// Three events of two orders, all hopeless until now.
async fn mended_site() -> Deployment {
    let events = [
        order("o1", 1, "NEW"),
        order("o2", 1, "NEW"),
        order("o1", 2, "FILLED"),
    ];
    let site = site_with(&events, &["o1-1", "o2-1", "o1-2"]).await;
    site.receiver.effects.mend();
    site
}

/// The ids of the events in the dead-letter queue of the orders.
fn dead(site: &Deployment) -> Vec<String> {
    ids(site, &dead_letter_name(Domain::Orders))
}

/// The ids of the events in a queue, those of each order in their sequence. What different orders wait in has none.
fn ids(site: &Deployment, queue: &str) -> Vec<String> {
    let mut messages = site.receiver.aws.messages(queue);
    messages.sort_by(|a, b| a.group.cmp(&b.group));
    let messages = messages.into_iter();
    let id = |body: String| {
        serde_json::from_str::<Value>(&body).unwrap()["id"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    messages.map(|message| id(message.body)).collect()
}

async fn run_at(
    site: &Deployment,
    words: &[&str],
    clock: Clock,
) -> Result<Result<Box<dyn Report>>, CrashError> {
    let command: Command = parsed(words);
    site.receiver
        .aws
        .invoke("operator", command.run(Site::silent(&site.stack, clock)))
        .await
}

async fn run(site: &Deployment, words: &[&str]) -> Box<dyn Report> {
    run_at(site, words, site.clock()).await.unwrap().unwrap()
}

async fn redrive(site: &Deployment, words: &[&str]) -> RedriveReport {
    let words = [&["redrive"][..], words, &REASON[..]].concat();
    run(site, &words).await.into_known()
}

/// The numbers of the only queue of a report: redriven, others, came since.
fn numbers(report: &RedriveReport) -> (usize, usize, usize) {
    let [QueueRedriven { done, .. }] = report.queues.as_slice() else {
        panic!("{report:?}");
    };
    (done.redriven, done.other, done.came_since)
}

fn all_visible(site: &Deployment, queue: &str) -> bool {
    let now_ms = site.receiver.aws.clock().unix_ms();
    let messages = site.receiver.aws.messages(queue);
    messages.iter().all(|message| message.visible_at_ms <= now_ms)
}

#[tokio::test(start_paused = true)]
async fn what_is_redriven_keeps_its_order_and_loses_its_reason_and_has_its_effect_once() {
    let site = mended_site().await;
    let report = redrive(&site, &["--queue", "orders"]).await;
    assert_eq!(numbers(&report), (3, 0, 0));
    assert_eq!(dead(&site), [""; 0]);
    let queued = site.receiver.aws.messages(&queue_name(Domain::Orders));
    assert_eq!(ids(&site, &queue_name(Domain::Orders)), ["o1-1", "o1-2", "o2-1"]);
    for message in &queued {
        assert!(!message.attributes.contains_key("reason"));
        assert!(message.attributes.contains_key("delivery_id"));
    }
    let groups = queued
        .iter()
        .filter(|message| message.group.as_deref() == Some("ORDER#o1"));
    assert_eq!(groups.count(), 2);
    site.settle().await;
    let mut effects = site.effects();
    effects.retain(|id| id != "o2-1");
    assert_eq!(effects, ["o1-1", "o1-2"]);
    assert_eq!((site.effects().len(), dead(&site).len()), (3, 0));
}

#[tokio::test(start_paused = true)]
async fn what_was_done_and_why_is_in_the_audit_table() {
    let site = mended_site().await;
    let report = redrive(&site, &["--queue", "orders", "--because", "customer"]).await;
    assert!(report.succeeded());
    let [operation] = &site.operations().await[..] else {
        panic!()
    };
    assert_eq!(operation["command"], "dlq redrive");
    assert_eq!(operation["reason"], "INC-42");
    assert_eq!(operation["request"]["filter"]["because"], "customer");
    assert_eq!(operation["result"]["queues"][0]["redriven"], 3);
    assert_eq!(operation["ended"], true);
}

#[tokio::test(start_paused = true)]
async fn a_filter_leaves_the_others_where_they_are_and_visible() {
    let site = mended_site().await;
    let report = redrive(&site, &["--entity", "ORDER#o1", "--type", "ORDER.FILLED"]).await;
    assert_eq!(numbers(&report), (1, 2, 0));
    assert_eq!(dead(&site), ["o1-1", "o2-1"]);
    assert!(all_visible(&site, &dead_letter_name(Domain::Orders)));
}

#[tokio::test(start_paused = true)]
async fn what_is_hidden_behind_a_message_that_stays_is_redriven_too_in_its_order() {
    let mut events = vec![order("o1", 0, "NEW")];
    events.extend((1..25).map(|second| order("o1", second, "FILLED")));
    let hopeless: Vec<String> = (0..25).map(|second| format!("o1-{second}")).collect();
    let hopeless: Vec<&str> = hopeless.iter().map(String::as_str).collect();
    let site = site_with(&events, &hopeless).await;
    site.receiver.effects.mend();
    let report = redrive(&site, &["--type", "ORDER.FILLED"]).await;
    assert_eq!(numbers(&report), (24, 1, 0));
    assert_eq!(dead(&site), ["o1-0"]);
    assert_eq!(ids(&site, &queue_name(Domain::Orders)), hopeless[1..]);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_seen_behind_many_that_stay_is_told() {
    let mut events: Vec<String> = (0..12).map(|second| order("o1", second, "NEW")).collect();
    events.push(order("o1", 12, "FILLED"));
    let hopeless: Vec<String> = (0..13).map(|second| format!("o1-{second}")).collect();
    let hopeless: Vec<&str> = hopeless.iter().map(String::as_str).collect();
    let site = site_with(&events, &hopeless).await;
    let report = redrive(&site, &["--type", "ORDER.FILLED"]).await;
    let text = report.text();
    assert!(
        text.contains("there may be others behind them of: ORDER#o1"),
        "{text}"
    );
    assert_eq!(dead(&site).len(), 13);
}

/// Runs something while the clock of AWS goes on with that of the test.
async fn while_time_passes<T>(site: &Deployment, work: impl Future<Output = T>) -> T {
    let time = async {
        loop {
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
            site.pass(1);
        }
    };
    tokio::select! {
        done = work => done,
        () = time => unreachable!(),
    }
}

#[tokio::test(start_paused = true)]
async fn messages_that_stay_and_are_seen_again_meanwhile_hide_no_others() {
    let waits: Vec<String> = (0..12).map(|number| format!("w{number}")).collect();
    let goes: Vec<String> = (0..90).map(|number| format!("g{number}")).collect();
    let mut events: Vec<String> = waits.iter().map(|id| order(id, 1, "NEW")).collect();
    events.extend(goes.iter().map(|id| order(id, 1, "FILLED")));
    let hopeless: Vec<String> = waits.iter().chain(&goes).map(|id| format!("{id}-1")).collect();
    let hopeless: Vec<&str> = hopeless.iter().map(String::as_str).collect();
    let site = site_with(&events, &hopeless).await;
    // At this rate it takes longer than what stays is out of sight.
    let words = ["--type", "ORDER.FILLED", "--rate", "0.5"];
    let report = while_time_passes(&site, redrive(&site, &words)).await;
    assert_eq!(numbers(&report), (90, 12, 0));
    assert_eq!(dead(&site).len(), 12);
}

#[tokio::test(start_paused = true)]
async fn messages_are_chosen_by_id_and_an_id_that_is_not_there_is_told() {
    let site = mended_site().await;
    let report = redrive(&site, &["o2-1", "o9-9"]).await;
    assert_eq!(numbers(&report), (1, 2, 0));
    assert_eq!(report.missing, ["o9-9"]);
    assert!(!report.succeeded());
    assert_eq!(dead(&site), ["o1-1", "o1-2"]);
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_counts_and_changes_nothing() {
    let site = mended_site().await;
    let report = run(&site, &["redrive", "--dry-run", "--entity", "ORDER#o1"]).await;
    assert_eq!(numbers(report.known()), (2, 1, 0));
    assert!(
        report.text().ends_with("nothing was sent back"),
        "{}",
        report.text()
    );
    assert_eq!((dead(&site).len(), site.operations().await.len()), (3, 0));
    assert!(all_visible(&site, &dead_letter_name(Domain::Orders)));
}

#[tokio::test(start_paused = true)]
async fn empty_queues_need_no_operation() {
    let site = Deployment::builder().without_key().start().await;
    let report = redrive(&site, &[]).await;
    assert!(site.operations().await.is_empty() && report.queues.is_empty());
    assert!(report.succeeded());
    assert_eq!(report.text(), "no messages in dead-letter queues\n");
    assert_eq!(
        run(&site, &["list", "--messages"]).await.text().trim(),
        "no messages in dead-letter queues"
    );
}

#[tokio::test(start_paused = true)]
async fn a_message_that_fails_again_is_not_redriven_by_the_same_command_whatever_the_clocks_say() {
    for ahead in [0, 3_600] {
        let site = mended_site().await;
        site.receiver.effects.trouble("o1-1", Trouble::Hopeless);
        let now = site.receiver.aws.clock().clone();
        let clock = Clock::from_fn(move || now.timestamp() + SignedDuration::from_secs(ahead));
        let words = [&["redrive"][..], &REASON[..]].concat();
        let processors = async {
            loop {
                site.settle().await;
                tokio::time::sleep(std::time::Duration::from_millis(1)).await;
            }
        };
        let report = tokio::select! {
            biased;
            report = run_at(&site, &words, clock) => report.unwrap().unwrap(),
            () = processors => unreachable!(),
        };
        assert_eq!(numbers(report.known()), (3, 0, 1), "{ahead}");
        assert!(report.text().contains("failed again"), "{}", report.text());
        site.settle().await;
        assert_eq!(dead(&site), ["o1-1"], "{ahead}");
        assert!(all_visible(&site, &dead_letter_name(Domain::Orders)));
    }
}

#[tokio::test(start_paused = true)]
async fn deliveries_whose_key_was_no_key_are_verified_and_processed_once_it_is_mended() {
    let site = Deployment::builder().without_key().start().await;
    let broken = KeyRow {
        key_id: KEY_ID.to_owned(),
        algorithm: Some("ed25519".to_owned()),
        ..KeyRow::default()
    };
    site.receiver.put_key_row(&broken).await;
    site.store(&[order("o1", 1, "NEW")]).await;
    site.pass(1);
    while site.receiver.aws.messages(DELIVERIES_DLQ).is_empty() {
        site.pass(900);
        site.settle().await;
    }
    let listed = run(&site, &["list", "--messages", "--queue", "deliveries"])
        .await
        .text();
    assert!(listed.contains("keys-failed for 24 hours"), "{listed}");
    site.delete("keys", KEY_ID).await;
    site.know_key(&signing_key(7)).await;
    site.pass(301);
    let report = redrive(&site, &["--queue", "deliveries"]).await;
    assert_eq!(numbers(&report), (1, 0, 0));
    site.settle().await;
    assert_eq!(site.effects(), ["o1-1"]);
    assert_eq!(site.receiver.waiting(), 0);
}
