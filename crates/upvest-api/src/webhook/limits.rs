//! Holds how deliveries are batched, by delay and by size, each within the limits of Upvest.

use std::fmt;
use std::str::FromStr;

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

/// Reads a delay as Upvest, the stack's parameters and the command line write it: `5s`.
impl FromStr for Delay {
    type Err = InvalidWebhookError;

    fn from_str(text: &str) -> Result<Self, InvalidWebhookError> {
        let seconds = text.strip_suffix('s').and_then(|seconds| seconds.parse().ok());
        Self::from_seconds(seconds.ok_or(InvalidWebhookError::NoDelay)?)
    }
}

/// Reads a size as the stack's parameters and the command line write it: a number of bytes, without a unit.
impl FromStr for PackageSize {
    type Err = InvalidWebhookError;

    fn from_str(text: &str) -> Result<Self, InvalidWebhookError> {
        Self::from_bytes(text.parse().map_err(|_| InvalidWebhookError::NoPackageSize)?)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delay_is_read_with_its_unit_alone_and_within_the_limits() {
        assert_eq!("5s".parse::<Delay>().unwrap().seconds(), 5);
        for no_delay in ["", "s", "5", "1m", "5ss", "-1s", " 5s", "1.5s"] {
            let refused = no_delay.parse::<Delay>();
            assert_eq!(refused, Err(InvalidWebhookError::NoDelay), "{no_delay}");
        }
        for seconds in [0, 31, u64::MAX] {
            let refused = format!("{seconds}s").parse::<Delay>();
            assert_eq!(refused, Err(InvalidWebhookError::Delay { seconds }));
        }
    }

    #[test]
    fn a_package_size_is_read_as_a_number_of_bytes_within_the_limits() {
        assert_eq!("262144".parse::<PackageSize>().unwrap().bytes(), 262_144);
        for no_size in ["", "1 MiB", "256k", "-100"] {
            let refused = no_size.parse::<PackageSize>();
            assert_eq!(refused, Err(InvalidWebhookError::NoPackageSize), "{no_size}");
        }
        for bytes in [99, 1_048_577] {
            let refused = bytes.to_string().parse::<PackageSize>();
            assert_eq!(refused, Err(InvalidWebhookError::PackageSize { bytes }));
        }
    }
}
