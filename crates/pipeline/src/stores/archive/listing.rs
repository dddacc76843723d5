//! What was received in a range of time, be it verified or in quarantine.

use std::ops::RangeInclusive;

use jiff::Timestamp;

use super::layout::{DeliveryKey, Section, VERIFIED_PREFIX, first_id, hours};
use super::{Archive, LIST};
use crate::error::AwsError;

impl Archive {
    /// Lists the deliveries in a section that were received within the range, in the order of their receipt; but for those that
    /// wait for a key, whose folders are as many as strangers invent.
    ///
    /// # Errors
    ///
    /// [`AwsError`] when the bucket cannot be listed.
    pub async fn received(
        &self,
        section: Section,
        range: &RangeInclusive<Timestamp>,
    ) -> Result<Vec<DeliveryKey>, AwsError> {
        let folders = match section {
            Section::Verified => vec![VERIFIED_PREFIX.to_owned()],
            Section::Quarantine => {
                let mut folders = Vec::new();
                for reason in self.reasons().await? {
                    folders.extend(self.folders(&reason).await?.unwrap_or_default());
                }
                folders
            }
        };
        let mut found = Vec::new();
        for folder in folders {
            for hour in hours(range) {
                found.extend(self.of_hour(&format!("{folder}{hour}/"), range).await?);
            }
        }
        // The folders of several reasons each have their own order.
        found.sort_unstable();
        Ok(found)
    }

    /// Lists the deliveries below a prefix of one hour that were received within the range.
    async fn of_hour(
        &self,
        prefix: &str,
        range: &RangeInclusive<Timestamp>,
    ) -> Result<Vec<DeliveryKey>, AwsError> {
        // Ids begin with the time, so that what was received before need not be listed.
        let list = self
            .list(prefix)
            .start_after(format!("{prefix}{}", first_id(*range.start())));
        let mut pages = list.into_paginator().send();
        let mut found = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(AwsError::of(LIST))?;
            let keys = page
                .contents()
                .iter()
                // What is no delivery's key was put there by somebody else.
                .filter_map(|object| object.key()?.parse().ok());
            for key in keys {
                let key: DeliveryKey = key;
                // The listing is ordered by key, which is by time.
                if key.received_at > *range.end() {
                    return Ok(found);
                }
                found.push(key);
            }
        }
        Ok(found)
    }
}
