//! What ends a request that nobody answers.

use std::time::Duration;

use super::server::{Manner, Server};
use super::{BundleFile, authority, get_within, reason};

/// Is long enough for a connection on this machine, and short enough to be waited for.
const LIMIT: Duration = Duration::from_millis(250);

#[tokio::test]
async fn a_server_that_does_not_answer_is_given_up_after_the_read_timeout() {
    let authority = authority();
    let tls = authority.server("127.0.0.1").unwrap();
    let server = Server::start(Manner::Hangs, Some(tls)).await;
    let bundle = BundleFile::of(authority.pem());
    let url = format!("https://{}/", server.address);
    let answer = get_within(&bundle.connections(&[]), (None, Some(LIMIT)), &url).await;
    assert_eq!(reason(answer), "timeout: no answer within 250ms");
}

#[tokio::test]
async fn a_server_that_does_not_answer_the_hello_of_tls_is_given_up_after_twice_the_connect_timeout() {
    let server = Server::start(Manner::Hangs, None).await;
    let bundle = BundleFile::of(authority().pem());
    let url = format!("https://{}/", server.address);
    let answer = get_within(&bundle.connections(&[]), (Some(LIMIT), None), &url).await;
    assert_eq!(
        reason(answer),
        "io error: client error (Connect): no connection within 500ms"
    );
    assert_eq!(server.connections(), 1);
}

/// Linux leaves a connection alone for which the server has no place.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_host_that_takes_no_connection_is_given_up_after_the_connect_timeout() {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    while let Ok(stream) = std::net::TcpStream::connect_timeout(&address, LIMIT) {
        waiting.push(stream);
        assert!(waiting.len() < 100, "there is always a place");
    }
    let bundle = BundleFile::of(authority().pem());
    let url = format!("https://{address}/");
    let answer = get_within(&bundle.connections(&[]), (Some(LIMIT), None), &url).await;
    let reason = reason(answer);
    assert!(
        reason.starts_with("io error: client error (Connect): tcp connect error"),
        "{reason}"
    );
}
