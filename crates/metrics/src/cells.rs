//! Cells: the values of metrics by grouping, period and slice row.
//!
//! In: record batches of base cells. Out: columns keyed so that columns of different facts can be put side by side.
//! Arithmetic on cells is `derive`'s work.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, UInt64Array};
use arrow::compute::{concat, take};
use arrow::datatypes::{DataType, Date32Type};
use arrow::error::ArrowError;
use indexmap::{IndexMap, IndexSet};

use crate::cell_map::{CellMap, ascend};
use crate::cube::DistinctRows;
use crate::engine::BaseGrouping;
use crate::error::MetricsError;

/// Where a cell is: its grouping, the day number of its period's start, its slice row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// Index of the grouping.
    pub grouping: u16,
    /// Days since 1970-01-01 of the first day of the period; 0 where the grouping has no grain.
    pub period: i32,
    /// Index of the slice row among its slice's members.
    pub member: u32,
}

/// One value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value {
    /// A count or a whole number.
    Int(i64),
    /// A number with a fraction: durations, ratios.
    Float(f64),
    /// An exact decimal, unscaled.
    Decimal(i128),
}

/// What a metric's values are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Whole numbers.
    Int,
    /// Floating point numbers.
    Float,
    /// Decimals of this scale.
    Decimal(i8),
}

/// All whole numbers up to this are doubles.
const LARGEST_EXACT: u128 = 1 << 53;

/// The powers of ten that decimals of money have; all are doubles.
const POWERS_OF_TEN: [f64; 10] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9];

/// The values of one metric over all groupings.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// What the values are.
    pub kind: Kind,
    /// The cells that exist.
    pub cells: CellMap,
}

/// The groupings asked for, and the slice rows seen in each slice.
#[derive(Debug, Clone, Default)]
pub struct Grid {
    /// The groupings, by index.
    pub groupings: Vec<BaseGrouping>,
    /// The place of each grouping's slice among the slices.
    slices: Vec<usize>,
    /// For each slice, its rows: the texts of its dimensions.
    members: IndexMap<Vec<String>, IndexSet<Vec<String>>>,
}

impl Value {
    /// The value as a double; a decimal by its scale.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a ratio of counts and money is a double by definition")]
    pub fn as_f64(self, kind: Kind) -> f64 {
        match (self, kind) {
            (Self::Int(i), _) => i as f64,
            (Self::Float(f), _) => f,
            (Self::Decimal(unscaled), Kind::Decimal(scale)) => decimal_to_f64(unscaled, scale),
            (Self::Decimal(unscaled), _) => unscaled as f64,
        }
    }
}

/// The double nearest to an unscaled decimal.
fn decimal_to_f64(unscaled: i128, scale: i8) -> f64 {
    let power = usize::try_from(scale).ok().and_then(|digits| POWERS_OF_TEN.get(digits));
    if let (Some(power), true) = (power, unscaled.unsigned_abs() <= LARGEST_EXACT) {
        // Both are doubles without rounding, so that their quotient is rounded once.
        #[expect(clippy::cast_precision_loss, reason = "it is at most 2^53")]
        return unscaled as f64 / power;
    }
    let digits = usize::from(scale.unsigned_abs());
    let sign = if unscaled < 0 { "-" } else { "" };
    let magnitude = format!("{:0>width$}", unscaled.unsigned_abs(), width = digits + 1);
    let (whole, fraction) = magnitude.split_at(magnitude.len() - digits);
    // Parsing text rounds once; dividing by a power of ten would round twice.
    format!("{sign}{whole}.{fraction}0").parse().unwrap_or(f64::NAN)
}

impl Column {
    /// A column without a cell.
    pub(crate) fn none() -> Self {
        Self { kind: Kind::Int, cells: CellMap::default() }
    }

    /// The values at ascending keys as doubles; null where there is no cell.
    pub(crate) fn doubles_at<'a>(&'a self, keys: &'a [Key]) -> impl Iterator<Item = Option<f64>> + 'a {
        self.cells.values_at(keys).map(|value| value.map(|value| value.as_f64(self.kind)))
    }
}

impl Grid {
    /// The index of a grouping, added where it is new.
    pub(crate) fn add(&mut self, grouping: &BaseGrouping) -> Result<u16, MetricsError> {
        let index = self.groupings.iter().position(|known| known == grouping).unwrap_or_else(|| {
            let slice = self.members.entry(grouping.slice.clone());
            self.slices.push(slice.index());
            slice.or_default();
            self.groupings.push(grouping.clone());
            self.groupings.len() - 1
        });
        u16::try_from(index).map_err(|_| MetricsError::Definition { metric: "*".to_owned(), message: "more than 65,536 groupings in one request".to_owned() })
    }

    /// The index of a grouping.
    #[must_use]
    pub fn index_of(&self, grouping: &BaseGrouping) -> Option<u16> {
        self.groupings.iter().position(|known| known == grouping).and_then(|i| u16::try_from(i).ok())
    }

    /// The grouping of a cell.
    #[must_use]
    pub fn grouping(&self, key: Key) -> Option<&BaseGrouping> {
        self.groupings.get(usize::from(key.grouping))
    }

    /// The dimension texts of a cell, in the order of its slice.
    #[must_use]
    pub fn member(&self, key: Key) -> &[String] {
        let slice = self.slices.get(usize::from(key.grouping)).and_then(|slice| self.members.get_index(*slice));
        let row = slice.and_then(|(_, rows)| rows.get_index(usize::try_from(key.member).ok()?));
        row.map_or(&[], Vec::as_slice)
    }

    /// The place of a cell's slice among the slices: groupings of different grains have the same.
    #[must_use]
    pub fn slice(&self, key: Key) -> Option<usize> {
        self.slices.get(usize::from(key.grouping)).copied()
    }

    /// The member of the empty slice.
    pub(crate) fn total_member(&mut self) -> u32 {
        member_of(self.members.entry(Vec::new()).or_default(), Vec::new())
    }

    /// Reads one batch per grouping, in the order of the groupings, into columns, which are made where they are new.
    pub(crate) fn read_all(&mut self, groupings: &[BaseGrouping], batches: &[RecordBatch], columns: &mut BTreeMap<String, Column>) -> Result<(), MetricsError> {
        let mut keys: Vec<Key> = Vec::new();
        let mut measures: IndexMap<String, (Kind, Vec<ArrayRef>)> = IndexMap::new();
        for (grouping, batch) in groupings.iter().zip(batches) {
            let index = self.add(grouping)?;
            let has_period = usize::from(grouping.grain.is_some());
            keys.extend(self.keys_of(index, grouping, batch)?);
            for (i, field) in batch.schema().fields().iter().enumerate().skip(has_period + grouping.slice.len()) {
                let (kind, values) = numbers(batch.column(i), field.name())?;
                measures.entry(field.name().clone()).or_insert_with(|| (kind, Vec::new())).1.push(values);
            }
        }
        // Answers are sorted: most often there is nothing to bring into order.
        let order = (!keys.is_sorted_by(|a, b| a < b)).then(|| {
            let mut order: Vec<usize> = (0..keys.len()).collect();
            ascend(&mut order, |row| keys[*row]);
            order
        });
        let rows = keys.len();
        let ascending: Arc<[Key]> = order.as_ref().map_or_else(|| keys.as_slice().into(), |order| order.iter().map(|row| keys[*row]).collect());
        let places = order.map(|order| order.into_iter().map(|row| u64::try_from(row).ok()).collect::<UInt64Array>());
        for (name, (kind, values)) in measures {
            let refused = |reason: String| MetricsError::Bridge { column: name.clone(), reason };
            let values = concat(&values.iter().map(AsRef::as_ref).collect::<Vec<_>>()).map_err(|error| refused(error.to_string()))?;
            if values.len() != rows {
                return Err(refused(format!("it has {} values in {rows} rows of all groupings", values.len())));
            }
            let values = if let Some(places) = &places { take(&values, places, None).map_err(|error| refused(error.to_string()))? } else { values };
            let cells = CellMap::of_column(Arc::clone(&ascending), &values).ok_or_else(|| refused(format!("its type is {}", values.data_type())))?;
            let known = columns.remove(&name).unwrap_or(Column { kind, cells: CellMap::default() });
            columns.insert(name, Column { kind: known.kind, cells: known.cells.overlaid(cells) });
        }
        Ok(())
    }

    /// The key of each row of a batch: each different slice row is looked up once.
    fn keys_of(&mut self, index: u16, grouping: &BaseGrouping, batch: &RecordBatch) -> Result<Vec<Key>, MetricsError> {
        let has_period = usize::from(grouping.grain.is_some());
        let refused = |reason: String| MetricsError::Bridge { column: grouping.slice.join(", "), reason };
        let dimensions = has_period..has_period + grouping.slice.len();
        let distinct = DistinctRows::new(batch, dimensions.clone()).map_err(|error| refused(error.to_string()))?;
        let firsts: UInt64Array = distinct.first_rows.iter().filter_map(|row| u64::try_from(*row).ok()).collect();
        let texts = dimensions.map(|column| Ok(texts(&take(batch.column(column), &firsts, None)?))).collect::<Result<Vec<_>, ArrowError>>();
        let texts = texts.map_err(|error| refused(error.to_string()))?;
        let rows = self.members.entry(grouping.slice.clone()).or_default();
        let members: Vec<u32> = (0..firsts.len()).map(|row| member_of(rows, texts.iter().map(|texts| texts[row].clone()).collect())).collect();
        let periods = (has_period == 1).then(|| batch.column(0).as_primitive::<Date32Type>());
        let member = |row: usize| distinct.of_row.get(row).and_then(|number| members.get(usize::try_from(*number).ok()?)).copied().unwrap_or(u32::MAX);
        Ok((0..batch.num_rows()).map(|row| Key { grouping: index, period: periods.map_or(0, |p| p.value(row)), member: member(row) }).collect())
    }
}

/// The place of a slice row among those of its slice, added where it is new.
fn member_of(rows: &mut IndexSet<Vec<String>>, row: Vec<String>) -> u32 {
    u32::try_from(rows.insert_full(row).0).unwrap_or(u32::MAX)
}

fn texts(array: &dyn Array) -> Vec<String> {
    match array.data_type() {
        DataType::Utf8View => array.as_string_view().iter().map(|t| t.unwrap_or_default().to_owned()).collect(),
        DataType::LargeUtf8 => array.as_string::<i64>().iter().map(|t| t.unwrap_or_default().to_owned()).collect(),
        _ => array.as_string_opt::<i32>().map(|a| a.iter().map(|t| t.unwrap_or_default().to_owned()).collect()).unwrap_or_default(),
    }
}

/// A column of whole numbers, doubles or decimals, and which of them.
fn numbers(array: &ArrayRef, name: &str) -> Result<(Kind, ArrayRef), MetricsError> {
    match array.data_type() {
        DataType::Int64 => Ok((Kind::Int, Arc::clone(array))),
        DataType::Float64 => Ok((Kind::Float, Arc::clone(array))),
        DataType::Decimal128(_, scale) => Ok((Kind::Decimal(*scale), Arc::clone(array))),
        DataType::Int8 | DataType::Int16 | DataType::Int32 => {
            let wide = arrow::compute::cast(array, &DataType::Int64).map_err(|e| MetricsError::Bridge { column: name.to_owned(), reason: e.to_string() })?;
            Ok((Kind::Int, wide))
        }
        other => Err(MetricsError::Definition { metric: name.to_owned(), message: format!("its values are {other}, expected a number") }),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Date32Array, Int64Array, RecordBatch};
    use quotient_model::Grain;

    use super::{BaseGrouping, Grid, Kind, Value};

    #[test]
    fn of_rows_with_one_key_the_last_counts_and_every_grouping_has_every_measure() {
        let by = |grain| BaseGrouping { grain: Some(grain), slice: Vec::new() };
        let batch = |name: &str, starts: Vec<i32>, values: Vec<i64>| {
            let columns: [(&str, ArrayRef); 2] = [("period_start", Arc::new(Date32Array::from(starts))), (name, Arc::new(Int64Array::from(values)))];
            RecordBatch::try_from_iter(columns).unwrap()
        };
        let groupings = [by(Grain::Day), by(Grain::Month)];
        let (mut grid, mut columns) = (Grid::default(), BTreeMap::new());
        let twice = [batch("orders", vec![3, 1, 3], vec![30, 10, 31]), batch("orders", vec![0], vec![40])];
        grid.read_all(&groupings, &twice, &mut columns).unwrap();
        let found: Vec<_> = columns["orders"].cells.iter().map(|(key, value)| (key.grouping, key.period, value)).collect();
        assert_eq!(found, [(0, 1, Some(Value::Int(10))), (0, 3, Some(Value::Int(31))), (1, 0, Some(Value::Int(40)))]);
        let apart = [batch("orders", vec![1], vec![10]), batch("deals", vec![0], vec![40])];
        let error = grid.read_all(&groupings, &apart, &mut columns).unwrap_err();
        assert_eq!(error.to_string(), "cannot hand over column `orders` to arrow: it has 1 values in 2 rows of all groupings");
    }

    #[test]
    fn decimals_become_the_nearest_double() {
        assert_eq!(Value::Decimal(12_345).as_f64(Kind::Decimal(2)).to_bits(), 123.45f64.to_bits());
        assert_eq!(Value::Decimal(-5).as_f64(Kind::Decimal(2)).to_bits(), (-0.05f64).to_bits());
        assert_eq!(Value::Decimal(7).as_f64(Kind::Decimal(0)).to_bits(), 7.0f64.to_bits());
        // Around the largest whole number that is a double, and beyond the powers of ten that are at hand.
        for unscaled in [(1 << 53) - 1, 1 << 53, (1 << 53) + 1, 123_456_789_012_345_678_901_234] {
            for (scale, digits) in [(6, 6), (9, 9), (10, 10), (25, 25)] {
                let text = format!("{unscaled:0>40}");
                let expected: f64 = format!("-{}.{}", &text[..40 - digits], &text[40 - digits..]).parse().unwrap();
                assert_eq!(Value::Decimal(-unscaled).as_f64(Kind::Decimal(scale)).to_bits(), expected.to_bits(), "{unscaled} {scale}");
            }
        }
    }
}
