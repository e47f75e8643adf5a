//! Values of a column by numbers that hold over all lots of its rows.
//!
//! In: the values of a lot. Out: a number for each row, the same for the same value in every lot.
//! Short values are kept in the table itself, long ones as bytes in one piece, since there may be as many as rows.

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
    /// How many there are.
    count: u32,
    short: HashTable<(Short, u32)>,
    long: HashTable<Long>,
    /// The long values, one after the other.
    bytes: Vec<u8>,
}

/// A value of more bytes.
#[derive(Debug)]
struct Long {
    /// A table that grows does not look at the values.
    hash: u64,
    /// Where it is among the bytes.
    start: usize,
    length: u32,
    number: u32,
}

impl Long {
    fn is(&self, hash: u64, value: &[u8], bytes: &[u8]) -> bool {
        self.hash == hash && bytes.get(self.start..).and_then(|bytes| bytes.get(..self.length as usize)) == Some(value)
    }
}

/// A value of up to 15 bytes, with its length in the last.
type Short = [u64; 2];

/// A value that is met.
#[derive(Clone, Copy)]
enum Met<'v> {
    Short(Short),
    Long(&'v [u8]),
}

impl<'v> From<&'v [u8]> for Met<'v> {
    fn from(value: &'v [u8]) -> Self {
        short(value).map_or(Self::Long(value), Self::Short)
    }
}

impl KnownValues {
    /// None yet, with room for so many short ones.
    #[must_use]
    pub fn with_room(values: usize) -> Self {
        Self { short: HashTable::with_capacity(values), ..Self::default() }
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
        self.count as usize
    }

    /// `None` where 32 bits do not suffice.
    fn add(&mut self, column: &str, piece: &ArrayRef, numbers: &mut Vec<Option<u32>>) -> Result<Option<()>, CubeError> {
        // Rows of one value often lie together.
        let mut last: Option<(Short, u32)> = None;
        each_value(column, piece, |value| {
            let Some(value) = value else {
                numbers.push(None);
                return Some(());
            };
            let number = match value {
                Met::Short(short) => {
                    let number = last.filter(|(before, _)| *before == short).map_or_else(|| self.number_of_short(short), |(_, number)| Some(number))?;
                    last = Some((short, number));
                    number
                }
                Met::Long(value) => self.number_of_long(value)?,
            };
            numbers.push(Some(number));
            Some(())
        })
    }

    fn known(&self, value: Met<'_>) -> Option<u32> {
        match value {
            Met::Short(short) => self.short.find(hash_of_short(short), |(other, _)| *other == short).map(|(_, number)| *number),
            Met::Long(value) => {
                let hash = hash_of(value);
                self.long.find(hash, |known| known.is(hash, value, &self.bytes)).map(|known| known.number)
            }
        }
    }

    /// `None` where 32 bits do not suffice.
    fn number_of_short(&mut self, value: Short) -> Option<u32> {
        match self.short.entry(hash_of_short(value), |(other, _)| *other == value, |(value, _)| hash_of_short(*value)) {
            Entry::Occupied(entry) => Some(entry.get().1),
            Entry::Vacant(entry) => {
                let number = self.count;
                self.count = number.checked_add(1)?;
                entry.insert((value, number));
                Some(number)
            }
        }
    }

    /// `None` where 32 bits do not suffice.
    fn number_of_long(&mut self, value: &[u8]) -> Option<u32> {
        let hash = hash_of(value);
        match self.long.entry(hash, |known| known.is(hash, value, &self.bytes), |known| known.hash) {
            Entry::Occupied(entry) => Some(entry.get().number),
            Entry::Vacant(entry) => {
                let number = self.count;
                self.count = number.checked_add(1)?;
                entry.insert(Long { hash, start: self.bytes.len(), length: u32::try_from(value.len()).ok()?, number });
                self.bytes.extend_from_slice(value);
                Some(number)
            }
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
fn short(value: &[u8]) -> Option<Short> {
    let mut room = [0; 16];
    let (rest, length) = room.split_at_mut(15);
    rest.get_mut(..value.len())?.copy_from_slice(value);
    length[0] = u8::try_from(value.len()).ok()?;
    let (halves, _) = room.as_chunks::<8>();
    Some([u64::from_le_bytes(halves[0]), u64::from_le_bytes(halves[1])])
}

/// The same of a text whose view has all of it: after the length come its bytes, and zeros.
fn short_of_view(view: u128) -> Option<Short> {
    let length = u32::try_from(view & u128::from(u32::MAX)).ok().filter(|length| *length <= MAX_INLINE_VIEW_LEN)?;
    let bytes = ((view >> 32) | (u128::from(length) << 120)).to_le_bytes();
    let (halves, _) = bytes.as_chunks::<8>();
    Some([u64::from_le_bytes(halves[0]), u64::from_le_bytes(halves[1])])
}

fn hash_of_short(value: Short) -> u64 {
    let mut hasher = FoldHasher::default();
    hasher.write_u64(value[0]);
    hasher.write_u64(value[1]);
    hasher.finish()
}

fn hash_of(value: &[u8]) -> u64 {
    let mut hasher = FoldHasher::default();
    hasher.write(value);
    hasher.finish()
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
