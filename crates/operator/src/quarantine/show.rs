//! Everything about a delivery in quarantine.

use std::collections::BTreeMap;

use jiff::Timestamp;
use pipeline::envelope::Request;
use pipeline::runtime::clock::Clock;
use pipeline::stores::archive::ArchivedDelivery;
use pipeline::verification::Verdict;
use serde::Serialize;
use upvest::signature::{Dialect, UnverifiedDelivery};
use uuid::Uuid;

use super::outlook::{Outlook, Reverifier};
use super::selection::read;
use crate::error::{Error, Result};
use crate::hidden_headers::{hide_in_base, hide_in_request};
use crate::stack::{self, Stack};

/// Shows a delivery of which something is in quarantine.
#[derive(Debug, Serialize)]
pub struct Shown {
    /// Names the delivery by the id that the receiver gave it.
    pub delivery_id: Uuid,
    /// Gives the time at which it was read; by then the outlook of its objects held.
    pub at: Timestamp,
    /// Gives the time of receipt, as of which its signature is verified.
    pub received_at: Timestamp,
    /// Shows the request that brought it, with its credentials hidden.
    pub request: Request,
    /// Gives the size of the body in bytes, also when the body itself is left out.
    pub bytes: usize,
    /// Tells what the sender signed, by its own account.
    pub signature: Signature,
    /// Lists its objects in quarantine, one for each reason.
    pub objects: Vec<ShownObject>,
    /// Holds the body, if it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
}

/// Tells what of a delivery is in quarantine for one reason.
#[derive(Debug, Serialize)]
pub struct ShownObject {
    /// Names why it is in quarantine, like `unknown-key`.
    pub reason: String,
    /// Locates the object in the quarantine's bucket, as `s3://BUCKET/KEY`.
    pub object: String,
    /// Lists the positions of the events in the batch; all where there are none.
    pub events: Vec<usize>,
    /// Tells whether it would be taken if it were sent again, and otherwise the reason that it has now.
    pub now: Outlook,
}

/// Tells what the sender signed, by its own account.
#[derive(Debug, Default, Serialize)]
pub struct Signature {
    /// Names the key that the signature claims; `None` when the signature cannot be parsed.
    pub key_id: Option<String>,
    /// Names the dialect in which it holds; `None` where it does not.
    pub dialect: Option<Dialect>,
    /// Lists the components that the signature covers.
    pub covered: Vec<String>,
    /// Lists the texts that the signature may be of, by dialect: one where it holds, and one for each way to write
    /// names where it does not.
    pub bases: BTreeMap<&'static str, String>,
    /// Says why that cannot be told.
    pub trouble: Option<String>,
}

impl Signature {
    /// Reads the signature of a delivery, which need not hold.
    ///
    /// # Errors
    ///
    /// [`Error`] when the keys table cannot be read.
    async fn of(reverifier: &Reverifier, delivery: &ArchivedDelivery) -> Result<Self> {
        let unverified = match UnverifiedDelivery::parse(delivery.envelope.signed_request()) {
            Ok(unverified) => unverified.sent_to(reverifier.origin.as_ref()),
            Err(rejection) => {
                return Ok(Self {
                    trouble: Some(rejection.to_string()),
                    ..Self::default()
                });
            }
        };
        if let Verdict::Holds(verified) = reverifier.verify(delivery).await? {
            let base = hide_in_base(verified.signature_base());
            return Ok(Self {
                key_id: Some(verified.key_id().to_owned()),
                dialect: Some(verified.dialect()),
                covered: verified.covered().map(str::to_owned).collect(),
                bases: BTreeMap::from([(verified.dialect().as_str(), base)]),
                trouble: None,
            });
        }
        let mut signature = Self {
            key_id: Some(unverified.key_id().to_owned()),
            covered: unverified.unverified_covered().map(str::to_owned).collect(),
            ..Self::default()
        };
        for (dialect, base) in unverified.unverified_bases() {
            match base {
                Ok(base) => drop(signature.bases.insert(dialect.as_str(), hide_in_base(&base))),
                Err(rejection) => signature.trouble = Some(rejection.to_string()),
            }
        }
        Ok(signature)
    }
}

/// Reads what is in quarantine of a delivery, and verifies it again. The body, which may hold personal data, is left out
/// unless `with_body`.
///
/// # Errors
///
/// [`Error`] of the kind not-found where nothing of it is in quarantine.
pub async fn show(stack: &Stack, delivery_id: Uuid, with_body: bool, clock: &Clock) -> Result<Shown> {
    let reverifier = Reverifier::of(stack, clock.clone())?;
    let bucket = stack.output(stack::Output::QuarantineBucket)?;
    let (mut objects, mut whole) = (Vec::new(), None);
    for quarantined in reverifier.archive.quarantined_parts(delivery_id).await? {
        let Some(delivery) = read(&reverifier.archive, &quarantined).await? else {
            continue;
        };
        objects.push(ShownObject {
            reason: quarantined.reason().to_owned(),
            object: format!("s3://{bucket}/{}", quarantined.key()),
            events: delivery.events.clone(),
            now: reverifier.outlook(&quarantined, &delivery).await?,
        });
        whole = Some(delivery);
    }
    let delivery = whole
        .ok_or_else(|| Error::not_found(format!("nothing of delivery {delivery_id} is in quarantine")))?;
    let signature = Signature::of(&reverifier, &delivery).await?;
    let envelope = delivery.envelope;
    Ok(Shown {
        delivery_id,
        at: clock.now(),
        received_at: envelope.received_at,
        bytes: envelope.body.len(),
        body: with_body.then(|| String::from_utf8_lossy(&envelope.body).into_owned()),
        request: hide_in_request(envelope.request),
        signature,
        objects,
    })
}
