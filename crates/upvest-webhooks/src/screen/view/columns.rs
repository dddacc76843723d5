//! Divides the width of the list among its columns, those that matter most first.

use super::text::{TIME, TIME_TO_MS};

/// Gives the room between two columns.
pub(super) const GAP: usize = 2;
/// Gives the room before the first column: for the mark of a delivery.
pub(super) const MARK: usize = 2;
/// Says how many columns an age takes: its longest is like `59m 59s`.
const AGE: usize = 7;
/// Says how many columns the type of most events takes.
const SHORT_KIND: usize = 17;
/// Says how many columns nearly every type takes.
const KIND: usize = 28;
/// Says how many columns the type and the beginning of the id take of most entities.
const SHORT_ENTITY: usize = 15;
/// Says how many columns an entity takes: most are a category and a UUID.
const ENTITY: usize = 46;
/// Says how many columns the id of an event takes: that of a UUID.
const EVENT_ID: usize = 36;

/// Gives the columns that a status takes: few, and enough for the longest.
pub(super) const STATUS: (usize, usize) = (12, 16);
/// Gives the columns that what a program answered takes: in short, and at length.
pub(super) const ANSWER: (usize, usize) = (12, 28);

/// Says how wide each column is; 0 where there is no room for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Columns {
    pub(super) time: usize,
    pub(super) age: usize,
    pub(super) kind: usize,
    pub(super) entity: usize,
    pub(super) outcome: usize,
    pub(super) event_id: usize,
}

/// Counts the columns that are left.
struct Room(usize);

impl Room {
    /// Takes a column, if there is room for all of it.
    fn column(&mut self, width: usize) -> usize {
        if width == 0 || self.0 < GAP + width {
            return 0;
        }
        self.0 -= GAP + width;
        width
    }

    /// Makes a column as wide as this, if there is room for that, and the column.
    fn widen(&mut self, column: &mut usize, width: usize) {
        let more = width.saturating_sub(*column);
        if *column > 0 && more <= self.0 {
            self.0 -= more;
            *column = width;
        }
    }
}

impl Columns {
    /// Divides a width among the columns. What matters less is left out first, and what matters more is whole first: when and what,
    /// how it ended, what it is about, how long ago; the event's own id comes last, because a key copies it.
    pub(super) fn of(width: usize, outcome: Option<(usize, usize)>) -> Self {
        let (least, most) = outcome.unwrap_or_default();
        let mut room = Room(width.saturating_sub(MARK + TIME));
        let mut columns = Self {
            time: TIME,
            kind: room.column(SHORT_KIND),
            outcome: room.column(least),
            entity: room.column(SHORT_ENTITY),
            age: room.column(AGE),
            event_id: 0,
        };
        room.widen(&mut columns.kind, KIND);
        room.widen(&mut columns.entity, ENTITY);
        room.widen(&mut columns.outcome, most);
        room.widen(&mut columns.time, TIME_TO_MS);
        columns.event_id = room.column(EVENT_ID);
        columns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(columns: Columns) -> usize {
        let others = [
            columns.age,
            columns.kind,
            columns.entity,
            columns.outcome,
            columns.event_id,
        ];
        let others = others.into_iter().filter(|width| *width > 0);
        MARK + columns.time + others.map(|width| GAP + width).sum::<usize>()
    }

    #[test]
    fn columns_fit_every_width() {
        for outcome in [None, Some(STATUS), Some(ANSWER)] {
            for width in MARK + TIME..250 {
                let columns = Columns::of(width, outcome);
                assert!(taken(columns) <= width, "{width}: {columns:?}");
            }
        }
    }

    #[test]
    fn what_matters_less_is_left_out_first() {
        let at = |width| {
            let columns = Columns::of(width, Some(STATUS));
            [
                columns.time,
                columns.age,
                columns.kind,
                columns.entity,
                columns.outcome,
                columns.event_id,
            ]
        };
        assert_eq!(at(60), [8, 0, 17, 15, 12, 0]);
        assert_eq!(at(79), [12, 7, 17, 15, 16, 0]);
        assert_eq!(at(80), [8, 7, 28, 15, 12, 0]);
        assert_eq!(at(120), [12, 7, 28, 46, 16, 0]);
        assert_eq!(at(200), [12, 7, 28, 46, 16, 36]);
    }
}
