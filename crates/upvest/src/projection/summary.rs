//! A state in short: what one compares before and after a change.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Derived, Projection};
use crate::packing::{Packer, PackingError, Unpacker};

/// Says what an entity was at one version of its state, without its objects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Counts how often the state had been written.
    pub version: u64,
    /// Names the status that the entity had, if it had one.
    pub status: Option<String>,
    /// Holds what was computed from the state ([`Projection::derived`]).
    pub derived: BTreeMap<String, Derived>,
}

impl Summary {
    /// Reads a computed flag; `None` where it is not known.
    #[must_use]
    pub fn flag(&self, name: &str) -> Option<bool> {
        match self.derived.get(name) {
            Some(Derived::Flag(value)) => Some(*value),
            _ => None,
        }
    }

    pub(crate) fn pack(&self, packer: &mut Packer) {
        packer.number(self.version);
        packer.optional(self.status.as_deref());
        packer.count(self.derived.len());
        for (name, value) in &self.derived {
            packer.text(name);
            value.pack(packer);
        }
    }

    pub(crate) fn unpack(unpacker: &mut Unpacker<'_>) -> Result<Self, PackingError> {
        Ok(Self {
            version: unpacker.number()?,
            status: unpacker.optional()?,
            derived: (0..unpacker.count()?)
                .map(|_| Ok((unpacker.text()?, Derived::unpack(unpacker)?)))
                .collect::<Result<_, _>>()?,
        })
    }
}

impl Projection {
    /// Sums up the state, as version `version` of an entity of type `entity_type`.
    #[must_use]
    pub fn summary(&self, entity_type: &str, version: u64) -> Summary {
        Summary {
            version,
            status: self.status().map(str::to_owned),
            derived: self.derived(entity_type),
        }
    }
}

/// Finds the flags that a change set or cleared, and what they are after it: `funds_available: true` when a deposit is
/// booked for the first time, `false` when a booked one is cancelled.
///
/// A flag that was not known before counts as false, so that only its first `true` is a change.
#[must_use]
pub fn flags_changed(previous: Option<&Summary>, current: &Summary) -> BTreeMap<String, bool> {
    let flags = current
        .derived
        .keys()
        .filter_map(|name| Some((name, current.flag(name)?)));
    flags
        .filter(|(name, now)| previous.and_then(|previous| previous.flag(name)).unwrap_or(false) != *now)
        .map(|(name, now)| (name.clone(), now))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(flag: bool) -> Summary {
        Summary {
            version: 1,
            status: Some("CONFIRMED".to_owned()),
            derived: BTreeMap::from([
                ("funds_available".to_owned(), Derived::Flag(flag)),
                ("note".to_owned(), Derived::Text("x".to_owned())),
            ]),
        }
    }

    #[test]
    fn only_flags_that_differ_from_before_have_changed() {
        let [no, yes] = [false, true].map(summary);
        let name = "funds_available".to_owned();
        assert_eq!(flags_changed(None, &no), BTreeMap::new());
        assert_eq!(flags_changed(None, &yes), BTreeMap::from([(name.clone(), true)]));
        assert_eq!(
            flags_changed(Some(&no), &yes),
            BTreeMap::from([(name.clone(), true)])
        );
        assert_eq!(flags_changed(Some(&yes), &yes), BTreeMap::new());
        assert_eq!(flags_changed(Some(&yes), &no), BTreeMap::from([(name, false)]));
    }

    #[test]
    fn a_summary_that_is_stored_and_read_is_the_same() {
        let json = serde_json::to_string(&summary(true)).unwrap();
        assert_eq!(serde_json::from_str::<Summary>(&json).unwrap(), summary(true));
    }
}
