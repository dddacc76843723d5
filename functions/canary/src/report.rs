//! What came of a run: for the log, the metrics, and whoever invoked it.

use std::time::Duration;

use pipeline::error::ErrorChain;
use pipeline::runtime::metrics;
use serde::Serialize;

use crate::error::{CanaryError, Stage};

/// Holds what came of a run, which is the function's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Gives the id of the event that was sent, by which its way can be followed in the logs.
    pub event_id: String,
    /// Tells whether it went all the way.
    pub delivered: bool,
    /// Counts the milliseconds from the request to its answer; `None` where it was not 200.
    pub post_ms: Option<u64>,
    /// Counts the milliseconds from the request until the event was in the events table; `None` where it never was.
    pub store_ms: Option<u64>,
    /// Counts the milliseconds from the request until the event was in the entities table; `None` where it never was.
    pub project_ms: Option<u64>,
    /// Names the stage that was not passed; `None` where all were.
    pub failed_stage: Option<Stage>,
    /// Says why it was not passed, with all sources of the error; `None` where all were.
    pub error: Option<String>,
}

impl Report {
    pub(crate) fn new(event_id: String) -> Self {
        Self {
            event_id,
            delivered: false,
            post_ms: None,
            store_ms: None,
            project_ms: None,
            failed_stage: None,
            error: None,
        }
    }

    /// Notes that a stage was passed, so long after the request.
    pub(crate) fn passed(&mut self, stage: Stage, after: Duration) {
        let milliseconds = u64::try_from(after.as_millis()).unwrap_or(u64::MAX);
        match stage {
            Stage::Key => return,
            Stage::Post => self.post_ms = Some(milliseconds),
            Stage::Store => self.store_ms = Some(milliseconds),
            Stage::Project => self.project_ms = Some(milliseconds),
        }
        metrics::canary_passed(stage.as_str(), milliseconds);
    }

    /// Notes how the run ended, counts and logs it.
    pub(crate) fn finish(&mut self, outcome: Result<(), CanaryError>) {
        let Err(error) = outcome else {
            self.delivered = true;
            metrics::canary_delivered();
            tracing::info!(
                event.id = self.event_id,
                canary.post_ms = self.post_ms,
                canary.store_ms = self.store_ms,
                canary.project_ms = self.project_ms,
                "the canary's event went all the way"
            );
            return;
        };
        let stage = error.stage();
        let error = ErrorChain(&error).to_string();
        metrics::canary_failed(stage.as_str());
        tracing::error!(
            event.id = self.event_id,
            canary.stage = stage.as_str(),
            canary.post_ms = self.post_ms,
            canary.store_ms = self.store_ms,
            error,
            "the canary's event did not go all the way"
        );
        self.failed_stage = Some(stage);
        self.error = Some(error);
    }
}
