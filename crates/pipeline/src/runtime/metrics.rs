//! The metrics that the functions publish, in CloudWatch's embedded metric format: one line of log, no API call.
//!
//! All names stand here, so that alarms can be held against what is really published. Every metric has the dimension
//! `Stack`; others are bounded: reasons, statuses and domains are fixed lists, ids never are dimensions.

use std::sync::OnceLock;
use std::time::Duration;

use jiff::SignedDuration;
use metrics::{counter, histogram};

mod embedded;
mod names;

pub use self::embedded::Collector;
pub use self::names::*;
use crate::runtime::clock::Clock;

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

/// Counts a delivery that was signed lately with a retired key.
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
