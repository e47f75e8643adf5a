//! Values by key, in the order of their keys.
//!
//! In: keys with values, in any order. Out: two columns side by side. Columns of one request have the same cells: they share their keys.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Decimal128Array, Float64Array, Int64Array};
use arrow::datatypes::{DataType, Decimal128Type, Float64Type, Int64Type};

use crate::cells::{Key, Value};

/// The value of a cell; `None` is null.
pub type CellValue = Option<Value>;

/// The cells that exist, in the order of their keys.
#[derive(Debug, Clone)]
pub struct CellMap {
    /// Ascending; each is there once.
    keys: Arc<[Key]>,
    values: Values,
}

/// Values in the room that their kind takes: there are millions of them.
#[derive(Debug, Clone)]
enum Values {
    Ints(Int64Array),
    Floats(Float64Array),
    /// Unscaled.
    Decimals(Decimal128Array),
    /// Of several kinds.
    Mixed(Vec<CellValue>),
}

impl From<Vec<CellValue>> for Values {
    fn from(values: Vec<CellValue>) -> Self {
        let all = |is_of_kind: fn(&Value) -> bool| values.iter().flatten().all(is_of_kind);
        match values.iter().flatten().next() {
            None | Some(Value::Int(_)) if all(|value| matches!(value, Value::Int(_))) => {
                Self::Ints(values.iter().map(|value| if let Some(Value::Int(int)) = value { Some(*int) } else { None }).collect())
            }
            Some(Value::Float(_)) if all(|value| matches!(value, Value::Float(_))) => {
                Self::Floats(values.iter().map(|value| if let Some(Value::Float(float)) = value { Some(*float) } else { None }).collect())
            }
            Some(Value::Decimal(_)) if all(|value| matches!(value, Value::Decimal(_))) => {
                Self::Decimals(values.iter().map(|value| if let Some(Value::Decimal(unscaled)) = value { Some(*unscaled) } else { None }).collect())
            }
            _ => Self::Mixed(values),
        }
    }
}

impl Values {
    fn len(&self) -> usize {
        match self {
            Self::Ints(values) => values.len(),
            Self::Floats(values) => values.len(),
            Self::Decimals(values) => values.len(),
            Self::Mixed(values) => values.len(),
        }
    }

    fn get(&self, at: usize) -> CellValue {
        match self {
            Self::Ints(values) => values.is_valid(at).then(|| Value::Int(values.value(at))),
            Self::Floats(values) => values.is_valid(at).then(|| Value::Float(values.value(at))),
            Self::Decimals(values) => values.is_valid(at).then(|| Value::Decimal(values.value(at))),
            Self::Mixed(values) => values[at],
        }
    }

    fn iter(&self) -> impl Iterator<Item = CellValue> + '_ {
        (0..self.len()).map(|at| self.get(at))
    }
}

impl Default for CellMap {
    fn default() -> Self {
        Self { keys: Arc::from([]), values: Values::from(Vec::new()) }
    }
}

impl PartialEq for CellMap {
    fn eq(&self, other: &Self) -> bool {
        self.keys == other.keys && self.values.iter().eq(other.values.iter())
    }
}

/// Of cells with one key, the last counts.
impl FromIterator<(Key, CellValue)> for CellMap {
    fn from_iter<I: IntoIterator<Item = (Key, CellValue)>>(cells: I) -> Self {
        let mut cells: Vec<(Key, CellValue)> = cells.into_iter().collect();
        ascend(&mut cells, |(key, _)| *key);
        let (keys, values): (Vec<Key>, Vec<CellValue>) = cells.into_iter().unzip();
        Self { keys: keys.into(), values: values.into() }
    }
}

impl CellMap {
    /// Values of keys that ascend, each of which is there once.
    pub(crate) fn of_ascending(keys: Arc<[Key]>, values: Vec<CellValue>) -> Self {
        debug_assert!(keys.is_sorted_by(|a, b| a < b) && keys.len() == values.len(), "keys of cells ascend");
        Self { keys, values: values.into() }
    }

    /// The same of a column of whole numbers, doubles or decimals; `None` for another one.
    pub(crate) fn of_column(keys: Arc<[Key]>, values: &ArrayRef) -> Option<Self> {
        debug_assert!(keys.is_sorted_by(|a, b| a < b) && keys.len() == values.len(), "keys of cells ascend");
        let values = match values.data_type() {
            DataType::Int64 => Values::Ints(values.as_primitive::<Int64Type>().clone()),
            DataType::Float64 => Values::Floats(values.as_primitive::<Float64Type>().clone()),
            DataType::Decimal128(_, _) => Values::Decimals(values.as_primitive::<Decimal128Type>().clone()),
            _ => return None,
        };
        Some(Self { keys, values })
    }

    /// The keys of the cells, ascending.
    #[must_use]
    pub fn keys(&self) -> &[Key] {
        &self.keys
    }

    /// The cells, by ascending key.
    pub fn iter(&self) -> impl Iterator<Item = (Key, CellValue)> + '_ {
        self.keys.iter().copied().zip(self.values.iter())
    }

    /// The value of a cell; `None` where there is no cell.
    #[must_use]
    pub fn get(&self, key: Key) -> Option<CellValue> {
        self.keys.binary_search(&key).ok().map(|at| self.values.get(at))
    }

    /// Reads values at keys that ascend.
    #[must_use]
    pub fn walk(&self) -> Walk<'_> {
        Walk { cells: self, from: 0 }
    }

    /// The values at ascending keys; `None` where there is no cell.
    fn at<'a>(&'a self, keys: &'a [Key]) -> impl Iterator<Item = Option<CellValue>> + 'a {
        let mut walk = self.walk();
        keys.iter().map(move |key| walk.at(*key))
    }

    /// The values at ascending keys; null where there is no cell.
    pub fn values_at<'a>(&'a self, keys: &'a [Key]) -> impl Iterator<Item = CellValue> + 'a {
        self.at(keys).map(Option::flatten)
    }

    /// The value of the first cell of a range of keys.
    #[must_use]
    pub fn first_between(&self, first: Key, last: Key) -> Option<CellValue> {
        let at = self.keys.partition_point(|key| *key < first);
        self.keys.get(at).filter(|key| **key <= last).map(|_| self.values.get(at))
    }

    /// The same cells with other values.
    pub(crate) fn map_values(self, value: impl Fn(CellValue) -> CellValue) -> Self {
        let values: Vec<CellValue> = self.values.iter().map(value).collect();
        Self { keys: self.keys, values: values.into() }
    }

    /// The cells whose keys are wanted.
    pub(crate) fn only(&self, is_wanted: impl Fn(&Key) -> bool) -> Self {
        self.iter().filter(|(key, _)| is_wanted(key)).collect()
    }

    /// The same, with a cell that is null at each of some ascending keys that has none.
    pub(crate) fn covering(self, keys: &[Key]) -> Self {
        let missing: Vec<Key> = self.at(keys).zip(keys).filter(|(found, _)| found.is_none()).map(|(_, key)| *key).collect();
        if missing.is_empty() { self } else { self.iter().chain(missing.into_iter().map(|key| (key, None))).collect() }
    }

    /// These cells and those of another, which count where both have one.
    pub(crate) fn overlaid(self, other: Self) -> Self {
        if self.keys.is_empty() { other } else { self.iter().chain(other.iter()).collect() }
    }
}

/// Values that are read at one key after the other, none of which is before the last.
#[derive(Debug)]
pub struct Walk<'a> {
    cells: &'a CellMap,
    from: usize,
}

impl Walk<'_> {
    /// The value at a key; `None` where there is no cell.
    pub fn at(&mut self, key: Key) -> Option<CellValue> {
        self.from += first_from(&self.cells.keys[self.from..], key);
        let found = self.cells.keys.get(self.from).is_some_and(|found| *found == key);
        found.then(|| self.cells.values.get(self.from))
    }
}

/// Sorts rows by their keys; of rows with one key the last stays.
pub(crate) fn ascend<T: Copy>(rows: &mut Vec<T>, key: impl Fn(&T) -> Key) {
    rows.sort_by_key(&key);
    // What is thrown away is the later one: it takes the place of the earlier first.
    rows.dedup_by(|later, earlier| {
        let is_same = key(later) == key(earlier);
        if is_same {
            *earlier = *later;
        }
        is_same
    });
}

/// How many of ascending keys are before a key: found in steps that double, as the next one asked is near.
fn first_from(keys: &[Key], key: Key) -> usize {
    let mut step = 1;
    while keys.get(step - 1).is_some_and(|known| *known < key) {
        step *= 2;
    }
    let from = step / 2;
    from + keys[from..keys.len().min(step)].partition_point(|known| *known < key)
}

/// The keys of several maps, ascending, each once.
#[must_use]
pub fn all_keys<'a>(maps: impl IntoIterator<Item = &'a CellMap>) -> Vec<Key> {
    let mut all: Vec<Key> = Vec::new();
    let mut last: Option<&CellMap> = None;
    for map in maps {
        // Columns of one request have the same keys.
        if last.is_none_or(|last| last.keys != map.keys) {
            all.extend_from_slice(&map.keys);
        }
        last = Some(map);
    }
    // Runs that ascend are merged by this sort.
    all.sort();
    all.dedup();
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(period: i32) -> Key {
        Key { grouping: 0, period, member: 0 }
    }

    fn map(cells: &[(i32, i64)]) -> CellMap {
        cells.iter().map(|(period, value)| (key(*period), Some(Value::Int(*value)))).collect()
    }

    fn keys(periods: &[i32]) -> Vec<Key> {
        periods.iter().map(|period| key(*period)).collect()
    }

    #[test]
    fn cells_ascend_and_the_last_of_one_key_counts() {
        let found = map(&[(3, 30), (1, 10), (3, 31), (2, 20), (1, 11)]);
        assert_eq!(found, map(&[(1, 11), (2, 20), (3, 31)]));
        assert_eq!(found.keys(), keys(&[1, 2, 3]));
        assert_eq!(found.get(key(3)), Some(Some(Value::Int(31))));
        assert_eq!(found.get(key(4)), None);
    }

    #[test]
    fn values_at_keys_are_those_of_single_lookups() {
        let found: CellMap = (0..1_000).step_by(3).map(|period| (key(period), (period % 2 == 0).then_some(Value::Int(1)))).collect();
        for step in [1, 2, 7, 500] {
            let asked: Vec<Key> = (-5..1_010).step_by(step).map(key).collect();
            let at: Vec<Option<CellValue>> = found.at(&asked).collect();
            assert_eq!(at, asked.iter().map(|key| found.get(*key)).collect::<Vec<_>>());
            assert_eq!(found.values_at(&asked).collect::<Vec<_>>(), at.into_iter().map(Option::flatten).collect::<Vec<_>>());
        }
        assert_eq!(found.at(&[]).count(), 0);
        assert_eq!(CellMap::default().at(&keys(&[1, 2])).collect::<Vec<_>>(), [None, None]);
    }

    #[test]
    fn values_of_every_kind_and_of_several_come_back() {
        let (int, float, decimal) = (Some(Value::Int(-3)), Some(Value::Float(0.5)), Some(Value::Decimal(1 << 90)));
        for values in [vec![int, None, int], vec![None, float], vec![decimal, None, decimal], vec![int, decimal, None, float], vec![None, None], vec![]] {
            let found: CellMap = (0..).map(key).zip(values.iter().copied()).collect();
            assert_eq!(found.iter().map(|(_, value)| value).collect::<Vec<_>>(), values);
            let others = found.clone().map_values(|value| value.or(float));
            assert_eq!(others.iter().map(|(_, value)| value).collect::<Vec<_>>(), values.iter().map(|value| value.or(float)).collect::<Vec<_>>());
        }
        let column: ArrayRef = Arc::new(Int64Array::from(vec![Some(10), None]));
        assert_eq!(CellMap::of_column(keys(&[1, 2]).into(), &column).unwrap(), CellMap::from_iter([(key(1), Some(Value::Int(10))), (key(2), None)]));
        let texts: ArrayRef = Arc::new(arrow::array::StringArray::from(vec!["a", "b"]));
        assert!(CellMap::of_column(keys(&[1, 2]).into(), &texts).is_none());
    }

    #[test]
    fn covering_adds_nulls_and_takes_nothing_away() {
        let found = map(&[(1, 10), (3, 30)]).covering(&keys(&[0, 1, 2]));
        assert_eq!(found.iter().collect::<Vec<_>>(), [(key(0), None), (key(1), Some(Value::Int(10))), (key(2), None), (key(3), Some(Value::Int(30)))]);
        assert_eq!(found.clone().covering(&keys(&[1, 3])), found);
    }

    #[test]
    fn the_cells_laid_over_count() {
        assert_eq!(map(&[(1, 10), (2, 20)]).overlaid(map(&[(2, 21), (3, 30)])), map(&[(1, 10), (2, 21), (3, 30)]));
        assert_eq!(CellMap::default().overlaid(map(&[(2, 21)])), map(&[(2, 21)]));
    }

    #[test]
    fn the_first_of_a_range_and_the_keys_of_several() {
        let found = map(&[(1, 10), (5, 50)]);
        assert_eq!(found.first_between(key(2), key(9)), Some(Some(Value::Int(50))));
        assert_eq!(found.first_between(key(2), key(4)), None);
        assert_eq!(found.only(|key| key.period > 1), map(&[(5, 50)]));
        assert_eq!(all_keys([&found, &found, &map(&[(3, 30), (5, 51)])]), keys(&[1, 3, 5]));
        assert_eq!(all_keys([]), []);
    }
}
