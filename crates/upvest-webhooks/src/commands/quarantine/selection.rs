//! Choosing from what is in quarantine.

use clap::Args;
use futures_util::future::try_join_all;
use jiff::Timestamp;
use pipeline::error::AwsError;
use pipeline::stores::archive::{Archive, ArchivedDelivery, Quarantined, ReadError};
use serde::Serialize;
use uuid::Uuid;

use crate::times::When;

/// How many objects are read at a time.
const AT_A_TIME: usize = 8;

/// What of the quarantine is meant.
#[derive(Debug, Clone, Default, Args, Serialize)]
pub(crate) struct Selection {
    /// Only what is there for this reason, as `quarantine list` names it, such as bad-signature; may be repeated
    #[arg(long, value_name = "QUARANTINE_REASON")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) because: Vec<String>,
    /// Only what was received since then: a time, a day (UTC), or an age like 36h
    #[arg(long, value_name = "TIME")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) since: Option<When>,
    /// Only what was received before then; an age like 7d for what is older
    #[arg(long, value_name = "TIME")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) until: Option<When>,
    /// Only what claims to be signed with this key
    #[arg(long, value_name = "ID")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) key_id: Option<String>,
}

/// Why the quarantine cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SelectError {
    #[error(transparent)]
    Aws(#[from] AwsError),
    #[error("{key} cannot be read")]
    Read { key: String, source: ReadError },
}

impl SelectError {
    /// That this cannot be read.
    pub(crate) fn of(quarantined: &Quarantined, source: ReadError) -> Self {
        Self::Read {
            key: quarantined.key().to_owned(),
            source,
        }
    }
}

impl Selection {
    /// Whether it takes everything.
    pub(crate) fn is_empty(&self) -> bool {
        self.because.is_empty() && self.since.is_none() && self.until.is_none() && self.key_id.is_none()
    }

    /// Shows what is chosen to `visit`, in the order of receipt: of these deliveries, or of all where none is named.
    /// Ends where `visit` says `false`.
    ///
    /// # Errors
    ///
    /// [`SelectError`] when the quarantine cannot be read.
    pub(crate) async fn each(
        &self,
        archive: &Archive,
        ids: &[Uuid],
        now: Timestamp,
        mut visit: impl AsyncFnMut(Quarantined, ArchivedDelivery) -> Result<bool, SelectError>,
    ) -> Result<(), SelectError> {
        let candidates = self.candidates(archive, ids, now).await?;
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

    async fn candidates(
        &self,
        archive: &Archive,
        ids: &[Uuid],
        now: Timestamp,
    ) -> Result<Vec<Quarantined>, AwsError> {
        let mut candidates = Vec::new();
        let since = self.since.map(|since| since.instant(now));
        match ids {
            [] => candidates = archive.list_quarantine(&self.because, since).await?,
            _ => {
                for id in ids {
                    candidates.extend(archive.quarantined_parts(*id).await?);
                }
            }
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
/// [`SelectError::Read`] naming the object.
pub(crate) async fn read(
    archive: &Archive,
    quarantined: &Quarantined,
) -> Result<Option<ArchivedDelivery>, SelectError> {
    let read = archive.read(quarantined).await;
    read.map_err(|source| SelectError::of(quarantined, source))
}
