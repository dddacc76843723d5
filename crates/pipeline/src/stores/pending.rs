//! The pending bucket: deliveries that were answered with 200 and may have no other place than a queue, which forgets.
//!
//! | Key | Holds |
//! |---|---|
//! | `pending/<delivery id>` | the message of a delivery, as the deliveries queue had it |
//! | `pending/<message id>` | a message that names no delivery |
//!
//! A delivery is put there before the second attempt at it, and by the drain of the dead-letter queue; it is removed when an
//! attempt succeeds. An object is the message and not the delivery, so that nothing has to be understood to be kept, and
//! what is sent again is what was received. The id of a delivery begins with its time: the order of the keys is the order of receipt.
//!
//! The bucket is never locked and never expires anything: what is in it is unproven, and nobody else may have it.

use std::collections::BTreeMap;

use aws_lambda_events::event::sqs::SqsMessage;
use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_sqs::types::Message;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::body::KeptBody;
use super::object;
use crate::envelope::attributes::{DELIVERY_ID, REASON};
use crate::error::{AwsError, Kind};

/// Says what the keys of all objects begin with.
pub const PENDING_PREFIX: &str = "pending/";

/// Keeps and finds what is pending.
#[derive(Debug, Clone)]
pub struct Pending {
    client: Client,
    bucket: String,
}

/// Holds a message of the deliveries queue, with all that is needed to send it again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingMessage {
    /// Names it by its delivery, or by its SQS message where it names none.
    pub id: String,
    /// Holds the message's attributes, by name; all are texts.
    pub attributes: BTreeMap<String, String>,
    /// Holds the message's body.
    #[serde(flatten)]
    body: KeptBody,
}

/// Describes a pending message, as the bucket lists it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Listed {
    /// Gives the id in its key, which `dlq resend` takes.
    pub id: String,
    /// Tells when it was put there: shortly after its first attempt, or when it was drained from the dead-letter queue.
    pub since: Timestamp,
    /// Gives the size of the object, in bytes.
    pub bytes: u64,
}

/// Says why a pending message cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum PendingError {
    /// The bucket could not be read.
    #[error(transparent)]
    Aws(#[from] AwsError),
    /// The object is no message as this version writes them.
    #[error("pending object {id} is not a message")]
    NoMessage {
        /// Gives the id in its key.
        id: String,
        /// Says what is wrong with it.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl PendingMessage {
    /// Takes a message as Lambda hands it over.
    #[must_use]
    pub fn received(message: &SqsMessage) -> Self {
        let attributes = message.message_attributes.iter();
        let attributes = attributes
            .filter_map(|(name, attribute)| Some((name.clone(), attribute.string_value.clone()?)))
            .collect();
        let body = message.body.as_deref().unwrap_or_default();
        Self::of(message.message_id.as_deref(), attributes, body)
    }

    /// Takes a message as SQS hands it over.
    #[must_use]
    pub fn from_sqs(message: &Message) -> Self {
        let attributes = message.message_attributes().into_iter().flatten();
        let attributes = attributes
            .filter_map(|(name, attribute)| Some((name.clone(), attribute.string_value.clone()?)))
            .collect();
        Self::of(
            message.message_id(),
            attributes,
            message.body().unwrap_or_default(),
        )
    }

    fn of(message_id: Option<&str>, attributes: BTreeMap<String, String>, body: &str) -> Self {
        Self {
            id: id(message_id, attributes.get(DELIVERY_ID).map(String::as_str), body),
            attributes,
            body: KeptBody::of(body.as_bytes()),
        }
    }

    /// Gives the message's body as it was.
    ///
    /// # Errors
    ///
    /// [`PendingError::NoMessage`] when the object holds none.
    pub fn body(&self) -> Result<String, PendingError> {
        let no_message = |source| PendingError::NoMessage {
            id: self.id.clone(),
            source,
        };
        let bytes = self.body.clone().into_bytes();
        let bytes = bytes.map_err(|error| no_message(error.into()))?;
        String::from_utf8(bytes).map_err(|error| no_message(error.into()))
    }

    /// Tells why it was in the dead-letter queue; `None` where nobody said.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        self.attributes.get(REASON).map(String::as_str)
    }
}

/// Names a message by its delivery, else by itself, else by its content: no two that differ have one id.
fn id(message_id: Option<&str>, delivery_id: Option<&str>, body: &str) -> String {
    let ids = [delivery_id, message_id].into_iter().flatten();
    let id = ids.filter_map(|id| Uuid::parse_str(id).ok()).next();
    id.map_or_else(|| hex::encode(Sha256::digest(body)), |id| id.to_string())
}

impl Pending {
    /// Uses the bucket of this name, which the stack sets as `PENDING_BUCKET`.
    #[must_use]
    pub fn new(client: Client, bucket: String) -> Self {
        Self { client, bucket }
    }

    /// Puts a message there, unless it is there.
    ///
    /// # Errors
    ///
    /// [`AwsError`] when it is not known to be there.
    pub async fn keep(&self, message: &PendingMessage) -> Result<(), AwsError> {
        const CALL: &str = "PutObject of what is pending";
        let json = serde_json::to_vec(message).map_err(AwsError::beside(CALL, Kind::Message))?;
        let request = self.client.put_object().bucket(&self.bucket);
        let put = request
            .key(key(&message.id))
            .content_type("application/json")
            // The bucket keeps versions: each attempt would add one.
            .if_none_match("*")
            .body(ByteStream::from(json))
            .send()
            .await;
        match put {
            Ok(_) => Ok(()),
            // The precondition failed, so it is there.
            Err(error) if error.raw_response().is_some_and(|it| it.status().as_u16() == 412) => Ok(()),
            Err(error) => Err(AwsError::of(CALL)(error)),
        }
    }

    /// Removes the message of this id, if it is there.
    ///
    /// # Errors
    ///
    /// [`AwsError`] when it is not known to be gone.
    pub async fn remove(&self, id: &str) -> Result<(), AwsError> {
        let request = self.client.delete_object().bucket(&self.bucket).key(key(id));
        let removed = request.send().await;
        removed.map_err(AwsError::of("DeleteObject of what is pending"))?;
        Ok(())
    }

    /// Lists all that is pending, in the order of receipt.
    ///
    /// # Errors
    ///
    /// [`AwsError`] when the bucket cannot be listed.
    pub async fn list(&self) -> Result<Vec<Listed>, AwsError> {
        let list = self.client.list_objects_v2().bucket(&self.bucket);
        let mut pages = list.prefix(PENDING_PREFIX).into_paginator().send();
        let mut listed = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(AwsError::of("ListObjectsV2 of what is pending"))?;
            listed.extend(page.contents().iter().filter_map(|object| {
                let since = object.last_modified()?;
                Some(Listed {
                    id: object.key()?.strip_prefix(PENDING_PREFIX)?.to_owned(),
                    since: Timestamp::new(since.secs(), 0).ok()?,
                    bytes: object
                        .size()
                        .and_then(|size| size.try_into().ok())
                        .unwrap_or_default(),
                })
            }));
        }
        Ok(listed)
    }

    /// Reads the message of this id; `None` when it is not there.
    ///
    /// # Errors
    ///
    /// [`PendingError`] when that cannot be found out.
    pub async fn read(&self, id: &str) -> Result<Option<PendingMessage>, PendingError> {
        let request = self.client.get_object().bucket(&self.bucket).key(key(id));
        let Some((json, _)) = object::read(request, "GetObject of what is pending").await? else {
            return Ok(None);
        };
        let message = serde_json::from_slice(&json.into_bytes());
        message.map(Some).map_err(|error| PendingError::NoMessage {
            id: id.to_owned(),
            source: error.into(),
        })
    }
}

fn key(id: &str) -> String {
    format!("{PENDING_PREFIX}{id}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(delivery_id: &str, body: &str) -> PendingMessage {
        let attributes = [(DELIVERY_ID.to_owned(), delivery_id.to_owned())].into();
        PendingMessage::of(Some("6f2f1d0e-0000-4000-8000-000000000001"), attributes, body)
    }

    #[test]
    fn a_message_is_named_by_its_delivery_or_by_itself_or_by_its_content() {
        let delivery_id = "0192f0c1-2b3c-7def-8123-456789abcdef";
        assert_eq!(message(delivery_id, "{}").id, delivery_id);
        let other = message("../verified/x", "{}").id;
        assert_eq!(other, "6f2f1d0e-0000-4000-8000-000000000001");
        let unnamed = |body| PendingMessage::of(None, BTreeMap::new(), body).id;
        assert_ne!(unnamed("one"), unnamed("other"));
    }

    #[test]
    fn a_message_is_written_as_it_always_was_and_comes_back() {
        for (body, kept) in [("{}", r#""body":"{}""#), ("\t\n\"", r#""body_base64":"CQoi""#)] {
            let message = message("d1", body);
            let json = serde_json::to_string(&message).unwrap();
            let id = "6f2f1d0e-0000-4000-8000-000000000001";
            let written = format!(r#"{{"id":"{id}","attributes":{{"delivery_id":"d1"}},{kept}}}"#);
            assert_eq!(json, written);
            let read: PendingMessage = serde_json::from_str(&json).unwrap();
            assert_eq!((read.body().unwrap(), &read), (body.to_owned(), &message));
        }
    }
}
