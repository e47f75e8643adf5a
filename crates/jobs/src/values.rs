//! `kpi_values`: one row per cell, whatever its metric.
//!
//! In: cells, table by table. Out: gathered rows, and the order of the table. Texts are codes: millions of rows have a few thousand of them.

mod arranged;
mod numbers;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayRef, StringArray};
use arrow::datatypes::{Decimal128Type, Float64Type, Int64Type};
use chrono::{DateTime, Days, NaiveDate, Utc};
use indexmap::IndexSet;
use quotient_metrics::{CellValue, Cells, Column, Key, Kind, Value, Walk};
use quotient_model::{Metric, MetricKind, Period, Project, definition_hash};
use rayon::prelude::*;

use self::arranged::{AMOUNT_SCALE, ArrangedRows, ArrangedRun, ArrangedValues};
use self::numbers::Packed;
use crate::results::{Shown, slice_name, stretches};

/// What a row says of its value.
#[derive(Clone, Copy)]
enum Status {
    Ok,
    Incomplete,
    NoData,
    ZeroDenominator,
    Unavailable,
}

impl Status {
    /// All of them, in their order above.
    const ALL: [Self; 5] = [Self::Ok, Self::Incomplete, Self::NoData, Self::ZeroDenominator, Self::Unavailable];

    fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Incomplete => "incomplete",
            Self::NoData => "no_data",
            Self::ZeroDenominator => "zero_denominator",
            Self::Unavailable => "unavailable",
        }
    }
}

/// The rows of `kpi_values` that one table shows, as they gather.
#[derive(Default)]
pub(crate) struct Values {
    texts: Texts,
    metrics: Vec<MetricTexts>,
    runs: Vec<CellRun>,
    /// By row the place of its dimensions.
    dimensions: Vec<u32>,
    statuses: Vec<Status>,
    numbers: Numbers,
}

/// The rows of all tables, one table after the other; a cell that two tables show is in both.
#[derive(Default)]
pub(crate) struct AllValues {
    texts: Texts,
    metrics: Vec<MetricTexts>,
    runs: Vec<CellRun>,
    dimensions: Vec<u32>,
    statuses: Vec<Status>,
    /// Of each table how many rows there are up to its end, and its numbers.
    tables: Vec<(usize, Numbers)>,
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

/// The numbers of rows.
#[derive(Default)]
struct Numbers {
    value: Packed<Float64Type>,
    amount: Packed<Decimal128Type>,
    numerator: Packed<Float64Type>,
    denominator: Packed<Float64Type>,
    n: Packed<Int64Type>,
    previous: Packed<Float64Type>,
    previous_year: Packed<Float64Type>,
}

impl Numbers {
    fn add(&mut self, cell: &Cell, kind: Kind) {
        self.value.push(cell.value.map(|value| value.as_f64(kind)));
        self.amount.push(cell.value.and_then(|value| amount(value, kind)));
        self.numerator.push(cell.numerator);
        self.denominator.push(cell.denominator);
        self.n.push(cell.count.and_then(|count| if let Value::Int(n) = count { Some(n) } else { None }));
        self.previous.push(cell.previous);
        self.previous_year.push(cell.last_year);
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
        for (name, column) in &cells.metrics {
            let Some((metric, of_metric)) = project.metrics.get(name).zip(of_metrics.get(name)) else { continue };
            let place = self.metric(project, metric);
            let column = cells.filled(project, name, column, keys);
            let mut found = MetricCells::new(cells, metric, &column);
            let grace = Days::new(project.mature_after(metric).unwrap_or(0).into());
            for run in runs.iter().filter(|run| of_metric.shows(run.period)) {
                let first_row = self.dimensions.len();
                let final_day = run.period.end.checked_add_days(grace).unwrap_or(run.period.end);
                let is_final = project.calendar.has_begun(final_day, as_of);
                for at in run.keys.clone() {
                    let Some(cell) = found.next(run, shown[at]) else { continue };
                    self.dimensions.push(dimensions[at]);
                    self.numbers.add(&cell, column.kind);
                    self.statuses.push(found.status(&cell, is_final));
                }
                let Period { start, end, .. } = run.period;
                let (period_start, period_end) = (start.to_epoch_days(), end.to_epoch_days());
                let rows = first_row..self.dimensions.len();
                self.runs.push(CellRun { grain: run.grain, period_start, period_end, metric: place, slice: run.slice, rows });
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
    pub(crate) fn of_tables(tables: Vec<Values>) -> Self {
        let count = tables.iter().map(|table| table.dimensions.len()).sum();
        let mut all = Self { dimensions: Vec::with_capacity(count), statuses: Vec::with_capacity(count), ..Self::default() };
        for table in tables {
            all.append(table);
        }
        all
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
        self.statuses.extend(statuses);
        self.tables.push((self.dimensions.len(), numbers));
    }

    /// The gathered rows, in the order of their names; a cell that two tables show is there once.
    pub(crate) fn arranged(mut self, stamp: &Stamp<'_>) -> ArrangedValues {
        let runs = self.in_order();
        let (job, run_id) = (place_of(&mut self.texts, stamp.job), place_of(&mut self.texts, stamp.run_id));
        let statuses = Status::ALL.map(|status| place_of(&mut self.texts, status.name()));
        let texts: ArrayRef = Arc::new(StringArray::from_iter_values(self.texts.iter()));
        ArrangedValues { values: self, texts, runs, statuses, job, run_id, as_of: stamp.as_of }
    }

    /// The runs by grain, first day, metric and slice, each with its rows by dimensions, of several with one name the first that was added.
    fn in_order(&mut self) -> Vec<ArrangedRun> {
        let mut sorted: Vec<usize> = (0..self.texts.len()).collect();
        sorted.sort_by_key(|place| self.texts.get_index(*place));
        let mut ranks = vec![0u32; sorted.len()];
        (0u32..).zip(sorted).for_each(|(rank, place)| ranks[place] = rank);
        let rank = |place: u32| ranks[index(place)];
        let metric = |place: u32| self.metrics.get(index(place)).map_or(0, |metric| rank(metric.name));
        let key = |run: &CellRun| (rank(run.grain), run.period_start, metric(run.metric), rank(run.slice));
        let mut runs = std::mem::take(&mut self.runs);
        runs.par_sort_by_key(|run| (key(run), run.rows.start));
        // A few runs are sorted rather than many rows, and the rows of most have their order.
        let of_one_name: Vec<&[CellRun]> = runs.chunk_by(|a, b| key(a) == key(b)).collect();
        let dimensions = |row: usize| rank(self.dimensions[row]);
        let arranged = |runs: &[CellRun]| match runs {
            [run] if run.rows.clone().is_sorted_by(|a, b| dimensions(*a) < dimensions(*b)) => ArrangedRows::AsGathered(run.rows.clone()),
            _ => {
                let mut rows: Vec<(u32, usize)> = runs.iter().flat_map(|run| run.rows.clone()).map(|row| (dimensions(row), row)).collect();
                rows.sort_unstable();
                rows.dedup_by_key(|(dimensions, _)| *dimensions);
                ArrangedRows::At(rows.into_iter().map(|(_, row)| u32::try_from(row).unwrap_or(u32::MAX)).collect())
            }
        };
        let sorted: Vec<ArrangedRows> = of_one_name.par_iter().map(|runs| arranged(runs)).collect();
        let mut end = 0;
        let ended = of_one_name.iter().zip(sorted).map(|(runs, rows)| {
            end += rows.count();
            ArrangedRun { run: runs[0].clone(), rows, end }
        });
        ended.collect()
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
    fn status(&self, cell: &Cell, is_final: bool) -> Status {
        if self.is_withheld {
            return Status::Unavailable;
        }
        match (cell.value, &self.metric.kind) {
            _ if !is_final => Status::Incomplete,
            (Some(_), _) => Status::Ok,
            (None, MetricKind::Ratio { .. }) if cell.denominator == Some(0.0) => Status::ZeroDenominator,
            (None, _) => Status::NoData,
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
