//! Reads the events that were received in a range of time, from the whole log: no index is by time.

use std::ops::Range;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::item::{LogError, LoggedEvent};
use super::{EventLog, attributes};
use crate::error::AwsError;
use crate::stores::item::{Item, take_text, text};

impl EventLog {
    /// Reads events received in a range of time, without their objects and in no order, from the key `after` on; and
    /// where those that follow begin. It reads the whole log: there is no index by time.
    ///
    /// # Errors
    ///
    /// [`LogError`] when they cannot be read.
    pub async fn received(
        &self,
        received: &Range<Timestamp>,
        after: Option<String>,
    ) -> Result<(Vec<LoggedEvent>, Option<String>), LogError> {
        let [from, to] = whole_seconds(received);
        let page = self
            .client
            .scan()
            .table_name(&self.table)
            .projection_expression(
                "event_id,#type,#aggregate,occurred,delivery_id,received_at,sha256,archived_at,time_flag",
            )
            .filter_expression("received_at >= :from AND received_at < :to")
            // Reserved words of DynamoDB.
            .expression_attribute_names("#type", attributes::EVENT_TYPE)
            .expression_attribute_names("#aggregate", attributes::AGGREGATE)
            .expression_attribute_values(":from", text(from))
            .expression_attribute_values(":to", text(to))
            .consistent_read(true)
            .set_exclusive_start_key(
                after.map(|key| Item::from([(attributes::EVENT_ID.to_owned(), text(key))])),
            )
            .send()
            .await
            .map_err(AwsError::of("Scan of the events table"))?;
        let events = page
            .items
            .unwrap_or_default()
            .into_iter()
            .map(LoggedEvent::from_item);
        let is_within = |event: &Result<LoggedEvent, LogError>| match event {
            Ok(event) => received.contains(&event.received_at),
            // An item that cannot be read must not look like one that is not there.
            Err(_) => true,
        };
        Ok((
            events.filter(is_within).collect::<Result<_, _>>()?,
            page.last_evaluated_key
                .and_then(|mut key| take_text(&mut key, attributes::EVENT_ID)),
        ))
    }
}

/// Writes the whole seconds around a range, so that times can be compared as texts whatever fraction they have.
fn whole_seconds(range: &Range<Timestamp>) -> [String; 2] {
    let second = |at: Timestamp| {
        let second = at.to_zoned(TimeZone::UTC);
        second.strftime("%Y-%m-%dT%H:%M:%S").to_string()
    };
    let after_the_end = range.end.saturating_add(SignedDuration::from_secs(1));
    [
        second(range.start),
        second(after_the_end.unwrap_or(Timestamp::MAX)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_any_fraction_lie_within_the_seconds_around_a_range() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let range = at("2026-01-05T09:30:00.5Z")..at("2026-01-05T09:30:01.25Z");
        let [from, to] = whole_seconds(&range);
        for inside in ["09:30:00.5Z", "09:30:01Z", "09:30:01.249999999Z"] {
            let text = at(&format!("2026-01-05T{inside}")).to_string();
            assert!(text >= from && text < to, "{text}");
        }
        for outside in ["09:29:59.999Z", "09:30:02Z", "09:30:02.001Z"] {
            let text = at(&format!("2026-01-05T{outside}")).to_string();
            assert!(text < from || text >= to, "{text}");
        }
    }
}
