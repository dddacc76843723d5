//! How deliveries may be batched.

use std::fmt;

use serde::{Serialize, Serializer};

use super::rules::InvalidWebhook;

/// How long an event waits for others: 1 to 30 seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Delay(u8);

/// The size of a body, in bytes, at which a batch does not wait any longer: 100 to 1,048,576.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct PackageSize(u32);

impl Delay {
    /// A delay in seconds.
    ///
    /// # Errors
    /// [`InvalidWebhook::Delay`] when it is not 1 to 30.
    pub fn from_seconds(seconds: u64) -> Result<Self, InvalidWebhook> {
        u8::try_from(seconds)
            .ok()
            .filter(|seconds| (1..=30).contains(seconds))
            .map(Self)
            .ok_or(InvalidWebhook::Delay { seconds })
    }

    /// Returns the delay in seconds.
    #[must_use]
    pub const fn seconds(self) -> u8 {
        self.0
    }
}

impl PackageSize {
    /// A size in bytes.
    ///
    /// # Errors
    /// [`InvalidWebhook::PackageSize`] when it is not 100 to 1,048,576.
    pub fn from_bytes(bytes: u64) -> Result<Self, InvalidWebhook> {
        u32::try_from(bytes)
            .ok()
            .filter(|bytes| (100..=1_048_576).contains(bytes))
            .map(Self)
            .ok_or(InvalidWebhook::PackageSize { bytes })
    }

    /// Returns the size in bytes.
    #[must_use]
    pub const fn bytes(self) -> u32 {
        self.0
    }
}

impl fmt::Display for Delay {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}s", self.0)
    }
}

impl Serialize for Delay {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
