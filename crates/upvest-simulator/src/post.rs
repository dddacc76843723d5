//! Posts a signed delivery.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use reqwest::header::HeaderMap;
use reqwest::{Client, Url, redirect};

use crate::record::{Answer, MAX_ANSWER_BYTES};
use crate::signer::SignedDelivery;

/// Creates a client that follows no redirect and no proxy setting, so that it reaches what the URL names or nothing.
///
/// Names under `localhost` are this machine (RFC 6761), also where the resolver does not know them.
pub(crate) fn client(url: &Url, timeout: Option<Duration>) -> reqwest::Result<Client> {
    let mut builder = Client::builder().redirect(redirect::Policy::none()).no_proxy();
    if let Some(timeout) = timeout {
        builder = builder.timeout(timeout);
    }
    if let Some(host) = url.host_str().filter(|host| host.ends_with(".localhost")) {
        // Port 0 stands for the URL's own port.
        builder = builder.resolve(host, SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0));
    }
    builder.build()
}

/// Describes the receiver's answer with its headers, before it is judged.
pub(crate) struct RawAnswer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

pub(crate) async fn post(client: &Client, url: &Url, delivery: &SignedDelivery) -> Answer {
    match exchange(client, url, delivery).await {
        Ok(answer) => Answer::Answered {
            status: answer.status,
            body: String::from_utf8_lossy(&answer.body).into_owned(),
        },
        Err(error) if error.is_timeout() => Answer::TimedOut,
        Err(error) if error.is_connect() => Answer::Unreachable,
        Err(_) => Answer::Broken,
    }
}

/// Posts a delivery and returns the whole answer, its body cut off like a record's; `None` when there is none.
pub(crate) async fn post_and_read(
    client: &Client,
    url: &Url,
    delivery: &SignedDelivery,
) -> Option<RawAnswer> {
    exchange(client, url, delivery).await.ok()
}

async fn exchange(client: &Client, url: &Url, delivery: &SignedDelivery) -> reqwest::Result<RawAnswer> {
    let request = delivery
        .headers
        .iter()
        .fold(client.post(url.clone()), |request, (name, value)| {
            request.header(name, value)
        });
    let mut response = request.body(delivery.body.clone()).send().await?;
    let mut body = Vec::new();
    while body.len() < MAX_ANSWER_BYTES {
        match response.chunk().await? {
            Some(chunk) => body.extend_from_slice(&chunk),
            None => break,
        }
    }
    body.truncate(MAX_ANSWER_BYTES);
    Ok(RawAnswer {
        status: response.status().as_u16(),
        headers: std::mem::take(response.headers_mut()),
        body,
    })
}
