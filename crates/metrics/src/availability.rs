//! Which metrics cannot be told from a lake that lacks optional columns.
//!
//! In: metrics, and the columns that no file has. Out: the metrics that rest on such a column, each with the columns.
//! No row is read: the SQL of models, measures and filters says it. A group-by that is missing makes no metric unavailable; it is `(none)`.

use std::collections::{BTreeMap, BTreeSet};

use indexmap::IndexMap;
use quotient_model::{Conversion, Filter, ItemColumn, Metric, MetricKind, Project, Simple, filters_of, inputs_of, resolve_item};

use crate::error::MetricsError;
use crate::needs::{find, time_of};
use crate::polars_engine::PolarsEngine;
use crate::sql::{Absent, Lineage, SqlModel, lineage};

/// The metrics among these that rest on absent columns, with the columns as `schema.table.column`.
///
/// In: an engine whose sources need no rows; absent columns by `schema.table`.
///
/// # Errors
/// An unknown metric; models, measures and filters that do not bind.
pub fn unavailable(engine: &PolarsEngine<'_>, metrics: &[String], absent: &BTreeMap<String, BTreeSet<String>>) -> Result<BTreeMap<String, BTreeSet<String>>, MetricsError> {
    let columns = |table: &String, names: &BTreeSet<String>| names.iter().map(|name| (name.clone(), Absent::from([format!("{table}.{name}")]))).collect();
    let known = absent.iter().map(|(table, names)| (table.clone(), Lineage { rows: Absent::new(), columns: columns(table, names) })).collect();
    let mut reading = Reading { engine, project: engine.project(), known };
    let mut found = BTreeMap::new();
    for name in metrics {
        let lacks = reading.metric(find(reading.project, name)?)?;
        if !lacks.is_empty() {
            found.insert(name.clone(), lacks);
        }
    }
    Ok(found)
}

struct Reading<'a> {
    engine: &'a PolarsEngine<'a>,
    project: &'a Project,
    /// Of sources that lack something, and of every model that was looked at.
    known: IndexMap<String, Lineage>,
}

impl<'a> Reading<'a> {
    fn metric(&mut self, metric: &'a Metric) -> Result<Absent, MetricsError> {
        let mut lacks = Absent::new();
        if let MetricKind::Simple(simple) = &metric.kind {
            lacks.extend(self.simple(simple)?);
        }
        if let MetricKind::Conversion(conversion) = &metric.kind {
            lacks.extend(self.conversion(conversion)?);
        }
        // A filter is over the facts behind the metric.
        for fact in quotient_model::facts_of(self.project, metric) {
            for filter in filters_of(metric) {
                lacks.extend(self.filter(fact, filter)?);
            }
        }
        for input in inputs_of(metric) {
            lacks.extend(self.metric(find(self.project, &input.metric)?)?);
        }
        Ok(lacks)
    }

    fn simple(&mut self, simple: &'a Simple) -> Result<Absent, MetricsError> {
        let mut lacks = self.expression(&simple.model, &simple.expr)?;
        let semantics = self.project.models.get(&simple.model).and_then(|model| model.semantics.as_ref());
        let by = simple.non_additive.iter().flat_map(|rule| std::iter::once(&rule.time).chain(&rule.by)).map(String::as_str);
        for name in std::iter::once(time_of(self.project, simple)).chain(by) {
            if let Some(sql) = semantics.and_then(|semantics| semantics.property(name)) {
                lacks.extend(self.expression(&simple.model, sql)?);
            }
        }
        Ok(lacks)
    }

    /// The entity and the constant properties on both sides.
    fn conversion(&mut self, conversion: &'a Conversion) -> Result<Absent, MetricsError> {
        let mut lacks = Absent::new();
        let of_base = std::iter::once(&conversion.entity).chain(conversion.constant_properties.iter().map(|(of_base, _)| of_base));
        let of_conversion = std::iter::once(&conversion.entity).chain(conversion.constant_properties.iter().map(|(_, of_conversion)| of_conversion));
        let sides = of_base.map(|name| (&conversion.base.metric, name)).chain(of_conversion.map(|name| (&conversion.conversion.metric, name)));
        for (metric, name) in sides {
            let MetricKind::Simple(simple) = &find(self.project, metric)?.kind else { continue };
            let semantics = self.project.models.get(&simple.model).and_then(|model| model.semantics.as_ref());
            if let Some(sql) = semantics.and_then(|semantics| semantics.property(name)) {
                lacks.extend(self.expression(&simple.model, sql)?);
            }
        }
        Ok(lacks)
    }

    fn filter(&mut self, fact: &str, filter: &'a Filter) -> Result<Absent, MetricsError> {
        let mut lacks = Absent::new();
        for item in filter.items.iter().chain(filter.metrics.iter().flat_map(|read| &read.group_by)) {
            lacks.extend(self.item(fact, item)?);
        }
        for read in &filter.metrics {
            lacks.extend(self.metric(find(self.project, &read.name)?)?);
        }
        Ok(lacks)
    }

    /// What an item of a fact rests on: the keys on the way to it, and its column.
    fn item(&mut self, fact: &str, item: &str) -> Result<Absent, MetricsError> {
        // What a fact cannot be grouped by is reported where it is used.
        let Ok(found) = resolve_item(self.project, fact, item) else { return Ok(Absent::new()) };
        let mut lacks = Absent::new();
        let mut at = fact.to_owned();
        for hop in &found.path {
            lacks.extend(self.expression(&at, &hop.from.expr)?);
            at.clone_from(&hop.model.name);
        }
        let sql = match found.column {
            ItemColumn::MetricTime => return Ok(lacks),
            ItemColumn::Dimension(dimension) => &dimension.expr,
            ItemColumn::Key(entity) => &entity.expr,
        };
        lacks.extend(self.expression(&at, sql)?);
        Ok(lacks)
    }

    /// What an expression over the rows of a model rests on, the rows with it.
    fn expression(&mut self, model: &str, sql: &str) -> Result<Absent, MetricsError> {
        self.model(model)?;
        let of_model = self.known.get(model).cloned().unwrap_or_default();
        let known = IndexMap::from([("input".to_owned(), of_model)]);
        let relations = IndexMap::from([("input".to_owned(), self.engine.relation(model)?)]);
        let file = self.project.models.get(model).map_or("", |model| model.file.as_str());
        // A line of its own for the expression: it may end with a comment.
        let query = format!("SELECT (\n{sql}\n) AS \"value\" FROM \"input\"");
        Ok(lineage(&SqlModel { name: model, file, sql: &query }, &relations, &known)?.of("value"))
    }

    fn model(&mut self, name: &str) -> Result<(), MetricsError> {
        for model in self.project.upstream(name) {
            if self.known.contains_key(&model.name) {
                continue;
            }
            let mut relations = IndexMap::new();
            for read in &model.refs {
                relations.insert(read.clone(), self.engine.relation(read)?);
            }
            for source in &model.sources {
                relations.insert(source.clone(), self.engine.relation(source)?);
            }
            let found = lineage(&SqlModel { name: &model.name, file: &model.file, sql: &model.sql }, &relations, &self.known)?;
            self.known.insert(model.name.clone(), found);
        }
        Ok(())
    }
}
