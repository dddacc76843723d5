//! The actions of a domain, of whatever type they are.

use std::fmt;
use std::rc::Rc;

use futures_util::future::LocalBoxFuture;
use serde_json::Value;

use super::{ActionError, Actions, Change};

/// Holds the actions of a domain, whichever they are. One type for all domains, so that a processor is compiled once and not
/// once for each of them.
#[derive(Clone)]
pub struct DomainActions(Rc<dyn AnyActions>);

impl DomainActions {
    /// Hides the type of a domain's actions.
    pub fn new(actions: impl Actions + 'static) -> Self {
        Self(Rc::new(actions))
    }
}

impl fmt::Debug for DomainActions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DomainActions")
    }
}

impl Actions for DomainActions {
    fn wants(&self, change: &Change<'_>) -> bool {
        self.0.wants(change)
    }

    async fn on_change(&self, change: &Change<'_>) -> Outcome {
        self.0.on_change(change).await
    }

    fn wants_replays(&self) -> bool {
        self.0.wants_replays()
    }

    fn wants_late(&self, change: &Change<'_>) -> bool {
        self.0.wants_late(change)
    }

    async fn on_late(&self, change: &Change<'_>) -> Outcome {
        self.0.on_late(change).await
    }
}

type Outcome = Result<Value, ActionError>;

/// Repeats [`Actions`] in a form that a pointer can point to: its futures are boxed.
trait AnyActions {
    fn wants(&self, change: &Change<'_>) -> bool;
    fn on_change<'a>(&'a self, change: &'a Change<'_>) -> LocalBoxFuture<'a, Outcome>;
    fn wants_replays(&self) -> bool;
    fn wants_late(&self, change: &Change<'_>) -> bool;
    fn on_late<'a>(&'a self, change: &'a Change<'_>) -> LocalBoxFuture<'a, Outcome>;
}

impl<A: Actions> AnyActions for A {
    fn wants(&self, change: &Change<'_>) -> bool {
        Actions::wants(self, change)
    }

    fn on_change<'a>(&'a self, change: &'a Change<'_>) -> LocalBoxFuture<'a, Outcome> {
        Box::pin(Actions::on_change(self, change))
    }

    fn wants_replays(&self) -> bool {
        Actions::wants_replays(self)
    }

    fn wants_late(&self, change: &Change<'_>) -> bool {
        Actions::wants_late(self, change)
    }

    fn on_late<'a>(&'a self, change: &'a Change<'_>) -> LocalBoxFuture<'a, Outcome> {
        Box::pin(Actions::on_late(self, change))
    }
}
