//! What a sender can get wrong, or do on purpose, and what it gets.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::json;
use uuid::Uuid;

use super::sender::{Delivery, Sender, batch, event, new_id, new_order};
use super::stack::{PATIENCE, Stack, answer, until};

fn reasons<const N: usize>(reasons: [&str; N]) -> BTreeSet<String> {
    reasons.map(str::to_owned).into()
}

/// Bytes that do not compress.
fn noise(length: usize) -> Vec<u8> {
    std::iter::repeat_with(|| Uuid::new_v4().into_bytes())
        .flatten()
        .take(length)
        .collect()
}

#[tokio::test]
async fn what_cannot_be_a_delivery_is_refused_with_a_reason() {
    let stack = Stack::shared().await;
    let answered = answer(stack.http.get(stack.url())).await;
    assert_eq!((answered.status, answered.allow.as_deref()), (405, Some("POST")));
    assert_eq!(answered.body, json!({ "reason": "method-not-allowed" }));
    let answered = answer(stack.http.post(format!("{}/more", stack.url())).body("{}")).await;
    assert_eq!(answered.status, 404);

    let signed = Sender::unknown(&stack).delivery(&[]);
    for missing in [
        ["signature", "signature"],
        ["signature-input", "signature-input"],
        ["signature", "signature-input"],
    ] {
        let mut unsigned = signed.clone();
        unsigned
            .headers
            .retain(|(name, _)| !missing.contains(&name.as_str()));
        let answered = stack.post(&unsigned).await;
        assert_eq!(answered.status, 401);
        assert_eq!(answered.body, json!({ "reason": "missing-signature" }));
    }
}

#[tokio::test]
async fn a_body_that_no_message_can_carry_is_refused() {
    let stack = Stack::shared().await;
    let sender = Sender::known(&stack).await;
    let delivery = sender.sign(sender.draft(noise(900_000)));
    let delivery = delivery.with("content-type", "application/octet-stream");
    let answered = stack.post(&delivery).await;
    assert_eq!(
        (answered.status, answered.body),
        (413, json!({ "reason": "body-too-large" }))
    );
}

/// Deliveries that were changed after they were signed, each with the reason for which it is not verified.
fn changed(sender: &Sender) -> Vec<(&'static str, Delivery)> {
    let body = batch(&[new_order(&new_id()).0]);
    let good = sender.sign(sender.draft(body.clone()));
    let tampered = Delivery {
        body: body.replace("10.50", "99.50").into_bytes(),
        ..good.clone()
    };
    let mut deliveries = vec![("digest-mismatch", tampered)];
    let input = good.header("signature-input");
    for (reason, header, value) in [
        ("malformed-digest", "digest", "SHA-256=short"),
        (
            "unsupported-digest-algorithm",
            "digest",
            "MD5=1B2M2Y8AsgTpgAmY7PhCfg==",
        ),
        (
            "malformed-signature-input",
            "signature-input",
            "sig1=(\"@method\"",
        ),
        ("malformed-signature", "signature", "sig1=:not base64:"),
        ("duplicate-label", "signature-input", &format!("{input}, {input}")),
        (
            "no-matching-label",
            "signature",
            &good.header("signature").replace("sig1", "sig2"),
        ),
    ] {
        deliveries.push((reason, good.clone().with(header, value)));
    }
    deliveries
}

/// Deliveries that were signed as they are, each with the reason for which it is not verified.
fn badly_signed(stack: &Stack, sender: &Sender) -> Vec<(&'static str, Delivery)> {
    let draft = || sender.draft(batch(&[new_order(&new_id()).0]));
    let mut deliveries = vec![
        ("missing-digest", sender.sign(draft().without_header("digest"))),
        ("bad-signature", sender.impostor(stack).sign(draft())),
        ("too-many-components", sender.sign(draft().covering(&["x"; 65]))),
    ];
    for (reason, components) in [
        ("digest-not-covered", &["@method", "@path"][..]),
        ("component-not-covered", &["@method", "digest"]),
        ("component-not-covered", &["@path", "digest"]),
        (
            "covered-header-missing",
            &["@method", "@path", "digest", "x-absent"],
        ),
        (
            "unknown-derived-component",
            &["@method", "@path", "digest", "@status"],
        ),
        ("duplicate-component", &["@method", "@path", "digest", "@path"]),
    ] {
        deliveries.push((reason, sender.sign(draft().covering(components))));
    }
    let parameters = sender.parameters(0);
    for (reason, parameters) in [
        ("duplicate-parameter", format!("{parameters};nonce=\"1\"")),
        ("algorithm-mismatch", format!("{parameters};alg=\"ed25519\"")),
        ("missing-key-id", ";created=1".to_owned()),
    ] {
        deliveries.push((reason, sender.sign(draft().with_parameters(parameters))));
    }
    deliveries
}

#[tokio::test]
async fn what_fails_verification_is_accepted_and_quarantined_with_its_own_reason() {
    let stack = Stack::shared().await;
    let sender = Sender::known(&stack).await;
    let mut sent = Vec::new();
    for (reason, delivery) in changed(&sender).into_iter().chain(badly_signed(&stack, &sender)) {
        sent.push((reason, stack.deliver(&delivery).await));
    }
    for (reason, delivery_id) in sent {
        assert_eq!(stack.quarantine_of(&delivery_id).await, reasons([reason]));
    }
}

#[tokio::test]
async fn a_signed_body_without_usable_events_is_quarantined_whole() {
    let stack = Stack::shared().await;
    let sender = Sender::known(&stack).await;
    let mut sent = Vec::new();
    for (reason, body) in [
        ("body-not-json", &b"no json"[..]),
        ("body-not-json", b""),
        ("body-not-json", b"{\"payload\":[\0]}"),
        ("body-without-events", b"{\"payload\":[]}"),
        ("body-without-events", b"{\"hello\":\"world\"}"),
        ("event-incomplete", b"{\"payload\":[7,null,{}]}"),
    ] {
        sent.push((reason, stack.deliver(&sender.sign(sender.draft(body))).await));
    }
    let bytes = Delivery {
        ..sender.sign(sender.draft(*b"\xff\xfe{\"payload\":[]}\0\x80"))
    };
    // The API hands such a body on as bytes; as JSON it might mend the text, and the digest would not hold.
    let mut draft = sender.draft(bytes.body);
    draft.headers.retain(|(name, _)| name != "content-type");
    draft
        .headers
        .push(("content-type".to_owned(), "application/octet-stream".to_owned()));
    sent.push(("body-not-json", stack.deliver(&sender.sign(draft)).await));
    for (reason, delivery_id) in sent {
        assert_eq!(stack.quarantine_of(&delivery_id).await, reasons([reason]));
        // The signature holds, so the evidence is kept as for every proven delivery.
        stack.archived(&delivery_id).await;
    }
}

#[tokio::test]
async fn bad_events_are_quarantined_and_the_good_ones_among_them_go_on() {
    let stack = Stack::shared().await;
    let sender = Sender::known(&stack).await;
    let ids = [new_id(), new_id()];
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let bomb = format!(
        r#"{{"id":"{}","created_at":"2026-01-05T17:00:00Z","type":"ORDER.NEW","object":{{"a":{deep}}}}}"#,
        new_id()
    );
    let events = [
        new_order(&ids[0]).0,
        r#"{"type":"ORDER.NEW","object":{}}"#.to_owned(),
        bomb,
        event("not an id", "ORDER.NEW", &json!({ "id": "o" })),
        new_order(&ids[1]).0,
    ];
    let delivery_id = stack.deliver(&sender.delivery(&events)).await;
    until("the good events are in the log", async || {
        (stack.events(&ids).await.len() == 2).then_some(())
    })
    .await;
    let expected = reasons(["event-incomplete", "event-too-deep", "event-bad-id"]);
    assert_eq!(stack.quarantine_of(&delivery_id).await, expected);
}

#[tokio::test]
async fn a_body_that_is_nothing_but_nesting_harms_nobody() {
    let stack = Stack::shared().await;
    let sender = Sender::known(&stack).await;
    for bomb in [
        "[".repeat(1_000_000),
        format!("{}{}", "[".repeat(500_000), "]".repeat(500_000)),
    ] {
        let delivery_id = stack.deliver(&sender.sign(sender.draft(bomb))).await;
        assert_eq!(stack.quarantine_of(&delivery_id).await.len(), 1);
    }
}

#[tokio::test]
async fn five_megabytes_of_json_are_stored() {
    let stack = Stack::shared().await;
    let sender = Sender::known(&stack).await;
    let (id, order) = (new_id(), new_id());
    let object = json!({ "id": order, "status": "NEW", "note": "x".repeat(5_000_000) });
    let delivery = sender.delivery(&[event(&id, "ORDER.NEW", &object)]);
    let delivery_id = stack.deliver(&delivery).await;
    let item = until("the event is in the log", async || stack.event(&id).await).await;
    // An object too large for an item stays in the archive, where the item points to.
    assert!(item.archived_at.is_some_and(|key| key.ends_with(&delivery_id)));
    assert_eq!(stack.archived(&delivery_id).await.envelope.body, delivery.body);
    let entity = format!("ORDER#{order}");
    let state = until("the order has a state", async || stack.entity(&entity).await).await;
    assert_eq!(state.projection.status(), Some("NEW"));
}

/// Posts a request of so many headers, more than HTTP clients let one send. Returns the status, if there is an answer.
fn post_headers(stack: &Stack, count: usize) -> Option<String> {
    let url = reqwest::Url::parse(stack.url()).expect("the output is a URL");
    let address = (
        url.host_str().expect("it has a host"),
        url.port().expect("it has a port"),
    );
    let mut connection = TcpStream::connect(address).expect("the API listens");
    connection
        .set_read_timeout(Some(PATIENCE))
        .expect("a timeout can be set");
    let mut request = format!(
        "POST {} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\n",
        url.path()
    );
    for number in 0..count {
        request += &format!("x-{number}: 0\r\n");
    }
    // The other end may hang up before it has read everything.
    let _ = connection.write_all(format!("{request}\r\n").as_bytes());
    let mut start_of_answer = [0; 12];
    connection.read_exact(&mut start_of_answer).ok()?;
    let start_of_answer = String::from_utf8_lossy(&start_of_answer);
    start_of_answer.strip_prefix("HTTP/1.1 ").map(str::to_owned)
}

#[tokio::test]
async fn very_many_headers_keep_no_delivery_out() {
    let stack = Stack::shared().await;
    let sender = Sender::known(&stack).await;
    let id = new_id();
    let mut delivery = sender.delivery(&[new_order(&id).0]);
    // An HTTP API takes 10,240 bytes of headers.
    delivery
        .headers
        .extend((0..300).map(|number| (format!("x-{number}"), "0123456789".to_owned())));
    stack.deliver(&delivery).await;
    until("the event is in the log", async || stack.event(&id).await).await;

    // The API refuses that many by itself, with an answer or by hanging up.
    let status = post_headers(&stack, 100_000);
    assert!(
        status.as_deref().is_none_or(|status| status.starts_with('4')),
        "{status:?}"
    );
    let after = new_id();
    stack.deliver(&sender.delivery(&[new_order(&after).0])).await;
    until("the next delivery is stored", async || stack.event(&after).await).await;
}
