//! Your own code for changes of this domain's entities: docs/actions.md shows how to write it.

use pipeline::actions::Actions;

/// What this domain does on a change, beside publishing it: nothing yet.
pub(crate) struct Own;

impl Actions for Own {}
