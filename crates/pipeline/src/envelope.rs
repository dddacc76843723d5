//! A delivery as it travels in the deliveries queue.
//!
//! The message body is the delivery's raw body; all else is in message attributes. Nothing is re-serialised before the
//! signature is checked. What is kept of a delivery, and what is sent of it, is made of it: stores and queues are above this.
//!
//! | Module | Knows |
//! |---|---|
//! | [`encoding`] | how bytes are written into a message, which takes only text |
//! | [`attributes`] | the names of the attributes of a message |

pub mod attributes;
pub mod encoding;

use std::collections::HashMap;

use aws_lambda_events::event::sqs::SqsMessage;
use aws_sdk_sqs::types::MessageAttributeValue;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use upvest::signature::{Headers, SignedRequest};
use uuid::Uuid;

use self::attributes::{DELIVERY_ID, ENCODING, JUDGED_AT, RECEIVED_AT, REQUEST};
use self::encoding::{DecodeError, EncodeError, Encoded, Encoding, MAX_MESSAGE_BYTES};

/// Lists the headers that are kept whether or not the signature covers them.
const ALWAYS_KEPT: [&str; 8] = [
    "signature",
    "signature-input",
    "digest",
    "content-digest",
    "content-type",
    "content-length",
    "host",
    "upvest-signature-version",
];

/// Is kept free in every message, in bytes: where a delivery that waited for its key lay is sent along with it, and what fitted
/// into the first message has to fit into that one; so does the mark of one that may be pending.
const ROOM_FOR_SENDING_ON: usize = 192;

/// Holds one HTTP request that Upvest, or somebody who claims to be Upvest, made to deliver events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope {
    /// Identifies the delivery; given at ingest, its leading bits are the time of receipt.
    pub delivery_id: Uuid,
    /// Tells when the request arrived: the time by which the signature's freshness is decided.
    pub received_at: Timestamp,
    /// Tells when SQS took the delivery, where that is far from `received_at`, so that this is not believed; `None` where it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub judged_at: Option<Timestamp>,
    /// Says what the request was, but for its body.
    pub request: Request,
    /// Holds the raw body, as the signature's digest covers it. The message body has it, so the JSON does not.
    #[serde(skip)]
    pub body: Vec<u8>,
}

/// Holds a delivery's request line, the sender's address, and the headers that the signature needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// Names the HTTP method, for example `POST`: the signature covers it.
    pub method: String,
    /// Gives the path as the gateway saw it, which the signature has to cover.
    pub path: String,
    /// Holds the raw query, without `?`; `None` where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// Gives the sender's address, as the gateway saw it; `None` where it does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_address: Option<String>,
    /// Holds the headers that the signature needs, and no others: credentials stay out.
    pub headers: Headers,
    /// Lists the names of all headers that arrived, in their order: what Upvest sends is only in part documented, and a
    /// name gives nothing away.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub header_names: Vec<String>,
}

/// Says why a message of the deliveries queue is no envelope.
#[derive(Debug, thiserror::Error)]
pub enum EnvelopeError {
    /// An attribute is missing or cannot be read.
    #[error("message has no usable attribute {0}")]
    Attribute(&'static str),
    /// SQS handed over no body, which no message of ours is without.
    #[error("message has no body")]
    Body,
    /// The body is not what the attribute `encoding` says.
    #[error("message body cannot be decoded")]
    Encoding(#[from] DecodeError),
}

impl Envelope {
    /// Selects the headers that go into an envelope: those that the signature covers, by the text of
    /// `signature-input`, and those that it needs. Credentials and cookies that a sender adds stay out.
    #[must_use]
    pub fn needed_headers(all: &Headers) -> Headers {
        let inputs = all
            .combined("signature-input")
            .unwrap_or_default()
            .to_ascii_lowercase();
        // A covered component is `"name"`, or in draft 6 `"name:member"`: a search in the text cannot fail, parsing can.
        let covered =
            |name: &str| inputs.contains(&format!("\"{name}\"")) || inputs.contains(&format!("\"{name}:"));
        all.iter()
            .filter(|(name, _)| ALWAYS_KEPT.contains(name) || covered(name))
            .collect()
    }

    /// Lists the names of headers, each once.
    #[must_use]
    pub fn names_of(all: &Headers) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for (name, _) in all.iter() {
            if !names.iter().any(|known| known == name) {
                names.push(name.to_owned());
            }
        }
        names
    }

    /// Gives the time as of which the delivery is verified: whether its keys prove, and whether it is fresh.
    #[must_use]
    pub fn verified_as_of(&self) -> Timestamp {
        self.judged_at.unwrap_or(self.received_at)
    }

    /// Gives the request to the check of its signature, as the sender made it.
    #[must_use]
    pub fn signed_request(&self) -> SignedRequest<'_> {
        SignedRequest {
            method: &self.request.method,
            path: &self.request.path,
            query: self.request.query.as_deref(),
            headers: &self.request.headers,
            body: &self.body,
        }
    }

    /// Writes the envelope as a message body with its attributes.
    ///
    /// # Errors
    ///
    /// [`EncodeError`] when it does not fit into one message.
    pub fn to_message(&self) -> Result<(String, HashMap<String, MessageAttributeValue>), EncodeError> {
        let mut attributes = vec![
            (DELIVERY_ID, self.delivery_id.to_string()),
            (RECEIVED_AT, self.received_at.to_string()),
            (REQUEST, ascii_json(&self.request)),
        ];
        attributes.extend(self.judged_at.map(|at| (JUDGED_AT, at.to_string())));
        let size = |(name, value): &(&str, String)| name.len() + "String".len() + value.len();
        // Room is kept for the longest encoding's name: which one it takes is known only once the room is.
        let taken = attributes.iter().map(size).sum::<usize>()
            + ENCODING.len()
            + "Stringdeflate-base64".len()
            + ROOM_FOR_SENDING_ON;
        let Encoded { encoding, text } =
            encoding::encode(&self.body, MAX_MESSAGE_BYTES.saturating_sub(taken))?;
        attributes.extend(encoding.name().map(|name| (ENCODING, name.to_owned())));
        Ok((
            text.into_owned(),
            attributes.into_iter().map(string_attribute).collect(),
        ))
    }

    /// Reads the envelope back from a message.
    ///
    /// # Errors
    ///
    /// [`EnvelopeError`] when the message was not written by [`Envelope::to_message`].
    pub fn from_message(message: &SqsMessage) -> Result<Self, EnvelopeError> {
        let required = |name: &'static str| attribute(message, name).ok_or(EnvelopeError::Attribute(name));
        let body = message.body.clone().ok_or(EnvelopeError::Body)?;
        let bad = EnvelopeError::Attribute;
        Ok(Self {
            delivery_id: required(DELIVERY_ID)?.parse().map_err(|_| bad(DELIVERY_ID))?,
            received_at: required(RECEIVED_AT)?.parse().map_err(|_| bad(RECEIVED_AT))?,
            judged_at: match attribute(message, JUDGED_AT) {
                Some(at) => Some(at.parse().map_err(|_| bad(JUDGED_AT))?),
                None => None,
            },
            request: serde_json::from_str(required(REQUEST)?).map_err(|_| bad(REQUEST))?,
            body: encoding::decode(Encoding::from_name(attribute(message, ENCODING))?, body)?,
        })
    }
}

/// Reads the text of a message's attribute; `None` where it is missing or of another kind.
#[must_use]
pub fn attribute<'m>(message: &'m SqsMessage, name: &str) -> Option<&'m str> {
    message.message_attributes.get(name)?.string_value.as_deref()
}

/// Makes a named message attribute with a text value, which must not be empty.
#[must_use]
pub fn string_attribute((name, value): (&str, String)) -> (String, MessageAttributeValue) {
    let attribute = MessageAttributeValue::builder()
        .data_type("String")
        .string_value(value)
        .build();
    (
        name.to_owned(),
        attribute.unwrap_or_else(|_| unreachable!("the builder asks for a data type only")),
    )
}

/// Writes a request as JSON in printable ASCII, because an attribute takes no control characters.
fn ascii_json(request: &Request) -> String {
    let json = serde_json::to_string(request).unwrap_or_else(|_| unreachable!("texts always serialise"));
    let mut ascii = String::with_capacity(json.len());
    for c in json.chars() {
        if c.is_ascii() && c != '\u{7f}' {
            ascii.push(c);
            continue;
        }
        // JSON escapes a character beyond 16 bits as two surrogates.
        for unit in c.encode_utf16(&mut [0; 2]) {
            ascii.push_str(&format!("\\u{unit:04x}"));
        }
    }
    ascii
}

#[cfg(test)]
mod tests {
    use super::*;

    fn envelope(body: &[u8]) -> Envelope {
        Envelope {
            delivery_id: "0192f0c1-2b3c-7def-8123-456789abcdef".parse().unwrap(),
            received_at: "2026-11-21T10:00:00.123Z".parse().unwrap(),
            judged_at: None,
            request: Request {
                method: "POST".to_owned(),
                path: "/webhooks/up\u{7f}vest".to_owned(),
                query: Some("a=ü💶\0".to_owned()),
                source_address: None,
                headers: [("signature", "sig1=:AA==:")].into_iter().collect(),
                header_names: vec!["signature".to_owned()],
            },
            body: body.to_vec(),
        }
    }

    fn received(envelope: &Envelope) -> SqsMessage {
        let (body, attributes) = envelope.to_message().unwrap();
        let mut message = SqsMessage::default();
        message.body = Some(body);
        for (name, value) in attributes {
            let value = value.string_value.unwrap();
            assert!(
                value.bytes().all(|byte| (b' '..0x7f).contains(&byte)),
                "{name}: {value}"
            );
            let json = serde_json::json!({ "stringValue": value, "dataType": "String" });
            message
                .message_attributes
                .insert(name, serde_json::from_value(json).unwrap());
        }
        message
    }

    #[test]
    fn an_envelope_survives_the_queue_byte_for_byte() {
        for body in [&b"{\"payload\":[]}"[..], b"", b"\0\xff", &vec![b'['; 3_000_000]] {
            assert_eq!(
                Envelope::from_message(&received(&envelope(body))).unwrap(),
                envelope(body)
            );
        }
    }

    #[test]
    fn the_body_of_an_ordinary_delivery_is_the_message() {
        let (body, attributes) = envelope(b"{\"payload\":[]}").to_message().unwrap();
        assert_eq!(body, "{\"payload\":[]}");
        assert!(!attributes.contains_key(ENCODING));
    }

    #[test]
    fn a_body_that_compression_cannot_make_fit_is_too_large() {
        let mut state = 1_u64;
        let noise = std::iter::repeat_with(|| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 56) as u8
        });
        assert_eq!(
            envelope(&noise.take(1_000_000).collect::<Vec<_>>()).to_message(),
            Err(EncodeError)
        );
    }

    #[test]
    fn a_message_that_is_no_envelope_says_what_is_wrong() {
        let mut message = received(&envelope(b"{}"));
        message.message_attributes.remove(REQUEST);
        let error = Envelope::from_message(&message).unwrap_err();
        assert_eq!(error.to_string(), "message has no usable attribute request");
        assert!(matches!(
            Envelope::from_message(&SqsMessage::default()),
            Err(EnvelopeError::Body)
        ));
    }

    #[test]
    fn only_headers_that_the_signature_needs_are_kept() {
        let headers = [
            (
                "Signature-Input",
                "sig1=(\"@method\" \"Accept\" \"x-list:member\");keyid=\"k\"",
            ),
            ("Signature", "sig1=:AA==:"),
            ("Accept", "*/*"),
            ("X-List", "member=1"),
            ("Authorization", "Bearer secret"),
            ("Cookie", "session=secret"),
        ];
        let kept = Envelope::needed_headers(&headers.into_iter().collect());
        let names: Vec<_> = kept.iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["signature-input", "signature", "accept", "x-list"]);
    }
}
