//! `kpi_values`: one row per cell, whatever its metric.
//!
//! In: cells, table by table. Out: rows in the order of the table. Texts are codes: millions of rows have a few thousand of them.

use std::collections::BTreeMap;
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, Date32Array, Decimal128Builder, DictionaryArray, Float64Array, Float64Builder, Int32Array, Int64Builder, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow::compute::interleave;
use arrow::datatypes::Int32Type;
use arrow::error::ArrowError;
use chrono::{DateTime, Days, NaiveDate, Utc};
use indexmap::IndexSet;
use quotient_metrics::{CellValue, Cells, Column, Key, Kind, Value};
use quotient_model::{Metric, MetricKind, Period, Project, definition_hash};
use rayon::prelude::*;

use crate::error::JobError;
use crate::results::{Shown, batch, refused, slice_name, stretches};

/// Digits after the point of the column `amount`.
const AMOUNT_SCALE: i8 = 6;

/// The rows of `kpi_values` that one table shows, as they gather.
#[derive(Default)]
pub(crate) struct Values {
    texts: Texts,
    metrics: Vec<MetricTexts>,
    names: Vec<CellName>,
    numbers: Numbers,
}

/// The rows of all tables, one table after the other; a cell that two tables show is in both.
pub(crate) struct AllValues {
    texts: Texts,
    metrics: Vec<MetricTexts>,
    names: Vec<CellName>,
    period_ends: Vec<i32>,
    statuses: Vec<u32>,
    /// How many rows there are up to the end of each table.
    ends: Vec<usize>,
    /// Name by name the arrays of all tables.
    numbers: BTreeMap<&'static str, Vec<ArrayRef>>,
}

/// Every text once; a row has its place.
type Texts = IndexSet<String>;

/// The texts that all rows of a metric share.
struct MetricTexts {
    name: u32,
    unit: u32,
    additivity: u32,
    definition_hash: u32,
}

/// What names a cell over all tables, by the places of its texts.
#[derive(Clone, Copy)]
struct CellName {
    grain: u32,
    period_start: i32,
    metric: u32,
    slice: u32,
    dimensions: u32,
}

/// What a row has beside its name.
#[derive(Default)]
struct Numbers {
    period_end: Vec<i32>,
    status: Vec<u32>,
    value: Float64Builder,
    amount: Decimal128Builder,
    numerator: Float64Builder,
    denominator: Float64Builder,
    n: Int64Builder,
    previous: Float64Builder,
    previous_year: Float64Builder,
}

impl Numbers {
    /// The columns of numbers.
    fn arrays(&mut self) -> Result<[(&'static str, ArrayRef); 8], ArrowError> {
        let (value, previous) = (self.value.finish(), self.previous.finish());
        let change = |(now, before): (Option<f64>, Option<f64>)| now.zip(before).map(|(now, before)| now - before);
        let changes: Float64Array = value.iter().zip(&previous).map(change).collect();
        Ok([
            ("value", Arc::new(value)),
            ("amount", Arc::new(self.amount.finish().with_precision_and_scale(38, AMOUNT_SCALE)?)),
            ("numerator", Arc::new(self.numerator.finish())),
            ("denominator", Arc::new(self.denominator.finish())),
            ("n", Arc::new(self.n.finish())),
            ("previous", Arc::new(previous)),
            ("change", Arc::new(changes)),
            ("previous_year", Arc::new(self.previous_year.finish())),
        ])
    }
}

/// Who computed the rows.
pub(crate) struct Stamp<'a> {
    pub(crate) job: &'a str,
    pub(crate) run_id: &'a str,
    pub(crate) as_of: DateTime<Utc>,
}

/// The cells of one table.
pub(crate) struct TableCells<'a> {
    pub(crate) cells: &'a Cells,
    /// Those that it asks for.
    pub(crate) keys: &'a [Key],
    /// Which periods are shown of each metric.
    pub(crate) shown: &'a BTreeMap<String, Shown>,
}

/// The keys of one period of one grouping, by their places among those that are shown.
struct Run {
    period: Period,
    /// The first days of the period before, and of its like a year before.
    previous: NaiveDate,
    last_year: Option<NaiveDate>,
    grain: u32,
    slice: u32,
    keys: Range<usize>,
}

impl Values {
    /// Adds cells of one table: of all its cells those that are shown, which may have the others before them.
    pub(crate) fn add(&mut self, project: &Project, table: &TableCells<'_>, as_of: DateTime<Utc>) {
        let TableCells { cells, keys, shown: of_metrics } = table;
        let first = of_metrics.values().map(|shown| shown.after).min().unwrap_or(i32::MIN);
        let late = stretches(&project.calendar, cells, keys).filter(|stretch| stretch.period.is_some_and(|period| period.end.to_epoch_days() > first));
        let shown: Vec<Key> = late.flat_map(|stretch| stretch.keys).copied().collect();
        let runs = self.runs(project, cells, &shown);
        let dimensions = self.dimensions(cells, &shown);
        let beside = Beside::of(&runs, &shown);
        for (name, column) in &cells.metrics {
            let Some((metric, of_metric)) = project.metrics.get(name).zip(of_metrics.get(name)) else { continue };
            let place = self.metric(project, metric);
            let column = cells.filled(project, name, column, keys);
            let found = MetricCells::new(cells, metric, &column, (&shown, &beside));
            let grace = Days::new(project.mature_after(metric).unwrap_or(0).into());
            let mut last_status: Option<(&str, u32)> = None;
            for run in runs.iter().filter(|run| of_metric.shows(run.period)) {
                let final_day = run.period.end.checked_add_days(grace).unwrap_or(run.period.end);
                let is_final = project.calendar.has_begun(final_day, as_of);
                for at in run.keys.clone() {
                    let Some(value) = found.values[at] else { continue };
                    let beside = (found.previous[at], found.last_year[at]);
                    self.names.push(CellName { grain: run.grain, period_start: shown[at].period, metric: place, slice: run.slice, dimensions: dimensions[at] });
                    let status = found.add(&mut self.numbers, &Cell { at, value, period_end: run.period.end, beside, is_final });
                    // Most rows have the status of the row before.
                    let place = last_status.filter(|(known, _)| *known == status).map_or_else(|| place_of(&mut self.texts, status), |(_, place)| place);
                    last_status = Some((status, place));
                    self.numbers.status.push(place);
                }
            }
        }
    }

    fn metric(&mut self, project: &Project, metric: &Metric) -> u32 {
        let mut place = |text: &str| place_of(&mut self.texts, text);
        let (name, unit, additivity) = (place(&metric.name), place(&metric.meta.unit), place(&metric.meta.additivity));
        let definition_hash = place(&definition_hash(project, metric));
        place_of_metric(&mut self.metrics, MetricTexts { name, unit, additivity, definition_hash })
    }

    fn runs(&mut self, project: &Project, cells: &Cells, shown: &[Key]) -> Vec<Run> {
        let calendar = &project.calendar;
        let mut runs = Vec::new();
        let mut from = 0;
        for stretch in stretches(calendar, cells, shown) {
            let keys = from..from + stretch.keys.len();
            from = keys.end;
            let Some(period) = stretch.period else { continue };
            runs.push(Run {
                period,
                previous: calendar.previous(period).start,
                last_year: calendar.same_last_year(period).map(|period| period.start),
                grain: place_of(&mut self.texts, period.grain.name()),
                slice: place_of(&mut self.texts, &slice_name(stretch.slice)),
                keys,
            });
        }
        runs
    }

    /// The dimensions of each key as JSON.
    fn dimensions(&mut self, cells: &Cells, shown: &[Key]) -> Vec<u32> {
        let mut known: BTreeMap<(Option<usize>, u32), u32> = BTreeMap::new();
        let mut place = |key: &Key| {
            *known.entry((cells.grid.slice(*key), key.member)).or_insert_with(|| {
                let slice = cells.grid.grouping(*key).map_or(&[][..], |grouping| &grouping.slice);
                let dimensions: serde_json::Map<String, serde_json::Value> = slice.iter().cloned().zip(cells.grid.member(*key).iter().map(|text| text.as_str().into())).collect();
                place_of(&mut self.texts, &serde_json::Value::Object(dimensions).to_string())
            })
        };
        shown.iter().map(&mut place).collect()
    }
}

/// The place of a metric, which is added where it is new.
fn place_of_metric(metrics: &mut Vec<MetricTexts>, metric: MetricTexts) -> u32 {
    let known = metrics.iter().position(|known| known.name == metric.name).unwrap_or_else(|| {
        metrics.push(metric);
        metrics.len() - 1
    });
    u32::try_from(known).unwrap_or(u32::MAX)
}

impl AllValues {
    /// The rows of several tables.
    pub(crate) fn of_tables(mut tables: Vec<Values>) -> Result<Self, JobError> {
        // Without a table there are the columns of one without rows.
        if tables.is_empty() {
            tables.push(Values::default());
        }
        let count = tables.iter().map(|table| table.names.len()).sum();
        let mut all = Self {
            texts: Texts::default(),
            metrics: Vec::new(),
            names: Vec::with_capacity(count),
            period_ends: Vec::with_capacity(count),
            statuses: Vec::with_capacity(count),
            ends: Vec::with_capacity(tables.len()),
            numbers: BTreeMap::new(),
        };
        for table in tables {
            all.append(table).map_err(|error| refused("kpi_values", &error))?;
        }
        Ok(all)
    }

    fn append(&mut self, other: Values) -> Result<(), ArrowError> {
        let Values { texts, metrics, names, mut numbers } = other;
        let places: Vec<u32> = texts.iter().map(|text| place_of(&mut self.texts, text)).collect();
        let place = |of_other: u32| places[index(of_other)];
        let metrics: Vec<u32> = metrics
            .iter()
            .map(|metric| {
                let (name, unit) = (place(metric.name), place(metric.unit));
                let metric = MetricTexts { name, unit, additivity: place(metric.additivity), definition_hash: place(metric.definition_hash) };
                place_of_metric(&mut self.metrics, metric)
            })
            .collect();
        self.names.extend(names.into_iter().map(|name| CellName {
            grain: place(name.grain),
            metric: metrics[index(name.metric)],
            slice: place(name.slice),
            dimensions: place(name.dimensions),
            ..name
        }));
        self.ends.push(self.names.len());
        self.period_ends.append(&mut numbers.period_end);
        self.statuses.extend(numbers.status.iter().copied().map(place));
        for (name, array) in numbers.arrays()? {
            self.numbers.entry(name).or_default().push(array);
        }
        Ok(())
    }

    /// The gathered rows, in the order of their names; a cell that two tables show is there once.
    ///
    /// `value` is a double of every cell; `amount` is the exact decimal of money, with six digits after the point.
    pub(crate) fn into_batch(mut self, stamp: &Stamp<'_>) -> Result<RecordBatch, JobError> {
        let order = self.order();
        let (job, run_id) = (place_of(&mut self.texts, stamp.job), place_of(&mut self.texts, stamp.run_id));
        let Self { texts, metrics, names, period_ends, statuses, ends, mut numbers } = self;
        let (metrics, names) = (metrics.as_slice(), names.as_slice());
        let texts: ArrayRef = Arc::new(StringArray::from_iter_values(texts.iter()));
        let place = |row: usize| {
            let table = ends.partition_point(|end| *end <= row);
            (table, row - table.checked_sub(1).map_or(0, |before| ends[before]))
        };
        let in_order: Vec<(usize, usize)> = order.par_iter().map(|row| place(index(*row))).collect();
        let computed = TimestampMicrosecondArray::from_value(stamp.as_of.timestamp_micros(), order.len()).with_timezone("UTC");
        let of_metric = |place: fn(&MetricTexts) -> u32| Made::codes(move |row: usize| metrics.get(index(names[row].metric)).map_or(0, place));
        let mut number = |name| (name, Made::Numbers(numbers.remove(name).unwrap_or_default()));
        let columns: Vec<(&str, Made<'_>)> = vec![
            ("job", Made::codes(|_| job)),
            ("metric", of_metric(|metric| metric.name)),
            ("grain", Made::codes(|row| names[row].grain)),
            ("period_start", Made::days(|row| names[row].period_start)),
            ("period_end", Made::days(|row| period_ends[row])),
            ("slice", Made::codes(|row| names[row].slice)),
            ("dimensions", Made::codes(|row| names[row].dimensions)),
            number("value"),
            number("amount"),
            number("numerator"),
            number("denominator"),
            number("n"),
            ("unit", of_metric(|metric| metric.unit)),
            ("additivity", of_metric(|metric| metric.additivity)),
            ("status", Made::codes(|row| statuses[row])),
            number("previous"),
            number("change"),
            number("previous_year"),
            ("definition_hash", of_metric(|metric| metric.definition_hash)),
            ("run_id", Made::codes(|_| run_id)),
            ("computed_at", Made::Whole(Arc::new(computed))),
        ];
        let gathered = Gathered { order: &order, in_order: &in_order, texts: &texts };
        let made = columns.into_par_iter().map(|(name, made)| Ok((name.to_owned(), made.array(&gathered)?))).collect::<Result<Vec<_>, ArrowError>>();
        made.and_then(batch).map_err(|error| refused("kpi_values", &error))
    }

    /// The rows by grain, first day, metric, slice, dimensions; of several with one name the first that was added.
    fn order(&self) -> Vec<u32> {
        let mut sorted: Vec<usize> = (0..self.texts.len()).collect();
        sorted.sort_by_key(|place| self.texts.get_index(*place));
        let mut ranks = vec![0u32; sorted.len()];
        (0u32..).zip(sorted).for_each(|(rank, place)| ranks[place] = rank);
        let rank = |place: u32| ranks[index(place)];
        let metric = |place: u32| self.metrics.get(index(place)).map_or(0, |metric| rank(metric.name));
        // Rows come in runs that differ in their dimensions alone: a few runs are sorted rather than many rows.
        let key = |name: &CellName| (rank(name.grain), name.period_start, metric(name.metric), rank(name.slice));
        let mut runs = Vec::new();
        let mut next = 0;
        for run in self.names.chunk_by(|a, b| (a.grain, a.period_start, a.metric, a.slice) == (b.grain, b.period_start, b.metric, b.slice)) {
            let first = next;
            next += run.len();
            runs.push((key(&run[0]), first..next));
        }
        runs.par_sort_by_key(|(key, rows)| (*key, rows.start));
        let of_one_name: Vec<&[(_, Range<usize>)]> = runs.chunk_by(|(a, _), (b, _)| a == b).collect();
        let sorted = of_one_name.into_par_iter().flat_map_iter(|runs| {
            let mut rows: Vec<(u32, usize)> = runs.iter().flat_map(|(_, rows)| rows.clone()).map(|row| (rank(self.names[row].dimensions), row)).collect();
            rows.sort_unstable();
            rows.dedup_by_key(|(dimensions, _)| *dimensions);
            rows.into_iter().map(|(_, row)| u32::try_from(row).unwrap_or(u32::MAX))
        });
        sorted.collect()
    }
}

/// A cell, and where it stands.
struct Cell {
    /// Its place among the keys that are shown.
    at: usize,
    value: CellValue,
    period_end: NaiveDate,
    /// The values of the same slice row in the period before, and in its like a year before.
    beside: (Option<f64>, Option<f64>),
    /// Whether its period has ended and its rows had time to mature.
    is_final: bool,
}

/// The cells of one metric at the keys that are shown, with all that its rows are made from.
struct MetricCells<'a> {
    metric: &'a Metric,
    is_withheld: bool,
    column: &'a Column,
    /// `None` where there is no cell.
    values: Vec<Option<CellValue>>,
    numerators: Vec<Option<f64>>,
    denominators: Vec<Option<f64>>,
    counts: Vec<CellValue>,
    previous: Vec<Option<f64>>,
    last_year: Vec<Option<f64>>,
}

/// Where the cells are that stand beside those that are shown: of the period before, and of its like a year before.
struct Beside {
    previous: Vec<Key>,
    last_year: Vec<Key>,
}

impl Beside {
    fn of(runs: &[Run], shown: &[Key]) -> Self {
        let (mut previous, mut last_year) = (shown.to_vec(), shown.to_vec());
        // No period starts so early: its cell is found nowhere.
        let day = |start: Option<NaiveDate>| start.map_or(i32::MIN, |start| start.to_epoch_days());
        for run in runs {
            previous[run.keys.clone()].iter_mut().for_each(|key| key.period = day(Some(run.previous)));
            last_year[run.keys.clone()].iter_mut().for_each(|key| key.period = day(run.last_year));
        }
        Self { previous, last_year }
    }
}

impl<'a> MetricCells<'a> {
    fn new(cells: &Cells, metric: &'a Metric, column: &'a Column, (shown, beside): (&[Key], &Beside)) -> Self {
        let parts = cells.parts.get(&metric.name);
        let part = |column: Option<&Rc<Column>>| column.map(|column| column.doubles_at(shown).collect()).unwrap_or_default();
        Self {
            metric,
            is_withheld: cells.withheld.contains(&metric.name),
            column,
            values: column.cells.at(shown).collect(),
            numerators: part(parts.map(|(above, _)| above)),
            denominators: part(parts.map(|(_, below)| below)),
            counts: cells.counts.get(&metric.name).map(|column| column.cells.values_at(shown).collect()).unwrap_or_default(),
            previous: column.doubles_at(&beside.previous).collect(),
            last_year: column.doubles_at(&beside.last_year).collect(),
        }
    }

    /// Adds a row but for its name; gives its status.
    fn add(&self, numbers: &mut Numbers, cell: &Cell) -> &'static str {
        let denominator = self.denominators.get(cell.at).copied().flatten();
        numbers.period_end.push(cell.period_end.to_epoch_days());
        numbers.value.append_option(cell.value.map(|v| v.as_f64(self.column.kind)));
        numbers.amount.append_option(cell.value.and_then(|v| amount(v, self.column.kind)));
        numbers.numerator.append_option(self.numerators.get(cell.at).copied().flatten());
        numbers.denominator.append_option(denominator);
        numbers.n.append_option(self.counts.get(cell.at).copied().flatten().and_then(|v| if let Value::Int(n) = v { Some(n) } else { None }));
        numbers.previous.append_option(cell.beside.0);
        numbers.previous_year.append_option(cell.beside.1);
        self.status(cell.value, denominator, cell.is_final)
    }

    /// `unavailable` where the lake lacks a column; `incomplete` until the period has ended and its rows had time to mature; then why there is no value, or `ok`.
    fn status(&self, value: CellValue, denominator: Option<f64>, is_final: bool) -> &'static str {
        if self.is_withheld {
            return "unavailable";
        }
        match (value, &self.metric.kind) {
            _ if !is_final => "incomplete",
            (Some(_), _) => "ok",
            (None, MetricKind::Ratio { .. }) if denominator == Some(0.0) => "zero_denominator",
            (None, _) => "no_data",
        }
    }
}

/// The place of a text, which is added where it is new.
fn place_of(texts: &mut Texts, text: &str) -> u32 {
    let place = texts.get_index_of(text).unwrap_or_else(|| texts.insert_full(text.to_owned()).0);
    u32::try_from(place).unwrap_or(u32::MAX)
}

fn index(place: u32) -> usize {
    usize::try_from(place).unwrap_or(usize::MAX)
}

/// The rows that stay, in their order.
struct Gathered<'a> {
    /// Their places among all rows.
    order: &'a [u32],
    /// Their tables, and their places there.
    in_order: &'a [(usize, usize)],
    texts: &'a ArrayRef,
}

/// How a column is made of the gathered rows.
enum Made<'a> {
    /// Of the places of texts.
    Codes(Box<dyn Fn(usize) -> u32 + Send + 'a>),
    /// Of days.
    Days(Box<dyn Fn(usize) -> i32 + Send + 'a>),
    /// Of the numbers of each table.
    Numbers(Vec<ArrayRef>),
    /// It is there.
    Whole(ArrayRef),
}

impl<'a> Made<'a> {
    fn codes(place: impl Fn(usize) -> u32 + Send + 'a) -> Self {
        Self::Codes(Box::new(place))
    }

    fn days(day: impl Fn(usize) -> i32 + Send + 'a) -> Self {
        Self::Days(Box::new(day))
    }

    /// The column in the order of the rows.
    fn array(self, rows: &Gathered<'_>) -> Result<ArrayRef, ArrowError> {
        let places = || rows.order.iter().map(|row| index(*row));
        match self {
            Self::Codes(place) => {
                let keys = Int32Array::from_iter_values(places().map(|row| i32::try_from(place(row)).unwrap_or(i32::MAX)));
                Ok(Arc::new(DictionaryArray::<Int32Type>::try_new(keys, Arc::clone(rows.texts))?))
            }
            Self::Days(day) => Ok(Arc::new(Date32Array::from_iter_values(places().map(day)))),
            Self::Numbers(of_tables) => {
                let of_tables: Vec<&dyn Array> = of_tables.iter().map(AsRef::as_ref).collect();
                interleave(&of_tables, rows.in_order)
            }
            Self::Whole(values) => Ok(values),
        }
    }
}

/// A decimal at the scale of `amount`; `None` for counts and doubles, and where digits would be lost.
fn amount(value: Value, kind: Kind) -> Option<i128> {
    let (Value::Decimal(unscaled), Kind::Decimal(scale)) = (value, kind) else { return None };
    let more = u32::try_from(AMOUNT_SCALE.checked_sub(scale)?).ok()?;
    unscaled.checked_mul(10i128.checked_pow(more)?)
}
