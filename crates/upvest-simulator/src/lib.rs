//! A stand-in for Upvest: signs, batches, retries and blocks like the real one.
//!
//! A [`Simulator`] holds P-521 keys and subscriptions. Queued events are batched per subscription, signed in the
//! dialect `unquoted-digest` and posted; only a 200 counts, anything else is retried as a whole on Upvest's schedule and
//! blocks all later deliveries of that subscription. [`Faults`] go wrong on purpose. [`api`] serves Upvest's API for
//! registered clients, as strictly as Upvest, and lets a running simulator be controlled. Facts about Upvest are those of its public documentation; where
//! it is silent, the item says what was assumed.
//!
//! It is a tool for development and tests, and never part of a deployment.

pub mod api;
mod api_client;
mod api_state;
mod clock;
mod deliverer;
mod faults;
mod generate;
mod key_file;
mod keys;
mod lock;
mod options;
mod post;
mod queue;
mod record;
mod resources;
mod retry;
mod samples;
mod shared_state;
mod signer;
mod simulator;
mod subscriber;
mod subscription;

pub use api_client::{ApiClient, ApiCredentials, ApiCredentialsError};
pub use api_state::{ApiRequest, TestBehaviour, Trouble};
pub use clock::Clock;
pub use faults::{Fault, Faults, FaultsError};
pub use generate::generate;
pub use key_file::{KeyFileError, load_or_create as load_or_create_key, save as save_key};
pub use keys::{TEST_KEY_ID, VerifyKeys, generate_key, published_test_key};
pub use options::{KeySource, Options, StartError};
pub use record::{Answer, DeliveryRecord, MAX_ANSWER_BYTES};
pub use reqwest::Url;
pub use retry::{LONGEST_RETRY_DELAY, retry_delay};
pub use samples::{SamplesError, read_events};
pub use signer::{DeliverySigner, SignedDelivery};
pub use simulator::{QueueError, RotateError, Simulator, State, SubscribeError};
pub use subscriber::SubscriptionState;
pub use subscription::Subscription;
