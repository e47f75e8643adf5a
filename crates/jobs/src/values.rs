//! `kpi_values`: one row per cell, whatever its metric.
//!
//! In: cells, table by table. Out: gathered rows, and the order of the table. Texts are codes: millions of rows have a few thousand of them.

mod arranged;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Decimal128Builder, Float64Builder, Int64Builder, StringArray, new_null_array};
use arrow::error::ArrowError;
use chrono::{DateTime, Days, NaiveDate, Utc};
use indexmap::IndexSet;
use quotient_metrics::{CellValue, Cells, Column, Key, Kind, Value, Walk};
use quotient_model::{Metric, MetricKind, Period, Project, definition_hash};
use rayon::prelude::*;

use self::arranged::ArrangedValues;
use crate::error::JobError;
use crate::results::{Shown, refused, slice_name, stretches};

/// Digits after the point of the column `amount`.
const AMOUNT_SCALE: i8 = 6;

/// The rows of `kpi_values` that one table shows, as they gather.
#[derive(Default)]
pub(crate) struct Values {
    texts: Texts,
    metrics: Vec<MetricTexts>,
    runs: Vec<CellRun>,
    dimensions: Vec<u32>,
    statuses: Vec<u32>,
    /// Of each metric how many rows there are up to its end, and its numbers.
    numbers: Vec<(usize, NumberColumns)>,
}

/// The rows of all tables, one table after the other; a cell that two tables show is in both.
pub(crate) struct AllValues {
    texts: Texts,
    metrics: Vec<MetricTexts>,
    runs: Vec<CellRun>,
    /// By row the place of its dimensions.
    dimensions: Vec<u32>,
    statuses: Vec<u32>,
    /// How many rows there are up to the end of each metric of each table.
    ends: Vec<usize>,
    /// Name by name the arrays of these; one without a value has one null for all of its rows.
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

/// Rows that follow each other and differ in their dimensions alone: what names them beside these, by the places of its texts.
#[derive(Clone)]
struct CellRun {
    grain: u32,
    period_start: i32,
    period_end: i32,
    metric: u32,
    slice: u32,
    rows: Range<usize>,
}

/// The columns of numbers, by name.
type NumberColumns = [(&'static str, ArrayRef); 7];

/// The numbers of rows of one metric, as they gather.
struct Numbers {
    value: Float64Builder,
    amount: Decimal128Builder,
    numerator: Float64Builder,
    denominator: Float64Builder,
    n: Int64Builder,
    previous: Float64Builder,
    previous_year: Float64Builder,
}

impl Numbers {
    /// None yet, with room for so many.
    fn with_room(rows: usize) -> Self {
        let doubles = || Float64Builder::with_capacity(rows);
        Self {
            value: doubles(),
            amount: Decimal128Builder::with_capacity(rows),
            numerator: doubles(),
            denominator: doubles(),
            n: Int64Builder::with_capacity(rows),
            previous: doubles(),
            previous_year: doubles(),
        }
    }

    fn add(&mut self, cell: &Cell, kind: Kind) {
        self.value.append_option(cell.value.map(|value| value.as_f64(kind)));
        self.amount.append_option(cell.value.and_then(|value| amount(value, kind)));
        self.numerator.append_option(cell.numerator);
        self.denominator.append_option(cell.denominator);
        self.n.append_option(cell.count.and_then(|count| if let Value::Int(n) = count { Some(n) } else { None }));
        self.previous.append_option(cell.previous);
        self.previous_year.append_option(cell.last_year);
    }

    /// The columns: of a count none is an amount, of most metrics none is a ratio.
    fn columns(mut self) -> Result<NumberColumns, ArrowError> {
        let columns: NumberColumns = [
            ("value", Arc::new(self.value.finish())),
            ("amount", Arc::new(self.amount.finish().with_precision_and_scale(38, AMOUNT_SCALE)?)),
            ("numerator", Arc::new(self.numerator.finish())),
            ("denominator", Arc::new(self.denominator.finish())),
            ("n", Arc::new(self.n.finish())),
            ("previous", Arc::new(self.previous.finish())),
            ("previous_year", Arc::new(self.previous_year.finish())),
        ];
        Ok(columns.map(|(name, array)| (name, if array.null_count() == array.len() { new_null_array(array.data_type(), 1) } else { array })))
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
    pub(crate) fn add(&mut self, project: &Project, table: &TableCells<'_>, as_of: DateTime<Utc>) -> Result<(), ArrowError> {
        let TableCells { cells, keys, shown: of_metrics } = table;
        let first = of_metrics.values().map(|shown| shown.after).min().unwrap_or(i32::MIN);
        let late = stretches(&project.calendar, cells, keys).filter(|stretch| stretch.period.is_some_and(|period| period.end.to_epoch_days() > first));
        let shown: Vec<Key> = late.flat_map(|stretch| stretch.keys).copied().collect();
        let runs = self.runs(project, cells, &shown);
        let dimensions = self.dimensions(cells, &shown);
        for (name, column) in &cells.metrics {
            let Some((metric, of_metric)) = project.metrics.get(name).zip(of_metrics.get(name)) else { continue };
            let place = self.metric(project, metric);
            let column = cells.filled(project, name, column, keys);
            let mut found = MetricCells::new(cells, metric, &column);
            let grace = Days::new(project.mature_after(metric).unwrap_or(0).into());
            let mut last_status: Option<(&str, u32)> = None;
            let mut numbers = Numbers::with_room(shown.len());
            for run in runs.iter().filter(|run| of_metric.shows(run.period)) {
                let first_row = self.dimensions.len();
                let final_day = run.period.end.checked_add_days(grace).unwrap_or(run.period.end);
                let is_final = project.calendar.has_begun(final_day, as_of);
                for at in run.keys.clone() {
                    let Some(cell) = found.next(run, shown[at]) else { continue };
                    self.dimensions.push(dimensions[at]);
                    numbers.add(&cell, column.kind);
                    let status = found.status(&cell, is_final);
                    // Most rows have the status of the row before.
                    let place = last_status.filter(|(known, _)| *known == status).map_or_else(|| place_of(&mut self.texts, status), |(_, place)| place);
                    last_status = Some((status, place));
                    self.statuses.push(place);
                }
                let Period { start, end, .. } = run.period;
                let (period_start, period_end) = (start.to_epoch_days(), end.to_epoch_days());
                let rows = first_row..self.dimensions.len();
                self.runs.push(CellRun { grain: run.grain, period_start, period_end, metric: place, slice: run.slice, rows });
            }
            self.numbers.push((self.dimensions.len(), numbers.columns()?));
        }
        Ok(())
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
        let refuse = |error: ArrowError| refused("kpi_values", &error);
        // Without a metric there are the columns of one without rows.
        if tables.iter().all(|table| table.numbers.is_empty()) {
            tables.push(Values { numbers: vec![(0, Numbers::with_room(0).columns().map_err(refuse)?)], ..Values::default() });
        }
        let count = tables.iter().map(|table| table.dimensions.len()).sum();
        let mut all = Self {
            texts: Texts::default(),
            metrics: Vec::new(),
            runs: Vec::new(),
            dimensions: Vec::with_capacity(count),
            statuses: Vec::with_capacity(count),
            ends: Vec::new(),
            numbers: BTreeMap::new(),
        };
        for table in tables {
            all.append(table);
        }
        Ok(all)
    }

    fn append(&mut self, other: Values) {
        let Values { texts, metrics, runs, dimensions, statuses, numbers } = other;
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
        let before = self.dimensions.len();
        self.runs.extend(runs.into_iter().map(|run| CellRun {
            grain: place(run.grain),
            metric: metrics[index(run.metric)],
            slice: place(run.slice),
            rows: before + run.rows.start..before + run.rows.end,
            ..run
        }));
        self.dimensions.extend(dimensions.into_iter().map(place));
        self.statuses.extend(statuses.into_iter().map(place));
        for (end, columns) in numbers {
            self.ends.push(before + end);
            for (name, array) in columns {
                self.numbers.entry(name).or_default().push(array);
            }
        }
    }

    /// The gathered rows, in the order of their names; a cell that two tables show is there once.
    pub(crate) fn arranged(mut self, stamp: &Stamp<'_>) -> ArrangedValues {
        let (order, runs) = self.order();
        let (job, run_id) = (place_of(&mut self.texts, stamp.job), place_of(&mut self.texts, stamp.run_id));
        let texts: ArrayRef = Arc::new(StringArray::from_iter_values(self.texts.iter()));
        ArrangedValues { values: self, texts, order, runs, job, run_id, as_of: stamp.as_of }
    }

    /// The rows by grain, first day, metric, slice, dimensions, of several with one name the first that was added; and the runs that they come in,
    /// each with the place after its last row.
    fn order(&mut self) -> (Vec<u32>, Vec<(CellRun, usize)>) {
        let mut sorted: Vec<usize> = (0..self.texts.len()).collect();
        sorted.sort_by_key(|place| self.texts.get_index(*place));
        let mut ranks = vec![0u32; sorted.len()];
        (0u32..).zip(sorted).for_each(|(rank, place)| ranks[place] = rank);
        let rank = |place: u32| ranks[index(place)];
        let metric = |place: u32| self.metrics.get(index(place)).map_or(0, |metric| rank(metric.name));
        let key = |run: &CellRun| (rank(run.grain), run.period_start, metric(run.metric), rank(run.slice));
        let mut runs = std::mem::take(&mut self.runs);
        runs.par_sort_by_key(|run| (key(run), run.rows.start));
        // A few runs are sorted rather than many rows.
        let of_one_name: Vec<&[CellRun]> = runs.chunk_by(|a, b| key(a) == key(b)).collect();
        let sorted: Vec<Vec<u32>> = of_one_name
            .par_iter()
            .map(|runs| {
                let mut rows: Vec<(u32, usize)> = runs.iter().flat_map(|run| run.rows.clone()).map(|row| (rank(self.dimensions[row]), row)).collect();
                rows.sort_unstable();
                rows.dedup_by_key(|(dimensions, _)| *dimensions);
                rows.into_iter().map(|(_, row)| u32::try_from(row).unwrap_or(u32::MAX)).collect()
            })
            .collect();
        let mut end = 0;
        let ended = of_one_name.iter().zip(&sorted).map(|(runs, rows)| {
            end += rows.len();
            (runs[0].clone(), end)
        });
        let ended = ended.collect();
        (sorted.concat(), ended)
    }
}

/// A cell with all that its row is made from.
struct Cell {
    value: CellValue,
    numerator: Option<f64>,
    denominator: Option<f64>,
    count: CellValue,
    /// The values of the same slice row in the period before, and in its like a year before.
    previous: Option<f64>,
    last_year: Option<f64>,
}

/// The cells of one metric, read key after key.
struct MetricCells<'a> {
    metric: &'a Metric,
    is_withheld: bool,
    values: Walk<'a>,
    numerators: Option<Doubles<'a>>,
    denominators: Option<Doubles<'a>>,
    counts: Option<Walk<'a>>,
    previous: Doubles<'a>,
    last_year: Doubles<'a>,
}

/// Values that are read as doubles.
struct Doubles<'a>(Walk<'a>, Kind);

impl<'a> Doubles<'a> {
    fn of(column: &'a Column) -> Self {
        Self(column.cells.walk(), column.kind)
    }

    fn at(&mut self, key: Key) -> Option<f64> {
        self.0.at(key).flatten().map(|value| value.as_f64(self.1))
    }
}

impl<'a> MetricCells<'a> {
    fn new(cells: &'a Cells, metric: &'a Metric, column: &'a Column) -> Self {
        let parts = cells.parts.get(&metric.name);
        Self {
            metric,
            is_withheld: cells.withheld.contains(&metric.name),
            values: column.cells.walk(),
            numerators: parts.map(|(above, _)| Doubles::of(above)),
            denominators: parts.map(|(_, below)| Doubles::of(below)),
            counts: cells.counts.get(&metric.name).map(|column| column.cells.walk()),
            previous: Doubles::of(column),
            last_year: Doubles::of(column),
        }
    }

    /// The cell at the next key of a run; `None` where there is none.
    fn next(&mut self, run: &Run, key: Key) -> Option<Cell> {
        let of = |start: NaiveDate| Key { period: start.to_epoch_days(), ..key };
        Some(Cell {
            value: self.values.at(key)?,
            numerator: self.numerators.as_mut().and_then(|above| above.at(key)),
            denominator: self.denominators.as_mut().and_then(|below| below.at(key)),
            count: self.counts.as_mut().and_then(|counts| counts.at(key)).flatten(),
            previous: self.previous.at(of(run.previous)),
            last_year: run.last_year.and_then(|start| self.last_year.at(of(start))),
        })
    }

    /// `unavailable` where the lake lacks a column; `incomplete` until the period has ended and its rows had time to mature; then why there is no value, or `ok`.
    fn status(&self, cell: &Cell, is_final: bool) -> &'static str {
        if self.is_withheld {
            return "unavailable";
        }
        match (cell.value, &self.metric.kind) {
            _ if !is_final => "incomplete",
            (Some(_), _) => "ok",
            (None, MetricKind::Ratio { .. }) if cell.denominator == Some(0.0) => "zero_denominator",
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

/// A decimal at the scale of `amount`; `None` for counts and doubles, and where digits would be lost.
fn amount(value: Value, kind: Kind) -> Option<i128> {
    let (Value::Decimal(unscaled), Kind::Decimal(scale)) = (value, kind) else { return None };
    let more = u32::try_from(AMOUNT_SCALE.checked_sub(scale)?).ok()?;
    unscaled.checked_mul(10i128.checked_pow(more)?)
}
