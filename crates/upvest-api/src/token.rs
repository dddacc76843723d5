//! Access tokens: OAuth 2 client credentials.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared, WeakShared};
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::answer::Answer;
use crate::client::Inner;
use crate::error::Error;
use crate::request::{Body, Call, FORM, JSON, join};
use crate::scope::Scope;

/// Says how long before its end a token is renewed at the latest, so that none ends on its way; short-lived ones
/// earlier in proportion.
const EARLY: SignedDuration = SignedDuration::from_secs(30);
/// Bounds the longest that a token is kept, whatever its answer says. Upvest's live for half an hour.
const LONGEST_LIFE_SECONDS: u64 = 7 * 24 * 60 * 60;

/// Holds an access token and when it is to be renewed.
pub(crate) struct Token {
    value: SecretString,
    renew_at: Timestamp,
}

/// Holds a token, and whether it was there before the call that asked for it.
#[derive(Debug, Clone)]
pub(crate) struct Held {
    pub(crate) token: Arc<Token>,
    pub(crate) cached: bool,
}

/// Keeps the tokens of one client, one per scope, and the requests for them that are under way.
#[derive(Debug, Default)]
pub(crate) struct Tokens([Mutex<Slot>; Scope::ALL.len()]);

#[derive(Default)]
struct Slot {
    token: Option<Arc<Token>>,
    /// Is weak, so that a request whose callers all went away is not continued by a later one.
    flight: Option<WeakShared<Flight>>,
}

type Flight = BoxFuture<'static, Result<Arc<Token>, Arc<Error>>>;

#[derive(Deserialize)]
struct TokenAnswer {
    access_token: TokenText,
    expires_in: u64,
}

#[derive(Deserialize)]
#[serde(try_from = "String")]
struct TokenText(SecretString);

impl Token {
    pub(crate) fn expose(&self) -> &str {
        self.value.expose_secret()
    }
}

impl Tokens {
    fn slot(&self, scope: Scope) -> MutexGuard<'_, Slot> {
        // A slot is whole at every step, so that a panic elsewhere does not spoil it.
        self.0[scope as usize]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets a token that Upvest did not accept, unless another one took its place already.
    pub(crate) fn discard(&self, scope: Scope, refused: &Arc<Token>) {
        let mut slot = self.slot(scope);
        if slot
            .token
            .as_ref()
            .is_some_and(|token| Arc::ptr_eq(token, refused))
        {
            slot.token = None;
        }
    }
}

impl Inner {
    /// Returns a token with that scope alone. Callers that ask at the same time wait for the same request.
    pub(crate) async fn token(self: &Arc<Self>, scope: Scope) -> Result<Held, Error> {
        let flight = match self.cached_or_flight(scope) {
            Ok(token) => return Ok(Held { token, cached: true }),
            Err(flight) => flight,
        };
        match flight.await {
            Ok(token) => Ok(Held { token, cached: false }),
            Err(source) => Err(Error::Token { scope, source }),
        }
    }

    fn cached_or_flight(self: &Arc<Self>, scope: Scope) -> Result<Arc<Token>, Shared<Flight>> {
        let now = self.options.clock.now();
        let mut slot = self.tokens.slot(scope);
        if let Some(token) = slot.token.as_ref().filter(|token| now < token.renew_at) {
            return Ok(Arc::clone(token));
        }
        Err(slot
            .flight
            .as_ref()
            .and_then(WeakShared::upgrade)
            .unwrap_or_else(|| {
                let flight = Arc::clone(self).fly(scope).shared();
                slot.flight = flight.downgrade();
                flight
            }))
    }

    fn fly(self: Arc<Self>, scope: Scope) -> Flight {
        // Boxed below, because it would hold itself: `send` fetches the token for which `send` waits.
        async move {
            let fetched = self.fetch_token(scope).await.map(Arc::new);
            let mut slot = self.tokens.slot(scope);
            // Under one lock with the token. Whoever asked in between would begin a second request.
            slot.flight = None;
            if let Ok(token) = &fetched {
                slot.token = Some(Arc::clone(token));
            }
            fetched.map_err(Arc::new)
        }
        .boxed()
    }

    async fn fetch_token(self: &Arc<Self>, scope: Scope) -> Result<Token, Error> {
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("client_id", &self.credentials.client_id)
            .append_pair("client_secret", self.credentials.client_secret.expose_secret())
            .append_pair("grant_type", "client_credentials")
            .append_pair("scope", scope.as_str())
            .finish();
        let call = Call {
            method: "POST",
            url: join(&self.credentials.base_url, &["auth", "token"]),
            accept: JSON,
            scope: None,
            body: Some(Body {
                content_type: FORM,
                bytes: Zeroizing::new(form.into_bytes()),
            }),
            // A repeated request for a token is to give a new one, so it has no idempotency key; Upvest lists none.
            idempotency_key: None,
        };
        // Before the request: however slow the answer is, no token is taken to live longer than it does.
        let requested_at = self.options.clock.now();
        let answer: Answer = self.send(&call).await?;
        let token: TokenAnswer = answer.into_json(&call)?;
        let seconds = token.expires_in.min(LONGEST_LIFE_SECONDS);
        let life = SignedDuration::from_secs(i64::try_from(seconds).expect("a week fits"));
        Ok(Token {
            value: token.access_token.0,
            renew_at: requested_at + life - EARLY.min(life / 10),
        })
    }
}

impl TryFrom<String> for TokenText {
    type Error = &'static str;

    /// Takes what can be sent in the header `authorization`. The error never quotes the text.
    fn try_from(text: String) -> Result<Self, Self::Error> {
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic()) {
            Ok(Self(text.into()))
        } else {
            Err("the access token is empty or not visible ASCII")
        }
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Token")
            .field("renew_at", &self.renew_at)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Slot {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Slot")
            .field("token", &self.token)
            .finish_non_exhaustive()
    }
}
