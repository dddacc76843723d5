//! What a check finds, and how checks run beside each other.

use std::time::Duration;

use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use operator::ErrorKind;
use pipeline::error::{AwsError, ErrorChain};
use pipeline::upvest_api::AccessError;
use serde::Serialize;

use crate::stack::StackError;

/// The codes by which AWS services refuse who lacks a permission.
const DENIALS: [&str; 6] = [
    "AccessDenied",
    "AccessDeniedException",
    "AuthorizationError",
    "NotAuthorized",
    "UnauthorizedException",
    "UnauthorizedOperation",
];

/// The policy with the permissions of those who look.
const POLICY: &str = "infra/examples/operator-look.json";

/// What to do about credentials that cannot be had or used.
const CREDENTIALS: &str =
    "check the secret or file with the credentials (--upvest-secret, --upvest-credentials)";

/// A part of the receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Area {
    Deployment,
    Endpoint,
    Upvest,
    Keys,
    Functions,
    Queues,
    Storage,
    Alarms,
}

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Verdict {
    Ok,
    Warning,
    Failed,
    Skipped,
}

/// One result of a check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    pub(super) check: String,
    pub(super) result: Verdict,
    /// What was found, or why nothing was looked for.
    pub(super) found: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) advice: Option<String>,
}

impl Finding {
    pub(super) fn ok(check: impl Into<String>, found: impl Into<String>) -> Self {
        Self::new(check, Verdict::Ok, found, None)
    }

    pub(super) fn warning(
        check: impl Into<String>,
        found: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self::new(check, Verdict::Warning, found, Some(advice.into()))
    }

    pub(super) fn failed(
        check: impl Into<String>,
        found: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self::new(check, Verdict::Failed, found, Some(advice.into()))
    }

    pub(super) fn skipped(check: impl Into<String>, why: impl Into<String>) -> Self {
        Self::new(check, Verdict::Skipped, why, None)
    }

    fn new(
        check: impl Into<String>,
        result: Verdict,
        found: impl Into<String>,
        advice: Option<String>,
    ) -> Self {
        Self {
            check: check.into(),
            result,
            found: found.into(),
            advice,
        }
    }
}

/// Why a check came to no result.
#[derive(Debug, thiserror::Error)]
pub(super) enum CheckError {
    #[error("not checked: you lack the permission {action}")]
    Denied { action: &'static str },
    #[error(transparent)]
    Aws(#[from] AwsError),
    #[error(transparent)]
    Upvest(#[from] upvest_api::Error),
    #[error(transparent)]
    Stack(#[from] StackError),
}

impl CheckError {
    /// Wraps what the SDK returned for a call that needs this permission.
    pub(super) fn of<E>(action: &'static str) -> impl FnOnce(SdkError<E>) -> Self
    where
        SdkError<E>: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        move |error| match error.code() {
            Some(code) if DENIALS.contains(&code) => Self::Denied { action },
            _ => Self::Aws(AwsError::of(action)(error)),
        }
    }

    /// The same for a call that is made elsewhere, where its error has lost its type.
    pub(super) fn of_error(action: &'static str) -> impl FnOnce(AwsError) -> Self {
        move |error| match is_denial(&error) {
            true => Self::Denied { action },
            false => Self::Aws(error),
        }
    }

    fn into_finding(self, check: &str) -> Finding {
        match self {
            // What nobody looked at is not well.
            Self::Denied { action } => {
                let advice =
                    format!("have {action} allowed to you: {POLICY} has all that this command needs");
                Finding::failed(check, self.to_string(), advice)
            }
            // What a stack does not have cannot be checked; that a part of it is missing, the version tells.
            Self::Stack(error) if matches!(error.kind(), ErrorKind::Usage | ErrorKind::NotFound) => {
                Finding::skipped(check, error.to_string())
            }
            Self::Stack(error) if error.find::<AccessError>().is_some() => match error.kind() {
                ErrorKind::Denied => {
                    let action = "secretsmanager:GetSecretValue";
                    Self::Denied { action }.into_finding(check)
                }
                _ => Finding::failed(check, ErrorChain(&error).to_string(), CREDENTIALS),
            },
            Self::Upvest(error) => {
                let hint = error.hint().map(|hint| hint.to_string());
                let advice = hint.unwrap_or_else(|| {
                    "check base_url in the credentials, and the connection to Upvest".to_owned()
                });
                Finding::failed(check, ErrorChain(&error).to_string(), advice)
            }
            Self::Aws(_) | Self::Stack(_) => Finding::failed(
                check,
                ErrorChain(&self).to_string(),
                "check the region (--region), the credentials (--aws-profile) and the connection to AWS",
            ),
        }
    }
}

fn is_denial(error: &AwsError) -> bool {
    let chain = ErrorChain(error).to_string();
    DENIALS.iter().any(|code| chain.contains(code))
}

/// Runs a check for as long as it may take. Whatever goes wrong with it becomes a finding, and hides no other check.
pub(super) async fn run(
    area: Area,
    name: &'static str,
    at_most: Duration,
    check: impl Future<Output = Result<Vec<Finding>, CheckError>>,
) -> (Area, Vec<Finding>) {
    let findings = match tokio::time::timeout(at_most, check).await {
        Ok(Ok(findings)) => findings,
        Ok(Err(error)) => vec![error.into_finding(name)],
        Err(_) => {
            let found = format!("no answer within {} s", at_most.as_secs());
            vec![Finding::failed(name, found, "try again with a longer --timeout")]
        }
    };
    (area, findings)
}
