//! Listing the verified deliveries of a range of time.

use std::ops::Range;

use aws_sdk_s3::Client;
use jiff::Timestamp;
use uuid::Uuid;

use super::{Archive, hour, received_at};
use crate::error::AwsError;

const VERIFIED: &str = "verified/";

/// The keys under `verified/` that a range of time holds, in the order of receipt.
///
/// Keys begin with the hour, and ids of deliveries with the millisecond of receipt, so that the order of the keys is the
/// order of receipt, and a listing needs no more requests than there are pages of keys.
#[derive(Debug)]
pub struct VerifiedKeys {
    client: Client,
    bucket: String,
    received: Range<Timestamp>,
    start_after: String,
    is_done: bool,
}

impl Archive {
    /// The verified deliveries received in a range of time, after the key `after` if one is named: all whose receipt, by
    /// the key, may be in the range, to the millisecond. What lies among them and is no delivery's key is listed too.
    #[must_use]
    pub fn verified_between(&self, received: Range<Timestamp>, after: Option<&str>) -> VerifiedKeys {
        let hour = format!("{VERIFIED}{}/", hour(received.start));
        VerifiedKeys {
            client: self.client.clone(),
            bucket: self.bucket.clone(),
            start_after: after.map_or(hour, str::to_owned),
            is_done: received.is_empty(),
            received,
        }
    }
}

impl VerifiedKeys {
    /// The next keys, up to 1000; `None` after the last ones.
    ///
    /// # Errors
    ///
    /// [`AwsError`] when the bucket cannot be listed. The same keys can be asked for again.
    pub async fn next(&mut self) -> Result<Option<Vec<String>>, AwsError> {
        while !self.is_done {
            let list = self.client.list_objects_v2().bucket(&self.bucket);
            let list = list.prefix(VERIFIED).start_after(&self.start_after);
            let page = list.send().await;
            let page = page.map_err(AwsError::of("ListObjectsV2 of the archive"))?;
            let listed = page.contents().iter().filter_map(|object| object.key());
            let end = self.end();
            let within: Vec<String> = listed.take_while(|key| **key < *end).map(str::to_owned).collect();
            self.is_done = page.is_truncated() != Some(true) || within.len() < page.contents().len();
            if let Some(last) = within.last() {
                self.start_after.clone_from(last);
            }
            let keys: Vec<String> = within.into_iter().filter(|key| self.may_hold(key)).collect();
            if !keys.is_empty() {
                return Ok(Some(keys));
            }
        }
        Ok(None)
    }

    /// What is greater than every key of the last hour: `0` follows `/`.
    fn end(&self) -> String {
        format!("{VERIFIED}{}0", hour(self.received.end))
    }

    fn may_hold(&self, key: &str) -> bool {
        let id = key.rsplit('/').next().and_then(|id| id.parse::<Uuid>().ok());
        // Of the time of receipt, the id has no more than the milliseconds.
        id.and_then(received_at).is_none_or(|at| {
            let milliseconds = at.as_millisecond();
            (self.received.start.as_millisecond()..=self.received.end.as_millisecond())
                .contains(&milliseconds)
        })
    }
}
