//! The events table: the log of all events ever received, which is also the receiver's record of what it has seen.
//!
//! | Module | Knows |
//! |---|---|
//! | [`attributes`] | what the attributes are called |
//! | `item` | the attributes of an item, and the key of a conflicting event |
//! | `recording` | the conditional insert: who stored an event first |
//! | `reading` | events by id, whole or in part |
//! | `timeline` | the events of an entity in their order, and those of all entities |
//! | `received` | the events of a range of time |
//! | `time_flags` | the events whose time is not their own |

pub mod attributes;
mod item;
mod reading;
mod received;
mod recording;
mod time_flags;
mod timeline;

use aws_sdk_dynamodb::Client;

pub use self::item::{LogError, LoggedEvent, conflict_key, conflicts_with, original_id};
pub use self::reading::{LOAD_BATCH, Owner};
pub use self::recording::{AT_A_TIME, MAX_OBJECT_BYTES, NewEvent, Recorded};
pub use self::time_flags::TimeFlags;
pub use self::timeline::{TimelineCursor, TimelineEntry, TimelinePage};

/// Reads and writes the event log. An item is written once, and nothing here changes or deletes one.
#[derive(Debug, Clone)]
pub struct EventLog {
    client: Client,
    table: String,
}

impl EventLog {
    /// Uses the table of this name, which the stack sets as `EVENTS_TABLE`.
    #[must_use]
    pub fn new(client: Client, table: String) -> Self {
        Self { client, table }
    }
}
