//! The stand-in for Upvest beside the receiver. The receiver gets credentials for its API, as it would in production,
//! and does the rest by itself: it subscribes, has itself tested, and fetches the keys.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use local_stack::Emulated;
use pipeline::runtime::aws;
use tokio::net::TcpListener;
use upvest_simulator::{KeySource, Options, Simulator, api};

use super::error::RunError;

/// Names the secret with the credentials: what the parameter `UpvestSecret` names.
pub(crate) const SECRET: &str = "upvest";
/// Holds the simulator's private key, in the folder of the stack.
pub(crate) const KEY_FILE: &str = "upvest-key.pem";
/// Says how much faster than Upvest the simulator delivers: batches wait a tenth of a second.
const TIME_SCALE: f64 = 0.1;

/// Stands in for Upvest, as long as this process runs.
pub(crate) struct Upvest {
    /// Delivers, and tells what became of it.
    pub(crate) simulator: Arc<Simulator>,
    /// Gives the URL at which its API is served, and its control below `/simulator`.
    pub(crate) base_url: String,
}

/// Listens on a port of the loopback interface, or on any that is free.
pub(crate) async fn listen(port: Option<u16>) -> Result<TcpListener, RunError> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port.unwrap_or(0)));
    api::listen(address).await.map_err(|source| match port {
        Some(port) => RunError::UpvestPort { port, source },
        None => RunError::Listen(source),
    })
}

/// Starts the simulator, serves its API to whoever calls the listener, and puts credentials for it into a secret of the
/// emulator.
pub(crate) async fn start(emulated: &Emulated, listener: TcpListener) -> Result<Upvest, RunError> {
    let simulator = Arc::new(Simulator::start(Options {
        // In a file, so that another simulator here can sign with the key that the receiver trusts.
        key: KeySource::File(emulated.directory().join(KEY_FILE)),
        time_scale: TIME_SCALE,
        ..Options::default()
    })?);
    let base_url = format!("http://{}", listener.local_addr().map_err(RunError::Address)?);
    // It ends with this process.
    tokio::spawn(api::serve(listener, simulator.clone()));
    let credentials = simulator.api_credentials(&base_url)?;
    let secrets = aws::secrets(emulated.sdk_config());
    let created = secrets
        .create_secret()
        .name(SECRET)
        .set_secret_string(credentials);
    created
        .send()
        .await
        .map_err(|error| RunError::Secret(Box::new(error.into())))?;
    Ok(Upvest { simulator, base_url })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_port_that_somebody_has_is_refused_by_the_option_that_names_it() {
        let taken = listen(None).await.unwrap();
        let port = taken.local_addr().unwrap().port();
        let refused = listen(Some(port)).await.unwrap_err().to_string();
        assert!(refused.contains("--upvest-port"), "{refused}");
        drop(taken);
        assert_eq!(
            listen(Some(port)).await.unwrap().local_addr().unwrap().port(),
            port
        );
    }
}
