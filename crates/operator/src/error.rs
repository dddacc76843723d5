//! The one error of all operations.
//!
//! Whoever called an operation wants to know two things: what to tell a person, and what to do next. The first is the
//! text with its causes; the second is the [`ErrorKind`], by which a program decides and which exit codes follow from.
//! An enumeration of everything that can go wrong would be matched by nobody.

use std::error::Error as StdError;
use std::fmt;

use pipeline::error::{ErrorChain, code_of};

/// Names the result of every operation: what it gives back, or the one [`Error`] that all of them share.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Lists what the codes have in them by which AWS services refuse who lacks a permission: SQS has a `KmsAccessDenied` too.
const DENIALS: [&str; 5] = [
    "AccessDenied",
    "AuthorizationError",
    "NotAuthorized",
    "UnauthorizedException",
    "UnauthorizedOperation",
];
/// Lists what the codes have in them by which AWS services tell that they do not know who asks.
const UNKNOWN_CALLERS: [&str; 6] = [
    "ExpiredToken",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "RequestExpired",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
];
/// Lists the texts by which the SDK tells that it has no credentials. It finds that out before it connects, and calls it a dispatch
/// failure too, so that these come first.
const NO_CREDENTIALS: [&str; 4] = [
    "could not load credentials",
    "no providers in chain provided credentials",
    "no credentials found in chain",
    "the credentials provider was not properly configured",
];
/// Is how the SDK tells that it got no credentials from where the profile says that they are: a session that ended, a program that
/// failed. What follows says why.
const NOT_LOADED: &str = "an error occurred while loading credentials";
/// Lists the texts by which the SDK and the HTTP client tell that a request reached nobody.
const UNREACHED: [&str; 2] = ["dispatch failure", "error sending request"];

/// Names the kind of failure, by which a program decides what to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The operation was asked for in a way in which it cannot be done: another request would help.
    Usage,
    /// What was asked for is not there.
    NotFound,
    /// AWS or Upvest does not allow it to the operator, or does not know who asks.
    Denied,
    /// AWS, Upvest or the receiver cannot be reached.
    Unreachable,
    /// The operation failed in another way. The same request may succeed later.
    Failed,
}

/// Tells why an operation did not begin, or did not come to its end.
///
/// It prints as one sentence without its causes; [`std::error::Error::source`] has these.
///
/// ```
/// use operator::{Error, ErrorKind};
///
/// let error = Error::not_found("no event 1a9e in the event log");
/// assert_eq!(error.kind(), ErrorKind::NotFound);
/// assert_eq!(error.to_string(), "no event 1a9e in the event log");
/// ```
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    /// Says what failed. An error without a sentence of its own prints as its cause does.
    message: Option<String>,
    cause: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// Makes an error of a kind that prints as this sentence.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: Some(message.into()),
            cause: None,
        }
    }

    /// Makes an error that another request would avoid.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Usage, message)
    }

    /// Makes an error about something that is not there.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::NotFound, message)
    }

    /// Makes an error of no special kind.
    pub fn failed(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Failed, message)
    }

    /// Puts a sentence before an error, which stays its cause and decides on its kind.
    pub fn context<E: Into<Self>>(message: impl Into<String>) -> impl FnOnce(E) -> Self {
        move |cause| {
            let cause = cause.into();
            Self {
                kind: cause.kind,
                message: Some(message.into()),
                cause: Some(Box::new(cause)),
            }
        }
    }

    /// Gives the error another kind, where who reports it knows better than who found it.
    #[must_use]
    pub fn of_kind(self, kind: ErrorKind) -> Self {
        Self { kind, ..self }
    }

    /// Tells what kind of failure it is.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Finds an error of a type among the causes.
    pub fn find<E: StdError + 'static>(&self) -> Option<&E> {
        let mut next: Option<&(dyn StdError + 'static)> = self.cause();
        while let Some(error) = next {
            if let Some(found) = error.downcast_ref() {
                return Some(found);
            }
            next = match error.downcast_ref::<Self>() {
                Some(own) => own.cause(),
                None => error.source(),
            };
        }
        None
    }

    /// Says what to do about it, where more can be said than that it failed.
    pub fn hint(&self) -> Option<String> {
        if let Some(upvest) = self.find::<upvest_api::Error>() {
            return upvest.hint().map(|hint| hint.to_string());
        }
        let hint = match self.kind {
            ErrorKind::Denied if self.is_of_unknown_caller() => {
                "log in to AWS again (`aws sso login`, `aws login`), or name a profile whose credentials hold (--profile)"
            }
            ErrorKind::Denied => {
                "have it allowed to you: `upvest-webhooks policy look` writes the policy for those who look, `policy repair` that for those who repair"
            }
            ErrorKind::Unreachable => {
                "check the connection and the region (--region); for a local stack, that `make run` still runs"
            }
            ErrorKind::Usage | ErrorKind::NotFound | ErrorKind::Failed => return None,
        };
        Some(hint.to_owned())
    }

    /// Tells whether AWS does not know who asks, which no permission would change.
    pub(crate) fn is_of_unknown_caller(&self) -> bool {
        if let Some(code) = code_of(self) {
            return has_any(code, &UNKNOWN_CALLERS);
        }
        let chain = ErrorChain(self).to_string();
        has_any(&chain, &NO_CREDENTIALS) || chain.contains(NOT_LOADED)
    }

    /// Makes an error that prints as its cause does.
    fn caused_by(cause: impl StdError + Send + Sync + 'static) -> Self {
        Self {
            kind: kind_of(&cause),
            message: None,
            cause: Some(Box::new(cause)),
        }
    }

    fn cause(&self) -> Option<&(dyn StdError + 'static)> {
        Some(self.cause.as_deref()?)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.message, &self.cause) {
            (Some(message), _) => f.write_str(message),
            (None, Some(cause)) => cause.fmt(f),
            (None, None) => f.write_str("the operation failed"),
        }
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self.message {
            Some(_) => self.cause(),
            // It printed as its cause, which would else be told twice.
            None => self.cause()?.source(),
        }
    }
}

/// Tells by the code with which AWS refused. Where it did not answer, the texts of the error and its causes tell, by which alone the
/// SDK says why a request reached nobody.
fn kind_of(error: &(dyn StdError + 'static)) -> ErrorKind {
    match code_of(error) {
        Some(code) if has_any(code, &DENIALS) || has_any(code, &UNKNOWN_CALLERS) => return ErrorKind::Denied,
        Some(_) => return ErrorKind::Failed,
        None => {}
    }
    let chain = ErrorChain(error).to_string();
    // A request without credentials is called a dispatch failure too, whether or not the place to get them from was reached.
    let (why, otherwise) = match chain.split_once(NOT_LOADED) {
        Some((_, why)) => (why, ErrorKind::Denied),
        None => (chain.as_str(), ErrorKind::Failed),
    };
    if has_any(&chain, &NO_CREDENTIALS) {
        ErrorKind::Denied
    } else if has_any(why, &UNREACHED) {
        ErrorKind::Unreachable
    } else {
        otherwise
    }
}

fn has_any(whole: &str, texts: &[&str]) -> bool {
    texts.iter().any(|text| whole.contains(text))
}

/// Makes errors of other crates the cause of one that prints as they do.
macro_rules! causes {
    ($($error:ty),+ $(,)?) => {
        $(impl From<$error> for Error {
            fn from(error: $error) -> Self {
                Self::caused_by(error)
            }
        })+
    };
}

causes!(
    pipeline::error::AwsError,
    pipeline::queues::deliveries::SendError,
    pipeline::queues::deliveries::SendPendingError,
    pipeline::queues::domains::RoutesError,
    pipeline::queues::domains::SendError,
    pipeline::stores::archive::ReadError,
    pipeline::stores::audit::AuditError,
    pipeline::stores::entities::EntityError,
    pipeline::stores::events::LogError,
    pipeline::stores::keys::ImportError,
    pipeline::stores::keys::KeysError,
    pipeline::stores::pending::PendingError,
    pipeline::sending_on::SendOnError,
    serde_json::Error,
    reqwest::Error,
    std::io::Error,
    upvest::delivery::DeliveryError,
    upvest::signature::KeyError,
    upvest::signature::SignError,
    upvest_api::CredentialsError,
    upvest_api::InvalidWebhookError,
);

impl From<upvest_api::Error> for Error {
    /// Takes the kind from the status that Upvest answered with, where it answered.
    fn from(error: upvest_api::Error) -> Self {
        let status = error.status();
        let own = Self::caused_by(error);
        match status {
            Some(401 | 403) => own.of_kind(ErrorKind::Denied),
            Some(404) => own.of_kind(ErrorKind::NotFound),
            _ => own,
        }
    }
}

impl From<pipeline::upvest_access::AccessError> for Error {
    /// Keeps what Upvest itself said where [`Error::find`] looks for it: it prints as that, so its source skips it.
    fn from(error: pipeline::upvest_access::AccessError) -> Self {
        match error {
            pipeline::upvest_access::AccessError::Upvest(error) => error.into(),
            error => Self::caused_by(error),
        }
    }
}

impl From<pipeline::key_refresh::RefreshError> for Error {
    fn from(error: pipeline::key_refresh::RefreshError) -> Self {
        match error {
            pipeline::key_refresh::RefreshError::Access(error) => error.into(),
            error => Self::caused_by(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use pipeline::error::{AwsError, Kind};
    use pipeline::stores::archive::ReadError;

    use super::*;

    fn refused(code: &str) -> AwsError {
        AwsError::entries("GetItem of the events table", code)
    }

    fn unanswered(why: &str) -> AwsError {
        let why = std::io::Error::other(why.to_owned());
        AwsError::beside("GetItem of the events table", Kind::Infrastructure)(why)
    }

    #[test]
    fn an_error_of_another_crate_prints_once() {
        let error = Error::from(refused("Throttled"));
        assert_eq!(
            ErrorChain(&error).to_string(),
            ErrorChain(&refused("Throttled")).to_string()
        );
        let told = Error::context("the log cannot be read")(error);
        assert!(
            ErrorChain(&told)
                .to_string()
                .starts_with("the log cannot be read: GetItem of")
        );
    }

    #[test]
    fn a_sentence_before_an_error_keeps_its_kind() {
        let told = Error::context::<AwsError>("the log cannot be read")(refused("AccessDeniedException"));
        assert_eq!(told.kind(), ErrorKind::Denied);
        assert_eq!(told.of_kind(ErrorKind::Failed).kind(), ErrorKind::Failed);
    }

    #[test]
    fn what_aws_refuses_with_a_code_is_told_by_it_and_not_by_words_of_others() {
        let kind = |code: &str| Error::from(refused(code)).kind();
        assert_eq!(kind("KmsAccessDenied"), ErrorKind::Denied);
        assert_eq!(kind("ExpiredTokenException"), ErrorKind::Denied);
        assert_eq!(kind("ValidationException"), ErrorKind::Failed);
        // An object may be called as a code is.
        let named = Error::from(unanswered("archive/AccessDenied cannot be read"));
        assert_eq!(named.kind(), ErrorKind::Failed);
        // An error that prints as its cause does hides the type of that, and not its code.
        let hidden = Error::from(ReadError::from(refused("AccessDenied")));
        assert_eq!(hidden.kind(), ErrorKind::Denied);
        assert!(!hidden.is_of_unknown_caller());
        assert!(Error::from(ReadError::from(refused("ExpiredToken"))).is_of_unknown_caller());
    }

    #[test]
    fn whoever_is_not_known_is_told_to_log_in_and_whoever_may_not_is_shown_a_policy() {
        let of_code = |code: &str| Error::from(refused(code)).hint();
        let hint = |why: &str| Error::from(unanswered(why)).hint();
        assert!(of_code("ExpiredTokenException").is_some_and(|hint| hint.contains("aws sso login")));
        assert!(
            hint("dispatch failure: no providers in chain provided credentials")
                .is_some_and(|hint| hint.contains("log in"))
        );
        let of_a_session =
            "dispatch failure: other: an error occurred while loading credentials: failed to read";
        assert!(hint(of_a_session).is_some_and(|hint| hint.contains("log in")));
        let away =
            "dispatch failure: an error occurred while loading credentials: dispatch failure: io error";
        assert!(hint(away).is_some_and(|hint| hint.contains("--region")));
        assert!(of_code("AccessDeniedException").is_some_and(|hint| hint.contains("policy look")));
        assert!(hint("dispatch failure").is_some_and(|hint| hint.contains("--region")));
        assert_eq!(of_code("Throttled"), None);
    }

    #[test]
    fn a_cause_is_found_however_deep_it_is() {
        let deep = Error::context::<Error>("outer")(Error::context("inner")(refused("Throttled")));
        assert!(deep.find::<AwsError>().is_some());
        assert!(deep.find::<upvest_api::Error>().is_none());
    }
}
