//! Derived cells: ratios, expressions, offsets and cumulative sums over base cells.
//!
//! In: base cells from an engine. Out: one column per metric asked. Facts are not read here.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use chrono::NaiveDate;
use quotient_model::{Calculation, Calendar, Conversion, Grain, Input, Metric, MetricKind, Offset, Period, Project};

use crate::cell_map::{CellMap, CellValue, all_keys};
use crate::cells::{Column, Grid, Key, Kind, Value};
use crate::cumulative;
use crate::engine::{BaseGrouping, Engine};
use crate::error::MetricsError;
use crate::formula;
use crate::needs::{CellRequest, Reached, adds_up, days_of, find, needs_of, passing, reach, total_of};

/// The cells of a request.
#[derive(Debug, Clone, Default)]
pub struct Cells {
    /// Groupings and slice rows.
    pub grid: Grid,
    /// One column per metric, in the order asked.
    pub metrics: Vec<(String, Rc<Column>)>,
    /// Numerator and denominator of the ratio metrics among them.
    pub parts: BTreeMap<String, (Rc<Column>, Rc<Column>)>,
    /// The rows behind the values of simple metrics, and behind the denominators of ratios; where they were asked for.
    pub counts: BTreeMap<String, Column>,
    /// Metrics whose values were withheld: their cells are there, and null.
    pub withheld: BTreeSet<String>,
}

impl Cells {
    /// Takes away every value of a metric that cannot be told, with what stands behind it; its cells stay.
    pub fn withhold(&mut self, metric: &str) {
        for (_, column) in self.metrics.iter_mut().filter(|(name, _)| name == metric) {
            let cells = &mut Rc::make_mut(column).cells;
            *cells = std::mem::take(cells).map_values(|_| None);
            self.parts.remove(metric);
            self.counts.remove(metric);
            self.withheld.insert(metric.to_owned());
        }
    }

    /// A metric's column with its `fill_nulls_with` where other metrics have a cell and it has none.
    ///
    /// Alone it has no cell to be missing from; a withheld one stays null.
    #[must_use]
    pub fn filled(&self, project: &Project, name: &str, column: &Rc<Column>, keys: &[Key]) -> Rc<Column> {
        let filler = project.metrics.get(name).and_then(Metric::filler).filter(|_| !self.withheld.contains(name));
        fill_with(Rc::clone(column), filler, keys)
    }
}

/// Computes the cells of metrics over groupings.
///
/// A cell exists where a fact behind the metric has a row. `today` is the local day of as-of: no period after it has a cell.
///
/// # Errors
/// Unknown names, definitions without meaning at a grouping, and whatever the engine reports.
pub fn cells(engine: &dyn Engine, project: &Project, request: &CellRequest, today: NaiveDate) -> Result<Cells, MetricsError> {
    let mut grid = Grid::default();
    for grouping in &request.groupings {
        grid.add(grouping)?;
    }
    let mut base: BTreeMap<String, Column> = BTreeMap::new();
    let needs = needs_of(project, request)?;
    for need in needs.base.values() {
        let batches = engine.base_cells(need)?;
        grid.read_all(&need.groupings, &batches, &mut base)?;
    }
    for need in needs.conversions.values() {
        let batches = engine.conversion_cells(need)?;
        grid.read_all(&need.base.groupings, &batches, &mut base)?;
    }
    keep_passing(&mut base);
    let total_member = grid.total_member();
    let mut derivation = Derivation { project, grid: &grid, base, done: BTreeMap::new(), parts: BTreeMap::new(), asked: &request.groupings, today, total_member };
    let mut found = Cells::default();
    for name in &request.metrics {
        let reached = reach(project, name, &request.filters)?;
        let column = derivation.column(&reached)?;
        if let Some(parts) = derivation.parts.get(&reached.column()) {
            found.parts.insert(name.clone(), parts.clone());
        }
        let counted = match &reached.metric.kind {
            MetricKind::Conversion(conversion) => reached.input(find(project, &conversion.base.metric)?, &conversion.base.filters),
            MetricKind::Ratio { denominator, .. } => reached.input(find(project, &denominator.metric)?, &denominator.filters),
            _ => reached,
        };
        if let Some(counts) = derivation.base.get(&counted.count_column()) {
            found.counts.insert(name.clone(), counts.clone());
        }
        found.metrics.push((name.clone(), column));
    }
    found.grid = grid;
    Ok(found)
}

/// Takes away the cells of filtered columns where the fact has rows and none passes the filters: such a cell does not exist.
fn keep_passing(base: &mut BTreeMap<String, Column>) {
    let names: Vec<String> = base.keys().cloned().collect();
    for name in names {
        if let Some(rows) = base.remove(&passing(&name))
            && let Some(column) = base.get_mut(&name)
        {
            column.cells = column.cells.only(|key| rows.cells.get(*key).flatten().is_some());
        }
    }
}

struct Derivation<'a> {
    project: &'a Project,
    grid: &'a Grid,
    base: BTreeMap<String, Column>,
    done: BTreeMap<String, Rc<Column>>,
    /// Numerator and denominator of every ratio that is done.
    parts: BTreeMap<String, (Rc<Column>, Rc<Column>)>,
    asked: &'a [BaseGrouping],
    today: NaiveDate,
    total_member: u32,
}

impl<'a> Derivation<'a> {
    fn column(&mut self, reached: &Reached<'a>) -> Result<Rc<Column>, MetricsError> {
        let name = reached.column();
        if let Some(done) = self.done.get(&name) {
            return Ok(Rc::clone(done));
        }
        let metric = reached.metric;
        let column = match &metric.kind {
            MetricKind::Simple(simple) => {
                let column = self.base.remove(&name).unwrap_or_else(Column::none);
                if simple.join_to_timespine { self.on_spine(column, simple.fill_nulls_with) } else { column }
            }
            MetricKind::Conversion(conversion) => self.conversion(reached, conversion)?,
            MetricKind::Ratio { numerator, denominator } => {
                let (above, below) = self.parts_of(reached, numerator, denominator)?;
                let quotient = ratio(&above, &below);
                self.parts.insert(name.clone(), (above, below));
                quotient
            }
            MetricKind::Derived { expr, inputs } => {
                let columns = inputs.iter().map(|input| Ok((input.alias.clone(), self.input(reached, input)?))).collect::<Result<Vec<_>, MetricsError>>()?;
                formula::evaluate(self.project, metric, expr, &columns)?
            }
            MetricKind::Cumulative { input, .. } if !adds_up(self.project, input) => self.base.remove(&name).unwrap_or_else(Column::none),
            MetricKind::Cumulative { input, span, period_agg } => {
                let inner = find(self.project, &input.metric)?;
                let days = self.column(&reached.input(inner, &input.filters))?;
                days_of(metric, self.asked)?;
                cumulative::accumulate(&cumulative::Request {
                    days: &days,
                    grid: self.grid,
                    asked: self.asked,
                    calendar: &self.project.calendar,
                    span: *span,
                    period_agg: *period_agg,
                    today: self.today,
                })
            }
        };
        let column = Rc::new(column);
        self.done.insert(name, Rc::clone(&column));
        Ok(column)
    }

    /// A column with a cell in every period, from its first in any slice row to that of as-of.
    fn on_spine(&self, column: Column, filler: Option<i64>) -> Column {
        let calendar = &self.project.calendar;
        let mut rows: BTreeMap<u16, (i32, BTreeSet<u32>)> = BTreeMap::new();
        for key in column.cells.keys() {
            let (first, members) = rows.entry(key.grouping).or_insert_with(|| (key.period, BTreeSet::new()));
            *first = key.period.min(*first);
            members.insert(key.member);
        }
        let mut keys = Vec::new();
        for (grouping, (first, members)) in rows {
            let grain = self.grid.groupings.get(usize::from(grouping)).and_then(|g| g.grain);
            let Some((grain, first)) = grain.zip(NaiveDate::from_epoch_days(first)) else { continue };
            let tomorrow = self.today.succ_opt().unwrap_or(self.today);
            for period in calendar.periods(grain, first, tomorrow) {
                keys.extend(members.iter().map(|member| Key { grouping, period: period.start.to_epoch_days(), member: *member }));
            }
        }
        let spine = Rc::new(Column { kind: column.kind, cells: column.cells.covering(&keys) });
        Rc::unwrap_or_clone(fill_with(spine, filler, &[]))
    }

    fn conversion(&mut self, reached: &Reached<'a>, conversion: &'a Conversion) -> Result<Column, MetricsError> {
        let base = self.input(reached, &conversion.base)?;
        let found = self.base.remove(&reached.conversions_column()).unwrap_or_else(Column::none);
        let converted = fill(self.project, Rc::new(found), &conversion.conversion, base.cells.keys());
        match conversion.calculation {
            Calculation::Rate => {
                let quotient = ratio(&converted, &base);
                self.parts.insert(reached.column(), (converted, base));
                Ok(quotient)
            }
            Calculation::Conversions => {
                let Column { kind, cells } = Rc::unwrap_or_clone(converted);
                Ok(Column { kind, cells: cells.covering(base.cells.keys()) })
            }
        }
    }

    /// An input's cells, moved by its offset, with missing values filled where the input says so.
    fn input(&mut self, reached: &Reached<'a>, input: &'a Input) -> Result<Rc<Column>, MetricsError> {
        let inner = find(self.project, &input.metric)?;
        let column = self.column(&reached.input(inner, &input.filters))?;
        if input.offset == Offset::None {
            return Ok(column);
        }
        let mut moved = Vec::new();
        for (key, value) in column.cells.iter() {
            let Some(grain) = self.grid.grouping(key).and_then(|g| g.grain) else {
                return Err(no_time(reached.metric));
            };
            let Some(start) = NaiveDate::from_epoch_days(key.period) else { continue };
            for target in later(&self.project.calendar, grain, start, input.offset, reached.metric)? {
                if target > self.today {
                    continue;
                }
                let running = self.project.calendar.period(grain, target);
                let shown = if reached.metric.meta.like_for_like && running.last_day() > self.today {
                    self.so_far(&column, key, self.project.calendar.period(grain, start), running)
                } else {
                    Some(value)
                };
                moved.extend(shown.map(|value| (Key { period: target.to_epoch_days(), ..key }, value)));
            }
        }
        Ok(Rc::new(Column { kind: column.kind, cells: moved.into_iter().collect() }))
    }

    /// The value of the days of an earlier period that have their like in the running one; `None` where none of them has a cell.
    fn so_far(&self, column: &Column, key: Key, earlier: Period, running: Period) -> Option<CellValue> {
        let slice = &self.grid.grouping(key)?.slice;
        let grouping = self.grid.index_of(&BaseGrouping { grain: Some(Grain::Day), slice: slice.clone() })?;
        let begun = (self.today - running.start).num_days();
        let days = earlier.start.iter_days().take_while(|day| *day < earlier.end && (*day - earlier.start).num_days() <= begun);
        let cells: Vec<CellValue> = days.filter_map(|day| column.cells.get(Key { grouping, period: day.to_epoch_days(), ..key })).collect();
        (!cells.is_empty()).then(|| cumulative::total(cells.into_iter().flatten()))
    }

    fn parts_of(&mut self, reached: &Reached<'a>, numerator: &'a Input, denominator: &'a Input) -> Result<(Rc<Column>, Rc<Column>), MetricsError> {
        let above = self.input(reached, numerator)?;
        let below = self.input(reached, denominator)?;
        let filled = |column: Rc<Column>, input: &Input, other: &Column| fill(self.project, column, input, other.cells.keys());
        if !reached.metric.meta.share_of_total {
            let above = filled(above, numerator, &below);
            let below = filled(below, denominator, &above);
            return Ok((above, below));
        }
        // The denominator of a share is the period's total, for every row of the slice.
        let total = |key: &Key| {
            let grouping = self.grid.grouping(*key).map(total_of).and_then(|g| self.grid.index_of(&g))?;
            Some((*key, below.cells.get(Key { grouping, period: key.period, member: self.total_member }).flatten()))
        };
        let totals = Column { kind: below.kind, cells: above.cells.keys().iter().filter_map(total).collect() };
        Ok((above, Rc::new(totals)))
    }
}

/// Zero (or another value) for the keys that a simple metric with `fill_nulls_with` has no value at.
pub(crate) fn fill(project: &Project, column: Rc<Column>, input: &Input, keys: &[Key]) -> Rc<Column> {
    fill_with(column, project.metrics.get(&input.metric).and_then(Metric::filler), keys)
}

/// A column with a value put where it has none, at these keys and its own.
pub(crate) fn fill_with(column: Rc<Column>, filler: Option<i64>, keys: &[Key]) -> Rc<Column> {
    let Some(filler) = filler else { return column };
    let value = scaled(filler, column.kind);
    let Column { kind, cells } = Rc::unwrap_or_clone(column);
    Rc::new(Column { kind, cells: cells.covering(keys).map_values(|cell| cell.or(Some(value))) })
}

#[expect(clippy::cast_precision_loss, reason = "fillers are small whole numbers")]
fn scaled(filler: i64, kind: Kind) -> Value {
    match kind {
        Kind::Int => Value::Int(filler),
        Kind::Float => Value::Float(filler as f64),
        Kind::Decimal(scale) => Value::Decimal(i128::from(filler) * 10i128.pow(u32::from(scale.unsigned_abs()))),
    }
}

fn ratio(above: &Column, below: &Column) -> Column {
    let keys = all_keys([&above.cells, &below.cells]);
    let quotient = |(above, below): (Option<f64>, Option<f64>)| above.zip(below.filter(|d| *d != 0.0)).map(|(n, d)| Value::Float(n / d));
    let values = above.doubles_at(&keys).zip(below.doubles_at(&keys)).map(quotient).collect();
    Column { kind: Kind::Float, cells: CellMap::of_ascending(keys.into(), values) }
}

/// The starts of the periods that show the value of the period that starts at `start`.
pub(crate) fn later(calendar: &Calendar, grain: Grain, start: NaiveDate, offset: Offset, metric: &Metric) -> Result<Vec<NaiveDate>, MetricsError> {
    let period = calendar.period(grain, start);
    match offset {
        Offset::None => Ok(vec![start]),
        Offset::Periods(count) => Ok(vec![ahead(calendar, period, count).start]),
        Offset::ToGrain(coarse) if grain != coarse && !grain.is_part_of(coarse) && !coarse.is_part_of(grain) => {
            Err(MetricsError::Definition { metric: metric.name.clone(), message: format!("`offset_to_grain: {coarse}` has no meaning by {grain}, whose periods cross it") })
        }
        Offset::ToGrain(coarse) => {
            // Every period that starts in the same coarser one shows its first; where the grain is as coarse, its own.
            let whole = calendar.period(coarse, start);
            let first = calendar.period(grain, whole.start);
            let first = if first.start < whole.start { calendar.next(first) } else { first };
            if first.start != start {
                return Ok(if whole.contains(period.last_day()) { Vec::new() } else { vec![start] });
            }
            Ok(calendar.periods(grain, start, whole.end).into_iter().map(|p| p.start).collect())
        }
        Offset::Window { count, grain: unit } if unit == grain => Ok(vec![ahead(calendar, period, count).start]),
        Offset::Window { count, grain: Grain::Year } => {
            // The periods whose counterpart `count` years before is this one: at most one, found near the same date.
            let guess = start.checked_add_months(chrono::Months::new(count * 12));
            let candidates = guess.map(|day| calendar.period(grain, day));
            let candidates = candidates.into_iter().flat_map(|p| [calendar.previous(p), p, calendar.next(p)]);
            Ok(candidates.filter(|p| back(calendar, *p, count).is_some_and(|b| b.start == start)).map(|p| p.start).collect())
        }
        Offset::Window { count, grain: unit } if !unit.is_standard() && grain.is_part_of(unit) => {
            let count = i32::try_from(count).unwrap_or(i32::MAX);
            Ok(calendar.moved_by(period, unit, count).map(|p| p.start).into_iter().collect())
        }
        Offset::Window { count, grain: unit } => Err(MetricsError::Definition {
            metric: metric.name.clone(),
            message: format!("an offset of {count} {unit} has no meaning by {grain}; `meta: {{offset: period}}` moves by one period of any grain"),
        }),
    }
}

fn ahead(calendar: &Calendar, period: quotient_model::Period, count: u32) -> quotient_model::Period {
    (0..count).fold(period, |p, _| calendar.next(p))
}

fn back(calendar: &Calendar, period: quotient_model::Period, years: u32) -> Option<quotient_model::Period> {
    (0..years).try_fold(period, |p, _| calendar.same_last_year(p))
}

fn no_time(metric: &Metric) -> MetricsError {
    MetricsError::Definition { metric: metric.name.clone(), message: "a metric with an offset needs `metric_time` among its group-bys".to_owned() }
}
