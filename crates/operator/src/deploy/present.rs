//! The stack as it is before it changes, and whether it can.

use std::collections::BTreeMap;

use super::Target;
use super::parameters::ARTIFACTS_PREFIX;
use crate::error::{Error, Result};
use crate::stack::{look_up, outputs, parameters};

/// Names an output that every stack of this receiver has, and hardly another one.
const OUR_OUTPUT: &str = "EventsTableName";
/// Begins the place of every release in its bucket.
const OUR_PLACE: &str = "upvest-webhooks/";

/// Describes a stack that may not be there.
#[derive(Debug, Default)]
pub(super) struct Present {
    /// Gives its state as CloudFormation names it; `None` where there is no stack.
    status: Option<String>,
    parameters: BTreeMap<String, String>,
    outputs: BTreeMap<String, String>,
    tags: BTreeMap<String, String>,
}

impl Present {
    /// Asks CloudFormation for the stack.
    ///
    /// # Errors
    ///
    /// [`Error`] when it does not answer that.
    pub(super) async fn look_up(target: &Target<'_>) -> Result<Self> {
        let found = look_up(target.config, target.stack).await;
        let found = found.map_err(Error::context(format!(
            "stack {} cannot be looked up: check the region (--region) and the credentials (--profile)",
            target.stack
        )))?;
        let Some(stack) = found else {
            return Ok(Self::default());
        };
        let tags = stack.tags().iter();
        Ok(Self {
            status: stack.stack_status().map(|status| status.as_str().to_owned()),
            parameters: parameters(&stack),
            outputs: outputs(&stack),
            tags: tags
                .filter_map(|tag| Some((tag.key()?.to_owned(), tag.value()?.to_owned())))
                .collect(),
        })
    }

    /// Tells whether there is nothing yet: no stack, or one that has a change set and nothing else.
    pub(super) fn is_new(&self) -> bool {
        matches!(self.status.as_deref(), None | Some("REVIEW_IN_PROGRESS"))
    }

    /// Gives the value that a parameter of the stack has.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        match self.is_new() {
            true => None,
            false => self.parameters.get(name).map(String::as_str),
        }
    }

    /// Gives an output of the stack.
    pub(super) fn output(&self, name: &str) -> Option<&str> {
        self.outputs.get(name).map(String::as_str)
    }

    /// Gives the tags of the stack by their names.
    pub(super) fn tags(&self) -> &BTreeMap<String, String> {
        &self.tags
    }

    /// Gives the state of the stack as CloudFormation names it.
    pub(super) fn status(&self) -> Option<&str> {
        self.status.as_deref()
    }

    /// Gives all outputs of the stack.
    pub(super) fn into_outputs(self) -> BTreeMap<String, String> {
        self.outputs
    }

    /// Refuses a stack that cannot change now, and one of somebody else's, whose resources would be deleted.
    ///
    /// # Errors
    ///
    /// [`Error`] with what to do first.
    pub(super) fn refuse_unless_ready(&self, stack: &str) -> Result<()> {
        let Some(status) = self.status.as_deref().filter(|_| !self.is_new()) else {
            return Ok(());
        };
        let refusal = match status {
            "CREATE_COMPLETE"
            | "UPDATE_COMPLETE"
            | "UPDATE_ROLLBACK_COMPLETE"
            | "IMPORT_COMPLETE"
            | "IMPORT_ROLLBACK_COMPLETE" => {
                if self.output(OUR_OUTPUT).is_some() || self.is_taken_over(status) {
                    return Ok(());
                }
                format!(
                    "stack {stack} is there and is none of this receiver, so that a deployment would delete what it has: name \
                     another one with --stack"
                )
            }
            "CREATE_FAILED" => format!(
                "the first deployment of stack {stack} failed and was not taken back ({status}), so that what it made is there, \
                 perhaps a subscription too, to which Upvest delivers: have it taken back (aws cloudformation rollback-stack \
                 --stack-name {stack}), delete the stack then (aws cloudformation delete-stack --stack-name {stack}), and run \
                 this again"
            ),
            "UPDATE_FAILED" => format!(
                "the last change of stack {stack} failed and was not taken back ({status}), so that it is half done: have it \
                 taken back (aws cloudformation rollback-stack --stack-name {stack}), and run this again"
            ),
            "ROLLBACK_COMPLETE" | "ROLLBACK_FAILED" => format!(
                "the first deployment of stack {stack} failed ({status}), after which CloudFormation takes no other: delete it, \
                 which runs nothing (aws cloudformation delete-stack --stack-name {stack}), and run this again"
            ),
            "UPDATE_ROLLBACK_FAILED" => format!(
                "stack {stack} could not go back to what it was ({status}): mend what its events tell, have it go on (aws \
                 cloudformation continue-update-rollback --stack-name {stack}), and run this again. Where it is \
                 UpvestSubscription that failed, because Upvest is not reached from the network of before either, have it go on \
                 without (--resources-to-skip UpvestSubscription)"
            ),
            "DELETE_FAILED" => format!(
                "stack {stack} is half deleted ({status}): see its events, delete it to the end (aws cloudformation delete-stack \
                 --stack-name {stack}), and run this again"
            ),
            status if status.ends_with("_IN_PROGRESS") => format!(
                "something is under way in stack {stack} ({status}): wait for its end (upvest-webhooks --stack {stack} doctor \
                 tells), and run this again"
            ),
            status => {
                format!("stack {stack} is in the state {status}, in which it cannot change: see its events")
            }
        };
        Err(Error::failed(refusal))
    }

    /// Tells whether a stack is one of a release that was deleted, whose tables and buckets were imported: it has no outputs
    /// before a release is deployed into it, nor where the first try at that was taken back.
    fn is_taken_over(&self, status: &str) -> bool {
        let place = self.parameter(ARTIFACTS_PREFIX);
        matches!(status, "IMPORT_COMPLETE" | "UPDATE_ROLLBACK_COMPLETE")
            && place.is_some_and(|place| place.starts_with(OUR_PLACE))
    }

    /// Describes a stack with these parameters.
    #[cfg(test)]
    pub(super) fn of(status: &str, parameters: &[(&str, &str)]) -> Self {
        let parameters = parameters.iter();
        Self {
            status: Some(status.to_owned()).filter(|status| !status.is_empty()),
            parameters: parameters
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            outputs: BTreeMap::from([(OUR_OUTPUT.to_owned(), "events".to_owned())]),
            tags: BTreeMap::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: &str) -> Option<String> {
        let refused = Present::of(status, &[]).refuse_unless_ready("s").err();
        refused.map(|error| error.to_string())
    }

    #[test]
    fn a_stack_that_cannot_change_is_refused_with_what_to_do_first() {
        for status in [
            "",
            "REVIEW_IN_PROGRESS",
            "CREATE_COMPLETE",
            "UPDATE_ROLLBACK_COMPLETE",
        ] {
            assert_eq!(refused(status), None, "{status}");
        }
        for (status, told) in [
            (
                "ROLLBACK_COMPLETE",
                "aws cloudformation delete-stack --stack-name s",
            ),
            ("DELETE_FAILED", "half deleted"),
            (
                "UPDATE_ROLLBACK_FAILED",
                "continue-update-rollback --stack-name s",
            ),
            (
                "UPDATE_ROLLBACK_FAILED",
                "(--resources-to-skip UpvestSubscription)",
            ),
            (
                "CREATE_FAILED",
                "rollback-stack --stack-name s), delete the stack then",
            ),
            (
                "UPDATE_FAILED",
                "rollback-stack --stack-name s), and run this again",
            ),
            ("UPDATE_IN_PROGRESS", "wait for its end"),
            ("CREATE_IN_PROGRESS", "wait for its end"),
            ("DELETE_IN_PROGRESS", "wait for its end"),
        ] {
            let refusal = refused(status).unwrap_or_else(|| panic!("{status}"));
            assert!(refusal.contains(told) && refusal.contains(status), "{refusal}");
        }
    }

    #[test]
    fn a_stack_of_something_else_is_never_deployed_over() {
        let other = Present {
            outputs: BTreeMap::from([("BucketName".to_owned(), "b".to_owned())]),
            ..Present::of("UPDATE_COMPLETE", &[])
        };
        let refusal = other.refuse_unless_ready("s").unwrap_err().to_string();
        assert!(refusal.contains("none of this receiver"), "{refusal}");
    }

    #[test]
    fn a_stack_that_took_over_what_a_release_left_is_one_of_this_receiver() {
        let is_refused = |status, place| {
            let imported = Present {
                outputs: BTreeMap::new(),
                ..Present::of(status, &[(ARTIFACTS_PREFIX, place)])
            };
            imported.refuse_unless_ready("s").is_err()
        };
        let place = "upvest-webhooks/0.1.0-0123456789ab";
        assert!(!is_refused("IMPORT_COMPLETE", place) && !is_refused("UPDATE_ROLLBACK_COMPLETE", place));
        assert!(is_refused("IMPORT_COMPLETE", "of-something-else") && is_refused("UPDATE_COMPLETE", place));
    }
}
