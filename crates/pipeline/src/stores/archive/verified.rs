//! Verified deliveries: kept, found, and listed in the order of receipt.

use std::ops::Range;

use aws_sdk_s3::Client;
use jiff::Timestamp;
use upvest::signature::Freshness;
use uuid::Uuid;

use super::layout::{DeliveryKey, VERIFIED_PREFIX, hour, received_at, verified_at, verified_key};
use super::{Archive, ArchivedDelivery, Condition, Found, LIST, Proof, ReadError};
use crate::envelope::Envelope;
use crate::error::AwsError;

/// Lists the keys under `verified/` that a range of time holds, in the order of receipt, a page at a time.
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
    /// Keeps a verified delivery, with a note where its signature was out of its time, and its flags. Tells whether it is
    /// new; one that is there already stays as it is.
    ///
    /// # Errors
    ///
    /// [`AwsError`] when it is not known to be kept.
    pub async fn keep(&self, envelope: &Envelope, proof: &Proof<'_>) -> Result<bool, AwsError> {
        let out_of_time = (proof.freshness != Freshness::Fresh).then(|| proof.freshness.as_str().to_owned());
        let delivery = ArchivedDelivery {
            out_of_time,
            thumbprint: proof.thumbprint.map(str::to_owned),
            dialect: Some(proof.dialect),
            public_url: proof.origin.cloned(),
            flags: proof.flags.iter().map(|flag| (*flag).to_owned()).collect(),
            ..ArchivedDelivery::of(envelope, Some(proof.key_id))
        };
        // One that is there already was written by an earlier attempt at the same delivery.
        self.put(&verified_key(envelope), &delivery, Condition::Absent)
            .await
    }

    /// Reads the verified delivery of this id; `None` when there is none, or when the id tells no time of receipt.
    ///
    /// # Errors
    ///
    /// [`ReadError`] when that cannot be found out.
    pub async fn verified(&self, delivery_id: Uuid) -> Result<Option<Found>, ReadError> {
        match received_at(delivery_id) {
            Some(at) => self.get(verified_at(at, delivery_id)).await,
            None => Ok(None),
        }
    }

    /// Tells whether the archive has the delivery as verified, without reading it.
    ///
    /// # Errors
    ///
    /// [`AwsError`] when that cannot be found out.
    pub async fn is_verified(&self, envelope: &Envelope) -> Result<bool, AwsError> {
        let request = self.client.head_object().bucket(&self.verified);
        match request.key(verified_key(envelope)).send().await {
            Ok(_) => Ok(true),
            Err(error) if error.as_service_error().is_some_and(|error| error.is_not_found()) => Ok(false),
            Err(error) => Err(AwsError::of("HeadObject of the archive")(error)),
        }
    }

    /// Tells whether the archive lists the delivery as verified, which needs no permission to read it.
    ///
    /// # Errors
    ///
    /// [`AwsError`] when that cannot be found out.
    pub async fn lists_verified(&self, envelope: &Envelope) -> Result<bool, AwsError> {
        let list = self.list(verified_key(envelope)).max_keys(1).send().await;
        Ok(!list.map_err(AwsError::of(LIST))?.contents().is_empty())
    }

    /// Lists the verified deliveries received in a range of time, after the key `after` if one is named: all whose receipt, by
    /// the key, may be in the range, to the millisecond. What lies among them and is no delivery's key is listed too.
    #[must_use]
    pub fn verified_between(&self, received: Range<Timestamp>, after: Option<&str>) -> VerifiedKeys {
        let hour = format!("{VERIFIED_PREFIX}{}/", hour(received.start));
        VerifiedKeys {
            client: self.client.clone(),
            bucket: self.verified.clone(),
            start_after: after.map_or(hour, str::to_owned),
            is_done: received.is_empty(),
            received,
        }
    }
}

impl VerifiedKeys {
    /// Lists the next keys, up to 1000; `None` after the last ones.
    ///
    /// # Errors
    ///
    /// [`AwsError`] when the bucket cannot be listed. The same keys can be asked for again.
    pub async fn next(&mut self) -> Result<Option<Vec<String>>, AwsError> {
        while !self.is_done {
            let list = self.client.list_objects_v2().bucket(&self.bucket);
            let list = list.prefix(VERIFIED_PREFIX).start_after(&self.start_after);
            let page = list.send().await;
            let page = page.map_err(AwsError::of(LIST))?;
            let listed = page.contents().iter().filter_map(|object| object.key());
            let end = self.end();
            let within: Vec<String> = listed.take_while(|key| **key < *end).map(str::to_owned).collect();
            // A key beyond the range ends the listing, even on a page that is not the last.
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

    /// Makes what is greater than every key of the last hour: `0` follows `/`.
    fn end(&self) -> String {
        format!("{VERIFIED_PREFIX}{}0", hour(self.received.end))
    }

    fn may_hold(&self, key: &str) -> bool {
        // Of the time of receipt, the id has no more than the milliseconds.
        key.parse::<DeliveryKey>().ok().is_none_or(|key| {
            let milliseconds = key.received_at.as_millisecond();
            (self.received.start.as_millisecond()..=self.received.end.as_millisecond())
                .contains(&milliseconds)
        })
    }
}
