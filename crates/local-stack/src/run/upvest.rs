//! The stand-in for Upvest beside the receiver. The receiver gets credentials for its API, as it would in production,
//! and does the rest by itself: it subscribes, has itself tested, and fetches the keys.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use local_stack::Emulated;
use upvest_simulator::api::{listen, serve};
use upvest_simulator::{KeySource, Options, Simulator};

use super::RunError;

/// Names the secret with the credentials: what the parameter `UpvestSecret` names.
pub(crate) const SECRET: &str = "upvest";
/// Holds the simulator's private key, in the folder of the stack.
pub(crate) const KEY_FILE: &str = "upvest-key.pem";
/// Says how much faster than Upvest the simulator delivers: batches wait a tenth of a second.
const TIME_SCALE: f64 = 0.1;

/// Starts the simulator, serves its API on a free port of the loopback interface, and puts credentials for it into a
/// secret of the emulator.
pub(crate) async fn start(emulated: &Emulated) -> Result<Arc<Simulator>, RunError> {
    let simulator = Arc::new(Simulator::start(Options {
        key: KeySource::File(emulated.directory().join(KEY_FILE)),
        time_scale: TIME_SCALE,
        ..Options::default()
    })?);
    let listener = listen(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?;
    let base_url = format!("http://{}", listener.local_addr().map_err(RunError::Address)?);
    // It ends with this process.
    tokio::spawn(serve(listener, simulator.clone()));
    let credentials = simulator.api_credentials(&base_url)?;
    let secrets = aws_sdk_secretsmanager::Client::new(emulated.sdk_config());
    let created = secrets
        .create_secret()
        .name(SECRET)
        .set_secret_string(credentials);
    created
        .send()
        .await
        .map_err(|error| RunError::Secret(Box::new(error.into())))?;
    Ok(simulator)
}
