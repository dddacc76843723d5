//! Amounts and quantities, exact to the last digit.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, Sub};
use std::str::FromStr;

use bigdecimal::BigDecimal;
use bigdecimal::num_bigint::Sign;

/// Holds an exact decimal as Upvest's documentation of amounts has it: up to 63 integer and 27 fraction digits, in a
/// string, never a float.
///
/// ```
/// use upvest::decimal::Decimal;
///
/// let prices: [Decimal; 2] = ["0.1".parse()?, "0.2".parse()?];
/// let sum: Decimal = prices.into_iter().sum();
/// assert_eq!(sum, "0.3".parse()?);
/// assert_eq!(sum.to_string(), "0.3");
/// assert!("1e3".parse::<Decimal>().is_err());
/// # Ok::<(), upvest::decimal::DecimalError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Decimal(BigDecimal);

/// Says that a text is not a decimal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a decimal of at most 63 integer and 27 fraction digits")]
pub struct DecimalError;

impl FromStr for Decimal {
    type Err = DecimalError;

    fn from_str(text: &str) -> Result<Self, DecimalError> {
        let unsigned = text.strip_prefix('-').unwrap_or(text);
        let (integer, fraction) = match unsigned.split_once('.') {
            Some((_, "")) => return Err(DecimalError),
            Some((integer, fraction)) => (integer, fraction),
            None => (unsigned, ""),
        };
        // By hand, because the library takes `1e3` and `+1` too. By Upvest's pattern `.5` is a decimal.
        let digits = |part: &str, most: usize| part.len() <= most && part.bytes().all(|b| b.is_ascii_digit());
        if integer.is_empty() && fraction.is_empty() || !digits(integer, 63) || !digits(fraction, 27) {
            return Err(DecimalError);
        }
        BigDecimal::from_str(text).map(Self).map_err(|_| DecimalError)
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.to_plain_string())
    }
}

impl Add for Decimal {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl Sub for Decimal {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(self.0 - other.0)
    }
}

impl Decimal {
    /// Tells whether it is more than zero.
    #[must_use]
    pub fn is_positive(&self) -> bool {
        self.0.sign() == Sign::Plus
    }
}

impl Sum for Decimal {
    fn sum<I: Iterator<Item = Self>>(parts: I) -> Self {
        parts.fold(Self::default(), Add::add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(parts: &[&str]) -> String {
        parts
            .iter()
            .map(|part| part.parse::<Decimal>().unwrap())
            .sum::<Decimal>()
            .to_string()
    }

    #[test]
    fn sums_are_exact_where_floats_are_not() {
        assert_eq!(sum(&["0.1", "0.2"]), "0.3");
        assert_eq!(
            sum(&["852.20", "-0.000000000000000000000000001"]),
            "852.199999999999999999999999999"
        );
        let large = "9".repeat(63);
        assert_eq!(sum(&[&large, "1"]), format!("1{}", "0".repeat(63)));
    }

    #[test]
    fn a_sum_does_not_depend_on_the_order_of_its_parts() {
        assert_eq!(sum(&["1", "0.50", ".25"]), sum(&[".25", "1", "0.50"]));
        assert_eq!(sum(&[]), "0");
    }

    #[test]
    fn what_is_not_a_plain_decimal_is_refused() {
        let too_long = "1".repeat(64);
        for text in [
            "", "-", ".", "1.", "1e5", "+1", " 1", "1,5", "NaN", "0x1", "--1", &too_long,
        ] {
            assert_eq!(text.parse::<Decimal>(), Err(DecimalError), "{text}");
        }
    }
}
