//! Packing what a state holds many of into few bytes.
//!
//! Numbers are written seven bits to a byte, the lowest first; a byte with its high bit set is followed by another. A text
//! is its kind and length in one number, then its bytes: a UUID in sixteen, a decimal two characters to a byte, and any
//! other as it is.

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
const NONE: u64 = 3;

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

/// Writes values one behind the other.
pub(super) struct Packer(Vec<u8>);

impl Packer {
    /// Starts with the number of entries, by which a cut-off end is noticed.
    pub(super) fn new(entries: usize) -> Self {
        let mut packer = Self(vec![FORMAT]);
        packer.count(entries);
        packer
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.0
    }

    pub(super) fn count(&mut self, count: usize) {
        self.number(count as u64);
    }

    fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.0.push(number.to_le_bytes()[0] | 0x80);
            number >>= 7;
        }
        self.0.push(number.to_le_bytes()[0]);
    }

    pub(super) fn text(&mut self, text: &str) {
        if let Some(uuid) = uuid_bytes(text) {
            self.number(UUID);
            self.0.extend(uuid);
        } else if let Some(halves) = decimal_halves(text) {
            self.number(DIGITS | (text.len() as u64) << 2);
            self.0.extend(
                halves
                    .chunks(2)
                    .map(|pair| pair[0] << 4 | pair.get(1).unwrap_or(&FILLER)),
            );
        } else {
            self.number(PLAIN | (text.len() as u64) << 2);
            self.0.extend(text.as_bytes());
        }
    }

    pub(super) fn optional(&mut self, text: Option<&str>) {
        match text {
            Some(text) => self.text(text),
            None => self.number(NONE),
        }
    }

    pub(super) fn occurred(&mut self, occurred: &Occurred) {
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
        self.text(&occurred.event_id);
    }

    /// Writes seconds with the sign in the lowest bit, then the fraction: its digits without zeros at the end, and
    /// their number.
    fn instant(&mut self, instant: Instant) {
        self.number((instant.seconds.unsigned_abs() << 1) | u64::from(instant.seconds < 0));
        let (mut fraction, mut digits) = (instant.picoseconds, 12);
        while digits > 0 && fraction % 10 == 0 {
            fraction /= 10;
            digits -= 1;
        }
        self.number(digits);
        if digits > 0 {
            self.number(fraction);
        }
    }
}

/// Reads back what a [`Packer`] wrote.
pub(super) struct Unpacker<'b> {
    rest: &'b [u8],
    entries: u64,
}

impl<'b> Unpacker<'b> {
    pub(super) fn new(bytes: &'b [u8]) -> Result<Self, PackingError> {
        let (&format, rest) = bytes.split_first().ok_or(PackingError)?;
        let mut unpacker = Self { rest, entries: 0 };
        unpacker.entries = unpacker.number()?;
        (format == FORMAT).then_some(unpacker).ok_or(PackingError)
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    /// Makes sure that all entries were there.
    pub(super) fn finish(self, entries: usize) -> Result<(), PackingError> {
        (self.entries == entries as u64).then_some(()).ok_or(PackingError)
    }

    pub(super) fn count(&mut self) -> Result<usize, PackingError> {
        usize::try_from(self.number()?).map_err(|_| PackingError)
    }

    fn number(&mut self) -> Result<u64, PackingError> {
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

    pub(super) fn text(&mut self) -> Result<String, PackingError> {
        self.optional()?.ok_or(PackingError)
    }

    pub(super) fn optional(&mut self) -> Result<Option<String>, PackingError> {
        let head = self.number()?;
        let length = usize::try_from(head >> 2).map_err(|_| PackingError)?;
        match head & 3 {
            NONE => Ok(None),
            UUID => Ok(Some(uuid_text(self.take(16)?))),
            DIGITS => decimal_text(self.take(length.div_ceil(2))?, length).map(Some),
            _ => {
                let text = std::str::from_utf8(self.take(length)?).map_err(|_| PackingError)?;
                Ok(Some(text.to_owned()))
            }
        }
    }

    pub(super) fn occurred(&mut self) -> Result<Occurred, PackingError> {
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
            event_id: self.text()?,
        })
    }

    fn instant(&mut self) -> Result<Instant, PackingError> {
        let head = self.number()?;
        let seconds = i64::try_from(head >> 1).map_err(|_| PackingError)?;
        let picoseconds = match self.number()? {
            0 => 0,
            digits @ 1..=12 => {
                let zeros = u32::try_from(12 - digits).map_err(|_| PackingError)?;
                self.number()?
                    .checked_mul(10_u64.pow(zeros))
                    .ok_or(PackingError)?
            }
            _ => return Err(PackingError),
        };
        Ok(Instant {
            seconds: if head & 1 == 1 { -seconds } else { seconds },
            picoseconds,
        })
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
