//! A subscription together with the events that wait for it.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde::Serialize;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::lock::Lock;
use crate::queue::{Batch, Due, EventQueue, QueuedEvent};
use crate::subscription::Subscription;

/// How far a subscription's deliveries have come.
#[derive(Debug, Clone, Serialize)]
pub struct SubscriptionState {
    /// The subscription.
    pub subscription_id: String,
    /// Where it is delivered to.
    pub url: String,
    /// Whether it receives new events.
    pub enabled: bool,
    /// Events that wait, without those of the delivery that is under way.
    pub waiting_events: usize,
    /// Events of the delivery that is under way.
    pub delivering_events: usize,
    /// Failed attempts of the delivery that is under way; as long as it fails, all that wait are blocked.
    pub failed_attempts: u32,
}

#[derive(Debug)]
pub(crate) struct Subscriber {
    pub(crate) subscription: Subscription,
    queue: Lock<Queue>,
    failed_attempts: AtomicU32,
    arrived: Notify,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: EventQueue,
    delivering: usize,
}

impl Subscriber {
    pub(crate) fn new(subscription: Subscription) -> Self {
        Self {
            subscription,
            queue: Lock::default(),
            failed_attempts: AtomicU32::new(0),
            arrived: Notify::new(),
        }
    }

    pub(crate) fn push(&self, event: QueuedEvent) {
        self.queue.lock().waiting.push(event, Instant::now());
        self.arrived.notify_one();
    }

    /// Waits for a batch that is full or old enough. Events that piled up behind a failing delivery are old enough.
    pub(crate) async fn next_batch(&self, delay: Duration) -> Batch {
        let size = self.subscription.max_package_size;
        loop {
            let due = self.queue.lock().waiting.due(delay, size);
            match due {
                Due::Never => self.arrived.notified().await,
                Due::At(time) if Instant::now() < time => {
                    // Whichever comes first, the queue is looked at again.
                    let _ = tokio::time::timeout_at(time, self.arrived.notified()).await;
                }
                Due::At(_) | Due::Now => {
                    let mut queue = self.queue.lock();
                    if let Some(batch) = queue.waiting.take_batch(size) {
                        queue.delivering = batch.event_ids.len();
                        return batch;
                    }
                }
            }
        }
    }

    pub(crate) fn failed(&self, attempts: u32) {
        self.failed_attempts.store(attempts, Ordering::Relaxed);
    }

    pub(crate) fn delivered(&self) {
        self.queue.lock().delivering = 0;
        self.failed(0);
    }

    pub(crate) fn state(&self) -> SubscriptionState {
        let queue = self.queue.lock();
        SubscriptionState {
            subscription_id: self.subscription.id.clone(),
            url: self.subscription.url.to_string(),
            enabled: self.subscription.enabled,
            waiting_events: queue.waiting.len(),
            delivering_events: queue.delivering,
            failed_attempts: self.failed_attempts.load(Ordering::Relaxed),
        }
    }
}
