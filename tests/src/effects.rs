//! An action for the tests: it has an effect that can be seen, and can be made to fail.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pipeline::actions::{ActionError, Actions, Change};
use serde_json::{Value, json};

/// Is what the action panics with.
pub const AS_TOLD: &str = "the action panics, as it was told";

/// Sends a message to a queue for every change, and keeps a list of its runs. Clones share the list.
#[derive(Clone, Debug)]
pub struct Effects {
    sqs: aws_sdk_sqs::Client,
    queue_url: String,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    runs: Vec<Run>,
    failing: BTreeSet<String>,
    panicking: BTreeSet<String>,
    hanging: BTreeSet<String>,
    hopeless: BTreeSet<String>,
    killing: BTreeSet<String>,
    wants_replays: bool,
}

/// Describes one run of the action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// Gives the id of the event that it ran for.
    pub event_id: String,
    /// Gives the key of the entity that the event is about.
    pub entity: String,
    /// Gives the idempotency key that the action was given.
    pub key: String,
    /// Gives the entity's status before the change, and the one after it.
    pub status: (Option<String>, Option<String>),
    /// Tells whether it ran for a late event.
    pub late: bool,
    /// Names the replay that it ran for; `None` for an event that was not replayed.
    pub replay: Option<String>,
    /// Tells whether it came to its end, and said that all went well.
    pub returned: bool,
}

/// Says what goes wrong with the action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// It fails, and may not fail the next time.
    Fails,
    /// It fails, and says that it always will.
    Hopeless,
    /// It panics.
    Panics,
    /// It never ends.
    Hangs,
    /// It ends the process, and with it the invocation.
    Kills,
}

impl Effects {
    /// Has the effects be messages in the queue at `queue_url`.
    pub fn new(sqs: aws_sdk_sqs::Client, queue_url: String) -> Self {
        Self {
            sqs,
            queue_url,
            state: Arc::default(),
        }
    }

    /// Makes the action have this trouble with an event, until [`Effects::mend`].
    pub fn trouble(&self, event_id: &str, trouble: Trouble) {
        let mut state = self.state();
        let list = match trouble {
            Trouble::Fails => &mut state.failing,
            Trouble::Hopeless => &mut state.hopeless,
            Trouble::Panics => &mut state.panicking,
            Trouble::Hangs => &mut state.hanging,
            Trouble::Kills => &mut state.killing,
        };
        list.insert(event_id.to_owned());
    }

    /// Makes the action run for replays too.
    pub fn want_replays(&self) {
        self.state().wants_replays = true;
    }

    /// Ends all trouble.
    pub fn mend(&self) {
        let mut state = self.state();
        *state = State {
            runs: std::mem::take(&mut state.runs),
            wants_replays: state.wants_replays,
            ..State::default()
        };
    }

    /// Lists all runs so far, those that failed included.
    pub fn runs(&self) -> Vec<Run> {
        self.state().runs.clone()
    }

    /// Lists the runs for an event, those that failed included.
    pub fn runs_of(&self, event_id: &str) -> Vec<Run> {
        let mut runs = self.runs();
        runs.retain(|run| run.event_id == event_id);
        runs
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn run(&self, change: &Change<'_>, late: bool) -> Result<Value, ActionError> {
        let event_id = change.event.id();
        let index = {
            let mut state = self.state();
            state.runs.push(Run {
                event_id: event_id.to_owned(),
                entity: change.entity.to_string(),
                key: change.idempotency_key(),
                status: (
                    change.previous.and_then(|previous| previous.status.clone()),
                    change.current.status.clone(),
                ),
                late,
                replay: change.replay.map(str::to_owned),
                returned: false,
            });
            state.runs.len() - 1
        };
        self.have_trouble(event_id).await?;
        let effect = self.sqs.send_message().queue_url(&self.queue_url);
        effect.message_body(change.idempotency_key()).send().await?;
        self.state().runs[index].returned = true;
        Ok(json!({ "done_for": event_id }))
    }

    async fn have_trouble(&self, event_id: &str) -> Result<(), ActionError> {
        let has = |list: &BTreeSet<String>| list.contains(event_id);
        let (fails, hopeless, hangs, panics, kills) = {
            let state = self.state();
            (
                has(&state.failing),
                has(&state.hopeless),
                has(&state.hanging),
                has(&state.panicking),
                has(&state.killing),
            )
        };
        assert!(!panics, "{AS_TOLD}");
        if kills {
            match fake_aws::die().await {}
        }
        if hangs {
            std::future::pending::<()>().await;
        }
        if hopeless {
            return Err(ActionError::permanent("no such customer"));
        }
        if fails {
            return Err(ActionError::temporary("the other side does not answer"));
        }
        Ok(())
    }
}

impl Actions for Effects {
    fn wants(&self, _: &Change<'_>) -> bool {
        true
    }

    async fn on_change(&self, change: &Change<'_>) -> Result<Value, ActionError> {
        self.run(change, false).await
    }

    fn wants_replays(&self) -> bool {
        self.state().wants_replays
    }

    fn wants_late(&self, _: &Change<'_>) -> bool {
        true
    }

    async fn on_late(&self, change: &Change<'_>) -> Result<Value, ActionError> {
        self.run(change, true).await
    }
}
