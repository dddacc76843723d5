//! The names of an entry's attributes, as the audit table has them: for this room, and for whoever looks at an entry as it is.

/// Names the table's key: the operation's id, and the number of an entry after the first.
pub const ID: &str = "id";
/// Tells when the entry was written (RFC 3339).
pub const AT: &str = "at";
/// Names the AWS principal of the operator.
pub const OPERATOR: &str = "operator";
/// Names the command that was run.
pub const COMMAND: &str = "command";
/// Says why it was run, in the operator's words.
pub const REASON: &str = "reason";
/// Tells what it was asked to do, as JSON text.
pub const REQUEST: &str = "request";
/// Tells how far it came, as JSON text.
pub const PROGRESS: &str = "progress";
/// Tells what came of it, as JSON text.
pub const RESULT: &str = "result";
