//! Running aggregates of one measure in one group.
//!
//! A state takes values in any order and merges with another of its kind; neither order nor split changes its result.

use std::cmp::Ordering;

use arrow::array::ArrowNativeTypeOp;

use super::exact_sum::ExactSum;

/// A running aggregate that can be kept apart and merged later.
pub(crate) trait State: Clone + Default + Send {
    /// What it takes.
    type Value;

    /// Takes the value of a row that counts; `None` is null.
    fn add(&mut self, value: Option<Self::Value>);

    /// Takes everything that another state has taken.
    fn merge(&mut self, other: Self);
}

/// A sum that does not fit its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SumOverflow;

/// Number of values; null as long as no row counted.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Count {
    seen: bool,
    count: i64,
}

impl Count {
    pub(crate) fn value(self) -> Option<i64> {
        self.seen.then_some(self.count)
    }
}

impl State for Count {
    type Value = ();

    fn add(&mut self, value: Option<()>) {
        self.seen = true;
        self.count += i64::from(value.is_some());
    }

    fn merge(&mut self, other: Self) {
        self.seen |= other.seen;
        self.count += other.count;
    }
}

/// Exact sum of integers or decimals: 128 bits, and how often they ran over.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct WideSum {
    count: u64,
    low: i128,
    /// True sum = low + carry * 2^128; sums that run over and come back are right.
    carry: i64,
}

impl WideSum {
    fn grow(&mut self, value: i128) {
        let (low, ran_over) = self.low.overflowing_add(value);
        self.low = low;
        if ran_over {
            self.carry += if value < 0 { -1 } else { 1 };
        }
    }

    /// Number of values that are not null.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// The sum; null without a value.
    pub(crate) fn value(&self) -> Result<Option<i128>, SumOverflow> {
        if self.carry != 0 {
            return Err(SumOverflow);
        }
        Ok((self.count > 0).then_some(self.low))
    }
}

impl State for WideSum {
    type Value = i128;

    fn add(&mut self, value: Option<i128>) {
        if let Some(value) = value {
            self.count += 1;
            self.grow(value);
        }
    }

    fn merge(&mut self, other: Self) {
        self.count += other.count;
        self.carry += other.carry;
        self.grow(other.low);
    }
}

/// Exact sum of floats.
#[derive(Clone, Debug, Default)]
pub(crate) struct FloatSum {
    count: u64,
    sum: ExactSum,
}

impl FloatSum {
    /// The sum, rounded once; null without a value.
    pub(crate) fn value(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum.value())
    }

    /// The rounded sum divided by the number of values; null without a value.
    #[expect(clippy::cast_precision_loss, reason = "row counts are below 2^53")]
    pub(crate) fn average(&self) -> Option<f64> {
        self.value().map(|sum| sum / self.count as f64)
    }
}

impl State for FloatSum {
    type Value = f64;

    fn add(&mut self, value: Option<f64>) {
        if let Some(value) = value {
            self.count += 1;
            self.sum.add(value);
        }
    }

    fn merge(&mut self, other: Self) {
        self.count += other.count;
        self.sum.merge(&other.sum);
    }
}

/// Lowest value, or the highest if `HIGHEST`; null without a value.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Extreme<N, const HIGHEST: bool> {
    value: Option<N>,
}

impl<N: ArrowNativeTypeOp, const HIGHEST: bool> Extreme<N, HIGHEST> {
    pub(crate) fn value(self) -> Option<N> {
        self.value
    }
}

impl<N: ArrowNativeTypeOp, const HIGHEST: bool> State for Extreme<N, HIGHEST> {
    type Value = N;

    fn add(&mut self, value: Option<N>) {
        let wanted = if HIGHEST { Ordering::Greater } else { Ordering::Less };
        if let Some(value) = value
            && self.value.is_none_or(|kept| value.compare(kept) == wanted)
        {
            self.value = Some(value);
        }
    }

    fn merge(&mut self, other: Self) {
        self.add(other.value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state_of<S: State>(values: impl IntoIterator<Item = Option<S::Value>>) -> S {
        let mut state = S::default();
        for value in values {
            state.add(value);
        }
        state
    }

    #[test]
    fn counts_are_null_until_a_row_counts() {
        assert_eq!(Count::default().value(), None);
        assert_eq!(state_of::<Count>([None]).value(), Some(0));
        let mut count = state_of::<Count>([Some(()), None]);
        count.merge(state_of([Some(())]));
        count.merge(Count::default());
        assert_eq!(count.value(), Some(2));
    }

    #[test]
    fn wide_sums_may_run_over_and_come_back() {
        let over = state_of::<WideSum>([Some(i128::MAX), Some(2)]);
        assert_eq!(over.value(), Err(SumOverflow));
        let mut back = over;
        back.merge(state_of([Some(-3)]));
        assert_eq!(back.value(), Ok(Some(i128::MAX - 1)));
        let under = state_of::<WideSum>([Some(i128::MIN), None, Some(-1)]);
        assert_eq!(under.value(), Err(SumOverflow));
        assert_eq!(under.count(), 2);
        assert_eq!(state_of::<WideSum>([None]).value(), Ok(None));
    }

    #[test]
    fn extremes_ignore_nulls() {
        let mut low = state_of::<Extreme<i64, false>>([Some(3), None, Some(-2)]);
        low.merge(Extreme::default());
        assert_eq!(low.value(), Some(-2));
        let high = state_of::<Extreme<f64, true>>([Some(1.0), Some(f64::INFINITY)]);
        assert_eq!(high.value(), Some(f64::INFINITY));
        assert!(state_of::<Extreme<f64, true>>([Some(f64::NAN), Some(1.0)]).value().is_some_and(f64::is_nan));
        assert_eq!(state_of::<Extreme<i64, true>>([None]).value(), None);
    }

    #[test]
    fn float_sums_average_over_values_only() {
        let mut sum = state_of::<FloatSum>([Some(0.1), None]);
        sum.merge(state_of([Some(0.3)]));
        assert_eq!(sum.average(), Some(0.2));
        assert_eq!(state_of::<FloatSum>([None]).average(), None);
    }
}
