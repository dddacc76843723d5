//! What could not be proven or understood, and trying again.

pub mod discard;
pub mod selection;

pub use discard::discard;
pub use selection::Selection;
