//! Posts a signed delivery.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

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

pub(crate) async fn post(client: &Client, url: &Url, delivery: &SignedDelivery) -> Answer {
    let request = delivery
        .headers
        .iter()
        .fold(client.post(url.clone()), |request, (name, value)| {
            request.header(name, value)
        });
    match request.body(delivery.body.clone()).send().await {
        Ok(response) => read(response).await,
        Err(error) if error.is_timeout() => Answer::TimedOut,
        Err(error) if error.is_connect() => Answer::Unreachable,
        Err(_) => Answer::Broken,
    }
}

async fn read(mut response: reqwest::Response) -> Answer {
    let status = response.status().as_u16();
    let mut body = Vec::new();
    while body.len() < MAX_ANSWER_BYTES {
        match response.chunk().await {
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => break,
            Err(error) if error.is_timeout() => return Answer::TimedOut,
            Err(_) => return Answer::Broken,
        }
    }
    body.truncate(MAX_ANSWER_BYTES);
    Answer::Answered {
        status,
        body: String::from_utf8_lossy(&body).into_owned(),
    }
}
