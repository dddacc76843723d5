//! Deliveries that verify.

use std::error::Error;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use upvest::signature::Algorithm::{EcdsaP521Sha512, Ed25519, HmacSha256};
use upvest::signature::Dialect::{QuotedContentDigest, UnquotedDigest};
use upvest::signature::Headers;

use crate::plan::{CREATED, EXPIRES, Plan, list};
use crate::vector::{Vector, time};

pub(crate) fn all() -> Result<Vec<Vector>, Box<dyn Error>> {
    let mut vectors = vec![synthetic()?];
    for plan in plain()
        .into_iter()
        .chain(components())
        .chain(headers())
        .chain(bodies())
    {
        vectors.push(plan.sign()?.accepted("fresh"));
    }
    vectors.push(two_labels()?);
    vectors.extend(times()?);
    Ok(vectors)
}

/// The synthetic vector as published, signature included: deterministic ECDSA (RFC 6979), made with another tool.
fn synthetic() -> Result<Vector, Box<dyn Error>> {
    const BODY: &[u8] = br#"{"payload":[{"created_at":"2021-07-21T14:10:00.00Z","id":"e0b1f0ac-d34a-4f07-b268-545278110231","object":{"order_id":"120c5382-d400-4a8e-95fc-d297903f3568","reason":"Cancellation not possible","status":"REJECTED"},"type":"ORDER_CANCELLATION.REJECTED","webhook_id":"0e225118-168c-4d4d-84d9-c36096163162"}]}"#;
    let plan = Plan::new(
        "upvest-v6-ecdsa-p521-sha512",
        "What Upvest's webhooks look like: draft 06, names without quotes, ASN.1 signature.",
        UnquotedDigest,
        EcdsaP521Sha512,
    )
    .with(|plan| {
        plan.set_body(BODY);
        plan.path = "/webhooks/users".to_owned();
        plan.components = list(&[
            "content-type",
            "content-length",
            "accept",
            "@method",
            "@path",
            "digest",
        ]);
        plan.parameters = format!(
            r#";keyid="{}";created=1633529659;nonce="0123456789";expires=1633529719"#,
            plan.key_id
        );
    });
    let signature = "sig1=:MIGIAkIBVzloHgvOjbHgOWQsUN6zu7Zn6wL+K1WubGgd8+r4qhfBqtkS68Krt9c1ni3YauJd7XNrxA09AmjAlWAgybncN5QCQgDkanGBFV8dPCYCtuByD9Nx4sCSO36Lnwp0Fzzqik20JYwoHguv72tGR6ls63/AlV4lQXJoacCFu/dhuWRRhpHYSw==:";
    Ok(plan
        .sign()?
        .tampered(|vector| vector.headers.set("signature", signature))
        .accepted("fresh"))
}

fn plain() -> Vec<Plan> {
    let mut plans = Vec::new();
    for (name, dialect, algorithm) in [
        ("upvest-v6-ed25519", UnquotedDigest, Ed25519),
        ("upvest-v6-hmac-sha256", UnquotedDigest, HmacSha256),
        ("quoted-ecdsa-p521-sha512", QuotedContentDigest, EcdsaP521Sha512),
        ("quoted-ed25519", QuotedContentDigest, Ed25519),
        ("quoted-hmac-sha256", QuotedContentDigest, HmacSha256),
    ] {
        plans.push(Plan::new(
            name,
            "A delivery with components in an order of its own.",
            dialect,
            algorithm,
        ));
    }
    let fixed = Plan::new(
        "upvest-v6-fixed-length-signature",
        "An ECDSA signature of 132 bytes, r and s one after the other instead of ASN.1.",
        UnquotedDigest,
        EcdsaP521Sha512,
    );
    plans.push(fixed.with(|plan| plan.fixed_length = true));
    plans
}

fn components() -> Vec<Plan> {
    let query = |plan: &mut Plan, query: Option<&str>| {
        plan.components.insert(2, "\"@query\"".to_owned());
        plan.query = query.map(str::to_owned);
    };
    vec![
        Plan::new(
            "upvest-v6-query",
            "A covered query, in its raw encoding.",
            UnquotedDigest,
            Ed25519,
        )
        .with(|plan| query(plan, Some("tenant=a%20b&x="))),
        Plan::new(
            "upvest-v6-query-absent",
            "A covered query that is absent has no line.",
            UnquotedDigest,
            Ed25519,
        )
        .with(|plan| query(plan, None)),
        Plan::new(
            "quoted-query",
            "A covered query, in its raw encoding.",
            QuotedContentDigest,
            Ed25519,
        )
        .with(|plan| query(plan, Some("tenant=a%20b&x="))),
        Plan::new(
            "quoted-query-absent",
            "A covered query that is absent has no line.",
            QuotedContentDigest,
            Ed25519,
        )
        .with(|plan| query(plan, None)),
        Plan::new(
            "content-length-dropped",
            "A gateway dropped the covered content-length: the length of the body stands in.",
            UnquotedDigest,
            HmacSha256,
        )
        .with(|plan| {
            plan.values
                .push(("content-length".to_owned(), plan.body.len().to_string()));
            plan.headers.remove("content-length");
        }),
        Plan::new(
            "dictionary-members",
            "Components name:key cover members of a header.",
            UnquotedDigest,
            HmacSha256,
        )
        .with(|plan| {
            plan.headers
                .push("prefer", r#"wait=100, note="a, b", list=(1 2)"#);
            for (key, value) in [("note", r#""a, b""#), ("wait", "100"), ("list", "(1 2)")] {
                plan.components.push(format!("\"prefer:{key}\""));
                plan.values.push((format!("prefer:{key}"), value.to_owned()));
            }
        }),
    ]
}

fn headers() -> Vec<Plan> {
    vec![
        Plan::new(
            "several-header-values",
            "Values are trimmed and joined by a comma and a space.",
            QuotedContentDigest,
            Ed25519,
        )
        .with(|plan| {
            plan.headers.push("accept", " application/json ");
            plan.components.push("\"accept\"".to_owned());
        }),
        Plan::new(
            "spaces-in-signature-input",
            "The value of @signature-params is the received text, spaces included.",
            QuotedContentDigest,
            HmacSha256,
        )
        .with(|plan| {
            plan.separator = "  ";
            plan.parameters = format!("; created={CREATED};  keyid=\"{}\"", plan.key_id);
        }),
        Plan::new(
            "more-parameters",
            "An alg that agrees with the key, and parameters that nobody knows.",
            UnquotedDigest,
            Ed25519,
        )
        .with(|plan| {
            plan.parameters += r#";alg="ed25519";tag="webhook";x;y=?0;z=1.5;b=:AA==:;t=a/b"#;
        }),
        Plan::new(
            "other-label",
            "A signature under another label than sig1.",
            UnquotedDigest,
            HmacSha256,
        )
        .with(|plan| plan.label = "upvest"),
    ]
}

fn bodies() -> Vec<Plan> {
    let sha256 = |body: &[u8]| STANDARD.encode(Sha256::digest(body));
    vec![
        Plan::new(
            "several-content-digests",
            "Every digest of a known algorithm holds.",
            QuotedContentDigest,
            Ed25519,
        )
        .with(|plan| {
            let sha512 = plan.digest.take().unwrap_or_default();
            plan.digest = Some(format!(
                "sha-256=:{}:, unixsum=:AA==:, {sha512}",
                sha256(&plan.body)
            ));
        }),
        Plan::new(
            "several-digests",
            "The digest header may carry other algorithms too.",
            UnquotedDigest,
            Ed25519,
        )
        .with(|plan| plan.digest = Some(format!("MD5=AA==,sha-256={}", sha256(&plan.body)))),
        Plan::new(
            "binary-body",
            "The body is signed as bytes; this one is not text.",
            UnquotedDigest,
            HmacSha256,
        )
        .with(|plan| plan.set_body(&[0, 0xff, 0xfe, b'\r', b'\n', 0x80])),
        Plan::new(
            "empty-body",
            "An empty body has a digest too.",
            QuotedContentDigest,
            HmacSha256,
        )
        .with(|plan| plan.set_body(b"")),
    ]
}

fn two_labels() -> Result<Vector, Box<dyn Error>> {
    let plan = Plan::new(
        "two-labels",
        "One signature that holds is enough; a proxy's need not follow the policy.",
        QuotedContentDigest,
        Ed25519,
    );
    let vector = plan.sign()?.tampered(|vector| {
        let first = |name: &str, value: &str, headers: &mut Headers| {
            let own = headers.combined(name).unwrap_or_default().into_owned();
            headers.set(name, format!("{value}, {own}"));
        };
        first(
            "signature-input",
            r#"proxy=("signature";key="sig1");keyid="p""#,
            &mut vector.headers,
        );
        first("signature", "proxy=:AAAA:", &mut vector.headers);
    });
    Ok(vector.accepted("fresh"))
}

fn times() -> Result<Vec<Vector>, Box<dyn Error>> {
    let plan = |name, description| Plan::new(name, description, UnquotedDigest, HmacSha256);
    let without = plan(
        "without-times",
        "Without created and expires a delivery is always fresh.",
    );
    let without = without
        .with(|plan| plan.parameters = format!(";keyid=\"{}\"", plan.key_id))
        .sign()?;
    let stale = plan(
        "stale-but-lenient",
        "An expired signature holds; what to do with it is up to the caller.",
    );
    let early = plan(
        "early-but-lenient",
        "A signature from the future holds; it is only flagged.",
    );
    let skewed = plan(
        "within-the-clock-skew",
        "Clocks may differ by 30 seconds, at both ends.",
    );
    Ok(vec![
        without
            .tampered(|vector| vector.strict_freshness = true)
            .accepted("fresh"),
        stale
            .sign()?
            .tampered(|vector| vector.received_at = time(EXPIRES + 31))
            .accepted("expired"),
        early
            .sign()?
            .tampered(|vector| vector.received_at = time(CREATED - 31))
            .accepted("not-yet-valid"),
        skewed
            .sign()?
            .tampered(|vector| {
                vector.received_at = time(EXPIRES + 30);
                vector.strict_freshness = true;
            })
            .accepted("fresh"),
    ])
}
