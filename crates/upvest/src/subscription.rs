//! Whose events these are: the subscription that an event says it was sent for.

use std::borrow::Cow;

use crate::event::Event;
use crate::json;

/// Flags a delivery, and in quarantine is the reason of an event, whose subscription is not ours.
pub const FOREIGN: &str = "foreign-subscription";

/// Names the member of an event that names the subscription.
pub(crate) const MEMBER: &str = "webhook_id";

impl Event<'_> {
    /// Lists the ids of the subscriptions that Upvest sent the event for. None where it names none in a text, which says
    /// nothing about whose it is.
    ///
    /// It should name one. Where it names several, readers of JSON would not agree on which counts; so each does, and an
    /// event that names one of somebody else's beside one of ours does not pass for ours alone.
    ///
    /// ```
    /// use upvest::Event;
    ///
    /// let event = r#"{"id":"e1","type":"USER.ACTIVE","webhook_id":"w1","object":{"id":"u1"}}"#;
    /// assert!(Event::parse(event)?.webhook_ids().eq(["w1"]));
    /// # Ok::<(), upvest::event::EventError>(())
    /// ```
    pub fn webhook_ids(&self) -> impl Iterator<Item = Cow<'_, str>> {
        let named = self
            .members()
            .members()
            .filter(|(name, _)| *name == MEMBER.as_bytes());
        named.filter_map(|(_, value)| json::text(value).filter(|id| !id.is_empty()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(members: &str) -> Vec<String> {
        let event = format!(r#"{{"id":"e","type":"ORDER.NEW","object":{{"webhook_id":"o"}}{members}}}"#);
        let event = Event::parse(&event).unwrap();
        event.webhook_ids().map(Cow::into_owned).collect()
    }

    #[test]
    fn the_subscription_is_what_the_event_says() {
        assert_eq!(ids(r#","webhook_id":"w""#), ["w"]);
        assert_eq!(ids(r#","webhook_id":"\u0077","other":"\ud800""#), ["w"]);
        for other in [
            "",
            r#","webhook_id":7"#,
            r#","webhook_id":"""#,
            r#","webhook_id":null"#,
            r#","webhook_id":"\ud800""#,
        ] {
            assert_eq!(ids(other), [""; 0], "{other}");
        }
    }

    #[test]
    fn of_several_subscriptions_each_counts() {
        assert_eq!(
            ids(r#","webhook_id":"ours","webhook_id":null,"webhook_id":"theirs""#),
            ["ours", "theirs"]
        );
    }
}
