//! Packing what a state holds many of into few bytes.
//!
//! Numbers are written seven bits to a byte, the lowest first; a byte with its high bit set is followed by another. A text
//! is its kind and length in one number, then its bytes: a UUID in sixteen, a decimal two characters to a byte, and any
//! other as it is. A well-known word, and one of the first 32 of these others, is not written again but named by its
//! number. An instant is written by its distance from the one before it.
//!
//! That keeps an order with four executions below the kilobyte that a write is charged by.

use std::collections::BTreeMap;

use crate::category::Rank;
use crate::occurred::Occurred;
use crate::time::Instant;

/// Begins everything packed, as its first byte: another one will name another way of packing.
const FORMAT: u8 = 1;
/// Lists what half a byte of a decimal stands for; 15 fills up the last byte.
const DECIMAL: &[u8; 12] = b"0123456789.-";
const FILLER: u8 = 15;

/// Says what the number in front of a text says of it: the kind, and, four times, the length.
const PLAIN: u64 = 0;
const UUID: u64 = 1;
const DIGITS: u64 = 2;
/// With the length 0, that there is no text; else which of the known ones it is, counted from 1.
const NONE: u64 = 3;
/// Lists statuses and names that most entities have: the first 31 take a byte. Items are packed by their places, so a
/// word may be added at the end, up to [`FIRST_REMEMBERED`] of them, and none may be moved or taken away.
const WORDS: [&str; 28] = [
    "NEW",
    "PROCESSING",
    "FILLED",
    "SETTLED",
    "CANCELLED",
    "CONFIRMED",
    "CREATED",
    "FINALISED",
    "PASSED",
    "FAILED",
    "ACTIVE",
    "INACTIVE",
    "EXECUTED",
    "PENDING_APPROVAL",
    "PARTIALLY_SETTLED",
    "CLOSED",
    "LOCKED",
    "ISSUED",
    "IN_PROGRESS",
    "REJECTED",
    "filled_amount",
    "filled_quantity",
    "funds_available",
    "outstanding",
    "processed_total",
    "cleared",
    "cash_available",
    "cancellation_reason",
];
/// Numbers the first text that is remembered. It stays where it is when a word is added, so that what was packed before
/// is read as it was.
const FIRST_REMEMBERED: usize = 64;
const _: () = assert!(WORDS.len() <= FIRST_REMEMBERED);
/// Bounds how many texts are remembered, so that looking for one in a list of thousands of others costs little.
const REMEMBERED: usize = 32;
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

/// Writes values one behind the other.
pub(crate) struct Packer {
    bytes: Vec<u8>,
    texts: Vec<String>,
    last: Instant,
}

impl Packer {
    /// Starts with the number of entries, by which a cut-off end is noticed.
    pub(crate) fn new(entries: usize) -> Self {
        let mut packer = Self {
            bytes: vec![FORMAT],
            texts: Vec::new(),
            last: EPOCH,
        };
        packer.count(entries);
        packer
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        self.bytes
    }

    pub(crate) fn count(&mut self, count: usize) {
        self.number(count as u64);
    }

    pub(crate) fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.bytes.push(number.to_le_bytes()[0] | 0x80);
            number >>= 7;
        }
        self.bytes.push(number.to_le_bytes()[0]);
    }

    pub(crate) fn text(&mut self, text: &str) {
        if let Some(uuid) = uuid_bytes(text) {
            self.number(UUID);
            self.bytes.extend(uuid);
        } else if let Some(halves) = decimal_halves(text) {
            self.number(DIGITS | (text.len() as u64) << 2);
            self.bytes.extend(
                halves
                    .chunks(2)
                    .map(|pair| pair[0] << 4 | pair.get(1).unwrap_or(&FILLER)),
            );
        } else if let Some(index) = index_of(text, &self.texts) {
            self.number(NONE | (index as u64 + 1) << 2);
        } else {
            self.number(PLAIN | (text.len() as u64) << 2);
            self.bytes.extend(text.as_bytes());
            remember(&mut self.texts, text);
        }
    }

    pub(crate) fn optional(&mut self, text: Option<&str>) {
        match text {
            Some(text) => self.text(text),
            None => self.number(NONE),
        }
    }

    pub(crate) fn occurred(&mut self, occurred: &Occurred) {
        self.place(occurred);
        self.text(&occurred.event_id);
    }

    fn place(&mut self, occurred: &Occurred) {
        self.instant(occurred.created_at);
        self.number(occurred.rank.number().into());
        match occurred.updated_at {
            Some(at) => {
                self.number(1);
                self.instant(at);
            }
            None => self.number(0),
        }
        self.instant(occurred.received_at);
        self.number(occurred.position.into());
    }

    /// Writes the distance in seconds from the instant before, with its sign in the lowest bit, then the fraction: its
    /// digits without zeros at the end, and their number.
    fn instant(&mut self, instant: Instant) {
        let distance = instant.seconds.wrapping_sub(self.last.seconds);
        self.number((distance << 1 ^ distance >> 63).cast_unsigned());
        let before = std::mem::replace(&mut self.last, instant);
        let (mut fraction, mut digits) = (instant.picoseconds, 12);
        while digits > 0 && fraction % 10 == 0 {
            fraction /= 10;
            digits -= 1;
        }
        match digits {
            0 => self.number(0),
            _ if before.picoseconds == instant.picoseconds => self.number(SAME_FRACTION),
            digits => {
                self.number(digits);
                self.number(fraction);
            }
        }
    }
}

/// Finds the number of a text that is a word, or was written before.
fn index_of(text: &str, remembered: &[String]) -> Option<usize> {
    let word = WORDS.iter().position(|word| *word == text);
    let before = || remembered.iter().position(|before| before == text);
    word.or_else(|| Some(FIRST_REMEMBERED + before()?))
}

/// Finds the text of a number that [`index_of`] gave.
fn text_of(index: usize, remembered: &[String]) -> Option<&str> {
    match index.checked_sub(FIRST_REMEMBERED) {
        Some(index) => remembered.get(index).map(String::as_str),
        None => WORDS.get(index).copied(),
    }
}

fn remember(texts: &mut Vec<String>, text: &str) {
    if texts.len() < REMEMBERED {
        texts.push(text.to_owned());
    }
}

/// Reads back what a [`Packer`] wrote.
pub(crate) struct Unpacker<'b> {
    rest: &'b [u8],
    entries: u64,
    texts: Vec<String>,
    last: Instant,
}

impl<'b> Unpacker<'b> {
    pub(crate) fn new(bytes: &'b [u8]) -> Result<Self, PackingError> {
        let (&format, rest) = bytes.split_first().ok_or(PackingError)?;
        let mut unpacker = Self {
            rest,
            entries: 0,
            texts: Vec::new(),
            last: EPOCH,
        };
        unpacker.entries = unpacker.number()?;
        (format == FORMAT).then_some(unpacker).ok_or(PackingError)
    }

    pub(crate) fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    /// Makes sure that all entries were there.
    pub(crate) fn finish(self, entries: usize) -> Result<(), PackingError> {
        (self.entries == entries as u64).then_some(()).ok_or(PackingError)
    }

    pub(crate) fn count(&mut self) -> Result<usize, PackingError> {
        usize::try_from(self.number()?).map_err(|_| PackingError)
    }

    pub(crate) fn number(&mut self) -> Result<u64, PackingError> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.take(1)?[0];
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(PackingError)
    }

    fn take(&mut self, count: usize) -> Result<&'b [u8], PackingError> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(PackingError)?;
        self.rest = rest;
        Ok(taken)
    }

    pub(crate) fn text(&mut self) -> Result<String, PackingError> {
        self.optional()?.ok_or(PackingError)
    }

    pub(crate) fn optional(&mut self) -> Result<Option<String>, PackingError> {
        let head = self.number()?;
        let length = usize::try_from(head >> 2).map_err(|_| PackingError)?;
        match head & 3 {
            NONE if length == 0 => Ok(None),
            NONE => {
                let known = text_of(length - 1, &self.texts).ok_or(PackingError)?;
                Ok(Some(known.to_owned()))
            }
            UUID => Ok(Some(uuid_text(self.take(16)?))),
            DIGITS => decimal_text(self.take(length.div_ceil(2))?, length).map(Some),
            _ => {
                let text = std::str::from_utf8(self.take(length)?).map_err(|_| PackingError)?;
                remember(&mut self.texts, text);
                Ok(Some(text.to_owned()))
            }
        }
    }

    pub(crate) fn occurred(&mut self) -> Result<Occurred, PackingError> {
        let place = self.place()?;
        Ok(Occurred {
            event_id: self.text()?,
            ..place
        })
    }

    /// Reads a place, whose event is not named yet.
    fn place(&mut self) -> Result<Occurred, PackingError> {
        let small = |number: u64| u16::try_from(number).map_err(|_| PackingError);
        Ok(Occurred {
            created_at: self.instant()?,
            rank: Rank::from_number(small(self.number()?)?).ok_or(PackingError)?,
            updated_at: match self.number()? {
                0 => None,
                _ => Some(self.instant()?),
            },
            received_at: self.instant()?,
            position: small(self.number()?)?,
            event_id: String::new(),
        })
    }

    fn instant(&mut self) -> Result<Instant, PackingError> {
        let folded = self.number()?;
        let distance = (folded >> 1).cast_signed() ^ -(folded & 1).cast_signed();
        let picoseconds = match self.number()? {
            0 => 0,
            SAME_FRACTION => self.last.picoseconds,
            digits @ 1..=12 => {
                let zeros = u32::try_from(12 - digits).map_err(|_| PackingError)?;
                self.number()?
                    .checked_mul(10_u64.pow(zeros))
                    .ok_or(PackingError)?
            }
            _ => return Err(PackingError),
        };
        self.last = Instant {
            seconds: self.last.seconds.wrapping_add(distance),
            picoseconds,
        };
        Ok(self.last)
    }
}

/// Reads the bytes of a UUID that is written as Upvest writes them: small letters, with hyphens.
fn uuid_bytes(text: &str) -> Option<[u8; 16]> {
    let bytes = text.as_bytes();
    let is_hyphen = |index: usize| matches!(index, 8 | 13 | 18 | 23);
    if bytes.len() != 36 || (0..36).any(|index| is_hyphen(index) != (bytes[index] == b'-')) {
        return None;
    }
    let mut digits = bytes.iter().filter(|byte| **byte != b'-').map(|byte| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    });
    let mut uuid = [0; 16];
    for byte in &mut uuid {
        *byte = digits.next()?? << 4 | digits.next()??;
    }
    Some(uuid)
}

fn uuid_text(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(36);
    for (index, byte) in bytes.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        let digits = [byte >> 4, byte & 15].map(|digit| char::from_digit(digit.into(), 16));
        text.extend(digits.into_iter().flatten());
    }
    text
}

/// Finds the half bytes of a text that has the characters of decimals alone; `None` for any other, and for no text.
fn decimal_halves(text: &str) -> Option<Vec<u8>> {
    let half = |byte: u8| DECIMAL.iter().position(|known| *known == byte);
    let halves: Option<Vec<u8>> = text
        .bytes()
        .map(|byte| half(byte).and_then(|half| half.try_into().ok()))
        .collect();
    halves.filter(|halves| !halves.is_empty())
}

fn decimal_text(bytes: &[u8], length: usize) -> Result<String, PackingError> {
    let halves = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]).take(length);
    let character = |half: u8| DECIMAL.get(usize::from(half)).map(|byte| char::from(*byte));
    halves.map(|half| character(half).ok_or(PackingError)).collect()
}

#[cfg(test)]
mod tests {
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
