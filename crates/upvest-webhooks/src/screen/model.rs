//! What the screen knows: the deliveries, which of them are shown, and which one is selected.

mod keys;
mod panes;
mod posts;
mod rows;

use std::collections::VecDeque;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use operator::listen::Form;
use operator::watch::{Outcome, Update, WatchedDelivery, WatchedEvent};
use tui_input::Input;

pub(super) use self::panes::{Explained, Object};
pub(crate) use self::posts::Posting;
pub(super) use self::posts::Posts;

/// Bounds the rows that are kept. Older ones are left to the archive.
const MAX_ROWS: usize = 5_000;
/// Says over which time rates are counted.
const RATE_TIME: Duration = Duration::from_secs(60);
/// Says how many rows a page moves.
const PAGE: u16 = 10;

/// Names what is in a row: a delivery by its number, or an event of it by its index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Row {
    pub(super) delivery: u64,
    pub(super) event: Option<usize>,
}

/// Says what is to be done after a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Command {
    /// Nothing is to be done but to draw.
    Draw,
    /// The operator leaves, so that the screen is closed.
    Quit,
    /// The object is to be read of the event at a position in the batch of an archived delivery.
    Read { archived_at: String, position: usize },
    /// The entity, event or delivery is to be explained.
    Explain { subject: String },
    /// The text is to be put into the clipboard of the terminal.
    Copy { text: String },
    /// What is in these rows is to be posted again.
    Post { rows: Vec<Row> },
}

/// Tells what the screen has to know.
#[derive(Debug)]
pub(crate) enum News {
    /// The feed tells of a delivery, or whether the archive can be read.
    Seen(Update),
    /// Something became of an event that was to be posted; of the whole delivery, where no event is named.
    Posting {
        delivery_id: String,
        event_id: Option<String>,
        posting: Posting,
    },
}

/// Says where the screen is, and what it is for.
#[derive(Debug)]
pub(crate) struct Setting {
    pub(crate) title: String,
    /// Tells whether only what is in quarantine is shown, which a key changes.
    pub(crate) quarantine_only: bool,
    /// Tells what is posted of each delivery; `None` where nothing is.
    pub(crate) form: Option<Form>,
    /// Says whose clock times are told by.
    pub(crate) zone: TimeZone,
    pub(crate) has_colours: bool,
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
    pub(super) setting: Setting,
    deliveries: VecDeque<(u64, WatchedDelivery)>,
    next_number: u64,
    rows_kept: usize,
    arrivals: VecDeque<(Timestamp, Rates)>,
    pub(super) filter: Input,
    /// Tells whether keys go to the filter.
    pub(super) editing: bool,
    /// Says how far the explanation of the keys is scrolled, while it is shown.
    pub(super) help: Option<u16>,
    /// Holds the explanation that is shown in place of the list.
    pub(super) explained: Option<Explained>,
    /// Answers the last key in words, such as what was copied, until another key is pressed.
    pub(super) notice: Option<String>,
    /// Numbers the first delivery that is not shown, while it is paused.
    paused_at: Option<u64>,
    pub(super) selected: Option<Row>,
    /// Tells whether the newest row is selected whenever one comes.
    pub(super) following: bool,
    pub(super) details: bool,
    pub(super) details_offset: u16,
    pub(super) object: Object,
    /// Keeps what became of what was posted; `None` where nothing is.
    pub(super) posts: Option<Posts>,
    pub(super) trouble: Option<String>,
    /// Tells whether the archive was looked through at least once.
    pub(super) has_looked: bool,
}

impl App {
    pub(crate) fn new(setting: Setting) -> Self {
        Self {
            posts: setting.form.map(Posts::new),
            setting,
            deliveries: VecDeque::new(),
            next_number: 0,
            rows_kept: 0,
            arrivals: VecDeque::new(),
            filter: Input::default(),
            editing: false,
            help: None,
            explained: None,
            notice: None,
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

    /// Takes in what there is to know.
    pub(crate) fn take(&mut self, news: News) {
        match news {
            News::Seen(Update::Delivery(delivery)) => self.add(*delivery),
            News::Seen(Update::CaughtUp) => {
                self.has_looked = true;
                self.trouble = None;
            }
            News::Seen(Update::Trouble { why, retry_in }) => {
                self.trouble = Some(format!("trying again in {} s: {why}", retry_in.as_secs_f32()));
            }
            News::Posting {
                delivery_id,
                event_id,
                posting,
            } => self.take_posting(&delivery_id, event_id.as_deref(), posting),
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
        // The last one stays, however large: a delivery may have more events than the bound.
        while self.rows_kept > MAX_ROWS && self.deliveries.len() > 1 {
            if let Some((number, oldest)) = self.deliveries.pop_front() {
                self.rows_kept -= 1 + oldest.events.len();
                if let Some(posts) = &mut self.posts {
                    posts.forget_before(number + 1);
                }
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
        // `by > 0`: in a list of one row, whoever moves up is at the last one as well.
        self.following = to == last && by > 0;
        self.select(rows.get(to).copied());
    }
}
