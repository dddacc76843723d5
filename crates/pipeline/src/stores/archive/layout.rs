//! The keys of the objects of the archive, which begin with `verified/`, and of the quarantine, a bucket of its own.
//!
//! | Key | Holds |
//! |---|---|
//! | `verified/<yyyy>/<mm>/<dd>/<hh>/<delivery id>` | a delivery whose signature holds |
//! | `quarantine/<reason>/<yyyy>/<mm>/<dd>/<hh>/<delivery id>` | one that is in quarantine, whole or in part |
//! | `quarantine/<reason>/<hash of the key id>/<yyyy>/<mm>/<dd>/<hh>/<delivery id>` | one that may hold once more is known of that key |
//!
//! The hour is that of the receipt, in UTC, and an id begins with the milliseconds of the receipt: the order of the keys
//! is the order of receipt. The template repeats the prefixes in its policies; a test holds them against these.

use std::ops::RangeInclusive;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::envelope::Envelope;

/// Says what the keys of verified deliveries begin with.
pub const VERIFIED_PREFIX: &str = "verified/";
/// Says what the keys of deliveries in quarantine begin with; the reason follows.
pub const QUARANTINE_PREFIX: &str = "quarantine/";

/// Names the reason of deliveries that wait for a key.
pub const UNKNOWN_KEY: &str = "unknown-key";
/// Names the reason of deliveries whose signature does not hold: by this key, for Upvest may have changed it.
pub const BAD_SIGNATURE: &str = "bad-signature";
/// Names the reason of deliveries that a key signed which Upvest does not serve any longer.
pub const KEY_RETIRED: &str = "key-retired";
/// Names the reason of deliveries that a key signed which an operator does not trust.
pub const KEY_DISTRUSTED: &str = "key-distrusted";
/// Lists the reasons of deliveries that may hold once more is known of their key. Each key has a folder of its own below each
/// of them, so that what is meant is found without looking at what strangers sent under other ids.
pub const OF_A_KEY: [&str; 4] = [UNKNOWN_KEY, BAD_SIGNATURE, KEY_RETIRED, KEY_DISTRUSTED];

/// Says in which section of the archive a delivery is kept. One of which only some events are in quarantine is in both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Section {
    /// The object is among those whose signature holds, below `verified/`.
    Verified,
    /// The object is in quarantine, for the delivery as a whole or for some of its events.
    Quarantine,
}

/// Holds the key of a delivery's object, taken apart. Keys are ordered by the time of receipt.
///
/// ```
/// use pipeline::stores::archive::DeliveryKey;
///
/// let key: DeliveryKey = "verified/2026/01/01/00/019b76da-a800-72cb-8730-b2b2ae250000".parse()?;
/// assert_eq!(key.received_at.to_string(), "2026-01-01T00:00:00Z");
/// assert_eq!(key.delivery_id.to_string(), "019b76da-a800-72cb-8730-b2b2ae250000");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DeliveryKey {
    /// Tells when the delivery was received, to the millisecond: its id tells.
    pub received_at: Timestamp,
    /// Gives the id of the delivery: the last part of the key.
    pub delivery_id: Uuid,
    /// Holds the whole key, as it is used to read the object.
    pub key: String,
}

/// Says that a key is not one of a delivery: its end is no id that tells a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("key is not of a delivery")]
pub struct DeliveryKeyError;

impl FromStr for DeliveryKey {
    type Err = DeliveryKeyError;

    fn from_str(key: &str) -> Result<Self, DeliveryKeyError> {
        // The id is last in the keys of both sections.
        let id = key.rsplit('/').next().expect("a split has a last part");
        let delivery_id: Uuid = id.parse().map_err(|_| DeliveryKeyError)?;
        Ok(Self {
            received_at: received_at(delivery_id).ok_or(DeliveryKeyError)?,
            delivery_id,
            key: key.to_owned(),
        })
    }
}

/// Holds the parts of a key in quarantine.
pub(super) struct QuarantineKey<'k> {
    pub(super) reason: &'k str,
    pub(super) delivery_id: Uuid,
    pub(super) received_at: Timestamp,
}

impl<'k> QuarantineKey<'k> {
    /// Reads a key. Where the id tells no time, the hour of the key does.
    pub(super) fn parse(key: &'k str) -> Option<Self> {
        let (reason, rest) = key.strip_prefix(QUARANTINE_PREFIX)?.split_once('/')?;
        let rest = match OF_A_KEY.contains(&reason) {
            true => rest.split_once('/')?.1,
            false => rest,
        };
        let (hour, delivery_id) = rest.rsplit_once('/')?;
        let delivery_id = delivery_id.parse().ok()?;
        Some(Self {
            reason,
            delivery_id,
            received_at: received_at(delivery_id).or_else(|| beginning(hour))?,
        })
    }
}

/// Makes the key of a verified delivery: `verified/<yyyy>/<mm>/<dd>/<hh>/<delivery id>`.
#[must_use]
pub fn verified_key(envelope: &Envelope) -> String {
    verified_at(envelope.received_at, envelope.delivery_id)
}

pub(super) fn verified_at(at: Timestamp, delivery_id: Uuid) -> String {
    format!("{VERIFIED_PREFIX}{}/{delivery_id}", hour(at))
}

/// Makes the key in quarantine: `quarantine/<reason>/<yyyy>/<mm>/<dd>/<hh>/<delivery id>`, and below the folder of its key
/// for a reason that is one of a key.
#[must_use]
pub fn quarantine_key(reason: &str, key_id: Option<&str>, envelope: &Envelope) -> String {
    let folder = match key_id.filter(|_| OF_A_KEY.contains(&reason)) {
        Some(key_id) => key_folder(reason, key_id),
        None => reason_folder(reason),
    };
    in_folder(&folder, envelope.received_at, envelope.delivery_id)
}

/// Makes what the keys begin with of all that is in quarantine for a reason.
pub(super) fn reason_folder(reason: &str) -> String {
    format!("{QUARANTINE_PREFIX}{reason}/")
}

/// Makes what the keys begin with of what is in quarantine for a reason and under one verification key. The id is a sender's
/// claim, which may hold anything, so that its hash stands for it.
pub(super) fn key_folder(reason: &str, key_id: &str) -> String {
    let hash = hex::encode(Sha256::digest(key_id));
    format!("{}{}/", reason_folder(reason), &hash[..32])
}

/// Makes the key of a delivery in a folder whose keys go on with the hour of receipt.
pub(super) fn in_folder(folder: &str, at: Timestamp, delivery_id: Uuid) -> String {
    format!("{folder}{}/{delivery_id}", hour(at))
}

/// Tells when a delivery was received, to the millisecond, by its id; `None` when it is of another kind.
#[must_use]
pub fn received_at(delivery_id: Uuid) -> Option<Timestamp> {
    let (seconds, nanoseconds) = delivery_id.get_timestamp()?.to_unix();
    Timestamp::new(seconds.try_into().ok()?, nanoseconds.try_into().ok()?).ok()
}

/// Writes the hour of a time as it stands in keys.
pub(super) fn hour(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC).strftime("%Y/%m/%d/%H").to_string()
}

/// Tells the time at which an hour of a key begins.
fn beginning(hour: &str) -> Option<Timestamp> {
    let (date, hour) = hour.rsplit_once('/')?;
    format!("{}T{hour}:00:00Z", date.replace('/', "-")).parse().ok()
}

/// Writes the hours that a range touches, as they stand in keys.
pub(super) fn hours(range: &RangeInclusive<Timestamp>) -> Vec<String> {
    const SECONDS: i64 = 3600;
    let first = range.start().as_second().div_euclid(SECONDS);
    let last = range.end().as_second().div_euclid(SECONDS);
    let starts = (first..=last).filter_map(|number| Timestamp::from_second(number * SECONDS).ok());
    starts.map(hour).collect()
}

/// Makes what the ids of deliveries received from then on are greater than: their first 48 bits are milliseconds.
pub(super) fn first_id(from: Timestamp) -> String {
    // A time before 1970 comes before every id.
    let milliseconds = u64::try_from(from.as_millisecond()).unwrap_or_default();
    let digits = format!("{milliseconds:012x}");
    format!("{}-{}", &digits[..8], &digits[8..])
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_range_touches_the_hours_that_it_begins_and_ends_in() {
        let range = |from, to| hours(&(at(from)..=at(to)));
        assert_eq!(
            range("2026-02-28T22:59:59.9Z", "2026-03-01T00:00:00Z"),
            ["2026/02/28/22", "2026/02/28/23", "2026/03/01/00"]
        );
        assert_eq!(
            range("2026-02-28T22:00:00Z", "2026-02-28T22:00:00Z"),
            ["2026/02/28/22"]
        );
        assert!(range("2026-02-28T23:00:00Z", "2026-02-28T22:00:00Z").is_empty());
    }

    #[test]
    fn an_id_of_the_first_millisecond_of_a_range_comes_after_its_beginning() {
        let id = "019b76da-a87b-7def-8123-456789abcdef";
        let key: DeliveryKey = format!("verified/2026/01/01/00/{id}").parse().unwrap();
        assert!(first_id(key.received_at).as_str() < id);
        let later = key.received_at + Duration::from_millis(1);
        assert!(first_id(later).as_str() > id);
    }

    #[test]
    fn the_reasons_of_a_key_are_those_of_signatures() {
        use upvest::signature::{Freshness, VerifyError};

        let key_id = || "k".to_owned();
        let errors = [
            VerifyError::UnknownKey { key_id: key_id() },
            VerifyError::BadSignature,
            VerifyError::KeyRetired {
                key_id: key_id(),
                freshness: Freshness::Fresh,
            },
            VerifyError::KeyDistrusted { key_id: key_id() },
        ];
        assert_eq!(errors.map(|error| error.reason()), OF_A_KEY);
    }

    #[test]
    fn a_key_that_is_not_of_a_delivery_is_left_aside() {
        for key in [
            "verified/readme.txt",
            "",
            "verified/00000000-0000-0000-0000-000000000000",
        ] {
            assert_eq!(key.parse::<DeliveryKey>(), Err(DeliveryKeyError), "{key}");
        }
    }

    #[test]
    fn the_id_of_a_delivery_tells_when_it_was_received() {
        let at = received_at("019b76da-a87b-7def-8123-456789abcdef".parse().unwrap()).unwrap();
        assert_eq!(at.as_millisecond(), 0x019b_76da_a87b);
        assert_eq!(received_at(Uuid::nil()), None);
    }
}
