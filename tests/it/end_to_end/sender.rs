//! A sender of deliveries that shares no code with the receiver: P-521 by another library, the signature base by hand.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use p521::ecdsa::signature::Signer;
use p521::ecdsa::{DerSignature, SigningKey};
use pipeline::stores::keys::KeyRow;
use serde_json::{Value, json};
use sha2::{Digest, Sha256, Sha512};
use uuid::Uuid;

use super::stack::Stack;

/// Lists the components of an honest delivery, in an order that Upvest's documentation does not show.
pub(super) const COMPONENTS: [&str; 5] = ["digest", "content-type", "@path", "content-length", "@method"];

/// Half a minute, in seconds.
const LIFETIME_S: i64 = 30;

/// Signs deliveries with a key of its own.
pub(super) struct Sender {
    pub(super) key_id: String,
    key: SigningKey,
    path: String,
}

/// Says what is to be signed.
#[derive(Debug, Clone)]
pub(super) struct Draft {
    /// Lists the names of the covered components, in their order.
    pub(super) components: Vec<String>,
    /// Holds what follows the list of components in `signature-input`.
    pub(super) parameters: String,
    /// Lists the headers besides those of the signature.
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

/// Holds a signed request.
#[derive(Debug, Clone)]
pub(super) struct Delivery {
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Sender {
    /// Makes a sender whose key the stack knows.
    pub(super) async fn known(stack: &Stack) -> Self {
        let sender = Self::unknown(stack);
        sender.import(stack).await;
        sender
    }

    /// Makes a sender whose key the stack does not know.
    pub(super) fn unknown(stack: &Stack) -> Self {
        let key_id = Uuid::new_v4().to_string();
        let mut scalar = [0; 66];
        // 512 bits are less than the order of the curve, which has 521.
        scalar[2..].copy_from_slice(&Sha512::digest(&key_id));
        Self {
            key: SigningKey::from_slice(&scalar).expect("the scalar is in range"),
            key_id,
            path: stack.path(),
        }
    }

    /// Makes a sender with another key under the same id.
    pub(super) fn impostor(&self, stack: &Stack) -> Self {
        Self {
            key_id: self.key_id.clone(),
            ..Self::unknown(stack)
        }
    }

    /// Has the same sender post to another URL.
    pub(super) fn to(self, path: &str) -> Self {
        Self {
            path: path.to_owned(),
            ..self
        }
    }

    pub(super) async fn import(&self, stack: &Stack) {
        stack.import(&self.row()).await;
    }

    /// Makes the row of its key in a keys table.
    pub(super) fn row(&self) -> KeyRow {
        KeyRow {
            key_id: self.key_id.clone(),
            algorithm: Some("ecdsa-p521-sha512".to_owned()),
            jwk: Some(self.jwk()),
            ..KeyRow::default()
        }
    }

    /// Writes the public half of the key as a JWK.
    fn jwk(&self) -> String {
        let point = self.key.verifying_key().to_sec1_point(false);
        let coordinates: &[u8] = &point.as_bytes()[1..];
        let jwk = json!({
            "kty": "EC",
            "crv": "P-521",
            "kid": self.key_id,
            "x": URL_SAFE_NO_PAD.encode(&coordinates[..66]),
            "y": URL_SAFE_NO_PAD.encode(&coordinates[66..]),
        });
        jwk.to_string()
    }

    /// Says what an honest sender would sign.
    pub(super) fn draft(&self, body: impl Into<Vec<u8>>) -> Draft {
        let body = body.into();
        let digest = STANDARD.encode(Sha256::digest(&body));
        let headers = [
            ("content-type", "application/json".to_owned()),
            ("content-length", body.len().to_string()),
            ("digest", format!("SHA-256={digest}")),
        ];
        Draft {
            components: COMPONENTS.map(str::to_owned).to_vec(),
            parameters: self.parameters(0),
            headers: headers.map(|(name, value)| (name.to_owned(), value)).to_vec(),
            body,
        }
    }

    /// Parameters of a signature made `age_s` seconds ago.
    pub(super) fn parameters(&self, age_s: i64) -> String {
        let created = pipeline::runtime::clock::Clock::system().now().as_second() - age_s;
        let expires = created + LIFETIME_S;
        format!(
            ";expires={expires};nonce=\"4711\";keyid=\"{}\";created={created}",
            self.key_id
        )
    }

    pub(super) fn sign(&self, draft: Draft) -> Delivery {
        let mut base = String::new();
        for name in &draft.components {
            let value = match name.as_str() {
                "@method" => "POST",
                "@path" => &self.path,
                name => draft.header(name).unwrap_or_default(),
            };
            base += &format!("{name}: {value}\n");
        }
        let names: Vec<String> = draft
            .components
            .iter()
            .map(|name| format!("\"{name}\""))
            .collect();
        let input = format!("({}){}", names.join(" "), draft.parameters);
        base += &format!("@signature-params: {input}");
        let signature: DerSignature = self.key.sign(base.as_bytes());
        let mut headers = draft.headers;
        headers.push(("signature-input".to_owned(), format!("sig1={input}")));
        headers.push((
            "signature".to_owned(),
            format!("sig1=:{}:", STANDARD.encode(signature.as_bytes())),
        ));
        Delivery {
            headers,
            body: draft.body,
        }
    }

    /// Makes an honest delivery of these events.
    pub(super) fn delivery(&self, events: &[String]) -> Delivery {
        self.sign(self.draft(batch(events)))
    }
}

impl Draft {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers
            .find(|(own, _)| own == name)
            .map(|(_, value)| value.as_str())
    }

    pub(super) fn without_header(mut self, name: &str) -> Self {
        self.headers.retain(|(own, _)| own != name);
        self
    }

    pub(super) fn covering(mut self, components: &[&str]) -> Self {
        self.components = components.iter().map(|name| (*name).to_owned()).collect();
        self
    }

    pub(super) fn with_parameters(mut self, parameters: String) -> Self {
        self.parameters = parameters;
        self
    }
}

impl Delivery {
    /// Gives a header of the delivery another value.
    pub(super) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.retain(|(own, _)| own != name);
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(super) fn header(&self, name: &str) -> &str {
        let mut headers = self.headers.iter();
        let found = headers.find(|(own, _)| own == name);
        found
            .map(|(_, value)| value.as_str())
            .expect("the delivery has the header")
    }
}

/// Writes a body with these events.
pub(super) fn batch(events: &[String]) -> String {
    format!(r#"{{"payload":[{}]}}"#, events.join(","))
}

pub(super) fn event(id: &str, event_type: &str, object: &Value) -> String {
    json!({
        "id": id,
        "created_at": "2026-01-05T17:00:00.123456789Z",
        "type": event_type,
        "object": object,
        "webhook_id": "5a3f1c1e-6b0d-4c57-9a44-0d7a4f2f8e10",
    })
    .to_string()
}

/// Makes a new order up: its event, and its key among the entities.
pub(super) fn new_order(event_id: &str) -> (String, String) {
    let order = Uuid::new_v4().to_string();
    let text = event(
        event_id,
        "ORDER.NEW",
        &json!({ "id": order, "status": "NEW", "cash_amount": "10.50" }),
    );
    (text, format!("ORDER#{order}"))
}

pub(super) fn new_id() -> String {
    Uuid::new_v4().to_string()
}
