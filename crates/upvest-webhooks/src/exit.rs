//! How the program ends: the exit codes, and which of them a failure or a report has.
//!
//! Scripts decide by them, so that a released code never changes its meaning. docs/json.md lists them for people.

use std::process::ExitCode;

use operator::ErrorKind;
use operator::repair::Ending;
use serde::Serialize;

/// Tells how the program ended, as the number that the shell gets. It serialises as the `kind` of an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum Exit {
    /// All was done, and nothing was found to be wrong.
    Done = 0,
    /// The command was not done, or not to its end, for a reason that has no code of its own; you said no, for example.
    Failed = 1,
    /// Another command line would have helped.
    Usage = 2,
    /// What was asked for is not there.
    NotFound = 3,
    /// The command was done, and what it looked at is not as it should be.
    Findings = 4,
    /// AWS or Upvest does not allow it, or does not know who asks.
    Denied = 5,
    /// AWS, Upvest or the receiver cannot be reached.
    Unreachable = 6,
}

impl Exit {
    /// Gives the number that the shell gets.
    ///
    /// ```
    /// use upvest_webhooks::Exit;
    ///
    /// assert_eq!(Exit::Findings.code(), 4);
    /// ```
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// Gives the code of a command that looked for what is wrong.
    pub(crate) const fn of_findings(is_well: bool) -> Self {
        if is_well { Self::Done } else { Self::Findings }
    }

    /// Gives the code of a command that is done, or is not.
    pub(crate) const fn of_work(is_done: bool) -> Self {
        if is_done { Self::Done } else { Self::Failed }
    }

    /// Gives the code of a repair. One that ended early is told first: what it did not find may have come after that.
    pub(crate) fn of_repair(ending: &Ending, all_were_found: bool) -> Self {
        match (ending.is_good(), all_were_found) {
            (false, _) => Self::Failed,
            (true, false) => Self::NotFound,
            (true, true) => Self::Done,
        }
    }

    /// Gives this code where nothing is worse, and else the other one.
    pub(crate) fn or(self, other: impl FnOnce() -> Self) -> Self {
        match self {
            Self::Done => other(),
            worse => worse,
        }
    }
}

impl From<ErrorKind> for Exit {
    fn from(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::Usage => Self::Usage,
            ErrorKind::NotFound => Self::NotFound,
            ErrorKind::Denied => Self::Denied,
            ErrorKind::Unreachable => Self::Unreachable,
            ErrorKind::Failed => Self::Failed,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_error_has_a_code_of_its_own() {
        let codes = [
            ErrorKind::Failed,
            ErrorKind::Usage,
            ErrorKind::NotFound,
            ErrorKind::Denied,
            ErrorKind::Unreachable,
        ];
        assert_eq!(codes.map(|kind| Exit::from(kind).code()), [1, 2, 3, 5, 6]);
    }

    #[test]
    fn a_repair_that_ended_early_has_failed_whatever_it_did_not_find() {
        let early = Ending {
            failure: Some("throttled".to_owned()),
            ..Ending::default()
        };
        assert_eq!(Exit::of_repair(&early, false), Exit::Failed);
        assert_eq!(Exit::of_repair(&Ending::default(), false), Exit::NotFound);
        assert_eq!(Exit::of_repair(&Ending::default(), true), Exit::Done);
    }
}
