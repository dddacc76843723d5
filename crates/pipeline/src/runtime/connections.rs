//! The connections to AWS, which all clients of a process share.
//!
//! Left alone, the SDK makes an HTTP client for each client of a service, and builds it twice: once when the client is made, only
//! to see that it can be built. Each time all trusted certificates are taken apart, which are 145 in Lambda. Here that is done
//! once in a process, and faster.
//!
//! | Module | Knows |
//! |---|---|
//! | `direct` | requests over connections of our own |
//! | `roots` | which certificates are trusted |

mod direct;
mod roots;

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_smithy_http_client::Connector;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_runtime_api::client::connector_metadata::ConnectorMetadata;
use aws_smithy_runtime_api::client::http::{HttpClient, HttpConnectorSettings, SharedHttpConnector};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;

use self::direct::Direct;
use crate::runtime::config::environment;

/// Lists the variables that name a proxy, for those who read them in capitals and for those who do not.
const PROXIES: [&str; 6] = [
    "HTTPS_PROXY",
    "https_proxy",
    "HTTP_PROXY",
    "http_proxy",
    "ALL_PROXY",
    "all_proxy",
];

/// Gives the timeouts of a connector: until it is connected, and until an answer is read.
type Timeouts = (Option<Duration>, Option<Duration>);

/// Makes a connector for each pair of timeouts, when the first request needs it.
#[derive(Debug, Default)]
pub(super) struct Connections(Mutex<HashMap<Timeouts, SharedHttpConnector>>);

impl HttpClient for Connections {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        let timeouts = (settings.connect_timeout(), settings.read_timeout());
        let mut connectors = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let connector = connectors
            .entry(timeouts)
            .or_insert_with(|| connector(settings, components));
        connector.clone()
    }

    fn connector_metadata(&self) -> Option<ConnectorMetadata> {
        Some(ConnectorMetadata::new("hyper", Some("1.x".into())))
    }
}

/// Makes a connector of our own, or the SDK's where a request has to find its way through a proxy, which it knows how to.
fn connector(settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
    let has_proxy = PROXIES
        .iter()
        .any(|name| environment(name).is_some_and(|proxy| !proxy.is_empty()));
    if !has_proxy && settings.read_timeout().is_none() {
        return SharedHttpConnector::new(Direct::new(settings.connect_timeout()));
    }
    let mut builder = Connector::builder().connector_settings(settings.clone());
    builder.set_sleep_impl(components.sleep_impl());
    builder.set_proxy_config(Some(ProxyConfig::from_env()));
    let builder = builder.tls_provider(Provider::Rustls(CryptoMode::AwsLc));
    SharedHttpConnector::new(builder.build())
}
