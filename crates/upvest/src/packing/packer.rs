//! Writing values one behind the other.

use super::texts::{DIGITS, FILLER, NONE, PLAIN, UUID, decimal_halves, index_of, remember, uuid_bytes};
use super::{EPOCH, FORMAT, SAME_FRACTION};
use crate::occurred::Occurred;
use crate::time::Instant;

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
            // Only what is written out is remembered: the reader makes the same list of what it reads.
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

    pub(super) fn place(&mut self, occurred: &Occurred) {
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
        // Wraps, as in reading: bytes that somebody edited by hand may say any time, and must not panic.
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
