//! Whether a stack refuses an event that its signer may well report, or the signer may not report at all.

use pipeline::policy::Policy;
use pipeline::runtime::clock::Clock;
use pipeline::stores::subscriptions::Subscriptions;
use upvest::Event;
use upvest::subscription::FOREIGN;
use upvest::synthetic::{Scope, UNCOVERED};

use crate::error::Result;
use crate::stack::Stack;

/// Tells which proven events a stack does not take: the log lacks them for good.
pub(crate) struct Refusals {
    /// Tells whose a subscription is, where the stack takes no events of those of others.
    subscriptions: Option<Subscriptions>,
}

impl Refusals {
    /// Opens what a stack tells by whose an event is.
    ///
    /// # Errors
    ///
    /// [`Error`](crate::Error) when the stack's policy cannot be read.
    pub(crate) fn of(stack: &Stack, clock: Clock) -> Result<Self> {
        Ok(Self {
            subscriptions: match stack.policy("SubscriptionPolicy")? {
                Policy::Strict => stack.subscriptions(clock),
                Policy::Flag => None,
            },
        })
    }

    /// Gives the reason for which verify-and-store refuses an event that a key of this scope signed; `None` when it takes it.
    ///
    /// # Errors
    ///
    /// [`Error`](crate::Error) when the subscriptions cannot be read.
    pub(crate) async fn reason(&self, event: &Event<'_>, scope: Scope) -> Result<Option<&'static str>> {
        if !scope.covers(event) {
            return Ok(Some(UNCOVERED));
        }
        // What a key of our own signed is meant for us, whatever subscription it names.
        if let Some(subscriptions) = self.subscriptions.as_ref().filter(|_| scope == Scope::Upvest) {
            for id in event.webhook_ids() {
                if !subscriptions.is_ours(&id).await? {
                    return Ok(Some(FOREIGN));
                }
            }
        }
        Ok(None)
    }
}
