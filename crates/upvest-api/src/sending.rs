//! Sends calls: token, signature, attempts, and the status of every answer.

use std::sync::Arc;

use jiff::Timestamp;
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};
use reqwest::{Method, Response};
use secrecy::ExposeSecret;

use crate::answer::{Answer, ReadError, read};
use crate::client::Inner;
use crate::error::{Error, Problem, is_temporary};
use crate::request::Call;
use crate::retry::{Attempts, http_date, retry_after};
use crate::signing::Signer;
use crate::token::Held;

/// Bounds the bytes of a problem document that are read: its texts are shown, not stored.
const MAX_PROBLEM_BYTES: usize = 64 * 1024;

/// Says whether an attempt reads the body of a success.
#[derive(Debug, Clone, Copy)]
enum Reading {
    Whole,
    Nothing,
}

struct Reply {
    response: Response,
    answer: Answer,
}

/// Says why an attempt failed, and so whether there is another one.
enum Failure {
    /// Another attempt may succeed, after a wait.
    Temporary(Cause),
    /// The token was not accepted; another one may be, without a wait.
    Token(Cause),
    Final(Error),
}

enum Cause {
    Network(reqwest::Error),
    Refused(Box<Problem>),
}

impl Inner {
    /// Sends a call until it succeeds or fails for good, and reads its answer.
    pub(crate) async fn send(self: &Arc<Self>, call: &Call) -> Result<Answer, Error> {
        Ok(self.exchange(call, Reading::Whole).await?.answer)
    }

    /// Sends as [`send`](Self::send) does, but leaves the body of the answer to be streamed.
    pub(crate) async fn open(self: &Arc<Self>, call: &Call) -> Result<Response, Error> {
        Ok(self.exchange(call, Reading::Nothing).await?.response)
    }

    async fn exchange(self: &Arc<Self>, call: &Call, reading: Reading) -> Result<Reply, Error> {
        let mut attempts = Attempts::new(&self.options);
        let mut renewed = false;
        loop {
            // Asked for in each attempt: that of the one before may have been refused, or ended in the wait.
            let held = match call.scope {
                Some(scope) => Some(self.token(scope).await?),
                None => None,
            };
            attempts.begin();
            let cause = match self.attempt(call, held.as_ref(), reading).await {
                Ok(reply) => return Ok(reply),
                Err(Failure::Final(error)) => return Err(error),
                Err(Failure::Token(_)) if !renewed && self.discard(call, held.as_ref()) => {
                    renewed = true;
                    continue;
                }
                Err(Failure::Token(cause)) => return Err(cause.into_error(call, attempts.made())),
                Err(Failure::Temporary(cause)) => cause,
            };
            if !attempts.wait(cause.retry_after()).await {
                return Err(cause.into_error(call, attempts.made()));
            }
        }
    }

    /// Forgets the token of a call that was answered with 401. `false` for a token that was fetched for this very
    /// call: a new one would not be accepted either.
    fn discard(&self, call: &Call, held: Option<&Held>) -> bool {
        match (call.scope, held) {
            (Some(scope), Some(held)) => {
                self.tokens.discard(scope, &held.token);
                held.cached
            }
            _ => false,
        }
    }

    async fn attempt(&self, call: &Call, held: Option<&Held>, reading: Reading) -> Result<Reply, Failure> {
        let request = self.request(call, held, reading)?;
        let mut response = request
            .send()
            .await
            .map_err(|error| Failure::network(call, error))?;
        let status = response.status().as_u16();
        let date = text(response.headers(), DATE.as_str()).and_then(http_date);
        if let Some(date) = date {
            self.note_clock_ahead(self.options.clock.now().as_second() - date.as_second());
        }
        match (status, reading) {
            (200..300, Reading::Nothing) => Ok(Reply {
                answer: Answer {
                    status,
                    body: Vec::new().into(),
                    date,
                },
                response,
            }),
            (200..300, Reading::Whole) => {
                let limit = self.options.max_answer_bytes;
                let body = read(&mut response, limit).await.map_err(|error| match error {
                    ReadError::Broken(error) => Failure::network(call, error),
                    ReadError::TooLarge => Failure::Final(Error::TooLarge {
                        request: call.line(),
                        limit,
                    }),
                })?;
                let answer = Answer { status, body, date };
                Ok(Reply { response, answer })
            }
            (300..400, _) => Err(Failure::Final(Error::Redirected {
                request: call.line(),
                status,
            })),
            _ => Err(self.refused(call, held, response).await),
        }
    }

    fn request(
        &self,
        call: &Call,
        held: Option<&Held>,
        reading: Reading,
    ) -> Result<reqwest::RequestBuilder, Failure> {
        let signer = Signer {
            client_id: &self.credentials.client_id,
            key: &self.credentials.signing_key,
            lifetime: self.options.signature_lifetime,
        };
        let token = held.map(|held| held.token.expose());
        let headers = signer
            .sign(call, token, self.options.clock.now())
            .map_err(|source| {
                Failure::Final(Error::Sign {
                    request: call.line(),
                    source,
                })
            })?;
        let method =
            Method::from_bytes(call.method.as_bytes()).expect("calls name methods in capital letters");
        let mut request = headers.iter().filter(|(name, _)| *name != "authorization").fold(
            self.http.request(method, call.url.clone()),
            |request, (name, value)| request.header(name, value),
        );
        if let Some(token) = token {
            // The same text that was signed; set like this, the library never shows it.
            request = request.bearer_auth(token);
        }
        if let Some(body) = &call.body {
            request = request.body(body.bytes.to_vec());
        }
        Ok(match (self.options.request_timeout, reading) {
            // A stream may take its time: the client's own timeout bounds how long it stands still.
            (Some(timeout), Reading::Whole) => request.timeout(timeout),
            _ => request,
        })
    }

    async fn refused(&self, call: &Call, held: Option<&Held>, mut response: Response) -> Failure {
        let now = self.options.clock.now();
        let mut problem = problem(call, &response, now);
        // A status says enough where its text cannot be read.
        if let Ok(body) = read(&mut response, MAX_PROBLEM_BYTES).await {
            // A proxy may answer with what it was sent, and problems end in logs.
            let token = held.map_or("", |held| held.token.expose());
            problem.parse(&body, &[token, self.credentials.client_secret.expose_secret()]);
        }
        let status = problem.status;
        let cause = Cause::Refused(Box::new(problem));
        match status {
            401 => Failure::Token(cause),
            status if is_temporary(status) => Failure::Temporary(cause),
            _ => Failure::Final(cause.into_error(call, 1)),
        }
    }
}

fn problem(call: &Call, response: &Response, now: Timestamp) -> Problem {
    let headers = response.headers();
    let mut problem = Problem {
        request: call.line(),
        scope: call.scope,
        status: response.status().as_u16(),
        kind: None,
        title: None,
        detail: None,
        request_id: text(headers, "upvest-request-id").map(|id| crate::error::clean(id, &[])),
        retry_after: text(headers, RETRY_AFTER.as_str()).and_then(|value| retry_after(value, now)),
        clock_ahead_seconds: None,
    };
    problem.set_date(text(headers, DATE.as_str()).and_then(http_date), now);
    problem
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

impl Failure {
    fn network(call: &Call, error: reqwest::Error) -> Self {
        // What could not be built was not sent, and will be built as little the next time.
        let wrong_for_good = error.is_builder();
        // The path is told anyway, and a URL may hold more.
        let cause = Cause::Network(error.without_url());
        match wrong_for_good {
            true => Self::Final(cause.into_error(call, 1)),
            false => Self::Temporary(cause),
        }
    }
}

impl Cause {
    fn retry_after(&self) -> Option<std::time::Duration> {
        match self {
            Self::Network(_) => None,
            Self::Refused(problem) => problem.retry_after,
        }
    }

    fn into_error(self, call: &Call, attempts: u32) -> Error {
        match self {
            Self::Network(source) => Error::Network {
                request: call.line(),
                attempts,
                source,
            },
            Self::Refused(problem) => Error::Refused(problem),
        }
    }
}
