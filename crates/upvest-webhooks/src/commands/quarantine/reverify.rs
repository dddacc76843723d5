//! Sending what holds by now on its way again, once.

use std::collections::BTreeSet;
use std::time::Duration;

use indicatif::ProgressBar;
use jiff::Timestamp;
use pipeline::error::AwsError;
use pipeline::queues::deliveries::{DeliveriesQueue, SendError};
use pipeline::stores::archive::{ArchivedDelivery, Quarantined};
use serde::Serialize;
use tokio::time::{Instant, sleep};
use upvest::delivery::NO_ENTITY_KEY;

use super::judge::{Judge, JudgeError, Outlook};
use crate::operation::Throttle;
use crate::output;
use operator::quarantine::selection::{Selection, read};

/// How long to wait before the stack is asked again whether it has verified what was sent.
const PAUSE: Duration = Duration::from_secs(1);

/// Something in quarantine, and whether it holds.
#[derive(Debug)]
pub(crate) struct Judged {
    pub(crate) quarantined: Quarantined,
    pub(crate) outlook: Outlook,
    /// Whether its object notes that it was sent, until the stack refuses it.
    pub(crate) is_noted: bool,
    pub(crate) became: Option<Became>,
}

/// What became of something in quarantine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Became {
    /// The stack has verified it, and it is in quarantine no longer.
    Verified,
    /// It was sent, and its entity does not show it. It stays: whether all is done with it cannot be told.
    Sent,
    /// It still fails, in part or in whole, and stays.
    Fails,
    /// It was sent, and the stack has not verified it in time; it stays.
    Waits,
    /// It was sent, and the stack has put it into quarantine again.
    Refused,
}

/// Why it ended early.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReverifyError {
    #[error(transparent)]
    Select(#[from] operator::Error),
    #[error(transparent)]
    Judge(#[from] JudgeError),
    #[error("the delivery was not sent")]
    Send(#[from] SendError),
    #[error(transparent)]
    Aws(#[from] AwsError),
}

/// Judges what is chosen, at most `limit` objects; says whether there are more.
///
/// # Errors
///
/// [`ReverifyError`] when the stack cannot be read.
pub(crate) async fn judge(
    judge: &Judge,
    selection: &Selection,
    now: Timestamp,
    limit: usize,
) -> Result<(Vec<Judged>, bool), ReverifyError> {
    let (mut judged, mut more, mut failure) = (Vec::new(), false, None);
    let visit = async |quarantined: Quarantined, delivery: ArchivedDelivery| {
        if judged.len() == limit {
            more = true;
            return Ok(false);
        }
        match judge.outlook(&quarantined, &delivery).await {
            Ok(outlook) => judged.push(Judged {
                quarantined,
                is_noted: matches!(outlook, Outlook::Holds { sent_at: Some(_) }),
                outlook,
                became: None,
            }),
            Err(error) => failure = Some(error),
        }
        Ok(failure.is_none())
    };
    selection.each(&judge.archive, now, visit).await?;
    match failure {
        Some(error) => Err(error.into()),
        None => Ok((judged, more)),
    }
}

/// Sends what holds and is not on its way already, waits for the stack to verify it, and then takes it out of quarantine.
///
/// Nothing leaves the quarantine before the stack is seen to have it. After an interruption at any step the delivery is
/// still in quarantine, with a note if it was sent or about to be. The next run goes by that, and by whether the stack
/// has verified it meanwhile: either way it is not sent again.
pub(crate) struct Reverification<'r> {
    pub(crate) judge: &'r Judge,
    pub(crate) queue: &'r DeliveriesQueue,
    /// How long to wait while the stack verifies nothing.
    pub(crate) patience: Duration,
    pub(crate) bar: &'r ProgressBar,
}

impl Reverification<'_> {
    /// Does so with all that was judged, and notes what became of each.
    ///
    /// # Errors
    ///
    /// [`ReverifyError`] at the first thing that could not be done. What nothing became of is as it was.
    pub(crate) async fn run(
        &self,
        judged: &mut [Judged],
        throttle: &mut Throttle,
    ) -> Result<(), ReverifyError> {
        // A delivery may be in quarantine for several reasons, and needs to be sent once.
        let mut seen = BTreeSet::new();
        for one in judged.iter_mut() {
            match one.outlook {
                Outlook::Fails { .. } => one.became = Some(Became::Fails),
                Outlook::Verified => self.remove(one).await?,
                Outlook::Holds { sent_at } => {
                    if seen.insert(one.quarantined.delivery_id()) && sent_at.is_none() {
                        throttle.due().await;
                        self.send(&one.quarantined).await?;
                        one.is_noted = true;
                    }
                }
            }
            self.bar.inc(1);
        }
        self.settle(judged).await
    }

    async fn send(&self, quarantined: &Quarantined) -> Result<(), ReverifyError> {
        let (archive, now) = (&self.judge.archive, self.judge.now());
        let noted = archive.note_sending(quarantined, now).await;
        let unreadable = operator::Error::context(format!("{} cannot be read", quarantined.key()));
        let Some(delivery) = noted.map_err(unreadable)? else {
            return Ok(());
        };
        let sent = self.queue.send(&delivery.envelope).await;
        if sent.is_err() && archive.forget_sending(quarantined, now).await.is_err() {
            output::note(&format!(
                "delivery {} was not sent, and counts as sent for an hour",
                quarantined.delivery_id()
            ));
        }
        Ok(sent?)
    }

    async fn remove(&self, one: &mut Judged) -> Result<(), ReverifyError> {
        self.judge.archive.remove(&one.quarantined).await?;
        one.became = Some(Became::Verified);
        Ok(())
    }

    /// Waits for what was sent, as long as the stack gets on with it.
    async fn settle(&self, judged: &mut [Judged]) -> Result<(), ReverifyError> {
        let mut since = Instant::now();
        loop {
            let mut waiting = 0;
            for one in judged.iter_mut().filter(|one| one.became.is_none()) {
                if self.look_again(one).await? {
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
        for one in judged.iter_mut().filter(|one| one.became.is_none()) {
            one.became = Some(match one.quarantined.reason() {
                NO_ENTITY_KEY => Became::Sent,
                _ => Became::Waits,
            });
        }
        Ok(())
    }

    /// Says whether it is clear what became of something that was sent.
    async fn look_again(&self, one: &mut Judged) -> Result<bool, ReverifyError> {
        let Some(delivery) = read(&self.judge.archive, &one.quarantined).await? else {
            // Somebody else runs the same command.
            one.outlook = Outlook::Verified;
            one.became = Some(Became::Verified);
            return Ok(true);
        };
        let outlook = self.judge.outlook(&one.quarantined, &delivery).await?;
        match outlook {
            Outlook::Verified => self.remove(one).await?,
            Outlook::Fails { .. } => one.became = Some(Became::Fails),
            Outlook::Holds { .. } if one.is_noted && delivery.sent_at.is_none() => {
                one.became = Some(Became::Refused);
            }
            Outlook::Holds { .. } => return Ok(false),
        }
        one.outlook = outlook;
        Ok(true)
    }
}
