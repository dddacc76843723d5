//! Subscriptions that change while the simulator runs.

use std::sync::Arc;

use super::{Simulator, SubscribeError};
use crate::subscriber::Subscriber;
use crate::subscription::Subscription;

impl Simulator {
    /// Returns copies of all subscriptions as they are now, oldest first.
    #[must_use]
    pub fn subscriptions(&self) -> Vec<Subscription> {
        let subscribers = self.subscribers.lock();
        subscribers
            .iter()
            .map(|subscriber| subscriber.target().subscription.clone())
            .collect()
    }

    /// Replaces the subscription with that id. A delivery that is under way goes on with its next attempt as the new
    /// one says; while it is disabled, nothing is sent, and what it had queued waits. Whether Upvest
    /// does so is not known.
    ///
    /// # Errors
    /// [`SubscribeError`] when there is none with that id, or the URL cannot be delivered to.
    pub fn update_subscription(&self, subscription: Subscription) -> Result<(), SubscribeError> {
        let Some(subscriber) = self.subscriber(&subscription.id) else {
            return Err(SubscribeError::Unknown(subscription.id));
        };
        subscriber.retarget(self.target(subscription)?);
        Ok(())
    }

    /// Removes a subscription with all its events, as a client does who deletes it, or the sandbox after 30 days of
    /// failures. `false` when there is none with that id.
    pub fn drop_subscription(&self, id: &str) -> bool {
        let mut subscribers = self.subscribers.lock();
        let place = subscribers
            .iter()
            .position(|own| own.target().subscription.id == id);
        let Some(place) = place else { return false };
        subscribers.remove(place).end();
        true
    }

    pub(crate) fn subscriber(&self, id: &str) -> Option<Arc<Subscriber>> {
        let subscribers = self.subscribers.lock();
        subscribers
            .iter()
            .find(|own| own.target().subscription.id == id)
            .cloned()
    }

    pub(crate) fn subscribers(&self) -> Vec<Arc<Subscriber>> {
        self.subscribers.lock().clone()
    }
}
