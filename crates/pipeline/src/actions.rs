//! Where a domain's own code goes: what runs after a change was applied.
//!
//! Each domain has a file with its [`Actions`] in `functions/processors/src/actions`. docs/actions.md shows how to write
//! one.

mod domain;
mod error;

use std::collections::BTreeSet;

use aws_config::SdkConfig;
use serde_json::Value;
use upvest::projection::{Summary, flags_changed};
use upvest::synthetic::is_marked;
use upvest::{Domain, EntityKey, Event, Occurred, Projection};

pub use crate::runtime::config::{ConfigError, Lookup};
pub use domain::DomainActions;
pub use error::ActionError;

/// Describes a change of an entity to an action: the event, and the entity before and after it.
///
/// ```
/// use pipeline::actions::Change;
/// use upvest::projection::Placed;
/// use upvest::time::Instant;
/// use upvest::{Domain, Event, Placement, Projection, Receipt};
///
/// let json = r#"{"id":"e1","type":"ORDER.FILLED","created_at":"2026-01-01T00:00:00Z","object":{"id":"o1","status":"FILLED"}}"#;
/// let event = Event::parse(json)?;
/// let entity = event.entity_key()?;
/// let receipt = Receipt { received_at: Instant::parse("2026-01-01T00:00:01Z")?, position: 0 };
/// let occurred = Placement::of(&event, &receipt).occurred;
/// let mut state = Projection::default();
/// state.fold(Placed { event: &event, aggregate: &entity, occurred: &occurred })?;
/// let current = state.summary(entity.entity_type(), 1);
/// let related = state.related();
/// let change = Change {
///     domain: Domain::Orders,
///     entity: &entity,
///     event: &event,
///     occurred: &occurred,
///     delivery_id: None,
///     previous: None,
///     current: &current,
///     state: &state,
///     related: &related,
///     moved_back_from: None,
///     late: false,
///     possible_duplicate: false,
///     replay: None,
/// };
/// assert!(change.entered("FILLED"));
/// assert_eq!(change.idempotency_key(), "e1");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Change<'c> {
    /// Names the domain whose processor applied the event.
    pub domain: Domain,
    /// Names the entity that changed, by type and id, for example `ORDER#<id>`.
    pub entity: &'c EntityKey,
    /// Gives the event that changed it, as Upvest sent it, with its `object` verbatim.
    pub event: &'c Event<'c>,
    /// Gives the event's place among those of its entity, with the time at which it occurred.
    pub occurred: &'c Occurred,
    /// Names the delivery that brought the event, under whose id the archive has the signed bytes; `None` where the
    /// message does not say.
    pub delivery_id: Option<&'c str>,
    /// Says what the entity was before the event; `None` when there was nothing, for a late event, and where it is not
    /// known any longer, as in a replay.
    pub previous: Option<&'c Summary>,
    /// Says what it was after the event. (Of a late event: what it is now.)
    pub current: &'c Summary,
    /// Gives the whole state as it is now: status history, parts, figures. Later events may be in it. The objects are not:
    /// the event has its own, and the log has all others.
    pub state: &'c Projection,
    /// Names the other entities that the entity's newest object names.
    pub related: &'c BTreeSet<EntityKey>,
    /// Names a status further along the lifecycle that the entity has left again.
    pub moved_back_from: Option<&'c str>,
    /// Tells whether the event changed nothing that the state shows, because a newer one of the same object or part came
    /// before it.
    pub late: bool,
    /// Tells whether the late event may have been told before, under the same id: as a change, or as late.
    pub possible_duplicate: bool,
    /// Gives the id of the replay that brought the event again; `None` for one that Upvest delivered.
    pub replay: Option<&'c str>,
}

impl Change<'_> {
    /// Tells whether this change gave the entity the status, which it did not have before.
    ///
    /// `change.entered("FILLED")` is true once for an order, whichever event brought it, and false for the executions
    /// that settle later.
    #[must_use]
    pub fn entered(&self, status: &str) -> bool {
        self.status_entered() == Some(status)
    }

    /// Returns the status that this change gave the entity; `None` when it has the status that it had before.
    #[must_use]
    pub fn status_entered(&self) -> Option<&str> {
        let before = self.previous.and_then(|previous| previous.status.as_deref());
        // A late event did not give the entity the status that it has.
        let now = self.current.status.as_deref().filter(|_| !self.late);
        now.filter(|now| before != Some(now))
    }

    /// Tells whether this change set the computed flag to true, for example `funds_available` of a deposit.
    #[must_use]
    pub fn became_true(&self, flag: &str) -> bool {
        flags_changed(self.previous, self.current).get(flag) == Some(&true)
    }

    /// Names the operation that told the change after `upvest-webhooks reconcile` had found it at Upvest's API; `None` for a
    /// change that an event of Upvest's told.
    ///
    /// The change is as new as any other: its own event never came, or comes late.
    #[must_use]
    pub fn reconciliation(&self) -> Option<String> {
        self.event.reconciliation()
    }

    /// Tells whether the event was made up by a developer (`upvest-webhooks trigger`), which happens in local and sandbox stacks
    /// alone: nothing of it happened at Upvest.
    #[must_use]
    pub fn is_synthetic(&self) -> bool {
        is_marked(self.event.id())
    }

    /// Makes the key to give to whatever the action calls, so that a second run of the same action for the same event has no
    /// second effect there.
    #[must_use]
    pub fn idempotency_key(&self) -> String {
        match self.replay {
            None => self.event.id().to_owned(),
            Some(replay) => format!("{}#{replay}", self.event.id()),
        }
    }
}

/// Says what a domain's actions can be made of, once for each process of its function.
///
/// A release may add to it. The code that takes it belongs to whoever deploys, and stays as it is.
///
/// ```
/// use pipeline::actions::{Actions, Setup};
///
/// /// Tells a desk of each change, at an address that the stack configures.
/// struct TellDesk {
///     address: String,
/// }
///
/// impl Actions for TellDesk {}
///
/// // What `actions(setup)` of a domain's file does, once for each process.
/// fn actions(setup: &Setup<'_>) -> Result<impl Actions + use<>, Box<dyn std::error::Error>> {
///     let address = setup.environment.required("DESK_ADDRESS")?;
///     Ok(TellDesk { address })
/// }
/// ```
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct Setup<'s> {
    /// Gives the AWS configuration, for clients of your own.
    pub aws: &'s SdkConfig,
    /// Looks up the function's environment variables, where the stack puts an action's own settings.
    pub environment: &'s Lookup<'s>,
}

impl<'s> Setup<'s> {
    /// Offers the configuration and the environment to the actions.
    #[must_use]
    pub fn new(aws: &'s SdkConfig, environment: &'s Lookup<'s>) -> Self {
        Self { aws, environment }
    }
}

/// Says what a domain does when an entity changes. All methods have defaults that do nothing.
///
/// ```
/// use pipeline::actions::{ActionError, Actions, Change};
/// use serde_json::{Value, json};
///
/// /// Sends a receipt for each order that was filled.
/// struct Receipts;
///
/// impl Actions for Receipts {
///     // Once for each order, whichever event filled it.
///     fn wants(&self, change: &Change<'_>) -> bool {
///         change.entered("FILLED")
///     }
///
///     async fn on_change(&self, change: &Change<'_>) -> Result<Value, ActionError> {
///         let order: Value = serde_json::from_str(change.event.object().get())?;
///         if order["user_id"].is_null() {
///             return Err(ActionError::permanent("the order names no user"));
///         }
///         // Here it would send the receipt, with `change.idempotency_key()`.
///         Ok(json!({ "receipt_for": order["id"] }))
///     }
/// }
/// ```
///
/// A run is recorded in the idempotency table under `<domain>#<event id>`, whichever of the two actions it is, so that an
/// event that is processed again runs none again. A run that fails, is cut off or cannot be recorded is tried again with the same
/// [`Change::idempotency_key`], and may repeat its effect; so may an event that comes back after `ActionRecordDays`.
pub trait Actions {
    /// Decides whether [`on_change`](Self::on_change) runs for this change. A `false` costs nothing; a run costs two writes to
    /// the idempotency table.
    fn wants(&self, change: &Change<'_>) -> bool {
        let _ = change;
        false
    }

    /// Runs after a change was applied to the entity, to success once per event. The result is kept in the idempotency record.
    ///
    /// # Errors
    ///
    /// [`ActionError`]; see there for what follows.
    fn on_change(&self, change: &Change<'_>) -> impl Future<Output = Result<Value, ActionError>> {
        let _ = change;
        std::future::ready(Ok(Value::Null))
    }

    /// Decides whether the domain is asked about replays at all. By default none of its code runs for them: a replay brings
    /// state back, and a mail must not go out twice. What says yes here sees [`Change::replay`] and decides.
    fn wants_replays(&self) -> bool {
        false
    }

    /// Decides whether [`on_late`](Self::on_late) runs for a late event, which the state does not show.
    fn wants_late(&self, change: &Change<'_>) -> bool {
        let _ = change;
        false
    }

    /// Runs for an event that arrived after a newer one of its entity, and so did not change it; to success once per event.
    ///
    /// # Errors
    ///
    /// [`ActionError`]; see there for what follows.
    fn on_late(&self, change: &Change<'_>) -> impl Future<Output = Result<Value, ActionError>> {
        let _ = change;
        std::future::ready(Ok(Value::Null))
    }
}
