//! Where an event stands in its entity's time line, by the bytes that were signed: to be held against the log, which
//! alone says where it stands.

use jiff::Timestamp;
use upvest::{Event, Occurred, Placement, Receipt};

/// Computes the place of an event of a delivery.
pub(crate) fn place_of(event: &Event<'_>, received_at: Timestamp, position: usize) -> Occurred {
    Placement::of(event, &Receipt::of(received_at, position)).occurred
}

/// Tells whether two places are the same but for the rank: a later version of the table may know types of which an earlier
/// one, which stored the event, did not.
pub(crate) fn is_same_place(one: &Occurred, other: &Occurred) -> bool {
    let with_rank_of_other = Occurred {
        rank: other.rank,
        ..one.clone()
    };
    with_rank_of_other == *other
}
