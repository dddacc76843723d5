//! The simulator's settings.

use std::path::PathBuf;
use std::time::Duration;

use upvest::signature::{KeyError, SIGNATURE_LIFETIME, SigningKey};

use crate::api_client::ApiClient;
use crate::clock::Clock;
use crate::faults::{Faults, FaultsError};
use crate::key_file::KeyFileError;

/// Says where the key comes from that signs deliveries.
#[derive(Debug, Default)]
pub enum KeySource {
    /// The key is new, and forgotten when the simulator ends.
    #[default]
    Generate,
    /// The key is in a PKCS#8 file in PEM, which is created when it does not exist and replaced when the key is
    /// rotated.
    File(PathBuf),
    /// The key is one that the caller has already.
    Key(SigningKey),
}

/// Sets how a simulator behaves, and which key and time it has.
#[derive(Debug)]
pub struct Options {
    /// Says where the key comes from; by default a new one.
    pub key: KeySource,
    /// Decides on the order of covered components, nonces and faults; 0 by default.
    pub seed: u64,
    /// Multiplies all waiting: batch delays, retry delays and holding back; 1 by default.
    pub time_scale: f64,
    /// Tells whether a retry has a new signature, which is not known of Upvest; by default it has.
    pub resign_retries: bool,
    /// Sets the time from a signature's `created` to its `expires`; [`SIGNATURE_LIFETIME`] by default. Not scaled.
    pub signature_lifetime: Duration,
    /// Says how long an answer may take; 10 seconds by default, `None` for ever. Not scaled.
    pub answer_timeout: Option<Duration>,
    /// Says what goes wrong on purpose; nothing by default.
    pub faults: Faults,
    /// Tells the time that signatures and records carry; the machine's by default.
    pub clock: Clock,
    /// Says who may call the API; by default a generated client, see
    /// [`Simulator::api_credentials`](crate::Simulator::api_credentials).
    pub api_clients: Vec<ApiClient>,
    /// Says how long access tokens are valid; 1,799 seconds by default, as was seen in the sandbox.
    pub token_lifetime: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            key: KeySource::default(),
            seed: 0,
            time_scale: 1.0,
            resign_retries: true,
            signature_lifetime: SIGNATURE_LIFETIME,
            answer_timeout: Some(Duration::from_secs(10)),
            faults: Faults::default(),
            clock: Clock::system(),
            api_clients: Vec::new(),
            token_lifetime: Duration::from_secs(1799),
        }
    }
}

/// Says why a simulator cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The time scale is negative, too large or not a number.
    #[error("the time scale {0} is not a number from 0 to 65535")]
    TimeScale(f64),
    /// A fault's probability is out of range.
    #[error(transparent)]
    Faults(#[from] FaultsError),
    /// The key file cannot be used.
    #[error(transparent)]
    KeyFile(#[from] KeyFileError),
    /// The cryptographic library generates no key.
    #[error("a signing key cannot be generated")]
    Key(#[from] KeyError),
}
