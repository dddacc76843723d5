//! What the screen knows: the deliveries, which of them are shown, and which one is selected.

mod keys;

use std::collections::VecDeque;
use std::time::Duration;

use jiff::Timestamp;
use operator::watch::{Outcome, Update, WatchedDelivery, WatchedEvent};

/// Bounds the rows that are kept. Older ones are left to the archive.
const MAX_ROWS: usize = 5_000;
/// Says over which time rates are counted.
const RATE_TIME: Duration = Duration::from_secs(60);
/// Says how many rows a page moves.
const PAGE: isize = 10;

/// Names what is in a row: a delivery by its number, or an event of it by its index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Row {
    pub(super) delivery: u64,
    pub(super) event: Option<usize>,
}

/// Says what is to be done after a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Command {
    /// Nothing is to be done but to draw.
    Draw,
    /// The operator leaves, so that the screen is closed.
    Quit,
    /// The object is to be read of the event at a place of the batch of an archived delivery.
    Read { archived_at: String, place: usize },
}

/// Says how far the object of the selected event is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) enum Object {
    /// Nobody asked for the object, which may hold personal data.
    #[default]
    Hidden,
    /// The object was asked for, and is being read.
    Reading,
    /// The object is shown as it was delivered, indented.
    Shown(String),
    /// The object cannot be had, for this reason.
    Unreadable(String),
}

/// Counts what came in the last minute.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Rates {
    pub(super) deliveries: usize,
    pub(super) events: usize,
    pub(super) quarantined: usize,
}

/// Holds what the screen shows and where the operator is in it, without drawing.
#[derive(Debug)]
pub(crate) struct App {
    pub(super) title: String,
    deliveries: VecDeque<(u64, WatchedDelivery)>,
    next_number: u64,
    rows_kept: usize,
    arrivals: VecDeque<(Timestamp, Rates)>,
    pub(super) filter: String,
    /// Tells whether keys go to the filter.
    pub(super) editing: bool,
    pub(super) quarantine_only: bool,
    /// Numbers the first delivery that is not shown, while it is paused.
    paused_at: Option<u64>,
    pub(super) selected: Option<Row>,
    /// Tells whether the newest row is selected whenever one comes.
    pub(super) following: bool,
    pub(super) details: bool,
    pub(super) details_offset: u16,
    pub(super) object: Object,
    pub(super) trouble: Option<String>,
    /// Tells whether the archive was looked through at least once.
    pub(super) has_looked: bool,
}

impl App {
    pub(crate) fn new(title: String, quarantine_only: bool) -> Self {
        Self {
            title,
            deliveries: VecDeque::new(),
            next_number: 0,
            rows_kept: 0,
            arrivals: VecDeque::new(),
            filter: String::new(),
            editing: false,
            quarantine_only,
            paused_at: None,
            selected: None,
            following: true,
            details: false,
            details_offset: 0,
            object: Object::Hidden,
            trouble: None,
            has_looked: false,
        }
    }

    /// Takes in what the feed tells.
    pub(super) fn take(&mut self, update: Update) {
        match update {
            Update::Delivery(delivery) => self.add(*delivery),
            Update::CaughtUp => {
                self.has_looked = true;
                self.trouble = None;
            }
            Update::Trouble { why, retry_in } => {
                self.trouble = Some(format!("trying again in {} s: {why}", retry_in.as_secs_f32()));
            }
        }
    }

    fn add(&mut self, delivery: WatchedDelivery) {
        let is_quarantined = delivery.result != Outcome::Verified;
        let rates = Rates {
            deliveries: usize::from(!is_quarantined),
            events: if is_quarantined { 0 } else { delivery.events.len() },
            quarantined: usize::from(is_quarantined),
        };
        self.arrivals.push_back((delivery.received_at, rates));
        self.rows_kept += 1 + delivery.events.len();
        self.deliveries.push_back((self.next_number, delivery));
        self.next_number += 1;
        while self.rows_kept > MAX_ROWS && self.deliveries.len() > 1 {
            if let Some((_, oldest)) = self.deliveries.pop_front() {
                self.rows_kept -= 1 + oldest.events.len();
            }
        }
        self.settle();
    }

    /// Counts what was received within the last minute.
    pub(super) fn rates(&mut self, now: Timestamp) -> Rates {
        self.arrivals.retain(|(at, _)| *at + RATE_TIME > now);
        let sum = |sum: Rates, (_, rates): &(_, Rates)| Rates {
            deliveries: sum.deliveries + rates.deliveries,
            events: sum.events + rates.events,
            quarantined: sum.quarantined + rates.quarantined,
        };
        self.arrivals.iter().fold(Rates::default(), sum)
    }

    /// Counts the deliveries that are kept.
    pub(super) fn kept(&self) -> usize {
        self.deliveries.len()
    }

    /// Counts the deliveries that came since it was paused; `None` while it is not.
    pub(super) fn held_back(&self) -> Option<u64> {
        self.paused_at.map(|paused_at| self.next_number - paused_at)
    }

    /// Lists the rows that pass the filter, oldest first.
    pub(super) fn rows(&self) -> Vec<Row> {
        let end = self.paused_at.unwrap_or(self.next_number);
        let filter = self.filter.to_lowercase();
        let mut rows = Vec::new();
        for (number, delivery) in self.deliveries.iter().take_while(|(number, _)| *number < end) {
            if self.quarantine_only && delivery.result == Outcome::Verified {
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

    /// Finds the delivery of a row.
    pub(super) fn delivery(&self, row: Row) -> Option<&WatchedDelivery> {
        let at = self
            .deliveries
            .binary_search_by_key(&row.delivery, |(number, _)| *number)
            .ok()?;
        self.deliveries.get(at).map(|(_, delivery)| delivery)
    }

    /// Finds the event of a row, if it is one of an event.
    pub(super) fn event(&self, row: Row) -> Option<&WatchedEvent> {
        self.delivery(row)?.events.get(row.event?)
    }

    /// Sees to it that a row is selected that is there.
    fn settle(&mut self) {
        let rows = self.rows();
        let selected = match self.selected {
            Some(selected) if !self.following => {
                let at = rows.partition_point(|row| *row < selected);
                rows.get(at).or(rows.last()).copied()
            }
            _ => rows.last().copied(),
        };
        self.select(selected);
    }

    fn select(&mut self, row: Option<Row>) {
        if self.selected != row {
            self.selected = row;
            // What was asked for is one object, not those of whatever comes next.
            self.object = Object::Hidden;
            self.details_offset = 0;
        }
    }

    fn move_by(&mut self, by: isize) {
        let rows = self.rows();
        let at = self
            .selected
            .map_or(0, |selected| rows.partition_point(|row| *row < selected));
        let last = rows.len().saturating_sub(1);
        let to = at.saturating_add_signed(by).min(last);
        self.following = to == last && by > 0;
        self.select(rows.get(to).copied());
    }

    /// Shows the object that was read, if its event is still selected.
    pub(super) fn show_object(&mut self, read: Result<Option<String>, String>) {
        if self.object == Object::Reading {
            self.object = match read {
                Ok(Some(object)) => Object::Shown(object),
                Ok(None) => Object::Unreadable("the archived delivery is not there any more".to_owned()),
                Err(why) => Object::Unreadable(why),
            };
        }
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
