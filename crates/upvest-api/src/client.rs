//! The client's handle.

use std::sync::{Arc, Mutex, PoisonError};

use reqwest::{Url, redirect, retry};

use crate::credentials::{Credentials, is_loopback};
use crate::error::Error;
use crate::options::Options;
use crate::request::{Call, join};
use crate::scope::Scope;
use crate::token::Tokens;

const USER_AGENT: &str = concat!("upvest-webhooks/", env!("CARGO_PKG_VERSION"));

/// Calls Upvest's Investment API. Clones share connections and access tokens.
///
/// ```no_run
/// use upvest_api::{Client, Credentials, NewWebhook, WebhookChange};
///
/// # async fn example(document: &str) -> Result<(), Box<dyn std::error::Error>> {
/// let client = Client::new(Credentials::from_json(document)?)?;
/// let wanted = NewWebhook::new("Receiver", "https://hooks.example.com/webhooks/upvest".parse()?);
/// let webhooks = client.list_webhooks().await?;
/// if !webhooks.iter().any(|webhook| webhook.url == wanted.url.as_str()) {
///     let created = client.create_webhook(&wanted).await?;
///     // Upvest creates subscriptions disabled.
///     client.update_webhook(&created.id, &WebhookChange::enabled(true)).await?;
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Client {
    pub(crate) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) credentials: Credentials,
    pub(crate) options: Options,
    pub(crate) tokens: Tokens,
    /// Talks to Upvest and to its storage of files. It has no default headers and keeps no cookies, so that a request
    /// carries what it was given alone.
    pub(crate) http: reqwest::Client,
    /// Says how far our clock was ahead of Upvest's at the last answer, in seconds.
    pub(crate) clock_ahead_seconds: Mutex<Option<i64>>,
}

impl Client {
    /// Creates a client with the default [`Options`].
    ///
    /// # Errors
    /// [`Error::HttpClient`] when the TLS library finds no trusted certificates.
    pub fn new(credentials: Credentials) -> Result<Self, Error> {
        Self::with_options(credentials, Options::default())
    }

    /// Creates a client with these options.
    ///
    /// # Errors
    /// [`Error::HttpClient`] when the TLS library finds no trusted certificates.
    pub fn with_options(credentials: Credentials, options: Options) -> Result<Self, Error> {
        let http = http(&options, is_loopback(&credentials.base_url)).map_err(Error::HttpClient)?;
        Ok(Self {
            inner: Arc::new(Inner {
                credentials,
                options,
                tokens: Tokens::default(),
                http,
                clock_ahead_seconds: Mutex::default(),
            }),
        })
    }

    /// Returns the URL below which all calls go.
    #[must_use]
    pub fn base_url(&self) -> &Url {
        &self.inner.credentials.base_url
    }

    /// Says whether it talks to this machine, whose URLs subscriptions may then name, without TLS, for tests.
    #[must_use]
    pub fn is_local(&self) -> bool {
        self.inner.is_local()
    }

    pub(crate) fn call(&self, method: &'static str, segments: &[&str], scope: Scope) -> Call {
        Call::new(method, join(self.base_url(), segments), scope)
    }

    pub(crate) async fn json<T: serde::de::DeserializeOwned>(&self, call: &Call) -> Result<T, Error> {
        self.inner.send(call).await?.into_json(call)
    }
}

impl Inner {
    /// Says whether the client talks to this machine, so that unencrypted URLs on it are meant for tests.
    pub(crate) fn is_local(&self) -> bool {
        is_loopback(&self.credentials.base_url)
    }

    pub(crate) fn clock_ahead_seconds(&self) -> Option<i64> {
        *self
            .clock_ahead_seconds
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn note_clock_ahead(&self, seconds: i64) {
        let mut noted = self
            .clock_ahead_seconds
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *noted = Some(seconds);
    }
}

/// Builds an HTTP client that sends each request once, to nobody but whom the URL names.
fn http(options: &Options, local: bool) -> reqwest::Result<reqwest::Client> {
    let mut builder = reqwest::Client::builder()
        .user_agent(USER_AGENT)
        .redirect(redirect::Policy::none())
        // The library would repeat a request with its signature, whose nonce is good for one.
        .retry(retry::never())
        .https_only(!local);
    if local {
        // A proxy of the environment could not reach this machine's own ports.
        builder = builder.no_proxy();
    }
    if let Some(timeout) = options.connect_timeout {
        builder = builder.connect_timeout(timeout);
    }
    if let Some(timeout) = options.request_timeout {
        builder = builder.read_timeout(timeout);
    }
    builder.build()
}
