//! Order, state and effects, over every row of the category table.

#![expect(clippy::unwrap_used, reason = "a property that cannot be checked fails")]

mod batches;
mod fold;
mod limits;
mod order;
mod support;
