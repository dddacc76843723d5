//! The check, both ways: from the archive to the log, and from the log to the archive.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use futures_util::{StreamExt, stream};
use jiff::Timestamp;
use pipeline::stores::archive::{Found, ReadError, received_at, verified_key};
use pipeline::stores::events::{LoggedEvent, original_id};
use pipeline::stores::keys::{Keys, KeysError};
use pipeline::verification::{Verdict, verify_again};
use upvest::delivery::events_of;
use upvest::signature::Freshness;
use upvest::synthetic::Scope;
use uuid::Uuid;

use super::delivery::compare;
use super::report::{Finding, Problem, VerifyReport};
use crate::error::Result;
use crate::event_refusals::Refusals;
use crate::records::Records;
use crate::reporter::Reporter;
use crate::stack::Stack;

/// Limits the deliveries that are read at the same time. Each is held in memory, with a body of up to 6 MiB.
const AT_A_TIME: usize = 8;

/// Verifies the deliveries that were received in a time once more, and compares them with the event log both ways.
///
/// # Errors
///
/// [`Error`](crate::Error) when a store cannot be read. What does not hold is a finding.
pub async fn verify(
    stack: &Stack,
    received: Range<Timestamp>,
    reporter: Reporter<'_>,
) -> Result<VerifyReport> {
    let clock = stack.clock().clone();
    let mut report = VerifyReport {
        since: received.start,
        until: received.end,
        ..VerifyReport::default()
    };
    let verification = Verification {
        reporter,
        records: Records::of(stack)?,
        refusals: Refusals::of(stack, clock.clone())?,
        keys: stack.verifying_keys(clock)?,
        received,
    };
    verification.check_archive(&mut report).await?;
    verification.check_log(&mut report).await?;
    Ok(report)
}

/// Checks the archive against the log and the keys, and then the log against the archive.
struct Verification<'r> {
    reporter: Reporter<'r>,
    records: Records,
    refusals: Refusals,
    keys: Keys,
    /// Limits the check to deliveries received in this half-open range.
    received: Range<Timestamp>,
}

/// Holds what one archived object adds to the report.
#[derive(Debug, Default)]
pub(super) struct Checked {
    pub(super) is_in_range: bool,
    /// Gives what the key that signed may report; `None` where it was not verified.
    pub(super) scope: Option<Scope>,
    pub(super) events: u64,
    /// Names the key that signed, where its secret cannot be read.
    pub(super) not_checked: Option<String>,
    pub(super) findings: Vec<Finding>,
}

impl Checked {
    fn faulty(problem: Problem, key: &str, reason: String) -> Self {
        Self {
            findings: vec![Finding::of_delivery(problem, key, reason)],
            ..Self::default()
        }
    }
}

impl Verification<'_> {
    /// Looks for what the log lacks of the archive.
    async fn check_archive(&self, report: &mut VerifyReport) -> Result<()> {
        let work = self.reporter.count("deliveries verified");
        let mut keys = self.records.archive.verified_between(self.received.clone(), None);
        while let Some(keys) = keys.next().await? {
            let checks = keys.into_iter().map(|key| self.check_object(key));
            let mut checks = stream::iter(checks).buffered(AT_A_TIME);
            while let Some(checked) = checks.next().await {
                report.add_delivery(checked?);
                work.done(1);
            }
        }
        Ok(())
    }

    async fn check_object(&self, key: String) -> Result<Checked> {
        let bad = |reason: String| Ok(Checked::faulty(Problem::BadObject, &key, reason));
        let found = match self.records.archive.object(&key).await {
            Ok(Some(found)) => found,
            Ok(None) => return bad("it was listed, and is not there".to_owned()),
            Err(ReadError::NotArchived(error)) => return bad(error.to_string()),
            Err(error) => return Err(error.into()),
        };
        let envelope = &found.delivery.envelope;
        // A delivery is found, and counted to its hour, by its key: under another one nobody would find it.
        let place = verified_key(envelope);
        if place != key {
            return bad(format!("what it holds belongs under {place}"));
        }
        let at = envelope.received_at;
        // To the millisecond, because the id is a UUID of version 7, which has no finer time.
        if received_at(envelope.delivery_id).map(Timestamp::as_millisecond) != Some(at.as_millisecond()) {
            return bad(format!(
                "it says that it was received at {at}, and its id does not"
            ));
        }
        if !self.received.contains(&at) {
            return Ok(Checked::default());
        }
        let mut checked = self.verify(&found).await?;
        checked.is_in_range = true;
        let (events, findings) = compare(&self.records, &self.refusals, checked.scope, &found).await?;
        checked.events = events;
        checked.findings.extend(findings);
        Ok(checked)
    }

    /// Verifies the signature as of the time of receipt.
    async fn verify(&self, found: &Found) -> Result<Checked> {
        let unverifiable = |reason: String| Ok(Checked::faulty(Problem::Unverifiable, &found.key, reason));
        let delivery = &found.delivery;
        let verified = match verify_again(&self.keys, delivery).await {
            Ok(Verdict::Holds(verified)) => verified,
            Ok(Verdict::Rejected { rejection, .. }) => return unverifiable(rejection.reason().to_owned()),
            Ok(Verdict::UnknownKey { key_id, .. }) => {
                return unverifiable(format!("no key {key_id} in the keys table"));
            }
            // Who only looks may not read the secrets of keys of one's own (docs/operations.md).
            Err(KeysError::Secret { key_id, .. } | KeysError::Canary { key_id }) => {
                return Ok(Checked {
                    not_checked: Some(key_id),
                    ..Checked::default()
                });
            }
            Err(error @ KeysError::Unusable { .. }) => return unverifiable(error.to_string()),
            Err(error @ KeysError::Aws(_)) => return Err(error.into()),
        };
        let freshness = verified.freshness();
        let out_of_time = Some(freshness.as_str()).filter(|_| freshness != Freshness::Fresh);
        let noted = (delivery.key_id.as_deref(), delivery.out_of_time.as_deref());
        let mut checked = Checked {
            scope: Some(verified.scope()),
            ..Checked::default()
        };
        // `tail` and `keys distrust` go by these notes, and verify nothing again.
        if noted != (Some(verified.key_id()), out_of_time) {
            let reason = "its notes on key and freshness are not what its signature says".to_owned();
            let finding = Finding::of_delivery(Problem::BadObject, &found.key, reason);
            checked.findings.push(finding);
        }
        Ok(checked)
    }

    /// Looks for what the log has beyond the archive.
    async fn check_log(&self, report: &mut VerifyReport) -> Result<()> {
        let work = self.reporter.count("events of the log compared");
        let mut after = None;
        loop {
            let (events, next) = self.records.log.received(&self.received, after).await?;
            // By delivery, so that each is read once for all the events of a page that it brought.
            let mut by_delivery: BTreeMap<String, Vec<LoggedEvent>> = BTreeMap::new();
            for event in events {
                let own = by_delivery.entry(event.delivery_id.clone());
                own.or_default().push(event);
            }
            let by_delivery = by_delivery.into_iter();
            let checks = by_delivery.map(|(id, events)| self.look_for(id, events));
            let mut checks = stream::iter(checks).buffered(AT_A_TIME);
            while let Some(checked) = checks.next().await {
                let (events, findings) = checked?;
                report.add_logged(events, findings);
                work.done(events);
            }
            after = next;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    /// Looks for logged events in the delivery that is said to have brought them.
    async fn look_for(&self, delivery_id: String, events: Vec<LoggedEvent>) -> Result<(u64, Vec<Finding>)> {
        let count = events.len() as u64;
        let extra = |reason: &str| {
            let finding = |event: &LoggedEvent| {
                Finding::of_event(Problem::Extra, &event.event_id, None, reason.to_owned())
            };
            Ok((count, events.iter().map(finding).collect()))
        };
        let Ok(id) = delivery_id.parse::<Uuid>() else {
            return extra("its delivery_id is none");
        };
        let found = match self.records.archive.verified(id).await {
            Ok(Some(found)) => found,
            Ok(None) => return extra(&format!("its delivery {delivery_id} is not in the archive")),
            Err(ReadError::NotArchived(_)) => {
                return extra(&format!(
                    "its delivery {delivery_id} cannot be read in the archive"
                ));
            }
            Err(error) => return Err(error.into()),
        };
        let envelope = &found.delivery.envelope;
        let (identities, ids): (BTreeSet<String>, BTreeSet<String>) = events_of(&envelope.body)
            .map(|(_, event)| (event.identity().to_hex(), event.id().to_owned()))
            .unzip();
        let check = |event: &LoggedEvent| {
            let (problem, reason) = match identities.contains(&event.sha256) {
                true if event.received_at == envelope.received_at => return None,
                true => (Problem::Changed, "its received_at is not its delivery's"),
                // A conflicting version is logged under a key of its own.
                false if ids.contains(original_id(&event.event_id)) => (
                    Problem::Changed,
                    "its sha256 is not that of what its delivery says",
                ),
                false => (Problem::Extra, "its delivery does not have it"),
            };
            let (id, key) = (&event.event_id, Some(found.key.as_str()));
            Some(Finding::of_event(problem, id, key, reason.to_owned()))
        };
        Ok((count, events.iter().filter_map(check).collect()))
    }
}
