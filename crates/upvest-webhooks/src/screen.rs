//! The screen of deliveries and their events: what it knows, how it looks, and the terminal that it is on.
//!
//! [`App`] is the state, which keys and news change and nothing else; the view draws it; the edge alone knows the terminal, and
//! reads what keys ask for.

mod event_loop;
mod model;
mod view;

pub(crate) use self::event_loop::{Desk, run};
#[cfg(test)]
pub(crate) use self::model::Command;
pub(crate) use self::model::{App, News, Posting, Setting};
pub(crate) use self::view::state_text;
