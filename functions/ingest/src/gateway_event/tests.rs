//! Events of the gateway that `lambda_http` would panic at, or change.

use std::panic::catch_unwind;

use lambda_http::RequestExt;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

/// The event of a delivery, with members replaced, or removed by null.
fn event(changes: &[(&str, Value)]) -> Value {
    let mut event = json!({
        "version": "2.0",
        "routeKey": "ANY /webhooks/upvest",
        "rawPath": "/webhooks/upvest",
        "rawQueryString": "",
        "headers": { "host": "webhooks.example.com", "x-forwarded-proto": "https", "signature": "a", "signature-input": "b" },
        "requestContext": {
            "domainName": "api.execute-api.eu-central-1.amazonaws.com",
            "http": { "method": "POST", "path": "/webhooks/upvest", "sourceIp": "192.0.2.1" },
            "requestId": "r",
            "stage": "$default",
            "timeEpoch": 1_767_225_600_123_i64,
        },
        "body": "{}",
        "isBase64Encoded": false,
    });
    for (pointer, value) in changes {
        match event.pointer_mut(pointer) {
            Some(member) => *member = value.clone(),
            None => event[pointer.trim_start_matches('/')] = value.clone(),
        }
    }
    event
}

fn guarded(event: &Value) -> Result<Request, MalformedError> {
    let event: GatewayEvent = serde_json::from_value(event.clone()).unwrap();
    event.into_request()
}

/// What `lambda_http` makes of an event by itself; `None` where it panics or cannot read it.
fn unguarded(event: &Value) -> Option<Request> {
    let text = event.to_string();
    catch_unwind(|| lambda_http::request::from_str(&text).ok())
        .ok()
        .flatten()
}

#[test]
fn where_lambda_http_would_panic_the_guard_gives_a_reason() {
    use MalformedError::{Body, Header, Method, Query, Url};
    for (pointer, value, reason) in [
        ("/headers/host", json!("?#"), Url),
        ("/headers/host", json!("a b"), Url),
        ("/headers/host", json!("[::1"), Url),
        ("/headers/host", json!("a:99999"), Url),
        ("/headers/x-forwarded-proto", json!(" "), Url),
        ("/headers/x-forwarded-proto", json!("1http"), Url),
        ("/headers/x-forwarded-proto", json!("https,http"), Url),
        ("/rawPath", json!(":99999"), Url),
        ("/rawPath", json!("/".repeat(70_000)), Url),
        ("/rawQueryString", json!("a=<>"), Query),
        ("/rawQueryString", json!("a b"), Query),
        ("/rawQueryString", json!("a\tb"), Query),
        ("/rawQueryString", json!("a".repeat(70_000)), Query),
        ("/body", json!("not base64!"), Body),
        ("/body", json!("QQ"), Body),
        ("/requestContext/http/method", json!("PO ST"), Method),
        ("/requestContext/http/method", Value::Null, Method),
        ("/requestContext/http", Value::Null, Method),
        ("/requestContext", Value::Null, Method),
        ("/headers", json!({ "a header": "1" }), Header),
        ("/headers", json!({ "": "1" }), Header),
        ("/headers/signature", json!("a\nb"), Header),
        ("/headers/signature", json!("a\u{0}"), Header),
        ("/headers/signature", json!("a\u{7f}"), Header),
    ] {
        let event = event(&[(pointer, value), ("/isBase64Encoded", json!(reason == Body))]);
        assert!(unguarded(&event).is_none(), "lambda_http takes {event}");
        assert_eq!(guarded(&event).unwrap_err(), reason, "{event}");
    }
}

#[test]
fn what_lambda_http_would_drop_or_refuse_unasked_is_kept_or_has_a_reason() {
    // It would take the query up to the fragment alone.
    let fragment = event(&[("/rawQueryString", json!("a=1#b"))]);
    assert_eq!(unguarded(&fragment).unwrap().uri().query(), Some("a=1"));
    assert_eq!(guarded(&fragment).unwrap_err(), MalformedError::Query);
    // It would begin the query with a question mark of the path.
    let mark = event(&[("/rawPath", json!("/webhooks/upvest?a=1"))]);
    assert_eq!(unguarded(&mark).unwrap().uri().query(), Some("a=1"));
    assert_eq!(guarded(&mark).unwrap_err(), MalformedError::Url);
    // It would take no method for GET.
    let method = event(&[("/requestContext/http/method", json!(""))]);
    assert_eq!(unguarded(&method).unwrap().method(), "GET");
    assert_eq!(guarded(&method).unwrap_err(), MalformedError::Method);
    // It cannot read an event without some members.
    let bare = json!({ "requestContext": { "http": { "method": "POST" } }, "isBase64Encoded": null });
    assert!(unguarded(&bare).is_none());
    let bare = guarded(&bare).unwrap();
    assert_eq!(
        (bare.raw_http_path(), bare.uri().query(), bare.body().len()),
        ("", None, 0)
    );
    // It would write the stage before the path.
    let stage = event(&[("/requestContext/stage", json!("live"))]);
    assert_eq!(unguarded(&stage).unwrap().uri().path(), "/live/webhooks/upvest");
    assert_eq!(guarded(&stage).unwrap().uri().path(), "/webhooks/upvest");
}

#[test]
fn bytes_path_query_and_headers_are_those_that_were_sent() {
    let request = guarded(&event(&[
        ("/rawPath", json!("/a/../webhooks//up%76est\u{e9}\\")),
        ("/rawQueryString", json!("b=2&a=%zz&a[]=|^{}&&=;/?")),
        (
            "/headers",
            json!({ "Host": "h", "X-Multi": "1,2", "signature": " a ", "x-empty": "", "x-letters": "\u{fc}\u{20ac}\t" }),
        ),
        ("/cookies", json!(["a=1", "b=2"])),
        ("/body", json!("AP9cbg==")),
        ("/isBase64Encoded", json!(true)),
    ]))
    .unwrap();
    assert_eq!(request.raw_http_path(), "/a/../webhooks//up%76est\u{e9}\\");
    assert_eq!(request.uri().query(), Some("b=2&a=%zz&a[]=|^{}&&=;/?"));
    let headers: Vec<_> = request
        .headers()
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_bytes()))
        .collect();
    assert!(
        headers.contains(&("x-multi", b"1,2")),
        "lines that the gateway joined stay joined"
    );
    assert!(headers.contains(&("signature", b" a ")) && headers.contains(&("x-empty", b"")));
    assert!(
        headers.contains(&("cookie", b"a=1; b=2")),
        "the gateway takes cookies apart"
    );
    assert!(
        headers.contains(&("x-letters", "\u{fc}\u{20ac}\t".as_bytes())),
        "nobody decodes"
    );
    assert_eq!(headers.len(), 6);
    assert_eq!(request.body().as_ref(), b"\0\xff\\n");
    let text = guarded(&event(&[("/body", json!("{\"a\": \"\u{e9}\\u00e9\"}\n"))])).unwrap();
    assert_eq!(text.body().as_ref(), "{\"a\": \"\u{e9}\\u00e9\"}\n".as_bytes());
}

#[test]
fn a_name_that_is_there_in_two_spellings_counts_once() {
    let both: GatewayEvent = serde_json::from_value(event(&[(
        "/headers",
        json!({ "Signature": "1", "signature": "2" }),
    )]))
    .unwrap();
    assert!(both.has_header("signature") && !both.has_header("signature-input"));
    assert_eq!(
        both.into_request()
            .unwrap()
            .headers()
            .get_all("signature")
            .iter()
            .count(),
        1
    );
}

proptest! {
    /// Whatever a stranger sends: no panic, and what is let through arrives as it was sent.
    #[test]
    fn no_request_panics_and_none_is_changed(
        path in "\\PC{0,12}|/[ -~]{0,12}",
        query in "\\PC{0,12}|[ -~]{0,12}",
        host in proptest::option::of("\\PC{0,8}|[a-z.:@/?#\\[\\]]{0,8}"),
        scheme in proptest::option::of("\\PC{0,4}|[a-z:/]{0,6}"),
        stage in "[$a-z/]{0,6}",
        body in "\\PC{0,8}|[A-Za-z0-9+/=]{0,8}",
        is_base64 in any::<bool>(),
    ) {
        let mut headers = json!({ "signature": "a" });
        for (name, value) in [("host", host), ("x-forwarded-proto", scheme)] {
            if let Some(value) = value { headers[name] = json!(value); }
        }
        let event = event(&[
            ("/rawPath", json!(path)), ("/rawQueryString", json!(query)), ("/headers", headers),
            ("/requestContext/stage", json!(stage)), ("/body", json!(body)), ("/isBase64Encoded", json!(is_base64)),
        ]);
        if let Ok(request) = guarded(&event) {
            prop_assert_eq!(request.raw_http_path(), path);
            prop_assert_eq!(request.uri().query().unwrap_or_default(), query);
            if !is_base64 { prop_assert_eq!(request.body().as_ref(), body.as_bytes()); }
        }
    }
}
