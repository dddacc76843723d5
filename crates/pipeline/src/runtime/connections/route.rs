//! The way to a host: straight to it, or through the proxy that is named for it.

use std::future::ready;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use aws_smithy_runtime_api::box_error::BoxError;
use http::Uri;
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector as Tcp;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::proxy::matcher::Intercept;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tower_service::Service;

use super::proxies::Proxies;

/// Is a connection on which nothing was sent to its host yet. That to a proxy may be one with TLS of its own.
pub(super) type Stream = MaybeHttpsStream<TokioIo<TcpStream>>;

type Connecting = Pin<Box<dyn Future<Output = Result<Stream, BoxError>> + Send>>;

/// Says through which proxy a host cannot be reached. The source says why.
#[derive(Debug, thiserror::Error)]
#[error("the proxy {proxy} makes no connection to {host}")]
pub(super) struct ProxyError {
    proxy: Uri,
    host: String,
    #[source]
    source: BoxError,
}

/// Connects to hosts, without the TLS that is spoken to them.
#[derive(Clone)]
pub(super) struct Route {
    tcp: Tcp,
    /// Speaks TLS with proxies that want it.
    tls: Arc<ClientConfig>,
    proxies: Arc<Proxies>,
    connect_timeout: Option<Duration>,
}

impl Route {
    /// Looks for the way to each host in `proxies`. A host is to be connected by TCP within `connect_timeout`, where there is
    /// one; a proxy has to have connected to the host by then.
    pub(super) fn new(
        connect_timeout: Option<Duration>,
        tls: Arc<ClientConfig>,
        proxies: Arc<Proxies>,
    ) -> Self {
        let mut tcp = Tcp::new();
        tcp.set_nodelay(true);
        // Each address of a host or a proxy gets its share of it.
        tcp.set_connect_timeout(connect_timeout);
        // TLS comes on top of it.
        tcp.enforce_http(false);
        Self {
            tcp,
            tls,
            proxies,
            connect_timeout,
        }
    }

    fn directly(&self, host: Uri) -> Connecting {
        let mut tcp = self.tcp.clone();
        Box::pin(async move {
            let connected = tcp.call(host).await;
            connected.map(MaybeHttpsStream::Http).map_err(BoxError::from)
        })
    }

    fn through(&self, proxy: &Intercept, host: Uri) -> Connecting {
        let to_proxy = HttpsConnector::from((self.tcp.clone(), Arc::clone(&self.tls)));
        let mut tunnel = Tunnel::new(proxy.uri().clone(), to_proxy);
        if let Some(password) = proxy.basic_auth() {
            tunnel = tunnel.with_auth(password.clone());
        }
        let limit = self.connect_timeout;
        let proxy = proxy.uri().clone();
        Box::pin(async move {
            let name = host.authority().map(ToString::to_string).unwrap_or_default();
            let connecting = async { tunnel.call(host).await.map_err(BoxError::from) };
            let connected = match limit {
                Some(limit) => timeout(limit, connecting)
                    .await
                    .unwrap_or_else(|_| Err(format!("no answer within {limit:?}").into())),
                None => connecting.await,
            };
            connected.map_err(|source| {
                let host = name;
                BoxError::from(ProxyError { proxy, host, source })
            })
        })
    }
}

impl Service<Uri> for Route {
    type Response = Stream;
    type Error = BoxError;
    type Future = Connecting;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.tcp.poll_ready(context).map_err(BoxError::from)
    }

    fn call(&mut self, host: Uri) -> Connecting {
        match self.proxies.intercept(&host) {
            Ok(Some(proxy)) => self.through(&proxy, host),
            Ok(None) => self.directly(host),
            Err(refused) => Box::pin(ready(Err(BoxError::from(refused)))),
        }
    }
}
