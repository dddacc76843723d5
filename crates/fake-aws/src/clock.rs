//! The time of a simulated run.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use jiff::Timestamp;

/// Tells the time that all simulated services share. Only the test moves it: SDK retries sleep in tokio's paused time
/// and leave this clock alone.
#[derive(Clone, Debug)]
pub struct Clock {
    unix_ms: Arc<AtomicU64>,
}

impl Clock {
    /// Starts at `unix_ms` milliseconds after the epoch.
    pub fn starting_at(unix_ms: u64) -> Self {
        Self {
            unix_ms: Arc::new(AtomicU64::new(unix_ms)),
        }
    }

    /// Tells the time in milliseconds since the epoch.
    pub fn unix_ms(&self) -> u64 {
        self.unix_ms.load(Ordering::Relaxed)
    }

    /// Tells the time as a [`SystemTime`].
    pub fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_millis(self.unix_ms())
    }

    /// Tells the time as a [`Timestamp`].
    pub fn timestamp(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH + Duration::from_millis(self.unix_ms())
    }

    /// Moves the time of all services forward at once.
    pub fn advance(&self, by: Duration) {
        let by_ms = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
        self.unix_ms.fetch_add(by_ms, Ordering::Relaxed);
    }
}

impl dynoxide::storage_backend::Clock for Clock {
    fn now_unix_secs(&self) -> u64 {
        self.unix_ms() / 1000
    }

    fn now_unix_secs_f64(&self) -> f64 {
        self.unix_ms() as f64 / 1000.0
    }
}
