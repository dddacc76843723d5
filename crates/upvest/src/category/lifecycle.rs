//! How far an event's object is along the life of its entity.

use std::fmt;

use super::{Category, Domain, RECONCILED, Step, name_of};

/// Ranks an event among events of the same time: that of its object's status, then that of its type.
///
/// The status comes first, because an object may be further along than its event's type says. The type parts those that
/// agree in it: an account that is created active and locked in the same second was created first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Rank {
    of_status: u8,
    of_type: u8,
}

impl Rank {
    /// Ranks what the table does not know: lowest, so that it is never taken for progress.
    pub const UNKNOWN: Self = Self {
        of_status: 0,
        of_type: 0,
    };

    /// Reads back what `Display` wrote: four digits.
    pub(crate) fn from_stored(text: &str) -> Option<Self> {
        let digits = text.len() == 4 && text.bytes().all(|byte| byte.is_ascii_digit());
        Self::from_number(text.parse().ok().filter(|_| digits)?)
    }

    /// Makes one number of it, at most 9999.
    pub(crate) fn number(self) -> u16 {
        u16::from(self.of_status) * 100 + u16::from(self.of_type)
    }

    pub(crate) fn from_number(number: u16) -> Option<Self> {
        Some(Self {
            of_status: u8::try_from(number / 100).ok().filter(|rank| *rank < 100)?,
            of_type: u8::try_from(number % 100).ok()?,
        })
    }
}

impl fmt::Display for Rank {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}", self.number())
    }
}

fn rank_in(steps: &[Step], name: &str) -> Option<u8> {
    steps
        .iter()
        .find(|step| step.contains(name))
        .map(|step| step.rank)
}

impl Category {
    /// Ranks a status by how far it is along the lifecycle; `None` for one that the table does not know.
    #[must_use]
    pub fn status_rank(&self, status: &str) -> Option<u8> {
        let same_names = self.statuses.is_empty();
        rank_in(if same_names { self.lifecycle } else { self.statuses }, status)
    }

    /// Ranks an event of this row by its type and by the status of its object.
    ///
    /// | type | status | rank of status | rank of type |
    /// |---|---|---|---|
    /// | unknown | any | 0 | 0 |
    /// | step of the lifecycle | known | the status's | the step's |
    /// | step of the lifecycle | unknown or none | the step's | the step's |
    /// | notice | known | the status's | the same |
    /// | notice | unknown or none | the notice's | the same |
    ///
    /// A notice is level with its status, so that of `LOCKED` and `ACTIVATED` the one sent last wins.
    #[must_use]
    pub fn rank(&self, event_type: &str, status: Option<&str>) -> Rank {
        let Some(state) = state_of(event_type).filter(|state| self.knows_state(state)) else {
            return Rank::UNKNOWN;
        };
        let step = rank_in(self.lifecycle, state);
        let of_status = status
            .and_then(|status| self.status_rank(status))
            .or(step)
            .or_else(|| rank_in(self.notices, state))
            .unwrap_or(0);
        Rank {
            of_status,
            of_type: step.unwrap_or(of_status),
        }
    }

    /// Lists the states that the row's event types are known to name.
    pub fn states(&self) -> impl Iterator<Item = &'static str> {
        let steps = self.lifecycle.iter().chain(self.notices);
        steps.flat_map(|step| step.names.iter().copied())
    }

    /// Tells whether the table knows the state that an event type names, be it a step of the lifecycle or a notice, or the
    /// one of events of our own ([`RECONCILED`]). Of a category without any known type all are taken: there is nothing that
    /// they could be mistaken for.
    #[must_use]
    pub fn knows_state(&self, state: &str) -> bool {
        state == RECONCILED || self.states().any(|known| known == state) || self.states().next().is_none()
    }

    /// Tells whether the table knows an event type of this row. An unknown type is kept beside an entity's state and never
    /// replaces any of it; of an unknown category (the catch-all's row) every type is known.
    #[must_use]
    pub fn knows_type(&self, event_type: &str) -> bool {
        self.domain == Domain::Unrecognised
            || self.name == event_type
            || self.states().next().is_none()
            || state_of(event_type).is_some_and(|state| self.knows_state(state))
    }
}

/// Reads the state off an event type: its text after the first full stop.
fn state_of(event_type: &str) -> Option<&str> {
    event_type.get(name_of(event_type).len() + 1..)
}

#[cfg(test)]
mod tests {
    use super::super::{CATEGORIES, of};
    use super::*;

    fn rank(event_type: &str, status: Option<&str>) -> Rank {
        of(event_type).rank(event_type, status)
    }

    #[test]
    fn a_later_step_has_a_higher_rank_and_an_unknown_type_the_lowest() {
        assert!(rank("ORDER.NEW", Some("NEW")) < rank("ORDER.PROCESSING", Some("PROCESSING")));
        assert!(rank("ORDER.PROCESSING", None) < rank("ORDER.FILLED", None));
        assert_eq!(rank("ORDER.FILLED", None), rank("ORDER.CANCELLED", None));
        assert_eq!(rank("ORDER.TELEPORTED", Some("FILLED")), Rank::UNKNOWN);
        assert_eq!(rank("ORDER", None), Rank::UNKNOWN);
        assert_eq!(rank("PING.PONG", Some("NEW")), Rank::UNKNOWN);
        assert!(Rank::UNKNOWN < rank("ORDER.NEW", None));
    }

    #[test]
    fn the_objects_status_counts_before_the_type() {
        assert!(rank("ORDER.PROCESSING", Some("PROCESSING")) < rank("ORDER.NEW", Some("CANCELLED")));
        assert_eq!(rank("ORDER.FILLED", Some("NOVEL")), rank("ORDER.FILLED", None));
    }

    #[test]
    fn what_an_operator_tells_is_level_with_the_status_that_it_tells() {
        assert!(of("ORDER.RECONCILED").knows_type("ORDER.RECONCILED"));
        assert_eq!(
            rank("ACCOUNT.RECONCILED", Some("LOCKED")),
            rank("ACCOUNT.ACTIVATED", Some("ACTIVE"))
        );
        assert_eq!(rank("POSITION.RECONCILED", None), Rank::UNKNOWN);
    }

    #[test]
    fn statuses_that_can_be_left_again_share_a_rank_and_a_creation_comes_before_them() {
        let locked = rank("ACCOUNT.LOCKED", Some("LOCKED"));
        assert_eq!(locked, rank("ACCOUNT.ACTIVATED", Some("ACTIVE")));
        assert_eq!(locked, rank("ACCOUNT.UPDATED", Some("ACTIVE")));
        assert!(rank("ACCOUNT.CREATED", Some("ACTIVE")) < locked);
        assert!(locked < rank("ACCOUNT.UPDATED", Some("CLOSING")));
        let instrument = |state: &str| rank(&format!("INSTRUMENT.{state}"), None);
        assert_eq!(instrument("ACTIVATED"), instrument("DEACTIVATED"));
        assert_eq!(instrument("ACTIVATED"), instrument("DATA_CHANGED"));
        assert!(instrument("ONBOARDED") < instrument("ACTIVATED"));
    }

    #[test]
    fn ranks_ascend_with_gaps_in_every_row() {
        for row in CATEGORIES {
            for steps in [row.lifecycle, row.statuses] {
                let ranks: Vec<u8> = steps.iter().map(|step| step.rank).collect();
                assert!(
                    ranks.windows(2).all(|pair| pair[0] + 5 <= pair[1]),
                    "{}",
                    row.name
                );
                assert!(ranks.iter().all(|rank| (5..=95).contains(rank)), "{}", row.name);
            }
        }
    }

    #[test]
    fn a_rank_that_is_stored_and_read_is_the_same() {
        for row in CATEGORIES {
            for state in row.states() {
                let rank = row.rank(&format!("{}.{state}", row.name), None);
                assert_eq!(Rank::from_stored(&rank.to_string()), Some(rank));
            }
        }
        for text in ["", "1", "10101", "+101", "1o1o"] {
            assert_eq!(Rank::from_stored(text), None, "{text}");
        }
    }

    /// Each line is a rank that was released, as `<row> <type, notice or status> <rank> <name>`. `make generate` adds the new
    /// ones. None may change: rebuilding an entity from the log would put new events of the same time elsewhere than old
    /// ones.
    #[test]
    fn released_ranks_stay_as_they_are() {
        for line in include_str!("released-ranks.txt").lines() {
            let [name, kind, rank, state] = line.split(' ').collect::<Vec<_>>().try_into().unwrap();
            let row = CATEGORIES.iter().find(|row| row.name == name);
            let row = row.unwrap_or_else(|| panic!("{line}: the row is gone"));
            let steps = match kind {
                "type" => row.lifecycle,
                "notice" => row.notices,
                _ => row.statuses,
            };
            let step = steps.iter().find(|step| step.contains(state));
            let found = step.map(|step| step.rank.to_string());
            assert_eq!(found.as_deref(), Some(rank), "{line}");
        }
    }
}
