//! The URL that Upvest calls: its name, its certificate, and what it answers.

use std::net::ToSocketAddrs;
use std::time::Duration;

use pipeline::error::ErrorChain;
use pipeline::runtime::clock::Clock;
use reqwest::{Client, Method, Url, header};
use serde::Deserialize;
use upvest::signature::SigningKey;
use upvest_api::is_loopback;

use super::check::Checked;
use super::finding::Finding;
use crate::error::Result;
use crate::operator_key::OperatorKey;
use crate::send::{Answer, Load, Target};
use crate::stack::{Output, Stack};

const DNS: &str = "name";
const TLS: &str = "certificate";
const REACHED: &str = "reachable";
const REDIRECT: &str = "no redirect";
const GET: &str = "GET is refused";
const UNSIGNED: &str = "unsigned POST is refused";
const IN_FRONT: &str = "see what answers in front of the API";
pub(super) const PROBE: &str = "signed POST is answered 200";
/// Bounds how much of an answer's body is read, in bytes. The refusals of ingest, whose reason is looked for,
/// are shorter.
const MAX_BODY_BYTES: usize = 4096;

/// Holds the event that is posted, always the same: the receiver stores it once, and takes every other probe
/// for a duplicate.
const PROBE_EVENT: &str = r#"{"id":"upvest-webhooks-doctor","created_at":"2026-01-01T00:00:00Z","type":"WEBHOOK.TEST","object":{"id":"upvest-webhooks-doctor"}}"#;

/// Holds the parts of the endpoint's answer that a check looks at.
struct Answered {
    status: u16,
    /// Holds the `location` header, which says where a redirect leads to; `None` where there is none.
    location: Option<String>,
    /// Gives the reason that ingest gives in its body.
    reason: Option<String>,
}

#[derive(Deserialize)]
struct Refusal {
    reason: String,
}

/// Checks the URL without leaving a trace but two refused requests, which ring no alarm.
pub(super) async fn check(stack: &Stack, timeout: Duration) -> Checked {
    let text = stack.output(Output::WebhookUrl)?;
    // What the operator does not send here is no secret, so that plain http needs no leave.
    let target = Target::new(&text, true).map_err(|error| {
        let advice = "deploy the stack with a PublicUrl that begins with https://";
        Finding::failed(REACHED, error.to_string(), advice)
    })?;
    let name = resolve(target.url()).await;
    let name = name.ok_or_else(|| Finding::failed(REACHED, "the URL has no host", "set PublicUrl"))?;
    let mut findings = vec![name];
    let client = match target.client(timeout) {
        Ok(client) => client,
        Err(error) => {
            let found = ErrorChain(&error).to_string();
            let advice = "install certificates of the usual authorities";
            findings.push(Finding::failed(REACHED, found, advice));
            return Ok(findings);
        }
    };
    match ask(&client, Method::GET, target.url()).await {
        Err(error) => findings.push(unreachable(&error)),
        Ok(got) => {
            findings.push(certificate(target.url()));
            findings.push(Finding::ok(REACHED, target.url().as_str()));
            let posted = ask(&client, Method::POST, target.url()).await;
            findings.extend(answers(&got, posted.as_ref()));
        }
    }
    Ok(findings)
}

/// Posts a signed delivery with an event that is always the same.
pub(super) async fn probe(stack: &Stack, key: Option<&OperatorKey>, timeout: Duration) -> Checked {
    let Some(key) = key else {
        let why = "needs --probe-key and --probe-key-id, a key of your own: \
                   `keys import --key-id ID --hmac-secret-file FILE --reason TEXT`";
        return Ok(vec![Finding::skipped(PROBE, why)]);
    };
    let url = stack.output(Output::WebhookUrl)?;
    let signing_key = key.signing_key(stack).await.map_err(|error| {
        let advice = "import the key: `keys import --key-id ID --hmac-secret-file FILE --reason TEXT`";
        Finding::failed(PROBE, ErrorChain(&error).to_string(), advice)
    })?;
    let answer = post(&url, signing_key, stack.clock(), timeout)
        .await
        .map_err(|error| {
            let advice = "see `upvest-webhooks send --help`";
            Finding::failed(PROBE, ErrorChain(&error).to_string(), advice)
        })?;
    Ok(vec![match answer.is_success() {
        true => Finding::ok(PROBE, "200; the event is a duplicate from now on"),
        false => {
            let advice = "Upvest takes 200 alone for success, and sends nothing else until then: see the logs of ingest";
            Finding::failed(PROBE, format!("answered {}", answer.name()), advice)
        }
    }])
}

/// Posts the probe, and tells what it was answered.
async fn post(url: &str, key: SigningKey, clock: &Clock, timeout: Duration) -> Result<Answer> {
    let target = Target::new(url, false)?;
    let load = Load::of_events(vec![PROBE_EVENT.to_owned()], key, &target, timeout, clock)?;
    Ok(load.run_one().await?.answer)
}

/// Looks the host of the URL up; `None` where it has none.
async fn resolve(url: &Url) -> Option<Finding> {
    let host = url.host_str()?.to_owned();
    let port = url.port_or_known_default().unwrap_or(443);
    if url.domain().is_none() {
        return Some(Finding::skipped(DNS, "the URL has an address for a host"));
    }
    if is_loopback(url) {
        return Some(Finding::ok(DNS, "this machine"));
    }
    let address = (host.clone(), port);
    // The standard library looks names up on its caller's thread: all other checks would wait for it.
    let found = tokio::task::spawn_blocking(move || address.to_socket_addrs().map(Iterator::count)).await;
    Some(match found {
        Ok(Ok(1..)) => Finding::ok(DNS, host),
        Ok(Err(error)) => unresolved(&host, &error.to_string()),
        Ok(Ok(0)) | Err(_) => unresolved(&host, "no address"),
    })
}

fn unresolved(host: &str, why: &str) -> Finding {
    let advice = "add the name to the DNS, or set PublicUrl to the one that is there";
    Finding::failed(DNS, format!("{host}: {why}"), advice)
}

fn certificate(url: &Url) -> Finding {
    match url.scheme() {
        "https" => Finding::ok(TLS, "trusted, and for this name"),
        _ => Finding::skipped(TLS, "the URL is http://, as on this machine alone"),
    }
}

fn unreachable(error: &reqwest::Error) -> Finding {
    let chain = ErrorChain(error).to_string();
    // The TLS library's errors are not among those that the client tells apart.
    if chain.contains("certificate") {
        let advice = "Upvest refuses it too: renew the certificate of the custom domain, or attach the one for this name";
        return Finding::failed(TLS, chain, advice);
    }
    let advice = "see whether the API is deployed, and whether PublicUrl leads to it";
    Finding::failed(REACHED, chain, advice)
}

async fn ask(client: &Client, method: Method, url: &Url) -> Result<Answered, reqwest::Error> {
    let mut response = client.request(method, url.clone()).send().await?;
    let location = response.headers().get(header::LOCATION);
    let location = location.and_then(|location| Some(location.to_str().ok()?.to_owned()));
    let status = response.status().as_u16();
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        body.extend_from_slice(&chunk);
        if body.len() > MAX_BODY_BYTES {
            break;
        }
    }
    let refusal: Option<Refusal> = serde_json::from_slice(&body).ok();
    Ok(Answered {
        status,
        location,
        reason: refusal.map(|refusal| refusal.reason),
    })
}

fn answers(got: &Answered, posted: Result<&Answered, &reqwest::Error>) -> Vec<Finding> {
    let mut answered = [Some(got), posted.ok()].into_iter().flatten();
    if let Some(redirect) = answered.find(|answered| (300..400).contains(&answered.status)) {
        let to = redirect.location.as_deref().unwrap_or("nowhere");
        let found = format!("answered {} to {to}", redirect.status);
        let advice =
            "Upvest follows no redirect: subscribe the URL that it leads to (PublicUrl), with the same path";
        return vec![Finding::failed(REDIRECT, found, advice)];
    }
    let posted = match posted {
        Ok(posted) => post_finding(posted),
        Err(error) => unreachable(error),
    };
    vec![Finding::ok(REDIRECT, "none"), get_finding(got), posted]
}

fn get_finding(answered: &Answered) -> Finding {
    match (answered.status, answered.reason.as_deref()) {
        (405, Some("method-not-allowed")) => Finding::ok(GET, "405 by ingest"),
        (405, _) => Finding::warning(GET, "405, but not by ingest", IN_FRONT),
        (status, _) => not_ingest(GET, status),
    }
}

fn post_finding(answered: &Answered) -> Finding {
    match (answered.status, answered.reason.as_deref()) {
        (401, Some("missing-signature")) => Finding::ok(UNSIGNED, "401 by ingest, and no delivery of it"),
        (403, Some("source-address-not-allowed")) => Finding::skipped(
            UNSIGNED,
            "403: only Upvest's addresses are let through (SourceAddressPolicy)",
        ),
        (200, _) => Finding::failed(
            UNSIGNED,
            "answered 200",
            "this is not the receiver, and what it takes from Upvest is lost: correct PublicUrl at once",
        ),
        (status, _) => not_ingest(UNSIGNED, status),
    }
}

fn not_ingest(check: &str, status: u16) -> Finding {
    let advice = match status {
        404 => {
            "the API is called on another path than WebhookPath: see what is in front of it, or the key of its mapping"
        }
        403 => "something in front of the API refuses, such as a firewall: let Upvest's addresses through",
        429 => "the API is throttled: raise ThrottlingRateLimit",
        500.. => "see the logs of ingest, and whether the deliveries queue can be reached",
        _ => IN_FRONT,
    };
    Finding::failed(check, format!("answered {status}"), advice)
}
