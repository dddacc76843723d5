//! Reading values back in the order in which they were written.

use super::texts::{DIGITS, NONE, UUID, decimal_text, remember, text_of, uuid_text};
use super::{EPOCH, FORMAT, PackingError, SAME_FRACTION};
use crate::category::Rank;
use crate::occurred::Occurred;
use crate::time::Instant;

/// Reads back what a [`Packer`](super::Packer) wrote.
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
    pub(super) fn place(&mut self) -> Result<Occurred, PackingError> {
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
