//! What could not be proven or understood, and trying again.

pub mod discard;
mod list;
mod recheck;
mod reverify;
pub mod selection;
mod sending;
mod show;

pub use discard::discard;
pub use list::{List, Listed, list};
pub use recheck::Outlook;
pub use reverify::{Request, ReverifyReport, reverify};
pub use selection::Selection;
pub use sending::{Reverified, ReverifyResult};
pub use show::{Part, Shown, Signature, show};
