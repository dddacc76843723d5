//! Looking into the archive again and again.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use jiff::Timestamp;
use pipeline::error::{AwsError, ErrorChain};
use pipeline::runtime::clock::Clock;
use pipeline::stores::archive::{DeliveryKey, Section};
use tokio::sync::mpsc;
use tokio::time::sleep;

use super::delivery::WatchedDelivery;
use super::reader::Reader;
use crate::error::{Error, ErrorKind, Result};

/// Limits the deliveries that are read at the same time. Each is held in memory, with a body of up to 6 MiB.
const AT_A_TIME: usize = 8;
/// Bounds how far the receiver's clock may be ahead of ours: what is further in our future is seen later.
const CLOCK_SKEW: Duration = Duration::from_secs(60);
/// Ends the doubling of the pause after failures, so that watching soon goes on once the archive is back.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// Says how often one object may fail to be read, while others can be, before it is shown as unreadable.
const READ_ATTEMPTS: u32 = 4;
/// Lists the codes by which S3 says that there is no such bucket, in this region or at all, so that asking again does not help.
const NO_BUCKET: [&str; 2] = ["NoSuchBucket", "PermanentRedirect"];

/// Carries what whoever watches is told.
#[derive(Debug)]
pub enum Update {
    /// Shows a delivery that was received, once for each object of it in the archive.
    Delivery(Box<WatchedDelivery>),
    /// Everything was looked through; the first time, or after trouble.
    CaughtUp,
    /// Says that the archive cannot be read at the moment; watching goes on.
    Trouble {
        /// Explains the failure, with its causes, in words for people.
        why: String,
        /// Tells how long the next look is off; it grows with each failure in a row.
        retry_in: Duration,
    },
}

/// Says which sections of the archive are watched, from when on, and how often.
#[derive(Debug, Clone)]
pub struct Watch {
    /// Lists the sections to look into: verified deliveries, the quarantine, or both.
    pub sections: Vec<Section>,
    /// Tells from when on deliveries are shown, by the time of their receipt.
    pub from: Timestamp,
    /// Says how long after their receipt deliveries are still looked for.
    pub late: Duration,
    /// Sets the pause between two looks while nothing fails.
    pub every: Duration,
}

/// Looks into the archive again and again, and shows each delivery once.
#[derive(Debug)]
pub struct Feed {
    reader: Reader,
    watch: Watch,
    clock: Clock,
    /// Says where the next look begins: what was received earlier is not expected any more.
    from: Timestamp,
    /// Lists what was received since then, and shown.
    seen: BTreeSet<DeliveryKey>,
    /// Names the object that could not be read last, and how often in a row.
    stuck: Option<(DeliveryKey, u32)>,
    has_looked: Arc<AtomicBool>,
}

/// Tells whether the archive will never be readable this way.
fn is_refusal(error: &AwsError) -> bool {
    let is_without_bucket = error.code().is_some_and(|code| NO_BUCKET.contains(&code));
    is_without_bucket || Error::from(error.clone()).kind() == ErrorKind::Denied
}

impl Feed {
    /// Prepares to watch the archive that `reader` reads; nothing is read yet.
    #[must_use]
    pub fn new(reader: Reader, watch: Watch, clock: Clock) -> Self {
        Self {
            from: watch.from,
            reader,
            watch,
            clock,
            seen: BTreeSet::new(),
            stuck: None,
            has_looked: Arc::default(),
        }
    }

    /// Gives what tells whether the archive could be looked through at all.
    #[must_use]
    pub fn has_looked(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.has_looked)
    }

    /// Tells all that passes, until nobody listens.
    ///
    /// # Errors
    ///
    /// [`Error`] when the archive refuses the very first look.
    pub async fn run(mut self, updates: mpsc::Sender<Update>) -> Result<()> {
        let mut failures = 0;
        loop {
            let update = match self.look(&updates).await {
                Ok(ControlFlow::Break(())) => return Ok(()),
                Ok(ControlFlow::Continue(())) => {
                    let had_looked = self.has_looked.swap(true, Relaxed);
                    let had_failed = std::mem::take(&mut failures) > 0;
                    (!had_looked || had_failed).then_some(Update::CaughtUp)
                }
                Err(error) if !self.has_looked.load(Relaxed) && is_refusal(&error) => {
                    return Err(Error::context(
                        "the archive cannot be watched: check the credentials, and that they may list and read the \
                         bucket",
                    )(error));
                }
                Err(error) => {
                    failures += 1;
                    Some(Update::Trouble {
                        why: ErrorChain(&error).to_string(),
                        retry_in: self.pause(failures),
                    })
                }
            };
            if let Some(update) = update
                && updates.send(update).await.is_err()
            {
                return Ok(());
            }
            sleep(self.pause(failures)).await;
        }
    }

    /// Gives the pause before the next look: longer after each failure in a row.
    fn pause(&self, failures: u32) -> Duration {
        let every = self.watch.every;
        // A shift by all failures in a row would overflow after 31 of them.
        let doubled = every.saturating_mul(1 << failures.min(10));
        doubled.min(LONGEST_PAUSE.max(every))
    }

    /// Tells what came since the last look, in the order of receipt; breaks when nobody listens.
    ///
    /// # Errors
    ///
    /// [`AwsError`] when the archive cannot be read; what was not told is told by a later look.
    pub async fn look(&mut self, updates: &mpsc::Sender<Update>) -> Result<ControlFlow<()>, AwsError> {
        let now = self.clock.now();
        // A receiver whose clock is ahead writes keys that lie in our future.
        let range = self.from..=now + CLOCK_SKEW;
        let mut new = Vec::new();
        for section in &self.watch.sections {
            let found = self.reader.archive.received(*section, &range).await?;
            new.extend(found.into_iter().filter(|key| !self.seen.contains(key)));
        }
        new.sort_unstable();
        let reader = &self.reader;
        let mut deliveries = stream::iter(new)
            .map(async |key| {
                let delivery = reader.delivery(&key, now).await;
                (key, delivery)
            })
            .buffered(AT_A_TIME);
        while let Some((key, delivery)) = deliveries.next().await {
            let delivery = match delivery {
                Ok(delivery) => delivery,
                Err(error) if give_up(&mut self.stuck, &key) => {
                    Some(WatchedDelivery::unreadable(&key, &ErrorChain(&error).to_string()))
                }
                Err(error) => return Err(error),
            };
            self.seen.insert(key);
            if let Some(delivery) = delivery
                && updates.send(Update::Delivery(Box::new(delivery))).await.is_err()
            {
                return Ok(ControlFlow::Break(()));
            }
        }
        // Objects may appear late in a part that was looked through: each look goes back as far as that.
        self.from = self.watch.from.max(now - self.watch.late);
        let from = self.from;
        self.seen.retain(|key| key.received_at >= from);
        Ok(ControlFlow::Continue(()))
    }
}

/// Counts that an object could not be read; tells whether that was often enough.
fn give_up(stuck: &mut Option<(DeliveryKey, u32)>, key: &DeliveryKey) -> bool {
    let before = stuck.take().filter(|(stuck, _)| stuck == key);
    let times = before.map_or(0, |(_, times)| times) + 1;
    *stuck = Some((key.clone(), times));
    times >= READ_ATTEMPTS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stays_refused_ends_the_watch_and_what_may_pass_does_not() {
        let refuses = |code: &str| is_refusal(&AwsError::entries("ListObjectsV2 of the archive", code));
        for code in [
            "AccessDenied",
            "ExpiredToken",
            "NoSuchBucket",
            "PermanentRedirect",
        ] {
            assert!(refuses(code), "{code}");
        }
        for code in ["SlowDown", "InternalError"] {
            assert!(!refuses(code), "{code}");
        }
    }
}
