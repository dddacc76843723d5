//! The delivery behind an event: its archived object, verified again by the key that the keys table has.

use std::collections::{BTreeMap, BTreeSet};

use pipeline::envelope::Envelope;
use pipeline::error::{AwsError, ErrorChain};
use pipeline::stores::archive::{Archive, Found, ReadError};
use pipeline::stores::keys::{KeyRow, Keys, KeysTable, earlier_id};
use pipeline::verification::{Verdict, verify_again};
use serde::Serialize;
use tokio::sync::Mutex;
use upvest::delivery::events_of;
use upvest::signature::Verified;
use uuid::Uuid;

use super::signed::Signed;
use crate::signed_place::place_of;

/// Limits the deliveries that are read at the same time. Each is held in memory, with a body of up to 6 MiB.
pub(super) const AT_A_TIME: usize = 8;

/// Reads deliveries from the archive and verifies them with the keys of today.
pub(super) struct Evidence {
    pub(super) archive: Archive,
    pub(super) keys: Keys,
    pub(super) keys_table: KeysTable,
    /// Tells what the keys table says of each key, once it was read.
    pub(super) histories: Mutex<BTreeMap<String, KeyHistory>>,
}

/// Tells what the keys table notes about a key; all `None` where it lacks the key.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct KeyHistory {
    /// Names the way by which the key came into the keys table; `None` where that is not noted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Gives the time from which the keys table knows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_seen: Option<String>,
    /// Tells when Upvest was seen to serve it no longer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retired_at: Option<String>,
    /// Tells since when an operator does not trust it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub distrusted_at: Option<String>,
    /// Names the public key itself (RFC 7638); `None` for a secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thumbprint: Option<String>,
    /// Says why nothing of this is known, the distrust included: the keys table cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unread: Option<String>,
}

/// Describes an archived delivery, after its signature was verified once more.
#[derive(Debug, Clone, Serialize)]
pub struct Delivery {
    /// Names the delivery by the id that the receiver gave it.
    pub delivery_id: String,
    /// Gives the key of its object in the archive; absent when there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub archived_at: Option<String>,
    /// Gives the time at which it was received, as its object says; `None` without one that can be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub received_at: Option<String>,
    /// Names the address that posted it; `None` where it is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_address: Option<String>,
    /// Tells how many elements its batch has, as far as it can be trusted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch: Option<usize>,
    /// Lists what was odd about it on receipt though it was proven: `foreign-subscription`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub flags: Vec<String>,
    /// Tells what its signature is worth today.
    pub signature: Signature,
    /// Lists the events that were asked for, as they were signed.
    #[serde(skip)]
    pub(super) events: Vec<Signed>,
    /// Lists what does not hold, as sentences for people; they become findings.
    #[serde(skip)]
    pub faults: Vec<String>,
}

/// Tells what the signature is worth today.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "result", rename_all = "kebab-case")]
pub enum Signature {
    /// The signature holds, and so does the body's digest.
    Holds {
        /// Names the key that the signature was verified by.
        key_id: String,
        /// Names the dialect in which it holds.
        dialect: &'static str,
        /// Lists the components that were not signed with the value that arrived, with the value that was signed.
        #[serde(skip_serializing_if = "BTreeMap::is_empty")]
        rewritten: BTreeMap<String, String>,
        /// Names the algorithm of the key.
        algorithm: &'static str,
        /// Tells whether the signature was in its time on receipt.
        freshness: &'static str,
        /// Tells when the key was in use.
        key: KeyHistory,
    },
    /// The signature or the body's digest does not hold.
    Broken {
        /// Gives the reason, as in quarantine keys.
        reason: &'static str,
        /// Explains the same reason in a sentence for people.
        why: String,
    },
    /// There is nothing to verify, or nothing to verify it by.
    Unverifiable {
        /// Names what is absent or cannot be read, for people.
        why: String,
    },
}

/// Names the events that are looked for in a delivery by their ids; `None` stands for all.
pub(super) type Wanted<'w> = Option<&'w BTreeSet<String>>;

impl Evidence {
    /// Looks at the archived delivery of an id again.
    ///
    /// # Errors
    ///
    /// [`AwsError`] when the archive cannot be read. That the delivery is not there, or does not hold, is a result.
    pub(super) async fn delivery(&self, id: &str, wanted: Wanted<'_>) -> Result<Delivery, AwsError> {
        let found = match id.parse::<Uuid>() {
            Ok(id) => self.archive.verified(id).await,
            Err(_) => Ok(None),
        };
        match found {
            Ok(Some(found)) => Ok(self.check(id, &found, wanted).await),
            Ok(None) => Ok(Delivery::without(
                id,
                "the archived delivery is missing".to_owned(),
            )),
            Err(ReadError::NotArchived(error)) => Ok(Delivery::without(id, ErrorChain(&error).to_string())),
            Err(ReadError::Aws(error)) => Err(error),
        }
    }

    /// Verifies a delivery that was found again.
    pub(super) async fn check(&self, id: &str, found: &Found, wanted: Wanted<'_>) -> Delivery {
        let envelope = &found.delivery.envelope;
        let mut delivery = Delivery {
            delivery_id: id.to_owned(),
            archived_at: Some(found.key.clone()),
            received_at: Some(envelope.received_at.to_string()),
            source_address: envelope.request.source_address.clone(),
            batch: None,
            flags: found.delivery.flags.clone(),
            signature: Signature::Unverifiable { why: String::new() },
            events: Vec::new(),
            faults: Vec::new(),
        };
        let own = envelope.delivery_id.to_string();
        if own != id {
            let fault = format!("the archived object says that it is delivery {own}");
            delivery.faults.push(fault);
        }
        delivery.signature = self.verify(found).await;
        delivery.faults.extend(delivery.signature.fault());
        if delivery.is_proven() {
            delivery.take_events(envelope, wanted);
        }
        delivery
    }

    async fn verify(&self, found: &Found) -> Signature {
        match verify_again(&self.keys, &found.delivery).await {
            Ok(Verdict::Holds(verified)) => self.holds(&verified).await,
            Ok(Verdict::Rejected { rejection, .. }) => Signature::Broken {
                reason: rejection.reason(),
                why: rejection.to_string(),
            },
            Ok(Verdict::UnknownKey { key_id, .. }) => Signature::Unverifiable {
                why: format!("its key {key_id} is not in the keys table"),
            },
            Err(error) => Signature::Unverifiable {
                why: format!("its key cannot be had: {}", ErrorChain(&error)),
            },
        }
    }

    async fn holds(&self, verified: &Verified<'_>) -> Signature {
        let rewritten = verified.rewritten();
        Signature::Holds {
            dialect: verified.dialect().as_str(),
            algorithm: verified.algorithm().as_str(),
            freshness: verified.freshness().as_str(),
            rewritten: rewritten
                .map(|(component, signed)| (component.to_owned(), signed.to_owned()))
                .collect(),
            key: self.history(verified).await,
            key_id: verified.key_id().to_owned(),
        }
    }

    /// Tells what the keys table says of a key. That it says nothing does not change that the signature holds.
    async fn history(&self, verified: &Verified<'_>) -> KeyHistory {
        let id = match verified.thumbprint() {
            Some(thumbprint) => earlier_id(verified.key_id(), thumbprint),
            None => verified.key_id().to_owned(),
        };
        // The lock is held while the table is read, so that no key is read twice.
        let mut histories = self.histories.lock().await;
        if let Some(known) = histories.get(&id) {
            return known.clone();
        }
        match self.row(verified, &id).await {
            Ok(row) => {
                let history = KeyHistory::of(row);
                histories.insert(id, history.clone());
                history
            }
            // It is not remembered: the next delivery may have more luck.
            Err(error) => KeyHistory {
                unread: Some(format!("the keys table cannot be read: {}", ErrorChain(&error))),
                ..KeyHistory::default()
            },
        }
    }

    /// Reads the row of a key, which has one of its own, by this id, where it was changed under its id.
    async fn row(&self, verified: &Verified<'_>, id: &str) -> Result<KeyRow, AwsError> {
        match self.keys_table.row(verified.key_id()).await? {
            Some(row) if row.thumbprint().as_deref() == verified.thumbprint() => Ok(row),
            _ => Ok(self.keys_table.row(id).await?.unwrap_or_default()),
        }
    }
}

impl KeyHistory {
    fn of(row: KeyRow) -> Self {
        Self {
            thumbprint: row.thumbprint(),
            distrusted_at: row.distrusted_at,
            source: row.source,
            first_seen: row.first_seen,
            retired_at: row.retired_at,
            unread: None,
        }
    }
}

impl Signature {
    fn fault(&self) -> Option<String> {
        match self {
            Self::Holds { key, .. } => key.unread.clone(),
            Self::Broken { reason, why } => {
                Some(format!("the signature does not hold any more: {why} ({reason})"))
            }
            Self::Unverifiable { why } => Some(format!("the signature cannot be verified: {why}")),
        }
    }
}

impl Delivery {
    fn without(id: &str, fault: String) -> Self {
        Self {
            delivery_id: id.to_owned(),
            archived_at: None,
            received_at: None,
            source_address: None,
            batch: None,
            flags: Vec::new(),
            signature: Signature::Unverifiable { why: fault.clone() },
            events: Vec::new(),
            faults: vec![fault],
        }
    }

    /// Tells whether its signature holds, so that its events are Upvest's word.
    #[must_use]
    pub fn is_proven(&self) -> bool {
        matches!(self.signature, Signature::Holds { .. })
    }

    fn take_events(&mut self, envelope: &Envelope, wanted: Wanted<'_>) {
        // A proven body that is no batch is in quarantine, and no event can be of it.
        self.batch = Some(upvest::split(&envelope.body).map_or(0, |elements| elements.len()));
        let events = events_of(&envelope.body);
        let events = events.filter(|(_, event)| wanted.is_none_or(|ids| ids.contains(event.id())));
        self.events = events
            .map(|(position, event)| Signed::of(&event, place_of(&event, envelope.received_at, position)))
            .collect();
    }
}
