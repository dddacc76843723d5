//! Which events had no time of their own that could be believed.

use std::collections::BTreeMap;

use super::{EventLog, attributes};
use crate::error::AwsError;
use crate::stores::item::{Item, text, text_of};

/// Holds what a page of the table says of time flags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeFlags {
    /// Counts events by their flag, for example `object-updated-at`, and their type.
    pub flagged: BTreeMap<(String, String), u64>,
    /// Counts the events that were looked at.
    pub events: u64,
    /// Gives the key of the event after which the next page begins; `None` when this was the last.
    pub next: Option<String>,
}

impl EventLog {
    /// Looks through a page of the table (1 MB of it), in no order, after one of the events.
    ///
    /// # Errors
    ///
    /// [`AwsError`] when it cannot be read.
    pub async fn time_flags(&self, after: Option<String>) -> Result<TimeFlags, AwsError> {
        let scan = self
            .client
            .scan()
            .table_name(&self.table)
            .projection_expression("time_flag,#type")
            .filter_expression("attribute_exists(time_flag)")
            .expression_attribute_names("#type", attributes::EVENT_TYPE)
            .set_exclusive_start_key(
                after.map(|key| Item::from([(attributes::EVENT_ID.to_owned(), text(key))])),
            );
        let page = scan
            .send()
            .await
            .map_err(AwsError::of("Scan of the events table"))?;
        let mut flagged = BTreeMap::new();
        for item in page.items() {
            let of = |attribute| text_of(item, attribute).unwrap_or_default().to_owned();
            *flagged
                .entry((of(attributes::TIME_FLAG), of(attributes::EVENT_TYPE)))
                .or_default() += 1;
        }
        Ok(TimeFlags {
            flagged,
            events: u64::try_from(page.scanned_count()).unwrap_or(0),
            next: page
                .last_evaluated_key()
                .and_then(|key| text_of(key, attributes::EVENT_ID).map(str::to_owned)),
        })
    }
}
