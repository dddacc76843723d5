//! Holds how deliveries are batched, by delay and by size, each within the limits of Upvest.

use std::fmt;

use serde::{Serialize, Serializer};

use super::rules::InvalidWebhookError;

/// Says how long an event waits for others: 1 to 30 seconds, by Upvest's API description.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Delay(u8);

/// Says at which size of a body, in bytes, a batch does not wait any longer: 100 to 1,048,576, by Upvest's API
/// description.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct PackageSize(u32);

impl Delay {
    /// Takes a delay in seconds, if Upvest allows it.
    ///
    /// # Errors
    /// [`InvalidWebhookError::Delay`] when it is not 1 to 30.
    pub fn from_seconds(seconds: u64) -> Result<Self, InvalidWebhookError> {
        u8::try_from(seconds)
            .ok()
            .filter(|seconds| (1..=30).contains(seconds))
            .map(Self)
            .ok_or(InvalidWebhookError::Delay { seconds })
    }

    /// Returns the delay as a number of seconds.
    #[must_use]
    pub const fn seconds(self) -> u8 {
        self.0
    }
}

impl PackageSize {
    /// Takes a size in bytes, if Upvest allows it.
    ///
    /// # Errors
    /// [`InvalidWebhookError::PackageSize`] when it is not 100 to 1,048,576.
    pub fn from_bytes(bytes: u64) -> Result<Self, InvalidWebhookError> {
        u32::try_from(bytes)
            .ok()
            .filter(|bytes| (100..=1_048_576).contains(bytes))
            .map(Self)
            .ok_or(InvalidWebhookError::PackageSize { bytes })
    }

    /// Returns the size as a number of bytes.
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
