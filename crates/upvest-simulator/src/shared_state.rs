//! Holds what the simulator and its deliverers share: keys, faults, records and progress.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;
use upvest::signature::SigningKey;

use crate::clock::Clock;
use crate::faults::Faults;
use crate::keys::KeyRing;
use crate::lock::Lock;
use crate::record::DeliveryRecord;

/// Tells how far all deliveries together have come.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Progress {
    pub(crate) outstanding_events: usize,
    accepted_deliveries: u64,
}

/// Holds what does not change while the simulator runs.
#[derive(Debug)]
pub(crate) struct Fixed {
    pub(crate) clock: Clock,
    pub(crate) key_file: Option<PathBuf>,
    pub(crate) stranger: Arc<SigningKey>,
    pub(crate) seed: u64,
    pub(crate) time_scale: f64,
    pub(crate) resign_retries: bool,
    pub(crate) signature_lifetime: Duration,
    pub(crate) answer_timeout: Option<Duration>,
}

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) fixed: Fixed,
    pub(crate) keys: Lock<KeyRing>,
    faults: Lock<Faults>,
    records: Lock<Vec<DeliveryRecord>>,
    progress: watch::Sender<Progress>,
}

impl Shared {
    pub(crate) fn new(fixed: Fixed, keys: KeyRing, faults: Faults) -> Self {
        Self {
            fixed,
            keys: Lock::new(keys),
            faults: Lock::new(faults),
            records: Lock::default(),
            progress: watch::Sender::default(),
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.fixed.clock.now()
    }

    pub(crate) fn scaled(&self, duration: Duration) -> Duration {
        duration.mul_f64(self.fixed.time_scale)
    }

    pub(crate) fn resigns_retries(&self) -> bool {
        self.fixed.resign_retries
    }

    pub(crate) fn signature_lifetime(&self) -> Duration {
        self.fixed.signature_lifetime
    }

    pub(crate) fn stranger(&self) -> Arc<SigningKey> {
        Arc::clone(&self.fixed.stranger)
    }

    pub(crate) fn current_key(&self) -> Arc<SigningKey> {
        self.keys.lock().current()
    }

    pub(crate) fn faults(&self) -> Faults {
        *self.faults.lock()
    }

    pub(crate) fn set_faults(&self, faults: Faults) {
        *self.faults.lock() = faults;
    }

    pub(crate) fn record(&self, record: DeliveryRecord) {
        self.records.lock().push(record);
    }

    pub(crate) fn records(&self) -> Vec<DeliveryRecord> {
        self.records.lock().clone()
    }

    pub(crate) fn queued(&self, events: usize) {
        self.progress
            .send_modify(|progress| progress.outstanding_events += events);
    }

    pub(crate) fn delivered(&self, events: usize) {
        self.progress.send_modify(|progress| {
            progress.outstanding_events -= events;
            progress.accepted_deliveries += 1;
        });
    }

    /// Counts events off that nobody waits for any longer.
    pub(crate) fn dropped(&self, events: usize) {
        self.progress
            .send_modify(|progress| progress.outstanding_events -= events);
    }

    /// Waits until no event is outstanding.
    pub(crate) async fn all_delivered(&self) {
        self.progress_until(|progress| progress.outstanding_events == 0)
            .await;
    }

    /// Waits until one more delivery was accepted.
    pub(crate) async fn next_delivery(&self) {
        let before = self.progress.borrow().accepted_deliveries;
        self.progress_until(|progress| progress.accepted_deliveries > before)
            .await;
    }

    pub(crate) fn outstanding_events(&self) -> usize {
        self.progress.borrow().outstanding_events
    }

    async fn progress_until(&self, reached: impl FnMut(&Progress) -> bool) {
        // The sender is owned by `self`, so that the channel cannot close meanwhile.
        let _ = self.progress.subscribe().wait_for(reached).await;
    }
}
