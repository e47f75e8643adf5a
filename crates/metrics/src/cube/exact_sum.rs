//! Sums of floats that do not depend on the order of the values.
//!
//! The running sum is kept exactly, as a list of floats whose bits do not overlap (an expansion), and rounded
//! once at the end, to the nearest float and half to even.
//! Source: Shewchuk, Adaptive Precision Floating-Point Arithmetic and Fast Robust Geometric Predicates, 1997.

/// 2^900: larger values are kept apart and scaled, so that no running sum can overflow.
const LARGE: f64 = power_of_two(900);
/// 2^-512: the scale of the large values.
const DOWN: f64 = power_of_two(-512);
/// 2^512: the way back.
const UP: f64 = power_of_two(512);
/// 2^-400: smaller parts would lose bits by scaling.
const SMALL: f64 = power_of_two(-400);
/// 2^488: a scaled sum below it fits a float at its own scale (2^1000) with room to spare.
const NEAR_LIMIT: f64 = power_of_two(488);
/// 2^-1000: less than any bit of a scaled sum; stands for a rest of which only the sign matters.
const TRACE: f64 = power_of_two(-1000);

/// 2 to the power of `exponent`, within the range of normal floats.
const fn power_of_two(exponent: i64) -> f64 {
    f64::from_bits((1023 + exponent).cast_unsigned() << 52)
}

/// An exact running sum; the order of additions and merges never changes its value.
#[derive(Clone, Debug, Default)]
pub(crate) struct ExactSum {
    /// Expansion in ascending magnitude, without zeros.
    parts: Vec<f64>,
    rare: Option<Box<Rare>>,
}

/// What most sums never meet: values from 2^900 on, infinities and NaN.
#[derive(Clone, Debug, Default)]
struct Rare {
    /// Expansion of the large values, scaled by 2^-512.
    scaled: Vec<f64>,
    not_a_number: bool,
    infinite: bool,
    minus_infinite: bool,
}

impl ExactSum {
    /// Adds one value.
    pub(crate) fn add(&mut self, value: f64) {
        if value.abs() < LARGE {
            grow(&mut self.parts, value);
        } else {
            self.rare.get_or_insert_default().add(value);
        }
    }

    /// Adds everything that another sum holds.
    pub(crate) fn merge(&mut self, other: &Self) {
        for part in &other.parts {
            grow(&mut self.parts, *part);
        }
        if let Some(rare) = &other.rare {
            self.rare.get_or_insert_default().merge(rare);
        }
    }

    /// The sum, correctly rounded; no values sum to zero, and negative zero never comes out.
    ///
    /// NaN if a value is NaN or infinities of both signs occur, infinite if one occurs or if the rounded sum overflows.
    pub(crate) fn value(&self) -> f64 {
        match &self.rare {
            None => rounded(&self.parts),
            Some(rare) => rare.value(&self.parts),
        }
    }
}

impl Rare {
    fn add(&mut self, value: f64) {
        if value.is_nan() {
            self.not_a_number = true;
        } else if value.is_finite() {
            grow(&mut self.scaled, value * DOWN);
        } else if value > 0.0 {
            self.infinite = true;
        } else {
            self.minus_infinite = true;
        }
    }

    fn merge(&mut self, other: &Self) {
        for part in &other.scaled {
            grow(&mut self.scaled, *part);
        }
        self.not_a_number |= other.not_a_number;
        self.infinite |= other.infinite;
        self.minus_infinite |= other.minus_infinite;
    }

    fn value(&self, parts: &[f64]) -> f64 {
        match (self.not_a_number, self.infinite, self.minus_infinite) {
            (true, _, _) | (_, true, true) => f64::NAN,
            (_, true, _) => f64::INFINITY,
            (_, _, true) => f64::NEG_INFINITY,
            _ => self.finite(parts),
        }
    }

    /// Both expansions together: at their own scale if the sum fits there, else scaled, where parts too small
    /// for the scale can only break a tie.
    fn finite(&self, parts: &[f64]) -> f64 {
        let mut scaled = self.scaled.clone();
        let mut small = Vec::new();
        for part in parts {
            if part.abs() < SMALL {
                small.push(*part);
            } else {
                grow(&mut scaled, part * DOWN);
            }
        }
        let fits = scaled.last().is_none_or(|top| top.abs() < NEAR_LIMIT);
        if fits {
            for part in scaled {
                grow(&mut small, part * UP);
            }
            return rounded(&small);
        }
        if let Some(rest) = small.last() {
            grow(&mut scaled, TRACE.copysign(*rest));
        }
        rounded(&scaled) * UP
    }
}

/// Adds a value to an expansion, exactly.
fn grow(parts: &mut Vec<f64>, value: f64) {
    let mut carried = value;
    let (mut next, mut kept) = (0, 0);
    while let Some(part) = parts.get(next).copied() {
        let (sum, error) = two_sum(carried, part);
        if error != 0.0 {
            parts[kept] = error;
            kept += 1;
        }
        carried = sum;
        next += 1;
    }
    parts.truncate(kept);
    if carried != 0.0 {
        parts.push(carried);
    }
}

/// The rounded sum of two floats, and what the rounding lost; exact without overflow.
fn two_sum(left: f64, right: f64) -> (f64, f64) {
    let sum = left + right;
    let right_part = sum - left;
    let left_part = sum - right_part;
    (sum, (left - left_part) + (right - right_part))
}

/// The value of an expansion, rounded once to the nearest float, half to even.
#[expect(clippy::float_cmp, reason = "a tie is recognised by exact equality")]
fn rounded(parts: &[f64]) -> f64 {
    let mut descending = parts.iter().rev().copied();
    let Some(mut high) = descending.next() else {
        return 0.0;
    };
    let mut low = 0.0;
    for part in descending.by_ref() {
        (high, low) = two_sum(high, part);
        if low != 0.0 {
            break;
        }
    }
    // Half a unit was rounded to even without seeing the parts below it: they may decide otherwise.
    let decisive = descending.next().is_some_and(|below| (below > 0.0) == (low > 0.0));
    if decisive {
        let moved = high + 2.0 * low;
        if moved - high == 2.0 * low {
            high = moved;
        }
    }
    high
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(values: &[f64]) -> f64 {
        let mut exact = ExactSum::default();
        for value in values {
            exact.add(*value);
        }
        exact.value()
    }

    fn assert_bits(found: f64, expected: f64) {
        assert_eq!(found.to_bits(), expected.to_bits(), "{found} and {expected}");
    }

    /// A stream of awkward floats: a linear congruential generator over signs, exponents and fractions.
    fn awkward(count: usize) -> Vec<f64> {
        let mut state = 42_u64;
        std::iter::repeat_with(|| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let exponent = 1023 - 60 + (state >> 33) % 120;
            f64::from_bits((state & ((1 << 63) | ((1 << 52) - 1))) | (exponent << 52))
        })
        .take(count)
        .collect()
    }

    #[test]
    fn tenths_sum_exactly() {
        assert_bits(sum(&[0.1; 10]), 1.0);
        assert_bits(sum(&[1e16, 1.0, -1e16]), 1.0);
        assert_bits(sum(&[1e100, 1.0, -1e100, 1e-100]), 1.0);
    }

    #[test]
    fn ties_see_the_parts_below() {
        let half_unit = power_of_two(-53);
        assert_bits(sum(&[1.0, half_unit]), 1.0);
        assert_bits(sum(&[1.0, half_unit, 1e-30]), 1.0 + f64::EPSILON);
        assert_bits(sum(&[1.0, half_unit, -1e-30]), 1.0);
        assert_bits(sum(&[1.0 + f64::EPSILON, half_unit, -1e-30]), 1.0 + f64::EPSILON);
    }

    #[test]
    fn order_and_split_do_not_matter() {
        let values = awkward(2_000);
        let expected = sum(&values);
        let mut turned = values.clone();
        for step in [1, 7, 333, 1_999] {
            turned.rotate_left(step);
            assert_bits(sum(&turned), expected);
            turned.reverse();
            assert_bits(sum(&turned), expected);
        }
        turned.sort_unstable_by(f64::total_cmp);
        assert_bits(sum(&turned), expected);
        for size in [1, 3, 500] {
            let mut whole = ExactSum::default();
            for share in values.chunks(size) {
                let mut part = ExactSum::default();
                for value in share {
                    part.add(*value);
                }
                whole.merge(&part);
            }
            assert_bits(whole.value(), expected);
        }
    }

    #[test]
    fn integers_agree_with_integer_arithmetic() {
        let values: Vec<i64> = (0..1_000).map(|n| n * n * 7_919 - 4_000_000).collect();
        let total: i64 = values.iter().sum();
        #[expect(clippy::cast_precision_loss, reason = "all are below 2^53")]
        let (floats, expected): (Vec<f64>, f64) = (values.iter().map(|n| *n as f64).collect(), total as f64);
        assert_bits(sum(&floats), expected);
    }

    #[test]
    fn running_sums_may_pass_the_largest_float() {
        let max = f64::MAX;
        assert_bits(sum(&[max, max, -max]), max);
        assert_bits(sum(&[-max, max, max, 1.0]), max);
        assert_bits(sum(&[max, max, -max, -max, 1e-300]), 1e-300);
        assert_bits(sum(&[max, max]), f64::INFINITY);
        assert_bits(sum(&[-max, -max, 5.0]), f64::NEG_INFINITY);
        // Half a unit above the largest float is a tie that goes to infinity; a trace less stays.
        let half_unit = power_of_two(970);
        assert_bits(sum(&[max, half_unit]), f64::INFINITY);
        assert_bits(sum(&[max, half_unit, -1e-300]), max);
        assert_bits(sum(&[max, half_unit, -1e-320]), max);
    }

    #[test]
    fn values_that_are_not_numbers_have_one_answer() {
        let infinity = f64::INFINITY;
        assert_bits(sum(&[1.0, infinity]), infinity);
        assert_bits(sum(&[-infinity, f64::MAX, 1.0]), -infinity);
        assert_bits(sum(&[infinity, -infinity]), f64::NAN);
        assert_bits(sum(&[-infinity, 3.0, infinity]), f64::NAN);
        assert_bits(sum(&[-f64::NAN, infinity]), f64::NAN);
    }

    #[test]
    fn zeros_and_the_smallest_floats() {
        assert_bits(sum(&[]), 0.0);
        assert_bits(sum(&[-0.0, -0.0]), 0.0);
        assert_bits(sum(&[2.5, -2.5]), 0.0);
        let least = f64::from_bits(1);
        assert_bits(sum(&[least, least, -1e300, 1e300]), f64::from_bits(2));
    }
}
