//! How checks run beside each other, and what becomes of one that came to no result.

use std::error::Error as StdError;
use std::time::Duration;

use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use pipeline::error::{AwsError, ErrorChain};
use pipeline::upvest_access::AccessError;

use super::finding::{Area, AreaFinding, Finding};
use crate::error::{Error, ErrorKind};

/// Names the policy with the permissions of those who look.
const POLICY: &str = "upvest-webhooks policy look";

/// Tells what to do where something of the stack is not there.
pub(super) const BRING_BACK: &str = "deploy the stack again, which brings back what is missing";
/// Tells what to do where something of the stack is set otherwise than the template has it.
pub(super) const SET_BACK: &str = "deploy the stack again, which sets it back";

/// Tells what to do about credentials that cannot be had or used.
const CREDENTIALS: &str =
    "check the secret or file with the credentials (--upvest-secret, --upvest-credentials)";

/// Tells what a check found, or why it came to no result.
pub(super) type Checked = Result<Vec<Finding>, CheckError>;

/// Tells why a check came to no result.
#[derive(Debug)]
pub(super) enum CheckError {
    /// The operator lacks the permission of this name.
    Denied(&'static str),
    /// The check failed for a reason other than a permission, such as an unreachable service.
    Failed(Error),
    /// The check cannot go on after what it found.
    Found(Finding),
}

impl<E: Into<Error>> From<E> for CheckError {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

impl From<Finding> for CheckError {
    fn from(finding: Finding) -> Self {
        Self::Found(finding)
    }
}

impl CheckError {
    /// Wraps what the SDK returned for a call that needs this permission.
    pub(super) fn of<E>(action: &'static str) -> impl FnOnce(E) -> Self
    where
        E: StdError + ProvideErrorMetadata + Send + Sync + 'static,
    {
        move |error| Self::of_error(action)(AwsError::of(action)(error))
    }

    /// Wraps the error of such a call that a store made.
    pub(super) fn of_error<E: Into<Error>>(action: &'static str) -> impl FnOnce(E) -> Self {
        move |error| {
            let error: Error = error.into();
            match error.kind() {
                // Whom AWS does not know is not helped by a permission.
                ErrorKind::Denied if !error.is_of_unknown_caller() => Self::Denied(action),
                _ => Self::Failed(error),
            }
        }
    }

    fn into_finding(self, check: &str) -> Finding {
        let error = match self {
            // What nobody looked at is not well.
            Self::Denied(action) => {
                let found = format!("not checked: you lack the permission {action}");
                let advice =
                    format!("have {action} allowed to you: {POLICY} has all that this command needs");
                return Finding::failed(check, found, advice);
            }
            Self::Found(finding) => return finding,
            Self::Failed(error) => error,
        };
        let found = ErrorChain(&error).to_string();
        let or_hint = |advice: &str| error.hint().unwrap_or_else(|| advice.to_owned());
        if error.find::<upvest_api::Error>().is_some() {
            let advice = or_hint("check base_url in the credentials, and the connection to Upvest");
            Finding::failed(check, found, advice)
        } else if matches!(error.kind(), ErrorKind::Usage | ErrorKind::NotFound) {
            // What a stack does not have cannot be checked; that a part of it is missing, the version tells.
            Finding::skipped(check, error.to_string())
        } else if error.find::<AccessError>().is_some() {
            match error.kind() {
                ErrorKind::Denied => Self::Denied("secretsmanager:GetSecretValue").into_finding(check),
                _ => Finding::failed(check, found, CREDENTIALS),
            }
        } else {
            let advice = or_hint("look again; if it stays so, what AWS answers is the cause");
            Finding::failed(check, found, advice)
        }
    }
}

/// Takes the answer to a call that needs this permission; `None` where AWS refuses it with this code.
pub(super) fn unless<T, E>(
    answer: Result<T, E>,
    code: &str,
    action: &'static str,
) -> Result<Option<T>, CheckError>
where
    E: StdError + ProvideErrorMetadata + Send + Sync + 'static,
{
    match answer {
        Err(error) if error.code() == Some(code) => Ok(None),
        answer => answer.map(Some).map_err(CheckError::of(action)),
    }
}

/// Runs a check for as long as it may take. Whatever goes wrong with it becomes a finding, and hides no other check.
pub(super) async fn run(
    area: Area,
    name: &'static str,
    at_most: Duration,
    check: impl Future<Output = Checked>,
) -> Vec<AreaFinding> {
    let findings = match tokio::time::timeout(at_most, check).await {
        Ok(Ok(findings)) => findings,
        Ok(Err(error)) => vec![error.into_finding(name)],
        Err(_) => {
            let found = format!("no answer within {} s", at_most.as_secs());
            vec![Finding::failed(name, found, "try again with a longer --timeout")]
        }
    };
    let findings = findings.into_iter();
    findings.map(|finding| AreaFinding { area, finding }).collect()
}
