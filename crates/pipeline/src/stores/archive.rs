//! The signed bytes of every verified delivery, for good, and what went to quarantine: each in a bucket of its own, because
//! what is proven can be locked and what anybody sent must not be.
//!
//! | Module | Knows |
//! |---|---|
//! | `layout` | the keys of objects, which the template's lifecycle rule and policies repeat |
//! | `delivery` | what an object holds |
//! | `verified` | keeping and finding verified deliveries, and listing them in the order of receipt |
//! | `quarantine` | putting deliveries into quarantine, listing them and taking them out |
//! | `listing` | what was received in a range of time, in either section |
//! | `sending_note` | the note that something in quarantine was sent on its way again |

mod delivery;
mod layout;
mod listing;
mod quarantine;
mod sending_note;
mod verified;

use std::time::Duration;

use aws_config::timeout::TimeoutConfig;
use aws_sdk_s3::Client;
use aws_sdk_s3::operation::list_objects_v2::builders::ListObjectsV2FluentBuilder;
use aws_sdk_s3::primitives::{AggregatedBytes, ByteStream};

use self::delivery::Pointer;
pub use self::delivery::{ArchivedDelivery, NotArchivedError, Proof};
pub use self::layout::{
    BAD_SIGNATURE, DeliveryKey, KEY_DISTRUSTED, KEY_RETIRED, OF_A_KEY, QUARANTINE_PREFIX, Section,
    UNKNOWN_KEY, VERIFIED_PREFIX, quarantine_key, received_at, verified_key,
};
pub use self::quarantine::Quarantined;
pub use self::verified::VerifiedKeys;
use super::object;
use crate::error::{AwsError, Kind};
use crate::runtime::aws::{ATTEMPT_TIMEOUT, CALL_TIMEOUT};

const LIST: &str = "ListObjectsV2 of the archive";
const PUT: &str = "PutObject to the archive";

/// Reads and writes the archive and the quarantine. An object's key tells in which bucket it is.
#[derive(Debug, Clone)]
pub struct Archive {
    client: Client,
    verified: String,
    quarantine: String,
}

/// Says what must be true for an object to be written.
enum Condition {
    /// Writes in any case, over what is there.
    None,
    /// Writes only where the key has no object, so that what was archived first stays.
    Absent,
    /// The object is the one with this entity tag.
    Unchanged(String),
}

/// Holds a delivery that was found in the archive, with the key under which it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Gives the object's key, by which an event of the log refers to it.
    pub key: String,
    /// Holds the delivery as the object has it, the body included.
    pub delivery: ArchivedDelivery,
}

/// Says why a delivery cannot be read. Absence is no error.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The bucket could not be read.
    #[error(transparent)]
    Aws(#[from] AwsError),
    /// The object is not a delivery.
    #[error(transparent)]
    NotArchived(#[from] NotArchivedError),
}

/// Says how long an upload of so many bytes may take: a large one must not be given up, and begun again, in the middle.
fn upload_time(bytes: usize) -> TimeoutConfig {
    /// Is the slowest upload that is waited for, in bytes a second.
    const SLOWEST: u64 = 1_000_000;
    let own = Duration::from_millis(bytes as u64 * 1_000 / SLOWEST);
    TimeoutConfig::builder()
        .operation_attempt_timeout(ATTEMPT_TIMEOUT + own)
        .operation_timeout(CALL_TIMEOUT + 2 * own)
        .build()
}

impl Archive {
    /// Uses the buckets of these names, which the stack sets as `ARCHIVE_BUCKET` and `QUARANTINE_BUCKET`.
    #[must_use]
    pub fn new(client: Client, verified: String, quarantine: String) -> Self {
        Self {
            client,
            verified,
            quarantine,
        }
    }

    /// Names the bucket in which an object with this key is.
    fn bucket_of(&self, key: &str) -> &str {
        match key.starts_with(QUARANTINE_PREFIX) {
            true => &self.quarantine,
            false => &self.verified,
        }
    }

    /// Reads the delivery under this key; `None` when there is none.
    ///
    /// # Errors
    ///
    /// [`ReadError`] when that cannot be found out, or the object is none.
    pub async fn object(&self, key: &str) -> Result<Option<Found>, ReadError> {
        self.get(key.to_owned()).await
    }

    /// Reads the exact bytes of the event with this hash in the delivery under a key; `None` when either is not there.
    ///
    /// # Errors
    ///
    /// [`ReadError`] when that cannot be found out.
    pub async fn event(&self, key: &str, sha256: &str) -> Result<Option<String>, ReadError> {
        let Some(found) = self.object(key).await? else {
            return Ok(None);
        };
        // A body that cannot be split holds no event: what was archived as verified is not doubted here.
        let mut events = upvest::delivery::events_of(&found.delivery.envelope.body);
        let wanted = events.find(|(_, event)| event.identity().to_hex() == sha256);
        Ok(wanted.map(|(_, event)| event.json().to_owned()))
    }

    fn list(&self, prefix: impl Into<String>) -> ListObjectsV2FluentBuilder {
        let prefix = prefix.into();
        let list = self.client.list_objects_v2().bucket(self.bucket_of(&prefix));
        list.prefix(prefix)
    }

    async fn get(&self, key: String) -> Result<Option<Found>, ReadError> {
        let tagged = self.tagged(key).await?;
        Ok(tagged.map(|(found, _)| found))
    }

    /// Reads an object, or that which it points to, with its entity tag, by which a later write can tell whether it was changed.
    async fn tagged(&self, key: String) -> Result<Option<(Found, String)>, ReadError> {
        let Some((bytes, tag)) = self.bytes(&key).await? else {
            return Ok(None);
        };
        let bytes = bytes.into_bytes();
        let (key, bytes, tag) = match Pointer::parse(&bytes) {
            None => (key, bytes, tag),
            Some(Pointer { lies_at }) => match self.bytes(&lies_at).await? {
                Some((bytes, tag)) => (lies_at, bytes.into_bytes(), tag),
                None => return Ok(None),
            },
        };
        let delivery = ArchivedDelivery::parse(&bytes)?;
        Ok(Some((Found { key, delivery }, tag)))
    }

    async fn bytes(&self, key: &str) -> Result<Option<(AggregatedBytes, String)>, AwsError> {
        let request = self.client.get_object().bucket(self.bucket_of(key)).key(key);
        object::read(request, "GetObject of the archive").await
    }

    /// Writes an object, and tells whether that was done: not where the condition does not hold.
    async fn put(
        &self,
        key: &str,
        delivery: &ArchivedDelivery,
        condition: Condition,
    ) -> Result<bool, AwsError> {
        let json = serde_json::to_vec(delivery).map_err(AwsError::beside(PUT, Kind::Message))?;
        self.put_json(key, json, condition).await
    }

    async fn put_json(&self, key: &str, json: Vec<u8>, condition: Condition) -> Result<bool, AwsError> {
        let patience = upload_time(json.len());
        let request = self.client.put_object().bucket(self.bucket_of(key)).key(key);
        let (request, refusals): (_, &[u16]) = match condition {
            Condition::None => (request, &[]),
            // 412: the precondition failed, so there is an object.
            Condition::Absent => (request.if_none_match("*"), &[412]),
            // Gone, being changed, changed.
            Condition::Unchanged(tag) => (request.if_match(tag), &[404, 409, 412]),
        };
        let put = request
            .content_type("application/json")
            .body(ByteStream::from(json))
            .customize()
            .config_override(aws_sdk_s3::config::Builder::new().timeout_config(patience))
            .send()
            .await;
        match put {
            Ok(_) => Ok(true),
            Err(error)
                if error
                    .raw_response()
                    .is_some_and(|answer| refusals.contains(&answer.status().as_u16())) =>
            // The condition did not hold, which is an answer and no failure.
            {
                Ok(false)
            }
            Err(error) => Err(AwsError::of(PUT)(error)),
        }
    }
}
