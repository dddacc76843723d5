//! The screen of deliveries and their events: what it knows, how it looks, and the terminal that it is on.
//!
//! [`App`] is the state, which keys and news change and nothing else; the view draws it; the edge alone knows the terminal.

mod edge;
mod model;
mod view;

pub(crate) use self::edge::run;
pub(crate) use self::model::App;
pub(crate) use self::view::state_text;
