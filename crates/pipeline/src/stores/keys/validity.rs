//! Since when a key is retired or distrusted, and what it proves all the same: deliveries that were received before.

use jiff::{SignedDuration, Timestamp};

use super::attributes;
use super::row::{KeyRow, Unusable, parsed};

/// Says how long a key that Upvest does not serve any longer still proves deliveries: what it signed may have waited.
pub(super) const RETIRED_KEYS_PROVE_FOR: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Tells since when a key is retired or distrusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Validity {
    pub(super) retired_at: Option<Timestamp>,
    pub(super) distrusted_at: Option<Timestamp>,
}

impl KeyRow {
    /// Tells whether Upvest has stopped serving it.
    #[must_use]
    pub fn is_retired(&self) -> bool {
        self.retired_at.is_some()
    }

    /// Tells since when an operator does not trust it; `None` too for what is no time, by which it proves nothing at all.
    #[must_use]
    pub fn distrusted_since(&self) -> Option<Timestamp> {
        self.distrusted_at.as_ref()?.parse().ok()
    }

    /// Reads since when the key is retired, by its owner, and distrusted, by an operator, or names what is no time: it is not
    /// taken for never.
    pub(super) fn validity(&self) -> Result<Validity, Unusable> {
        let time = |text: Option<&str>, attribute| text.map(|text| parsed(Some(text), attribute)).transpose();
        Ok(Validity {
            retired_at: time(self.retired_at.as_deref(), attributes::RETIRED_AT)?,
            distrusted_at: time(self.distrusted_at.as_deref(), attributes::DISTRUSTED_AT)?,
        })
    }

    /// Tells whether it may prove something that was received from `since` on, as far as its times say: neither had the days
    /// after it was retired ended by then, nor is it distrusted from then on.
    #[must_use]
    pub fn may_prove_since(&self, since: Timestamp) -> bool {
        // A row whose times cannot be read proves nothing.
        self.validity().is_ok_and(|times| {
            let is_over = |at| since.duration_since(at) >= RETIRED_KEYS_PROVE_FOR;
            !times.retired_at.is_some_and(is_over) && times.distrusted_at.is_none_or(|at| at > since)
        })
    }
}
