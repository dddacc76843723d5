//! Your own code for changes of reports: docs/actions.md shows how to write it.

use pipeline::actions::{ConfigError, Setup};

use crate::report_files::ReportFiles;

/// Makes the actions, once for each process of the function: the file of each new report is retrieved, where that is
/// switched on.
///
/// # Errors
///
/// [`ConfigError`] naming the environment variable that they need.
pub fn actions(setup: &Setup<'_>) -> Result<ReportFiles, ConfigError> {
    ReportFiles::from_setup(setup)
}
