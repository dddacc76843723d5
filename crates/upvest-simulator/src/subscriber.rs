//! A subscription together with the events that wait for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use reqwest::Client;
use serde::Serialize;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use crate::lock::Lock;
use crate::queue::{Batch, Due, EventQueue, QueuedEvent};
use crate::subscription::Subscription;

/// Says how far a subscription's deliveries have come.
#[derive(Debug, Clone, Serialize)]
pub struct SubscriptionState {
    /// Names the subscription as its API does.
    pub subscription_id: String,
    /// Gives the URL that it delivers to.
    pub url: String,
    /// Tells whether new events are queued for it and sent.
    pub enabled: bool,
    /// Counts events that wait, without those of the delivery that is under way.
    pub waiting_events: usize,
    /// Counts events of the delivery that is under way.
    pub delivering_events: usize,
    /// Counts the failed attempts of the delivery that is under way; as long as it fails, all that wait are blocked.
    pub failed_attempts: u32,
}

/// Says where and how a subscription is delivered, until it is changed.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) subscription: Subscription,
    pub(crate) client: Client,
    pub(crate) updated_at: Timestamp,
}

#[derive(Debug)]
pub(crate) struct Subscriber {
    pub(crate) created_at: Timestamp,
    target: watch::Sender<Arc<Target>>,
    queue: Lock<Queue>,
    failed_attempts: AtomicU32,
    arrived: Notify,
    ended: Notify,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: EventQueue,
    delivering: usize,
}

impl Subscriber {
    pub(crate) fn new(target: Target) -> Self {
        Self {
            created_at: target.updated_at,
            target: watch::Sender::new(Arc::new(target)),
            queue: Lock::default(),
            failed_attempts: AtomicU32::new(0),
            arrived: Notify::new(),
            ended: Notify::new(),
        }
    }

    pub(crate) fn target(&self) -> Arc<Target> {
        Arc::clone(&self.target.borrow())
    }

    /// Changes the subscription; a delivery that is under way goes on with its next attempt there.
    pub(crate) fn retarget(&self, target: Target) {
        self.target.send_replace(Arc::new(target));
        // The delay or the size may be another one.
        self.arrived.notify_one();
    }

    /// Waits until the subscription is enabled.
    pub(crate) async fn enabled(&self) -> Arc<Target> {
        let mut changes = self.target.subscribe();
        match changes.wait_for(|target| target.subscription.enabled).await {
            Ok(target) => Arc::clone(&target),
            // The sender is owned by `self`, so that the channel cannot close meanwhile.
            Err(_) => self.target(),
        }
    }

    /// Ends the subscription: its deliverer stops.
    pub(crate) fn end(&self) {
        // Not `notify_waiters`, which is lost where the deliverer does not wait yet.
        self.ended.notify_one();
    }

    /// Waits for the end; for the deliverer alone.
    pub(crate) async fn ended(&self) {
        self.ended.notified().await;
    }

    /// Forgets all events that were not accepted, and returns how many they are.
    pub(crate) fn abandon(&self) -> usize {
        let queue = std::mem::take(&mut *self.queue.lock());
        queue.waiting.len() + queue.delivering
    }

    pub(crate) fn push(&self, event: QueuedEvent) {
        self.queue.lock().waiting.push(event, Instant::now());
        self.arrived.notify_one();
    }

    /// Waits for a batch that is full or old enough. Events that piled up behind a failing delivery are old enough.
    pub(crate) async fn next_batch(&self, scaled: impl Fn(Duration) -> Duration) -> Batch {
        loop {
            let target = self.enabled().await;
            let (delay, size) = (target.subscription.delay, target.subscription.max_package_size);
            let due = self.queue.lock().waiting.due(scaled(delay), size);
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
        let target = self.target();
        let queue = self.queue.lock();
        SubscriptionState {
            subscription_id: target.subscription.id.clone(),
            url: target.subscription.url.to_string(),
            enabled: target.subscription.enabled,
            waiting_events: queue.waiting.len(),
            delivering_events: queue.delivering,
            failed_attempts: self.failed_attempts.load(Ordering::Relaxed),
        }
    }
}
