//! Choosing from what is in quarantine.

use std::fmt;

use futures_util::future::try_join_all;
use jiff::Timestamp;
use pipeline::stores::archive::{Archive, ArchivedDelivery, Quarantined};
use serde::Serialize;
use uuid::Uuid;

use crate::error::{Error, Result};
use crate::names::{instead, quarantine_reasons};
use crate::times::When;

/// Limits the objects that are read at the same time. Each is held in memory, with a body of up to 6 MiB.
const AT_A_TIME: usize = 8;

/// Says which deliveries in quarantine are meant. It serialises as the audit table has it.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Selection {
    /// Selects these deliveries; all where none is named.
    #[serde(skip)]
    pub ids: Vec<Uuid>,
    /// Selects what is there for one of these reasons; for any where none is named.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub because: Vec<String>,
    /// Takes what was received at this time or later; `None` sets no beginning.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<When>,
    /// Takes what was received before this time; `None` sets no end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<When>,
    /// Selects what is signed with this key by its own account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_id: Option<String>,
}

impl fmt::Display for Selection {
    /// Writes what comes after `deliveries in quarantine`: nothing where all are meant.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.ids.is_empty() {
            f.write_str(" of the ids that you named")?;
        }
        if !self.because.is_empty() {
            write!(f, " because {}", self.because.join(" or "))?;
        }
        if let Some(since) = self.since {
            write!(f, " since {since}")?;
        }
        if let Some(until) = self.until {
            write!(f, " until {until}")?;
        }
        match &self.key_id {
            Some(key_id) => write!(f, " signed with {key_id}"),
            None => Ok(()),
        }
    }
}

impl Selection {
    /// Tells whether nothing narrows it, so that it means the whole quarantine.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let filters_nothing = self.because.is_empty() && self.since.is_none() && self.until.is_none();
        self.ids.is_empty() && filters_nothing && self.key_id.is_none()
    }

    /// Shows what is chosen to `visit`, in the order of receipt. Ends where `visit` says `false`.
    ///
    /// # Errors
    ///
    /// [`Error`] when the quarantine cannot be read, or `visit` fails.
    pub async fn each(
        &self,
        archive: &Archive,
        now: Timestamp,
        mut visit: impl AsyncFnMut(Quarantined, ArchivedDelivery) -> Result<bool>,
    ) -> Result<()> {
        let candidates = self.candidates(archive, now).await?;
        // The key's id is within the object, so that each candidate has to be read.
        for some in candidates.chunks(AT_A_TIME) {
            let read = try_join_all(some.iter().map(|quarantined| read(archive, quarantined))).await?;
            for (quarantined, delivery) in some.iter().zip(read) {
                // It may be gone since the bucket was listed.
                let Some(delivery) = delivery else { continue };
                let is_meant = self.key_id.is_none() || self.key_id == delivery.key_id;
                if is_meant && !visit(quarantined.clone(), delivery).await? {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Refuses reasons for which nothing can be there: a typing error would else look like an empty quarantine. What
    /// another version of the receiver put there is told by the bucket.
    async fn check_reasons(&self, archive: &Archive) -> Result<()> {
        let unknown = |reason: &&String| !quarantine_reasons().any(|known| known == *reason);
        let unknown: Vec<&String> = self.because.iter().filter(unknown).collect();
        if unknown.is_empty() {
            return Ok(());
        }
        let there = archive.reasons().await?;
        let Some(reason) = unknown.into_iter().find(|reason| !there.contains(reason)) else {
            return Ok(());
        };
        let mut known: Vec<&str> = there.iter().map(String::as_str).collect();
        quarantine_reasons().for_each(|reason| known.push(reason));
        let instead = instead(reason, known);
        Err(Error::usage(format!(
            "{reason} is no reason to be in quarantine: {instead}"
        )))
    }

    async fn candidates(&self, archive: &Archive, now: Timestamp) -> Result<Vec<Quarantined>> {
        self.check_reasons(archive).await?;
        let since = self.since.map(|since| since.instant(now));
        let mut candidates = Vec::new();
        if self.ids.is_empty() {
            candidates = archive.list_quarantine(&self.because, since).await?;
        }
        for id in &self.ids {
            candidates.extend(archive.quarantined_parts(*id).await?);
        }
        candidates.retain(|quarantined| self.takes(quarantined, now));
        Ok(candidates)
    }

    fn takes(&self, quarantined: &Quarantined, now: Timestamp) -> bool {
        let at = quarantined.received_at();
        (self.because.is_empty() || self.because.iter().any(|reason| reason == quarantined.reason()))
            && self.since.is_none_or(|since| at >= since.instant(now))
            && self.until.is_none_or(|until| at < until.instant(now))
    }
}

/// Reads an object of the quarantine; `None` when it is gone.
///
/// # Errors
///
/// [`Error`] naming the object.
pub async fn read(archive: &Archive, quarantined: &Quarantined) -> Result<Option<ArchivedDelivery>> {
    let read = archive.read(quarantined).await;
    read.map_err(Error::context(format!("{} cannot be read", quarantined.key())))
}
