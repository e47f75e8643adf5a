//! Values of a column by numbers that hold over all lots of its rows.
//!
//! In: the values of a lot. Out: a number for each row, the same for the same value in every lot.
//! Short values are kept as they are, page by page, long ones as bytes in one piece, since there may be as many as rows.

use std::hash::Hasher;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, MAX_INLINE_VIEW_LEN};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type};
use arrow::row::{RowConverter, SortField};
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use super::error::CubeError;
use super::fold_hasher::FoldHasher;

/// The values that were met.
#[derive(Debug, Default)]
pub struct KnownValues {
    /// In the order of their numbers.
    values: Pages,
    /// The numbers, by the hash of the value: a table that grows is there twice, and is small.
    numbers: HashTable<u32>,
    /// The long values, one after the other.
    bytes: Vec<u8>,
}

/// A value of up to 15 bytes with its length in the highest byte; of a longer one, where it is among the bytes, a hash, and its length with the highest bit.
///
/// One number: two halves that are written apart and read together would make the processor wait.
type Known = u128;

/// In the length of a value that is among the bytes.
const IS_LONG: u32 = 1 << 31;

/// Values on pages of the same length: those that are there are not copied as they become more.
#[derive(Debug, Default)]
struct Pages(Vec<Vec<Known>>);

impl Pages {
    const LENGTH: usize = 1 << 16;

    fn at(&self, number: u32) -> Known {
        let number = number as usize;
        self.0[number / Self::LENGTH][number % Self::LENGTH]
    }

    fn len(&self) -> usize {
        self.0.split_last().map_or(0, |(last, full)| full.len() * Self::LENGTH + last.len())
    }

    fn push(&mut self, value: Known) {
        if let Some(last) = self.0.last_mut().filter(|last| last.len() < Self::LENGTH) {
            last.push(value);
            return;
        }
        let mut page = if self.0.is_empty() { Vec::new() } else { Vec::with_capacity(Self::LENGTH) };
        page.push(value);
        self.0.push(page);
    }
}

/// A value that is met.
#[derive(Clone, Copy)]
enum Met<'v> {
    Short(Known),
    Long(&'v [u8]),
}

impl<'v> From<&'v [u8]> for Met<'v> {
    fn from(value: &'v [u8]) -> Self {
        short(value).map_or(Self::Long(value), Self::Short)
    }
}

impl KnownValues {
    /// None yet, with room for the numbers of so many.
    #[must_use]
    pub fn with_room(values: usize) -> Self {
        Self { numbers: HashTable::with_capacity(values), ..Self::default() }
    }

    /// The type as which values of a type are told apart: whole numbers of up to 32 bits, and 64 with a sign, are of one, floats of another.
    #[must_use]
    pub fn kind(data_type: &DataType) -> DataType {
        match data_type {
            DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::UInt8 | DataType::UInt16 | DataType::UInt32 => DataType::Int64,
            DataType::Float16 | DataType::Float32 => DataType::Float64,
            other => other.clone(),
        }
    }

    /// The number of the value of each row; null has none.
    ///
    /// # Errors
    ///
    /// A type that rows cannot be compared by, or more values than 32 bits number.
    pub fn numbers(&mut self, column: &str, pieces: &[ArrayRef]) -> Result<Vec<Option<u32>>, CubeError> {
        let mut numbers = Vec::with_capacity(pieces.iter().map(Array::len).sum());
        for piece in pieces {
            self.add(column, piece, &mut numbers)?.ok_or_else(|| CubeError::TooManyValues { what: format!("column `{column}`") })?;
        }
        Ok(numbers)
    }

    /// The same of the values that are known: others have none, and are not known after it.
    ///
    /// # Errors
    ///
    /// A type that rows cannot be compared by.
    pub fn find(&self, column: &str, values: &ArrayRef) -> Result<Vec<Option<u32>>, CubeError> {
        let mut numbers = Vec::with_capacity(values.len());
        let _ = each_value(column, values, |value| {
            numbers.push(value.and_then(|value| self.known(value)));
            Some(())
        })?;
        Ok(numbers)
    }

    /// Whether the bytes of a value are known.
    pub(crate) fn has(&self, value: &[u8]) -> bool {
        self.known(value.into()).is_some()
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }

    /// `None` where 32 bits do not suffice.
    fn add(&mut self, column: &str, piece: &ArrayRef, numbers: &mut Vec<Option<u32>>) -> Result<Option<()>, CubeError> {
        // Rows of one value often lie together.
        let mut last: Option<(Known, u32)> = None;
        each_value(column, piece, |value| {
            let number = match value {
                None => None,
                Some(Met::Short(short)) => {
                    let number = last.filter(|(before, _)| *before == short).map_or_else(|| self.number_of(Met::Short(short)), |(_, number)| Some(number))?;
                    last = Some((short, number));
                    Some(number)
                }
                Some(long) => Some(self.number_of(long)?),
            };
            numbers.push(number);
            Some(())
        })
    }

    fn known(&self, value: Met<'_>) -> Option<u32> {
        let Self { values, numbers, bytes } = self;
        let hash = hash_of(value);
        numbers.find(hash, |number| value.is(hash, values.at(*number), bytes)).copied()
    }

    /// `None` where 32 bits do not suffice.
    fn number_of(&mut self, value: Met<'_>) -> Option<u32> {
        let Self { values, numbers, bytes } = self;
        let hash = hash_of(value);
        match numbers.entry(hash, |number| value.is(hash, values.at(*number), bytes), |number| hash_of_known(values.at(*number))) {
            Entry::Occupied(entry) => Some(*entry.get()),
            Entry::Vacant(entry) => {
                let number = u32::try_from(values.len()).ok()?;
                values.push(match value {
                    Met::Short(short) => short,
                    Met::Long(text) => {
                        let length = u32::try_from(text.len()).ok().filter(|length| *length < IS_LONG)?;
                        let start = bytes.len() as u128;
                        bytes.extend_from_slice(text);
                        start | u128::from(half_of(hash)) << 64 | u128::from(length | IS_LONG) << 96
                    }
                });
                entry.insert(number);
                Some(number)
            }
        }
    }
}

impl Met<'_> {
    /// Whether it is a known value; the hash is its own.
    fn is(self, hash: u64, known: Known, bytes: &[u8]) -> bool {
        match self {
            Self::Short(short) => known == short,
            Self::Long(text) => half_of(high(known)) == half_of(hash) && long_of(known, bytes) == Some(text),
        }
    }
}

/// Goes through values as bytes that are the same for the same value; what comes out is `None` where `take` said so before the last.
fn each_value(column: &str, values: &ArrayRef, mut take: impl FnMut(Option<Met<'_>>) -> Option<()>) -> Result<Option<()>, CubeError> {
    let refused = |source| CubeError::Arrow { doing: format!("comparing values of column `{column}`"), source };
    let kind = KnownValues::kind(values.data_type());
    let widened = if kind == *values.data_type() { Arc::clone(values) } else { cast(values, &kind).map_err(refused)? };
    let values = &widened;
    Ok(match values.data_type() {
        DataType::Float64 => {
            // One NaN, and one zero.
            let bits = |value: f64| if value.is_nan() { f64::NAN.to_bits() } else { (value + 0.0).to_bits() };
            values.as_primitive::<Float64Type>().iter().try_for_each(|value| take(value.map(|value| bits(value).to_le_bytes()).as_ref().map(|bytes| bytes.as_slice().into())))
        }
        DataType::Utf8 => values.as_string::<i32>().iter().try_for_each(|text| take(text.map(|text| text.as_bytes().into()))),
        DataType::LargeUtf8 => values.as_string::<i64>().iter().try_for_each(|text| take(text.map(|text| text.as_bytes().into()))),
        DataType::Utf8View => {
            let (texts, nulls) = (values.as_string_view(), values.nulls());
            texts.views().iter().enumerate().try_for_each(|(row, view)| {
                let is_there = nulls.is_none_or(|nulls| nulls.is_valid(row));
                take(is_there.then(|| short_of_view(*view).map_or_else(|| texts.value(row).as_bytes().into(), Met::Short)))
            })
        }
        data_type if data_type.is_primitive() => {
            let data = values.to_data();
            let (width, nulls) = (data_type.primitive_width().unwrap_or(1), values.nulls());
            let bytes = data.buffers().first().map_or(&[][..], |buffer| buffer.as_slice()).get(data.offset() * width..).unwrap_or_default();
            bytes.chunks_exact(width).take(values.len()).enumerate().try_for_each(|(row, value)| take(nulls.is_none_or(|nulls| nulls.is_valid(row)).then(|| value.into())))
        }
        data_type => {
            let rows = RowConverter::new(vec![SortField::new(data_type.clone())]).and_then(|converter| converter.convert_columns(std::slice::from_ref(values)));
            let rows = rows.map_err(refused)?;
            let nulls = values.logical_nulls();
            rows.iter().enumerate().try_for_each(|(row, value)| take(nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row)).then(|| value.data().into())))
        }
    })
}

/// A value with its length, where there is room for both.
fn short(value: &[u8]) -> Option<Known> {
    let mut room = [0; 16];
    let (rest, length) = room.split_at_mut(15);
    rest.get_mut(..value.len())?.copy_from_slice(value);
    length[0] = u8::try_from(value.len()).ok()?;
    Some(u128::from_le_bytes(room))
}

/// The same of a text whose view has all of it: after the length come its bytes, and zeros.
fn short_of_view(view: u128) -> Option<Known> {
    let length = u32::try_from(view & u128::from(u32::MAX)).ok().filter(|length| *length <= MAX_INLINE_VIEW_LEN)?;
    Some(view >> 32 | u128::from(length) << 120)
}

/// The bytes of a long value; `None` of a short one.
fn long_of(known: Known, bytes: &[u8]) -> Option<&[u8]> {
    let length = u32::try_from(high(known) >> 32).ok().filter(|length| length & IS_LONG != 0)? & !IS_LONG;
    bytes.get(usize::try_from(low(known)).ok()?..)?.get(..length as usize)
}

fn hash_of(value: Met<'_>) -> u64 {
    let mut hasher = FoldHasher::default();
    match value {
        Met::Short(short) => return hash_of_known(short),
        Met::Long(text) => hasher.write(text),
    }
    spread(half_of(hasher.finish()))
}

/// The same of a value that is known, without a look at the bytes of a long one.
fn hash_of_known(known: Known) -> u64 {
    if known >> 127 == 1 {
        return spread(half_of(high(known)));
    }
    let mut hasher = FoldHasher::default();
    hasher.write_u64(low(known));
    hasher.write_u64(high(known));
    hasher.finish()
}

/// The lower 64 bits.
#[expect(clippy::cast_possible_truncation, reason = "the lower half is meant")]
fn low(known: Known) -> u64 {
    known as u64
}

/// The higher 64 bits.
fn high(known: Known) -> u64 {
    low(known >> 64)
}

/// The lower 32 bits.
fn half_of(bits: u64) -> u64 {
    bits & u64::from(u32::MAX)
}

/// 32 bits of a hash as the 64 that a table takes its places from; the lowest ones stay.
fn spread(bits: u64) -> u64 {
    bits | (bits << 32)
}

#[cfg(test)]
mod tests {
    use arrow::array::{DictionaryArray, Float32Array, Float64Array, Int32Array, Int64Array, StringArray, StringViewArray};
    use arrow::datatypes::Int8Type;

    use super::*;

    #[test]
    fn a_value_has_one_number_in_all_lots() {
        let mut known = KnownValues::default();
        let long = "a text that is longer than a view";
        let lots: [ArrayRef; 3] = [
            Arc::new(StringViewArray::from(vec!["b", "b", long, ""])),
            Arc::new(StringArray::from(vec![Some(long), None, Some("a"), Some("b")])),
            Arc::new(StringViewArray::from((0..5_000).map(|n| format!("O{n}")).collect::<Vec<_>>())),
        ];
        let numbers: Vec<Vec<Option<u32>>> = lots.iter().map(|lot| known.numbers("order_id", std::slice::from_ref(lot)).unwrap()).collect();
        assert_eq!(numbers[..2], [[0, 0, 1, 2].map(Some).to_vec(), vec![Some(1), None, Some(3), Some(0)]]);
        assert_eq!(numbers[2], (4..5_004).map(Some).collect::<Vec<_>>());
        assert_eq!(known.numbers("order_id", &[lots[2].slice(4_000, 1), lots[1].slice(3, 1)]).unwrap(), [Some(4_004), Some(0)]);
    }

    #[test]
    fn values_of_any_length_are_found_again_when_they_are_many() {
        let text = |n: usize| format!("{n:0width$}", width = 5 + n % 20);
        let count = 3 * Pages::LENGTH + 7;
        let values: ArrayRef = Arc::new((0..count).map(|n| Some(text(n))).collect::<StringArray>());
        let mut known = KnownValues::with_room(100);
        let numbers: Vec<Option<u32>> = (0..).take(count).map(Some).collect();
        assert_eq!(known.numbers("id", std::slice::from_ref(&values)).unwrap(), numbers);
        assert_eq!(known.len(), count);
        assert_eq!(known.find("id", &values).unwrap(), numbers);
        assert_eq!(known.numbers("id", &[values]).unwrap(), numbers);
    }

    #[test]
    fn a_text_is_the_same_whether_its_view_has_it_or_not() {
        let texts: Vec<String> = (0..20).map(|length| "abcdefghijklmnopqrst"[..length].to_owned()).collect();
        let mut known = KnownValues::default();
        let numbers = known.numbers("id", &[Arc::new(StringArray::from(texts.clone()))]).unwrap();
        let views: ArrayRef = Arc::new(StringViewArray::from(texts.clone()));
        assert_eq!(known.find("id", &views).unwrap(), numbers);
        assert_eq!(known.find("id", &views.slice(7, 9)).unwrap(), numbers[7..16]);
        for (text, view) in texts.iter().zip(views.as_string_view().views()) {
            assert_eq!(short_of_view(*view), short(text.as_bytes()).filter(|_| text.len() <= 12), "{text}");
        }
    }

    #[test]
    fn values_that_are_not_known_have_no_number() {
        let mut known = KnownValues::default();
        let (long, other) = ("a text that is longer than a view", "a text that is longer than a vieW");
        let values: ArrayRef = Arc::new(StringViewArray::from(vec!["b", "a", long, "fifteen letters", "sixteen letters!"]));
        known.numbers("rep_id", &[values]).unwrap();
        let asked: ArrayRef = Arc::new(StringArray::from(vec![Some("a"), Some("c"), None, Some("b"), Some(long), Some(other), Some("sixteen letters!"), Some("fifteen letters")]));
        assert_eq!(known.find("rep_id", &asked).unwrap(), [Some(1), None, None, Some(0), Some(2), None, Some(4), Some(3)]);
        assert_eq!(known.len(), 5);
    }

    #[test]
    fn numbers_are_values_too() {
        let numbers = |first: ArrayRef, second: ArrayRef| {
            let mut known = KnownValues::default();
            known.numbers("amount", &[first]).unwrap();
            known.numbers("amount", &[second]).unwrap()
        };
        assert_eq!(numbers(Arc::new(Int64Array::from(vec![5, -7])), Arc::new(Int64Array::from(vec![Some(-7), Some(256), None, Some(5)]))), [Some(1), Some(2), None, Some(0)]);
        assert_eq!(numbers(Arc::new(Float64Array::from(vec![0.0, f64::NAN])), Arc::new(Float64Array::from(vec![f64::NAN, 0.5]))), [Some(1), Some(2)]);
        // Whole numbers of any width are the same, and so are zeros of any sign.
        assert_eq!(numbers(Arc::new(Int64Array::from(vec![5, -7])), Arc::new(Int32Array::from(vec![-7, 6]))), [Some(1), Some(2)]);
        assert_eq!(numbers(Arc::new(Float64Array::from(vec![0.0, -f64::NAN])), Arc::new(Float32Array::from(vec![f32::NAN, -0.0]))), [Some(1), Some(0)]);
        let codes = |texts: Vec<&str>| -> ArrayRef { Arc::new(texts.into_iter().collect::<DictionaryArray<Int8Type>>()) };
        assert_eq!(numbers(codes(vec!["a", "b"]), codes(vec!["b", "c", "a"])), [1, 2, 0].map(Some));
    }
}
