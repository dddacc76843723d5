//! A server or a proxy on a port of this machine, which speaks HTTP/1.1 as far as the tests need it.

use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Barrier, Notify};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

const ANSWER: &str = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
const CONNECTED: &str = "HTTP/1.1 200 Connection established\r\n\r\n";

/// Says what a server does about the requests of a connection.
#[derive(Clone)]
pub(super) enum Manner {
    /// Answers each, and keeps the connection open.
    Answers,
    /// Answers none before as many connections have one.
    AnswersTogether(Arc<Barrier>),
    /// Answers one and closes; notifies when the client has closed as well.
    Closes(Arc<Notify>),
    /// Answers one, and closes when it has read the second.
    BreaksOff,
    /// Answers no request, and keeps the connection open.
    Hangs,
    /// Is a proxy, which connects to this address whatever it is asked for.
    Connects(SocketAddr),
    /// Answers each request with this text.
    Says(&'static str),
}

/// Serves until it is dropped, and remembers what it was asked.
pub(super) struct Server {
    pub(super) address: SocketAddr,
    seen: Arc<Mutex<Seen>>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct Seen {
    connections: usize,
    protocols: Vec<Option<Vec<u8>>>,
    requests: Vec<String>,
}

impl Server {
    /// Starts a server that speaks TLS if `tls` is given.
    pub(super) async fn start(manner: Manner, tls: Option<ServerConfig>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let address = listener.local_addr().expect("the port has an address");
        let seen = Arc::default();
        let acceptor = tls.map(|config| TlsAcceptor::from(Arc::new(config)));
        let task = tokio::spawn(serve(listener, manner, acceptor, Arc::clone(&seen)));
        Self { address, seen, task }
    }

    /// Counts the connections that were opened in all, whatever became of them.
    pub(super) fn connections(&self) -> usize {
        lock(&self.seen).connections
    }

    /// Lists which protocol was agreed on in the handshake of each connection, if any was.
    pub(super) fn protocols(&self) -> Vec<Option<Vec<u8>>> {
        lock(&self.seen).protocols.clone()
    }

    /// Lists the heads of all requests.
    pub(super) fn requests(&self) -> Vec<String> {
        lock(&self.seen).requests.clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn lock(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn serve(listener: TcpListener, manner: Manner, acceptor: Option<TlsAcceptor>, seen: Arc<Mutex<Seen>>) {
    while let Ok((stream, _)) = listener.accept().await {
        lock(&seen).connections += 1;
        let (manner, acceptor, seen) = (manner.clone(), acceptor.clone(), Arc::clone(&seen));
        tokio::spawn(async move {
            let Some(acceptor) = acceptor else {
                return speak(stream, &manner, &seen).await;
            };
            let stream = acceptor.accept(stream).await?;
            let protocol = stream.get_ref().1.alpn_protocol().map(<[u8]>::to_vec);
            lock(&seen).protocols.push(protocol);
            speak(stream, &manner, &seen).await
        });
    }
}

async fn speak<S>(mut stream: S, manner: &Manner, seen: &Mutex<Seen>) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut requests = 0;
    while let Some(head) = read(&mut stream).await? {
        lock(seen).requests.push(head);
        requests += 1;
        match manner {
            Manner::Answers | Manner::Closes(_) => {}
            Manner::AnswersTogether(barrier) => {
                barrier.wait().await;
            }
            Manner::BreaksOff if requests == 1 => {}
            Manner::BreaksOff => return Ok(()),
            Manner::Hangs => pending().await,
            Manner::Connects(address) => {
                let mut host = TcpStream::connect(address).await?;
                say(&mut stream, CONNECTED).await?;
                copy_bidirectional(&mut stream, &mut host).await?;
                return Ok(());
            }
            Manner::Says(answer) => {
                say(&mut stream, answer).await?;
                continue;
            }
        }
        say(&mut stream, ANSWER).await?;
        if let Manner::Closes(closed) = manner {
            stream.shutdown().await?;
            while stream.read(&mut [0; 64]).await.is_ok_and(|length| length > 0) {}
            closed.notify_one();
            return Ok(());
        }
    }
    Ok(())
}

async fn say<S: AsyncWrite + Unpin>(stream: &mut S, answer: &str) -> io::Result<()> {
    stream.write_all(answer.as_bytes()).await?;
    stream.flush().await
}

/// Reads a request and returns its head; `None` when the client has closed.
async fn read<S: AsyncRead + Unpin>(stream: &mut S) -> io::Result<Option<String>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return Ok(None),
        }
    }
    let head = String::from_utf8(head).map_err(io::Error::other)?;
    let length = head.lines().find_map(|line| {
        let line = line.to_ascii_lowercase();
        line.strip_prefix("content-length: ")?.parse::<usize>().ok()
    });
    stream.read_exact(&mut vec![0; length.unwrap_or(0)]).await?;
    Ok(Some(head))
}
