//! The metrics that the functions publish, in CloudWatch's embedded metric format: one line of log, no API call.
//!
//! All names stand here, so that alarms can be held against what is really published. Every metric has the dimension
//! `Stack`; others are bounded: reasons, statuses and domains are fixed lists, ids never are dimensions.

use std::sync::OnceLock;
use std::time::Duration;

use jiff::SignedDuration;
use metrics::{counter, histogram};

mod embedded;

pub use self::embedded::Collector;
use crate::runtime::clock::Clock;

/// Names the namespace of all metrics, which alarms and the dashboard refer to.
pub const NAMESPACE: &str = "UpvestWebhooks";

/// Counts requests that ingest answered, by the HTTP `Status`: only 200 lets Upvest go on.
pub const ANSWERED: &str = "DeliveriesAnswered";
/// Counts requests from an address outside the allow list, taken or refused.
pub const UNLISTED_SOURCES: &str = "UnlistedSources";
/// Counts deliveries whose signature and digest hold.
pub const VERIFIED: &str = "DeliveriesVerified";
/// Counts those among them whose signature is out of its time, by `Freshness`: `expired` or `not-yet-valid`.
pub const OUT_OF_TIME: &str = "DeliveriesOutOfTime";
/// Counts deliveries among them that Upvest signed lately, and that brought an event for the first time: what goes on coming while
/// Upvest's deliveries do. One of earlier that somebody sends again does not.
pub const FROM_UPVEST: &str = "DeliveriesFromUpvest";
/// Counts deliveries that were signed lately, with a key that Upvest had withdrawn longer ago than it may still sign: Upvest uses
/// it again, or somebody has it.
pub const BY_RETIRED_KEYS: &str = "DeliveriesByRetiredKeys";
/// Counts keys that proved their first delivery: from now on they are trusted in fact, whoever wrote them.
pub const NEW_KEYS: &str = "NewKeys";
/// Counts deliveries by which a key was first seen to sign in another dialect.
pub const NEW_DIALECTS: &str = "NewDialects";
/// Counts subscriptions of others that Upvest was first seen to send events for, which reached us.
pub const FOREIGN_SUBSCRIPTIONS: &str = "ForeignSubscriptions";
/// Counts deliveries that are in quarantine, whole or in part, for whatever reason but an unknown key.
pub const QUARANTINED: &str = "Quarantined";
/// Counts what is in quarantine by the `Reason` that is also in the object's key.
pub const QUARANTINED_BY_REASON: &str = "QuarantinedByReason";
/// Counts deliveries signed with a key that is not in the keys table, which wait for it in quarantine.
pub const UNKNOWN_KEYS: &str = "UnknownKeys";
/// Counts deliveries received again whose bytes could not be put under `pending/`, so that they are in SQS alone; and drains
/// of the dead-letter queue that failed.
pub const PENDING_FAILED: &str = "PendingFailed";
/// Counts events stored for the first time.
pub const STORED: &str = "EventsStored";
/// Counts events that were in the log already, with the same content.
pub const DUPLICATE: &str = "EventsDuplicate";
/// Counts events in conflict with the logged one of the same id.
pub const CONFLICTING: &str = "EventsConflicting";
/// Counts events dispatched to the catch-all, of a category that this version does not know.
pub const UNRECOGNISED: &str = "EventsUnrecognised";
/// Counts events of a type that this version does not know, of a category that it does.
pub const UNKNOWN_TYPES: &str = "EventsOfUnknownType";
/// Says how long it took from the receipt of a delivery until its events were in the log, in milliseconds.
pub const RECEIPT_TO_STORED: &str = "ReceiptToStored";
/// Says how long it took from the receipt of an event's delivery until the event was in its entity's state, in
/// milliseconds, by `Domain`.
pub const RECEIPT_TO_PROJECTED: &str = "ReceiptToProjected";
/// Says how old events are by Upvest's `created_at` when they become the newest of their entity, in seconds, by
/// `Domain`.
pub const EVENT_AGE: &str = "EventAge";
/// Counts events folded into their entity, by `Domain`.
pub const PROJECTED: &str = "EventsProjected";
/// Counts those among them that were not fresh, by `Domain` and `Result`: `late`, `duplicate`, `resume` or `replay`.
pub const NOT_FRESH: &str = "EventsNotFresh";
/// Counts states that moved backwards along their lifecycle, by `Domain`.
pub const MOVED_BACK: &str = "StatesMovedBack";

/// Counts fetches of Upvest's verification keys that brought the keys table up to date.
pub const KEYS_REFRESHED: &str = "KeysRefreshed";
/// Counts changes of the keys table by such a fetch, by `Change`: `new`, `returned` or `retired`.
pub const KEYS_CHANGED: &str = "KeysChanged";
/// Counts keys of the table that a fetch contradicts, and that were kept: Upvest serves another key under their id, or none
/// of all keys that it served.
pub const KEYS_CONFLICTING: &str = "KeysConflicting";
/// Says how long ago a fetch last saw the key that deliveries are verified with, in seconds.
pub const KEY_AGE: &str = "KeyAge";
/// Counts checks that found the subscription as it is to be.
pub const SUBSCRIPTION_HEALTHY: &str = "SubscriptionHealthy";
/// Counts checks that found it missing, disabled or changed, and repaired it.
pub const SUBSCRIPTION_REPAIRED: &str = "SubscriptionRepaired";

/// Counts runs of actions, by `Domain`.
pub const ACTIONS: &str = "ActionsRun";
/// Counts those among them that failed, by `Domain`.
pub const ACTIONS_FAILED: &str = "ActionsFailed";
/// Counts those among them that were not the first attempt at their event, by `Domain`.
pub const ACTIONS_RETRIED: &str = "ActionsRetried";
/// Counts changes that the event bus took, by `Domain`.
pub const PUBLISHED: &str = "ChangesPublished";

/// Counts events that the receiver sent to itself, by `Stage`: `store` or `project`. They are in none of [`STORED`],
/// [`UNRECOGNISED`] and [`PROJECTED`], and their deliveries not in [`VERIFIED`].
pub const SYNTHETIC: &str = "SyntheticEvents";
/// Counts runs of the canary whose event went all the way.
pub const CANARY_DELIVERED: &str = "CanaryDelivered";
/// Counts runs of the canary that failed, by `Stage`: `key`, `post`, `store` or `project`.
pub const CANARY_FAILED: &str = "CanaryFailed";
/// Measures the milliseconds from the canary's request to the end of a `Stage`: `post`, `store` or `project`.
pub const CANARY_MILLISECONDS: &str = "CanaryMilliseconds";

/// Counts attempts at deliveries that failed, by `Kind`: whose failure it was, `infrastructure`, `message` or `never`; and once more
/// by `Step`, what was being done, and `Kind`.
pub const DELIVERIES_FAILED: &str = "DeliveriesFailed";
/// Counts attempts at events that failed, likewise.
pub const EVENTS_FAILED: &str = "EventsFailed";
/// Says how long ago deliveries were sent that come back to their queue, in seconds. SQS's own age of the oldest message leaves out
/// what was received more than three times.
pub const RETRIED_DELIVERIES_AGE: &str = "RetriedDeliveriesAge";
/// Says how long ago events were sent that come back to their queue, in seconds.
pub const RETRIED_EVENTS_AGE: &str = "RetriedEventsAge";

/// Counts requests to AWS, each attempt, by `Service`. It is a member of the documents in the log, and no metric.
pub const AWS_REQUESTS: &str = "AwsRequests";
/// Counts those among them that repeat one that failed, by `Service`.
pub const AWS_RETRIES: &str = "AwsRetries";

/// Lists the metrics that are published where `Observability` is lean: those of the alarms that wake somebody.
pub const LEAN: [&str; 8] = [
    ANSWERED,
    FROM_UPVEST,
    BY_RETIRED_KEYS,
    DELIVERIES_FAILED,
    EVENTS_FAILED,
    RETRIED_DELIVERIES_AGE,
    CONFLICTING,
    CANARY_DELIVERED,
];

static COLLECTOR: OnceLock<Collector> = OnceLock::new();

/// Directs the process's metrics to the log, under the name of the stack. Without it, as in tests, they go nowhere.
///
/// With `is_lean` those of [`LEAN`] alone are written.
pub(crate) fn install(stack: &str, is_lean: bool) {
    let collector = match is_lean {
        true => Collector::new(stack).only(&LEAN),
        false => Collector::new(stack),
    };
    if metrics::set_global_recorder(collector.clone()).is_ok() {
        let _ = COLLECTOR.set(collector);
    }
}

/// Writes what was counted since the last flush to standard output, where Lambda takes it for the log.
pub fn flush() {
    if let Some(collector) = COLLECTOR.get() {
        // Metrics must not fail a delivery.
        let _ = collector.flush(Clock::system().now(), std::io::stdout().lock());
    }
}

/// Names the unit of a metric, as CloudWatch has it; `None` for what counts.
fn unit(name: &str) -> Option<&'static str> {
    match name {
        RECEIPT_TO_STORED | RECEIPT_TO_PROJECTED | CANARY_MILLISECONDS => Some("Milliseconds"),
        EVENT_AGE | KEY_AGE | RETRIED_DELIVERIES_AGE | RETRIED_EVENTS_AGE => Some("Seconds"),
        _ => None,
    }
}

/// Counts a request answered with this status.
pub fn answered(status: u16) {
    counter!(ANSWERED, "Status" => status.to_string()).increment(1);
}

/// Counts a request from an address outside the allow list.
pub fn unlisted_source() {
    counter!(UNLISTED_SOURCES).increment(1);
}

/// Counts a delivery whose signature holds; `freshness` is `fresh`, `expired` or `not-yet-valid`.
pub fn verified(freshness: &'static str) {
    counter!(VERIFIED).increment(1);
    if freshness != "fresh" {
        counter!(OUT_OF_TIME, "Freshness" => freshness).increment(1);
    }
}

/// Counts a delivery that Upvest signed lately and that brought something new.
pub fn from_upvest() {
    counter!(FROM_UPVEST).increment(1);
}

/// Counts a key that proved its first delivery.
pub fn new_key() {
    counter!(NEW_KEYS).increment(1);
}

/// Counts a delivery that was signed lately with a withdrawn key.
pub fn by_retired_key() {
    counter!(BY_RETIRED_KEYS).increment(1);
}

/// Counts a subscription of others that events were first seen for.
pub fn foreign_subscription() {
    counter!(FOREIGN_SUBSCRIPTIONS).increment(1);
}

/// Counts a delivery by which a key was first seen to sign in another dialect.
pub fn new_dialect() {
    counter!(NEW_DIALECTS).increment(1);
}

/// Counts a delivery that went to quarantine, whole or in part.
pub fn quarantined(reason: &'static str) {
    counter!(QUARANTINED).increment(1);
    counter!(QUARANTINED_BY_REASON, "Reason" => reason).increment(1);
}

/// Counts a delivery that went to quarantine because its key is not in the keys table. It is not among those of
/// [`quarantined`]: it waits there, and it may be a stranger's.
pub fn unknown_key() {
    counter!(UNKNOWN_KEYS).increment(1);
    counter!(QUARANTINED_BY_REASON, "Reason" => "unknown-key").increment(1);
}

/// Counts a delivery that is in SQS alone, or may be.
pub fn pending_failed() {
    counter!(PENDING_FAILED).increment(1);
}

/// Counts the events of a delivery: stored for the first time, duplicates, in conflict with the log.
pub fn stored(new: usize, duplicates: usize, conflicting: usize) {
    for (name, count) in [(STORED, new), (DUPLICATE, duplicates), (CONFLICTING, conflicting)] {
        if count > 0 {
            counter!(name).increment(count as u64);
        }
    }
}

/// Measures how long the events of a delivery took into the log.
pub fn stored_after(receipt: SignedDuration) {
    histogram!(RECEIPT_TO_STORED).record(milliseconds(receipt));
}

/// Counts an event of a category that this version does not know.
pub fn unrecognised() {
    counter!(UNRECOGNISED).increment(1);
}

/// Counts events of types that this version does not know, of categories that it does: they replace nothing that is known.
pub fn unknown_types(count: usize) {
    counter!(UNKNOWN_TYPES).increment(count as u64);
}

/// Counts an event folded into its entity.
pub fn projected(domain: &'static str, result: &'static str) {
    counter!(PROJECTED, "Domain" => domain).increment(1);
    if result != "fresh" {
        counter!(NOT_FRESH, "Domain" => domain, "Result" => result).increment(1);
    }
}

/// Measures how long an event took from its receipt into the state of its entity.
pub fn projected_after(domain: &'static str, receipt: SignedDuration) {
    histogram!(RECEIPT_TO_PROJECTED, "Domain" => domain).record(milliseconds(receipt));
}

/// Measures how old the newest event of an entity is.
pub fn event_age(domain: &'static str, age: SignedDuration) {
    histogram!(EVENT_AGE, "Domain" => domain).record(seconds(age));
}

/// Counts a state that moved backwards along its lifecycle.
pub fn moved_back(domain: &'static str) {
    counter!(MOVED_BACK, "Domain" => domain).increment(1);
}

/// Counts a run of an action.
pub fn action(domain: &'static str, result: &'static str) {
    counter!(ACTIONS, "Domain" => domain).increment(1);
    if result != "completed" {
        counter!(ACTIONS_FAILED, "Domain" => domain).increment(1);
    }
}

/// Counts a run of an action that was not the first attempt at its event.
pub fn action_retried(domain: &'static str) {
    counter!(ACTIONS_RETRIED, "Domain" => domain).increment(1);
}

/// Counts changes that the event bus took.
pub fn published(domain: &'static str, count: usize) {
    if count > 0 {
        counter!(PUBLISHED, "Domain" => domain).increment(count as u64);
    }
}

/// Counts a fetch that brought the keys table up to date.
pub fn keys_refreshed() {
    counter!(KEYS_REFRESHED).increment(1);
}

/// Counts changes of the keys table; `change` is `new`, `returned` or `retired`.
pub fn keys_changed(change: &'static str, count: usize) {
    if count > 0 {
        counter!(KEYS_CHANGED, "Change" => change).increment(count as u64);
    }
}

/// Counts keys that were kept though Upvest serves another one under their id, or none of all that it served.
pub fn keys_conflicting(count: usize) {
    if count > 0 {
        counter!(KEYS_CONFLICTING).increment(count as u64);
    }
}

/// Measures how long ago a fetch last saw a key that deliveries are verified with.
pub fn key_age(age: SignedDuration) {
    histogram!(KEY_AGE).record(seconds(age));
}

/// Counts a check that found the subscription as it is to be.
pub fn subscription_healthy() {
    counter!(SUBSCRIPTION_HEALTHY).increment(1);
}

/// Counts a repair of the subscription.
pub fn subscription_repaired() {
    counter!(SUBSCRIPTION_REPAIRED).increment(1);
}

/// Counts synthetic events that were stored for the first time or projected; `stage` is `store` or `project`.
pub fn synthetic(stage: &'static str, count: usize) {
    if count > 0 {
        counter!(SYNTHETIC, "Stage" => stage).increment(count as u64);
    }
}

/// Counts a run of the canary whose event went all the way.
pub fn canary_delivered() {
    counter!(CANARY_DELIVERED).increment(1);
}

/// Counts a run of the canary that failed at a stage.
pub fn canary_failed(stage: &'static str) {
    counter!(CANARY_FAILED, "Stage" => stage).increment(1);
}

/// Notes how long after its request the canary's event had passed a stage.
pub fn canary_passed(stage: &'static str, milliseconds: u64) {
    histogram!(CANARY_MILLISECONDS, "Stage" => stage).record(milliseconds as f64);
}

/// Names what a queue's messages hold, for the metrics of the attempts at them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// Each message is a delivery: its queue is that of deliveries.
    Delivery,
    /// Each message is an event: its queue is that of a domain.
    Event,
}

/// Counts an attempt that failed at a step, by whose failure it was.
pub fn failed(subject: Subject, step: &'static str, kind: &'static str) {
    let name = match subject {
        Subject::Delivery => DELIVERIES_FAILED,
        Subject::Event => EVENTS_FAILED,
    };
    counter!(name, "Kind" => kind).increment(1);
    counter!(name, "Step" => step, "Kind" => kind).increment(1);
}

/// Measures how long ago a message was sent that comes back to its queue.
pub fn comes_back(subject: Subject, age: Duration) {
    let name = match subject {
        Subject::Delivery => RETRIED_DELIVERIES_AGE,
        Subject::Event => RETRIED_EVENTS_AGE,
    };
    histogram!(name).record(age.as_secs_f64());
}

/// Counts a request to an AWS service.
pub fn aws_request(service: &str, is_retry: bool) {
    counter!(AWS_REQUESTS, "Service" => service.to_owned()).increment(1);
    if is_retry {
        counter!(AWS_RETRIES, "Service" => service.to_owned()).increment(1);
    }
}

/// Gives a duration in milliseconds, and 0 for a negative one.
fn milliseconds(duration: SignedDuration) -> f64 {
    seconds(duration) * 1000.0
}

fn seconds(duration: SignedDuration) -> f64 {
    // Clocks differ: what seems to lie in the future took no time.
    duration.as_secs_f64().max(0.0)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn metrics_are_written_with_their_units_and_dimensions() {
        let collector = Collector::new("receiver");
        metrics::with_local_recorder(&collector, || {
            answered(200);
            stored_after(SignedDuration::from_millis(1_500));
            stored_after(SignedDuration::from_millis(-20));
            event_age("orders", SignedDuration::from_secs(60));
        });
        let mut output = Vec::new();
        let now = jiff::Timestamp::UNIX_EPOCH;
        collector.flush(now, &mut output).unwrap();
        let document: Value = serde_json::from_slice(&output).unwrap();
        insta::assert_snapshot!("metrics", serde_json::to_string_pretty(&document).unwrap());
        assert_eq!(document[ANSWERED], 1);
        assert_eq!(document["Status"], "200");
        assert_eq!(document["Stack"], "receiver");
        assert_eq!(document[RECEIPT_TO_STORED], json!([0, 1_500]));
        let directives = &document["_aws"]["CloudWatchMetrics"];
        let expected = [
            (
                json!([["Stack"]]),
                json!({ "Name": RECEIPT_TO_STORED, "Unit": "Milliseconds" }),
            ),
            (
                json!([["Stack", "Domain"]]),
                json!({ "Name": EVENT_AGE, "Unit": "Seconds" }),
            ),
            (json!([["Stack", "Status"]]), json!({ "Name": ANSWERED })),
        ];
        for (index, (dimensions, metric)) in expected.into_iter().enumerate() {
            let directive = &directives[index];
            assert_eq!(directive["Namespace"], NAMESPACE);
            assert_eq!(
                (&directive["Dimensions"], &directive["Metrics"][0]),
                (&dimensions, &metric)
            );
        }
    }
}
