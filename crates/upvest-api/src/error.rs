//! Says why a call failed, and whether the same call may succeed later.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use upvest::signature::SignError;

use crate::hint::Hint;
use crate::scope::Scope;
use crate::webhook::InvalidWebhookError;

/// Bounds the characters of a foreign text that are kept: an error is read by people, in one line of a log.
const MAX_TEXT: usize = 500;

/// Says why a call failed. No text holds a token, a secret or the location of a file.
///
/// Callers mostly ask three questions: whether the same call may succeed later ([`is_temporary`](Self::is_temporary)),
/// whether there simply is no such thing ([`is_not_found`](Self::is_not_found)), and what a person can do
/// ([`hint`](Self::hint)). The variants tell the rest apart.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Upvest answered with another status than success.
    #[error("{0}")]
    Refused(Box<Problem>),
    /// Upvest gave out no access token for the call.
    #[error("there is no access token with the scope {scope}")]
    Token {
        /// Names the one scope that the token was to have.
        scope: Scope,
        /// Gives the reason, shared by all calls that waited for the token.
        #[source]
        source: Arc<Error>,
    },
    /// The request did not arrive, or the answer did not.
    #[error("{request} failed on its way (attempts: {attempts})")]
    Network {
        /// Names the request that was under way.
        request: RequestLine,
        /// Says how often it was sent in all.
        attempts: u32,
        /// Tells what went wrong with the last attempt.
        #[source]
        source: reqwest::Error,
    },
    /// Upvest answered with a redirect, which is not followed: a signed request belongs to Upvest alone.
    #[error("{request} was answered with a redirect ({status}), which is not followed: check base_url")]
    Redirected {
        /// Names the request that was to go elsewhere.
        request: RequestLine,
        /// Gives the HTTP status, 300 to 399.
        status: u16,
    },
    /// The answer is larger than [`max_answer_bytes`](crate::Options::max_answer_bytes).
    #[error("the answer to {request} is larger than {limit} bytes")]
    TooLarge {
        /// Names the request that was answered so.
        request: RequestLine,
        /// Gives the limit that the answer exceeds, in bytes.
        limit: usize,
    },
    /// The answer is a success, but not the documented JSON.
    #[error("the answer to {request} is not what Upvest documents (line {line}, column {column})")]
    UnexpectedAnswer {
        /// Names the request that was answered so.
        request: RequestLine,
        /// Gives the line where reading it ended, from 1.
        line: usize,
        /// Gives the column where reading it ended, from 1.
        column: usize,
    },
    /// The answer names a location that files may not be fetched from.
    #[error("the location of file {namespace}/{name} is not an https URL")]
    UnsafeLocation {
        /// Names the namespace that was asked for.
        namespace: String,
        /// Names the file that was asked for.
        name: String,
    },
    /// The place where files are stored does not give the file.
    #[error(
        "the storage of files answered {status} for {namespace}/{name}; locations expire after some minutes"
    )]
    Storage {
        /// Names the namespace that was asked for.
        namespace: String,
        /// Names the file that was asked for.
        name: String,
        /// Gives the HTTP status that the storage answered.
        status: u16,
    },
    /// A name would leave its place in a path.
    #[error("{0:?} is not the name of a file or namespace")]
    InvalidName(String),
    /// What is to be created or changed breaks Upvest's rules; nothing was sent.
    #[error("the webhook breaks Upvest's rules")]
    InvalidWebhook(#[from] InvalidWebhookError),
    /// The list of subscriptions does not end.
    #[error("the list of subscriptions did not end after {pages} pages")]
    EndlessList {
        /// Says how many pages were read before giving up.
        pages: usize,
    },
    /// The signing key does not sign the request.
    #[error("{request} cannot be signed")]
    Sign {
        /// Names the request that was not sent.
        request: RequestLine,
        /// Tells what the signature library refused, and why.
        #[source]
        source: SignError,
    },
    /// The HTTP client cannot be built: the TLS library finds no trusted certificates.
    #[error("the HTTP client cannot be built")]
    HttpClient(#[source] reqwest::Error),
}

/// Names a request in texts: its method and its path, without the query.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RequestLine {
    /// Gives the method in capitals, such as `GET`.
    pub method: &'static str,
    /// Gives the path with its leading slash.
    pub path: String,
}

/// Tells of an answer that is not a success, with what its `application/problem+json` says; every part may be missing.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Problem {
    /// Names the request that Upvest answered so.
    pub request: RequestLine,
    /// Names the scope that the call needs; `None` for a token request.
    pub scope: Option<Scope>,
    /// Gives the HTTP status that Upvest answered.
    pub status: u16,
    /// Repeats the member `type`: a word or a URL, opaque.
    pub kind: Option<String>,
    /// Repeats the member `title`, a sentence for people.
    pub title: Option<String>,
    /// Repeats the member `detail`, what this very request did wrong.
    pub detail: Option<String>,
    /// Repeats the header `upvest-request-id`, or the member `request_id`: what Upvest's support asks for.
    pub request_id: Option<String>,
    /// Says how long Upvest asks to wait before the next attempt.
    pub retry_after: Option<Duration>,
    /// Says how far our clock is ahead of Upvest's, in seconds, after the answer's `date`; negative when it is behind.
    pub clock_ahead_seconds: Option<i64>,
}

impl Error {
    /// Returns Upvest's answer, if that is what failed the call or its token.
    #[must_use]
    pub fn problem(&self) -> Option<&Problem> {
        match self {
            Self::Refused(problem) => Some(problem),
            Self::Token { source, .. } => source.problem(),
            _ => None,
        }
    }

    /// Returns the HTTP status of Upvest's answer, if that is what failed the call.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        self.problem().map(|problem| problem.status)
    }

    /// Says whether Upvest answered that there is no such resource.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Refused(problem) if problem.status == 404)
    }

    /// Says whether the same call may succeed later without a change on our side.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Network { .. } => true,
            Self::Refused(problem) => is_temporary(problem.status),
            Self::Storage { status, .. } => is_temporary(*status),
            Self::Token { source, .. } => source.is_temporary(),
            _ => false,
        }
    }

    /// Returns what probably caused the failure, in words that say what to do; `None` where the text says all.
    #[must_use]
    pub fn hint(&self) -> Option<Hint> {
        self.problem().and_then(Hint::of)
    }
}

/// Says whether an answer may be another one later.
pub(crate) const fn is_temporary(status: u16) -> bool {
    status == 429 || status >= 500
}

impl Problem {
    /// Reads what there is of a problem document. Texts are shortened, and never hold one of `secrets`.
    pub(crate) fn parse(&mut self, body: &[u8], secrets: &[&str]) {
        // Every part of it may be missing, so that a body which is no JSON is only a document without parts.
        let document: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
        let text = |name: &str| {
            document
                .get(name)
                .and_then(Value::as_str)
                .map(|text| clean(text, secrets))
        };
        self.kind = text("type");
        self.title = text("title");
        self.detail = text("detail");
        self.request_id = self.request_id.take().or_else(|| text("request_id"));
    }

    pub(crate) fn set_date(&mut self, date: Option<Timestamp>, now: Timestamp) {
        self.clock_ahead_seconds = date.map(|date| now.as_second() - date.as_second());
    }
}

/// Makes a foreign text fit to be shown: no secret, no control character, at most [`MAX_TEXT`] characters.
pub(crate) fn clean(text: &str, secrets: &[&str]) -> String {
    secrets
        .iter()
        // The empty text is found between any two characters.
        .filter(|secret| !secret.is_empty())
        // Before it is shortened: of a secret that is cut off, the beginning would stay.
        .fold(text.to_owned(), |text, secret| text.replace(secret, "[redacted]"))
        .chars()
        .map(|character| if character.is_control() { ' ' } else { character })
        .take(MAX_TEXT)
        .collect()
}

impl std::fmt::Display for Problem {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Upvest answered {} with {}", self.request, self.status)?;
        if let Some(kind) = &self.kind {
            write!(formatter, " ({kind})")?;
        }
        let texts = [&self.title, &self.detail].into_iter().flatten();
        for text in texts.filter(|text| !text.is_empty()) {
            write!(formatter, ": {text}")?;
        }
        if let Some(id) = &self.request_id {
            write!(formatter, " [upvest-request-id {id}]")?;
        }
        Ok(())
    }
}

impl std::fmt::Display for RequestLine {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} {}", self.method, self.path)
    }
}
