//! The entities table: the current state of every entity.
//!
//! | Module | Knows |
//! |---|---|
//! | [`attributes`] | what the attributes are called |
//! | `item` | the attributes of an item, and how large it may be |
//! | `reading` | items and keys, one by one and in batches |
//! | `listing` | what lists say of entities |
//! | `writing` | the version condition, one by one and in batches |
//! | `rebuilding` | putting a state that was folded from the log in the place of any item |
//! | `unknown_types` | which event types entities had that this version does not know |
//! | `comparison` | what differs between an item and the one that its events give |

pub mod attributes;
mod comparison;
mod item;
mod listing;
mod reading;
mod rebuilding;
mod unknown_types;
mod writing;

use aws_sdk_dynamodb::Client;
use upvest::EntityKey;
pub use upvest::batch::Stored;

pub use self::comparison::{AttributeDifference, EntityItem};
pub use self::listing::{Summary, SummaryPage};
pub use self::reading::Loaded;
pub use self::unknown_types::UnknownTypes;
pub use self::writing::EntityWrite;
use crate::error::AwsError;

/// Names the attributes of an item that tell how the events came, one by one and with what trouble. All others tell
/// what the events say: they are the same whenever the same events are folded, in whatever order.
pub const NOTES: [&str; 3] = [attributes::VERSION, attributes::FOLD, attributes::TRANSITIONS];

/// Reads and writes the current state of every entity. Processors write it, and the commands that rebuild; everybody else
/// only reads.
#[derive(Debug, Clone)]
pub struct Entities {
    client: Client,
    table: String,
}

/// Says why an entity's state could not be read or written.
#[derive(Debug, Clone, thiserror::Error)]
pub enum EntityError {
    /// The table could not be read or written.
    #[error(transparent)]
    Aws(#[from] AwsError),
    /// The item was changed since it was read.
    #[error("entity {0} was changed by somebody else")]
    Changed(EntityKey),
    /// The item in the table is not one of ours, as when somebody edited it by hand.
    #[error(
        "entity {entity} in the entities table has no usable {attribute}; \
         rebuild it from the event log: upvest-webhooks entities rebuild '{entity}'"
    )]
    Unusable {
        /// Names the entity whose item it is.
        entity: EntityKey,
        /// Names the attribute that is missing, or is not what we write.
        attribute: String,
    },
    /// The entity's parts have become more than an item can hold.
    #[error("entity {0} does not fit into an item: DynamoDB takes 400 KB")]
    TooLarge(EntityKey),
}

impl Entities {
    /// Uses the table of this name, which the stack sets as `ENTITIES_TABLE`.
    #[must_use]
    pub fn new(client: Client, table: String) -> Self {
        Self { client, table }
    }
}
