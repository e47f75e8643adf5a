//! Percentiles of a group.
//!
//! In: all values of the group that are not null. Out: one number, null without a value.

use arrow::array::ArrowNativeTypeOp;

use super::states::State;

/// Which value of a group is asked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Rank {
    /// From 0 (lowest) to 1 (highest).
    pub(crate) rank: f64,
    /// A value that occurs, instead of a point between two.
    pub(crate) discrete: bool,
}

impl Rank {
    /// The value at the rank; `number` turns a value into a float and keeps the order.
    pub(crate) fn of<N: ArrowNativeTypeOp>(self, values: Values<N>, number: impl Fn(N) -> f64) -> Option<f64> {
        if self.discrete { values.discrete(self.rank, number) } else { values.continuous(self.rank, number) }
    }
}

/// The values of a group, in the order they came.
#[derive(Clone, Debug, Default)]
pub(crate) struct Values<N> {
    values: Vec<N>,
}

impl<N: ArrowNativeTypeOp> State for Values<N> {
    type Value = N;

    fn add(&mut self, value: Option<N>) {
        self.values.extend(value);
    }

    fn merge(&mut self, mut other: Self) {
        if self.values.is_empty() { *self = other } else { self.values.append(&mut other.values) }
    }
}

impl<N: ArrowNativeTypeOp> Values<N> {
    /// Linear interpolation between the two values closest to place `rank * (n - 1)`.
    ///
    /// `rank` is within 0 to 1; `number` turns a value into a float and keeps the order.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the place is a whole number between 0 and the last index")]
    fn continuous(mut self, rank: f64, number: impl Fn(N) -> f64) -> Option<f64> {
        let last = self.values.len().checked_sub(1)?;
        let place = float(last) * rank;
        let below = (place.floor() as usize).min(last);
        let (_, low, above) = self.values.select_nth_unstable_by(below, |left, right| left.compare(*right));
        let low = number(*low);
        let high = above.iter().copied().min_by(|left, right| left.compare(*right)).map_or(low, &number);
        Some(between(low, high, place - float(below)))
    }

    /// The smallest value at or below which a share of at least `rank` of the values lies.
    ///
    /// `rank` is within 0 to 1; rank 0 is the lowest value.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the estimate is a whole number between 0 and the number of values")]
    fn discrete(mut self, rank: f64, number: impl Fn(N) -> f64) -> Option<f64> {
        let count = self.values.len();
        if count == 0 {
            return None;
        }
        let share = |taken: usize| float(taken) / float(count);
        // The product is off by a rounding at times; the shares themselves decide.
        let mut taken = ((rank * float(count)).ceil() as usize).clamp(1, count);
        while taken > 1 && share(taken - 1) >= rank {
            taken -= 1;
        }
        while taken < count && share(taken) < rank {
            taken += 1;
        }
        let (_, value, _) = self.values.select_nth_unstable_by(taken - 1, |left, right| left.compare(*right));
        Some(number(*value))
    }
}

/// The point at `share` of the way from `low` to `high`.
fn between(low: f64, high: f64, share: f64) -> f64 {
    if share <= 0.0 || low.total_cmp(&high).is_eq() {
        return low;
    }
    let span = high - low;
    if span.is_finite() { low + span * share } else { low * (1.0 - share) + high * share }
}

#[expect(clippy::cast_precision_loss, reason = "the values of a group are in memory, so their number is below 2^53")]
fn float(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(numbers: &[i32]) -> Values<f64> {
        let mut state = Values::default();
        for number in numbers {
            state.add(Some(f64::from(*number)));
        }
        state
    }

    #[test]
    fn continuous_interpolates() {
        let numbers = [40, 10, 30, 20];
        let at = |rank| values(&numbers).continuous(rank, |number| number);
        assert_eq!(at(0.0), Some(10.0));
        // Place 0.5 * 3 = 1.5: half way from 20 to 30.
        assert_eq!(at(0.5), Some(25.0));
        // Place 0.25 * 3 = 0.75: three quarters of the way from 10 to 20.
        assert_eq!(at(0.25), Some(17.5));
        assert_eq!(at(1.0), Some(40.0));
        assert_eq!(values(&[]).continuous(0.5, |number| number), None);
        assert_eq!(values(&[7]).continuous(0.9, |number| number), Some(7.0));
    }

    #[test]
    fn discrete_takes_the_first_value_that_reaches_the_rank() {
        let numbers: Vec<i32> = (1..=100).rev().collect();
        let at = |rank| values(&numbers).discrete(rank, |number| number);
        // 0.07 * 100 is 7.000000000000001 in floats; 7 of 100 is the share asked all the same.
        assert_eq!(at(0.07), Some(7.0));
        assert_eq!(at(0.075), Some(8.0));
        assert_eq!(at(0.0), Some(1.0));
        assert_eq!(at(1.0), Some(100.0));
        assert_eq!(values(&[1, 2]).discrete(0.5, |number| number), Some(1.0));
        assert_eq!(values(&[]).discrete(0.5, |number| number), None);
    }

    #[test]
    fn infinite_and_huge_spans() {
        assert_eq!(between(f64::NEG_INFINITY, 5.0, 0.5).to_bits(), f64::NEG_INFINITY.to_bits());
        assert_eq!(between(f64::INFINITY, f64::INFINITY, 0.5).to_bits(), f64::INFINITY.to_bits());
        assert_eq!(between(-f64::MAX, f64::MAX, 0.5).to_bits(), 0.0_f64.to_bits());
    }

    #[test]
    fn merged_parts_are_the_whole() {
        let mut left = values(&[5, 1]);
        left.merge(values(&[3]));
        assert_eq!(left.continuous(0.5, |number| number), Some(3.0));
    }
}
