//! Your own code for changes of this domain's entities: docs/actions.md shows how to write it.

use aws_config::SdkConfig;
use pipeline::actions::{ActionError, Actions, Change};
use pipeline::runtime::config::{ConfigError, Lookup};
use serde_json::Value;

use crate::document::Document;
use crate::error::RetrieveError;
use crate::retrieval::Retrieval;

/// What this domain does on a change, beside publishing it: it retrieves the file of a new report.
#[derive(Debug)]
pub struct Own {
    retrieval: Option<Retrieval>,
}

impl Own {
    /// Retrieves files; `None` retrieves none.
    #[must_use]
    pub fn new(retrieval: Option<Retrieval>) -> Self {
        Self { retrieval }
    }

    /// Retrieves files into `REPORTS_BUCKET`; without that variable, none.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] naming the variable that retrieving files needs beside it.
    pub fn from_config(aws: &SdkConfig, lookup: &Lookup<'_>) -> Result<Self, ConfigError> {
        let bucket = lookup.optional("REPORTS_BUCKET");
        let retrieval = bucket.map(|bucket| Retrieval::from_config(aws, lookup, bucket));
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

impl Actions for Own {
    fn wants(&self, change: &Change<'_>) -> bool {
        self.retrieval.is_some() && Document::is_announced_by(change.event)
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
