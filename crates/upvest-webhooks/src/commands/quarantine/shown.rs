//! Everything about a delivery in quarantine.

use jiff::Timestamp;
use pipeline::queues::envelope::Request;
use pipeline::stores::archive::ArchivedDelivery;
use pipeline::stores::keys::KeysError;
use serde::Serialize;
use upvest::signature::UnverifiedDelivery;
use uuid::Uuid;

use super::judge::{Judge, Outlook};
use crate::output::{facts, pretty};
use crate::times::age_at;

/// Headers that a signature may cover and that nobody needs to see.
const CREDENTIALS: [&str; 2] = ["authorization", "cookie"];
const HIDDEN: &str = "(not shown)";

/// A delivery of which something is in quarantine.
#[derive(Debug, Serialize)]
pub(crate) struct Shown {
    pub(crate) delivery_id: Uuid,
    pub(crate) at: Timestamp,
    pub(crate) received_at: Timestamp,
    pub(crate) request: Request,
    pub(crate) bytes: usize,
    pub(crate) signature: Signature,
    pub(crate) parts: Vec<Part>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) body: Option<String>,
}

/// What is in quarantine of it for one reason.
#[derive(Debug, Serialize)]
pub(crate) struct Part {
    pub(crate) reason: String,
    pub(crate) object: String,
    /// The places of the events in the batch; all where there are none.
    pub(crate) events: Vec<usize>,
    #[serde(flatten)]
    pub(crate) now: Outlook,
}

/// What the sender signed, by its own account.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Signature {
    key_id: Option<String>,
    /// How the key's owner signs; `None` for an unknown key.
    profile: Option<String>,
    algorithm: Option<String>,
    covered: Vec<String>,
    /// The text that the signature has to be of.
    base: Option<String>,
    /// Why that cannot be told.
    trouble: Option<String>,
}

impl Signature {
    /// Reads the signature of a delivery, which need not hold.
    ///
    /// # Errors
    ///
    /// [`KeysError`] when the keys table cannot be read.
    pub(crate) async fn of(judge: &Judge, delivery: &ArchivedDelivery) -> Result<Self, KeysError> {
        let unverified = match UnverifiedDelivery::parse(delivery.envelope.signed_request()) {
            Ok(unverified) => unverified,
            Err(rejection) => {
                return Ok(Self {
                    trouble: Some(rejection.to_string()),
                    ..Self::default()
                });
            }
        };
        let mut signature = Self {
            key_id: Some(unverified.key_id().to_owned()),
            covered: unverified.unverified_covered().map(str::to_owned).collect(),
            ..Self::default()
        };
        let Some(key) = judge.keys.find(unverified.key_id()).await? else {
            signature.trouble =
                Some("the key is not in the keys table, which tells how its owner signs".to_owned());
            return Ok(signature);
        };
        signature.profile = Some(key.profile().to_string());
        signature.algorithm = Some(key.algorithm().to_string());
        match unverified.unverified_base(key.profile()) {
            Ok(base) => signature.base = Some(without_credentials(&base)),
            Err(rejection) => signature.trouble = Some(rejection.to_string()),
        }
        Ok(signature)
    }

    fn text(&self) -> String {
        let mut text = facts([
            ("key", self.key_id.clone()),
            ("signed as", self.profile.clone()),
            ("algorithm", self.algorithm.clone()),
            ("covered", Some(self.covered.join(", "))),
            ("trouble", self.trouble.clone()),
        ]);
        if let Some(base) = &self.base {
            text.push_str("signature base, the text that is signed:\n");
            for line in base.lines() {
                text.push_str(&format!("  {line}\n"));
            }
        }
        text
    }
}

/// Hides the values of headers that may hold credentials.
fn without_credentials(base: &str) -> String {
    let lines = base.lines().map(|line| match line.split_once(": ") {
        Some((name, _)) if CREDENTIALS.contains(&name.trim_matches('"')) => format!("{name}: {HIDDEN}"),
        _ => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// A request without credentials.
pub(crate) fn harmless_request(mut request: Request) -> Request {
    for name in CREDENTIALS {
        if request.headers.get_combined(name).is_some() {
            request.headers.set(name, HIDDEN);
        }
    }
    request
}

impl Shown {
    /// The same for people.
    pub(crate) fn text(&self) -> String {
        let request = &self.request;
        let query = request.query.as_ref().map(|query| format!("?{query}"));
        let line = format!("{} {}{}", request.method, request.path, query.unwrap_or_default());
        let received = format!("{} ({} ago)", self.received_at, age_at(self.at, self.received_at));
        let mut text = facts([
            ("delivery", Some(self.delivery_id.to_string())),
            ("received", Some(received)),
            ("request", Some(line)),
            ("from", request.source_address.clone()),
            ("body", Some(format!("{} bytes", self.bytes))),
        ]);
        for part in &self.parts {
            text.push_str(&format!("\nin quarantine: {}\n", part.reason));
            let places: Vec<String> = part.events.iter().map(ToString::to_string).collect();
            text.push_str(&facts([
                ("  object", Some(part.object.clone())),
                ("  events", Some(places.join(", ")).filter(|_| !places.is_empty())),
                ("  now", Some(part.now.text())),
            ]));
        }
        text.push_str(&format!("\nsignature\n{}\nheaders\n", self.signature.text()));
        for (name, value) in request.headers.iter() {
            text.push_str(&format!("  {name}: {value}\n"));
        }
        if let Some(body) = &self.body {
            text.push_str(&format!("\nbody\n{}\n", readable(body)));
        }
        text
    }
}

/// JSON indented, and all else as it is.
fn readable(body: &str) -> String {
    match serde_json::from_str::<serde::de::IgnoredAny>(body) {
        Ok(_) => pretty(body),
        Err(_) => body.to_owned(),
    }
}

impl Outlook {
    /// The same for people.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Verified => "verified: needs no place in quarantine".to_owned(),
            Self::Holds { sent_at: None } => "holds: `quarantine reverify` sends it on its way".to_owned(),
            Self::Holds { sent_at: Some(at) } => format!(
                "holds, and was sent at {at}: `quarantine reverify` takes it out once the stack has verified it"
            ),
            Self::Fails { reason, why } if reason.is_empty() => format!("fails: {why}"),
            Self::Fails { reason, why } => format!("fails: {reason} ({why})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_base_is_shown_without_credentials() {
        let base =
            "@method: POST\nauthorization: Bearer s3cret\n\"cookie\": s3cret\n@signature-params: (...)";
        let shown = without_credentials(base);
        assert!(!shown.contains("s3cret"), "{shown}");
        assert!(
            shown.contains("authorization: (not shown)\n\"cookie\": (not shown)"),
            "{shown}"
        );
        assert!(shown.starts_with("@method: POST\n"), "{shown}");
    }
}
