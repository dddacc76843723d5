//! Looking into the archive again and again.

use std::collections::BTreeSet;
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::list_objects_v2::ListObjectsV2Error;
use futures_util::{StreamExt, stream};
use jiff::Timestamp;
use pipeline::error::{AwsError, ErrorChain};
use pipeline::runtime::clock::Clock;
use pipeline::stores::archive::{DeliveryKey, Place};
use tokio::sync::mpsc;
use tokio::time::sleep;

use super::sighting::{Reader, Sighting};

/// How many deliveries are read at a time.
const AT_A_TIME: usize = 8;
/// How far the receiver's clock may be ahead of ours.
const CLOCK_SKEW: Duration = Duration::from_secs(60);
/// The longest pause after failures.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// How often one object may fail to be read, while others can be, before it is shown as unreadable.
const READ_ATTEMPTS: u32 = 4;
/// The codes by which S3 says that asking again does not help.
const REFUSALS: [&str; 6] = [
    "AccessDenied",
    "NoSuchBucket",
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "ExpiredToken",
    "PermanentRedirect",
];

/// What there is to tell.
#[derive(Debug)]
pub(super) enum Update {
    /// A delivery.
    Sighted(Box<Sighting>),
    /// That all was looked through; the first time, or after trouble.
    Caught,
    /// That the archive cannot be read now.
    Trouble { why: String, retry_in: Duration },
}

/// How the archive is watched.
#[derive(Debug, Clone)]
pub(super) struct Watch {
    pub(super) places: Vec<Place>,
    /// From when on deliveries are shown, by the time of their receipt.
    pub(super) from: Timestamp,
    /// How long after their receipt deliveries are still looked for.
    pub(super) late: Duration,
    /// The pause between two looks.
    pub(super) every: Duration,
}

/// Watches the archive.
pub(super) struct Feed {
    reader: Reader,
    watch: Watch,
    clock: Clock,
    /// Where the next look begins: what was received earlier is not expected any more.
    from: Timestamp,
    /// What was received since then, and shown.
    seen: BTreeSet<DeliveryKey>,
    /// The object that could not be read last, and how often in a row.
    stuck: Option<(DeliveryKey, u32)>,
    has_looked: Arc<AtomicBool>,
}

/// Why a look ended early.
#[derive(Debug, thiserror::Error)]
pub(super) enum LookError {
    #[error(transparent)]
    Aws(#[from] AwsError),
    #[error("nobody watches any more")]
    Left,
}

/// Whether the archive will never be readable this way.
fn is_refusal(error: &AwsError) -> bool {
    let listing = error
        .source()
        .and_then(|error| error.downcast_ref::<SdkError<ListObjectsV2Error>>());
    let code = listing.and_then(ProvideErrorMetadata::code);
    code.is_some_and(|code| REFUSALS.contains(&code))
}

impl Feed {
    pub(super) fn new(reader: Reader, watch: Watch, clock: Clock) -> Self {
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

    /// Whether the archive could be looked through at all.
    pub(super) fn has_looked(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.has_looked)
    }

    /// Tells all that there is, until nobody listens.
    ///
    /// # Errors
    ///
    /// [`AwsError`] when the archive refuses the very first look.
    pub(super) async fn run(mut self, updates: mpsc::Sender<Update>) -> Result<(), AwsError> {
        let mut failures = 0;
        loop {
            let told = match self.look(&updates).await {
                Ok(()) => {
                    let had_looked = self.has_looked.swap(true, Relaxed);
                    let had_failed = std::mem::take(&mut failures) > 0;
                    match had_looked && !had_failed {
                        true => Ok(()),
                        false => updates.send(Update::Caught).await,
                    }
                }
                Err(LookError::Aws(error)) if !self.has_looked.load(Relaxed) && is_refusal(&error) => {
                    return Err(error);
                }
                Err(LookError::Left) => return Ok(()),
                Err(error) => {
                    failures += 1;
                    let trouble = Update::Trouble {
                        why: ErrorChain(&error).to_string(),
                        retry_in: self.pause(failures),
                    };
                    updates.send(trouble).await
                }
            };
            if told.is_err() {
                return Ok(());
            }
            sleep(self.pause(failures)).await;
        }
    }

    /// The pause before the next look: longer after each failure in a row.
    fn pause(&self, failures: u32) -> Duration {
        let every = self.watch.every;
        let doubled = every.saturating_mul(1 << failures.min(10));
        doubled.min(LONGEST_PAUSE.max(every))
    }

    /// Tells what came since the last look, in the order of receipt.
    ///
    /// # Errors
    ///
    /// [`LookError`]; what was not told is told by a later look.
    pub(super) async fn look(&mut self, updates: &mpsc::Sender<Update>) -> Result<(), LookError> {
        let now = self.clock.now();
        let range = self.from..=now + CLOCK_SKEW;
        let mut new = Vec::new();
        for place in &self.watch.places {
            let found = self.reader.archive.received(*place, &range).await?;
            new.extend(found.into_iter().filter(|key| !self.seen.contains(key)));
        }
        new.sort_unstable();
        let reader = &self.reader;
        let mut sightings = stream::iter(new)
            .map(async |key| {
                let sighting = reader.sight(&key, now).await;
                (key, sighting)
            })
            .buffered(AT_A_TIME);
        while let Some((key, sighting)) = sightings.next().await {
            let sighting = match sighting {
                Ok(sighting) => sighting,
                Err(error) => match give_up(&mut self.stuck, &key) {
                    true => Some(Sighting::unreadable(&key, &ErrorChain(&error).to_string())),
                    false => return Err(error.into()),
                },
            };
            self.seen.insert(key);
            if let Some(sighting) = sighting {
                let told = updates.send(Update::Sighted(Box::new(sighting))).await;
                told.map_err(|_| LookError::Left)?;
            }
        }
        self.from = self.watch.from.max(now - self.watch.late);
        let from = self.from;
        self.seen.retain(|key| key.received_at >= from);
        Ok(())
    }
}

/// Counts that an object could not be read; tells whether that was often enough.
fn give_up(stuck: &mut Option<(DeliveryKey, u32)>, key: &DeliveryKey) -> bool {
    let before = stuck.take().filter(|(stuck, _)| stuck == key);
    let times = before.map_or(0, |(_, times)| times) + 1;
    *stuck = Some((key.clone(), times));
    times >= READ_ATTEMPTS
}
