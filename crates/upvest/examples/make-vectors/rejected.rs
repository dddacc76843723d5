//! Deliveries that do not verify. Except where a signature itself is at fault, each one is signed correctly over what
//! it says, so that an implementation without the rule in question would accept it.

use std::error::Error;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use upvest::signature::Algorithm::{EcdsaP521Sha512, Ed25519, HmacSha256};
use upvest::signature::Profile::{self, Quoted, UpvestV6};

use crate::plan::{CREATED, EXPIRES, Plan, Vector, digest, time};

pub(crate) fn all() -> Result<Vec<Vector>, Box<dyn Error>> {
    let groups = [
        headers()?,
        input()?,
        components()?,
        values()?,
        labels()?,
        keys()?,
        digest_headers()?,
        digests()?,
        signatures()?,
        times()?,
    ];
    Ok(groups.into_iter().flatten().collect())
}

type Vectors = Result<Vec<Vector>, Box<dyn Error>>;

fn v6(name: &'static str, description: &'static str) -> Plan {
    Plan::new(name, description, UpvestV6, HmacSha256)
}

fn headers() -> Vectors {
    let input = v6("missing-signature-input", "No signature-input header.").sign()?;
    let signature = v6("missing-signature", "No signature header.").sign()?;
    let oversized = v6(
        "oversized-header",
        "A signature-input header of more than 8192 bytes.",
    )
    .with(|plan| plan.parameters += &format!(";pad=\"{}\"", "x".repeat(8192)));
    let base64 = v6("malformed-signature", "The signature is not base64.").sign()?;
    let bare = v6(
        "malformed-signature-without-colons",
        "The signature lacks its colons.",
    )
    .sign()?;
    Ok(vec![
        input
            .tampered(|vector| vector.headers.remove("signature-input"))
            .rejected("missing-signature-input"),
        signature
            .tampered(|vector| vector.headers.remove("signature"))
            .rejected("missing-signature"),
        oversized.sign()?.rejected("oversized-header"),
        base64
            .tampered(|vector| vector.headers.set("signature", "sig1=:AAA=AAAA:"))
            .rejected("malformed-signature"),
        bare.tampered(|vector| vector.edit_header("signature", |text| text.replace(':', "")))
            .rejected("malformed-signature"),
    ])
}

fn input() -> Vectors {
    let unclosed = v6("malformed-signature-input", "The component list is not closed.").sign()?;
    let upper = v6("malformed-component-name", "Component names are in lower case.")
        .with(|plan| plan.components[0] = "\"Content-Type\"".to_owned());
    let created = v6("malformed-created", "created is not an integer.")
        .with(|plan| plan.parameters = format!(";keyid=\"{}\";created=\"{CREATED}\"", plan.key_id));
    let parameter = v6("duplicate-parameter", "created occurs twice.")
        .with(|plan| plan.parameters += &format!(";created={CREATED}"));
    let parameters = v6("too-many-parameters", "More than 16 parameters.")
        .with(|plan| plan.parameters += &(0..13).map(|at| format!(";p{at}=1")).collect::<String>());
    let key_id = v6("missing-key-id", "No keyid parameter.")
        .with(|plan| plan.parameters = format!(";created={CREATED};expires={EXPIRES}"));
    Ok(vec![
        unclosed
            .tampered(|vector| vector.edit_header("signature-input", |text| text.replace(')', "")))
            .rejected("malformed-signature-input"),
        upper.sign()?.rejected("malformed-signature-input"),
        created.sign()?.rejected("malformed-signature-input"),
        parameter.sign()?.rejected("duplicate-parameter"),
        parameters.sign()?.rejected("too-many-parameters"),
        key_id.sign()?.rejected("missing-key-id"),
    ])
}

fn components() -> Vectors {
    let uncovered = |name, component: &'static str| {
        let plan = v6(name, "A component that the policy asks for is not covered.");
        plan.with(|plan| plan.components.retain(|item| item.trim_matches('"') != component))
            .sign()
    };
    let extra = |name, description, item: &str| {
        v6(name, description)
            .with(|plan| plan.components.push(item.to_owned()))
            .sign()
    };
    let many = v6("too-many-components", "More than 64 components.").with(|plan| {
        for at in 0..60 {
            plan.headers.push(&format!("h{at}"), "x");
            plan.components.push(format!("\"h{at}\""));
        }
    });
    Ok(vec![
        many.sign()?.rejected("too-many-components"),
        extra(
            "duplicate-component",
            "A component is covered twice.",
            "\"@method\"",
        )?
        .rejected("duplicate-component"),
        extra(
            "unknown-derived-component",
            "@authority is not part of the dialect.",
            "\"@authority\"",
        )?
        .rejected("unknown-derived-component"),
        extra(
            "unsupported-component-parameter",
            "Components have no parameters.",
            "\"accept\";sf",
        )?
        .rejected("unsupported-component-parameter"),
        uncovered("method-not-covered", "@method")?.rejected("component-not-covered"),
        uncovered("path-not-covered", "@path")?.rejected("component-not-covered"),
        extra(
            "covered-header-missing",
            "A covered header did not arrive.",
            "\"user-agent\"",
        )?
        .rejected("covered-header-missing"),
    ])
}

fn values() -> Vectors {
    let line_break = v6(
        "line-break-in-component",
        "A line break in a value would forge a line of the base.",
    )
    .with(|plan| {
        plan.headers.push("note", "x\n@path: /elsewhere");
        plan.components.push("\"note\"".to_owned());
    });
    let quoted_member = Plan::new(
        "unsupported-dictionary-member",
        "Components name:key belong to upvest-v6 alone.",
        Quoted,
        HmacSha256,
    )
    .with(|plan| {
        plan.headers.push("prefer", "wait=100");
        plan.components.push("\"prefer:wait\"".to_owned());
        plan.values.push(("prefer:wait".to_owned(), "100".to_owned()));
    });
    Ok(vec![
        line_break.sign()?.rejected("line-break-in-component"),
        quoted_member.sign()?.rejected("unsupported-component-parameter"),
    ])
}

fn labels() -> Vectors {
    let twice = |name: &'static str, header: &'static str, description| {
        let edit = |text: &str| format!("{text}, {text}");
        v6(name, description)
            .sign()
            .map(|vector| vector.tampered(|vector| vector.edit_header(header, edit)))
    };
    let many = v6("too-many-labels", "More than 8 signatures.").sign()?;
    let unmatched = v6(
        "no-matching-label",
        "The signature has another label than its input.",
    )
    .sign()?;
    Ok(vec![
        twice(
            "duplicate-label-in-input",
            "signature-input",
            "A label occurs twice in signature-input.",
        )?
        .rejected("duplicate-label"),
        twice(
            "duplicate-label-in-signature",
            "signature",
            "A label occurs twice in signature.",
        )?
        .rejected("duplicate-label"),
        many.tampered(|vector| {
            let others: String = (0..8).map(|at| format!(", s{at}=()")).collect();
            vector.edit_header("signature-input", |text| format!("{text}{others}"));
        })
        .rejected("too-many-labels"),
        unmatched
            .tampered(|vector| vector.edit_header("signature", |text| text.replace("sig1", "sig2")))
            .rejected("no-matching-label"),
    ])
}

fn keys() -> Vectors {
    let other_id = v6(
        "key-id-mismatch",
        "The delivery names another key than the one given.",
    )
    .sign()?;
    let algorithm = v6("algorithm-mismatch", "alg contradicts the key.")
        .with(|plan| plan.parameters += ";alg=\"ed25519\"");
    Ok(vec![
        other_id
            .tampered(|vector| vector.key.key_id = "00000000-0000-4000-8000-000000000009".to_owned())
            .rejected("key-id-mismatch"),
        algorithm.sign()?.rejected("algorithm-mismatch"),
    ])
}

fn digest_headers() -> Vectors {
    let with_digest = |name, description, profile: Profile, text: &str| {
        let plan = Plan::new(name, description, profile, HmacSha256);
        plan.with(|plan| plan.digest = Some(text.to_owned())).sign()
    };
    let truncated = digest(UpvestV6, b"x")[..20].to_owned();
    Ok(vec![
        with_digest(
            "malformed-digest",
            "A digest of 9 bytes instead of 32.",
            UpvestV6,
            &truncated,
        )?
        .rejected("malformed-digest"),
        with_digest(
            "malformed-content-digest",
            "A content-digest without colons.",
            Quoted,
            "sha-256=AA==",
        )?
        .rejected("malformed-digest"),
        with_digest(
            "unsupported-digest-algorithm",
            "A digest nobody asked for.",
            UpvestV6,
            "MD5=AA==",
        )?
        .rejected("unsupported-digest-algorithm"),
    ])
}

fn digests() -> Vectors {
    let other_profile = Plan::new(
        "other-profile",
        "A valid quoted delivery for a key whose profile is upvest-v6: its digest header is missing.",
        Quoted,
        HmacSha256,
    );
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
        Quoted,
        HmacSha256,
    )
    .with(|plan| {
        let sha512 = plan.digest.take().unwrap_or_default();
        plan.digest = Some(format!("{sha512}, sha-256=:{}:", STANDARD.encode([0; 32])));
    });
    let v6_key = v6("other-profile", "").sign()?;
    Ok(vec![
        other_profile
            .sign()?
            .tampered(|vector| vector.set_key(v6_key))
            .rejected("missing-digest"),
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
    let quoted_base = v6(
        "quoted-base-for-upvest-v6",
        "The base of RFC 9421 does not hold in upvest-v6.",
    )
    .with(|plan| plan.quotes = Some(true));
    let plain_base = Plan::new(
        "plain-base-for-quoted",
        "The base of upvest-v6 does not hold in the quoted profile.",
        Quoted,
        Ed25519,
    )
    .with(|plan| plan.quotes = Some(false));
    let zero = Plan::new("zero-signature", "r and s of zero.", UpvestV6, EcdsaP521Sha512).sign()?;
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
        quoted_base.sign()?.rejected("bad-signature"),
        plain_base.sign()?.rejected("bad-signature"),
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
