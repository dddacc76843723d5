//! The metrics that the functions publish, in CloudWatch's embedded metric format: one line of log, no API call.
//!
//! All names stand here, so that an alarm can be held against what is really published. Dimensions are bounded: reasons
//! and domains are fixed lists; ids never are dimensions.

use std::sync::OnceLock;

use metrics::counter;
use metrics_cloudwatch_embedded::{Builder, Collector};

/// The namespace of all metrics.
pub const NAMESPACE: &str = "UpvestWebhooks";

static COLLECTOR: OnceLock<&'static Collector> = OnceLock::new();

/// Directs the process's metrics to the log. Without it, as in tests, they go nowhere.
pub(crate) fn install() {
    if let Ok(collector) = Builder::new().cloudwatch_namespace(NAMESPACE).init() {
        let _ = COLLECTOR.set(collector);
    }
}

/// Writes what was counted since the last flush to standard output, where Lambda takes it for the log.
pub fn flush() {
    if let Some(collector) = COLLECTOR.get() {
        // Metrics must not fail a delivery.
        let _ = collector.flush(std::io::stdout());
    }
}

/// A request was answered with this status.
pub fn answered(status: u16) {
    counter!("DeliveriesAnswered", "Status" => status.to_string()).increment(1);
}

/// A request came from an address outside the allow list.
pub fn unlisted_source() {
    counter!("UnlistedSources").increment(1);
}

/// A delivery's signature holds; `freshness` is `fresh`, `expired` or `not-yet-valid`.
pub fn verified(freshness: &'static str) {
    counter!("DeliveriesVerified", "Freshness" => freshness).increment(1);
}

/// A delivery, or events of it, went to quarantine.
pub fn quarantined(reason: &'static str) {
    counter!("Quarantined", "Reason" => reason).increment(1);
}

/// A delivery was signed with a key that is not in the keys table.
pub fn unknown_key() {
    counter!("UnknownKeys").increment(1);
}

/// Events were stored for the first time, found to be repeated, or found to contradict the stored one.
pub fn stored(new: usize, repeated: usize, conflicting: usize) {
    for (name, count) in [
        ("EventsStored", new),
        ("EventsRepeated", repeated),
        ("EventsConflicting", conflicting),
    ] {
        if count > 0 {
            counter!(name).increment(count as u64);
        }
    }
}

/// An event of a category that this version does not know was stored.
pub fn unrecognised() {
    counter!("EventsUnrecognised").increment(1);
}

/// An event was folded into its entity; `result` is `newest`, `superseded` or `repeated`.
pub fn projected(domain: &'static str, result: &'static str) {
    counter!("EventsProjected", "Domain" => domain, "Result" => result).increment(1);
}

/// An entity's state moved backwards along its lifecycle.
pub fn moved_back(domain: &'static str) {
    counter!("StatesMovedBack", "Domain" => domain).increment(1);
}
