//! Writing bytes into a queue that takes only text.
//!
//! SQS takes UTF-8 without most control characters, at least one character, and at most 1 MiB for body and attributes
//! together. Whatever fits goes verbatim, so that a message can be read as it is; anything else is encoded.

use std::borrow::Cow;
use std::fmt;
use std::io::{Read, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use upvest::delivery::MAX_BODY_BYTES;

/// Bounds the bytes that a message's body and attributes may have together: SQS's quota of 1 MiB.
pub const MAX_MESSAGE_BYTES: usize = 1_048_576;

/// Says how the bytes are written in the message body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// The body is the bytes as they are, which are text that SQS takes.
    Verbatim,
    /// The body is a placeholder, because there are no bytes and SQS takes no empty body.
    Empty,
    /// The body is the bytes in base64, because SQS would not take them as they are.
    Base64,
    /// The body is the bytes deflated (RFC 1951) and in base64, because they would not fit otherwise.
    DeflateBase64,
}

/// Holds bytes as a message body, with what is needed to read them back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded<'b> {
    /// Says how the bytes are written, for the message attribute `encoding`.
    pub encoding: Encoding,
    /// Holds the message body, which borrows the bytes where they go verbatim.
    pub text: Cow<'b, str>,
}

/// Says that bytes do not fit into a message, even compressed. Ingest refuses such a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("does not fit into a message of {MAX_MESSAGE_BYTES} bytes, even compressed")]
pub struct EncodeError;

/// Says why a message body does not hold what its encoding says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The encoding is not one of ours.
    #[error("encoding is unknown")]
    UnknownEncoding,
    /// The body is not base64 (RFC 4648, with padding).
    #[error("body is not base64")]
    NotBase64,
    /// The body does not inflate, or to more than can have been received.
    #[error("body does not inflate to at most {MAX_BODY_BYTES} bytes")]
    NotDeflated,
}

impl Encoding {
    /// Gives the value of the message attribute `encoding`, which a verbatim body does not have.
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        match self {
            Self::Verbatim => None,
            Self::Empty => Some("empty"),
            Self::Base64 => Some("base64"),
            Self::DeflateBase64 => Some("deflate-base64"),
        }
    }

    /// Finds the encoding that the message attribute names; without the attribute the body is verbatim.
    ///
    /// # Errors
    ///
    /// [`DecodeError::UnknownEncoding`].
    pub fn from_name(name: Option<&str>) -> Result<Self, DecodeError> {
        [Self::Verbatim, Self::Empty, Self::Base64, Self::DeflateBase64]
            .into_iter()
            .find(|encoding| encoding.name() == name)
            .ok_or(DecodeError::UnknownEncoding)
    }
}

/// Writes `bytes` as a message body of at most `room` bytes.
///
/// ```
/// use pipeline::envelope::encoding::{Encoding, decode, encode};
///
/// // Text goes as it is; what SQS would not take goes in base64; both come back byte for byte.
/// let json = encode(br#"{"payload":[]}"#, 100)?;
/// assert_eq!((json.encoding, &*json.text), (Encoding::Verbatim, r#"{"payload":[]}"#));
///
/// let binary = encode(&[0, 159, 146, 150], 100)?;
/// assert_eq!(binary.encoding.name(), Some("base64"));
/// assert_eq!(decode(Encoding::from_name(Some("base64"))?, binary.text.into_owned())?, [0, 159, 146, 150]);
///
/// // What fits in no form is refused, which is the one content that ingest answers with 413.
/// assert!(encode(&[0; 10_000], 4).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// [`EncodeError`] when no encoding fits.
pub fn encode(bytes: &[u8], room: usize) -> Result<Encoded<'_>, EncodeError> {
    // Every encoding takes a character.
    if room == 0 {
        return Err(EncodeError);
    }
    if bytes.is_empty() {
        return Ok(Encoded {
            encoding: Encoding::Empty,
            text: Cow::Borrowed("-"),
        });
    }
    if bytes.len() <= room
        && let Ok(text) = std::str::from_utf8(bytes)
        && is_taken(text)
    {
        return Ok(Encoded {
            encoding: Encoding::Verbatim,
            text: Cow::Borrowed(text),
        });
    }
    // Base64 takes four characters for three bytes: the length is known before anything is written.
    if bytes.len().div_ceil(3) * 4 <= room {
        return Ok(Encoded {
            encoding: Encoding::Base64,
            text: Cow::Owned(STANDARD.encode(bytes)),
        });
    }
    let text = STANDARD.encode(deflate(bytes));
    if text.len() > room {
        return Err(EncodeError);
    }
    Ok(Encoded {
        encoding: Encoding::DeflateBase64,
        text: Cow::Owned(text),
    })
}

/// Reads the bytes back, exactly as they were.
///
/// # Errors
///
/// [`DecodeError`] when the text is not what the encoding says.
pub fn decode(encoding: Encoding, text: String) -> Result<Vec<u8>, DecodeError> {
    match encoding {
        Encoding::Verbatim => Ok(text.into_bytes()),
        Encoding::Empty => Ok(Vec::new()),
        Encoding::Base64 => STANDARD.decode(text).map_err(|_| DecodeError::NotBase64),
        Encoding::DeflateBase64 => {
            let deflated = STANDARD.decode(text).map_err(|_| DecodeError::NotBase64)?;
            let mut bytes = Vec::new();
            // One byte more than is allowed is enough to tell that there is too much: a small message cannot fill the
            // memory.
            let most = MAX_BODY_BYTES as u64 + 1;
            DeflateDecoder::new(&*deflated)
                .take(most)
                .read_to_end(&mut bytes)
                .map_err(|_| DecodeError::NotDeflated)?;
            if bytes.len() > MAX_BODY_BYTES {
                Err(DecodeError::NotDeflated)
            } else {
                Ok(bytes)
            }
        }
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name().unwrap_or("verbatim"))
    }
}

fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
    let written = encoder.write_all(bytes).and_then(|()| encoder.finish());
    written.expect("a vector takes every byte")
}

/// Tells whether SQS takes a text as it is.
fn is_taken(text: &str) -> bool {
    // Whole bodies are looked at, so by their bytes, many at a time: only the first byte of what lies above U+F000 needs a look at
    // the character.
    let is_doubtful = |byte: u8| (byte < b' ' && !b"\t\n\r".contains(&byte)) || byte == 0xef;
    let has_doubtful = text.bytes().fold(false, |found, byte| found | is_doubtful(byte));
    !has_doubtful || text.chars().all(is_allowed)
}

/// Tells whether SQS accepts a character in a message (`SendMessage`, "Valid Characters").
fn is_allowed(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn there_and_back(bytes: &[u8], room: usize) -> Encoding {
        let carried = encode(bytes, room).unwrap();
        assert!(carried.text.len() <= room && !carried.text.is_empty());
        let encoding = Encoding::from_name(carried.encoding.name()).unwrap();
        assert_eq!(decode(encoding, carried.text.into_owned()).unwrap(), bytes);
        encoding
    }

    #[test]
    fn what_sqs_takes_goes_verbatim() {
        assert_eq!(
            there_and_back("{\"name\":\"Zoë 💶\"}\r\n\t".as_bytes(), 100),
            Encoding::Verbatim
        );
    }

    #[test]
    fn a_text_is_taken_when_each_of_its_characters_is() {
        for c in '\0'..=char::MAX {
            assert_eq!(is_taken(&format!("a{c}b")), is_allowed(c), "{c:?}");
        }
    }

    #[test]
    fn what_sqs_would_refuse_or_change_is_encoded() {
        for bytes in [&b"a\0b"[..], b"\xff\xfe", "\u{fffe}".as_bytes(), b"\x1b[0m"] {
            assert_eq!(there_and_back(bytes, 100), Encoding::Base64);
        }
        assert_eq!(there_and_back(b"", 100), Encoding::Empty);
    }

    #[test]
    fn what_does_not_fit_is_compressed_or_refused() {
        let long = vec![b'a'; 5_000];
        assert_eq!(there_and_back(&long, 1_000), Encoding::DeflateBase64);
        assert_eq!(
            there_and_back(&vec![0; MAX_BODY_BYTES], MAX_MESSAGE_BYTES),
            Encoding::DeflateBase64
        );
        assert_eq!(encode(&long, 10), Err(EncodeError));
        assert_eq!(
            encode(b"", 0),
            Err(EncodeError),
            "its placeholder does not fit either"
        );
    }

    #[test]
    fn a_bomb_does_not_inflate() {
        let bomb = STANDARD.encode(deflate(&vec![0; MAX_BODY_BYTES + 1]));
        assert_eq!(
            decode(Encoding::DeflateBase64, bomb),
            Err(DecodeError::NotDeflated)
        );
        assert_eq!(
            decode(Encoding::Base64, "?".to_owned()),
            Err(DecodeError::NotBase64)
        );
        assert_eq!(
            Encoding::from_name(Some("zip")),
            Err(DecodeError::UnknownEncoding)
        );
    }
}
