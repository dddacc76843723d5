//! What strangers post: floods of requests that look like deliveries.

use std::collections::BTreeSet;

use fake_aws::Rng;
use upvest::signature::{Dialect, Headers, SignatureOptions, SigningKey};

use crate::deliveries::{body_of, sign_with};
use crate::receiver::Receiver;
use crate::story::{Delivery, Story};

/// Lists what the signature of a stranger covers who knows how Upvest signs.
const COMPONENTS: [&str; 5] = ["@method", "@path", "digest", "content-type", "content-length"];

/// Makes up what strangers post, and remembers what they were answered.
#[derive(Debug)]
pub(super) struct Strangers {
    rng: Rng,
    /// Holds a delivery of Upvest's that somebody has seen on its way.
    seen: Delivery,
    /// Names the keys of Upvest's, which are public.
    key_ids: Vec<String>,
    invented: usize,
    answered: BTreeSet<String>,
}

/// Holds one request of a stranger's.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) headers: Headers,
    pub(super) body: Vec<u8>,
}

impl Strangers {
    pub(super) fn new(receiver: &Receiver, story: &Story) -> Self {
        let keys = story.keys.iter().filter_map(|key| key.key_id());
        Self {
            rng: receiver.aws.rng().fork("strangers"),
            seen: story.deliveries[0].clone(),
            key_ids: keys.map(str::to_owned).collect(),
            invented: 0,
            answered: BTreeSet::new(),
        }
    }

    /// Makes up some requests that come at once.
    pub(super) fn flood(&mut self) -> Vec<Request> {
        let count = 1 + self.rng.below(12);
        (0..count).map(|_| self.request()).collect()
    }

    pub(super) fn was_answered(&mut self, delivery_id: String) {
        self.answered.insert(delivery_id);
    }

    /// Lists the ids under which strangers' requests were answered with 200.
    pub(super) fn answered(&self) -> impl Iterator<Item = &str> {
        self.answered.iter().map(String::as_str)
    }

    fn request(&mut self) -> Request {
        self.invented += 1;
        let number = self.invented;
        let event = format!(
            r#"{{"id":"invented-{number}","created_at":"2026-01-01T00:00:00Z","type":"ORDER.FILLED","object":{{"id":"order-0"}}}}"#
        );
        let body = body_of(&[event]).into_bytes();
        match self.rng.below(8) {
            0 => Request {
                headers: [("content-type", "application/json")].into_iter().collect(),
                body,
            },
            1 => self.signed(&format!("invented-{number}"), body),
            2 => self.signed("invented", body),
            3 => {
                let known = self.key_ids[self.rng.below(self.key_ids.len())].clone();
                self.signed(&known, body)
            }
            // Upvest's signature under another body.
            4 => Request {
                headers: self.seen.headers.clone(),
                body,
            },
            5 => self.unprintable(body),
            6 => {
                let zeros = vec![b'0'; 64 * 1024];
                self.signed("invented", zeros)
            }
            _ => self.signed_often(body),
        }
    }

    /// Signs well, with a key of the stranger's own under this id.
    fn signed(&mut self, key_id: &str, body: Vec<u8>) -> Request {
        let headers = sign_with(&self.key(key_id), &body, &SignatureOptions::new(COMPONENTS));
        Request { headers, body }
    }

    fn key(&mut self, key_id: &str) -> SigningKey {
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&self.rng.draw().to_be_bytes());
        SigningKey::ed25519_from_seed(key_id, Dialect::UnquotedDigest, &seed).expect("any 32 bytes are a key")
    }

    /// Puts what no header should have into the ones that are parsed.
    fn unprintable(&mut self, body: Vec<u8>) -> Request {
        let Request { mut headers, body } = self.signed("invented", body);
        let odd = ["\u{1}", "\u{1b}[2J", "\u{202e}", "\0", "\"", ";", "\u{fffd}"];
        let (name, value) = {
            let all: Vec<_> = headers.iter().collect();
            let (name, value) = all[self.rng.below(all.len())];
            (name.to_owned(), value.to_owned())
        };
        let at = self.rng.below(value.len() + 1);
        let (before, after) = value.split_at_checked(at).unwrap_or((&value, ""));
        let odd = odd[self.rng.below(odd.len())];
        headers.set(&name, format!("{before}{odd}{after}"));
        Request { headers, body }
    }

    /// Adds signatures by keys that nobody has.
    fn signed_often(&mut self, body: Vec<u8>) -> Request {
        let Request { mut headers, body } = self.signed("invented-0", body);
        for label in 1..self.rng.below(20) {
            let id = format!("invented-{label}");
            let more = self.signed(&id, body.clone()).headers;
            for (name, value) in more.iter().filter(|(name, _)| name.starts_with("signature")) {
                let relabelled = value.replacen('=', &format!("{label}="), 1);
                headers.push(name, relabelled);
            }
        }
        Request { headers, body }
    }
}
