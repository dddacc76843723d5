//! What ingest answers to a delivery that it took.

use serde::Deserialize;
use uuid::Uuid;

/// Holds the body of ingest's answer, which names the delivery that it took.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Accepted {
    /// Names the delivery by the id that the receiver gave it.
    pub(crate) delivery_id: Uuid,
}

impl Accepted {
    /// Reads the body of an answer; `None` where it is none of a receiver's.
    pub(crate) fn of(body: &str) -> Option<Self> {
        serde_json::from_str(body).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_names_no_delivery_is_none_of_a_receivers() {
        let id = "019b76da-a87b-7def-8123-456789abcdef";
        let accepted = Accepted::of(&format!(r#"{{"delivery_id":"{id}"}}"#)).unwrap();
        assert_eq!(accepted.delivery_id.to_string(), id);
        for other in ["", "ok", "{}", r#"{"delivery_id":"42"}"#] {
            assert_eq!(Accepted::of(other), None, "{other}");
        }
    }
}
