//! Whether an event that Upvest signed was sent for one of our subscriptions.
//!
//! Upvest's key may serve other clients too, and the signature need not cover the host. So what Upvest sent to somebody
//! else, and that one sends on to us, would verify.

use std::collections::BTreeSet;

use pipeline::error::AwsError;
use pipeline::policy::Policy;
use pipeline::runtime::metrics;
use pipeline::stores::subscriptions::{SubscriptionOwner, Subscriptions};
use upvest::delivery::Element;
use uuid::Uuid;

/// Tells which subscriptions are ours, and what to do about the others.
#[derive(Debug)]
pub struct ForUs {
    /// Keeps the subscriptions that were seen, and whose each is.
    pub subscriptions: Subscriptions,
    /// Says what is done about events of those of others.
    pub policy: Policy,
}

impl ForUs {
    /// Lists the subscriptions of others that the events of a delivery were sent for; counts and logs each that nobody
    /// saw before.
    pub(crate) async fn others(
        &self,
        delivery_id: &str,
        elements: &[Element<'_>],
    ) -> Result<BTreeSet<String>, AwsError> {
        let events = elements.iter().filter_map(|element| element.event.as_ref().ok());
        let named: BTreeSet<_> = events.flat_map(|event| event.webhook_ids()).collect();
        let mut others = BTreeSet::new();
        for id in named {
            if let SubscriptionOwner::Others { is_new } = self.subscriptions.owner(&id).await? {
                if is_new {
                    metrics::foreign_subscription();
                    // Of a delivery, no more is logged than what has the form of an id.
                    let id = Uuid::try_parse(&id).ok().map(tracing::field::display);
                    tracing::warn!(
                        delivery.id = delivery_id,
                        subscription.id = id,
                        "events were sent for a subscription that is not ours"
                    );
                }
                others.insert(id.into_owned());
            }
        }
        Ok(others)
    }
}
