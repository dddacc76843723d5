//! Sending deliveries on that waited in quarantine for their key.
//!
//! Anybody can name a key that nobody has, so that SQS is no place to wait for one: what waits there counts against the
//! messages that a queue has in flight, and is gone after fourteen days. A delivery with an unknown key lies in quarantine
//! instead, in a folder of its key; and so does one by a key that proves nothing now, or not this. Whoever learns of keys, by a
//! fetch, an import or an operator's word, sends on what lies in their folders and may hold now.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::error::AwsError;
use crate::queues::deliveries::{DeliveriesQueue, SendError};
use crate::runtime::clock::Clock;
use crate::stores::archive::{
    Archive, BAD_SIGNATURE, KEY_DISTRUSTED, KEY_RETIRED, Quarantined, ReadError, UNKNOWN_KEY,
};
use crate::stores::keys::{KNOWN_FOR, KeyRow, PinnedKeys};

/// Is the pause between two deliveries: fifty a second at most, of which verify-and-store takes many more.
const PAUSE: Duration = Duration::from_millis(20);
/// Allows for the time between a clock that was read and the write, and for clocks that differ.
const MARGIN: Duration = Duration::from_secs(60);
/// Says for how long a key counts as new.
const NEW: SignedDuration = SignedDuration::from_hours(24);

/// Sends on what waits for keys.
#[derive(Debug, Clone)]
pub struct Waiting {
    /// Holds the deliveries that wait in quarantine for a key.
    pub archive: Archive,
    /// Takes the deliveries that are sent on, as ingest does.
    pub queue: DeliveriesQueue,
    /// Lists the keys that alone may prove deliveries: what lies under others is left there.
    pub pinned: PinnedKeys,
    /// Tells the time, which is noted in what is sent on, so that it is not sent twice.
    pub clock: Clock,
}

/// Names what lies in quarantine for a reason and under one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    reason: &'static str,
    key_id: String,
    /// Bounds what is meant by the time of receipt; `None` where all is.
    until: Option<Timestamp>,
}

impl Folder {
    /// Names all that lies in quarantine for this reason, one of [`OF_A_KEY`](crate::stores::archive::OF_A_KEY), under a key of
    /// this id.
    #[must_use]
    pub fn of(reason: &'static str, key_id: &str) -> Self {
        Self {
            reason,
            key_id: key_id.to_owned(),
            until: None,
        }
    }
}

/// Lists the folders of a key in which lies what it may prove `now`; none of a key that is not `pinned`.
///
/// What did not hold under its id is meant if it came before the key was known, by which it was not tried. That is so for a day
/// of fetches, of which any may die before it sends on; and for nothing that came later, so that strangers cannot have each
/// fetch verify what they forged.
#[must_use]
fn folders_of(row: &KeyRow, pinned: &PinnedKeys, now: Timestamp) -> Vec<Folder> {
    // Deliveries name the key that has the id now.
    if row.is_earlier() || !pinned.allow_row(row) {
        return Vec::new();
    }
    let is_new = |at: &Timestamp| (SignedDuration::ZERO..NEW).contains(&now.duration_since(*at));
    let known_since = row.first_seen_at().filter(is_new);
    let reasons = [
        (UNKNOWN_KEY, true),
        (BAD_SIGNATURE, known_since.is_some()),
        (KEY_RETIRED, !row.is_retired()),
        (KEY_DISTRUSTED, row.distrusted_at.is_none()),
    ];
    let meant = reasons.into_iter().filter(|(_, is_meant)| *is_meant);
    let folder = |(reason, _)| Folder {
        until: known_since
            .filter(|_| reason == BAD_SIGNATURE)
            .map(|at| at + KNOWN_FOR + MARGIN),
        ..Folder::of(reason, &row.key_id)
    };
    meant.map(folder).collect()
}

/// Says what became of deliveries that waited.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SentOn {
    /// Counts the deliveries that were sent on.
    pub sent: usize,
    /// Says whether time ran out before all were: the next fetch sends on the rest.
    pub is_unfinished: bool,
}

/// Says why deliveries that wait were not sent on. They stay in quarantine.
#[derive(Debug, thiserror::Error)]
pub enum SendOnError {
    /// The quarantine could not be listed.
    #[error(transparent)]
    List(#[from] AwsError),
    /// An object of the quarantine could not be read, or its note not be written.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The deliveries queue did not take it.
    #[error(transparent)]
    Send(#[from] SendError),
}

impl Waiting {
    /// Sends on what waits in these folders, oldest first in each, for as long as `patience` lasts.
    ///
    /// Each delivery is noted before it is sent: two that do this at a time send it once. The object stays until
    /// verify-and-store has written the delivery's new place.
    ///
    /// # Errors
    ///
    /// The first [`SendOnError`], after all others were tried: one that cannot be sent holds up none behind it.
    pub async fn send_on(
        &self,
        folders: impl IntoIterator<Item = Folder>,
        patience: Duration,
    ) -> Result<SentOn, SendOnError> {
        let end = tokio::time::Instant::now() + patience;
        let (mut done, mut failed) = (SentOn::default(), None);
        for folder in folders {
            let mut page = self.page(&folder, None).await?;
            while let Some(last) = page.last().cloned() {
                for waiting in &page {
                    if tokio::time::Instant::now() >= end {
                        done.is_unfinished = true;
                        return failed.map_or(Ok(done), Err);
                    }
                    match self.send(waiting).await {
                        Ok(is_sent) => done.sent += usize::from(is_sent),
                        Err(error) => failed = failed.or(Some(error)),
                    }
                }
                page = self.page(&folder, Some(&last)).await?;
            }
        }
        failed.map_or(Ok(done), Err)
    }

    /// Lists the folders in which lies what these keys may prove now.
    pub fn folders<'r>(&self, rows: impl IntoIterator<Item = &'r KeyRow>) -> Vec<Folder> {
        let now = self.clock.now();
        let folders = rows.into_iter().map(|row| folders_of(row, &self.pinned, now));
        folders.flatten().collect()
    }

    /// Tells whether anything lies in a folder.
    ///
    /// # Errors
    ///
    /// [`AwsError`] when the quarantine cannot be listed.
    pub async fn has(&self, folder: &Folder) -> Result<bool, AwsError> {
        Ok(!self.page(folder, None).await?.is_empty())
    }

    /// Lists the next that are meant of a folder, oldest first.
    async fn page(&self, folder: &Folder, after: Option<&Quarantined>) -> Result<Vec<Quarantined>, AwsError> {
        let mut page = self
            .archive
            .waiting_for(folder.reason, &folder.key_id, after)
            .await?;
        page.retain(|waiting| folder.until.is_none_or(|until| waiting.received_at() < until));
        Ok(page)
    }

    /// Sends one on; `false` where it is on its way already, or gone.
    async fn send(&self, waiting: &Quarantined) -> Result<bool, SendOnError> {
        let now = self.clock.now();
        let Some(delivery) = self.archive.note_sending(waiting, now).await? else {
            return Ok(false);
        };
        if let Err(error) = self.queue.send_on(&delivery.envelope, waiting).await {
            // Where this fails too, it counts as on its way for an hour, and is sent after that.
            self.archive.forget_sending(waiting, now).await?;
            return Err(error.into());
        }
        tokio::time::sleep(PAUSE).await;
        Ok(true)
    }
}
