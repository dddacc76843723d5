//! Your own code for changes of this domain's entities: docs/actions.md shows how to write it.

use pipeline::action::Actions;

/// What this domain does on a change, beside publishing it: nothing yet.
pub(crate) struct Own;

impl Actions for Own {}
