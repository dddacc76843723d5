//! Packing what a state holds many of into few bytes.
//!
//! Numbers are written seven bits to a byte, the lowest first; a byte with its high bit set is followed by another. A text
//! is its kind and length in one number, then its bytes: a UUID in sixteen, a decimal two characters to a byte, and any
//! other as it is. A well-known word, and one of the first 32 of these others, is not written again but named by its
//! number. An instant is written by its distance from the one before it.
//!
//! That keeps an order with four executions below the kilobyte that a write is charged by.

mod packer;
mod texts;
mod unpacker;

use std::collections::BTreeMap;

use crate::occurred::Occurred;
use crate::time::Instant;

pub(crate) use packer::Packer;
pub(crate) use unpacker::Unpacker;

/// Begins everything packed, as its first byte: another one will name another way of packing.
const FORMAT: u8 = 1;
/// Stands for the number of digits of a fraction that is that of the instant before.
const SAME_FRACTION: u64 = 13;
/// Begins the count: instants of this decade are near it.
const EPOCH: Instant = Instant {
    seconds: 1_600_000_000,
    picoseconds: 0,
};

/// Says that bytes are not what was packed, as when somebody edited an item by hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("packed bytes cannot be read")]
pub struct PackingError;

/// Packs a history: each status with the place of the event that gave it last. An entry takes half of what its text would,
/// which keeps most entities with a lifecycle below the kilobyte that a write is charged by.
#[must_use]
pub fn pack_history(history: &BTreeMap<String, Occurred>) -> Vec<u8> {
    let mut packer = Packer::new(history.len());
    for (status, occurred) in history {
        packer.text(status);
        packer.occurred(occurred);
    }
    packer.finish()
}

/// Takes a history out of what [`pack_history`] made.
///
/// # Errors
///
/// [`PackingError`] when it did not make these bytes.
pub fn unpack_history(bytes: &[u8]) -> Result<BTreeMap<String, Occurred>, PackingError> {
    let mut unpacker = Unpacker::new(bytes)?;
    let mut history = BTreeMap::new();
    while !unpacker.is_at_end() {
        history.insert(unpacker.text()?, unpacker.occurred()?);
    }
    unpacker.finish(history.len())?;
    Ok(history)
}

/// Packs the place of one event, without the id of the event, which its reader has.
#[must_use]
pub fn pack_place(occurred: &Occurred) -> Vec<u8> {
    let mut packer = Packer::new(1);
    packer.place(occurred);
    packer.finish()
}

/// Takes the place of the event with this id out of what [`pack_place`] made.
///
/// # Errors
///
/// [`PackingError`] when it did not make these bytes.
pub fn unpack_place(bytes: &[u8], event_id: String) -> Result<Occurred, PackingError> {
    let mut unpacker = Unpacker::new(bytes)?;
    let place = unpacker.place()?;
    let is_all = unpacker.is_at_end();
    unpacker.finish(1)?;
    is_all
        .then_some(Occurred { event_id, ..place })
        .ok_or(PackingError)
}

#[cfg(test)]
mod tests {
    use super::texts::{FIRST_REMEMBERED, NONE, WORDS};
    use super::*;

    #[test]
    fn what_a_released_version_packed_is_read_by_this_one() {
        let mut packed = vec![FORMAT, 1, 0x0b];
        // 142,648,360 seconds after the epoch and half a second; 2020; the same instant; three seconds later.
        packed.extend([0xd0, 0x90, 0x85, 0x88, 0x01, 1, 5, 0xe4, 0x0f, 1, 0, 13, 6, 0, 7]);
        packed.extend([2 << 2, b'e', b'1']);
        let occurred = Occurred::from_stored(
            "2025-03-22T12:59:20.5#2020#2025-03-22T12:59:20.5#2025-03-22T12:59:23#00007#e1",
        );
        let history = BTreeMap::from([("PROCESSING".to_owned(), occurred.unwrap())]);
        assert_eq!(unpack_history(&packed).unwrap(), history);
        assert_eq!(pack_history(&history), packed);
        let released = "NEW PROCESSING FILLED SETTLED CANCELLED CONFIRMED CREATED FINALISED PASSED FAILED ACTIVE \
            INACTIVE EXECUTED PENDING_APPROVAL PARTIALLY_SETTLED CLOSED LOCKED ISSUED IN_PROGRESS \
            REJECTED filled_amount filled_quantity funds_available outstanding processed_total cleared \
            cash_available cancellation_reason";
        assert!(
            WORDS.join(" ").starts_with(released),
            "words are added at the end alone"
        );
    }

    #[test]
    fn a_text_that_was_written_before_keeps_its_number_when_words_are_added() {
        let mut packer = Packer::new(1);
        packer.text("TELEPORTED");
        packer.text("TELEPORTED");
        packer.text("NEW");
        let packed = packer.finish();
        // The first remembered text is number 64, however many words there are; a word is its place.
        let named = [0x87, 0x02, 1 << 2 | 3];
        assert_eq!(packed[packed.len() - 3..], named);
        let mut unpacker = Unpacker::new(&packed).unwrap();
        let texts = [(); 3].map(|()| unpacker.text().unwrap());
        assert_eq!(texts, ["TELEPORTED", "TELEPORTED", "NEW"]);
    }

    #[test]
    fn a_number_that_names_no_text_is_refused() {
        // The number after the last word, the first remembered text where none was, and one far off.
        for index in [WORDS.len(), FIRST_REMEMBERED, 1 << 40] {
            let mut packer = Packer::new(1);
            packer.number(NONE | (index as u64 + 1) << 2);
            let packed = packer.finish();
            assert_eq!(
                Unpacker::new(&packed).unwrap().text(),
                Err(PackingError),
                "{index}"
            );
        }
    }

    #[test]
    fn a_place_is_read_whole_and_alone() {
        let occurred =
            Occurred::from_stored("2021-07-21T14:10:00.5#2020##2021-07-21T14:10:03.25#00007#e1").unwrap();
        let packed = pack_place(&occurred);
        assert_eq!(unpack_place(&packed, "e1".to_owned()), Ok(occurred));
        for bytes in [&packed[..packed.len() - 1], &[packed.as_slice(), &[0]].concat()] {
            assert_eq!(unpack_place(bytes, "e1".to_owned()), Err(PackingError));
        }
    }
}
