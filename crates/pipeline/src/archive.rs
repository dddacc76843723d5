//! The archive bucket: the signed bytes of every verified delivery, for good, and what went to quarantine.

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use upvest::signature::Freshness;
use uuid::Uuid;

use crate::envelope::Envelope;
use crate::error::AwsError;

const QUARANTINE: &str = "quarantine/";

/// The archive.
#[derive(Debug, Clone)]
pub struct Archive {
    client: Client,
    bucket: String,
}

/// A delivery as the archive keeps it: all that is needed to verify its signature again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArchivedDelivery {
    /// The delivery but for its body.
    #[serde(flatten)]
    pub envelope: Envelope,
    /// The key whose signature holds, or by which the sender claims to have signed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_id: Option<String>,
    /// That its signature was out of its time on receipt: `expired` or `not-yet-valid`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub out_of_time: Option<String>,
    /// Why it, or a part of it, is in quarantine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The places in the batch of the events that are in quarantine; all of them where there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<usize>,
    /// The raw body, if it is UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    /// The raw body in base64, if it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    body_base64: Option<String>,
}

/// A delivery that was found in the archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The object's key.
    pub key: String,
    /// What it holds.
    pub delivery: ArchivedDelivery,
}

/// Why a delivery cannot be read. Absence is no error.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The bucket could not be read.
    #[error(transparent)]
    Aws(#[from] AwsError),
    /// The object is not a delivery.
    #[error(transparent)]
    NotArchived(#[from] NotArchived),
}

/// A text that is not an archived delivery.
#[derive(Debug, thiserror::Error)]
pub enum NotArchived {
    /// It is not the JSON that the archive writes.
    #[error("object is not an archived delivery")]
    Json(#[from] serde_json::Error),
    /// Its body is not base64.
    #[error("archived body is not base64")]
    Body(#[from] base64::DecodeError),
}

impl ArchivedDelivery {
    /// A delivery as it is to be kept.
    #[must_use]
    pub fn of(envelope: &Envelope, key_id: Option<&str>) -> Self {
        let body = String::from_utf8(envelope.body.clone());
        let body_base64 = body.is_err().then(|| STANDARD.encode(&envelope.body));
        Self {
            envelope: Envelope {
                body: Vec::new(),
                ..envelope.clone()
            },
            key_id: key_id.map(str::to_owned),
            out_of_time: None,
            reason: None,
            events: Vec::new(),
            body: body.ok(),
            body_base64,
        }
    }

    /// Reads an object of the archive back, with the body where it belongs.
    ///
    /// # Errors
    ///
    /// [`NotArchived`] when it is none.
    pub fn parse(json: &[u8]) -> Result<Self, NotArchived> {
        let mut archived: Self = serde_json::from_slice(json)?;
        archived.envelope.body = match (archived.body.take(), archived.body_base64.take()) {
            (Some(text), _) => text.into_bytes(),
            (None, Some(base64)) => STANDARD.decode(base64)?,
            (None, None) => Vec::new(),
        };
        Ok(archived)
    }
}

/// The key of a verified delivery: `verified/<yyyy>/<mm>/<dd>/<hh>/<delivery id>`.
#[must_use]
pub fn verified_key(envelope: &Envelope) -> String {
    verified_at(envelope.received_at, envelope.delivery_id)
}

fn verified_at(at: Timestamp, delivery_id: Uuid) -> String {
    format!("verified/{}/{delivery_id}", hour(at))
}

/// The key in quarantine: `quarantine/<reason>/<yyyy>/<mm>/<dd>/<hh>/<delivery id>`.
#[must_use]
pub fn quarantine_key(reason: &str, envelope: &Envelope) -> String {
    quarantined_at(reason, envelope.received_at, envelope.delivery_id)
}

fn quarantined_at(reason: &str, at: Timestamp, delivery_id: Uuid) -> String {
    format!("{QUARANTINE}{reason}/{}/{delivery_id}", hour(at))
}

/// When a delivery was received, which its id tells to the millisecond.
pub(crate) fn received_at(delivery_id: Uuid) -> Option<Timestamp> {
    let (seconds, nanoseconds) = delivery_id.get_timestamp()?.to_unix();
    Timestamp::new(seconds.try_into().ok()?, nanoseconds.try_into().ok()?).ok()
}

fn hour(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC).strftime("%Y/%m/%d/%H").to_string()
}

impl Archive {
    /// The archive in the bucket `bucket`.
    #[must_use]
    pub fn new(client: Client, bucket: String) -> Self {
        Self { client, bucket }
    }

    /// Keeps a verified delivery, with a flag where its signature was out of its time.
    ///
    /// # Errors
    ///
    /// [`AwsError`] when it is not known to be kept.
    pub async fn keep(
        &self,
        envelope: &Envelope,
        key_id: &str,
        freshness: Freshness,
    ) -> Result<(), AwsError> {
        let out_of_time = (freshness != Freshness::Fresh).then(|| freshness.as_str().to_owned());
        let delivery = ArchivedDelivery {
            out_of_time,
            ..ArchivedDelivery::of(envelope, Some(key_id))
        };
        self.put(verified_key(envelope), &delivery).await
    }

    /// Puts a delivery, or the events of it at the places `events`, into quarantine.
    ///
    /// # Errors
    ///
    /// [`AwsError`] when it is not known to be there.
    pub async fn quarantine(
        &self,
        envelope: &Envelope,
        key_id: Option<&str>,
        reason: &'static str,
        events: Vec<usize>,
    ) -> Result<(), AwsError> {
        let delivery = ArchivedDelivery {
            reason: Some(reason.to_owned()),
            events,
            ..ArchivedDelivery::of(envelope, key_id)
        };
        self.put(quarantine_key(reason, envelope), &delivery).await
    }

    /// The verified delivery of this id.
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

    /// The delivery of this id in quarantine, for whatever reason: the whole, or the events of it that are there.
    ///
    /// # Errors
    ///
    /// [`ReadError`] when that cannot be found out.
    pub async fn quarantined(&self, delivery_id: Uuid) -> Result<Option<Found>, ReadError> {
        let Some(at) = received_at(delivery_id) else {
            return Ok(None);
        };
        for reason in self.reasons().await? {
            if let Some(found) = self.get(quarantined_at(&reason, at, delivery_id)).await? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// The reasons for which anything is in quarantine.
    async fn reasons(&self) -> Result<Vec<String>, AwsError> {
        let list = self.client.list_objects_v2().bucket(&self.bucket);
        let mut pages = list.prefix(QUARANTINE).delimiter("/").into_paginator().send();
        let mut reasons = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(AwsError::of("ListObjectsV2 of the archive"))?;
            let folders = page.common_prefixes().iter().filter_map(|folder| folder.prefix());
            let names = folders.filter_map(|folder| folder.strip_prefix(QUARANTINE)?.strip_suffix('/'));
            reasons.extend(names.map(str::to_owned));
        }
        Ok(reasons)
    }

    async fn get(&self, key: String) -> Result<Option<Found>, ReadError> {
        const CALL: &str = "GetObject of the archive";
        let request = self.client.get_object().bucket(&self.bucket).key(&key);
        let object = match request.send().await {
            Ok(object) => object,
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|error| error.is_no_such_key()) =>
            {
                return Ok(None);
            }
            Err(error) => return Err(AwsError::of(CALL)(error).into()),
        };
        let body = object.body.collect().await.map_err(AwsError::of(CALL))?;
        let delivery = ArchivedDelivery::parse(&body.into_bytes())?;
        Ok(Some(Found { key, delivery }))
    }

    /// Writes an object once. One that is there already was written by an earlier attempt at the same delivery.
    async fn put(&self, key: String, delivery: &ArchivedDelivery) -> Result<(), AwsError> {
        const CALL: &str = "PutObject to the archive";
        let json = serde_json::to_vec(delivery).map_err(AwsError::of(CALL))?;
        let request = self
            .client
            .put_object()
            .bucket(&self.bucket)
            .key(key)
            .if_none_match("*");
        let put = request
            .content_type("application/json")
            .body(ByteStream::from(json))
            .send()
            .await;
        match put {
            Ok(_) => Ok(()),
            Err(error)
                if error
                    .raw_response()
                    .is_some_and(|answer| answer.status().as_u16() == 412) =>
            {
                Ok(())
            }
            Err(error) => Err(AwsError::of(CALL)(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::envelope::Request;

    #[test]
    fn an_archived_delivery_comes_back_byte_for_byte() {
        for body in [&b"{\"payload\":[]}"[..], b"", b"\0\xff"] {
            let envelope = Envelope {
                delivery_id: "0192f0c1-2b3c-7def-8123-456789abcdef".parse().unwrap(),
                received_at: "2026-11-21T09:59:59.999Z".parse().unwrap(),
                request: Request {
                    method: "POST".to_owned(),
                    path: "/webhooks/upvest".to_owned(),
                    query: None,
                    source_address: Some("34.90.198.99".to_owned()),
                    headers: [("digest", "SHA-256=x")].into_iter().collect(),
                },
                body: body.to_vec(),
            };
            let json = serde_json::to_vec(&ArchivedDelivery::of(&envelope, Some("k"))).unwrap();
            let archived = ArchivedDelivery::parse(&json).unwrap();
            assert_eq!(archived.envelope, envelope);
            assert_eq!(archived.key_id.as_deref(), Some("k"));
            assert_eq!(
                verified_key(&envelope),
                "verified/2026/11/21/09/0192f0c1-2b3c-7def-8123-456789abcdef"
            );
        }
    }

    #[test]
    fn the_id_of_a_delivery_tells_when_it_was_received() {
        let at = received_at("019b76da-a87b-7def-8123-456789abcdef".parse().unwrap()).unwrap();
        assert_eq!(at.as_millisecond(), 0x019b_76da_a87b);
        assert_eq!(received_at(Uuid::nil()), None);
    }
}
