//! Keeps what became of what was posted, row by row, and posts it again on request.

use std::collections::BTreeMap;
use std::mem;

use operator::listen::{Form, Post};
use operator::watch::WatchedDelivery;

use super::{App, Command, Row};

/// Answers who wants something posted where nothing is.
const NOT_POSTING: &str = "nothing is posted here: upvest-webhooks listen --forward-to URL posts events";

/// Says what became of an event, or a delivery, that was to be posted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Posting {
    /// It is being posted, or waits for that.
    Begun,
    /// The program answered, or did not.
    Answered(Post),
    /// The event was verified, and no time line has it.
    Missing,
    /// Nothing is published of it: it came before, in another delivery, or nobody is told of its kind.
    Nothing,
}

/// Counts what was posted, by whether the program took it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) taken: u64,
    /// Counts what the program did not take, as far as is known: what it has not answered is among that.
    pub(crate) not_taken: u64,
}

/// Keeps what became of what was posted.
#[derive(Debug)]
pub(in crate::screen) struct Posts {
    form: Form,
    by_row: BTreeMap<Row, Posting>,
    /// Counts what is not kept any longer.
    forgotten: Tally,
}

impl Tally {
    fn add(&mut self, posting: &Posting) {
        match posting {
            Posting::Answered(post) if post.is_taken() => self.taken += 1,
            Posting::Answered(_) | Posting::Begun => self.not_taken += 1,
            Posting::Missing | Posting::Nothing => {}
        }
    }
}

impl Posts {
    pub(super) fn new(form: Form) -> Self {
        Self {
            form,
            by_row: BTreeMap::new(),
            forgotten: Tally::default(),
        }
    }

    /// Tells what became of what is in a row.
    pub(in crate::screen) fn of(&self, row: Row) -> Option<&Posting> {
        self.by_row.get(&row)
    }

    /// Forgets all about the deliveries before one, but how many were taken.
    pub(super) fn forget_before(&mut self, number: u64) {
        let first = Row {
            delivery: number,
            event: None,
        };
        let kept = self.by_row.split_off(&first);
        for posting in mem::replace(&mut self.by_row, kept).values() {
            self.forgotten.add(posting);
        }
    }

    fn tally(&self) -> Tally {
        let mut tally = self.forgotten;
        self.by_row.values().for_each(|posting| tally.add(posting));
        tally
    }

    /// Lists the rows whose contents the program did not take.
    fn not_taken(&self) -> Vec<Row> {
        let is_refused = |posting: &Posting| matches!(posting, Posting::Answered(post) if !post.is_taken());
        let refused = self.by_row.iter().filter(|(_, posting)| is_refused(posting));
        refused.map(|(row, _)| *row).collect()
    }
}

impl App {
    /// Counts what was posted so far.
    pub(crate) fn tally(&self) -> Tally {
        self.posts.as_ref().map(Posts::tally).unwrap_or_default()
    }

    /// Gives the delivery of a row with what is to be posted of it: the row's event alone, or all.
    pub(crate) fn order(&self, row: Row) -> Option<WatchedDelivery> {
        let mut delivery = self.delivery(row)?.clone();
        if let Some(event) = self.event(row) {
            delivery.events = vec![event.clone()];
        }
        Some(delivery)
    }

    pub(super) fn take_posting(&mut self, delivery_id: &str, event_id: Option<&str>, posting: Posting) {
        let Some(posts) = &mut self.posts else {
            return;
        };
        let found = self.deliveries.iter().rev().find_map(|(number, delivery)| {
            let event = match event_id {
                _ if delivery.delivery_id != delivery_id => return None,
                Some(id) => Some(delivery.events.iter().position(|event| event.event_id == id)?),
                None => None,
            };
            Some(Row {
                delivery: *number,
                event,
            })
        });
        match found {
            Some(row) => {
                posts.by_row.insert(row, posting);
            }
            // Its row made room for others while it was posted.
            None if matches!(posting, Posting::Answered(_)) => posts.forgotten.add(&posting),
            None => {}
        }
    }

    /// Asks for the selected event, or delivery, to be posted again.
    pub(super) fn post_selected(&mut self) -> Command {
        let Some(posts) = &self.posts else {
            self.notice = Some(NOT_POSTING.to_owned());
            return Command::Draw;
        };
        let rows = match (self.selected, posts.form) {
            (None, _) => Vec::new(),
            (Some(row), Form::Deliveries) => vec![Row { event: None, ..row }],
            (Some(row), Form::Changes) if row.event.is_some() => vec![row],
            (Some(row), Form::Changes) => {
                let events = self.delivery(row).map_or(0, |delivery| delivery.events.len());
                let event = |index| Row {
                    event: Some(index),
                    ..row
                };
                (0..events).map(event).collect()
            }
        };
        self.begin(rows)
    }

    /// Asks for all to be posted again that the program did not take.
    pub(super) fn post_not_taken(&mut self) -> Command {
        let rows = self.posts.as_ref().map(Posts::not_taken).unwrap_or_default();
        if rows.is_empty() {
            let nothing = match self.posts {
                Some(_) => "there is nothing that was not taken",
                None => NOT_POSTING,
            };
            self.notice = Some(nothing.to_owned());
        }
        self.begin(rows)
    }

    fn begin(&mut self, rows: Vec<Row>) -> Command {
        if let Some(posts) = &mut self.posts {
            // Noted at once: pressed again, `R` does not order a second time what waits to be posted.
            posts.by_row.extend(rows.iter().map(|row| (*row, Posting::Begun)));
        }
        match rows.is_empty() {
            true => Command::Draw,
            false => Command::Post { rows },
        }
    }
}
