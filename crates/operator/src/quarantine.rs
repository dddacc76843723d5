//! Shows what could not be proven or understood, verifies it again, and discards it.

pub mod discard;
mod list;
mod outlook;
mod reverify;
pub mod selection;
mod sending;
mod show;

pub use discard::discard;
pub use list::{List, Listed, list};
pub use outlook::Outlook;
pub use reverify::{Request, ReverifyReport, reverify};
pub use selection::Selection;
pub use sending::{Reverified, ReverifyResult};
pub use show::{Shown, ShownObject, Signature, show};
