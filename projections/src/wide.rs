//! Sums beyond 64 bits, in two columns that SQL can add without ever overflowing.
//!
//! A sum is `over × 2^62 + low` with `0 ≤ low < 2^62`. Two lows add up below 2^63, and the carry is
//! a shift. As long as nobody holds more than 2^62 of anything, `over` is 0 and `low` is the sum.

/// Bits in the low column.
pub const BITS: u32 = 62;

/// The largest low part.
pub const LOW_MAX: i64 = (1 << BITS) - 1;

/// A sum of 128 bits that lies as other numbers do: cells are many, and would all be as wide and as
/// aligned as the widest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[repr(C, packed(8))]
pub struct Sum(i128);

impl Sum {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// The number.
    pub const fn get(self) -> i128 {
        self.0
    }
}

impl<T: Into<i128>> From<T> for Sum {
    fn from(number: T) -> Self {
        Self(number.into())
    }
}

/// The two parts of a sum: low, over.
pub fn split(sum: i128) -> (i64, i64) {
    let low = i64::try_from(sum & i128::from(LOW_MAX)).unwrap_or(LOW_MAX);
    (low, saturate(sum >> BITS))
}

/// The sum of two parts.
pub fn join(low: i64, over: i64) -> i128 {
    i128::from(over).saturating_mul(1 << BITS).saturating_add(low.into())
}

/// The nearest number of 64 bits.
pub fn saturate(sum: i128) -> i64 {
    i64::try_from(sum).unwrap_or(if sum < 0 { -i64::MAX } else { i64::MAX })
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "the ranges are small")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn parts_join_to_the_sum(sum in any::<i64>(), times in 1_i128..1_000_000) {
            let sum = i128::from(sum) * times;
            let (low, over) = split(sum);
            prop_assert!((0..=LOW_MAX).contains(&low));
            prop_assert_eq!(join(low, over), sum);
        }

        #[test]
        fn parts_add_up_as_sql_adds_them(left in any::<i64>(), right in any::<i64>()) {
            let ((a, b), (c, d)) = (split(left.into()), split(right.into()));
            let low = a + c;
            let sum = join(low & LOW_MAX, b + d + (low >> BITS));
            prop_assert_eq!(sum, i128::from(left) + i128::from(right));
        }
    }
}
