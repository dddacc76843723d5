//! Connections to servers and through proxies, on ports of this machine.

mod certificates;
mod pooling;
mod proxied;
mod server;
mod timeouts;

use std::fs;
use std::time::Duration;

use aws_smithy_runtime_api::client::http::HttpConnector;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use fake_aws::tls::Authority;
use lambda_runtime::tracing::subscriber::filter::LevelFilter;
use tempfile::NamedTempFile;
use tokio::time::timeout;

use super::{Connections, Timeouts};
use crate::error::ErrorChain;
use crate::runtime::log::tests::logged;

/// Says how long a request may take before the test is broken.
const PATIENCE: Duration = Duration::from_secs(30);

/// Is a file with certificates, which is deleted at the end.
struct BundleFile(NamedTempFile);

impl BundleFile {
    fn of(text: &str) -> Self {
        let file = NamedTempFile::new().expect("a file is made");
        fs::write(file.path(), text).expect("a file is written");
        Self(file)
    }

    fn path(&self) -> &str {
        self.0.path().to_str().expect("the path is UTF-8")
    }

    /// Makes the connections of a process that trusts the bundle, and has these variables as well.
    fn connections(&self, variables: &[(&str, &str)]) -> Connections {
        Connections::new(&|name: &str| {
            let bundle = ("SSL_CERT_FILE", self.path());
            let found = variables
                .iter()
                .chain([&bundle])
                .find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }
}

fn authority() -> Authority {
    Authority::new("Trusted Root").expect("an authority is made")
}

async fn get(connections: &Connections, url: &str) -> Result<u16, ConnectorError> {
    get_within(connections, (None, None), url).await
}

/// Sends a request, and returns the status of its answer when its connection is free again.
async fn get_within(connections: &Connections, timeouts: Timeouts, url: &str) -> Result<u16, ConnectorError> {
    let request = HttpRequest::get(url).expect("the URL is one");
    let answer = connections.connector(timeouts).call(request);
    let answer = timeout(PATIENCE, answer).await.expect("no request hangs");
    let status = answer.map(|answer| answer.status().as_u16());
    settle().await;
    status
}

/// Lets the connection of an answer that has come whole be given back, which takes no more than that its task runs.
async fn settle() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

/// Returns what an operator reads of the error of a request that has to fail.
fn reason(answer: Result<u16, ConnectorError>) -> String {
    ErrorChain(&answer.expect_err("the request fails")).to_string()
}

#[test]
fn what_is_wrong_with_the_environment_is_logged_before_the_first_request() {
    let bundle = BundleFile::of("no certificate\n");
    let log = logged(LevelFilter::ERROR, || {
        let connections = bundle.connections(&[("HTTPS_PROXY", "http://user:secret@proxy:99999")]);
        connections.connector((None, None));
    });
    for said in [
        "what was to go through the proxy is not sent",
        "environment variable HTTPS_PROXY is not valid: a proxy is written http://HOST:PORT or https://HOST:PORT",
        &format!(
            "there is no certificate to trust in {} (SSL_CERT_FILE, ",
            bundle.path()
        ),
    ] {
        assert!(log.contains(said), "{log}");
    }
    assert!(!log.contains("secret"), "{log}");

    let bundle = BundleFile::of(authority().pem());
    let log = logged(LevelFilter::TRACE, || {
        let connections = bundle.connections(&[("HTTPS_PROXY", "http://user:secret@proxy:3128")]);
        connections.connector((None, None));
    });
    assert_eq!(log, "");
}
