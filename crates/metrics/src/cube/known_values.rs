//! Values of a column by numbers that hold over all lots of its rows.
//!
//! In: the different values of a lot. Out: a number for each, the same for the same value in every lot.
//! The values are kept as bytes in one piece, since there may be as many as rows.

use std::hash::Hasher;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::DataType;
use arrow::row::{RowConverter, SortField};
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use super::error::CubeError;
use super::fold_hasher::FoldHasher;

/// The values that were met.
#[derive(Debug, Default)]
pub(crate) struct KnownValues {
    bytes: Vec<u8>,
    /// Where each value ends in the bytes.
    ends: Vec<usize>,
    numbers: HashTable<u32>,
}

impl KnownValues {
    /// The numbers of some values; of null it says nothing.
    ///
    /// Errors: a type without an order of its own, or more values than 32 bits number.
    pub(crate) fn numbers(&mut self, column: &str, values: &ArrayRef) -> Result<Vec<u32>, CubeError> {
        let numbers = match values.data_type() {
            DataType::Utf8 => self.all(values.as_string::<i32>().iter().map(|text| text.unwrap_or_default().as_bytes())),
            DataType::LargeUtf8 => self.all(values.as_string::<i64>().iter().map(|text| text.unwrap_or_default().as_bytes())),
            DataType::Utf8View => self.all(values.as_string_view().iter().map(|text| text.unwrap_or_default().as_bytes())),
            data_type => {
                let rows = RowConverter::new(vec![SortField::new(data_type.clone())]).and_then(|converter| converter.convert_columns(std::slice::from_ref(values)));
                let rows = rows.map_err(|source| CubeError::Arrow { doing: format!("comparing values of column `{column}`"), source })?;
                // A row is bytes that are the same for the same value.
                self.all(rows.iter().map(|row| row.data()))
            }
        };
        numbers.ok_or_else(|| CubeError::TooManyValues { what: format!("column `{column}`") })
    }

    fn all<'v>(&mut self, values: impl Iterator<Item = &'v [u8]>) -> Option<Vec<u32>> {
        values.map(|value| self.number(value)).collect()
    }

    /// `None` where 32 bits do not suffice.
    fn number(&mut self, value: &[u8]) -> Option<u32> {
        let (bytes, ends) = (&mut self.bytes, &mut self.ends);
        let next = u32::try_from(ends.len()).ok()?;
        let known = |number: u32| known(bytes, ends, number);
        match self.numbers.entry(hash_of(value), |number| known(*number) == value, |number| hash_of(known(*number))) {
            Entry::Occupied(entry) => Some(*entry.get()),
            Entry::Vacant(entry) => {
                entry.insert(next);
                bytes.extend_from_slice(value);
                ends.push(bytes.len());
                Some(next)
            }
        }
    }
}

/// The value of a number.
fn known<'b>(bytes: &'b [u8], ends: &[usize], number: u32) -> &'b [u8] {
    let place = number as usize;
    let start = place.checked_sub(1).map_or(0, |before| ends[before]);
    &bytes[start..ends[place]]
}

fn hash_of(value: &[u8]) -> u64 {
    let mut hasher = FoldHasher::default();
    hasher.write(value);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Float64Array, Int64Array, StringArray, StringViewArray};

    use super::*;

    #[test]
    fn a_value_has_one_number_in_all_lots() {
        let mut known = KnownValues::default();
        let long = "a text that is longer than a view";
        let lots: [ArrayRef; 3] = [
            Arc::new(StringViewArray::from(vec!["b", long, ""])),
            Arc::new(StringArray::from(vec![long, "a", "b"])),
            Arc::new(StringViewArray::from((0..5_000).map(|n| format!("O{n}")).collect::<Vec<_>>())),
        ];
        let numbers: Vec<Vec<u32>> = lots.iter().map(|lot| known.numbers("order_id", lot).unwrap()).collect();
        assert_eq!(numbers[..2], [vec![0, 1, 2], vec![1, 3, 0]]);
        assert_eq!(numbers[2], (4..5_004).collect::<Vec<_>>());
        assert_eq!(known.numbers("order_id", &lots[2].slice(4_000, 2)).unwrap(), [4_004, 4_005]);
    }

    #[test]
    fn numbers_are_values_too() {
        let numbers = |first: ArrayRef, second: ArrayRef| {
            let mut known = KnownValues::default();
            known.numbers("amount", &first).unwrap();
            known.numbers("amount", &second).unwrap()
        };
        assert_eq!(numbers(Arc::new(Int64Array::from(vec![5, -7])), Arc::new(Int64Array::from(vec![-7, 256, 5]))), [1, 2, 0]);
        assert_eq!(numbers(Arc::new(Float64Array::from(vec![0.0, f64::NAN])), Arc::new(Float64Array::from(vec![f64::NAN, 0.5]))), [1, 2]);
    }
}
