//! The tables.
//!
//! Their source is compiled here, not linked from its crate. That crate needs a cryptography library in C, and the test
//! that adds a domain in a fresh copy of the repository would spend minutes on it.

#[path = "../../../crates/upvest/src/category/domain.rs"]
mod domain;
#[path = "../../../crates/upvest/src/category/row.rs"]
mod row;
#[path = "../../../crates/upvest/src/category/steps.rs"]
mod steps;
#[path = "../../../crates/upvest/src/category/table.rs"]
mod table;

pub use domain::{Domain, UnknownDomainError};
pub use row::{Category, EARLIER, Role, Step};
pub use table::{CATEGORIES, UNRECOGNISED};
