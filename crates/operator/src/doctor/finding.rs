//! Holds what a check finds: how bad it is, and what an operator can do about it.

use serde::Serialize;

/// Groups the checks by the part of the receiver that they look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Area {
    // In the order of the report, which is sorted by them.
    /// The check is of the CloudFormation stack, its version, and clocks.
    Deployment,
    /// The check is of the public URL that Upvest posts deliveries to.
    Endpoint,
    /// The check is of the subscription at Upvest, or of the credentials of the API client.
    Upvest,
    /// The check is of the keys that deliveries are verified by.
    Keys,
    /// The check is of a function, or of what wakes it.
    Functions,
    /// The check is of a queue, or of its dead-letter queue.
    Queues,
    /// The check is of a table, the archive, the quarantine or the event bus.
    Storage,
    /// The check is of the alarms, and of who is told.
    Alarms,
}

/// Grades what a check found, by which the exit status is decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The check was made and found nothing wrong.
    Ok,
    /// Something is not as it should be, and deliveries pass.
    Warning,
    /// Something is wrong, or could not be looked at.
    Failed,
    /// There was nothing to look at.
    Skipped,
}

/// Tells what one check found, and what an operator can do about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Names what the check looked at, such as a queue or a function.
    pub check: String,
    /// Grades what was found: `failed` alone makes the command fail.
    pub result: Verdict,
    /// Tells what was found, or why nothing was looked for.
    pub found: String,
    /// Says what to do about it; `None` where nothing is wrong or nothing was looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
}

/// Joins a finding with the area that it belongs to, as one flat JSON object.
#[derive(Debug, Serialize)]
pub struct AreaFinding {
    /// Names the part of the receiver that was looked at.
    pub area: Area,
    /// Holds the finding, whose members stand beside `area` in JSON.
    #[serde(flatten)]
    pub finding: Finding,
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

    /// Says what is wrong, which makes the command fail or not.
    pub(super) fn problem(fails: bool, check: &str, found: String, advice: &str) -> Self {
        match fails {
            true => Self::failed(check, found, advice),
            false => Self::warning(check, found, advice),
        }
    }

    /// Gives what was found wrong, or else that all is well.
    pub(super) fn or_ok(mut problems: Vec<Self>, check: &str, all_well: impl Into<String>) -> Vec<Self> {
        if problems.is_empty() {
            problems.push(Self::ok(check, all_well));
        }
        problems
    }

    /// Says that the emulator of a local stack has nothing that could be checked.
    pub(super) fn only_in_aws(check: &str) -> Self {
        Self::skipped(check, "only in AWS: this stack runs on an emulator")
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
