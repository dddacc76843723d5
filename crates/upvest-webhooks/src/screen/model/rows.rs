//! Selects the rows that are shown: those that pass the filter.

use operator::watch::{Outcome, WatchedDelivery, WatchedEvent};

use super::{App, Row};

impl App {
    /// Lists the rows that pass the filter, oldest first.
    pub(in crate::screen) fn rows(&self) -> Vec<Row> {
        let end = self.paused_at.unwrap_or(self.next_number);
        let filter = self.filter.value().to_lowercase();
        let mut rows = Vec::new();
        for (number, delivery) in self.deliveries.iter().take_while(|(number, _)| *number < end) {
            if self.setting.quarantine_only && delivery.result == Outcome::Verified {
                continue;
            }
            let whole = delivery_matches(delivery, &filter);
            let events = delivery.events.iter().enumerate();
            let events: Vec<usize> = events
                .filter(|(_, event)| whole || event_matches(event, &filter))
                .map(|(index, _)| index)
                .collect();
            if !whole && events.is_empty() {
                continue;
            }
            let row = |event| Row {
                delivery: *number,
                event,
            };
            rows.push(row(None));
            rows.extend(events.into_iter().map(|index| row(Some(index))));
        }
        rows
    }

    /// Tells whether the states of entities were asked for, as the events that came show.
    pub(in crate::screen) fn shows_states(&self) -> bool {
        let mut events = self.deliveries.iter().flat_map(|(_, delivery)| &delivery.events);
        events.any(|event| event.state.is_some())
    }
}

/// Tells whether the delivery itself has the text, which is in lower case.
fn delivery_matches(delivery: &WatchedDelivery, text: &str) -> bool {
    let own = [
        Some(&delivery.delivery_id),
        delivery.reason.as_ref(),
        delivery.source_address.as_ref(),
        delivery.key_id.as_ref(),
        delivery.out_of_time.as_ref(),
    ];
    let own = own.into_iter().flatten().map(String::as_str);
    has(own.chain([delivery.result.name()]), text)
}

/// Tells whether the event has the text, which is in lower case.
fn event_matches(event: &WatchedEvent, text: &str) -> bool {
    let status = event.state.as_ref().and_then(|state| state.status.as_ref());
    let own = [
        Some(&event.r#type),
        Some(&event.event_id),
        event.entity.as_ref(),
        status,
    ];
    has(own.into_iter().flatten().map(String::as_str), text)
}

fn has<'t>(mut own: impl Iterator<Item = &'t str>, text: &str) -> bool {
    own.any(|own| own.to_lowercase().contains(text))
}
