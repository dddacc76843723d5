//! Verifies the signatures of requests, with nothing of what signs or verifies elsewhere in this
//! project, so that an error common to both sides cannot hide.
//!
//! Where Upvest's limits are not known, they are assumed: [`MAX_LIFETIME_SECONDS`], [`MAX_AHEAD_SECONDS`], and that a
//! covered header which Upvest's servers ignore or which changes on the way fails.

mod input;

use aws_lc_rs::signature::{ECDSA_P521_SHA512_ASN1, ED25519, UnparsedPublicKey};
use axum::http::{HeaderMap, Method, Uri};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use sha2::{Digest, Sha512};
use upvest::signature::Jwk;

use self::input::{Input, parse_input};
use crate::api_client::ApiClient;

/// Bounds the longest accepted time from `created` to `expires`: Upvest's examples use up to 60 seconds.
const MAX_LIFETIME_SECONDS: i64 = 300;
/// Bounds how far `created` may be ahead of the server's clock, in seconds: assumed, as Upvest's limit is not
/// known.
const MAX_AHEAD_SECONDS: i64 = 10;
// Those of Upvest's Python example, which has them from the server's code (`ignoreHeadersWithPrefix`).
const IGNORED_PREFIXES: [&str; 7] = [
    "cf-",
    "cdn-",
    "cookie",
    "x-",
    "priority",
    "upvest-signature",
    "sec-",
];
// Upvest's examples never cover the first four, and a client made of its specification none of all.
const CHANGED_ON_THE_WAY: [&str; 7] = [
    "user-agent",
    "accept-encoding",
    "connection",
    "host",
    "expect",
    "te",
    "transfer-encoding",
];
/// Says what is to be covered when it is in the request: the least that an official example covers.
const COVERED_IF_PRESENT: [&str; 4] = [
    "accept",
    "authorization",
    "upvest-client-id",
    "upvest-api-version",
];
const COVERED_WITH_BODY: [&str; 3] = ["content-length", "content-type", "content-digest"];

/// Holds a request, byte for byte.
#[derive(Debug, Clone, Copy)]
pub(super) struct Incoming<'r> {
    pub(super) method: &'r Method,
    pub(super) uri: &'r Uri,
    pub(super) headers: &'r HeaderMap,
    pub(super) body: &'r [u8],
}

/// Holds what a valid signature says about itself.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Claims {
    pub(super) nonce: String,
    pub(super) expires: i64,
}

/// Says why a signature is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum SignatureError {
    #[error("{0} is missing")]
    Missing(&'static str),
    #[error("{0} is malformed")]
    Malformed(&'static str),
    #[error("upvest-signature-version is not 15: version 6 is not simulated")]
    Version,
    #[error("the component {0} is to be covered")]
    NotCovered(String),
    #[error("the component {0} cannot be covered")]
    Forbidden(String),
    #[error("the component {0} is covered twice")]
    Twice(String),
    #[error("the component {0} is covered and not in the request")]
    Absent(String),
    #[error("content-digest is not that of the body")]
    Digest,
    #[error("content-length is not that of the body")]
    Length,
    #[error("keyid is not that of the client's key")]
    KeyId,
    #[error("the signature was created in the future")]
    Future,
    #[error("the signature has expired")]
    Expired,
    #[error("the signature is valid for too long, or for no time")]
    Lifetime,
    #[error("the signature does not hold")]
    Signature,
}

/// Verifies a request with its client's key.
pub(super) fn verify(incoming: Incoming<'_>, client: &ApiClient, now: i64) -> Result<Claims, SignatureError> {
    if single(incoming.headers, "upvest-signature-version")? != "15" {
        return Err(SignatureError::Version);
    }
    let input = single(incoming.headers, "signature-input")?;
    let input = parse_input(input).ok_or(SignatureError::Malformed("signature-input"))?;
    check_components(incoming, &input.components)?;
    check_body(incoming)?;
    let claims = check_parameters(&input, &client.key_id, now)?;
    let signature = single(incoming.headers, "signature")?
        .strip_prefix(input.label)
        .and_then(|rest| rest.strip_prefix("=:")?.strip_suffix(':'))
        .and_then(|base64| STANDARD.decode(base64).ok())
        .ok_or(SignatureError::Malformed("signature"))?;
    let base = base(incoming, &input)?;
    if holds(&client.public_key, base.as_bytes(), &signature) {
        Ok(claims)
    } else {
        Err(SignatureError::Signature)
    }
}

fn single<'h>(headers: &'h HeaderMap, name: &'static str) -> Result<&'h str, SignatureError> {
    let mut values = headers.get_all(name).iter();
    let value = values.next().ok_or(SignatureError::Missing(name))?;
    match (value.to_str(), values.next()) {
        (Ok(value), None) => Ok(value),
        _ => Err(SignatureError::Malformed(name)),
    }
}

fn check_components(incoming: Incoming<'_>, components: &[&str]) -> Result<(), SignatureError> {
    for (index, component) in components.iter().enumerate() {
        let ignored = IGNORED_PREFIXES
            .iter()
            .any(|prefix| component.starts_with(prefix));
        if ignored || CHANGED_ON_THE_WAY.contains(component) {
            return Err(SignatureError::Forbidden((*component).to_owned()));
        }
        if components[..index].contains(component) {
            return Err(SignatureError::Twice((*component).to_owned()));
        }
    }
    let mut wanted = vec!["@method", "@path"];
    wanted.extend(query(incoming).map(|_| "@query"));
    wanted.extend(
        COVERED_IF_PRESENT
            .iter()
            .filter(|name| incoming.headers.contains_key(**name)),
    );
    if !incoming.body.is_empty() {
        wanted.extend(COVERED_WITH_BODY);
    }
    match wanted.iter().find(|name| !components.contains(name)) {
        Some(name) => Err(SignatureError::NotCovered((*name).to_owned())),
        None => Ok(()),
    }
}

fn check_body(incoming: Incoming<'_>) -> Result<(), SignatureError> {
    if incoming.body.is_empty() && !incoming.headers.contains_key("content-digest") {
        return Ok(());
    }
    let digest = single(incoming.headers, "content-digest")?;
    if digest != format!("sha-512=:{}:", STANDARD.encode(Sha512::digest(incoming.body))) {
        return Err(SignatureError::Digest);
    }
    let length = single(incoming.headers, "content-length")?;
    if length != incoming.body.len().to_string() {
        return Err(SignatureError::Length);
    }
    Ok(())
}

fn check_parameters(input: &Input<'_>, key_id: &str, now: i64) -> Result<Claims, SignatureError> {
    let value = |name: &'static str| {
        let mut values = input.parameters.iter().filter(|(own, _)| *own == name);
        match (values.next(), values.next()) {
            (Some((_, value)), None) => Ok(*value),
            (None, _) => Err(SignatureError::Missing(name)),
            _ => Err(SignatureError::Malformed(name)),
        }
    };
    let seconds = |name| {
        value(name)?
            .parse::<i64>()
            .map_err(|_| SignatureError::Malformed(name))
    };
    let (created, expires, nonce) = (seconds("created")?, seconds("expires")?, value("nonce")?);
    if value("keyid")? != key_id {
        return Err(SignatureError::KeyId);
    }
    if nonce.is_empty() {
        return Err(SignatureError::Malformed("nonce"));
    }
    if created > now + MAX_AHEAD_SECONDS {
        return Err(SignatureError::Future);
    }
    if expires < now {
        return Err(SignatureError::Expired);
    }
    if !(1..=MAX_LIFETIME_SECONDS).contains(&(expires - created)) {
        return Err(SignatureError::Lifetime);
    }
    Ok(Claims {
        nonce: nonce.to_owned(),
        expires,
    })
}

/// Writes the text that was signed.
fn base(incoming: Incoming<'_>, input: &Input<'_>) -> Result<String, SignatureError> {
    let mut base = String::new();
    for component in &input.components {
        let value =
            component_value(incoming, component).ok_or(SignatureError::Absent((*component).to_owned()))?;
        base += &format!("\"{component}\": {value}\n");
    }
    Ok(base + "\"@signature-params\": " + input.text)
}

fn component_value(incoming: Incoming<'_>, component: &str) -> Option<String> {
    match component {
        "@method" => Some(incoming.method.as_str().to_uppercase()),
        "@path" => Some(incoming.uri.path().to_owned()),
        "@query" => query(incoming).map(|query| format!("?{query}")),
        _ => {
            let values = incoming.headers.get_all(component).iter();
            let values: Result<Vec<&str>, _> = values.map(|value| value.to_str().map(str::trim)).collect();
            values
                .ok()
                .filter(|values| !values.is_empty())
                .map(|values| values.join(", "))
        }
    }
}

fn query<'r>(incoming: Incoming<'r>) -> Option<&'r str> {
    incoming.uri.query().filter(|query| !query.is_empty())
}

fn holds(key: &Jwk, base: &[u8], signature: &[u8]) -> bool {
    let Ok(key) = serde_json::to_value(key) else {
        return false;
    };
    let coordinate = |name: &str| {
        let text = key[name].as_str().unwrap_or_default();
        URL_SAFE_NO_PAD.decode(text).unwrap_or_default()
    };
    match key["crv"].as_str() {
        Some("P-521") => {
            let point = [vec![4], coordinate("x"), coordinate("y")].concat();
            UnparsedPublicKey::new(&ECDSA_P521_SHA512_ASN1, point)
                .verify(base, signature)
                .is_ok()
        }
        Some("Ed25519") => UnparsedPublicKey::new(&ED25519, coordinate("x"))
            .verify(base, signature)
            .is_ok(),
        _ => false,
    }
}
