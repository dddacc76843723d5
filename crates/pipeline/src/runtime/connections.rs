//! The connections to AWS, which all clients of a process share.
//!
//! Left alone, the SDK makes an HTTP client for each client of a service, and builds it twice: once when the client is made, only
//! to see that it can be built. Each time all trusted certificates are taken apart, which are 145 in Lambda. Here that is done
//! once in a process, and faster.
//!
//! | Module | Knows |
//! |---|---|
//! | `limited` | how long a connection may take to be made |
//! | `pooled` | requests, over connections that are kept open |
//! | `proxies` | which proxy the environment names, and whether it can be one |
//! | `roots` | which certificates are trusted |
//! | `route` | the way to a host: to itself, or through the proxy |

mod limited;
mod pooled;
mod proxies;
mod roots;
mod route;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_smithy_runtime_api::client::connector_metadata::ConnectorMetadata;
use aws_smithy_runtime_api::client::http::{HttpClient, HttpConnectorSettings, SharedHttpConnector};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;

use self::pooled::Pooled;
use self::proxies::Proxies;
use self::roots::Bundle;

/// Looks a variable up, in the environment or in a test's map.
type Variables<'v> = dyn Fn(&str) -> Option<String> + 'v;

/// Gives the timeouts of a connector: until it is connected, and until an answer begins.
type Timeouts = (Option<Duration>, Option<Duration>);

/// Makes a connector for each pair of timeouts, when the first request needs it.
#[derive(Debug)]
pub(super) struct Connections {
    bundle: Bundle,
    proxies: Arc<Proxies>,
    connectors: Mutex<HashMap<Timeouts, SharedHttpConnector>>,
}

impl Connections {
    /// Reads which certificates are trusted, and which proxy is in the way. A proxy that can be none is told of in the log, once:
    /// what was to go through it fails, and a function that reaches AWS without it goes on receiving.
    pub(super) fn new(variables: &Variables<'_>) -> Self {
        let proxies = Proxies::read(variables);
        if let Some(error) = proxies.refused() {
            tracing::error!(%error, "what was to go through the proxy is not sent");
        }
        Self {
            bundle: Bundle::named(variables),
            proxies: Arc::new(proxies),
            connectors: Mutex::default(),
        }
    }

    fn connector(&self, timeouts: Timeouts) -> SharedHttpConnector {
        let mut connectors = self.connectors.lock().unwrap_or_else(PoisonError::into_inner);
        let connector = connectors.entry(timeouts).or_insert_with(|| {
            let pooled = Pooled::new(timeouts, self.bundle.clone(), Arc::clone(&self.proxies));
            SharedHttpConnector::new(pooled)
        });
        connector.clone()
    }
}

impl HttpClient for Connections {
    fn http_connector(&self, settings: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        self.connector((settings.connect_timeout(), settings.read_timeout()))
    }

    fn connector_metadata(&self) -> Option<ConnectorMetadata> {
        Some(ConnectorMetadata::new("hyper", Some("1.x".into())))
    }
}
