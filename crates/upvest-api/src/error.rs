//! What can go wrong with a call.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use upvest::signature::SignError;

use crate::hint::Hint;
use crate::scope::Scope;
use crate::webhook::InvalidWebhook;

const MAX_TEXT: usize = 500;

/// Why a call failed. No text holds a token, a secret or the location of a file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Upvest answered with another status than success.
    #[error(transparent)]
    Refused(Box<Problem>),
    /// There is no access token for the call.
    #[error("there is no access token with the scope {scope}")]
    Token {
        /// The scope.
        scope: Scope,
        /// The reason, shared by all calls that waited for the token.
        #[source]
        source: Arc<Error>,
    },
    /// The request did not arrive, or the answer did not.
    #[error("{method} {path} failed on its way (attempts: {attempts})")]
    Network {
        /// The request's method.
        method: &'static str,
        /// The request's path.
        path: String,
        /// How often it was tried.
        attempts: u32,
        /// The last reason.
        #[source]
        source: reqwest::Error,
    },
    /// Upvest answered with a redirect, which is not followed: a signed request belongs to Upvest alone.
    #[error("{method} {path} was answered with a redirect ({status}), which is not followed: check base_url")]
    Redirected {
        /// The request's method.
        method: &'static str,
        /// The request's path.
        path: String,
        /// The HTTP status.
        status: u16,
    },
    /// The answer is larger than is read.
    #[error("the answer to {method} {path} is larger than {limit} bytes")]
    TooLarge {
        /// The request's method.
        method: &'static str,
        /// The request's path.
        path: String,
        /// The limit.
        limit: usize,
    },
    /// The answer is a success, but not the documented JSON.
    #[error("the answer to {method} {path} is not what Upvest documents (line {line}, column {column})")]
    UnexpectedAnswer {
        /// The request's method.
        method: &'static str,
        /// The request's path.
        path: String,
        /// The line where reading it ended, from 1.
        line: usize,
        /// The column where reading it ended.
        column: usize,
    },
    /// The answer names a location that files may not be fetched from.
    #[error("the location of file {namespace}/{name} is not an https URL")]
    UnsafeLocation {
        /// The namespace.
        namespace: String,
        /// The file.
        name: String,
    },
    /// The place where files are stored does not give the file.
    #[error(
        "the storage of files answered {status} for {namespace}/{name}; locations expire after some minutes"
    )]
    Storage {
        /// The namespace.
        namespace: String,
        /// The file.
        name: String,
        /// The HTTP status.
        status: u16,
    },
    /// A name cannot be a part of a path.
    #[error("{0:?} is not the name of a file or namespace")]
    InvalidName(String),
    /// What is to be created or changed breaks Upvest's rules; nothing was sent.
    #[error("the webhook breaks Upvest's rules")]
    InvalidWebhook(#[from] InvalidWebhook),
    /// The list of subscriptions does not end.
    #[error("the list of subscriptions did not end after {pages} pages")]
    EndlessList {
        /// How many pages were read.
        pages: usize,
    },
    /// A request cannot be signed.
    #[error("{method} {path} cannot be signed")]
    Sign {
        /// The request's method.
        method: &'static str,
        /// The request's path.
        path: String,
        /// The reason.
        #[source]
        source: SignError,
    },
}

/// An answer that is not a success, with what its `application/problem+json` says (contract section 4, errors); every
/// part may be missing.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Problem {
    /// The request's method.
    pub method: &'static str,
    /// The request's path.
    pub path: String,
    /// The scope that the call needs; `None` for a token request.
    pub scope: Option<Scope>,
    /// The HTTP status.
    pub status: u16,
    /// The member `type`: a word or a URL, opaque.
    pub kind: Option<String>,
    /// The member `title`.
    pub title: Option<String>,
    /// The member `detail`.
    pub detail: Option<String>,
    /// The header `upvest-request-id`, or the member `request_id`: what Upvest's support asks for.
    pub request_id: Option<String>,
    /// How long Upvest asks to wait.
    pub retry_after: Option<Duration>,
    /// How far our clock is ahead of Upvest's, in seconds, after the answer's `date`; negative when it is behind.
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

    /// Returns what probably caused it, and what to do.
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
        let document: Value = serde_json::from_slice(body).unwrap_or_default();
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

pub(crate) fn clean(text: &str, secrets: &[&str]) -> String {
    let secrets = secrets.iter().filter(|secret| !secret.is_empty());
    let text = secrets.fold(text.to_owned(), |text, secret| text.replace(secret, "[redacted]"));
    let printable = text.chars().map(|character| match character.is_control() {
        true => ' ',
        false => character,
    });
    printable.take(MAX_TEXT).collect()
}

impl std::fmt::Display for Problem {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            formatter,
            "Upvest answered {} {} with {}",
            self.method, self.path, self.status
        )?;
        if let Some(kind) = &self.kind {
            write!(formatter, " ({kind})")?;
        }
        let texts = [&self.title, &self.detail];
        for text in texts.into_iter().flatten().filter(|text| !text.is_empty()) {
            write!(formatter, ": {text}")?;
        }
        if let Some(id) = &self.request_id {
            write!(formatter, " [upvest-request-id {id}]")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problem {}
