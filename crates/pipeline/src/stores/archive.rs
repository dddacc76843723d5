//! The archive bucket: the signed bytes of every verified delivery, for good, and what went to quarantine.

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use upvest::signature::Freshness;
use uuid::Uuid;

use crate::error::AwsError;
use crate::queues::envelope::Envelope;

mod sending;
mod verified;

pub use verified::VerifiedKeys;

const QUARANTINE: &str = "quarantine/";
const LIST: &str = "ListObjectsV2 of the archive";

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
    /// When an operator sent it on its way again. What verify-and-store puts into quarantine anew has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sent_at: Option<Timestamp>,
    /// The raw body, if it is UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    /// The raw body in base64, if it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    body_base64: Option<String>,
}

/// What must be true for an object to be written.
enum Condition {
    /// Nothing.
    None,
    /// It is not there.
    Absent,
    /// It is the one with this entity tag.
    Unchanged(String),
}

/// A delivery that was found in the archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The object's key.
    pub key: String,
    /// What it holds.
    pub delivery: ArchivedDelivery,
}

/// A delivery in quarantine, or some events of it, as the bucket lists it. One delivery may be there for several reasons.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quarantined {
    key: String,
    reason: String,
    delivery_id: Uuid,
    received_at: Timestamp,
    bytes: u64,
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
            sent_at: None,
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

impl Quarantined {
    /// Reads an object's key.
    fn parse(key: &str, bytes: u64) -> Option<Self> {
        let (reason, rest) = key.strip_prefix(QUARANTINE)?.split_once('/')?;
        let (hour, delivery_id) = rest.rsplit_once('/')?;
        let delivery_id = delivery_id.parse().ok()?;
        let received_at = received_at(delivery_id).or_else(|| beginning(hour))?;
        Some(Self {
            key: key.to_owned(),
            reason: reason.to_owned(),
            delivery_id,
            received_at,
            bytes,
        })
    }

    /// The object's key.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Why it is there.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// The delivery.
    #[must_use]
    pub fn delivery_id(&self) -> Uuid {
        self.delivery_id
    }

    /// When the delivery was received.
    #[must_use]
    pub fn received_at(&self) -> Timestamp {
        self.received_at
    }

    /// The size of the object.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
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
#[must_use]
pub fn received_at(delivery_id: Uuid) -> Option<Timestamp> {
    let (seconds, nanoseconds) = delivery_id.get_timestamp()?.to_unix();
    Timestamp::new(seconds.try_into().ok()?, nanoseconds.try_into().ok()?).ok()
}

fn hour(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC).strftime("%Y/%m/%d/%H").to_string()
}

/// The time at which an hour of a key begins.
fn beginning(hour: &str) -> Option<Timestamp> {
    let (date, hour) = hour.rsplit_once('/')?;
    format!("{}T{hour}:00:00Z", date.replace('/', "-")).parse().ok()
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
        // One that is there already was written by an earlier attempt at the same delivery.
        self.put(&verified_key(envelope), &delivery, Condition::Absent)
            .await?;
        Ok(())
    }

    /// Puts a delivery, or the events of it at the places `events`, into quarantine; over the object that is there
    /// already, whose note that it was sent again is then done with: this is what came of it.
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
        self.put(&quarantine_key(reason, envelope), &delivery, Condition::None)
            .await?;
        Ok(())
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

    /// The delivery under this key.
    ///
    /// # Errors
    ///
    /// [`ReadError`] when that cannot be found out, or the object is none.
    pub async fn object(&self, key: &str) -> Result<Option<Found>, ReadError> {
        self.get(key.to_owned()).await
    }

    /// The exact bytes of the event with this hash in the delivery under a key; `None` when either is not there.
    ///
    /// # Errors
    ///
    /// [`ReadError`] when that cannot be found out.
    pub async fn event(&self, key: &str, sha256: &str) -> Result<Option<String>, ReadError> {
        let Some(found) = self.object(key).await? else {
            return Ok(None);
        };
        let parts = upvest::delivery::split(&found.delivery.envelope.body).unwrap_or_default();
        let mut texts = parts.into_iter().map(|part| part.json);
        let wanted = texts.find(|json| hex::encode(Sha256::digest(json)) == sha256);
        Ok(wanted.map(str::to_owned))
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

    /// What is in quarantine for some reasons, or for any, and was received from `since` on; in the order of receipt.
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
            let prefix = format!("{QUARANTINE}{reason}/");
            let list = self.client.list_objects_v2().bucket(&self.bucket);
            let list = list.set_start_after(since.map(|since| format!("{prefix}{}", hour(since))));
            let mut pages = list.prefix(prefix).into_paginator().send();
            while let Some(page) = pages.next().await {
                let page = page.map_err(AwsError::of(LIST))?;
                let objects = page.contents().iter();
                listed.extend(objects.filter_map(|object| {
                    let bytes = object.size().and_then(|size| size.try_into().ok());
                    Quarantined::parse(object.key()?, bytes.unwrap_or_default())
                }));
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

    /// Everything in quarantine of one delivery.
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
            let list = self.client.list_objects_v2().bucket(&self.bucket);
            let list = list.prefix(quarantined_at(&reason, at, delivery_id)).send().await;
            let list = list.map_err(AwsError::of(LIST))?;
            let objects = list.contents().iter();
            parts.extend(objects.filter_map(|object| {
                let bytes = object.size().and_then(|size| size.try_into().ok());
                Quarantined::parse(object.key()?, bytes.unwrap_or_default())
            }));
        }
        Ok(parts)
    }

    /// What is in quarantine there; `None` when it is there no longer.
    ///
    /// # Errors
    ///
    /// [`ReadError`] when that cannot be found out.
    pub async fn read(&self, quarantined: &Quarantined) -> Result<Option<ArchivedDelivery>, ReadError> {
        let found = self.get(quarantined.key.clone()).await?;
        Ok(found.map(|found| found.delivery))
    }

    /// Takes something out of quarantine. The bucket keeps versions: the bytes stay behind a delete marker for as long as
    /// the bucket's rules say.
    ///
    /// # Errors
    ///
    /// [`AwsError`] when it is not known to be gone.
    pub async fn remove(&self, quarantined: &Quarantined) -> Result<(), AwsError> {
        let request = self.client.delete_object().bucket(&self.bucket);
        let removed = request.key(&quarantined.key).send().await;
        removed.map_err(AwsError::of("DeleteObject of the archive"))?;
        Ok(())
    }

    /// Whether the archive has the delivery as verified.
    ///
    /// # Errors
    ///
    /// [`AwsError`] when that cannot be found out.
    pub async fn is_verified(&self, envelope: &Envelope) -> Result<bool, AwsError> {
        let request = self.client.head_object().bucket(&self.bucket);
        match request.key(verified_key(envelope)).send().await {
            Ok(_) => Ok(true),
            Err(error) if error.as_service_error().is_some_and(|error| error.is_not_found()) => Ok(false),
            Err(error) => Err(AwsError::of("HeadObject of the archive")(error)),
        }
    }

    /// The reasons for which anything is in quarantine.
    async fn reasons(&self) -> Result<Vec<String>, AwsError> {
        let list = self.client.list_objects_v2().bucket(&self.bucket);
        let mut pages = list.prefix(QUARANTINE).delimiter("/").into_paginator().send();
        let mut reasons = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(AwsError::of(LIST))?;
            let folders = page.common_prefixes().iter().filter_map(|folder| folder.prefix());
            let names = folders.filter_map(|folder| folder.strip_prefix(QUARANTINE)?.strip_suffix('/'));
            reasons.extend(names.map(str::to_owned));
        }
        Ok(reasons)
    }

    async fn get(&self, key: String) -> Result<Option<Found>, ReadError> {
        let tagged = self.get_tagged(key).await?;
        Ok(tagged.map(|(found, _)| found))
    }

    /// An object, with its entity tag.
    async fn get_tagged(&self, key: String) -> Result<Option<(Found, String)>, ReadError> {
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
        let tag = object.e_tag.unwrap_or_default();
        let body = object.body.collect().await.map_err(AwsError::of(CALL))?;
        let delivery = ArchivedDelivery::parse(&body.into_bytes())?;
        Ok(Some((Found { key, delivery }, tag)))
    }

    /// Writes an object, and tells whether that was done: not where the condition does not hold.
    async fn put(
        &self,
        key: &str,
        delivery: &ArchivedDelivery,
        condition: Condition,
    ) -> Result<bool, AwsError> {
        const CALL: &str = "PutObject to the archive";
        let json = serde_json::to_vec(delivery).map_err(AwsError::of(CALL))?;
        let request = self.client.put_object().bucket(&self.bucket).key(key);
        let (request, refusals): (_, &[u16]) = match condition {
            Condition::None => (request, &[]),
            Condition::Absent => (request.if_none_match("*"), &[412]),
            // Gone, being changed, changed.
            Condition::Unchanged(tag) => (request.if_match(tag), &[404, 409, 412]),
        };
        let put = request
            .content_type("application/json")
            .body(ByteStream::from(json))
            .send()
            .await;
        match put {
            Ok(_) => Ok(true),
            Err(error)
                if error
                    .raw_response()
                    .is_some_and(|answer| refusals.contains(&answer.status().as_u16())) =>
            {
                Ok(false)
            }
            Err(error) => Err(AwsError::of(CALL)(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queues::envelope::Request;

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
    fn a_key_in_quarantine_tells_reason_delivery_and_time() {
        let id = "019b76da-a87b-7def-8123-456789abcdef";
        let at = |key: &str| Quarantined::parse(key, 7);
        let quarantined = at(&format!("quarantine/bad-signature/2026/01/01/00/{id}")).unwrap();
        assert_eq!(quarantined.reason(), "bad-signature");
        assert_eq!(quarantined.delivery_id().to_string(), id);
        assert_eq!(quarantined.received_at().as_millisecond(), 0x019b_76da_a87b);
        let without_time = at(&format!("quarantine/expired/2026/01/02/03/{}", Uuid::nil())).unwrap();
        assert_eq!(without_time.received_at().to_string(), "2026-01-02T03:00:00Z");
        for other in [
            format!("verified/2026/01/01/00/{id}"),
            format!("quarantine/{id}"),
            "quarantine/expired/2026/01/01/00/no-id".to_owned(),
        ] {
            assert_eq!(at(&other), None, "{other}");
        }
    }

    #[test]
    fn the_id_of_a_delivery_tells_when_it_was_received() {
        let at = received_at("019b76da-a87b-7def-8123-456789abcdef".parse().unwrap()).unwrap();
        assert_eq!(at.as_millisecond(), 0x019b_76da_a87b);
        assert_eq!(received_at(Uuid::nil()), None);
    }
}
