//! Looking for what is in quarantine: by reason and time, by delivery, and how much there is.

use std::collections::BTreeMap;

use jiff::Timestamp;
use uuid::Uuid;

use super::super::layout::{
    OF_A_KEY, QUARANTINE_PREFIX, UNKNOWN_KEY, hour, in_folder, reason_folder, received_at,
};
use super::super::{Archive, LIST};
use super::Quarantined;
use crate::error::AwsError;

impl Archive {
    /// Lists what is in quarantine for some reasons, or for any, and was received from `since` on; in the order of receipt.
    ///
    /// # Errors
    ///
    /// [`AwsError`] when the bucket cannot be read.
    pub async fn list_quarantine(
        &self,
        reasons: &[String],
        since: Option<Timestamp>,
    ) -> Result<Vec<Quarantined>, AwsError> {
        let all = match reasons {
            [] => self.reasons().await?,
            _ => reasons.to_vec(),
        };
        let mut listed = Vec::new();
        for reason in all {
            let folders = self.folders(&reason).await?;
            // A key begins with its hour. Within that hour earlier deliveries are listed too, and left out below.
            let since = since.filter(|_| folders.is_some());
            for folder in folders.unwrap_or_else(|| vec![reason_folder(&reason)]) {
                let start_after = since.map(|since| format!("{folder}{}", hour(since)));
                let list = self.list(folder).set_start_after(start_after);
                let mut pages = list.into_paginator().send();
                while let Some(page) = pages.next().await {
                    let page = page.map_err(AwsError::of(LIST))?;
                    listed.extend(page.contents().iter().filter_map(Quarantined::of));
                }
            }
        }
        listed.retain(|quarantined| since.is_none_or(|since| quarantined.received_at >= since));
        listed.sort_by(|one, other| {
            let order = |quarantined: &Quarantined| (quarantined.received_at, quarantined.delivery_id);
            order(one)
                .cmp(&order(other))
                .then_with(|| one.key.cmp(&other.key))
        });
        Ok(listed)
    }

    /// Lists all that is in quarantine of one delivery: it may be there for several reasons.
    ///
    /// # Errors
    ///
    /// [`AwsError`] when the bucket cannot be read.
    pub async fn quarantined_parts(&self, delivery_id: Uuid) -> Result<Vec<Quarantined>, AwsError> {
        let Some(at) = received_at(delivery_id) else {
            return Ok(Vec::new());
        };
        let mut parts = Vec::new();
        for reason in self.reasons().await? {
            let Some(folders) = self.folders(&reason).await? else {
                parts.extend(self.waiting(delivery_id).await?);
                continue;
            };
            for folder in folders {
                let list = self.list(in_folder(&folder, at, delivery_id));
                let list = list.send().await.map_err(AwsError::of(LIST))?;
                parts.extend(list.contents().iter().filter_map(Quarantined::of));
            }
        }
        Ok(parts)
    }

    /// Finds a delivery that waits for a key, whichever: all that wait are looked through.
    pub(super) async fn waiting(&self, delivery_id: Uuid) -> Result<Option<Quarantined>, AwsError> {
        let mut pages = self.list(reason_folder(UNKNOWN_KEY)).into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(AwsError::of(LIST))?;
            let mut listed = page.contents().iter().filter_map(Quarantined::of);
            if let Some(waiting) = listed.find(|waiting| waiting.delivery_id == delivery_id) {
                return Ok(Some(waiting));
            }
        }
        Ok(None)
    }

    /// Counts what is in quarantine by reason, up to about `most`: a whole quarantine may be long.
    ///
    /// # Errors
    ///
    /// [`AwsError`] when the bucket cannot be listed.
    pub async fn count_quarantine(&self, most: usize) -> Result<BTreeMap<String, usize>, AwsError> {
        let mut pages = self.list(QUARANTINE_PREFIX).into_paginator().send();
        let (mut by_reason, mut count) = (BTreeMap::new(), 0);
        while count < most
            && let Some(page) = pages.next().await
        {
            let page = page.map_err(AwsError::of(LIST))?;
            for object in page.contents() {
                let rest = object.key().and_then(|key| key.strip_prefix(QUARANTINE_PREFIX));
                let reason = rest.and_then(|rest| rest.split('/').next()).unwrap_or_default();
                *by_reason.entry(reason.to_owned()).or_default() += 1;
                count += 1;
            }
        }
        Ok(by_reason)
    }

    /// Lists the reasons for which anything is in quarantine.
    ///
    /// # Errors
    ///
    /// [`AwsError`] when the bucket cannot be listed.
    pub async fn reasons(&self) -> Result<Vec<String>, AwsError> {
        let folders = self.folders_below(QUARANTINE_PREFIX).await?;
        let names = folders
            .iter()
            .filter_map(|folder| folder.strip_prefix(QUARANTINE_PREFIX)?.strip_suffix('/'));
        Ok(names.map(str::to_owned).collect())
    }

    /// Lists the folders of a reason whose keys go on with the hour of receipt; `None` for those of unknown keys, which are as
    /// many as strangers invent. The others are of keys that the table has.
    pub(in crate::stores::archive) async fn folders(
        &self,
        reason: &str,
    ) -> Result<Option<Vec<String>>, AwsError> {
        let folder = reason_folder(reason);
        match reason {
            UNKNOWN_KEY => Ok(None),
            _ if OF_A_KEY.contains(&reason) => self.folders_below(&folder).await.map(Some),
            _ => Ok(Some(vec![folder])),
        }
    }

    async fn folders_below(&self, prefix: &str) -> Result<Vec<String>, AwsError> {
        let mut pages = self.list(prefix).delimiter("/").into_paginator().send();
        let mut folders = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(AwsError::of(LIST))?;
            let found = page.common_prefixes().iter();
            folders.extend(found.filter_map(|folder| folder.prefix().map(str::to_owned)));
        }
        Ok(folders)
    }
}
