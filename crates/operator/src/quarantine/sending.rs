//! Sending what holds on its way, waiting until the stack has verified it, and only then taking it out of quarantine.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use pipeline::queues::deliveries::DeliveriesQueue;
use pipeline::stores::archive::Quarantined;
use serde::Serialize;
use tokio::time::{Instant, sleep};
use upvest::delivery::NO_ENTITY_KEY;
use uuid::Uuid;

use super::outlook::{Outlook, Reverifier};
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

/// Describes one object of the quarantine, its outlook, and what became of it.
#[derive(Debug, Clone, Serialize)]
pub struct Reverified {
    /// Names the delivery. It appears once for each reason that it is in quarantine for.
    pub delivery_id: Uuid,
    /// Names why it was put into quarantine, like `unknown-key`.
    pub reason: String,
    /// Gives the time of receipt, as of which the signature is verified again.
    pub received_at: Timestamp,
    /// Tells whether it would be taken, as it was last looked at.
    #[serde(rename = "now")]
    pub outlook: Outlook,
    /// Says what became of it; `None` before anything was done.
    #[serde(rename = "became")]
    pub result: Option<ReverifyResult>,
    /// Refers to the object in the bucket, which is sent and then taken out.
    #[serde(skip)]
    pub(super) quarantined: Quarantined,
    /// Tells whether the object notes that it was sent, until the stack refuses it.
    #[serde(skip)]
    pub(super) is_noted: bool,
}

/// Sends what holds, and waits for it.
pub(super) struct Run<'r> {
    pub(super) reverifier: &'r Reverifier,
    pub(super) queue: DeliveriesQueue,
    /// Says how long to wait while the stack verifies nothing.
    pub(super) patience: Duration,
    pub(super) reporter: Reporter<'r>,
    pub(super) work: Work<'r>,
}

impl Run<'_> {
    /// Sends, waits and takes out, and notes what became of each. What nothing became of is as it was.
    pub(super) async fn run(&self, deliveries: &mut [Reverified], throttle: &mut Throttle) -> Result<()> {
        // A delivery may be in quarantine for several reasons, and needs to be sent once.
        let mut seen = BTreeSet::new();
        for delivery in deliveries.iter_mut() {
            match delivery.outlook {
                Outlook::Fails { .. } => delivery.result = Some(ReverifyResult::Fails),
                Outlook::Verified => self.remove(delivery).await?,
                Outlook::Holds { sent_at } => {
                    if seen.insert(delivery.quarantined.delivery_id()) && sent_at.is_none() {
                        throttle.due().await;
                        self.send(&delivery.quarantined).await?;
                        delivery.is_noted = true;
                    }
                }
            }
            self.work.done(1);
        }
        self.settle(deliveries).await
    }

    async fn send(&self, quarantined: &Quarantined) -> Result<()> {
        let (archive, now) = (&self.reverifier.archive, self.reverifier.now());
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

    async fn remove(&self, delivery: &mut Reverified) -> Result<()> {
        self.reverifier.archive.remove(&delivery.quarantined).await?;
        delivery.result = Some(ReverifyResult::Verified);
        Ok(())
    }

    /// Waits for what was sent, as long as the stack gets on with it.
    async fn settle(&self, deliveries: &mut [Reverified]) -> Result<()> {
        let mut since = Instant::now();
        loop {
            let mut waiting = 0;
            for delivery in deliveries.iter_mut().filter(|one| one.result.is_none()) {
                if self.look_again(delivery).await? {
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
        for delivery in deliveries.iter_mut().filter(|one| one.result.is_none()) {
            delivery.result = Some(match delivery.quarantined.reason() {
                NO_ENTITY_KEY => ReverifyResult::Sent,
                _ => ReverifyResult::Waits,
            });
        }
        Ok(())
    }

    /// Says whether it is clear what became of something that was sent.
    async fn look_again(&self, delivery: &mut Reverified) -> Result<bool> {
        let Some(archived) = read(&self.reverifier.archive, &delivery.quarantined).await? else {
            // Somebody else runs the same command.
            delivery.outlook = Outlook::Verified;
            delivery.result = Some(ReverifyResult::Verified);
            return Ok(true);
        };
        let outlook = self.reverifier.outlook(&delivery.quarantined, &archived).await?;
        match outlook {
            Outlook::Verified => self.remove(delivery).await?,
            Outlook::Fails { .. } => delivery.result = Some(ReverifyResult::Fails),
            Outlook::Holds { .. } if delivery.is_noted && archived.sent_at.is_none() => {
                delivery.result = Some(ReverifyResult::Refused);
            }
            Outlook::Holds { .. } => return Ok(false),
        }
        delivery.outlook = outlook;
        Ok(true)
    }
}
