//! Replies of the CBOR protocol, which CloudWatch speaks.

use serde_json::{Value, json};

use crate::reply::Reply;

/// Names the header that says so, with its value.
pub(crate) const HEADER: (&str, &str) = ("smithy-protocol", "rpc-v2-cbor");

/// Writes a reply of the CBOR protocol, which CloudWatch speaks.
pub(crate) fn reply(status: u16, value: &Value) -> Reply {
    let mut body = Vec::new();
    encode(value, &mut body);
    Reply {
        status,
        headers: vec![(HEADER.0.to_owned(), HEADER.1.to_owned())],
        ..Reply::ok(body)
    }
}

/// Encodes what the replies here are made of: texts, truths, lists and maps.
fn encode(value: &Value, body: &mut Vec<u8>) {
    let mut head = |major: u8, length: usize| {
        // 25 says that two bytes of length follow (RFC 8949, section 3), also where fewer would do.
        body.push((major << 5) | 25);
        body.extend(u16::try_from(length).expect("a short value").to_be_bytes());
    };
    match value {
        Value::Array(values) => {
            head(4, values.len());
            values.iter().for_each(|value| encode(value, body));
        }
        Value::Object(members) => {
            head(5, members.len());
            for (name, value) in members {
                encode(&json!(name), body);
                encode(value, body);
            }
        }
        // Of the simple values, 20 is false and 21 true (RFC 8949, section 3.3).
        Value::Bool(value) => body.push(0xf4 | u8::from(*value)),
        value => {
            let text = value.as_str().expect("a text");
            head(3, text.len());
            body.extend_from_slice(text.as_bytes());
        }
    }
}
