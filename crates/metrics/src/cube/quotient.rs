//! Division of whole numbers to the nearest float.
//!
//! In: an exact sum and what to divide it by. Out: the quotient, rounded once.

use arrow::datatypes::i256;

/// `numerator / divisor` as the nearest float, half to even; 0 divided by anything is 0.
///
/// The divisor is positive and below 2^191: a row count times a power of ten up to 10^38.
pub(crate) fn quotient(numerator: i128, divisor: i256) -> f64 {
    let magnitude = i256::from_i128(numerator).wrapping_abs();
    // Enough bits in front of the point that all the rest only breaks ties.
    let shift = (bits(divisor) + 60).saturating_sub(bits(magnitude));
    let widened = magnitude << u8::try_from(shift).unwrap_or(u8::MAX);
    let (Some(whole), Some(rest)) = (widened.checked_div(divisor), widened.checked_rem(divisor)) else {
        return 0.0;
    };
    let (low, _) = whole.to_parts();
    let sticky = u128::from(rest != i256::ZERO);
    let value = float(low | sticky) * power_of_two(shift).recip();
    if numerator < 0 { -value } else { value }
}

/// Number of bits of a number that is not negative.
fn bits(number: i256) -> u32 {
    256 - number.leading_zeros()
}

/// 2 to the power of `exponent`, up to 2^1023.
fn power_of_two(exponent: u32) -> f64 {
    f64::from_bits((1023 + u64::from(exponent)) << 52)
}

#[expect(clippy::cast_precision_loss, reason = "rounding to the nearest float is what is asked")]
fn float(number: u128) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn divide(numerator: i128, divisor: i128) -> f64 {
        quotient(numerator, i256::from_i128(divisor))
    }

    fn assert_bits(found: f64, expected: f64) {
        assert_eq!(found.to_bits(), expected.to_bits(), "{found} and {expected}");
    }

    #[test]
    fn decimals_become_their_nearest_float() {
        assert_bits(divide(1, 10), 0.1);
        assert_bits(divide(-12_345, 100), -123.45);
        assert_bits(divide(2, 3), 2.0 / 3.0);
        assert_bits(divide(0, 7), 0.0);
        assert_bits(divide(1, 10_i128.pow(38)), 1e-38);
        assert_bits(divide(99_999_999_999_999_999_999_999_999_999_999_999_999, 1), 1e38);
    }

    #[test]
    fn large_numerators_round_half_to_even() {
        let two_53 = 1_i128 << 53;
        assert_bits(divide(two_53 + 1, 1), 9_007_199_254_740_992.0);
        assert_bits(divide(two_53 + 3, 1), 9_007_199_254_740_996.0);
        // (2^54 + 2) / 2 is a tie; a third of a row more is not.
        assert_bits(divide(2 * two_53 + 2, 2), 9_007_199_254_740_992.0);
        assert_bits(divide(3 * two_53 + 4, 3), 9_007_199_254_740_994.0);
        assert_bits(divide(i128::MIN, 1), -(2.0_f64.powi(127)));
        assert_bits(divide(i128::MAX, i128::MAX), 1.0);
    }

    #[test]
    fn the_widest_divisor_fits() {
        let divisor = i256::from_i128(10_i128.pow(38)).wrapping_mul(i256::from_i128(1 << 63));
        let found = quotient(10_i128.pow(38), divisor);
        assert_bits(found, 2.0_f64.powi(-63));
    }
}
