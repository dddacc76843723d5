//! A request with signature headers: parsed, judged, and signed by ourselves.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use sha2::{Digest, Sha256, Sha512};
use upvest::signature::{
    Dialect, Headers, MAX_KEY_ID_BYTES, MAX_VERIFICATIONS, SignatureOptions, SignedRequest, SigningKey,
    UnverifiedDelivery, VerifyError, VerifyingKey,
};

use crate::text;

/// Gives the shared secret of the vectors in `events/vectors`.
const SECRET: &[u8] = b"synthetic upvest webhook test secret";
const HMAC_KEY: &str = "00000000-0000-4000-8000-000000000003";

/// Holds a request as the input describes it: a request line, headers, an empty line, and the body.
struct Request<'a> {
    method: String,
    path: String,
    query: Option<String>,
    headers: Headers,
    body: &'a [u8],
}

impl<'a> Request<'a> {
    fn read(data: &'a [u8]) -> Self {
        let (lines, body) = text::split(data);
        let mut lines = lines.into_iter();
        let first = lines.next().unwrap_or_default();
        let (method, target) = first.split_once(' ').unwrap_or((&first, ""));
        let (path, query) = target
            .split_once('?')
            .map_or((target, None), |(path, query)| (path, Some(query)));
        let lines: Vec<String> = lines.collect();
        Self {
            method: method.to_owned(),
            path: path.to_owned(),
            query: query.map(str::to_owned),
            headers: lines.iter().filter_map(|line| text::pair(line)).collect(),
            body,
        }
    }

    fn signed(&self) -> SignedRequest<'_> {
        SignedRequest {
            method: &self.method,
            path: &self.path,
            query: self.query.as_deref(),
            headers: &self.headers,
            body: self.body,
        }
    }
}

/// Parses and verifies a request; then covers what it asks for by a signature of our own, and verifies that.
///
/// # Panics
///
/// When a bound is passed; when a body is proven whose digest was not signed; when our own signature does not hold, or
/// still holds once the body was changed.
pub fn run(data: &[u8]) {
    let request = Request::read(data);
    let received_at = Timestamp::from_second(1_633_529_660).expect("a second of 2021 is a time");
    let Ok(delivery) = UnverifiedDelivery::parse(request.signed()) else {
        return;
    };
    let ids = delivery.key_ids();
    assert!(
        !ids.is_empty() && ids.len() <= MAX_VERIFICATIONS,
        "{} key ids",
        ids.len()
    );
    assert!(
        ids.iter().all(|id| id.len() <= MAX_KEY_ID_BYTES),
        "a key id is too long"
    );
    let bases: Vec<_> = delivery.unverified_bases().collect();
    let covered: Vec<String> = delivery.unverified_covered().map(str::to_owned).collect();

    let known = [signing_key(Dialect::UnquotedDigest)
        .verifying_key()
        .expect("the key verifies")];
    if let Ok(verified) = delivery.verify(&known, received_at) {
        assert_eq!(verified.body(), request.body);
        assert!(
            has_digest_of(verified.signature_base(), request.body),
            "the body's digest is not signed"
        );
    }
    for (dialect, base) in bases {
        // What cannot be written as a text cannot be signed either.
        if base.is_ok() {
            sign_and_verify(&request, dialect, &covered, &known, received_at);
        }
    }
}

fn sign_and_verify(
    request: &Request<'_>,
    dialect: Dialect,
    covered: &[String],
    known: &[VerifyingKey],
    received_at: Timestamp,
) {
    let mut headers = request.headers.clone();
    for name in ["signature", "signature-input", "digest", "content-digest"] {
        headers.remove(name);
    }
    let options = SignatureOptions::new(covered).valid(received_at, received_at);
    let unsigned = SignedRequest {
        headers: &headers,
        ..request.signed()
    };
    let Ok(signature) = signing_key(dialect).sign(&unsigned, &options) else {
        return;
    };
    signature.apply_to(&mut headers);
    let ours = SignedRequest {
        headers: &headers,
        ..request.signed()
    };
    let verified = UnverifiedDelivery::parse(ours).and_then(|delivery| delivery.verify(known, received_at));
    let verified = verified.unwrap_or_else(|error| panic!("our own signature in {dialect:?}: {error}"));
    assert_eq!(verified.dialect(), dialect);

    let changed = [request.body, b"\n"].concat();
    let forged = SignedRequest {
        body: &changed,
        ..ours
    };
    let refused = UnverifiedDelivery::parse(forged).and_then(|delivery| delivery.verify(known, received_at));
    assert_eq!(
        refused.expect_err("another body is proven"),
        VerifyError::DigestMismatch
    );
}

fn signing_key(dialect: Dialect) -> SigningKey {
    SigningKey::hmac(HMAC_KEY, dialect, SECRET.to_vec().into()).expect("the secret is long enough")
}

/// Looks for the digest of a body in what was signed, by the algorithms that there are.
fn has_digest_of(base: &str, body: &[u8]) -> bool {
    let digests = [
        STANDARD.encode(Sha256::digest(body)),
        STANDARD.encode(Sha512::digest(body)),
    ];
    digests.iter().any(|digest| base.contains(digest))
}
