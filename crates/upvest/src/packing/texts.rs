//! Texts in few bytes: UUIDs, decimals, well-known words, and words that were written before.

use super::PackingError;

/// Lists what half a byte of a decimal stands for; 15 fills up the last byte.
const DECIMAL: &[u8; 12] = b"0123456789.-";
pub(super) const FILLER: u8 = 15;

/// Says what the number in front of a text says of it: the kind, and, four times, the length.
pub(super) const PLAIN: u64 = 0;
pub(super) const UUID: u64 = 1;
pub(super) const DIGITS: u64 = 2;
/// Says with the length 0 that there is no text; else which of the known ones it is, counted from 1.
pub(super) const NONE: u64 = 3;
/// Lists statuses and names that most entities have: the first 31 take a byte. Items are packed by their places, so a
/// word may be added at the end, up to [`FIRST_REMEMBERED`] of them, and none may be moved or taken away.
pub(super) const WORDS: [&str; 28] = [
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
pub(super) const FIRST_REMEMBERED: usize = 64;
const _: () = assert!(WORDS.len() <= FIRST_REMEMBERED);
/// Bounds how many texts are remembered, so that looking for one in a list of thousands of others costs little.
const REMEMBERED: usize = 32;

/// Finds the number of a text that is a word, or was written before.
pub(super) fn index_of(text: &str, remembered: &[String]) -> Option<usize> {
    let word = WORDS.iter().position(|word| *word == text);
    let before = || remembered.iter().position(|before| before == text);
    word.or_else(|| Some(FIRST_REMEMBERED + before()?))
}

/// Finds the text of a number that [`index_of`] gave.
pub(super) fn text_of(index: usize, remembered: &[String]) -> Option<&str> {
    match index.checked_sub(FIRST_REMEMBERED) {
        Some(index) => remembered.get(index).map(String::as_str),
        None => WORDS.get(index).copied(),
    }
}

pub(super) fn remember(texts: &mut Vec<String>, text: &str) {
    if texts.len() < REMEMBERED {
        texts.push(text.to_owned());
    }
}

/// Reads the bytes of a UUID that is written as Upvest writes them: small letters, with hyphens.
pub(super) fn uuid_bytes(text: &str) -> Option<[u8; 16]> {
    let bytes = text.as_bytes();
    let is_hyphen = |index: usize| matches!(index, 8 | 13 | 18 | 23);
    if bytes.len() != 36 || (0..36).any(|index| is_hyphen(index) != (bytes[index] == b'-')) {
        return None;
    }
    let mut digits = bytes.iter().filter(|byte| **byte != b'-').map(|byte| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        // Small letters alone: what was packed has to come back as it was written.
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    });
    let mut uuid = [0; 16];
    for byte in &mut uuid {
        *byte = digits.next()?? << 4 | digits.next()??;
    }
    Some(uuid)
}

pub(super) fn uuid_text(bytes: &[u8]) -> String {
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
pub(super) fn decimal_halves(text: &str) -> Option<Vec<u8>> {
    let half = |byte: u8| DECIMAL.iter().position(|known| *known == byte);
    let halves: Option<Vec<u8>> = text
        .bytes()
        .map(|byte| half(byte).and_then(|half| half.try_into().ok()))
        .collect();
    halves.filter(|halves| !halves.is_empty())
}

pub(super) fn decimal_text(bytes: &[u8], length: usize) -> Result<String, PackingError> {
    let halves = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]).take(length);
    let character = |half: u8| DECIMAL.get(usize::from(half)).map(|byte| char::from(*byte));
    halves.map(|half| character(half).ok_or(PackingError)).collect()
}
