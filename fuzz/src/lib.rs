//! Targets for made-up bytes: what a stranger reaches before anything is proven, and what is done with what was.
//!
//! A target is a function of bytes that panics when something is not as promised: code that panics is found as well as
//! code that answers wrongly. `make fuzz` runs them under libFuzzer, which looks for new ways through the code; the test
//! `smoke` runs the committed corpus and some changes of it ([`mutation`]) wherever the other tests run.

pub mod delivery;
pub mod envelope;
pub mod jwk;
pub mod mutation;
pub mod signature;
mod text;

/// Is a target: takes bytes, and panics where a promise does not hold.
pub type Target = fn(&[u8]);

/// Lists the targets by the names of their corpora.
pub const TARGETS: [(&str, Target); 4] = [
    ("signature", signature::run),
    ("delivery", delivery::run),
    ("envelope", envelope::run),
    ("jwk", jwk::run),
];
