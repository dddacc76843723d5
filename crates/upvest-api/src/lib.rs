//! A client of Upvest's Investment API: access tokens, request signing, webhooks, verification keys, reports, files.
//!
//! A [`Client`] is made of [`Credentials`], one JSON document. It fetches access tokens with the narrowest scope that
//! a call needs, signs every request (draft 15 of HTTP message signatures), tries again what may succeed later, and
//! inspects the status of every answer. It follows no redirect and never shows a secret. What is known about Upvest's
//! side, and from where, is said at the items.
//!
//! It knows nothing of AWS, and does not verify deliveries: that is the crate `upvest`.
//!
//! # Where to start
//!
//! [`Credentials::from_json`] reads who you are, [`Client::new`] makes the client, and every call is a method of it:
//!
//! | Calls | |
//! |---|---|
//! | [`list_webhooks`](Client::list_webhooks), [`create_webhook`](Client::create_webhook), [`update_webhook`](Client::update_webhook), [`test_webhook`](Client::test_webhook), [`delete_webhook`](Client::delete_webhook) | subscriptions |
//! | [`verify_keys`](Client::verify_keys) | the keys with which deliveries are signed |
//! | [`report`](Client::report), [`report_pdf`](Client::report_pdf), [`file`](Client::file) | documents |
//! | [`read`](Client::read), [`pages`](Client::pages) | what events are about, by the table [`RESOURCES`] |
//!
//! Every call fails with an [`Error`], which says whether trying later helps and what a person can do. [`Options`] set
//! how patient a client is.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use upvest_api::{Client, Credentials};
//!
//! let client = Client::new(Credentials::from_json(&std::fs::read_to_string("upvest.json")?)?)?;
//! match client.list_webhooks().await {
//!     Ok(webhooks) => println!("{} subscriptions", webhooks.len()),
//!     Err(error) => match error.hint() {
//!         Some(hint) => eprintln!("{error}: {hint}"),
//!         None => eprintln!("{error}"),
//!     },
//! }
//! # Ok(())
//! # }
//! ```

mod answer;
mod client;
mod clock;
mod credentials;
mod download;
mod error;
mod files;
mod hint;
mod id;
mod keys;
mod options;
mod private_key;
mod reports;
mod request;
mod resources;
mod retry;
mod scope;
mod sending;
mod signing;
mod token;
mod webhook;
mod webhooks;

pub use client::Client;
pub use clock::Clock;
pub use credentials::{Credentials, CredentialsError, Environment, LIVE_URL, SANDBOX_URL, is_loopback};
pub use download::Download;
pub use error::{Error, Problem, RequestLine};
pub use hint::Hint;
pub use id::{InvalidIdError, ResourceId};
pub use keys::{KeyDefectError, UnusableKeyError, VerifyKeys};
pub use options::Options;
pub use private_key::read as read_private_key;
pub use reports::Report;
pub use reqwest::Url;
pub use resources::{Fetched, List, Listing, Pages, Parent, RESOURCES, Resource, why_unreadable};
pub use scope::Scope;
pub use webhook::{
    Delay, InvalidWebhookError, NewWebhook, PackageSize, ReportedConfig, Webhook, WebhookChange,
    WebhookConfig, categories_of,
};
pub use webhooks::{Deletion, EndpointAnswer, TestOutcome};
