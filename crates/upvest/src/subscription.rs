//! Whose events these are: the subscription that an event says it was sent for.

use std::borrow::Cow;

use serde::Deserialize;

/// Flags a delivery, and in quarantine is the reason of an event, whose subscription is not ours.
pub const FOREIGN: &str = "foreign-subscription";

#[derive(Deserialize)]
struct Named<'e> {
    #[serde(borrow)]
    webhook_id: Option<Cow<'e, str>>,
}

/// Reads the `webhook_id` of an event's JSON: the id of the subscription that Upvest sent it for. `None` where it names
/// none in a text, which says nothing about whose it is.
#[must_use]
pub fn webhook_id(event: &str) -> Option<Cow<'_, str>> {
    serde_json::from_str::<Named<'_>>(event)
        .ok()?
        .webhook_id
        .filter(|id| !id.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_subscription_is_what_the_event_says() {
        assert_eq!(webhook_id(r#"{"id":"e","webhook_id":"w"}"#).as_deref(), Some("w"));
        assert_eq!(webhook_id(r#"{"webhook_id":"\u0077"}"#).as_deref(), Some("w"));
        for other in [
            r#"{"id":"e"}"#,
            r#"{"webhook_id":7}"#,
            r#"{"webhook_id":""}"#,
            r#"{"webhook_id":null}"#,
            "[]",
        ] {
            assert_eq!(webhook_id(other), None, "{other}");
        }
    }
}
