//! Well-formed deliveries that the key, the digest, the signature or the time refutes.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use upvest::signature::Algorithm::{EcdsaP521Sha512, HmacSha256};
use upvest::signature::Dialect::{self, QuotedContentDigest, UnquotedDigest};

use crate::plan::{CREATED, EXPIRES, Plan, digest};
use crate::rejected::{Vectors, v6};
use crate::vector::{Vector, time};

pub(crate) fn all() -> Vectors {
    let groups = [keys()?, digest_headers()?, digests()?, signatures()?, times()?];
    Ok(groups.into_iter().flatten().collect())
}

fn keys() -> Vectors {
    let other_id = v6(
        "unknown-key",
        "The delivery names a key that the receiver does not know.",
    )
    .sign()?;
    let described = |name, description| Plan::new(name, description, UnquotedDigest, HmacSha256).sign();
    let retired = described(
        "key-retired",
        "The signature holds, but its owner did not use the key any longer when the delivery was received.",
    )?;
    let retired_later = described(
        "key-retired-later",
        "Received in the last second in which its owner used the key.",
    )?;
    let distrusted = described(
        "key-distrusted",
        "The signature holds, but others may have had the key when the delivery was received.",
    )?;
    let algorithm = v6("algorithm-mismatch", "alg contradicts the key.")
        .with(|plan| plan.parameters += ";alg=\"ed25519\"");
    let limited = Plan::new(
        "key-only-synthetic",
        "The signature holds, but the key may sign synthetic events alone, and this is an account's.",
        UnquotedDigest,
        HmacSha256,
    )
    .sign()?;
    Ok(vec![
        retired
            .tampered(|vector| vector.keys[0].retired_at = Some("2021-10-06T14:14:20Z"))
            .rejected("key-retired"),
        retired_later
            .tampered(|vector| vector.keys[0].retired_at = Some("2021-10-06T14:14:21Z"))
            .accepted("fresh"),
        distrusted
            .tampered(|vector| vector.keys[0].distrusted_at = Some("2021-10-06T14:14:20Z"))
            .rejected("key-distrusted"),
        limited
            .tampered(|vector| vector.keys[0].only = Some("synthetic"))
            .rejected("key-only-synthetic"),
        other_id
            .tampered(|vector| vector.keys[0].key_id = "00000000-0000-4000-8000-000000000009".to_owned())
            .rejected("unknown-key"),
        algorithm.sign()?.rejected("algorithm-mismatch"),
    ])
}

fn digest_headers() -> Vectors {
    let with_digest = |name, description, dialect: Dialect, text: &str| {
        let plan = Plan::new(name, description, dialect, HmacSha256);
        plan.with(|plan| plan.digest = Some(text.to_owned())).sign()
    };
    let truncated = digest(UnquotedDigest, b"x")[..20].to_owned();
    Ok(vec![
        with_digest(
            "malformed-digest",
            "A digest of 9 bytes instead of 32.",
            UnquotedDigest,
            &truncated,
        )?
        .rejected("malformed-digest"),
        with_digest(
            "malformed-content-digest",
            "A content-digest without colons.",
            QuotedContentDigest,
            "sha-256=AA==",
        )?
        .rejected("malformed-digest"),
        with_digest(
            "unsupported-digest-algorithm",
            "A digest nobody asked for.",
            UnquotedDigest,
            "MD5=AA==",
        )?
        .rejected("unsupported-digest-algorithm"),
    ])
}

fn digests() -> Vectors {
    let missing = v6(
        "missing-digest",
        "The digest is covered, but the header did not arrive.",
    )
    .sign()?;
    let uncovered = v6(
        "digest-not-covered",
        "The digest matches the body, but is not covered.",
    )
    .with(|plan| plan.components.retain(|item| item != "\"digest\""));
    let tampered = v6("digest-mismatch", "The body was changed.").sign()?;
    let one_of_two = Plan::new(
        "one-digest-of-two-mismatches",
        "Each digest must hold.",
        QuotedContentDigest,
        HmacSha256,
    )
    .with(|plan| {
        let sha512 = plan.digest.take().unwrap_or_default();
        plan.digest = Some(format!("{sha512}, sha-256=:{}:", STANDARD.encode([0; 32])));
    });
    Ok(vec![
        missing
            .tampered(|vector| vector.headers.remove("digest"))
            .rejected("missing-digest"),
        uncovered.sign()?.rejected("digest-not-covered"),
        tampered
            .tampered(|vector| vector.set_body(r#"{"payload":[]}"#))
            .rejected("digest-mismatch"),
        one_of_two.sign()?.rejected("digest-mismatch"),
    ])
}

fn signatures() -> Vectors {
    let path = v6("changed-path", "The path was changed on the way.").sign()?;
    let order = v6(
        "parameters-reordered",
        "The same parameters in another order are another text.",
    )
    .sign()?;
    let zero = Plan::new(
        "zero-signature",
        "r and s of zero.",
        UnquotedDigest,
        EcdsaP521Sha512,
    )
    .sign()?;
    let short = v6("truncated-mac", "The first half of the right MAC.").sign()?;
    Ok(vec![
        path.tampered(|vector| vector.path = "/webhooks/elsewhere".to_owned())
            .rejected("bad-signature"),
        order
            .tampered(|vector| {
                let pair = format!(";created={CREATED};expires={EXPIRES}");
                let swapped = format!(";expires={EXPIRES};created={CREATED}");
                vector.edit_header("signature-input", |text| text.replace(&pair, &swapped));
            })
            .rejected("bad-signature"),
        zero.tampered(|vector| {
            vector
                .headers
                .set("signature", format!("sig1=:{}:", STANDARD.encode([0; 132])));
        })
        .rejected("bad-signature"),
        short
            .tampered(|vector| {
                // 24 base64 digits are 18 bytes.
                vector.edit_header("signature", |text| format!("{}:", &text[.."sig1=:".len() + 24]));
            })
            .rejected("bad-signature"),
    ])
}

fn times() -> Vectors {
    let at = |name, description, second| {
        let strict = |vector: &mut Vector| {
            vector.received_at = time(second);
            vector.strict_freshness = true;
        };
        v6(name, description).sign().map(|vector| vector.tampered(strict))
    };
    Ok(vec![
        at(
            "expired",
            "Received more than 30 seconds after expires, under strict freshness.",
            EXPIRES + 31,
        )?
        .rejected("expired"),
        at(
            "not-yet-valid",
            "Received more than 30 seconds before created, under strict freshness.",
            CREATED - 31,
        )?
        .rejected("not-yet-valid"),
    ])
}
