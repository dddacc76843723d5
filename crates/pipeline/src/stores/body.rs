//! A body as the object of a bucket keeps it: JSON has no place for bytes.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

/// Holds a body in one of two members of an object, which is flattened into what the object is: as text, where JSON takes no more
/// room for it than base64, and any other in base64. So no body is kept at more than four thirds of its size.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct KeptBody {
    /// Holds it as text.
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    /// Holds it in base64, if it is no text, or JSON would make that larger.
    #[serde(skip_serializing_if = "Option::is_none")]
    body_base64: Option<String>,
}

impl KeptBody {
    /// Takes a body as it is to be kept.
    pub(super) fn of(body: &[u8]) -> Self {
        let text = std::str::from_utf8(body).ok();
        let text = text.filter(|text| json_length(text) <= text.len().div_ceil(3) * 4);
        Self {
            body: text.map(str::to_owned),
            body_base64: text.is_none().then(|| STANDARD.encode(body)),
        }
    }

    /// Gives the body as it was; an empty one where neither member is there.
    ///
    /// # Errors
    ///
    /// [`DecodeError`](base64::DecodeError) when what is kept as base64 is none.
    pub(super) fn into_bytes(self) -> Result<Vec<u8>, base64::DecodeError> {
        match (self.body, self.body_base64) {
            (Some(text), _) => Ok(text.into_bytes()),
            (None, Some(base64)) => STANDARD.decode(base64),
            (None, None) => Ok(Vec::new()),
        }
    }
}

/// Counts the bytes of a text in JSON, without its quotes: a control character takes six.
fn json_length(text: &str) -> usize {
    let more = |byte: u8| match byte {
        b'\n' | b'\r' | b'\t' | 0x08 | 0x0c => 1,
        0..0x20 => 5,
        _ => 0,
    };
    // In two goes, of which most texts need only the first: counting is done for many bytes at a time.
    let quoted = text.bytes().filter(|byte| matches!(byte, b'"' | b'\\')).count();
    let has_control = text.bytes().fold(false, |found, byte| found | (byte < b' '));
    let controls: usize = match has_control {
        true => text.bytes().map(more).sum(),
        false => 0,
    };
    text.len() + quoted + controls
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_takes_at_most_four_thirds_of_its_size_whatever_it_holds() {
        for byte in 0..=u8::MAX {
            let body = vec![byte; 3_000];
            let text = std::str::from_utf8(&body).ok();
            if let Some(text) = text {
                let json = serde_json::to_string(text).unwrap();
                assert_eq!(json_length(text), json.len() - 2, "{byte}");
            }
            let json = serde_json::to_vec(&KeptBody::of(&body)).unwrap();
            assert!(json.len() <= 4_000 + 20, "{byte}: {}", json.len());
        }
    }

    #[test]
    fn a_body_is_kept_as_text_or_in_base64_and_comes_back_byte_for_byte() {
        let controls = "\u{1}".repeat(3);
        let bodies: [(&[u8], &str); 4] = [
            (b"{\"payload\":[]}", r#"{"body":"{\"payload\":[]}"}"#),
            (b"", r#"{"body":""}"#),
            (b"\0\xff", r#"{"body_base64":"AP8="}"#),
            (controls.as_bytes(), r#"{"body_base64":"AQEB"}"#),
        ];
        for (body, kept) in bodies {
            assert_eq!(serde_json::to_string(&KeptBody::of(body)).unwrap(), kept);
            let read: KeptBody = serde_json::from_str(kept).unwrap();
            assert_eq!(read.into_bytes().unwrap(), body);
        }
        assert_eq!(KeptBody::default().into_bytes().unwrap(), b"");
    }
}
