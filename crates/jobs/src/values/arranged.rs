//! The rows of `kpi_values` in their order, made when they are asked for: a table that is not there yet never has all of them in memory.
//!
//! In: gathered rows, and the order of their places. Out: rows at some of the places.

use std::fmt;
use std::iter::repeat_n;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Date32Array, Decimal128Array, DictionaryArray, Float64Array, Int32Array, Int64Array, PrimitiveArray, RecordBatch, TimestampMicrosecondArray,
    UInt64Array,
};
use arrow::datatypes::{ArrowPrimitiveType, DataType, Decimal128Type, Float64Type, Int32Type, Int64Type};
use arrow::error::ArrowError;
use chrono::{DateTime, Utc};
use quotient_report::{MakeRows, PeriodRows};
use rayon::prelude::*;

use super::{AllValues, CellRun, MetricTexts, index};
use crate::results::batch;

/// The rows of `kpi_values`, made when they are asked for.
///
/// `value` is a double of every cell; `amount` is the exact decimal of money, with six digits after the point.
pub(crate) struct ArrangedValues {
    pub(super) values: AllValues,
    pub(super) texts: ArrayRef,
    /// The place of each row among the gathered ones.
    pub(super) order: Vec<u32>,
    /// The runs that the rows come in, each with the place after its last row.
    pub(super) runs: Vec<(CellRun, usize)>,
    pub(super) job: u32,
    pub(super) run_id: u32,
    pub(super) as_of: DateTime<Utc>,
}

impl fmt::Debug for ArrangedValues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ArrangedValues of {} rows", self.order.len())
    }
}

impl MakeRows for ArrangedValues {
    fn count(&self) -> usize {
        self.order.len()
    }

    fn rows(&self, places: &UInt64Array) -> Result<RecordBatch, ArrowError> {
        let AllValues { metrics, dimensions, statuses, ends, numbers, .. } = &self.values;
        let mut order: Vec<usize> = Vec::with_capacity(places.len());
        let mut runs: Vec<(&CellRun, usize)> = Vec::new();
        let first = places.values().first().and_then(|place| usize::try_from(*place).ok()).unwrap_or_default();
        let mut run = self.runs.partition_point(|(_, end)| *end <= first);
        for place in places.values().iter().filter_map(|place| usize::try_from(*place).ok()) {
            while self.runs[run].1 <= place {
                run += 1;
            }
            order.push(index(self.order[place]));
            match runs.last_mut().filter(|(last, _)| std::ptr::eq(*last, &raw const self.runs[run].0)) {
                Some((_, count)) => *count += 1,
                None => runs.push((&self.runs[run].0, 1)),
            }
        }
        // Most rows are of the metric of the row before.
        let mut metric = 0..0;
        let mut array = 0;
        let mut place = |row: usize| {
            if !metric.contains(&row) {
                array = ends.partition_point(|end| *end <= row);
                metric = array.checked_sub(1).map_or(0, |before| ends[before])..ends[array];
            }
            (array, row - metric.start)
        };
        let in_order: Vec<(usize, usize)> = order.iter().map(|row| place(*row)).collect();
        let computed = TimestampMicrosecondArray::from_value(self.as_of.timestamp_micros(), order.len()).with_timezone("UTC");
        let of_metric = |place: fn(&MetricTexts) -> u32| Made::RunCodes(Box::new(move |run: &CellRun| metrics.get(index(run.metric)).map_or(0, place)));
        let of_run = |place: fn(&CellRun) -> u32| Made::RunCodes(Box::new(place));
        let number = |name| numbers.get(name).map_or(&[][..], Vec::as_slice);
        let columns: Vec<(&str, Made<'_>)> = vec![
            ("job", Made::RunCodes(Box::new(|_| self.job))),
            ("metric", of_metric(|metric| metric.name)),
            ("grain", of_run(|run| run.grain)),
            ("period_start", Made::Days(|run| run.period_start)),
            ("period_end", Made::Days(|run| run.period_end)),
            ("slice", of_run(|run| run.slice)),
            ("dimensions", Made::Codes(dimensions)),
            ("value", Made::Numbers(number("value"))),
            ("amount", Made::Numbers(number("amount"))),
            ("numerator", Made::Numbers(number("numerator"))),
            ("denominator", Made::Numbers(number("denominator"))),
            ("n", Made::Numbers(number("n"))),
            ("unit", of_metric(|metric| metric.unit)),
            ("additivity", of_metric(|metric| metric.additivity)),
            ("status", Made::Codes(statuses)),
            ("previous", Made::Numbers(number("previous"))),
            ("change", Made::Changes(number("value"), number("previous"))),
            ("previous_year", Made::Numbers(number("previous_year"))),
            ("definition_hash", of_metric(|metric| metric.definition_hash)),
            ("run_id", Made::RunCodes(Box::new(|_| self.run_id))),
            ("computed_at", Made::Whole(Arc::new(computed))),
        ];
        let gathered = Gathered { order: &order, runs: &runs, in_order: &in_order, texts: &self.texts };
        let made = columns.into_par_iter().map(|(name, made)| Ok((name.to_owned(), made.array(&gathered)?))).collect::<Result<Vec<_>, ArrowError>>();
        made.and_then(batch)
    }

    fn periods(&self) -> Vec<PeriodRows> {
        let starts = std::iter::once(0).chain(self.runs.iter().map(|(_, end)| *end));
        let rows = self.runs.iter().zip(starts);
        rows.map(|((run, end), start)| PeriodRows { start: Some(run.period_start), end: Some(run.period_end), rows: end - start }).collect()
    }
}

/// Rows that are made.
struct Gathered<'a> {
    /// Their places among all that were gathered.
    order: &'a [usize],
    /// The runs that they come in, each with how many rows of it there are.
    runs: &'a [(&'a CellRun, usize)],
    /// The arrays of their numbers, and their places there.
    in_order: &'a [(usize, usize)],
    texts: &'a ArrayRef,
}

impl Gathered<'_> {
    /// The numbers of the rows, of arrays of which one null stands for all rows of its own.
    fn numbers<T: ArrowPrimitiveType>(&self, arrays: &[ArrayRef]) -> impl Iterator<Item = Option<T::Native>> {
        let arrays: Vec<&PrimitiveArray<T>> = arrays.iter().map(AsArray::as_primitive).collect();
        self.in_order.iter().map(move |(array, row)| {
            let (array, row) = (arrays[*array], (*row).min(arrays[*array].len() - 1));
            array.is_valid(row).then(|| array.value(row))
        })
    }
}

/// How a column of them is made.
enum Made<'a> {
    /// Of the places of texts, by row.
    Codes(&'a [u32]),
    /// Of the places of texts, by run.
    RunCodes(Box<dyn Fn(&CellRun) -> u32 + Send + 'a>),
    /// Of the days of runs.
    Days(fn(&CellRun) -> i32),
    /// Of the numbers of each metric of each table.
    Numbers(&'a [ArrayRef]),
    /// Of the differences between such numbers.
    Changes(&'a [ArrayRef], &'a [ArrayRef]),
    /// It is there.
    Whole(ArrayRef),
}

impl Made<'_> {
    /// The column in the order of the rows.
    fn array(self, rows: &Gathered<'_>) -> Result<ArrayRef, ArrowError> {
        let coded = |places: Int32Array| -> Result<ArrayRef, ArrowError> { Ok(Arc::new(DictionaryArray::<Int32Type>::try_new(places, Arc::clone(rows.texts))?)) };
        let code = |place: u32| i32::try_from(place).unwrap_or(i32::MAX);
        match self {
            Self::Codes(places) => coded(Int32Array::from_iter_values(rows.order.iter().map(|row| code(places[*row])))),
            Self::RunCodes(place) => coded(Int32Array::from_iter_values(rows.runs.iter().flat_map(|(run, count)| repeat_n(code(place(run)), *count)))),
            Self::Days(day) => Ok(Arc::new(Date32Array::from_iter_values(rows.runs.iter().flat_map(|(run, count)| repeat_n(day(run), *count))))),
            Self::Numbers(arrays) => Ok(match arrays.first().map(Array::data_type) {
                Some(DataType::Int64) => Arc::new(rows.numbers::<Int64Type>(arrays).collect::<Int64Array>()),
                Some(DataType::Decimal128(precision, scale)) => {
                    Arc::new(rows.numbers::<Decimal128Type>(arrays).collect::<Decimal128Array>().with_precision_and_scale(*precision, *scale)?)
                }
                _ => Arc::new(rows.numbers::<Float64Type>(arrays).collect::<Float64Array>()),
            }),
            Self::Changes(now, before) => {
                let change = |(now, before): (Option<f64>, Option<f64>)| now.zip(before).map(|(now, before)| now - before);
                Ok(Arc::new(rows.numbers::<Float64Type>(now).zip(rows.numbers::<Float64Type>(before)).map(change).collect::<Float64Array>()))
            }
            Self::Whole(values) => Ok(values),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use arrow::compute::take_record_batch;
    use chrono::DateTime;

    use super::super::{Stamp, Texts};
    use super::*;

    /// Two tables: of `orders` three days by channel, of which the second table has one more row and one again.
    fn gathered() -> AllValues {
        let texts: Texts = ["day", "total", "orders", "count", "additive", "h1", "{}", "{\"channel\":\"web\"}", "ok", "{\"channel\":\"shop\"}"].map(str::to_owned).into();
        let run = |day: i32, rows: std::ops::Range<usize>| CellRun { grain: 0, period_start: day, period_end: day + 1, metric: 0, slice: 1, rows };
        let doubles = |values: &[Option<f64>]| -> ArrayRef { Arc::new(Float64Array::from(values.to_vec())) };
        let numbers = |first: ArrayRef, second: ArrayRef| vec![first, second];
        let values = numbers(doubles(&[Some(1.0), Some(2.0), Some(3.0), None]), doubles(&[Some(1.5), Some(9.0)]));
        let none = || numbers(doubles(&[None]), doubles(&[None]));
        let previous = numbers(doubles(&[None, Some(1.0), Some(1.0), Some(2.0)]), doubles(&[None, Some(1.0)]));
        let counts = numbers(Arc::new(Int64Array::from(vec![1; 4])), Arc::new(Int64Array::from(vec![1; 2])));
        AllValues {
            texts,
            metrics: vec![MetricTexts { name: 2, unit: 3, additivity: 4, definition_hash: 5 }],
            // Days 2 and 1 of the first table; of the second day 3, and day 1 with a row that is there already.
            runs: vec![run(2, 0..2), run(1, 2..4), run(3, 4..5), run(1, 5..6)],
            dimensions: vec![9, 7, 7, 9, 6, 7],
            statuses: vec![8; 6],
            ends: vec![4, 6],
            numbers: BTreeMap::from([
                ("value", values),
                ("previous", previous),
                ("amount", none()),
                ("numerator", none()),
                ("denominator", none()),
                ("previous_year", none()),
                ("n", counts),
            ]),
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
        let day = |start: i32, rows: usize| PeriodRows { start: Some(start), end: Some(start + 1), rows };
        assert_eq!(arranged.periods(), [day(1, 2), day(2, 2), day(3, 1)]);
        for places in [vec![0, 2, 4], vec![1, 3], vec![4], vec![], vec![2, 3]] {
            assert_eq!(at(&places), take_record_batch(&all, &UInt64Array::from(places)).unwrap());
        }
    }
}
