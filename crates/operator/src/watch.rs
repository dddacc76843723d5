//! Deliveries and their events as they pass: a stream of updates from the archive.

mod delivery;
mod feed;
mod filter;
mod reader;

pub use self::delivery::{EntityState, Outcome, WatchedDelivery, WatchedEvent};
pub use self::feed::{Feed, Update, Watch};
pub use self::filter::Filter;
pub use self::reader::Reader;
