//! A client of Upvest's Investment API: access tokens, request signing, webhooks, verification keys, reports, files.
//!
//! A [`Client`] is made of [`Credentials`], one JSON document. It fetches access tokens with the narrowest scope that
//! a call needs, signs every request (draft 15 of HTTP message signatures), tries again what may succeed later, and
//! inspects the status of every answer. It follows no redirect and never shows a secret. What is known about Upvest's
//! side, and from where, is said at the items.
//!
//! It knows nothing of AWS, and does not verify deliveries: that is the crate `upvest`.

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

pub use client::{BuildError, Client};
pub use clock::Clock;
pub use credentials::{Credentials, CredentialsError, Environment, LIVE_URL, SANDBOX_URL};
pub use download::Download;
pub use error::{Error, Problem};
pub use hint::Hint;
pub use id::{InvalidId, ResourceId};
pub use keys::{KeyDefect, UnusableKey, VerifyKeys};
pub use options::Options;
pub use private_key::PrivateKeyError;
pub use reports::Report;
pub use reqwest::Url;
pub use resources::{Fetched, List, Listing, Pages, Parent, RESOURCES, Resource, why_unreadable};
pub use scope::Scope;
pub use webhook::{
    Delay, InvalidWebhook, NewWebhook, PackageSize, ReportedConfig, Webhook, WebhookChange, WebhookConfig,
};
pub use webhooks::{Deletion, EndpointAnswer, TestOutcome};
