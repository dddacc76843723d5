//! Retrieves the files of reports, where that is switched on: the PDF of a user's report, the file of a treasury
//! report. docs/use-cases/reporting.md tells where they are kept.

mod document;
mod error;
mod retrieval;
mod scratch;

use pipeline::actions::{ActionError, Actions, Change, ConfigError, Setup};
use serde_json::Value;

pub use error::RetrieveError;
pub use retrieval::{Retrieval, SETTLEMENT_REPORTS};

use document::Document;

/// Retrieves the file of each new report, or none where the stack has no bucket for them.
///
/// It is what the domain of reports does on a change. Code of your own can keep it in a field, and hand it the changes.
#[derive(Debug)]
pub struct ReportFiles {
    retrieval: Option<Retrieval>,
}

impl ReportFiles {
    /// Retrieves files as `retrieval` does; `None` retrieves none.
    #[must_use]
    pub fn new(retrieval: Option<Retrieval>) -> Self {
        Self { retrieval }
    }

    /// Retrieves files into the bucket that `REPORTS_BUCKET` names; without that variable, none.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] naming the variable that retrieving files needs beside it.
    pub fn from_setup(setup: &Setup<'_>) -> Result<Self, ConfigError> {
        let bucket = setup.environment.optional("REPORTS_BUCKET");
        let retrieval = bucket.map(|bucket| Retrieval::from_setup(setup, bucket));
        Ok(Self::new(retrieval.transpose()?))
    }

    async fn retrieve(&self, change: &Change<'_>) -> Result<Value, ActionError> {
        let Some(retrieval) = &self.retrieval else {
            return Ok(Value::Null);
        };
        // Boxed, because it is too deep for the compiler within the processor's own futures.
        Box::pin(retrieval.run(change))
            .await
            .map_err(RetrieveError::into_action_error)
    }
}

impl Actions for ReportFiles {
    // Upvest has no file of a report that a developer made up.
    fn wants(&self, change: &Change<'_>) -> bool {
        self.retrieval.is_some() && !change.is_synthetic() && Document::is_announced_by(change.event)
    }

    async fn on_change(&self, change: &Change<'_>) -> Result<Value, ActionError> {
        self.retrieve(change).await
    }

    // A report's file is as welcome when the event that announces it is late.
    fn wants_late(&self, change: &Change<'_>) -> bool {
        self.wants(change)
    }

    async fn on_late(&self, change: &Change<'_>) -> Result<Value, ActionError> {
        self.retrieve(change).await
    }
}
