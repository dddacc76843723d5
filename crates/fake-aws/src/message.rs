//! SQS messages: what SQS accepts in one, and the digests it gives back.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use md5::{Digest, Md5};
use serde::{Deserialize, Serialize};

use crate::s3::hex;

/// Bounds the bytes of a message, and of all messages of a batch together: bodies, attribute names, types and
/// values. It is SQS's quota of 1 MiB.
pub(crate) const MAX_BYTES: usize = 1024 * 1024;

const MAX_ATTRIBUTES: usize = 10;

/// Holds a message attribute, as the JSON protocol carries it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct MessageAttribute {
    /// Names the type: `String`, `Number` or `Binary`, with an optional label after a dot.
    pub data_type: String,
    /// Holds the value of a string or a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub string_value: Option<String>,
    /// Holds the value of a binary attribute, in base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub binary_value: Option<String>,
}

impl MessageAttribute {
    /// Decodes a binary value; `None` for a string or a number.
    pub fn bytes(&self) -> Option<Vec<u8>> {
        BASE64_STANDARD.decode(self.binary_value.as_ref()?).ok()
    }

    fn value(&self) -> Vec<u8> {
        self.bytes()
            .or_else(|| Some(self.string_value.clone()?.into_bytes()))
            .unwrap_or_default()
    }
}

/// Holds what a sender hands in: the members that `SendMessage` and an entry of `SendMessageBatch` share.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Submission {
    #[serde(default)]
    pub(crate) message_body: Option<String>,
    #[serde(default)]
    pub(crate) message_attributes: BTreeMap<String, MessageAttribute>,
    #[serde(default)]
    pub(crate) message_system_attributes: BTreeMap<String, MessageAttribute>,
    #[serde(default)]
    pub(crate) delay_seconds: Option<u64>,
    #[serde(default)]
    pub(crate) message_group_id: Option<String>,
    #[serde(default)]
    pub(crate) message_deduplication_id: Option<String>,
}

/// Describes an error of the SQS API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SqsError {
    pub(crate) code: &'static str,
    pub(crate) message: String,
}

impl SqsError {
    pub(crate) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }
}

impl Submission {
    pub(crate) fn body(&self) -> &str {
        self.message_body.as_deref().unwrap_or_default()
    }

    pub(crate) fn bytes(&self) -> usize {
        let attribute = |(name, attribute): (&String, &MessageAttribute)| {
            name.len() + attribute.data_type.len() + attribute.value().len()
        };
        self.body().len() + self.message_attributes.iter().map(attribute).sum::<usize>()
    }

    /// Refuses what SQS refuses in any queue.
    pub(crate) fn check(&self) -> Result<(), SqsError> {
        if self.body().is_empty() {
            return Err(SqsError::new(
                "MissingParameter",
                "The request must contain the parameter MessageBody.",
            ));
        }
        if self.bytes() > MAX_BYTES {
            return Err(SqsError::new(
                "InvalidParameterValue",
                format!(
                    "One or more parameters are invalid. Reason: Message must be shorter than {MAX_BYTES} bytes."
                ),
            ));
        }
        if let Some(refused) = self.body().chars().find(|character| !is_allowed(*character)) {
            return Err(SqsError::new(
                "InvalidMessageContents",
                format!(
                    "Invalid binary character '#x{:X}' was found in the message body.",
                    u32::from(refused)
                ),
            ));
        }
        if self.message_attributes.len() > MAX_ATTRIBUTES {
            let count = self.message_attributes.len();
            return Err(invalid(format!(
                "Number of message attributes [{count}] exceeds the allowed maximum [10]."
            )));
        }
        self.message_attributes
            .iter()
            .try_for_each(|(name, attribute)| check_attribute(name, attribute))
    }
}

fn check_attribute(name: &str, attribute: &MessageAttribute) -> Result<(), SqsError> {
    if !is_well_named(name) {
        return Err(invalid(format!(
            "Message (user) attribute name '{name}' is invalid."
        )));
    }
    let kind = attribute.data_type.split('.').next().unwrap_or_default();
    let value = attribute.string_value.as_deref().unwrap_or_default();
    let filled = match kind {
        "String" | "Number" => !value.is_empty(),
        "Binary" => attribute.bytes().is_some_and(|value| !value.is_empty()),
        other => {
            let message = format!("The type of message (user) attribute '{name}' is invalid: '{other}'.");
            return Err(invalid(message));
        }
    };
    if !filled {
        return Err(invalid(format!(
            "Message (user) attribute '{name}' must contain a non-empty {kind} value."
        )));
    }
    if !value.chars().all(is_allowed) || (kind == "Number" && value.parse::<f64>().is_err()) {
        return Err(invalid(format!(
            "The value of message (user) attribute '{name}' is invalid."
        )));
    }
    Ok(())
}

fn is_well_named(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    (1..=256).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
        && !(name.starts_with('.') || name.ends_with('.') || name.contains(".."))
        && !(lower.starts_with("aws.") || lower.starts_with("amazon."))
}

pub(crate) fn invalid(message: impl Into<String>) -> SqsError {
    SqsError::new("InvalidParameterValue", message)
}

/// Tells whether a message may hold a character: `SendMessage` in the SQS API reference lists them.
fn is_allowed(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\r' | '\u{20}'..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..)
}

/// Computes the MD5 of a body, in hex.
pub(crate) fn md5_of_body(body: &str) -> String {
    hex(&Md5::digest(body.as_bytes()))
}

/// Computes the MD5 of attributes, in hex, as the SQS developer guide defines it; `None` without attributes.
pub(crate) fn md5_of_attributes(attributes: &BTreeMap<String, MessageAttribute>) -> Option<String> {
    if attributes.is_empty() {
        return None;
    }
    let sized = |bytes: &[u8]| [&(bytes.len() as u32).to_be_bytes(), bytes].concat();
    let mut encoded = Vec::new();
    for (name, attribute) in attributes {
        let transport_type = if attribute.binary_value.is_some() { 2 } else { 1 };
        encoded.extend(sized(name.as_bytes()));
        encoded.extend(sized(attribute.data_type.as_bytes()));
        encoded.push(transport_type);
        encoded.extend(sized(&attribute.value()));
    }
    Some(hex(&Md5::digest(&encoded)))
}

pub(crate) fn unfit_for_queue(parameter: &str) -> SqsError {
    invalid(format!(
        "The request includes parameter {parameter} that is not valid for this queue type."
    ))
}

/// Accepts 1 to 128 letters, digits and punctuation marks of ASCII.
pub(crate) fn check_fifo_id(name: &str, id: &str) -> Result<(), SqsError> {
    let well_formed = (1..=128).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic());
    if well_formed {
        Ok(())
    } else {
        Err(invalid(format!("Value for parameter {name} is invalid.")))
    }
}

pub(crate) fn expired(handle: &str) -> SqsError {
    invalid(format!(
        "Value {handle} for parameter ReceiptHandle is invalid. Reason: The receipt handle has expired."
    ))
}

#[cfg(test)]
mod tests {
    use super::{MessageAttribute, Submission, md5_of_attributes, md5_of_body};

    fn submission(body: &str) -> Submission {
        Submission {
            message_body: Some(body.to_owned()),
            ..Submission::default()
        }
    }

    fn with_attribute(name: &str, data_type: &str, value: &str) -> Submission {
        let attribute = MessageAttribute {
            data_type: data_type.to_owned(),
            string_value: Some(value.to_owned()),
            binary_value: None,
        };
        Submission {
            message_attributes: [(name.to_owned(), attribute)].into(),
            ..submission("body")
        }
    }

    #[test]
    fn control_characters_and_noncharacters_are_refused() {
        for refused in ["\0", "\u{1}", "\u{b}", "\u{1f}", "\u{fffe}", "\u{ffff}"] {
            assert_eq!(
                submission(refused).check().unwrap_err().code,
                "InvalidMessageContents"
            );
            assert!(with_attribute("name", "String", refused).check().is_err());
        }
        submission("\t\n\r ~\u{7f}\u{d7ff}\u{e000}\u{fffd}\u{10000}\u{10ffff}")
            .check()
            .unwrap();
    }

    #[test]
    fn attributes_count_towards_the_limit_of_a_message() {
        let mut full = with_attribute("name", "String", "value");
        let attribute = "name".len() + "String".len() + "value".len();
        full.message_body = Some("x".repeat(super::MAX_BYTES - attribute));
        full.check().unwrap();
        full.message_body = Some("x".repeat(super::MAX_BYTES - attribute + 1));
        assert_eq!(full.check().unwrap_err().code, "InvalidParameterValue");
    }

    #[test]
    fn empty_values_reserved_names_and_unknown_types_are_refused() {
        for (name, data_type, value) in [
            ("name", "String", ""),
            ("AWS.name", "String", "value"),
            (".name", "String", "value"),
            ("na me", "String", "value"),
            ("name", "Text", "value"),
            ("name", "Number", "one"),
        ] {
            assert!(
                with_attribute(name, data_type, value).check().is_err(),
                "{name} {data_type} {value}"
            );
        }
        with_attribute("name", "String.label", "value").check().unwrap();
    }

    #[test]
    fn digests_are_those_of_the_guide() {
        assert_eq!(
            md5_of_body("This is a test message"),
            "fafb00f5732ab283681e124bf8747ed1"
        );
        assert_eq!(md5_of_attributes(&std::collections::BTreeMap::new()), None);
    }
}
