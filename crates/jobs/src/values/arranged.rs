//! The rows of `kpi_values` in their order, made when they are asked for: a table that is not there yet never has all of them in memory.
//!
//! In: gathered rows, and the order of their places. Out: rows at some of the places.

use std::fmt;
use std::iter::repeat_n;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, Date32Array, Decimal128Array, DictionaryArray, Float64Array, Int32Array, Int64Array, PrimitiveArray, RecordBatch, TimestampMicrosecondArray, UInt64Array,
};
use arrow::datatypes::{Decimal128Type, Float64Type, Int32Type, Int64Type};
use arrow::error::ArrowError;
use chrono::{DateTime, Utc};
use quotient_report::{MakeRows, PeriodRows};
use rayon::prelude::*;

use super::numbers::{Packed, Packs};
use super::{AllValues, CellRun, MetricTexts, Numbers, Status, index};
use crate::results::batch;

/// Digits before and after the point of the column `amount`.
const AMOUNT_PRECISION: u8 = 38;
pub(super) const AMOUNT_SCALE: i8 = 6;

/// The rows of `kpi_values`, made when they are asked for.
///
/// `value` is a double of every cell; `amount` is the exact decimal of money, with six digits after the point.
pub(crate) struct ArrangedValues {
    pub(super) values: AllValues,
    pub(super) texts: ArrayRef,
    /// In the order of their rows.
    pub(super) runs: Vec<ArrangedRun>,
    /// By status the place of its text.
    pub(super) statuses: [u32; Status::ALL.len()],
    pub(super) job: u32,
    pub(super) run_id: u32,
    pub(super) as_of: DateTime<Utc>,
}

/// Rows that follow each other in the table, and differ in their dimensions alone.
pub(super) struct ArrangedRun {
    pub(super) run: CellRun,
    pub(super) rows: ArrangedRows,
    /// The place after its last row.
    pub(super) end: usize,
}

/// The rows of a run in their order.
pub(super) enum ArrangedRows {
    /// Those that were gathered one after the other.
    AsGathered(Range<usize>),
    /// Those at some places among all that were gathered.
    At(Vec<u32>),
}

impl ArrangedRows {
    pub(super) fn count(&self) -> usize {
        match self {
            Self::AsGathered(rows) => rows.len(),
            Self::At(rows) => rows.len(),
        }
    }
}

impl ArrangedRun {
    /// The place among all gathered rows of the row at a place of the table.
    fn row(&self, place: usize) -> usize {
        let nth = place + self.rows.count() - self.end;
        match &self.rows {
            ArrangedRows::AsGathered(rows) => rows.start + nth,
            ArrangedRows::At(rows) => index(rows[nth]),
        }
    }
}

impl fmt::Debug for ArrangedValues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ArrangedValues of {} rows", self.count())
    }
}

impl MakeRows for ArrangedValues {
    fn count(&self) -> usize {
        self.runs.last().map_or(0, |run| run.end)
    }

    fn rows(&self, places: &UInt64Array) -> Result<RecordBatch, ArrowError> {
        let AllValues { metrics, dimensions, statuses, tables, .. } = &self.values;
        let mut rows: Vec<usize> = Vec::with_capacity(places.len());
        let mut runs: Vec<(&CellRun, usize)> = Vec::new();
        let first = places.values().first().and_then(|place| usize::try_from(*place).ok()).unwrap_or_default();
        let mut run = self.runs.partition_point(|run| run.end <= first);
        for place in places.values().iter().filter_map(|place| usize::try_from(*place).ok()) {
            while self.runs[run].end <= place {
                run += 1;
            }
            rows.push(self.runs[run].row(place));
            match runs.last_mut().filter(|(last, _)| std::ptr::eq(*last, &raw const self.runs[run].run)) {
                Some((_, count)) => *count += 1,
                None => runs.push((&self.runs[run].run, 1)),
            }
        }
        // Most rows are of the table of the row before.
        let (mut table, mut of_table) = (0, 0..0);
        let mut place = |row: usize| {
            if !of_table.contains(&row) {
                table = tables.partition_point(|(end, _)| *end <= row);
                of_table = table.checked_sub(1).map_or(0, |before| tables[before].0)..tables[table].0;
            }
            (&tables[table].1, row - of_table.start)
        };
        let numbers: Vec<(&Numbers, usize)> = rows.iter().map(|row| place(*row)).collect();
        let computed = TimestampMicrosecondArray::from_value(self.as_of.timestamp_micros(), rows.len()).with_timezone("UTC");
        let of_metric = |place: fn(&MetricTexts) -> u32| Made::RunCodes(Box::new(move |run: &CellRun| metrics.get(index(run.metric)).map_or(0, place)));
        let of_run = |place: fn(&CellRun) -> u32| Made::RunCodes(Box::new(place));
        let columns: Vec<(&str, Made<'_>)> = vec![
            ("job", Made::RunCodes(Box::new(|_| self.job))),
            ("metric", of_metric(|metric| metric.name)),
            ("grain", of_run(|run| run.grain)),
            ("period_start", Made::Days(|run| run.period_start)),
            ("period_end", Made::Days(|run| run.period_end)),
            ("slice", of_run(|run| run.slice)),
            ("dimensions", Made::Codes(Box::new(|row| dimensions[row]))),
            ("value", Made::Doubles(|numbers| &numbers.value)),
            ("amount", Made::Amounts),
            ("numerator", Made::Doubles(|numbers| &numbers.numerator)),
            ("denominator", Made::Doubles(|numbers| &numbers.denominator)),
            ("n", Made::Counts),
            ("unit", of_metric(|metric| metric.unit)),
            ("additivity", of_metric(|metric| metric.additivity)),
            ("status", Made::Codes(Box::new(|row| self.statuses[statuses[row] as usize]))),
            ("previous", Made::Doubles(|numbers| &numbers.previous)),
            ("change", Made::Changes),
            ("previous_year", Made::Doubles(|numbers| &numbers.previous_year)),
            ("definition_hash", of_metric(|metric| metric.definition_hash)),
            ("run_id", Made::RunCodes(Box::new(|_| self.run_id))),
            ("computed_at", Made::Whole(Arc::new(computed))),
        ];
        let gathered = Gathered { rows: &rows, runs: &runs, numbers: &numbers, texts: &self.texts };
        let made = columns.into_par_iter().map(|(name, made)| Ok((name.to_owned(), made.array(&gathered)?))).collect::<Result<Vec<_>, ArrowError>>();
        made.and_then(batch)
    }

    fn periods(&self) -> Vec<PeriodRows> {
        let periods = self.runs.iter().map(|ArrangedRun { run, rows, .. }| PeriodRows { start: Some(run.period_start), end: Some(run.period_end), rows: rows.count() });
        periods.collect()
    }
}

/// Rows that are made.
struct Gathered<'a> {
    /// Their places among all that were gathered.
    rows: &'a [usize],
    /// The runs that they come in, each with how many rows of it there are.
    runs: &'a [(&'a CellRun, usize)],
    /// The numbers of their tables, and their places there.
    numbers: &'a [(&'a Numbers, usize)],
    texts: &'a ArrayRef,
}

impl Gathered<'_> {
    /// A column of numbers.
    fn numbers<T: Packs>(&self, column: fn(&Numbers) -> &Packed<T>) -> PrimitiveArray<T> {
        self.numbers.iter().map(|(numbers, row)| column(numbers).at(*row)).collect()
    }
}

/// How a column of them is made.
enum Made<'a> {
    /// Of the places of texts, by row.
    Codes(Box<dyn Fn(usize) -> u32 + Send + 'a>),
    /// Of the places of texts, by run.
    RunCodes(Box<dyn Fn(&CellRun) -> u32 + Send + 'a>),
    /// Of the days of runs.
    Days(fn(&CellRun) -> i32),
    /// Of numbers.
    Doubles(fn(&Numbers) -> &Packed<Float64Type>),
    Amounts,
    Counts,
    /// Of the differences between values and those before.
    Changes,
    /// It is there.
    Whole(ArrayRef),
}

impl Made<'_> {
    /// The column in the order of the rows.
    fn array(self, rows: &Gathered<'_>) -> Result<ArrayRef, ArrowError> {
        let coded = |places: Int32Array| -> Result<ArrayRef, ArrowError> { Ok(Arc::new(DictionaryArray::<Int32Type>::try_new(places, Arc::clone(rows.texts))?)) };
        let code = |place: u32| i32::try_from(place).unwrap_or(i32::MAX);
        match self {
            Self::Codes(place) => coded(Int32Array::from_iter_values(rows.rows.iter().map(|row| code(place(*row))))),
            Self::RunCodes(place) => coded(Int32Array::from_iter_values(rows.runs.iter().flat_map(|(run, count)| repeat_n(code(place(run)), *count)))),
            Self::Days(day) => Ok(Arc::new(Date32Array::from_iter_values(rows.runs.iter().flat_map(|(run, count)| repeat_n(day(run), *count))))),
            Self::Doubles(column) => Ok(Arc::new(rows.numbers(column))),
            Self::Amounts => {
                let amounts: Decimal128Array = rows.numbers::<Decimal128Type>(|numbers| &numbers.amount);
                Ok(Arc::new(amounts.with_precision_and_scale(AMOUNT_PRECISION, AMOUNT_SCALE)?))
            }
            Self::Counts => {
                let counts: Int64Array = rows.numbers::<Int64Type>(|numbers| &numbers.n);
                Ok(Arc::new(counts))
            }
            Self::Changes => {
                let change = |(numbers, row): &(&Numbers, usize)| numbers.value.at(*row).zip(numbers.previous.at(*row)).map(|(now, before)| now - before);
                Ok(Arc::new(rows.numbers.iter().map(change).collect::<Float64Array>()))
            }
            Self::Whole(values) => Ok(values),
        }
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::AsArray;
    use arrow::compute::take_record_batch;
    use chrono::DateTime;
    use quotient_metrics::{Kind, Value};

    use super::super::{Cell, Stamp, Texts};
    use super::*;

    fn numbers(rows: &[(Option<f64>, Option<f64>)]) -> Numbers {
        let mut numbers = Numbers::default();
        for (value, previous) in rows {
            let cell = Cell { value: value.map(Value::Float), numerator: None, denominator: None, count: Some(Value::Int(1)), previous: *previous, last_year: None };
            numbers.add(&cell, Kind::Float);
        }
        numbers
    }

    /// Two tables: of `orders` three days by channel, of which the second table has one more row and one again.
    fn gathered() -> AllValues {
        let texts: Texts = ["day", "total", "orders", "count", "additive", "h1", "{}", "{\"channel\":\"web\"}", "{\"channel\":\"shop\"}"].map(str::to_owned).into();
        let run = |day: i32, rows: Range<usize>| CellRun { grain: 0, period_start: day, period_end: day + 1, metric: 0, slice: 1, rows };
        AllValues {
            texts,
            metrics: vec![MetricTexts { name: 2, unit: 3, additivity: 4, definition_hash: 5 }],
            // Days 2 and 1 of the first table; of the second day 3, and day 1 with a row that is there already.
            runs: vec![run(2, 0..2), run(1, 2..4), run(3, 4..5), run(1, 5..6)],
            dimensions: vec![8, 7, 7, 8, 6, 7],
            statuses: vec![Status::Ok, Status::Ok, Status::Ok, Status::NoData, Status::Incomplete, Status::Ok],
            tables: vec![
                (4, numbers(&[(Some(1.0), None), (Some(2.0), Some(1.0)), (Some(3.0), Some(1.0)), (None, Some(2.0))])),
                (6, numbers(&[(Some(1.5), None), (Some(9.0), Some(1.0))])),
            ],
        }
    }

    #[test]
    fn rows_at_some_places_are_those_of_all_rows() {
        let stamp = Stamp { job: "night", run_id: "r", as_of: DateTime::UNIX_EPOCH };
        let arranged = gathered().arranged(&stamp);
        let at = |places: &[u64]| arranged.rows(&UInt64Array::from(places.to_vec())).unwrap();
        let all = at(&[0, 1, 2, 3, 4]);
        assert_eq!(arranged.count(), 5);
        let column = |name: &str| all.column_by_name(name).unwrap();
        let days: Vec<i32> = column("period_start").as_primitive::<arrow::datatypes::Date32Type>().values().to_vec();
        // By day, then by dimensions as text; of the cell that is there twice the first.
        assert_eq!(days, [1, 1, 2, 2, 3]);
        let doubles = |name: &str| column(name).as_primitive::<Float64Type>().iter().collect::<Vec<_>>();
        assert_eq!(doubles("value"), [None, Some(3.0), Some(1.0), Some(2.0), Some(1.5)]);
        assert_eq!(doubles("change"), [None, Some(2.0), None, Some(1.0), None]);
        let statuses: Vec<&str> = column("status").as_dictionary::<Int32Type>().downcast_dict::<arrow::array::StringArray>().unwrap().into_iter().flatten().collect();
        assert_eq!(statuses, ["no_data", "ok", "ok", "ok", "incomplete"]);
        let day = |start: i32, rows: usize| PeriodRows { start: Some(start), end: Some(start + 1), rows };
        assert_eq!(arranged.periods(), [day(1, 2), day(2, 2), day(3, 1)]);
        for places in [vec![0, 2, 4], vec![1, 3], vec![4], vec![], vec![2, 3]] {
            assert_eq!(at(&places), take_record_batch(&all, &UInt64Array::from(places)).unwrap());
        }
    }
}
