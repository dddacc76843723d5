//! The stand-in for Upvest beside the receiver. The receiver gets credentials for its API, as it would in production,
//! and does the rest by itself: it subscribes, has itself tested, and fetches the keys.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use local_stack::Emulated;
use upvest::signature::KeyError;
use upvest_simulator::api::{ListenError, listen, serve};
use upvest_simulator::{KeySource, Options, Simulator, StartError};

/// The secret with the credentials: what the parameter `UpvestSecret` names.
pub(crate) const SECRET: &str = "upvest";
/// The simulator's private key, in the folder of the stack.
pub(crate) const KEY_FILE: &str = "upvest-key.pem";
/// How much faster than Upvest the simulator delivers: batches wait a tenth of a second.
const TIME_SCALE: f64 = 0.1;

/// Why there is no stand-in for Upvest.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UpvestError {
    #[error("the simulator does not start")]
    Start(#[from] StartError),
    #[error(transparent)]
    Listen(#[from] ListenError),
    #[error("the simulator's address is not known")]
    Address(#[from] io::Error),
    #[error("the credentials for the simulator's API cannot be written")]
    Credentials(#[from] KeyError),
    #[error("the secret with the credentials cannot be created")]
    Secret(#[source] Box<aws_sdk_secretsmanager::Error>),
}

/// Starts the simulator, serves its API on a free port of the loopback interface, and puts credentials for it into a
/// secret of the emulator.
pub(crate) async fn start(emulated: &Emulated) -> Result<Arc<Simulator>, UpvestError> {
    let simulator = Arc::new(Simulator::start(Options {
        key: KeySource::File(emulated.directory().join(KEY_FILE)),
        time_scale: TIME_SCALE,
        ..Options::default()
    })?);
    let listener = listen(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?;
    let base_url = format!("http://{}", listener.local_addr()?);
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
        .map_err(|error| UpvestError::Secret(Box::new(error.into())))?;
    Ok(simulator)
}
