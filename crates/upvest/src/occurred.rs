//! The place of an event among the events of its entity, as text whose order is that of the events.

use std::fmt;

use crate::category::Rank;
use crate::time::Instant;

/// Places an event in its entity's time line.
///
/// Places are computed once, when an event is stored, and never again: they are what the fold orders by, and the sort key of
/// the log's index `by-aggregate`. They compare by their fields in this order, and their texts
/// (`2021-07-21T14:10:00.5#2020#2021-07-21T14:10:00#2021-07-21T14:10:03.25#00007#<event id>`) compare as they do:
///
/// 1. `created_at`, because Upvest's events say when they happened;
/// 2. the lifecycle's rank, because Upvest's times often have whole seconds, and an order that is filled within its second
///    ends filled;
/// 3. the object's `updated_at`, because ranks that can be left again (`LOCKED`, `ACTIVE`) are the same;
/// 4. the receipt of the delivery that stored the event, and
/// 5. the event's position in it, because the one that Upvest sent last is the newest;
/// 6. the event's id, so that no two events are at one place.
///
/// ```
/// use upvest::Occurred;
///
/// let new = Occurred::from_stored("2021-07-21T14:10:00#1010##2021-07-21T14:10:03#00000#e2")?;
/// let filled = Occurred::from_stored("2021-07-21T14:10:00#3030##2021-07-21T14:10:01#00000#e1")?;
/// // Of the same second; the later step of the lifecycle is the later event, though it was received first.
/// assert!(new < filled);
/// assert!(new.to_string() < filled.to_string());
/// # Ok::<(), upvest::occurred::OccurredError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Occurred {
    /// Tells when the event was created; see [`Placement`](crate::Placement) for what counts where Upvest does not say.
    pub created_at: Instant,
    /// Ranks how far its object is along the lifecycle.
    pub rank: Rank,
    /// Tells when its object was last updated (`updated_at`), if it says so.
    pub updated_at: Option<Instant>,
    /// Tells when the delivery that stored it was received.
    pub received_at: Instant,
    /// Counts the elements before it in that delivery.
    pub position: u16,
    /// Identifies the event, and parts those that agree in all else.
    pub event_id: String,
}

/// Says that a text is not a place that [`Occurred`] wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the place of an event in a time line")]
pub struct OccurredError;

impl Occurred {
    /// Takes back a text that `Display` wrote, for example from a table or a message.
    ///
    /// # Errors
    ///
    /// [`OccurredError`] when the text does not have that form.
    pub fn from_stored(text: &str) -> Result<Self, OccurredError> {
        let mut fields = text.splitn(6, '#');
        let mut field = || fields.next().ok_or(OccurredError);
        let instant = |text: &str| Instant::from_sortable(text).map_err(|_| OccurredError);
        Ok(Self {
            created_at: instant(field()?)?,
            rank: Rank::from_stored(field()?).ok_or(OccurredError)?,
            updated_at: Some(field()?)
                .filter(|text| !text.is_empty())
                .map(instant)
                .transpose()?,
            received_at: instant(field()?)?,
            position: Some(field()?)
                // Of digits alone, because the library also reads `+0007`, and a place has one text.
                .filter(|text| text.len() == 5 && text.bytes().all(|byte| byte.is_ascii_digit()))
                .and_then(|digits| digits.parse().ok())
                .ok_or(OccurredError)?,
            event_id: field()?.to_owned(),
        })
    }
}

impl fmt::Display for Occurred {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            // Five digits for the position (`MAX_EVENTS`): texts of two lengths would not sort as numbers.
            "{}#{}#{}#{}#{:05}#{}",
            self.created_at.sortable(),
            self.rank,
            self.updated_at.map(|at| at.sortable()).unwrap_or_default(),
            self.received_at.sortable(),
            self.position,
            self.event_id
        )
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> Instant {
        Instant::parse(text).unwrap()
    }

    fn place() -> Occurred {
        Occurred {
            created_at: at("2021-07-21T14:10:00.5Z"),
            rank: Rank::from_number(2020).unwrap(),
            updated_at: Some(at("2021-07-21T14:10:00Z")),
            received_at: at("2021-07-21T14:10:03.25Z"),
            position: 7,
            event_id: "e1".to_owned(),
        }
    }

    #[test]
    fn a_place_is_a_text_that_comes_back_whole() {
        let text = "2021-07-21T14:10:00.5#2020#2021-07-21T14:10:00#2021-07-21T14:10:03.25#00007#e1";
        assert_eq!(place().to_string(), text);
        assert_eq!(Occurred::from_stored(text), Ok(place()));
        let without = Occurred {
            updated_at: None,
            ..place()
        };
        assert_eq!(Occurred::from_stored(&without.to_string()), Ok(without));
    }

    #[test]
    fn what_was_edited_by_hand_is_no_place() {
        let good = place().to_string();
        for (from, to) in [
            ("00.5#", "00.50#"),
            ("00.5#", "00.5Z#"),
            ("#2020#", "#220#"),
            ("#2020#", "##"),
            ("#00007#", "#7#"),
            ("#00007#", "#99999#"),
            ("#00007#e1", "#00007"),
            ("2021-07-21T14:10:03.25", ""),
        ] {
            assert_eq!(
                Occurred::from_stored(&good.replace(from, to)),
                Err(OccurredError),
                "{from} {to}"
            );
        }
    }

    #[test]
    fn each_field_decides_where_those_before_it_agree() {
        let base = place();
        let ascending = [
            base.clone(),
            Occurred {
                event_id: "e2".to_owned(),
                ..base.clone()
            },
            Occurred {
                position: 8,
                event_id: "e0".to_owned(),
                ..base.clone()
            },
            Occurred {
                received_at: at("2021-07-21T14:10:03.3Z"),
                position: 0,
                ..base.clone()
            },
            Occurred {
                updated_at: Some(at("2021-07-21T14:10:00.1Z")),
                received_at: at("2021-07-21T14:10:01Z"),
                ..base.clone()
            },
            Occurred {
                rank: Rank::from_number(3030).unwrap(),
                updated_at: None,
                ..base.clone()
            },
            Occurred {
                created_at: at("2021-07-21T14:10:00.500000000001Z"),
                rank: Rank::UNKNOWN,
                ..base.clone()
            },
        ];
        let texts: Vec<String> = ascending.iter().map(Occurred::to_string).collect();
        assert!(ascending.is_sorted_by(|one, next| one < next), "{ascending:?}");
        assert!(texts.is_sorted_by(|one, next| one < next), "{texts:?}");
    }

    fn any_place() -> impl Strategy<Value = Occurred> {
        let instant = || {
            let fractions = prop_oneof![Just(0), Just(500_000_000_000), Just(500_000_000_001)];
            (1_600_000_000..1_600_000_003_i64, fractions)
                .prop_map(|(seconds, picoseconds)| Instant { seconds, picoseconds })
        };
        let rank = prop_oneof![Just(0), Just(1010), Just(2010), Just(2020)]
            .prop_map(|number| Rank::from_number(number).unwrap());
        (
            instant(),
            rank,
            proptest::option::of(instant()),
            instant(),
            0..3_u16,
            "[a-c-]{1,2}",
        )
            .prop_map(
                |(created_at, rank, updated_at, received_at, position, event_id)| Occurred {
                    created_at,
                    rank,
                    updated_at,
                    received_at,
                    position,
                    event_id,
                },
            )
    }

    proptest! {
        #[test]
        fn texts_compare_as_the_places_do(one in any_place(), other in any_place()) {
            prop_assert_eq!(one.to_string().cmp(&other.to_string()), one.cmp(&other));
            prop_assert_eq!(Occurred::from_stored(&one.to_string()), Ok(one));
        }
    }
}
