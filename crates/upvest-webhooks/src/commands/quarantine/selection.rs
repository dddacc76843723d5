//! Choosing from what is in quarantine.

use clap::Args;
use operator::quarantine::Selection;
use operator::times::When;
use uuid::Uuid;

use crate::arguments::candidates;

/// Says what of the quarantine is meant.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct SelectionArgs {
    /// Only what is there for this reason, as `quarantine list` names it, such as bad-signature; may be repeated
    #[arg(long, value_name = "QUARANTINE_REASON", add = candidates::quarantine_reasons())]
    because: Vec<String>,
    /// Only what was received since then: a time, a day (UTC), or an age like 36h
    #[arg(long, value_name = "TIME")]
    since: Option<When>,
    /// Only what was received before then; an age like 7d for what is older
    #[arg(long, value_name = "TIME")]
    until: Option<When>,
    /// Only what claims to be signed with this key
    #[arg(long, value_name = "ID")]
    key_id: Option<String>,
}

impl SelectionArgs {
    /// Chooses these deliveries, or all where none is named, as far as the filters take them.
    pub(crate) fn of(self, ids: Vec<Uuid>) -> Selection {
        Selection {
            ids,
            because: self.because,
            since: self.since,
            until: self.until,
            key_id: self.key_id,
        }
    }
}
