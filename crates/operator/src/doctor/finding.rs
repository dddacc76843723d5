//! What a check finds.

use serde::Serialize;

/// A part of the receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Area {
    /// The CloudFormation stack, its version, and clocks.
    Deployment,
    /// The URL that Upvest calls.
    Endpoint,
    /// The subscription at Upvest, and the credentials of the API client.
    Upvest,
    /// The keys that deliveries are verified by.
    Keys,
    /// The functions, with what wakes them.
    Functions,
    /// The queues, with their dead-letter queues.
    Queues,
    /// Tables, archive, quarantine and event bus.
    Storage,
    /// The alarms, and who is told.
    Alarms,
}

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Nothing is wrong.
    Ok,
    /// Something is not as it should be, and deliveries pass.
    Warning,
    /// Something is wrong, or could not be looked at.
    Failed,
    /// There was nothing to look at.
    Skipped,
}

/// One result of a check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was looked at.
    pub check: String,
    /// How it is.
    pub result: Verdict,
    /// What was found, or why nothing was looked for.
    pub found: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
}

impl Finding {
    pub(super) fn ok(check: &str, found: impl Into<String>) -> Self {
        Self::new(check, Verdict::Ok, found, None)
    }

    pub(super) fn warning(check: &str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self::new(check, Verdict::Warning, found, Some(advice.into()))
    }

    pub(super) fn failed(check: &str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self::new(check, Verdict::Failed, found, Some(advice.into()))
    }

    pub(super) fn skipped(check: &str, why: impl Into<String>) -> Self {
        Self::new(check, Verdict::Skipped, why, None)
    }

    fn new(check: &str, result: Verdict, found: impl Into<String>, advice: Option<String>) -> Self {
        Self {
            check: check.to_owned(),
            result,
            found: found.into(),
            advice,
        }
    }
}
