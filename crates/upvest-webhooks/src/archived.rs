//! Looking through the archive by time: which deliveries are there, and when they were received.

use std::str::FromStr;

use aws_sdk_s3::Client;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use pipeline::error::AwsError;
use uuid::Uuid;

use crate::stack::Stack;

const VERIFIED: &str = "verified/";
const QUARANTINE: &str = "quarantine/";
const LIST: &str = "ListObjectsV2 of the archive";

/// A client for the stack's buckets.
pub(crate) fn s3(stack: &Stack) -> Client {
    // Local emulators know buckets by path alone.
    let config = aws_sdk_s3::config::Builder::from(stack.config())
        .force_path_style(stack.config().endpoint_url().is_some());
    Client::from_conf(config.build())
}

/// A stretch of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Range {
    /// Its first instant.
    pub(crate) from: Timestamp,
    /// Its last instant.
    pub(crate) to: Timestamp,
}

/// Which deliveries are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shelf {
    /// Those whose signature holds.
    Verified,
    /// Those in quarantine, in whole or in part.
    Quarantine,
}

/// An object of the archive, by its key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ObjectKey {
    /// When the delivery was received, to the millisecond: its id tells.
    pub(crate) received_at: Timestamp,
    /// The delivery.
    pub(crate) delivery_id: Uuid,
    /// The whole key.
    pub(crate) key: String,
}

/// A key that is not of a delivery.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NoDelivery;

impl FromStr for ObjectKey {
    type Err = NoDelivery;

    fn from_str(key: &str) -> Result<Self, NoDelivery> {
        let id = key.rsplit('/').next().unwrap_or_default();
        let delivery_id: Uuid = id.parse().map_err(|_| NoDelivery)?;
        let (seconds, nanoseconds) = delivery_id.get_timestamp().ok_or(NoDelivery)?.to_unix();
        let seconds = i64::try_from(seconds).map_err(|_| NoDelivery)?;
        let nanoseconds = i32::try_from(nanoseconds).map_err(|_| NoDelivery)?;
        Ok(Self {
            received_at: Timestamp::new(seconds, nanoseconds).map_err(|_| NoDelivery)?,
            delivery_id,
            key: key.to_owned(),
        })
    }
}

/// The keys of the deliveries on a shelf that were received within the range, in the order of their receipt.
///
/// # Errors
///
/// [`AwsError`] when the bucket cannot be listed.
pub(crate) async fn deliveries(
    client: &Client,
    bucket: &str,
    shelf: Shelf,
    range: Range,
) -> Result<Vec<ObjectKey>, AwsError> {
    let folders = match shelf {
        Shelf::Verified => vec![VERIFIED.to_owned()],
        Shelf::Quarantine => folders(client, bucket, QUARANTINE).await?,
    };
    let mut found = Vec::new();
    for folder in folders {
        for hour in hours(range) {
            list(client, bucket, &format!("{folder}{hour}/"), range, &mut found).await?;
        }
    }
    found.sort_unstable();
    Ok(found)
}

async fn folders(client: &Client, bucket: &str, prefix: &str) -> Result<Vec<String>, AwsError> {
    let list = client
        .list_objects_v2()
        .bucket(bucket)
        .prefix(prefix)
        .delimiter("/");
    let mut pages = list.into_paginator().send();
    let mut folders = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(AwsError::of(LIST))?;
        let names = page.common_prefixes().iter().filter_map(|folder| folder.prefix());
        folders.extend(names.map(str::to_owned));
    }
    Ok(folders)
}

async fn list(
    client: &Client,
    bucket: &str,
    prefix: &str,
    range: Range,
    found: &mut Vec<ObjectKey>,
) -> Result<(), AwsError> {
    let list = client.list_objects_v2().bucket(bucket).prefix(prefix);
    // Ids begin with the time, so that what was received before need not be listed.
    let list = list.start_after(format!("{prefix}{}", first_id(range.from)));
    let mut pages = list.into_paginator().send();
    while let Some(page) = pages.next().await {
        let page = page.map_err(AwsError::of(LIST))?;
        let keys = page
            .contents()
            .iter()
            .filter_map(|object| object.key()?.parse().ok());
        for key in keys {
            let key: ObjectKey = key;
            // The listing is ordered by key, which is by time.
            if key.received_at > range.to {
                return Ok(());
            }
            found.push(key);
        }
    }
    Ok(())
}

/// What the ids of deliveries received from then on are greater than: their first 48 bits are milliseconds.
fn first_id(from: Timestamp) -> String {
    let milliseconds = u64::try_from(from.as_millisecond()).unwrap_or_default();
    let digits = format!("{milliseconds:012x}");
    format!("{}-{}", &digits[..8], &digits[8..])
}

/// The folders of the hours that a range touches.
fn hours(range: Range) -> Vec<String> {
    const HOUR: i64 = 3600;
    let first = range.from.as_second().div_euclid(HOUR);
    let last = range.to.as_second().div_euclid(HOUR);
    let folder = |hour: i64| {
        let start = Timestamp::from_second(hour * HOUR).ok()?;
        Some(start.to_zoned(TimeZone::UTC).strftime("%Y/%m/%d/%H").to_string())
    };
    (first..=last).filter_map(folder).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_range_touches_the_hours_that_it_begins_and_ends_in() {
        let range = |from, to| Range {
            from: at(from),
            to: at(to),
        };
        assert_eq!(
            hours(range("2026-02-28T22:59:59.9Z", "2026-03-01T00:00:00Z")),
            ["2026/02/28/22", "2026/02/28/23", "2026/03/01/00"]
        );
        assert_eq!(
            hours(range("2026-02-28T22:00:00Z", "2026-02-28T22:00:00Z")),
            ["2026/02/28/22"]
        );
        assert!(hours(range("2026-02-28T23:00:00Z", "2026-02-28T22:00:00Z")).is_empty());
    }

    #[test]
    fn an_id_of_the_first_millisecond_of_a_range_comes_after_its_beginning() {
        let id = "019b76da-a87b-7def-8123-456789abcdef";
        let key: ObjectKey = format!("verified/2026/01/01/00/{id}").parse().unwrap();
        assert!(first_id(key.received_at).as_str() < id);
        let later = key.received_at + Duration::from_millis(1);
        assert!(first_id(later).as_str() > id);
    }

    #[test]
    fn a_key_that_is_not_of_a_delivery_is_left_aside() {
        for key in [
            "verified/readme.txt",
            "",
            "verified/00000000-0000-0000-0000-000000000000",
        ] {
            assert_eq!(key.parse::<ObjectKey>(), Err(NoDelivery), "{key}");
        }
    }
}
