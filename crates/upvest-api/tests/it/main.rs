//! The client against the simulator, over the loopback interface.

#![expect(clippy::unwrap_used, reason = "what cannot be set up fails the test")]

mod documents;
mod leniency;
mod resources;
mod retries;
mod secrets;
mod signatures;
mod stub;
mod tokens;
mod upvest;
mod webhooks;
