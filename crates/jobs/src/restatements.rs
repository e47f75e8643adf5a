//! Restatements: published cells of complete periods whose value is another one now.
//!
//! In: the rows of `kpi_values` before and after a run, and why the run computed. Out: rows of `kpi_restatements`, one per restated cell.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Date32Array, Float64Array, Int32Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow::compute::{concat_batches, filter_record_batch};
use arrow::datatypes::{Date32Type, Float64Type, Int32Type};
use arrow::error::ArrowError;
use chrono::{DateTime, Utc};

/// The name of the table.
pub(crate) const RESTATEMENTS: &str = "kpi_restatements";

/// Whose restatements they are.
pub(crate) struct Restating<'a> {
    pub(crate) job: &'a str,
    pub(crate) run_id: &'a str,
    pub(crate) as_of: DateTime<Utc>,
    /// Why cells of a metric were computed, in words.
    pub(crate) causes: &'a BTreeMap<String, String>,
    /// The metrics and slices that the job shows: what it shows no more is not restated.
    pub(crate) shown: &'a BTreeSet<(String, String)>,
    /// By metric: cells of periods that end on this day or before were not computed, and are not there to compare.
    pub(crate) since: &'a BTreeMap<String, i32>,
}

/// A restated cell.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Restated {
    metric: String,
    grain: String,
    period_start: i32,
    slice: String,
    dimensions: String,
    old: Option<f64>,
    /// None where the cell is gone, or has no value.
    new: Option<f64>,
}

impl Restating<'_> {
    /// The restated cells: of values that were published, and those of now, of the same periods.
    pub(crate) fn found(&self, before: &RecordBatch, after: &RecordBatch) -> Result<Vec<Restated>, ArrowError> {
        let (before, after) = (Values::of(before)?, Values::of(after)?);
        let mut numbers = HashMap::new();
        let (names_before, names_after) = (before.names(&mut numbers), after.names(&mut numbers));
        // Looked up, and never walked: its order is nobody's.
        let now: HashMap<Name, Option<f64>> = names_after.into_iter().enumerate().map(|(row, name)| (name, after.value(row))).collect();
        let is_compared = |row: usize| self.since.get(before.metrics.value(row)).is_some_and(|day| before.ends.value(row) > *day);
        let was_final = |row: usize| before.jobs.value(row) == self.job && before.statuses.value(row) != "incomplete" && is_compared(row);
        let mut found = Vec::new();
        for (row, name) in names_before.into_iter().enumerate() {
            let (old, new) = (before.value(row), now.get(&name).copied().flatten());
            if old.map(f64::to_bits) == new.map(f64::to_bits) || !was_final(row) {
                continue;
            }
            let (metric, slice) = (before.metrics.value(row).to_owned(), before.slices.value(row).to_owned());
            if self.shown.contains(&(metric.clone(), slice.clone())) {
                let (grain, dimensions) = (before.grains.value(row).to_owned(), before.dimensions.value(row).to_owned());
                found.push(Restated { metric, grain, period_start: before.starts.value(row), slice, dimensions, old, new });
            }
        }
        Ok(found)
    }

    /// Restated cells as rows, in order.
    ///
    /// Columns: job, metric, grain, `period_start`, slice, dimensions, `old_value`, `new_value` (null where a cell is gone, or has no value),
    /// cause, `run_id`, `restated_at` (as-of of the run).
    pub(crate) fn rows(&self, mut found: Vec<Restated>) -> Result<RecordBatch, ArrowError> {
        let name = |cell: &Restated| (cell.metric.clone(), cell.grain.clone(), cell.period_start, cell.slice.clone(), cell.dimensions.clone());
        found.sort_by_cached_key(name);
        let at = TimestampMicrosecondArray::from_iter_values(found.iter().map(|_| self.as_of.timestamp_micros())).with_timezone("UTC");
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("job", texts(found.iter().map(|_| self.job))),
            ("metric", texts(found.iter().map(|cell| cell.metric.as_str()))),
            ("grain", texts(found.iter().map(|cell| cell.grain.as_str()))),
            ("period_start", Arc::new(Date32Array::from_iter_values(found.iter().map(|cell| cell.period_start)))),
            ("slice", texts(found.iter().map(|cell| cell.slice.as_str()))),
            ("dimensions", texts(found.iter().map(|cell| cell.dimensions.as_str()))),
            ("old_value", Arc::new(found.iter().map(|cell| cell.old).collect::<Float64Array>())),
            ("new_value", Arc::new(found.iter().map(|cell| cell.new).collect::<Float64Array>())),
            ("cause", texts(found.iter().map(|cell| self.causes.get(&cell.metric).map_or("", String::as_str)))),
            ("run_id", texts(found.iter().map(|_| self.run_id))),
            ("restated_at", Arc::new(at)),
        ];
        RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, column)| (name, column, true)))
    }

    /// The rows of the job: those of runs that ended, and the new ones. A run that died has restated nothing.
    pub(crate) fn appended(&self, there: Option<&RecordBatch>, ended: &dyn Fn(&str) -> bool, new: &RecordBatch) -> Result<RecordBatch, ArrowError> {
        let Some(there) = there else { return Ok(new.clone()) };
        let (jobs, runs) = (Texts::of(there, "job")?, Texts::of(there, "run_id")?);
        let mask = (0..there.num_rows()).map(|row| Some(jobs.value(row) == self.job && runs.value(row) != self.run_id && ended(runs.value(row)))).collect();
        concat_batches(&new.schema(), [&filter_record_batch(there, &mask)?, new])
    }
}

fn texts<'t>(texts: impl Iterator<Item = &'t str>) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(texts))
}

/// What names a cell: numbers of its metric, grain, slice and dimensions, and the first day of its period.
type Name = (u32, u32, i32, u32, u32);

/// Columns of `kpi_values`.
struct Values<'a> {
    jobs: Texts<'a>,
    metrics: Texts<'a>,
    grains: Texts<'a>,
    starts: &'a Date32Array,
    ends: &'a Date32Array,
    slices: Texts<'a>,
    dimensions: Texts<'a>,
    numbers: &'a Float64Array,
    statuses: Texts<'a>,
}

/// Text as it is, or as codes.
struct Texts<'a> {
    codes: Option<&'a Int32Array>,
    texts: &'a StringArray,
}

impl<'a> Texts<'a> {
    fn of(batch: &'a RecordBatch, name: &str) -> Result<Self, ArrowError> {
        let column = column(batch, name)?;
        let (codes, texts) = match column.as_dictionary_opt::<Int32Type>() {
            Some(coded) => (Some(coded.keys()), coded.values()),
            None => (None, column),
        };
        Ok(Self { codes, texts: texts.as_string_opt::<i32>().ok_or_else(|| other_type(name))? })
    }

    /// The number of the text of each row; texts that are not known get the next ones.
    fn numbers(&self, rows: usize, known: &mut HashMap<&'a str, u32>) -> Vec<u32> {
        let mut number = |text: &'a str| {
            let next = u32::try_from(known.len()).unwrap_or(u32::MAX);
            *known.entry(text).or_insert(next)
        };
        let Some(codes) = self.codes else { return (0..rows).map(|row| number(self.texts.value(row))).collect() };
        // A text is looked for once, and only where a row has it.
        let mut of_code: Vec<Option<u32>> = vec![None; self.texts.len()];
        let mut of_row = |code: &i32| {
            let place = usize::try_from(*code).unwrap_or_default();
            *of_code[place].get_or_insert_with(|| number(self.texts.value(place)))
        };
        codes.values().iter().map(&mut of_row).collect()
    }

    fn value(&self, row: usize) -> &'a str {
        let place = self.codes.map_or(row, |codes| usize::try_from(codes.value(row)).unwrap_or_default());
        self.texts.value(place)
    }
}

impl<'a> Values<'a> {
    fn of(batch: &'a RecordBatch) -> Result<Self, ArrowError> {
        Ok(Self {
            jobs: Texts::of(batch, "job")?,
            metrics: Texts::of(batch, "metric")?,
            grains: Texts::of(batch, "grain")?,
            starts: days(batch, "period_start")?,
            ends: days(batch, "period_end")?,
            slices: Texts::of(batch, "slice")?,
            dimensions: Texts::of(batch, "dimensions")?,
            numbers: column(batch, "value")?.as_primitive_opt::<Float64Type>().ok_or_else(|| other_type("value"))?,
            statuses: Texts::of(batch, "status")?,
        })
    }

    /// The name of each row, in numbers of texts.
    fn names(&self, known: &mut HashMap<&'a str, u32>) -> Vec<Name> {
        let [metrics, grains, slices, dimensions] = [&self.metrics, &self.grains, &self.slices, &self.dimensions].map(|texts| texts.numbers(self.numbers.len(), known));
        (0..self.numbers.len()).map(|row| (metrics[row], grains[row], self.starts.value(row), slices[row], dimensions[row])).collect()
    }

    fn value(&self, row: usize) -> Option<f64> {
        self.numbers.is_valid(row).then(|| self.numbers.value(row))
    }
}

fn column<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a ArrayRef, ArrowError> {
    batch.column_by_name(name).ok_or_else(|| ArrowError::SchemaError(format!("no column `{name}`")))
}

fn days<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a Date32Array, ArrowError> {
    column(batch, name)?.as_primitive_opt::<Date32Type>().ok_or_else(|| other_type(name))
}

fn other_type(name: &str) -> ArrowError {
    ArrowError::SchemaError(format!("column `{name}` is of another type"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Date32Array, Float64Array, RecordBatch, StringArray};
    use quotient_report::{Format, render};

    use super::Restating;

    /// Metric, first day, value, status.
    type Cell<'a> = (&'a str, i32, Option<f64>, &'a str);

    fn values(rows: &[Cell<'_>]) -> RecordBatch {
        let text = |of: &dyn Fn(&Cell<'_>) -> String| -> ArrayRef { Arc::new(StringArray::from_iter_values(rows.iter().map(of))) };
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("job", text(&|_| "nightly".to_owned())),
            ("metric", text(&|row| row.0.to_owned())),
            ("grain", text(&|_| "day".to_owned())),
            ("period_start", Arc::new(Date32Array::from_iter_values(rows.iter().map(|row| row.1)))),
            ("period_end", Arc::new(Date32Array::from_iter_values(rows.iter().map(|row| row.1 + 1)))),
            ("slice", text(&|_| "total".to_owned())),
            ("dimensions", text(&|_| "{}".to_owned())),
            ("value", Arc::new(rows.iter().map(|row| row.2).collect::<Float64Array>())),
            ("status", text(&|row| row.3.to_owned())),
        ];
        RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, column)| (name, column, true))).unwrap()
    }

    fn restated(since: i32) -> String {
        let causes = BTreeMap::from([("revenue".to_owned(), "late rows".to_owned())]);
        let shown = ["revenue", "orders"].map(|metric| (metric.to_owned(), "total".to_owned())).into();
        let since = ["revenue", "orders"].map(|metric| (metric.to_owned(), since)).into();
        let restating = Restating { job: "nightly", run_id: "r2", as_of: "2024-05-01T00:00:00Z".parse().unwrap(), causes: &causes, shown: &shown, since: &since };
        let before = values(&[
            ("gone", 0, Some(1.0), "ok"),
            ("revenue", 0, Some(1.0), "ok"),
            ("revenue", 1, Some(2.0), "ok"),
            ("revenue", 2, Some(3.0), "incomplete"),
            ("orders", 1, Some(4.0), "ok"),
        ]);
        let after = values(&[("revenue", 0, Some(1.0), "ok"), ("revenue", 1, Some(2.5), "ok"), ("revenue", 2, Some(9.0), "ok")]);
        render(&restating.rows(restating.found(&before, &after).unwrap()).unwrap(), Format::Csv).unwrap()
    }

    #[test]
    fn only_final_values_that_differ_are_restated() {
        let head = "job,metric,grain,period_start,slice,dimensions,old_value,new_value,cause,run_id,restated_at\r\n";
        let orders = "nightly,orders,day,1970-01-02,total,{},4,,,r2,2024-05-01T00:00:00Z\r\n";
        let revenue = "nightly,revenue,day,1970-01-02,total,{},2,2.5,late rows,r2,2024-05-01T00:00:00Z\r\n";
        assert_eq!(restated(i32::MIN), format!("{head}{orders}{revenue}"));
        assert_eq!(restated(2), head);
    }

    #[test]
    fn a_run_that_did_not_end_has_restated_nothing() {
        let (causes, shown, since) = (BTreeMap::new(), [("revenue".to_owned(), "total".to_owned())].into(), [("revenue".to_owned(), i32::MIN)].into());
        let restating = |run_id| Restating { job: "nightly", run_id, as_of: "2024-05-01T00:00:00Z".parse().unwrap(), causes: &causes, shown: &shown, since: &since };
        let rows = |run_id| {
            let restating = restating(run_id);
            restating.rows(restating.found(&values(&[("revenue", 0, Some(1.0), "ok")]), &values(&[])).unwrap()).unwrap()
        };
        let there = restating("r1").appended(None, &|_| true, &rows("r1")).unwrap();
        assert_eq!(restating("r2").appended(Some(&there), &|run| run == "r1", &rows("r2")).unwrap().num_rows(), 2);
        assert_eq!(restating("r2").appended(Some(&there), &|_| false, &rows("r2")).unwrap().num_rows(), 1);
    }
}
