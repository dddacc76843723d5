//! What is reckoned from measurements: the middle, the spread, and how two of them compare.

use serde::Serialize;

/// Describes measurements by their middle and their ends. The middle is the median, because one disturbed run must not
/// count.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    /// Gives the least of the figures that were measured.
    pub low: f64,
    /// Gives the one in the middle, or the mean of the two in the middle.
    pub median: f64,
    /// Gives the greatest of the figures that were measured.
    pub high: f64,
}

impl Spread {
    /// Describes measurements; `None` when there are none.
    #[must_use]
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let (low, high) = (*values.first()?, *values.last()?);
        let half = values.len() / 2;
        let median = if values.len().is_multiple_of(2) {
            f64::midpoint(values[half - 1], values[half])
        } else {
            values[half]
        };
        Some(Self { low, median, high })
    }

    /// Writes the median with its spread, with so many decimals.
    #[must_use]
    pub fn show(&self, decimals: usize) -> String {
        let Self { low, median, high } = self;
        format!("{median:.decimals$} ({low:.decimals$}-{high:.decimals$})")
    }

    /// Says how many times as much this is as another: the ratio of the medians, to two decimals.
    #[must_use]
    pub fn times(&self, other: &Self) -> f64 {
        round(self.median / other.median, 2)
    }
}

/// Rounds a figure to so many decimals.
#[must_use]
pub fn round(value: f64, decimals: i32) -> f64 {
    let scale = 10_f64.powi(decimals);
    (value * scale).round() / scale
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_one_in_the_middle_or_between_the_two_in_the_middle() {
        let median = |values: &[f64]| Spread::of(values.iter().copied()).map(|spread| spread.median);
        assert_eq!(median(&[3.0, 1.0, 200.0]), Some(3.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 200.0]), Some(3.0));
        assert_eq!(median(&[]), None);
    }

    #[test]
    fn a_spread_has_the_ends_and_compares_by_its_middle() {
        let ours = Spread::of([2.0, 1.0, 4.0]).unwrap();
        let theirs = Spread::of([6.9, 7.0, 7.5]).unwrap();
        assert_eq!((ours.low, ours.high), (1.0, 4.0));
        assert_eq!(ours.show(1), "2.0 (1.0-4.0)");
        assert_eq!(theirs.times(&ours), 3.5);
        assert_eq!(round(1.0 / 3.0, 2), 0.33);
    }
}
