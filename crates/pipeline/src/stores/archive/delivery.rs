//! What an object of the archive holds: a delivery, with all that is needed to verify its signature again.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use upvest::signature::{Dialect, Freshness, Origin, Verified};

use crate::envelope::Envelope;
use crate::stores::body::KeptBody;

/// Holds a delivery as the archive keeps it: all that is needed to verify its signature again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArchivedDelivery {
    /// Holds the request and its times. `parse` puts the body into it, which its JSON has no place for.
    #[serde(flatten)]
    pub envelope: Envelope,
    /// Gives the id of the key whose signature holds, or by which the sender claims to have signed; `None` where none
    /// is named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_id: Option<String>,
    /// Names the public key itself that proved the delivery, by its thumbprint (RFC 7638); `None` for a shared secret, and for what is
    /// in quarantine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thumbprint: Option<String>,
    /// Names the dialect in which its signature holds; for what is in quarantine there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dialect: Option<Dialect>,
    /// Holds the scheme and the authority that were ours, which a signature may cover.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_url: Option<Origin>,
    /// Says how its signature was out of its time on receipt: `expired` or `not-yet-valid`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub out_of_time: Option<String>,
    /// Lists what is odd about it though it was proven and taken: `foreign-subscription`, `receipt-doubted`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flags: Vec<String>,
    /// Names why it, or a part of it, is in quarantine, as in the object's key; `None` for a verified delivery.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Lists the positions in the batch of the events that are in quarantine; none where the whole delivery is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<usize>,
    /// Tells when an operator sent it on its way again. What verify-and-store puts into quarantine anew has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sent_at: Option<Timestamp>,
    /// Holds the raw body, which `parse` takes from here.
    #[serde(flatten)]
    pub(super) body: KeptBody,
}

/// Says what proved a delivery, as the archive notes it.
#[derive(Debug, Clone, Copy)]
pub struct Proof<'p> {
    /// Names the key that signed it.
    pub key_id: &'p str,
    /// Names the public key itself; `None` for a shared secret.
    pub thumbprint: Option<&'p str>,
    /// Names the dialect in which the signature holds.
    pub dialect: Dialect,
    /// Tells whether it was received within its time.
    pub freshness: Freshness,
    /// Holds the public URL that the sender should have called.
    pub origin: Option<&'p Origin>,
    /// Lists what is odd about it, such as `foreign-subscription`.
    pub flags: &'p [&'p str],
}

impl<'p> Proof<'p> {
    /// Describes what proved a delivery that was sent to `origin`.
    #[must_use]
    pub fn of(verified: &'p Verified<'_>, origin: Option<&'p Origin>, flags: &'p [&'p str]) -> Self {
        Self {
            key_id: verified.key_id(),
            thumbprint: verified.thumbprint(),
            dialect: verified.dialect(),
            freshness: verified.freshness(),
            origin,
            flags,
        }
    }
}

/// Says why a text is not an archived delivery.
#[derive(Debug, thiserror::Error)]
pub enum NotArchivedError {
    /// The text is not the JSON that the archive writes.
    #[error("object is not an archived delivery")]
    Json(#[from] serde_json::Error),
    /// Its body was kept in base64, and cannot be decoded from that.
    #[error("archived body is not base64")]
    Body(#[from] base64::DecodeError),
}

/// Says where a delivery lies that is to be found here too: under the id of another key.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Pointer {
    pub(super) lies_at: String,
}

impl Pointer {
    /// Bounds the bytes of a pointer, so that no large object is parsed as one.
    const MAX_BYTES: usize = 256;

    /// Reads a pointer; `None` for any other object.
    pub(super) fn parse(json: &[u8]) -> Option<Self> {
        (json.len() <= Self::MAX_BYTES).then(|| serde_json::from_slice(json).ok())?
    }
}

impl ArchivedDelivery {
    /// Describes a delivery as it is to be kept.
    #[must_use]
    pub fn of(envelope: &Envelope, key_id: Option<&str>) -> Self {
        Self {
            // The body is kept once, in a form that JSON can take.
            envelope: Envelope {
                body: Vec::new(),
                ..envelope.clone()
            },
            key_id: key_id.map(str::to_owned),
            thumbprint: None,
            dialect: None,
            public_url: None,
            out_of_time: None,
            flags: Vec::new(),
            reason: None,
            events: Vec::new(),
            sent_at: None,
            body: KeptBody::of(&envelope.body),
        }
    }

    /// Reads an object of the archive back, with the body where it belongs.
    ///
    /// # Errors
    ///
    /// [`NotArchivedError`] when it is none.
    pub fn parse(json: &[u8]) -> Result<Self, NotArchivedError> {
        let mut archived: Self = serde_json::from_slice(json)?;
        archived.envelope.body = std::mem::take(&mut archived.body).into_bytes()?;
        Ok(archived)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::envelope::Request;
    use crate::stores::archive::verified_key;

    fn envelope(body: &[u8]) -> Envelope {
        Envelope {
            delivery_id: "0192f0c1-2b3c-7def-8123-456789abcdef".parse().unwrap(),
            received_at: "2026-11-21T09:59:59.999Z".parse().unwrap(),
            judged_at: None,
            request: Request {
                method: "POST".to_owned(),
                path: "/webhooks/upvest".to_owned(),
                query: None,
                source_address: Some("34.90.198.99".to_owned()),
                headers: [("digest", "SHA-256=x")].into_iter().collect(),
                header_names: Vec::new(),
            },
            body: body.to_vec(),
        }
    }

    #[test]
    fn an_archived_delivery_comes_back_byte_for_byte() {
        for body in [&b"{\"payload\":[]}"[..], b"", b"\0\xff", &[1; 300]] {
            let envelope = envelope(body);
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
}
