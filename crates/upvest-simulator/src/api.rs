//! What the simulator serves over HTTP, on the loopback interface alone: the part of Upvest's API that it stands in
//! for, with every request verified as Upvest does, and its own control under `/simulator/`.

mod admission;
mod auth;
mod control;
mod documents;
mod gate;
mod idempotency;
mod problem;
mod resources;
mod signature;
mod webhooks;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware;
use jiff::Timestamp;
use serde_json::Value;
use tokio::net::TcpListener;
use upvest::delivery::MAX_BODY_BYTES;

use crate::simulator::Simulator;

/// Says why the simulator cannot listen.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// Whoever reaches the control interface can make it post anything, so it is not opened to a network.
    #[error("{0} is not a loopback address")]
    NotLoopback(SocketAddr),
    /// The address is taken or not there.
    #[error("cannot listen on {address}")]
    Bind {
        /// Gives the address that was asked for.
        address: SocketAddr,
        /// Tells what the operating system answered.
        #[source]
        source: io::Error,
    },
}

/// Listens on a loopback address; port 0 takes any free port.
///
/// # Errors
/// [`ListenError`] when the address is not a loopback one, or not free.
pub async fn listen(address: SocketAddr) -> Result<TcpListener, ListenError> {
    if !address.ip().is_loopback() {
        return Err(ListenError::NotLoopback(address));
    }
    TcpListener::bind(address)
        .await
        .map_err(|source| ListenError::Bind { address, source })
}

/// Serves Upvest's API until the listener fails.
///
/// # Errors
/// What the listener reports.
pub async fn serve(listener: TcpListener, simulator: Arc<Simulator>) -> io::Result<()> {
    axum::serve(listener, router(simulator)).await
}

/// Makes the routes, for callers that serve them in another way.
pub fn router(simulator: Arc<Simulator>) -> Router {
    let upvest = Router::new()
        .merge(auth::router())
        .merge(webhooks::router())
        .merge(documents::router())
        .merge(resources::router())
        .layer(middleware::from_fn_with_state(Arc::clone(&simulator), gate::gate));
    Router::new()
        .merge(upvest)
        .merge(documents::storage_router())
        .nest("/simulator", control::router())
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .with_state(simulator)
}

/// Reads a time of an object, by which lists are sorted: as a text, half a second after would come before. `None` for
/// what is no time.
fn time(value: &Value) -> Option<Timestamp> {
    value.as_str()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[tokio::test]
    async fn only_loopback_addresses_are_listened_on() {
        let everywhere = "0.0.0.0:0".parse().unwrap();
        assert!(matches!(
            listen(everywhere).await,
            Err(ListenError::NotLoopback(_))
        ));
        assert!(listen("127.0.0.1:0".parse().unwrap()).await.is_ok());
    }

    #[test]
    fn a_list_is_sorted_by_times_and_not_by_their_texts() {
        let [full, half] = ["2026-01-05T08:00:00Z", "2026-01-05T08:00:00.5Z"];
        assert!(full > half, "as texts the half second comes first");
        assert!(time(&json!(full)) < time(&json!(half)));
    }
}
