//! The operation `send`: from files or made-up events to signed and posted deliveries.

use std::sync::Arc;
use std::time::Duration;

use pipeline::runtime::clock::Clock;
use upvest::signature::SigningKey;

use super::{Fault, Load, Order, Pace, Payload, Source, Summary, Target, plan};
use crate::error::Result;
use crate::reporter::Reporter;

/// Says what to deliver, how it is signed, and how fast.
#[derive(Debug)]
pub struct Shipment<'s> {
    /// Says where the bodies come from. Bodies that are taken apart get new event ids.
    pub source: Source<'s>,
    /// Says in which order they are delivered.
    pub order: Order,
    /// Limits the deliveries a second, and those that are open at the same time.
    pub pace: Pace,
    /// Signs every delivery, in the dialect and algorithm that the key has.
    pub key: SigningKey,
    /// Lists the covered components, in this order; empty for the usual ones.
    pub cover: Vec<String>,
    /// Says what is to go wrong with each, on purpose.
    pub fault: Option<Fault>,
    /// Says how long an answer may take.
    pub timeout: Duration,
    /// Tells the time at which each delivery is signed.
    pub clock: Clock,
}

impl Shipment<'_> {
    /// Makes all deliveries, and sums up what they were answered.
    ///
    /// What a receiver will not take for an event is sent all the same, but not unnoticed.
    ///
    /// # Errors
    ///
    /// [`Error`](crate::Error) when a file cannot be used, or a delivery cannot be signed.
    pub async fn send(self, target: &Target, reporter: Reporter<'_>) -> Result<Summary> {
        let seed = self.source.seed;
        let payloads = self.source.payloads()?;
        let malformed = payloads.iter().map(Payload::malformed).sum::<usize>();
        if malformed > 0 {
            reporter.note(&format!(
                "{malformed} of the events are malformed, and sent all the same"
            ));
        }
        let slots = plan(payloads.len(), self.order, &mut fastrand::Rng::with_seed(seed));
        let mut load = Load::new(payloads, self.key, target, self.timeout, &self.clock)?;
        load.slots = slots;
        // Not of the seed: a second run with it would bring nothing but duplicates.
        load.fresh_ids = self.source.take_apart.then(|| fastrand::u64(..));
        load.signer.cover = self.cover;
        load.signer.fault = self.fault;
        let load = Arc::new(load);
        let (outcomes, took) = load.run(self.pace, reporter).await?;
        let url = target.text();
        Ok(Summary::of(url, &load.signer.key, seed, &outcomes, took))
    }
}
