//! A model's rows made ready for the cube: time, measures, filters and dimensions as columns.
//!
//! In: a request. Out: one row per row of the model, never more: joins are checked before they are made.

use arrow::datatypes::DataType;
use indexmap::IndexMap;
use polars::prelude::{DataFrame, DataType as PolarsType, Expr, LazyFrame, col, lit};
use quotient_model::{Filter, Grain, GroupItem, Semantics, nearest, quoted, resolve_item};

use crate::engine::{BaseRequest, NONE};
use crate::error::MetricsError;
use crate::join::{Join, join};
use crate::polars_engine::PolarsEngine;
use crate::sql::{Relation, SqlModel, lower_projection};

/// The local day that a row is counted by.
pub(crate) const TIME: &str = "__time";
/// The instant of the event.
pub(crate) const EVENT: &str = "__event";

/// A fact ready for the cube.
pub(crate) struct Fact {
    /// The rows.
    pub(crate) frame: DataFrame,
    /// The column of each measure.
    pub(crate) columns: Vec<String>,
    /// The filter column of each measure, where it has one.
    pub(crate) filters: Vec<Option<String>>,
}

/// Computes the rows that a request needs.
pub(crate) fn prepare(engine: &PolarsEngine<'_>, request: &BaseRequest<'_>) -> Result<Fact, MetricsError> {
    let project = engine.project();
    let semantics = project.models.get(request.model).and_then(|m| m.semantics.as_ref());
    let semantics = semantics.ok_or_else(|| MetricsError::Unknown {
        what: "semantic model",
        name: request.model.to_owned(),
        near: nearest(request.model, project.models.keys().map(String::as_str)).map(str::to_owned),
    })?;
    let relation = engine.computed(request.model)?;
    let mut plan = Plan::new(request);
    plan.add_time(engine, semantics, &relation)?;
    for grouping in &request.groupings {
        for item in &grouping.slice {
            plan.add_item(engine, item)?;
        }
    }
    for filter in request.measures.iter().flat_map(|m| &m.filters) {
        plan.add_filter_items(engine, filter)?;
    }
    let columns = plan.add_measures();
    let filters = plan.add_filters();
    plan.compute(engine, &relation).map(|frame| Fact { frame, columns, filters })
}

/// What is collected of a request before anything is computed.
struct Plan<'r, 'a> {
    request: &'r BaseRequest<'a>,
    /// Columns of the model itself: name and SQL.
    own: IndexMap<String, String>,
    joins: IndexMap<String, Join>,
    /// Columns over the joined rows: name and SQL.
    conditions: IndexMap<String, String>,
    items: Vec<String>,
}

impl<'r, 'a> Plan<'r, 'a> {
    fn new(request: &'r BaseRequest<'a>) -> Self {
        Self { request, own: IndexMap::new(), joins: IndexMap::new(), conditions: IndexMap::new(), items: Vec::new() }
    }

    fn metric(&self) -> String {
        self.request.measures.first().map(|m| m.metric.to_owned()).unwrap_or_default()
    }

    fn add_time(&mut self, engine: &PolarsEngine<'_>, semantics: &Semantics, relation: &Relation) -> Result<(), MetricsError> {
        let time = semantics.dimension(self.request.time).ok_or_else(|| MetricsError::Unknown { what: "time dimension", name: self.request.time.to_owned(), near: None })?;
        let zone = engine.project().calendar.zone.name();
        let probe = project_columns(engine, self.request.model, relation, &[(TIME.to_owned(), time.expr.clone())])?;
        let expr = &time.expr;
        let (day, event) = match probe.schema.field(0).data_type() {
            DataType::Date32 => (expr.clone(), format!("local_midnight({expr}, '{zone}')")),
            DataType::Timestamp(_, Some(_)) => (format!("local_date({expr}, '{zone}')"), expr.clone()),
            DataType::Timestamp(_, None) => (format!("CAST({expr} AS DATE)"), format!("local_midnight(CAST({expr} AS DATE), '{zone}')")),
            other => {
                return Err(MetricsError::Definition {
                    metric: self.metric(),
                    message: format!("time dimension `{}` of model `{}` is {other}, expected a date or a timestamp", self.request.time, self.request.model),
                });
            }
        };
        self.own.insert(TIME.to_owned(), day);
        self.own.insert(EVENT.to_owned(), event);
        Ok(())
    }

    fn add_item(&mut self, engine: &PolarsEngine<'_>, item: &str) -> Result<(), MetricsError> {
        if self.items.iter().any(|known| known == item) {
            return Ok(());
        }
        let resolved = resolve_item(engine.project(), self.request.model, item).map_err(|message| MetricsError::Group { metric: self.metric(), message })?;
        match resolved {
            GroupItem::Own(dimension) => {
                self.own.insert(item.to_owned(), dimension.expr.clone());
            }
            GroupItem::Key(entity) => {
                self.own.insert(item.to_owned(), entity.expr.clone());
            }
            GroupItem::Joined { from, model, to, dimension } => {
                let join = self.joins.entry(from.name.clone()).or_insert_with(|| Join::new(from, model, to));
                self.own.insert(join.key.clone(), from.expr.clone());
                join.columns.insert(item.to_owned(), dimension.expr.clone());
            }
        }
        self.items.push(item.to_owned());
        Ok(())
    }

    fn add_filter_items(&mut self, engine: &PolarsEngine<'_>, filter: &Filter) -> Result<(), MetricsError> {
        for item in &filter.items {
            match item.strip_prefix("metric_time") {
                Some(grain) => {
                    let sql = self.time_item(engine, grain.trim_start_matches('_'))?;
                    self.own.insert(item.clone(), sql);
                }
                None => self.add_item(engine, item)?,
            }
        }
        Ok(())
    }

    /// `metric_time__month` in a filter: the first day of the month of the row's day.
    fn time_item(&self, engine: &PolarsEngine<'_>, grain: &str) -> Result<String, MetricsError> {
        let day = self.own.get(TIME).cloned().unwrap_or_default();
        match grain {
            "" => Ok(day),
            grain => match Grain::parse(grain) {
                Some(Grain::Day) => Ok(day),
                // SQL's weeks start on Monday; the project's may not.
                Some(Grain::Week) => {
                    let shift = engine.project().calendar.week_start.num_days_from_monday();
                    Ok(format!("add_days(date_trunc('week', add_days({day}, -{shift})), {shift})"))
                }
                Some(grain) => Ok(format!("date_trunc('{grain}', {day})")),
                None => Err(MetricsError::Unknown { what: "granularity", name: grain.to_owned(), near: nearest(grain, Grain::ALL.map(Grain::name)).map(str::to_owned) }),
            },
        }
    }

    /// One column per different expression.
    fn add_measures(&mut self) -> Vec<String> {
        let mut names = Vec::new();
        for measure in &self.request.measures {
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
    fn add_filters(&mut self) -> Vec<Option<String>> {
        let mut names = Vec::new();
        for measure in &self.request.measures {
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

    fn compute(self, engine: &PolarsEngine<'_>, relation: &Relation) -> Result<DataFrame, MetricsError> {
        let window = self.window(engine);
        let own: Vec<(String, String)> = self.own.into_iter().collect();
        let model = self.request.model;
        let mut rows = project_columns(engine, model, relation, &own)?;
        rows.frame = rows.frame.filter(window);
        for join_request in self.joins.values() {
            rows = join(engine, rows, join_request)?;
        }
        if !self.conditions.is_empty() {
            let mut columns: Vec<(String, String)> = rows.schema.fields().iter().map(|f| (f.name().clone(), quoted(f.name()))).collect();
            columns.extend(self.conditions);
            rows = project_columns(engine, model, &rows, &columns)?;
        }
        let labels: Vec<Expr> = self.items.iter().map(|item| col(item.as_str()).cast(PolarsType::String).fill_null(lit(NONE))).collect();
        collect(rows.frame.with_columns(labels), model, "compute its dimensions and measures")
    }

    /// Rows before as-of, and in the days asked for.
    fn window(&self, engine: &PolarsEngine<'_>) -> Expr {
        let as_of = engine.as_of().timestamp_micros();
        let instant = PolarsType::Datetime(polars::prelude::TimeUnit::Microseconds, Some(polars::prelude::TimeZone::UTC));
        let mut keep = col(EVENT).lt(lit(as_of).cast(instant));
        for (bound, first) in [(self.request.from, true), (self.request.to, false)] {
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

/// A frame computed, with what was being done in the error.
pub(crate) fn collect(frame: LazyFrame, model: &str, doing: &'static str) -> Result<DataFrame, MetricsError> {
    frame.collect().map_err(|source| MetricsError::Compute { model: model.to_owned(), doing, source })
}
