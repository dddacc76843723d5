//! Sending archived deliveries to the stack once more, of which the log lacks something.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;

use futures_util::{StreamExt, stream};
use jiff::Timestamp;
use pipeline::stores::archive::{ArchivedDelivery, Found, ReadError};
use pipeline::stores::keys::{Keys, KeysError};
use pipeline::verification::{Verdict, verify_again};
use serde::Serialize;
use serde_json::json;
use upvest::delivery::events_of;
use upvest::synthetic::Scope;

use crate::error::{Error, Result};
use crate::event_refusals::Refusals;
use crate::records::Records;
use crate::repair::{Decision, Ending, Repair};

/// Names the operation in the audit table.
const COMMAND: &str = "archive resend";
/// Limits the deliveries that are read at the same time. Each is held in memory, with a body of up to 6 MiB.
const AT_A_TIME: usize = 8;
/// Bounds the incomplete deliveries that a report names; all of them are counted.
const NAMED: usize = 100;

/// Reports which deliveries the log lacks something of, and how many were sent.
#[derive(Debug, Default, Serialize)]
pub struct ResendReport {
    /// Says whether it was a dry run, was declined, or failed half way.
    #[serde(flatten)]
    pub ending: Ending,
    /// Gives the first instant of receipt that was looked at.
    pub since: Timestamp,
    /// Gives the instant of receipt before which was looked.
    pub until: Timestamp,
    /// Counts the deliveries that were received in that time.
    pub deliveries: u64,
    /// Counts those of which the log lacks an event.
    pub incomplete: u64,
    /// Lists the first of them, by their keys in the archive.
    pub named: Vec<String>,
    /// Lists objects that cannot be read as deliveries, and why; they are left to `archive verify`.
    pub unreadable: Vec<Unreadable>,
    /// Counts the deliveries that were sent.
    pub sent: u64,
}

/// Describes an object of the archive that cannot be read as a delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unreadable {
    /// Gives the object's key in the archive bucket.
    pub key: String,
    /// Says for people why it cannot be read.
    pub reason: String,
}

/// Holds what tells of which deliveries the log lacks something.
struct Archived {
    records: Records,
    keys: Keys,
    refusals: Refusals,
}

/// Says what an object of the archive is, beside the log.
enum Looked {
    /// The delivery was received before or after the time that was asked for.
    Outside,
    /// The log has all of its events, or a delivery before it brings what the log lacks.
    Whole,
    /// The log lacks some of its events.
    Incomplete(Box<Incomplete>),
    Unreadable(Unreadable),
}

/// Holds a delivery with the events that the log lacks of it, by id and identity.
struct Incomplete {
    found: Found,
    lacking: Vec<(String, String)>,
}

/// Looks for deliveries received in a time of which the log lacks an event, and, once `confirm` has seen how many, sends them to
/// the deliveries queue. The archive is read twice, so that its size does not matter.
///
/// What the archive has was proven before, and verify-and-store dispatches what it stores of it as sent again, never as sent for
/// the first time. Interrupted, the same command goes on with what is missing still.
///
/// # Errors
///
/// [`Error`] when nothing was sent. What ended it early is in [`Ending::failure`].
pub async fn resend(
    repair: &Repair<'_>,
    received: Range<Timestamp>,
    confirm: impl FnOnce(&ResendReport) -> Result<bool>,
) -> Result<ResendReport> {
    let archived = Archived {
        records: Records::of(repair.stack)?,
        keys: repair.stack.verifying_keys(repair.clock.clone())?,
        refusals: Refusals::of(repair.stack, repair.clock.clone())?,
    };
    let mut report = ResendReport {
        ending: repair.ending(),
        since: received.start,
        until: received.end,
        ..ResendReport::default()
    };
    each(repair, &archived, &received, async |looked| {
        report.add(looked);
        Ok(())
    })
    .await?;
    match repair.decide(report.incomplete > 0, || confirm(&report))? {
        Decision::Preview => {}
        Decision::Declined => report.ending.declined = true,
        Decision::GoOn => {
            let queue = repair.stack.deliveries_queue()?;
            let (since, until, rate) = (received.start, received.end, repair.options.per_second);
            let request = json!({ "since": since, "until": until, "rate": rate });
            let send = async |_: &_| {
                let mut throttle = repair.throttle();
                let ended = each(repair, &archived, &received, async |looked| {
                    if let Looked::Incomplete(incomplete) = looked {
                        let found = &incomplete.found;
                        throttle.due().await;
                        let sent = queue.send(&found.delivery.envelope).await;
                        sent.map_err(Error::context(format!("{} was not sent", found.key)))?;
                        report.sent += 1;
                    }
                    Ok(())
                })
                .await;
                (json!({ "sent": report.sent }), ended)
            };
            report.ending = repair.carry_out(COMMAND, request, send).await?;
        }
    }
    Ok(report)
}

/// Looks at each object of the archive that may have been received in the time, in the order of receipt. Of several deliveries of
/// an event the first one counts, as it did when they came: it would else be chance which of them brings the event now.
async fn each(
    repair: &Repair<'_>,
    archived: &Archived,
    received: &Range<Timestamp>,
    mut take: impl AsyncFnMut(Looked) -> Result<()>,
) -> Result<()> {
    let work = repair.reporter.count("deliveries");
    let mut keys = archived.records.archive.verified_between(received.clone(), None);
    let mut brought = HashSet::new();
    while let Some(keys) = keys.next().await? {
        let looks = keys.into_iter().map(|key| archived.look(key, received));
        // Not `buffer_unordered`: which delivery of an event is the first one follows from the order.
        let mut looks = stream::iter(looks).buffered(AT_A_TIME);
        while let Some(looked) = looks.next().await {
            let looked = match looked? {
                Looked::Incomplete(it) if !it.brings_more(&mut brought) => Looked::Whole,
                looked => looked,
            };
            take(looked).await?;
            work.done(1);
        }
    }
    Ok(())
}

impl Archived {
    async fn look(&self, key: String, received: &Range<Timestamp>) -> Result<Looked> {
        let unreadable = |key, reason| Ok(Looked::Unreadable(Unreadable { key, reason }));
        let found = match self.records.archive.object(&key).await {
            Ok(Some(found)) => found,
            Ok(None) => return unreadable(key, "it was listed, and is not there".to_owned()),
            Err(ReadError::NotArchived(error)) => return unreadable(key, error.to_string()),
            Err(error) => return Err(error.into()),
        };
        if !received.contains(&found.delivery.envelope.received_at) {
            return Ok(Looked::Outside);
        }
        let lacking = self.lacking(&found.delivery).await?;
        Ok(match lacking.is_empty() {
            true => Looked::Whole,
            false => Looked::Incomplete(Box::new(Incomplete { found, lacking })),
        })
    }

    /// Lists the events of a delivery that the log lacks, and the stack would take, by id and identity.
    async fn lacking(&self, delivery: &ArchivedDelivery) -> Result<Vec<(String, String)>> {
        let events: Vec<_> = events_of(&delivery.envelope.body)
            .map(|(_, event)| (event.identity().to_hex(), event))
            .collect();
        let pairs: Vec<(&str, &str)> = events
            .iter()
            .map(|(sha256, event)| (event.id(), &**sha256))
            .collect();
        let absent: HashSet<(&str, &str)> = self.records.log.lacks(&pairs).await?.into_iter().collect();
        if absent.is_empty() {
            return Ok(Vec::new());
        }
        // Where a signature cannot be verified now, verify-and-store says why when the delivery is sent.
        let scope = match verify_again(&self.keys, delivery).await {
            Ok(Verdict::Holds(verified)) => verified.scope(),
            Ok(_) | Err(KeysError::Secret { .. } | KeysError::Canary { .. } | KeysError::Unusable { .. }) => {
                Scope::Everything
            }
            Err(error @ KeysError::Aws(_)) => return Err(error.into()),
        };
        let mut lacking = Vec::new();
        for (sha256, event) in &events {
            let is_absent = absent.contains(&(event.id(), &**sha256));
            if is_absent && self.refusals.reason(event, scope).await?.is_none() {
                lacking.push((event.id().to_owned(), sha256.clone()));
            }
        }
        Ok(lacking)
    }
}

impl Incomplete {
    /// Tells whether it brings an event that none of the others before it has, and remembers its own, by a hash: there may be
    /// millions. Should two be alike, the second run of the command finds what the first one passed over.
    fn brings_more(&self, brought: &mut HashSet<u64>) -> bool {
        let hashes = self.lacking.iter().map(|event| {
            let mut hasher = DefaultHasher::new();
            event.hash(&mut hasher);
            hasher.finish()
        });
        // Not `||`: it would stop at the first new event, and remember none of those behind it.
        hashes.fold(false, |more, hash| brought.insert(hash) | more)
    }
}

impl ResendReport {
    fn add(&mut self, looked: Looked) {
        match looked {
            Looked::Outside => return,
            Looked::Unreadable(unreadable) => return self.unreadable.push(unreadable),
            Looked::Whole => {}
            Looked::Incomplete(incomplete) => {
                self.incomplete += 1;
                if self.named.len() < NAMED {
                    self.named.push(incomplete.found.key);
                }
            }
        }
        self.deliveries += 1;
    }
}
