//! Deliveries in quarantine: put there, listed, read and taken out.
//!
//! The reason is a part of the key. Who names it, for what:
//!
//! | In quarantine | Reason |
//! |---|---|
//! | a delivery whose signature or digest does not hold | [`VerifyError::reason`](upvest::signature::VerifyError::reason) |
//! | a proven delivery that is no batch of events | [`DeliveryError::reason`](upvest::delivery::DeliveryError::reason) |
//! | single events of a batch that cannot be understood | [`Element::quarantine_reason`](upvest::delivery::Element::quarantine_reason) |
//! | events that Upvest's keys may not report | `event-synthetic` |
//! | events of a subscription that is not ours, with a strict policy | [`FOREIGN`](upvest::subscription::FOREIGN) |

mod listing;

use aws_sdk_s3::types::Object;
use jiff::Timestamp;
use uuid::Uuid;

use super::delivery::Pointer;
use super::layout::{OF_A_KEY, QuarantineKey, UNKNOWN_KEY, in_folder, key_folder, received_at};
use super::{Archive, ArchivedDelivery, Condition, Found, LIST, PUT, ReadError, quarantine_key};
use crate::envelope::Envelope;
use crate::error::{AwsError, Kind};

/// Describes a delivery in quarantine, or some events of it, as the bucket lists it. One delivery may be there for
/// several reasons.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quarantined {
    key: String,
    reason: String,
    delivery_id: Uuid,
    received_at: Timestamp,
    bytes: u64,
}

impl Quarantined {
    fn of(object: &Object) -> Option<Self> {
        let key = object.key()?;
        let QuarantineKey {
            reason,
            delivery_id,
            received_at,
        } = QuarantineKey::parse(key)?;
        Some(Self {
            key: key.to_owned(),
            reason: reason.to_owned(),
            delivery_id,
            received_at,
            bytes: object
                .size()
                .and_then(|size| size.try_into().ok())
                .unwrap_or_default(),
        })
    }

    /// Gives the object's key, which holds reason, hour of receipt and delivery id.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Tells why it is there, such as `bad-signature`.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// Gives the id of the delivery, which may have objects for other reasons too.
    #[must_use]
    pub fn delivery_id(&self) -> Uuid {
        self.delivery_id
    }

    /// Tells when the delivery was received: to the millisecond by its id, else to the hour by the key.
    #[must_use]
    pub fn received_at(&self) -> Timestamp {
        self.received_at
    }

    /// Gives the size of the object, in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl Archive {
    /// Puts a delivery, or the events of it at the positions `events`, into quarantine; over the object that is there
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
        let key = quarantine_key(reason, key_id, envelope);
        self.put(&key, &delivery, Condition::None).await?;
        Ok(())
    }

    /// Has a delivery that waits for the key `key_id` be found under the ids of the other unknown keys that it names: there lie
    /// pointers to it.
    ///
    /// # Errors
    ///
    /// [`AwsError`] when it is not known to be found there.
    pub async fn point(&self, envelope: &Envelope, key_id: &str, others: &[String]) -> Result<(), AwsError> {
        let lies_at = quarantine_key(UNKNOWN_KEY, Some(key_id), envelope);
        let pointer = serde_json::to_vec(&Pointer { lies_at });
        let pointer = pointer.map_err(AwsError::beside(PUT, Kind::Message))?;
        for other in others {
            let key = quarantine_key(UNKNOWN_KEY, Some(other), envelope);
            self.put_json(&key, pointer.clone(), Condition::None).await?;
        }
        Ok(())
    }

    /// Lists what is in quarantine for a reason of [`OF_A_KEY`] under the key with this id, in the order of receipt, from the
    /// page that begins after `after`; `None` for the first. A page has at most a thousand.
    ///
    /// # Errors
    ///
    /// [`AwsError`] when the bucket cannot be listed.
    pub async fn waiting_for(
        &self,
        reason: &str,
        key_id: &str,
        after: Option<&Quarantined>,
    ) -> Result<Vec<Quarantined>, AwsError> {
        let list = self.list(key_folder(reason, key_id));
        let page = list
            .set_start_after(after.map(|last| last.key.clone()))
            .send()
            .await
            .map_err(AwsError::of(LIST))?;
        Ok(page.contents().iter().filter_map(Quarantined::of).collect())
    }

    /// Takes a delivery out of the folder of its key, from which it was sent on, now that its new place is written; says
    /// whether `key` was one of such a folder.
    ///
    /// # Errors
    ///
    /// [`AwsError`] when it is not known to be gone.
    pub async fn remove_waiting(&self, key: &str, delivery_id: Uuid) -> Result<bool, AwsError> {
        // The key comes with a message: no other object may go by it.
        let is_its_own = QuarantineKey::parse(key)
            .is_some_and(|parsed| OF_A_KEY.contains(&parsed.reason) && parsed.delivery_id == delivery_id);
        if is_its_own {
            self.remove_object(key).await?;
        }
        Ok(is_its_own)
    }

    /// Reads the delivery of this id in quarantine, for whatever reason: the whole, or the events of it that are there.
    ///
    /// # Errors
    ///
    /// [`ReadError`] when that cannot be found out.
    pub async fn quarantined(&self, delivery_id: Uuid) -> Result<Option<Found>, ReadError> {
        // Without a time the key cannot be made: the object could only be found by listing the whole quarantine.
        let Some(at) = received_at(delivery_id) else {
            return Ok(None);
        };
        for reason in self.reasons().await? {
            let keys = match self.folders(&reason).await? {
                None => Vec::from_iter(self.waiting(delivery_id).await?.map(|waiting| waiting.key)),
                Some(folders) => {
                    let folders = folders.iter();
                    folders.map(|folder| in_folder(folder, at, delivery_id)).collect()
                }
            };
            for key in keys {
                if let Some(found) = self.get(key).await? {
                    return Ok(Some(found));
                }
            }
        }
        Ok(None)
    }

    /// Reads what is in quarantine there; `None` when it is there no longer.
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
        self.remove_object(&quarantined.key).await
    }

    async fn remove_object(&self, key: &str) -> Result<(), AwsError> {
        let request = self.client.delete_object().bucket(self.bucket_of(key));
        let removed = request.key(key).send().await;
        removed.map_err(AwsError::of("DeleteObject of the archive"))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_in_quarantine_tells_reason_delivery_and_time() {
        let id = "019b76da-a87b-7def-8123-456789abcdef";
        let at = |key: &str| Quarantined::of(&Object::builder().key(key).size(7).build());
        let quarantined = at(&format!("quarantine/digest-mismatch/2026/01/01/00/{id}")).unwrap();
        assert_eq!(quarantined.reason(), "digest-mismatch");
        assert_eq!(quarantined.delivery_id().to_string(), id);
        assert_eq!(quarantined.received_at().as_millisecond(), 0x019b_76da_a87b);
        let waiting = at(&format!("quarantine/unknown-key/abc/2026/01/01/00/{id}")).unwrap();
        assert_eq!(waiting.reason(), "unknown-key");
        assert_eq!(waiting.received_at(), quarantined.received_at());
        let without_time = at(&format!("quarantine/expired/2026/01/02/03/{}", Uuid::nil())).unwrap();
        assert_eq!(without_time.received_at().to_string(), "2026-01-02T03:00:00Z");
        for other in [
            format!("verified/2026/01/01/00/{id}"),
            format!("quarantine/{id}"),
            format!("quarantine/unknown-key/{id}"),
            format!("quarantine/bad-signature/{id}"),
            "quarantine/expired/2026/01/01/00/no-id".to_owned(),
        ] {
            assert_eq!(at(&other), None, "{other}");
        }
    }
}
