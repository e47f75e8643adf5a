//! Numbers of many rows in the room that they take: most are small whole numbers.
//!
//! In: the numbers of one row after the other. Out: the number of any row, to the bit.

use arrow::array::{Array, ArrowPrimitiveType, PrimitiveArray};
use arrow::datatypes::{Decimal128Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type};

/// The rows of a page.
const PAGE: usize = 1 << 12;

/// Numbers of a type, and what they are as whole numbers.
pub(super) trait Packs: ArrowPrimitiveType {
    /// The same as a whole number; `None` where that would not be the same to the bit.
    fn whole(number: Self::Native) -> Option<i64>;

    /// The number that is this whole number.
    fn of(whole: i64) -> Self::Native;
}

impl Packs for Int64Type {
    fn whole(number: i64) -> Option<i64> {
        Some(number)
    }

    fn of(whole: i64) -> i64 {
        whole
    }
}

impl Packs for Decimal128Type {
    fn whole(number: i128) -> Option<i64> {
        number.try_into().ok()
    }

    fn of(whole: i64) -> i128 {
        whole.into()
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "what is not the same again is not taken")]
impl Packs for Float64Type {
    fn whole(number: f64) -> Option<i64> {
        let whole = number as i64;
        (Self::of(whole).to_bits() == number.to_bits()).then_some(whole)
    }

    fn of(whole: i64) -> f64 {
        whole as f64
    }
}

/// A column of numbers; a row may lack one.
#[derive(Debug)]
pub(super) struct Packed<T: Packs> {
    pages: Vec<Page<T>>,
    /// The numbers after the last page.
    last: Vec<Option<T::Native>>,
}

/// The numbers of as many rows as a page has, in the narrowest type that holds all of them.
#[derive(Debug)]
enum Page<T: Packs> {
    /// No row has one.
    Nothing,
    Bytes(PrimitiveArray<Int8Type>),
    Shorts(PrimitiveArray<Int16Type>),
    Ints(PrimitiveArray<Int32Type>),
    Longs(PrimitiveArray<Int64Type>),
    AsTheyAre(PrimitiveArray<T>),
}

impl<T: Packs> Default for Packed<T> {
    fn default() -> Self {
        Self { pages: Vec::new(), last: Vec::new() }
    }
}

impl<T: Packs> Packed<T> {
    /// Adds the number of the next row.
    pub(super) fn push(&mut self, number: Option<T::Native>) {
        self.last.push(number);
        if self.last.len() == PAGE {
            self.pages.push(Page::of(&self.last));
            self.last.clear();
        }
    }

    /// The number of a row.
    pub(super) fn at(&self, row: usize) -> Option<T::Native> {
        let (page, row) = (self.pages.get(row / PAGE), row % PAGE);
        page.map_or_else(|| self.last.get(row).copied().flatten(), |page| page.at(row))
    }
}

impl<T: Packs> Page<T> {
    fn of(numbers: &[Option<T::Native>]) -> Self {
        if numbers.iter().all(Option::is_none) {
            return Self::Nothing;
        }
        let wholes = numbers.iter().map(|number| number.map_or(Some(None), |number| T::whole(number).map(Some))).collect::<Option<Vec<Option<i64>>>>();
        let narrow = |wholes: Vec<Option<i64>>| {
            let (bytes, shorts, ints) = (|| narrowed(&wholes).map(Self::Bytes), || narrowed(&wholes).map(Self::Shorts), || narrowed(&wholes).map(Self::Ints));
            bytes().or_else(shorts).or_else(ints).unwrap_or_else(|| Self::Longs(wholes.iter().copied().collect()))
        };
        wholes.map_or_else(|| Self::AsTheyAre(numbers.iter().copied().collect()), narrow)
    }

    fn at(&self, row: usize) -> Option<T::Native> {
        match self {
            Self::Nothing => None,
            Self::Bytes(wholes) => value(wholes, row).map(|whole| T::of(whole.into())),
            Self::Shorts(wholes) => value(wholes, row).map(|whole| T::of(whole.into())),
            Self::Ints(wholes) => value(wholes, row).map(|whole| T::of(whole.into())),
            Self::Longs(wholes) => value(wholes, row).map(T::of),
            Self::AsTheyAre(numbers) => value(numbers, row),
        }
    }
}

/// Whole numbers in a narrower type; `None` where one of them has no place there.
fn narrowed<N: ArrowPrimitiveType<Native: TryFrom<i64>>>(wholes: &[Option<i64>]) -> Option<PrimitiveArray<N>> {
    wholes.iter().map(|whole| whole.map_or(Some(None), |whole| N::Native::try_from(whole).ok().map(Some))).collect()
}

fn value<N: ArrowPrimitiveType>(numbers: &PrimitiveArray<N>, row: usize) -> Option<N::Native> {
    numbers.is_valid(row).then(|| numbers.value(row))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pages of every width, a page without numbers and rows after the last: numbers come back to the bit.
    #[test]
    fn numbers_come_back_to_the_bit() {
        let odd = [0.0, -0.0, 0.5, f64::NAN, f64::INFINITY, 1e300, -7.0, 9_007_199_254_740_993.0];
        let double = |row: usize| f64::from(u32::try_from(row).unwrap());
        let of_page = |page: usize, row: usize| match page {
            0 => Some(odd[row % odd.len()]),
            1 => (!row.is_multiple_of(3)).then_some(double(row % 100) - 50.0),
            2 => Some(double(row)),
            3 => Some(double(row) * 1e5 - 1e8),
            4 => Some(double(row) * 1e12),
            5 => None,
            _ => (row == 2).then_some(4.0),
        };
        let rows = 6 * PAGE + 3;
        let mut packed = Packed::<Float64Type>::default();
        (0..rows).for_each(|row| packed.push(of_page(row / PAGE, row % PAGE)));
        let bits = |number: Option<f64>| number.map(f64::to_bits);
        (0..rows).for_each(|row| assert_eq!(bits(packed.at(row)), bits(of_page(row / PAGE, row % PAGE)), "row {row}"));
        let kinds: Vec<String> = packed.pages.iter().map(|page| format!("{page:?}").split('(').next().unwrap().to_owned()).collect();
        assert_eq!(kinds, ["AsTheyAre", "Bytes", "Shorts", "Ints", "Longs", "Nothing"]);
        assert_eq!(packed.last.len(), 3);
    }

    #[test]
    fn decimals_and_counts_of_any_size_come_back() {
        let amounts = [Some(i128::MAX), None, Some(-1), Some(i128::from(i64::MIN))];
        let (mut packed, mut counts) = (Packed::<Decimal128Type>::default(), Packed::<Int64Type>::default());
        (0..PAGE).for_each(|row| packed.push(amounts[row % 4]));
        (0..PAGE).for_each(|row| packed.push(amounts[1 + row % 3]));
        (0..PAGE).for_each(|row| counts.push(i64::try_from(row).ok().map(|row| i64::MIN + row)));
        for row in 0..PAGE {
            assert_eq!((packed.at(row), packed.at(PAGE + row)), (amounts[row % 4], amounts[1 + row % 3]));
            assert_eq!(counts.at(row), i64::try_from(row).ok().map(|row| i64::MIN + row));
        }
        assert!(matches!(packed.pages[..], [Page::AsTheyAre(_), Page::Longs(_)]), "only numbers that need it take 16 bytes");
    }
}
