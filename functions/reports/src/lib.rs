//! Retrieves the files of reports, where that is switched on: the PDF of a user's report, the file of a treasury
//! report. docs/use-cases/reporting.md tells where they are kept.

mod actions;
mod document;
mod error;
mod retrieval;
mod scratch;

pub use actions::Own;
pub use error::RetrieveError;
pub use retrieval::{Retrieval, SETTLEMENT_REPORTS};
