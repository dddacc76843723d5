//! Delivers the events of one subscription, one delivery after another.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;
use upvest::signature::{SignError, SigningKey};

use crate::faults::{Fault, tamper};
use crate::post::post;
use crate::queue::Batch;
use crate::record::{Answer, DeliveryRecord};
use crate::retry::retry_delay;
use crate::shared_state::Shared;
use crate::signer::{DeliverySigner, SignedDelivery};
use crate::subscriber::{Subscriber, Target};

const LONGEST_HOLD_BACK: Duration = Duration::from_secs(10);
const EXPIRED_FOR: Duration = Duration::from_secs(3600);

/// Sends for one subscription, as its only sender: while a delivery fails, none of the later ones is made.
pub(crate) struct Deliverer {
    shared: Arc<Shared>,
    subscriber: Arc<Subscriber>,
    random: fastrand::Rng,
    deliveries: u64,
}

impl Deliverer {
    pub(crate) fn new(shared: Arc<Shared>, subscriber: Arc<Subscriber>, random: fastrand::Rng) -> Self {
        Self {
            shared,
            subscriber,
            random,
            deliveries: 0,
        }
    }

    /// Delivers events, one delivery after another, until the subscription ends.
    pub(crate) async fn run(mut self) {
        let subscriber = Arc::clone(&self.subscriber);
        tokio::select! {
            () = self.deliver_all() => {}
            () = subscriber.ended() => {}
        }
        self.shared.dropped(subscriber.abandon());
    }

    async fn deliver_all(&mut self) {
        loop {
            let shared = Arc::clone(&self.shared);
            let batch = self.subscriber.next_batch(|delay| shared.scaled(delay)).await;
            self.deliveries += 1;
            self.deliver(&batch).await;
            // Without an await between the two: were the subscription to end there, its events would stay
            // outstanding for ever.
            self.subscriber.delivered();
            self.shared.delivered(batch.event_ids.len());
        }
    }

    /// Makes one delivery, and does not return before it was accepted.
    async fn deliver(&mut self, batch: &Batch) {
        let plan = self.shared.faults().plan(&mut self.random);
        if plan.held_back {
            self.hold_back().await;
        }
        let mut target = self.subscriber.enabled().await;
        for fault in plan.besides {
            self.send_besides(&target, batch, fault).await;
        }
        let mut lose_success = plan.duplicated;
        let mut signed = self.sign_now(&target, batch);
        for attempt in 1.. {
            let mut record = self.send(&target, batch, attempt, &signed).await;
            if record.accepted && lose_success {
                record.accepted = false;
                record.fault = Some(Fault::Duplicated);
                lose_success = false;
            } else if plan.held_back && attempt == 1 {
                record.fault = Some(Fault::HeldBack);
            }
            let accepted = record.accepted;
            self.shared.record(record);
            if accepted {
                return;
            }
            self.subscriber.failed(attempt);
            tokio::time::sleep(self.shared.scaled(retry_delay(attempt))).await;
            target = self.subscriber.enabled().await;
            if self.shared.resigns_retries() {
                signed = self.sign_now(&target, batch);
            }
        }
    }

    /// Waits until another subscription's delivery was accepted.
    async fn hold_back(&self) {
        let longest = self.shared.scaled(LONGEST_HOLD_BACK);
        // Without another delivery in that time there is nothing to be overtaken by.
        let _ = tokio::time::timeout(longest, self.shared.next_delivery()).await;
    }

    async fn send_besides(&mut self, target: &Target, batch: &Batch, fault: Fault) {
        let current = self.shared.current_key();
        let now = self.shared.now();
        let mut signed = match fault {
            Fault::UnknownKey => self.sign(target, &self.shared.stranger(), batch, now),
            Fault::Expired => self.sign(target, &current, batch, now - EXPIRED_FOR),
            Fault::Tampered | Fault::Unsigned | Fault::Duplicated | Fault::HeldBack => {
                self.sign(target, &current, batch, now)
            }
        };
        if let Ok(delivery) = &mut signed {
            match fault {
                Fault::Tampered => tamper(&mut delivery.body, &mut self.random),
                Fault::Unsigned => {
                    delivery.headers.remove("signature");
                    delivery.headers.remove("signature-input");
                }
                _ => {}
            }
        }
        let record = self.send(target, batch, 0, &signed).await;
        self.shared.record(DeliveryRecord {
            fault: Some(fault),
            accepted: false,
            ..record
        });
    }

    fn sign_now(&mut self, target: &Target, batch: &Batch) -> Result<SignedDelivery, SignError> {
        self.sign(target, &self.shared.current_key(), batch, self.shared.now())
    }

    fn sign(
        &mut self,
        target: &Target,
        key: &SigningKey,
        batch: &Batch,
        created: Timestamp,
    ) -> Result<SignedDelivery, SignError> {
        let url = &target.subscription.url;
        let signer = DeliverySigner {
            key,
            path: url.path(),
            query: url.query(),
            lifetime: self.shared.signature_lifetime(),
        };
        signer.sign(batch.body.clone(), created, &mut self.random)
    }

    async fn send(
        &self,
        target: &Target,
        batch: &Batch,
        attempt: u32,
        signed: &Result<SignedDelivery, SignError>,
    ) -> DeliveryRecord {
        let at = self.shared.now();
        let start = Instant::now();
        let subscription = &target.subscription;
        let (answer, key_id) = match signed {
            Ok(delivery) => (
                post(&target.client, &subscription.url, delivery).await,
                delivery.key_id.clone(),
            ),
            Err(_) => (Answer::NotSigned, String::new()),
        };
        DeliveryRecord {
            subscription_id: subscription.id.clone(),
            delivery: self.deliveries,
            attempt,
            at,
            took_ms: u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX),
            key_id,
            events: Arc::clone(&batch.event_ids),
            bytes: batch.body.len(),
            accepted: answer.is_success(),
            answer,
            fault: None,
        }
    }
}
