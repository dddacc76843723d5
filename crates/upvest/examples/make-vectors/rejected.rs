//! Deliveries whose headers break a rule. Except where a signature itself is at fault, each one is signed correctly over what
//! it says, so that an implementation without the rule in question would accept it.

use std::error::Error;

use upvest::signature::Algorithm::HmacSha256;
use upvest::signature::Profile::{Quoted, UpvestV6};

use crate::plan::{CREATED, EXPIRES, Plan};
use crate::vector::Vector;

pub(crate) fn all() -> Vectors {
    let groups = [headers()?, input()?, components()?, values()?, labels()?];
    Ok(groups.into_iter().flatten().collect())
}

pub(crate) type Vectors = Result<Vec<Vector>, Box<dyn Error>>;

pub(crate) fn v6(name: &'static str, description: &'static str) -> Plan {
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
