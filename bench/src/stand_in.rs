//! AWS on a socket: the account of the tests behind TLS, which counts what it is asked.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::response::Response;
use axum::serve::Listener;
use fake_aws::tls::Authority;
use fake_aws::{Aws, Call};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use upvest::signature::SigningKey;
use verify_and_store::Policy;
use webhook_tests::deliveries::import_key;
use webhook_tests::receiver::Receiver;

use crate::error::BenchError;

/// Says where systems keep the certificates that they trust; Lambda's image has the first.
const BUNDLES: [&str; 3] = [
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/ssl/cert.pem",
];

/// Holds what the stand-ins prove themselves with, and the bundle by which functions trust them.
pub struct Certificates {
    acceptor: TlsAcceptor,
    /// Says where the bundle is: the machine's certificates and ours.
    pub bundle: PathBuf,
    /// Counts the certificates of the bundle. Lambda's has about 145.
    pub count: usize,
}

impl Certificates {
    /// Makes a certificate authority and a certificate for this machine, and writes the bundle into `directory`.
    ///
    /// # Errors
    ///
    /// [`BenchError::Certificate`], or [`BenchError::Io`] when the bundle cannot be written.
    pub fn make(directory: &Path) -> Result<Self, BenchError> {
        let authority = Authority::new("benchmark").map_err(BenchError::Certificate)?;
        let config = authority.server("127.0.0.1").map_err(BenchError::Certificate)?;
        let system = BUNDLES.iter().find_map(|path| std::fs::read_to_string(path).ok());
        let bundle = format!("{}\n{}", system.unwrap_or_default(), authority.pem());
        let path = directory.join("ca.pem");
        std::fs::write(&path, &bundle).map_err(BenchError::io(path.display().to_string()))?;
        Ok(Self {
            acceptor: Arc::new(config).into(),
            bundle: path,
            count: bundle.matches("-----BEGIN CERTIFICATE-----").count(),
        })
    }
}

/// Is an AWS account of its own on a port of its own, for one process of a function.
pub struct StandIn {
    aws: Aws,
    connections: Arc<AtomicUsize>,
    server: JoinHandle<()>,
    /// Gives the address of all its services.
    pub endpoint: String,
}

impl StandIn {
    /// Starts an empty account that has the receiver's tables and queues, and knows the key.
    ///
    /// # Errors
    ///
    /// [`BenchError`] when there is no port, or no key.
    pub async fn start(certificates: &Certificates, key: &SigningKey) -> Result<Self, BenchError> {
        let aws = Receiver::new(1, Policy::Flag).aws;
        import_key(&aws, key.to_jwk().ok_or(BenchError::Key)?).await;
        let listener = TcpListener::bind("127.0.0.1:0").await;
        let tcp = listener.map_err(BenchError::io("a port of 127.0.0.1"))?;
        let address = tcp.local_addr().map_err(BenchError::io("a port of 127.0.0.1"))?;
        let connections = Arc::new(AtomicUsize::new(0));
        let listener = TlsListener {
            tcp,
            acceptor: certificates.acceptor.clone(),
            connections: Arc::clone(&connections),
        };
        let router = Router::new().fallback(answer);
        let router = router.layer(DefaultBodyLimit::disable()).with_state(aws.clone());
        let server = tokio::spawn(async {
            // It ends only by being aborted.
            let _ = axum::serve(listener, router).await;
        });
        aws.clear_calls();
        Ok(Self {
            aws,
            connections,
            server,
            endpoint: format!("https://{address}"),
        })
    }

    /// Forgets the calls so far, so that the next ones are counted from 0.
    pub fn forget(&self) {
        self.aws.clear_calls();
    }

    /// Lists the calls since they were last forgotten.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.aws.calls()
    }

    /// Counts the connections that were opened in all.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn answer(State(aws): State<Aws>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    // A body that breaks off is that of a process that ended.
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
    aws.answer(http::Request::from_parts(head, body.to_vec()))
        .map(|body| Body::from(Bytes::from(body)))
}

/// Accepts connections and their TLS handshakes.
struct TlsListener {
    tcp: TcpListener,
    acceptor: TlsAcceptor,
    connections: Arc<AtomicUsize>,
}

impl Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = std::net::SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let (stream, address) = Listener::accept(&mut self.tcp).await;
            // Without it small answers wait for an acknowledgement; with an error they do so, too.
            let _ = stream.set_nodelay(true);
            if let Ok(stream) = self.acceptor.accept(stream).await {
                self.connections.fetch_add(1, Ordering::Relaxed);
                return (stream, address);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        self.tcp.local_addr()
    }
}
