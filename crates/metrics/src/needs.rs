//! Which base cells a list of metrics needs: one request per model and time dimension.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use quotient_model::{Agg, Filter, Grain, Metric, MetricKind, Project, Simple, inputs_of, nearest};

use crate::engine::{BaseGrouping, BaseMeasure, BaseRequest};
use crate::error::MetricsError;

/// What is asked: metrics over groupings.
#[derive(Debug, Clone, Default)]
pub struct CellRequest {
    /// The metrics.
    pub metrics: Vec<String>,
    /// The groupings.
    pub groupings: Vec<BaseGrouping>,
    /// Conditions on the rows of every fact.
    pub filters: Vec<Filter>,
    /// The first day whose rows count, where limited.
    pub from: Option<NaiveDate>,
    /// The day after the last whose rows count, where limited.
    pub to: Option<NaiveDate>,
    /// Whether the rows behind each simple metric are counted too.
    pub counts: Counts,
}

/// Whether the rows behind a metric are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Counts {
    /// Values only.
    #[default]
    No,
    /// Beside each value, how many rows had one.
    Yes,
}

/// A metric with the filters that reach it from those that read it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Reached<'a> {
    pub(crate) metric: &'a Metric,
    pub(crate) filters: Vec<&'a Filter>,
}

impl<'a> Reached<'a> {
    /// The name of its column: the metric, and its filters where it has any.
    pub(crate) fn column(&self) -> String {
        let mut name = self.metric.name.clone();
        for filter in &self.filters {
            name.push('|');
            name.push_str(&filter.sql);
        }
        name
    }

    /// The name of the column that counts the rows behind it.
    pub(crate) fn count_column(&self) -> String {
        format!("#{}", self.column())
    }

    /// The name of the column that says where a row passes its filters.
    pub(crate) fn passing_column(&self) -> String {
        passing(&self.column())
    }

    /// An input of this metric, with the filters that reach it.
    pub(crate) fn input(&self, metric: &'a Metric, filters: &'a [Filter]) -> Self {
        let mut all = self.filters.clone();
        all.extend(filters);
        all.extend(&metric.filters);
        Self { metric, filters: all }
    }
}

/// The name of the column that says where a row passes the filters of a column.
pub(crate) fn passing(column: &str) -> String {
    format!("?{column}")
}

/// A metric by name, with the query's filters.
pub(crate) fn reach<'a>(project: &'a Project, name: &str, filters: &'a [Filter]) -> Result<Reached<'a>, MetricsError> {
    let metric = find(project, name)?;
    Ok(Reached { metric, filters: filters.iter().chain(&metric.filters).collect() })
}

pub(crate) fn find<'a>(project: &'a Project, name: &str) -> Result<&'a Metric, MetricsError> {
    project.metrics.get(name).ok_or_else(|| MetricsError::Unknown {
        what: "metric",
        name: name.to_owned(),
        near: nearest(name, project.metrics.keys().map(String::as_str)).map(str::to_owned),
    })
}

/// The base requests of a cell request.
pub(crate) fn base_requests<'a>(project: &'a Project, request: &'a CellRequest) -> Result<Vec<BaseRequest<'a>>, MetricsError> {
    let mut needs: BTreeMap<(&str, &str), BaseRequest<'a>> = BTreeMap::new();
    for name in &request.metrics {
        let reached = reach(project, name, &request.filters)?;
        collect(project, request, &reached, &request.groupings, &mut needs)?;
    }
    Ok(needs.into_values().collect())
}

fn collect<'a>(
    project: &'a Project,
    request: &'a CellRequest,
    reached: &Reached<'a>,
    groupings: &[BaseGrouping],
    needs: &mut BTreeMap<(&'a str, &'a str), BaseRequest<'a>>,
) -> Result<(), MetricsError> {
    match &reached.metric.kind {
        MetricKind::Simple(simple) => {
            add(project, request, reached, simple, groupings, needs);
            Ok(())
        }
        kind => {
            let wider = match kind {
                MetricKind::Cumulative { .. } => days_of(reached.metric, groupings)?,
                MetricKind::Ratio { .. } if reached.metric.meta.share_of_total => with_totals(groupings),
                _ => groupings.to_vec(),
            };
            for input in inputs_of(reached.metric) {
                let metric = find(project, &input.metric)?;
                collect(project, request, &reached.input(metric, &input.filters), &wider, needs)?;
            }
            Ok(())
        }
    }
}

fn add<'a>(
    project: &'a Project,
    request: &'a CellRequest,
    reached: &Reached<'a>,
    simple: &'a Simple,
    groupings: &[BaseGrouping],
    needs: &mut BTreeMap<(&'a str, &'a str), BaseRequest<'a>>,
) {
    let own = project.models.get(&simple.model).and_then(|m| m.semantics.as_ref()).and_then(|s| s.agg_time_dimension.as_deref());
    let time = simple.agg_time_dimension.as_deref().or(own).unwrap_or_default();
    let need = needs.entry((&simple.model, time)).or_insert_with(|| BaseRequest {
        model: &simple.model,
        time,
        measures: Vec::new(),
        groupings: Vec::new(),
        from: request.from,
        to: request.to,
    });
    for grouping in groupings {
        if !need.groupings.contains(grouping) {
            need.groupings.push(grouping.clone());
        }
    }
    let mut columns = vec![(reached.column(), simple.agg, simple.expr.as_str())];
    if request.counts == Counts::Yes {
        columns.push((reached.count_column(), Agg::Count, &simple.expr));
    }
    if !reached.filters.is_empty() {
        columns.push((reached.passing_column(), Agg::Count, "1"));
    }
    for (name, agg, expr) in columns {
        if !need.measures.iter().any(|m| m.name == name) {
            need.measures.push(BaseMeasure { name, metric: &reached.metric.name, agg, expr, filters: reached.filters.clone() });
        }
    }
}

/// The same slices by day: what cumulative metrics add up.
pub(crate) fn days_of(metric: &Metric, groupings: &[BaseGrouping]) -> Result<Vec<BaseGrouping>, MetricsError> {
    let mut days: Vec<BaseGrouping> = Vec::new();
    for grouping in groupings {
        if grouping.grain.is_none() {
            return Err(MetricsError::Definition { metric: metric.name.clone(), message: "a cumulative metric needs `metric_time` among its group-bys".to_owned() });
        }
        let day = BaseGrouping { grain: Some(Grain::Day), slice: grouping.slice.clone() };
        if !days.contains(&day) {
            days.push(day);
        }
    }
    Ok(days)
}

/// The groupings with their totals.
pub(crate) fn with_totals(groupings: &[BaseGrouping]) -> Vec<BaseGrouping> {
    let mut all = groupings.to_vec();
    for grouping in groupings {
        let total = total_of(grouping);
        if !all.contains(&total) {
            all.push(total);
        }
    }
    all
}

/// The same grain without a slice.
pub(crate) fn total_of(grouping: &BaseGrouping) -> BaseGrouping {
    BaseGrouping { grain: grouping.grain, slice: Vec::new() }
}
