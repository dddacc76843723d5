//! Names that commands use until their operations are in the library.

use indicatif::ProgressBar;

pub(crate) use crate::arguments::RepairArgs as OperationArgs;
pub(crate) use crate::terminal::counter;
pub(crate) use operator::repair::{Audit, Throttle};

pub(crate) fn progress_bar(count: usize, what: &str) -> ProgressBar {
    crate::terminal::progress_bar(count as u64, what)
}
