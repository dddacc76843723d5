//! What goes through a proxy, and what is said where it does not get through.

use std::time::Duration;

use fake_aws::tls::Authority;

use super::server::{Manner, Server};
use super::{BundleFile, authority, get, get_within, reason};

/// Is the host that requests are for. No test looks it up: that is for the proxy to do.
const HOST: &str = "sqs.eu-central-1.amazonaws.com";
const URL: &str = "https://sqs.eu-central-1.amazonaws.com/";

/// Starts a server that proves to be `HOST`, and a proxy without TLS in front of it.
async fn behind_a_proxy(authority: &Authority) -> (Server, Server) {
    let server = Server::start(Manner::Answers, Some(authority.server(HOST).unwrap())).await;
    let proxy = Server::start(Manner::Connects(server.address), None).await;
    (server, proxy)
}

#[tokio::test]
async fn requests_go_through_the_proxy_which_sees_nothing_of_them() {
    let authority = authority();
    let (server, proxy) = behind_a_proxy(&authority).await;
    let bundle = BundleFile::of(authority.pem());
    let named = format!("http://{}", proxy.address);
    let connections = bundle.connections(&[("HTTPS_PROXY", &named)]);
    for _ in 0..2 {
        assert_eq!(get(&connections, URL).await.unwrap(), 200);
    }
    let connect = format!("CONNECT {HOST}:443 HTTP/1.1\r\nHost: {HOST}:443\r\n\r\n");
    assert_eq!(proxy.requests(), [connect]);
    let requests = server.requests();
    assert_eq!(requests.len(), 2);
    for request in requests {
        assert!(request.starts_with("GET / HTTP/1.1\r\n"), "{request}");
    }
}

#[tokio::test]
async fn a_password_of_the_proxy_is_sent_to_it_and_to_nobody_else() {
    let authority = authority();
    let (server, proxy) = behind_a_proxy(&authority).await;
    let bundle = BundleFile::of(authority.pem());
    let named = format!("http://user:p%40ss@{}", proxy.address);
    let connections = bundle.connections(&[("HTTPS_PROXY", &named)]);
    assert_eq!(get(&connections, URL).await.unwrap(), 200);
    // "user:p@ss" in base64.
    let password = "\r\nProxy-Authorization: Basic dXNlcjpwQHNz\r\n";
    let (connects, requests) = (proxy.requests(), server.requests());
    assert!(connects[0].contains(password), "{connects:?}");
    assert!(!requests[0].to_lowercase().contains("proxy"), "{requests:?}");
}

#[tokio::test]
async fn a_proxy_that_speaks_tls_is_spoken_to_so() {
    let authority = authority();
    let server = Server::start(Manner::Answers, Some(authority.server(HOST).unwrap())).await;
    let own = authority.server("127.0.0.1").unwrap();
    let proxy = Server::start(Manner::Connects(server.address), Some(own)).await;
    let bundle = BundleFile::of(authority.pem());
    let named = format!("https://{}/", proxy.address);
    let connections = bundle.connections(&[("HTTPS_PROXY", &named)]);
    assert_eq!(get(&connections, URL).await.unwrap(), 200);
    assert_eq!((proxy.requests().len(), server.requests().len()), (1, 1));
}

#[tokio::test]
async fn a_proxy_that_makes_no_connection_is_named_with_its_reason_and_without_its_password() {
    let bundle = BundleFile::of(authority().pem());
    for (answer, why) in [
        (
            "HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n",
            "tunnel error: proxy authorization required",
        ),
        ("HTTP/1.1 502 Bad Gateway\r\n\r\n", "tunnel error: unsuccessful"),
        ("SSH-2.0-OpenSSH\r\n\r\n", "tunnel error: unsuccessful"),
    ] {
        let proxy = Server::start(Manner::Says(answer), None).await;
        let address = proxy.address;
        let named = format!("http://user:secret@{address}");
        let answer = get(&bundle.connections(&[("HTTPS_PROXY", &named)]), URL).await;
        assert_eq!(
            reason(answer),
            format!(
                "io error: client error (Connect): the proxy http://{address}/ makes no connection to {HOST}: {why}"
            )
        );
    }
}

#[tokio::test]
async fn a_proxy_that_does_not_answer_is_given_up_after_the_connect_timeout() {
    let bundle = BundleFile::of(authority().pem());
    let proxy = Server::start(Manner::Hangs, None).await;
    let address = proxy.address;
    let named = format!("http://{address}");
    let connections = bundle.connections(&[("HTTPS_PROXY", &named)]);
    let limit = Some(Duration::from_millis(250));
    let answer = get_within(&connections, (limit, None), URL).await;
    assert_eq!(
        reason(answer),
        format!(
            "io error: client error (Connect): the proxy http://{address}/ makes no connection to {HOST}: no answer within \
             250ms"
        )
    );
}

#[tokio::test]
async fn of_two_certificates_it_is_said_whose_was_refused() {
    let (trusted, stranger) = (authority(), Authority::new("Unknown Root").unwrap());
    let bundle = BundleFile::of(trusted.pem());
    let (server, proxy) = behind_a_proxy(&stranger).await;
    let named = format!("http://{}", proxy.address);
    let answer = get(&bundle.connections(&[("HTTPS_PROXY", &named)]), URL).await;
    let said = reason(answer);
    let start = format!("io error: the certificate of {HOST} is refused, because no authority in ");
    assert!(said.starts_with(&start), "{said}");
    assert_eq!(server.requests(), Vec::<String>::new());

    let own = stranger.server("127.0.0.1").unwrap();
    let proxy = Server::start(Manner::Connects(server.address), Some(own)).await;
    let named = format!("https://{}", proxy.address);
    let answer = get(&bundle.connections(&[("HTTPS_PROXY", &named)]), URL).await;
    let said = reason(answer);
    let start =
        format!("io error: client error (Connect): the proxy {named}/ makes no connection to {HOST}: ");
    assert!(said.starts_with(&start), "{said}");
    assert!(
        said.ends_with("invalid peer certificate: UnknownIssuer"),
        "{said}"
    );
    assert_eq!(proxy.requests(), Vec::<String>::new());
}

#[tokio::test]
async fn exceptions_and_requests_without_tls_pass_the_proxy_by() {
    let authority = authority();
    let bundle = BundleFile::of(authority.pem());
    let proxy = Server::start(Manner::Hangs, None).await;
    let named = format!("http://{}", proxy.address);
    for (exceptions, scheme) in [("localhost,127.0.0.0/8", "https"), ("", "http")] {
        let tls = (scheme == "https").then(|| authority.server("127.0.0.1").unwrap());
        let server = Server::start(Manner::Answers, tls).await;
        let connections = bundle.connections(&[("HTTPS_PROXY", &named), ("NO_PROXY", exceptions)]);
        let url = format!("{scheme}://{}/", server.address);
        assert_eq!(get(&connections, &url).await.unwrap(), 200, "{scheme}");
    }
    assert_eq!(proxy.connections(), 0);
}

#[tokio::test]
async fn what_was_to_go_through_what_can_be_no_proxy_is_sent_to_nobody() {
    let authority = authority();
    let bundle = BundleFile::of(authority.pem());
    let server = Server::start(Manner::Answers, Some(authority.server("127.0.0.1").unwrap())).await;
    let url = format!("https://{}/", server.address);
    for named in ["http://proxy:99999", "socks5://127.0.0.1:1080", "a proxy"] {
        let connections = bundle.connections(&[("HTTPS_PROXY", named)]);
        assert_eq!(
            reason(get(&connections, &url).await),
            "io error: client error (Connect): environment variable HTTPS_PROXY is not valid: a proxy is written \
             http://HOST:PORT or https://HOST:PORT",
            "{named}"
        );
        assert_eq!(server.connections(), 0, "{named}");
    }
    // What it is not asked for is not in need of it.
    let connections = bundle.connections(&[("HTTPS_PROXY", "a proxy"), ("NO_PROXY", "127.0.0.0/8")]);
    assert_eq!(get(&connections, &url).await.unwrap(), 200);
}
