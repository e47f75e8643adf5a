//! Dictionary encoding: every value of a column becomes a small number, which sorts like the value where that is asked for.
//!
//! In: the pieces of one column. Out: a code per row.
//! Floats are expected with one NaN and without negative zero (see `fact`).

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasherDefault, Hash};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, UInt32Array, downcast_integer, downcast_temporal};
use arrow::compute::max;
use arrow::datatypes::{DataType, Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type, Field, Float32Type, Float64Type, UInt32Type};

use super::error::CubeError;
use super::fold_hasher::FoldHasher;

/// Codes of the rows of a column, or group numbers of the rows of a fact.
#[derive(Debug)]
pub(crate) struct Codes {
    /// One code per row.
    pub(crate) rows: Vec<u32>,
    /// The code of null, and the number of distinct values: all values have codes below it, in ascending order.
    pub(crate) null: u32,
}

impl Codes {
    /// How many codes there can be, null included.
    pub(crate) fn cardinality(&self) -> u64 {
        u64::from(self.null) + 1
    }

    /// How many distinct values there are, null not included.
    pub(crate) fn values(&self) -> usize {
        self.null as usize
    }

    /// For each value the first row that has it, in the order of the codes.
    pub(crate) fn first_rows(&self) -> Vec<usize> {
        let mut first = vec![usize::MAX; self.values()];
        for (row, code) in self.rows.iter().enumerate() {
            if let Some(found) = first.get_mut(*code as usize)
                && *found == usize::MAX
            {
                *found = row;
            }
        }
        first
    }
}

/// Which value has which code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Order {
    /// The code of a value says nothing of it: enough to tell values apart.
    AsFound,
    /// Codes sort like the values.
    Ascending,
}

/// Encodes a column that may be a key or be counted by distinct values.
///
/// Errors: a type without an order of its own (lists, structs, binary), or more values than 32 bits number.
pub(crate) fn encode(field: &Field, chunks: &[ArrayRef], order: Order) -> Result<Codes, CubeError> {
    encode_values(field, field.data_type(), chunks, order)
}

/// Numbers below this are codes already, whatever the number of rows.
const SMALL_NUMBERS: u32 = 1 << 16;

/// Small numbers as codes of themselves; `None` of anything else.
///
/// As of a dictionary, a number that no row has is a code that no group ever meets.
pub(crate) fn small_numbers(chunks: &[ArrayRef]) -> Option<Codes> {
    let numbers: Vec<&UInt32Array> = chunks.iter().map(|chunk| chunk.as_primitive_opt::<UInt32Type>()).collect::<Option<_>>()?;
    let highest = numbers.iter().filter_map(|numbers| max(numbers)).max();
    let length: usize = chunks.iter().map(Array::len).sum();
    let null = highest.map_or(0, |highest| highest.saturating_add(1));
    if null > SMALL_NUMBERS.max(u32::try_from(length).ok()?) {
        return None;
    }
    let mut rows = Vec::with_capacity(length);
    for numbers in numbers {
        if numbers.null_count() == 0 {
            rows.extend_from_slice(numbers.values());
        } else {
            rows.extend(numbers.iter().map(|number| number.unwrap_or(null)));
        }
    }
    Some(Codes { rows, null })
}

macro_rules! rank_primitive {
    ($t:ty, $chunks:ident, $length:ident, $order:ident) => {
        number($order, $length, $chunks.iter().flat_map(|chunk| chunk.as_primitive::<$t>().iter()))
    };
}

fn encode_values(field: &Field, data_type: &DataType, chunks: &[ArrayRef], order: Order) -> Result<Codes, CubeError> {
    let length: usize = chunks.iter().map(Array::len).sum();
    let codes = downcast_integer! {
        data_type => (rank_primitive, chunks, length, order),
        DataType::Null => number(order, length, std::iter::repeat_n(None::<u8>, length)),
        DataType::Boolean => number(order, length, chunks.iter().flat_map(|chunk| chunk.as_boolean().iter())),
        DataType::Float32 => number(
            order,
            length,
            chunks
                .iter()
                .flat_map(|chunk| chunk.as_primitive::<Float32Type>().iter())
                .map(|value| value.map(|number| ordered_bits(f64::from(number)))),
        ),
        DataType::Float64 => number(
            order,
            length,
            chunks
                .iter()
                .flat_map(|chunk| chunk.as_primitive::<Float64Type>().iter())
                .map(|value| value.map(ordered_bits)),
        ),
        DataType::Decimal32(_, _) => rank_primitive!(Decimal32Type, chunks, length, order),
        DataType::Decimal64(_, _) => rank_primitive!(Decimal64Type, chunks, length, order),
        DataType::Decimal128(_, _) => rank_primitive!(Decimal128Type, chunks, length, order),
        DataType::Decimal256(_, _) => rank_primitive!(Decimal256Type, chunks, length, order),
        DataType::Utf8 => number(order, length, chunks.iter().flat_map(|chunk| chunk.as_string::<i32>().iter())),
        DataType::LargeUtf8 => number(order, length, chunks.iter().flat_map(|chunk| chunk.as_string::<i64>().iter())),
        DataType::Utf8View => number_views(order, length, chunks),
        DataType::Dictionary(_, values) => return encode_dictionary(field, values, chunks, order),
        _ => downcast_temporal! {
            data_type => (rank_primitive, chunks, length, order),
            _ => return Err(CubeError::UnsupportedType {
                column: field.name().clone(),
                found: field.data_type().clone(),
                expected: "text, a number, a Boolean or a time".to_owned(),
            }),
        },
    };
    codes.ok_or_else(|| CubeError::TooManyValues { what: format!("column `{}`", field.name()) })
}

/// Encodes the dictionaries once and looks the keys up in them.
///
/// A dictionary value that no row uses keeps a code; no group and no count ever meets it.
fn encode_dictionary(field: &Field, values_type: &DataType, chunks: &[ArrayRef], order: Order) -> Result<Codes, CubeError> {
    let mut dictionaries: Vec<ArrayRef> = Vec::new();
    let mut starts = Vec::with_capacity(chunks.len());
    let (mut start, mut end) = (0, 0);
    for chunk in chunks {
        let values = chunk.as_any_dictionary().values();
        let repeated = dictionaries.last().is_some_and(|last| Arc::ptr_eq(last, values));
        if !repeated {
            start = end;
            end += values.len();
            dictionaries.push(Arc::clone(values));
        }
        starts.push(start);
    }
    let encoded = encode_values(field, values_type, &dictionaries, order)?;
    let null = encoded.null;
    let mut rows = Vec::with_capacity(chunks.iter().map(Array::len).sum());
    for (chunk, start) in chunks.iter().zip(starts) {
        let dictionary = chunk.as_any_dictionary();
        if dictionary.values().is_empty() {
            rows.extend(std::iter::repeat_n(null, chunk.len()));
            continue;
        }
        let keys = dictionary.keys();
        rows.extend(dictionary.normalized_keys().into_iter().enumerate().map(|(row, key)| if keys.is_null(row) { null } else { encoded.rows[start + key] }));
    }
    Ok(Codes { rows, null })
}

/// Numbers distinct values in ascending order; `None` where 32 bits do not suffice.
pub(crate) fn rank<K>(length: usize, values: impl Iterator<Item = Option<K>>) -> Option<Codes>
where
    K: Copy + Eq + Hash + Ord,
{
    number(Order::Ascending, length, values)
}

fn number<K>(order: Order, length: usize, values: impl Iterator<Item = Option<K>>) -> Option<Codes>
where
    K: Copy + Eq + Hash + Ord,
{
    let mut seen: FoldMap<K> = FoldMap::default();
    let mut found = Found::new(length);
    for value in values {
        match value {
            None => found.add_null(),
            Some(value) => found.add(seen.entry(value), value)?,
        }
    }
    found.codes(order)
}

/// Texts up to this length are in their views: equal views are equal texts.
const INLINE: u32 = 12;

fn number_views(order: Order, length: usize, chunks: &[ArrayRef]) -> Option<Codes> {
    let (mut short, mut long): (FoldMap<u128>, FoldMap<&str>) = Default::default();
    let mut found = Found::new(length);
    for texts in chunks.iter().map(AsArray::as_string_view) {
        for (row, view) in texts.views().iter().enumerate() {
            if texts.is_null(row) {
                found.add_null();
                continue;
            }
            let text = texts.value(row);
            // The low 32 bits of a view are its length.
            #[expect(clippy::cast_possible_truncation, reason = "the length is in the low bits")]
            if *view as u32 <= INLINE {
                found.add(short.entry(*view), text)?;
            } else {
                found.add(long.entry(text), text)?;
            }
        }
    }
    found.codes(order)
}

type FoldMap<K> = HashMap<K, u32, BuildHasherDefault<FoldHasher>>;

/// Rows numbered by what was found in them, in the order in which it was found.
struct Found<K> {
    rows: Vec<u32>,
    distinct: Vec<K>,
}

impl<K: Copy + Ord> Found<K> {
    /// The number of a row without a value, until all values are known.
    const NULL: u32 = u32::MAX;

    fn new(length: usize) -> Self {
        Self { rows: Vec::with_capacity(length), distinct: Vec::new() }
    }

    fn add_null(&mut self) {
        self.rows.push(Self::NULL);
    }

    /// Adds a row with what is known of its value; `None` where 32 bits do not suffice.
    fn add<E>(&mut self, known: Entry<'_, E, u32>, value: K) -> Option<()> {
        let code = match known {
            Entry::Occupied(entry) => *entry.get(),
            Entry::Vacant(entry) => {
                let code = small(self.distinct.len())?;
                entry.insert(code);
                self.distinct.push(value);
                code
            }
        };
        self.rows.push(code);
        Some(())
    }

    fn codes(self, order: Order) -> Option<Codes> {
        let Self { mut rows, distinct } = self;
        let null = small(distinct.len())?;
        if order == Order::AsFound {
            for code in rows.iter_mut().filter(|code| **code == Self::NULL) {
                *code = null;
            }
            return Some(Codes { rows, null });
        }
        let mut ascending: Vec<u32> = (0..null).collect();
        ascending.sort_unstable_by_key(|code| distinct[*code as usize]);
        let mut places = vec![0; distinct.len()];
        for (place, code) in (0_u32..).zip(&ascending) {
            places[*code as usize] = place;
        }
        for code in &mut rows {
            *code = places.get(*code as usize).copied().unwrap_or(null);
        }
        Some(Codes { rows, null })
    }
}

/// A code that leaves room for the two codes above it: null, and the mark of a row that does not count.
fn small(place: usize) -> Option<u32> {
    u32::try_from(place).ok().filter(|code| *code < u32::MAX - 1)
}

/// Bits of a float that sort like the float.
fn ordered_bits(value: f64) -> u64 {
    let bits = value.to_bits();
    if value.is_sign_negative() { !bits } else { bits | (1 << 63) }
}

#[cfg(test)]
mod tests {
    use arrow::array::{BooleanArray, Date32Array, Decimal128Array, DictionaryArray, Float64Array, Int64Array, LargeStringArray, ListArray, StringArray, StringViewArray};
    use arrow::datatypes::{Int8Type, Int32Type};

    use super::*;

    fn codes_of(chunks: &[ArrayRef]) -> Codes {
        let field = Field::new("key", chunks[0].data_type().clone(), true);
        encode(&field, chunks, Order::Ascending).unwrap()
    }

    #[test]
    fn codes_ascend_over_chunks_and_null_is_last() {
        let codes = codes_of(&[Arc::new(StringArray::from(vec![Some("b"), None, Some("서울")])), Arc::new(StringArray::from(vec![Some("a"), Some("b"), Some("")]))]);
        assert_eq!(codes.rows, [2, 4, 3, 1, 2, 0]);
        assert_eq!(codes.null, 4);
        assert_eq!(codes.cardinality(), 5);
        assert_eq!(codes.first_rows(), [5, 3, 0, 2]);
    }

    #[test]
    fn all_text_types_agree() {
        let texts = vec![Some("b"), None, Some("a longer text than inline")];
        let expected = [1, 2, 0];
        let dictionary: DictionaryArray<Int32Type> = texts.iter().copied().collect();
        let arrays: [ArrayRef; 4] =
            [Arc::new(StringArray::from(texts.clone())), Arc::new(LargeStringArray::from(texts.clone())), Arc::new(StringViewArray::from(texts)), Arc::new(dictionary)];
        for array in arrays {
            assert_eq!(codes_of(&[array]).rows, expected);
        }
    }

    #[test]
    fn values_are_told_apart_without_an_order() {
        let texts = vec![Some("b"), None, Some("a longer text than inline"), Some("b"), Some("a longer text than inline"), Some("of twelve by")];
        let array: ArrayRef = Arc::new(StringViewArray::from(texts));
        let field = Field::new("key", DataType::Utf8View, true);
        let codes = encode(&field, &[array.slice(0, 2), array.slice(2, 4)], Order::AsFound).unwrap();
        assert_eq!((codes.rows, codes.null), (vec![0, 3, 1, 0, 1, 2], 3));
        assert_eq!(codes_of(&[array]).rows, [1, 3, 0, 1, 0, 2]);
    }

    #[test]
    fn small_numbers_are_their_own_codes() {
        let encoded = |values: Vec<Option<u32>>| {
            let array: ArrayRef = Arc::new(UInt32Array::from(values));
            small_numbers(&[array.slice(0, 1), array.slice(1, array.len() - 1)]).map(|codes| (codes.first_rows(), codes.rows, codes.null))
        };
        assert_eq!(encoded(vec![Some(4), None, Some(1), Some(4)]), Some((vec![usize::MAX, 2, usize::MAX, usize::MAX, 0], vec![4, 5, 1, 4], 5)));
        assert_eq!(encoded(vec![None]), Some((vec![], vec![0], 0)));
        assert_eq!(encoded(vec![Some(u32::MAX), Some(1)]), None);
        let signed: ArrayRef = Arc::new(Int64Array::from(vec![1]));
        assert!(small_numbers(&[signed]).is_none());
    }

    #[test]
    fn dictionaries_may_differ_be_shared_be_empty_and_hold_nulls() {
        let first: DictionaryArray<Int8Type> = ["x", "y"].into_iter().collect();
        let nulls = DictionaryArray::<Int8Type>::new(vec![Some(0_i8), Some(1), None].into_iter().collect(), Arc::new(StringArray::from(vec![None, Some("a")])));
        let empty = DictionaryArray::<Int8Type>::new(vec![None::<i8>].into_iter().collect(), Arc::new(StringArray::from(Vec::<&str>::new())));
        let first: ArrayRef = Arc::new(first);
        let codes = codes_of(&[first.slice(0, 1), first.slice(1, 1), Arc::new(nulls), Arc::new(empty)]);
        assert_eq!(codes.rows, [1, 2, 3, 0, 3, 3]);
    }

    #[test]
    fn numbers_dates_and_booleans_sort_as_values() {
        let integers: ArrayRef = Arc::new(Int64Array::from(vec![5, -7, 5, 0]));
        assert_eq!(codes_of(&[integers]).rows, [2, 0, 2, 1]);
        let decimals: ArrayRef = Arc::new(Decimal128Array::from(vec![10, -3]));
        assert_eq!(codes_of(&[decimals]).rows, [1, 0]);
        let dates: ArrayRef = Arc::new(Date32Array::from(vec![Some(3), None, Some(-1)]));
        assert_eq!(codes_of(&[dates]).rows, [1, 2, 0]);
        let booleans: ArrayRef = Arc::new(BooleanArray::from(vec![true, false]));
        assert_eq!(codes_of(&[booleans]).rows, [1, 0]);
        let floats: ArrayRef = Arc::new(Float64Array::from(vec![f64::NAN, -1.5, 0.0, f64::INFINITY, -2.0]));
        assert_eq!(codes_of(&[floats]).rows, [4, 1, 2, 3, 0]);
    }

    #[test]
    fn lists_are_refused() {
        let list = ListArray::from_iter_primitive::<Int32Type, _, _>(vec![Some(vec![Some(1)])]);
        let field = Field::new("key", list.data_type().clone(), true);
        let error = encode(&field, &[Arc::new(list)], Order::Ascending).unwrap_err();
        assert!(matches!(error, CubeError::UnsupportedType { column, .. } if column == "key"));
    }
}
