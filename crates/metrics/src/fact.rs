//! A model's rows made ready for the cube: time, measures, filters and dimensions as columns.
//!
//! In: a request. Out: one row per row of the model, never more: joins are checked before they are made.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::RecordBatch;
use indexmap::{IndexMap, IndexSet};
use polars::prelude::{DataFrame, DataType as PolarsType, Expr, Int32Chunked, LazyFrame, col, lit};
use quotient_model::{Filter, GroupItem, Hop, ItemColumn, MetricRef, Semantics, nearest, quoted, resolve_item};

use crate::bridge::record_batch;
use crate::engine::{BaseRequest, NONE};
use crate::error::MetricsError;
use crate::join::{Join, Other, join, other};
use crate::labels::Labels;
use crate::metric_column::add_metric;
use crate::polars_engine::PolarsEngine;
use crate::sql::{Relation, SqlModel, lower_projection};
use crate::time_item::{day_and_instant, part_of_day, type_of};

/// The local day that a row is counted by.
pub(crate) const TIME: &str = "__time";
/// The instant of the event.
pub(crate) const EVENT: &str = "__event";

/// What is done with the rows of a fact, for messages.
const COMPUTE: &str = "compute its dimensions and measures";

/// A fact ready for the cube.
pub(crate) struct Fact {
    /// The rows.
    pub(crate) frame: DataFrame,
    pub(crate) measures: MeasureColumns,
}

/// The columns of the measures of a request.
#[derive(Debug, Clone, Default)]
pub(crate) struct MeasureColumns {
    /// The column of each measure.
    pub(crate) columns: Vec<String>,
    /// The filter column of each measure, where it has one.
    pub(crate) filters: Vec<Option<String>>,
}

/// Computes the rows that a request needs.
pub(crate) fn prepare(engine: &PolarsEngine<'_>, request: &BaseRequest<'_>) -> Result<Fact, MetricsError> {
    let plan = Plan::of(engine, std::slice::from_ref(request))?;
    let relation = engine.computed(request.model)?;
    let frame = collect(plan.rows(engine, &relation, &plan.others(engine)?)?, request.model, COMPUTE)?;
    Ok(Fact { frame, measures: plan.measures.into_iter().next().unwrap_or_default() })
}

/// What the rows of a request are made of.
pub(crate) struct MadeOf {
    /// Expressions over the model, and over each that a join brings.
    pub(crate) expressions: Vec<(String, Vec<String>)>,
    /// Metrics that filters compare.
    pub(crate) metrics: Vec<MetricRef>,
}

impl MadeOf {
    /// Of a request; its rows are not computed.
    pub(crate) fn of(engine: &PolarsEngine<'_>, request: &BaseRequest<'_>) -> Result<Self, MetricsError> {
        let plan = Plan::of(engine, std::slice::from_ref(request))?;
        let own = (request.model.to_owned(), plan.own.into_values().collect());
        Ok(Self { expressions: std::iter::once(own).chain(plan.joins.into_values().map(Join::into_expressions)).collect(), metrics: plan.metrics })
    }
}

/// What the cube reads of the rows that requests need, in the lots of their model: each is computed when it is asked for, once for all of them.
pub(crate) struct FactLots<'e, 'p, 'r, 'a> {
    engine: &'e PolarsEngine<'p>,
    plan: Plan<'r, 'a>,
    others: Vec<Arc<Other>>,
    waiting: std::vec::IntoIter<Relation>,
    read: Vec<Expr>,
    labels: Labels,
}

impl<'e, 'p, 'r, 'a> FactLots<'e, 'p, 'r, 'a> {
    /// Of requests for the same rows: those of one model by one time, between the same days.
    pub(crate) fn new(engine: &'e PolarsEngine<'p>, requests: &'r [BaseRequest<'a>]) -> Result<Self, MetricsError> {
        let mut plan = Plan::of(engine, requests)?;
        let relation = engine.computed(plan.first.model)?;
        plan.code_labels();
        let others = plan.others(engine)?;
        // A metric beside the rows is computed for all of them.
        let lots = engine.lots(plan.first.model).filter(|_| plan.metrics.is_empty()).unwrap_or_else(|| vec![relation]);
        let read = plan.read_by_the_cube().into_iter().map(col).collect();
        let labels = Labels::new(&plan.items, others.iter().flat_map(|other| &other.labels));
        Ok(Self { engine, plan, others, waiting: lots.into_iter(), read, labels })
    }

    /// The columns of the measures of each request.
    pub(crate) fn measures(&self) -> &[MeasureColumns] {
        &self.plan.measures
    }

    /// The next lot, in which a label is its place among all labels.
    pub(crate) fn next(&mut self) -> Result<Option<RecordBatch>, MetricsError> {
        let Some(lot) = self.waiting.next() else { return Ok(None) };
        let model = self.plan.first.model;
        let rows = collect(self.plan.rows(self.engine, &lot, &self.others)?.select(self.read.clone()), model, COMPUTE)?;
        self.labels.placed(&record_batch(&rows)?).map(Some).map_err(|source| MetricsError::Cube { model: model.to_owned(), source })
    }

    /// The labels of the lots so far.
    pub(crate) fn into_labels(self) -> Labels {
        self.labels
    }
}

/// The local day of a time dimension of a model, and its instant, as SQL.
fn time_of(engine: &PolarsEngine<'_>, (model, semantics): (&str, &Semantics), time: &str, relation: &Relation, metric: &str) -> Result<(String, String), MetricsError> {
    let dimension = semantics.dimension(time).ok_or_else(|| MetricsError::Unknown { what: "time dimension", name: time.to_owned(), near: None })?;
    let kind = type_of(engine, model, relation, &dimension.expr)?;
    day_and_instant(&kind, &dimension.expr, engine.project().calendar.zone.name()).ok_or_else(|| MetricsError::Definition {
        metric: metric.to_owned(),
        message: format!("time dimension `{time}` of model `{model}` is {kind}, expected a date or a timestamp"),
    })
}

/// The local day of a model's default time, as SQL over its rows.
pub(crate) fn day_of_time(engine: &PolarsEngine<'_>, model: &str, relation: &Relation) -> Result<String, MetricsError> {
    let semantics = engine.project().models.get(model).and_then(|model| model.semantics.as_ref());
    let time = semantics.and_then(|semantics| Some((semantics, semantics.agg_time_dimension.as_deref()?)));
    let (semantics, time) = time.ok_or_else(|| MetricsError::Unknown { what: "default time of model", name: model.to_owned(), near: None })?;
    Ok(time_of(engine, (model, semantics), time, relation, model)?.0)
}

/// What is collected of requests for the same rows before anything is computed.
struct Plan<'r, 'a> {
    /// The first request, which says which rows these are.
    first: &'r BaseRequest<'a>,
    requests: &'r [BaseRequest<'a>],
    /// Columns of the model itself: name and SQL.
    own: IndexMap<String, String>,
    /// The joins by their paths; one that starts from another comes after it.
    joins: IndexMap<String, Join>,
    /// Metrics that filters compare.
    metrics: Vec<MetricRef>,
    /// Columns over the joined rows: name and SQL.
    conditions: IndexMap<String, String>,
    items: Vec<String>,
    /// The columns of the measures of each request.
    measures: Vec<MeasureColumns>,
}

impl<'r, 'a> Plan<'r, 'a> {
    /// The plan of some requests, at least one; no row is read.
    fn of(engine: &PolarsEngine<'_>, requests: &'r [BaseRequest<'a>]) -> Result<Self, MetricsError> {
        let project = engine.project();
        let request = requests.first().ok_or_else(|| MetricsError::Unknown { what: "request", name: String::new(), near: None })?;
        let semantics = project.models.get(request.model).and_then(|m| m.semantics.as_ref());
        let semantics = semantics.ok_or_else(|| MetricsError::Unknown {
            what: "semantic model",
            name: request.model.to_owned(),
            near: nearest(request.model, project.models.keys().map(String::as_str)).map(str::to_owned),
        })?;
        let relation = engine.relation(request.model)?;
        let (own, joins, conditions) = (IndexMap::new(), IndexMap::new(), IndexMap::new());
        let mut plan = Self { first: request, requests, own, joins, metrics: Vec::new(), conditions, items: Vec::new(), measures: Vec::new() };
        plan.add_time(engine, semantics, &relation)?;
        for item in requests.iter().flat_map(|request| &request.groupings).flat_map(|grouping| &grouping.slice) {
            plan.add_item(engine, item)?;
        }
        for filter in requests.iter().flat_map(|request| &request.measures).flat_map(|m| &m.filters) {
            plan.add_filter_items(engine, filter)?;
        }
        for request in requests {
            plan.own.extend(request.keep.iter().cloned());
            let measures = MeasureColumns { columns: plan.add_measures(request), filters: plan.add_filters(request) };
            plan.measures.push(measures);
        }
        Ok(plan)
    }

    fn metric(&self) -> String {
        self.first.measures.first().map(|m| m.metric.to_owned()).unwrap_or_default()
    }

    fn add_time(&mut self, engine: &PolarsEngine<'_>, semantics: &Semantics, relation: &Relation) -> Result<(), MetricsError> {
        let (day, event) = time_of(engine, (self.first.model, semantics), self.first.time, relation, &self.metric())?;
        self.own.insert(TIME.to_owned(), day);
        self.own.insert(EVENT.to_owned(), event);
        Ok(())
    }

    fn add_item(&mut self, engine: &PolarsEngine<'_>, item: &str) -> Result<(), MetricsError> {
        if self.items.iter().any(|known| known == item) {
            return Ok(());
        }
        let found = resolve_item(engine.project(), self.first.model, item).map_err(|message| MetricsError::Group { metric: self.metric(), message })?;
        let sql = self.sql_of(engine, item, &found)?;
        match self.join_to(&found.path) {
            None => self.own.insert(item.to_owned(), sql),
            Some(join) => join.columns.insert(item.to_owned(), sql),
        };
        self.items.push(item.to_owned());
        Ok(())
    }

    /// An item as SQL over the model that has its column.
    fn sql_of(&self, engine: &PolarsEngine<'_>, item: &str, found: &GroupItem<'_>) -> Result<String, MetricsError> {
        let calendar = &engine.project().calendar;
        let expr = match found.column {
            ItemColumn::MetricTime => {
                let day = self.own.get(TIME).cloned().unwrap_or_default();
                return Ok(found.part.map_or_else(|| day.clone(), |part| part_of_day(calendar, part, &day)));
            }
            ItemColumn::Dimension(dimension) => &dimension.expr,
            ItemColumn::Key(entity) => &entity.expr,
        };
        let Some(part) = found.part else { return Ok(expr.clone()) };
        let model = found.path.last().map_or(self.first.model, |hop| hop.model.name.as_str());
        let kind = type_of(engine, model, &engine.relation(model)?, expr)?;
        let (day, _) = day_and_instant(&kind, expr, calendar.zone.name())
            .ok_or_else(|| MetricsError::Group { metric: self.metric(), message: format!("`{item}` of model `{model}` is {kind}, expected a date or a timestamp") })?;
        Ok(part_of_day(calendar, part, &day))
    }

    /// The join at the end of a path, with all joins before it; `None` for the model itself.
    fn join_to(&mut self, path: &[Hop<'_>]) -> Option<&mut Join> {
        let mut reached: Option<String> = None;
        for hop in path {
            let before = reached.take();
            let start = before.as_deref().unwrap_or_default();
            let key = format!("__key {start}{}", hop.from.name);
            let id = format!("{start}{} to {}, ", hop.from.name, hop.model.name);
            match before.as_ref().and_then(|before| self.joins.get_mut(before)) {
                None => self.own.insert(key.clone(), hop.from.expr.clone()),
                Some(join) => join.columns.insert(key.clone(), hop.from.expr.clone()),
            };
            self.joins.entry(id.clone()).or_insert_with(|| Join::new(key, *hop));
            reached = Some(id);
        }
        reached.and_then(|id| self.joins.get_mut(&id))
    }

    fn add_filter_items(&mut self, engine: &PolarsEngine<'_>, filter: &Filter) -> Result<(), MetricsError> {
        for item in filter.items.iter().chain(filter.metrics.iter().flat_map(|metric| &metric.group_by)) {
            self.add_item(engine, item)?;
        }
        for metric in &filter.metrics {
            if !self.metrics.contains(metric) {
                self.metrics.push(metric.clone());
            }
        }
        Ok(())
    }

    /// One column per different expression.
    fn add_measures(&mut self, request: &BaseRequest<'_>) -> Vec<String> {
        let mut names = Vec::new();
        for measure in &request.measures {
            let known = self.own.iter().find(|(name, sql)| name.starts_with("__m") && sql.as_str() == measure.expr).map(|(name, _)| name.clone());
            let name = known.unwrap_or_else(|| {
                let name = format!("__m{}", self.own.len());
                self.own.insert(name.clone(), measure.expr.to_owned());
                name
            });
            names.push(name);
        }
        names
    }

    /// One column per different list of filters.
    fn add_filters(&mut self, request: &BaseRequest<'_>) -> Vec<Option<String>> {
        let mut names = Vec::new();
        for measure in &request.measures {
            if measure.filters.is_empty() {
                names.push(None);
                continue;
            }
            let conditions: Vec<String> = measure.filters.iter().map(|f| format!("({})", f.sql)).collect();
            let sql = conditions.join(" AND ");
            let known = self.conditions.iter().find(|(_, other)| **other == sql).map(|(name, _)| name.clone());
            let name = known.unwrap_or_else(|| {
                let name = format!("__f{}", self.conditions.len());
                self.conditions.insert(name.clone(), sql);
                name
            });
            names.push(Some(name));
        }
        names
    }

    /// Lets joins bring labels as the places of their texts, where nothing but the cube reads them.
    fn code_labels(&mut self) {
        if !self.metrics.is_empty() {
            return;
        }
        let read: BTreeSet<&String> = self.requests.iter().flat_map(|request| &request.measures).flat_map(|measure| &measure.filters).flat_map(|filter| &filter.items).collect();
        for join in self.joins.values_mut() {
            join.coded = join.columns.keys().filter(|name| self.items.contains(name) && !read.contains(name)).cloned().collect();
        }
    }

    /// What the joins bring, in their order.
    fn others(&self, engine: &PolarsEngine<'_>) -> Result<Vec<Arc<Other>>, MetricsError> {
        self.joins.values().map(|join| other(engine, join)).collect()
    }

    /// The columns that cells are made of, and those that rows keep beside them; the others served joins and conditions.
    fn read_by_the_cube(&self) -> IndexSet<&str> {
        let of_measures = self.measures.iter().flat_map(|measures| measures.columns.iter().chain(measures.filters.iter().flatten()));
        let named = self.items.iter().chain(of_measures).chain(self.first.keep.iter().map(|(name, _)| name));
        std::iter::once(TIME).chain(named.map(String::as_str)).collect()
    }

    /// The rows of a relation of the model.
    fn rows(&self, engine: &PolarsEngine<'_>, relation: &Relation, others: &[Arc<Other>]) -> Result<LazyFrame, MetricsError> {
        let own: Vec<(String, String)> = self.own.clone().into_iter().collect();
        let model = self.first.model;
        let mut rows = project_columns(engine, model, relation, &own)?;
        rows.frame = rows.frame.filter(self.window(engine));
        for (join_request, other) in self.joins.values().zip(others) {
            rows = join(rows, join_request, other)?;
        }
        for metric in &self.metrics {
            rows = add_metric(engine, rows, metric)?;
        }
        if !self.conditions.is_empty() {
            let mut columns: Vec<(String, String)> = rows.schema.fields().iter().map(|f| (f.name().clone(), quoted(f.name()))).collect();
            columns.extend(self.conditions.clone());
            rows = project_columns(engine, model, &rows, &columns)?;
        }
        let is_text = |item: &&String| !self.joins.values().any(|join| join.coded.contains(*item));
        let labels = self.items.iter().filter(is_text).map(|item| col(item.as_str()).cast(PolarsType::String).fill_null(lit(NONE)));
        Ok(rows.frame.with_columns(labels.collect::<Vec<_>>()))
    }

    /// Rows before as-of, and in the days asked for.
    fn window(&self, engine: &PolarsEngine<'_>) -> Expr {
        let as_of = engine.as_of().timestamp_micros();
        let instant = PolarsType::Datetime(polars::prelude::TimeUnit::Microseconds, Some(polars::prelude::TimeZone::UTC));
        let mut keep = col(EVENT).lt(lit(as_of).cast(instant));
        for (bound, first) in [(self.first.from, true), (self.first.to, false)] {
            if let Some(day) = bound {
                let day = lit(day.to_epoch_days()).cast(PolarsType::Date);
                keep = keep.and(if first { col(TIME).gt_eq(day) } else { col(TIME).lt(day) });
            }
        }
        keep
    }
}

/// Named SQL expressions over a relation of a model.
pub(crate) fn project_columns(engine: &PolarsEngine<'_>, model: &str, input: &Relation, columns: &[(String, String)]) -> Result<Relation, MetricsError> {
    let file = engine.project().models.get(model).map_or("", |m| m.file.as_str());
    let origin = SqlModel { name: model, file, sql: "" };
    Ok(lower_projection(&origin, input, columns)?)
}

/// The local day of every row, in a column of that name, in days since 1970-01-01.
pub(crate) fn days_of_rows(rows: &DataFrame, column: &str, model: &str) -> Result<Int32Chunked, MetricsError> {
    let days = rows.column(column).and_then(|column| Ok(column.date()?.physical().clone()));
    days.map_err(|source| MetricsError::Compute { model: model.to_owned(), doing: "read its days", source })
}

/// A frame computed, with what was being done in the error.
///
/// Every column in one piece: text of many pieces, as it comes from files, is slow to join and to gather.
pub(crate) fn collect(frame: LazyFrame, model: &str, doing: &'static str) -> Result<DataFrame, MetricsError> {
    let mut rows = frame.collect().map_err(|source| MetricsError::Compute { model: model.to_owned(), doing, source })?;
    rows.rechunk_mut_par();
    Ok(rows)
}
