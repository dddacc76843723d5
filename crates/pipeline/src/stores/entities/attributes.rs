//! The names of an item's attributes, as the entities table has them, but for the maps of parts and what is computed: for this
//! room, and for whoever looks at an item as it is.

/// Names the table's key: the entity, written `TYPE#ID`.
pub const AGGREGATE: &str = "aggregate";
/// Names the status that the newest object has.
pub const STATUS: &str = "status";
/// Names the status from which the entity went back to an earlier one.
pub const MOVED_BACK_FROM: &str = "moved_back_from";
/// Names the entities that the newest object tells of.
pub const RELATED: &str = "related";
/// Names the person whose entity it is: the key of the index `by-user`.
pub const USER_ID: &str = "user_id";
/// Holds the statuses that the entity had, packed.
pub const HISTORY: &str = "history";
/// Tells whether older ones fell out of the history.
pub const HISTORY_TRUNCATED: &str = "history_truncated";
/// Names the event types that this version does not know, each with its place.
pub const UNKNOWN_TYPES: &str = "unknown_types";
/// Names the event that brought the newest object.
pub const OBJECT_EVENT_ID: &str = "object_event_id";
/// Names that event's type, where it is not the last event.
pub const OBJECT_TYPE: &str = "object_type";
/// Names that event's place, packed, where it is not the last event.
pub const OBJECT_OCCURRED: &str = "object_occurred";
/// Names the last event by its id.
pub const LAST_EVENT_ID: &str = "last_event_id";
/// Names the type of the last event, like `ORDER.FILLED`.
pub const LAST_EVENT_TYPE: &str = "last_event_type";
/// Names the last event's place in the entity's time line, as text.
pub const LAST_OCCURRED: &str = "last_occurred";
/// Tells how often the item was written.
pub const VERSION: &str = "version";
/// Names the number of the rules that the state was folded by.
pub const FOLD: &str = "fold";
/// Tells what the last write changed, event by event, packed.
pub const TRANSITIONS: &str = "transitions";
