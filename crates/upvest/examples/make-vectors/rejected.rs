//! Deliveries whose headers break a rule. Except where a signature itself is at fault, each one is signed correctly over what
//! it says, so that an implementation without the rule in question would accept it.

use std::error::Error;

use upvest::signature::Algorithm::HmacSha256;
use upvest::signature::Dialect::UnquotedDigest;

use crate::plan::{CREATED, EXPIRES, Plan};
use crate::vector::Vector;

pub(crate) fn all() -> Vectors {
    let groups = [headers()?, input()?, components()?, values()?, labels()?];
    Ok(groups.into_iter().flatten().collect())
}

pub(crate) type Vectors = Result<Vec<Vector>, Box<dyn Error>>;

pub(crate) fn v6(name: &'static str, description: &'static str) -> Plan {
    Plan::new(name, description, UnquotedDigest, HmacSha256)
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
            "@status belongs to responses.",
            "\"@status\"",
        )?
        .rejected("unknown-derived-component"),
        extra(
            "unsupported-component-parameter",
            "The component is that of another message: the request that this one answers.",
            "\"accept\";req",
        )?
        .rejected("unsupported-component-parameter"),
        extra(
            "public-url-unknown",
            "@authority is covered, and the receiver does not know its public URL.",
            "\"@authority\"",
        )?
        .rejected("public-url-unknown"),
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
    Ok(vec![line_break.sign()?.rejected("line-break-in-component")])
}

fn labels() -> Vectors {
    let twice = |name: &'static str, header: &'static str, description| {
        let edit = |text: &str| format!("{text}, {text}");
        v6(name, description)
            .sign()
            .map(|vector| vector.tampered(|vector| vector.edit_header(header, edit)))
    };
    let many = v6(
        "too-many-signatures",
        "More than 16 signatures that meet the policy.",
    )
    .sign()?;
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
            let inputs: String = (0..16)
                .map(|at| format!(r#", s{at}=("@method" "@path" "digest");keyid="k{at}""#))
                .collect();
            let signatures: String = (0..16).map(|at| format!(", s{at}=:AAAA:")).collect();
            vector.edit_header("signature-input", |text| format!("{text}{inputs}"));
            vector.edit_header("signature", |text| format!("{text}{signatures}"));
        })
        .rejected("too-many-signatures"),
        unmatched
            .tampered(|vector| vector.edit_header("signature", |text| text.replace("sig1", "sig2")))
            .rejected("no-matching-label"),
    ])
}
