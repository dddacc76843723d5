//! Sending what holds on its way, waiting until the stack has verified it, and only then taking it out of quarantine.

use std::collections::BTreeSet;
use std::time::Duration;

use pipeline::queues::deliveries::DeliveriesQueue;
use pipeline::stores::archive::Quarantined;
use serde::Serialize;
use tokio::time::{Instant, sleep};
use upvest::delivery::NO_ENTITY_KEY;

use super::recheck::{Outlook, Recheck};
use super::selection::read;
use crate::error::{Error, Result};
use crate::repair::Throttle;
use crate::reporter::{Reporter, Work};

/// Says how long to wait before the stack is asked again whether it has verified what was sent.
const PAUSE: Duration = Duration::from_secs(1);

/// Tells what became of something in quarantine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReverifyResult {
    /// The stack has verified the delivery, and it is in quarantine no longer.
    Verified,
    /// The delivery was sent, and the entity does not show its event. It stays: whether all is done with it cannot be
    /// told.
    Sent,
    /// The delivery still fails, in part or in whole, and stays.
    Fails,
    /// The delivery was sent, and the stack has not verified it in time; it stays.
    Waits,
    /// The delivery was sent, and the stack has put it into quarantine again.
    Refused,
}

/// Holds something in quarantine that may be sent again.
#[derive(Debug)]
pub(super) struct Candidate {
    pub(super) quarantined: Quarantined,
    pub(super) outlook: Outlook,
    /// Tells whether its object notes that it was sent, until the stack refuses it.
    pub(super) is_noted: bool,
    pub(super) result: Option<ReverifyResult>,
}

/// Sends what holds, and waits for it.
pub(super) struct Run<'r> {
    pub(super) recheck: &'r Recheck,
    pub(super) queue: DeliveriesQueue,
    /// Says how long to wait while the stack verifies nothing.
    pub(super) patience: Duration,
    pub(super) reporter: Reporter<'r>,
    pub(super) work: Work<'r>,
}

impl Run<'_> {
    /// Sends, waits and takes out, and notes what became of each. What nothing became of is as it was.
    pub(super) async fn run(&self, candidates: &mut [Candidate], throttle: &mut Throttle) -> Result<()> {
        // A delivery may be in quarantine for several reasons, and needs to be sent once.
        let mut seen = BTreeSet::new();
        for candidate in candidates.iter_mut() {
            match candidate.outlook {
                Outlook::Fails { .. } => candidate.result = Some(ReverifyResult::Fails),
                Outlook::Verified => self.remove(candidate).await?,
                Outlook::Holds { sent_at } => {
                    if seen.insert(candidate.quarantined.delivery_id()) && sent_at.is_none() {
                        throttle.due().await;
                        self.send(&candidate.quarantined).await?;
                        candidate.is_noted = true;
                    }
                }
            }
            self.work.done(1);
        }
        self.settle(candidates).await
    }

    async fn send(&self, quarantined: &Quarantined) -> Result<()> {
        let (archive, now) = (&self.recheck.archive, self.recheck.now());
        // The note comes first: after an interruption between the two, the delivery is not sent twice.
        let noted = archive.note_sending(quarantined, now).await;
        let unreadable = Error::context(format!("{} cannot be read", quarantined.key()));
        let Some(delivery) = noted.map_err(unreadable)? else {
            return Ok(());
        };
        let sent = self.queue.send(&delivery.envelope).await;
        if sent.is_err() && archive.forget_sending(quarantined, now).await.is_err() {
            self.reporter.note(&format!(
                "delivery {} was not sent, and counts as sent for an hour",
                quarantined.delivery_id()
            ));
        }
        sent.map_err(Error::context("the delivery was not sent"))
    }

    async fn remove(&self, candidate: &mut Candidate) -> Result<()> {
        self.recheck.archive.remove(&candidate.quarantined).await?;
        candidate.result = Some(ReverifyResult::Verified);
        Ok(())
    }

    /// Waits for what was sent, as long as the stack gets on with it.
    async fn settle(&self, candidates: &mut [Candidate]) -> Result<()> {
        let mut since = Instant::now();
        loop {
            let mut waiting = 0;
            for candidate in candidates.iter_mut().filter(|one| one.result.is_none()) {
                if self.look_again(candidate).await? {
                    // Patience begins anew with each delivery that gets on: a slow stack is not a stuck one.
                    since = Instant::now();
                } else {
                    waiting += 1;
                }
            }
            if waiting == 0 {
                return Ok(());
            }
            if since.elapsed() >= self.patience {
                break;
            }
            sleep(PAUSE).await;
        }
        for candidate in candidates.iter_mut().filter(|one| one.result.is_none()) {
            candidate.result = Some(match candidate.quarantined.reason() {
                NO_ENTITY_KEY => ReverifyResult::Sent,
                _ => ReverifyResult::Waits,
            });
        }
        Ok(())
    }

    /// Says whether it is clear what became of something that was sent.
    async fn look_again(&self, candidate: &mut Candidate) -> Result<bool> {
        let Some(delivery) = read(&self.recheck.archive, &candidate.quarantined).await? else {
            // Somebody else runs the same command.
            candidate.outlook = Outlook::Verified;
            candidate.result = Some(ReverifyResult::Verified);
            return Ok(true);
        };
        let outlook = self.recheck.outlook(&candidate.quarantined, &delivery).await?;
        match outlook {
            Outlook::Verified => self.remove(candidate).await?,
            Outlook::Fails { .. } => candidate.result = Some(ReverifyResult::Fails),
            Outlook::Holds { .. } if candidate.is_noted && delivery.sent_at.is_none() => {
                candidate.result = Some(ReverifyResult::Refused);
            }
            Outlook::Holds { .. } => return Ok(false),
        }
        candidate.outlook = outlook;
        Ok(true)
    }
}
