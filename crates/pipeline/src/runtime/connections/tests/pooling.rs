//! Which requests share a connection.

use std::sync::Arc;
use std::time::Duration;

use aws_config::retry::RetryConfig;
use fake_aws::Aws;
use fake_aws::tls::Authority;
use tokio::sync::{Barrier, Notify};
use tokio::time::timeout;

use super::server::{Manner, Server};
use super::{BundleFile, PATIENCE, authority, get, reason, settle};

/// Starts a server that speaks TLS, and returns its URL as well.
async fn start(authority: &Authority, manner: Manner) -> (Server, String) {
    let server = Server::start(manner, Some(authority.server("127.0.0.1").unwrap())).await;
    let url = format!("https://{}/", server.address);
    (server, url)
}

#[tokio::test]
async fn requests_one_after_another_share_a_connection() {
    let authority = authority();
    let (server, url) = start(&authority, Manner::Answers).await;
    let bundle = BundleFile::of(authority.pem());
    let connections = bundle.connections(&[]);
    for _ in 0..3 {
        assert_eq!(get(&connections, &url).await.unwrap(), 200);
    }
    assert_eq!(server.requests().len(), 3);
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn requests_at_a_time_have_a_connection_each() {
    let authority = authority();
    let together = Manner::AnswersTogether(Arc::new(Barrier::new(3)));
    let (server, url) = start(&authority, together).await;
    let bundle = BundleFile::of(authority.pem());
    let connections = bundle.connections(&[]);
    let answers = tokio::join!(
        get(&connections, &url),
        get(&connections, &url),
        get(&connections, &url)
    );
    assert_eq!(
        (answers.0.unwrap(), answers.1.unwrap(), answers.2.unwrap()),
        (200, 200, 200)
    );
    assert_eq!(server.connections(), 3);
}

#[tokio::test]
async fn http_2_is_not_offered() {
    let authority = authority();
    let mut tls = authority.server("127.0.0.1").unwrap();
    tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let server = Server::start(Manner::Answers, Some(tls)).await;
    let bundle = BundleFile::of(authority.pem());
    let url = format!("https://{}/path?query=1", server.address);
    assert_eq!(get(&bundle.connections(&[]), &url).await.unwrap(), 200);
    assert_eq!(server.protocols(), [None::<Vec<u8>>]);
    let requests = server.requests();
    assert!(
        requests[0].starts_with("GET /path?query=1 HTTP/1.1\r\n"),
        "{requests:?}"
    );
}

#[tokio::test]
async fn a_connection_that_the_server_closed_meanwhile_is_replaced() {
    let authority = authority();
    let closed = Arc::new(Notify::new());
    let (server, url) = start(&authority, Manner::Closes(Arc::clone(&closed))).await;
    let bundle = BundleFile::of(authority.pem());
    let connections = bundle.connections(&[]);
    for _ in 0..3 {
        assert_eq!(get(&connections, &url).await.unwrap(), 200);
        timeout(PATIENCE, closed.notified())
            .await
            .expect("the client closes, too");
    }
    assert_eq!(server.connections(), 3);
}

#[tokio::test]
async fn a_connection_that_breaks_under_a_request_fails_it_and_no_other() {
    let authority = authority();
    let (server, url) = start(&authority, Manner::BreaksOff).await;
    let bundle = BundleFile::of(authority.pem());
    let connections = bundle.connections(&[]);
    assert_eq!(get(&connections, &url).await.unwrap(), 200);
    let reason = reason(get(&connections, &url).await);
    assert!(reason.starts_with("io error: client error"), "{reason}");
    assert_eq!(get(&connections, &url).await.unwrap(), 200);
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn a_client_of_aws_sends_what_a_connection_broke_under_again() {
    let authority = authority();
    let (server, url) = start(&authority, Manner::BreaksOff).await;
    let bundle = BundleFile::of(authority.pem());
    let retries = RetryConfig::standard().with_initial_backoff(Duration::from_millis(1));
    let config = Aws::new(1)
        .sdk_config()
        .to_builder()
        .http_client(bundle.connections(&[]))
        .endpoint_url(&url)
        .retry_config(retries)
        .build();
    let sqs = crate::runtime::aws::sqs(&config);
    for _ in 0..2 {
        let answer = timeout(PATIENCE, sqs.list_queues().send()).await;
        let answer = answer.expect("no request hangs");
        answer.expect("the second attempt is answered");
        settle().await;
    }
    // The one that was answered, the one that was not, and that one again.
    assert_eq!(server.requests().len(), 3);
    assert_eq!(server.connections(), 2);
}
