//! Which base cells a list of metrics needs: one request per model and time dimension.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use quotient_model::{Agg, Conversion, Filter, Grain, Input, Metric, MetricKind, NonAdditive, Offset, PeriodAgg, Project, Semantics, Simple, Span, inputs_of, nearest};

use crate::engine::{BaseGrouping, BaseMeasure, BaseRequest, ConversionRequest};
use crate::error::MetricsError;
use crate::snapshot;

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

    /// The name of the column of its conversions.
    pub(crate) fn conversions_column(&self) -> String {
        format!(">{}", self.column())
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

/// What a list of metrics takes from an engine.
#[derive(Debug, Default)]
pub(crate) struct Needs<'a> {
    pub(crate) base: BTreeMap<Shared<'a>, BaseRequest<'a>>,
    pub(crate) conversions: BTreeMap<String, ConversionRequest<'a>>,
}

/// What measures must have in common to be aggregated in one request.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Shared<'a> {
    model: &'a str,
    time: &'a str,
    /// Measures whose rows are their own stand apart, grain by grain: those of a window each, non-additive ones with those of one rule and filters.
    alone: Option<(String, Option<Grain>)>,
}

/// The requests behind a cell request.
pub(crate) fn needs_of<'a>(project: &'a Project, request: &'a CellRequest) -> Result<Needs<'a>, MetricsError> {
    let mut needs = Needs::default();
    for name in &request.metrics {
        let reached = reach(project, name, &request.filters)?;
        collect(project, request, &reached, &request.groupings, &mut needs)?;
    }
    Ok(needs)
}

fn collect<'a>(project: &'a Project, request: &'a CellRequest, reached: &Reached<'a>, groupings: &[BaseGrouping], needs: &mut Needs<'a>) -> Result<(), MetricsError> {
    match &reached.metric.kind {
        MetricKind::Simple(simple) => {
            for (shared, groupings) in shares(project, reached, simple, groupings) {
                add(project, request, reached, simple, shared, &groupings, needs);
            }
            Ok(())
        }
        MetricKind::Conversion(conversion) => add_conversion(project, request, reached, conversion, groupings, needs),
        MetricKind::Cumulative { input, span, period_agg } if !adds_up(project, input) => {
            let metric = find(project, &input.metric)?;
            add_windows(project, request, reached, &reached.input(metric, &input.filters), (*span, *period_agg), groupings, needs)
        }
        kind => {
            let wider = match kind {
                MetricKind::Cumulative { .. } => days_of(reached.metric, groupings)?,
                MetricKind::Ratio { .. } if reached.metric.meta.share_of_total => with_totals(groupings),
                _ => groupings.to_vec(),
            };
            for input in inputs_of(reached.metric) {
                let metric = find(project, &input.metric)?;
                let input_reached = reached.input(metric, &input.filters);
                collect(project, request, &input_reached, &wider, needs)?;
                if reached.metric.meta.like_for_like && input.offset != Offset::None {
                    let periods: Vec<BaseGrouping> = groupings.iter().filter(|grouping| grouping.grain.is_some()).cloned().collect();
                    collect(project, request, &input_reached, &days_of(reached.metric, &periods)?, needs)?;
                }
            }
            Ok(())
        }
    }
}

/// Whether an input of a cumulative metric adds up over days.
pub(crate) fn adds_up(project: &Project, input: &Input) -> bool {
    project.metrics.get(&input.metric).is_none_or(Metric::adds_up)
}

/// A window over the rows themselves, one request for each grain.
fn add_windows<'a>(
    project: &'a Project,
    request: &'a CellRequest,
    reached: &Reached<'a>,
    input: &Reached<'a>,
    window: (Span, PeriodAgg),
    groupings: &[BaseGrouping],
    needs: &mut Needs<'a>,
) -> Result<(), MetricsError> {
    let metric = reached.metric;
    let refused = |message: &str| MetricsError::Definition { metric: metric.name.clone(), message: message.to_owned() };
    let MetricKind::Simple(simple) = &input.metric.kind else { return Err(refused("expected a simple metric as input")) };
    if window.1 == PeriodAgg::Average || simple.non_additive.is_some() {
        return Err(refused("a mean of days, or rows of one moment, can be taken of what adds up over days only"));
    }
    days_of(metric, groupings)?;
    for grouping in groupings {
        let shared = Shared { model: &simple.model, time: time_of(project, simple), alone: Some((reached.column(), grouping.grain)) };
        let time = shared.time;
        let need = needs.base.entry(shared).or_insert_with(|| {
            let mut measures = vec![BaseMeasure { name: reached.column(), metric: &metric.name, agg: simple.agg, expr: &simple.expr, filters: input.filters.clone() }];
            if !input.filters.is_empty() {
                measures.push(BaseMeasure { name: reached.passing_column(), agg: Agg::Count, expr: "1", ..measures[0].clone() });
            }
            BaseRequest { measures, window: Some(window), ..empty_request(request, &simple.model, time) }
        });
        if !need.groupings.contains(grouping) {
            need.groupings.push(grouping.clone());
        }
    }
    Ok(())
}

/// The requests that a simple metric belongs to, with the groupings of each.
fn shares<'a>(project: &'a Project, reached: &Reached<'a>, simple: &'a Simple, groupings: &[BaseGrouping]) -> BTreeMap<Shared<'a>, Vec<BaseGrouping>> {
    let mut shares: BTreeMap<Shared<'a>, Vec<BaseGrouping>> = BTreeMap::new();
    for grouping in groupings {
        let alone = simple.non_additive.as_ref().map(|rule| (rows_that_count(rule, &reached.filters), grouping.grain));
        let shared = Shared { model: &simple.model, time: time_of(project, simple), alone };
        shares.entry(shared).or_default().push(grouping.clone());
    }
    shares
}

/// What decides which rows of a non-additive measure count.
fn rows_that_count(rule: &NonAdditive, filters: &[&Filter]) -> String {
    format!("{rule:?}{:?}", filters.iter().map(|filter| &filter.sql).collect::<Vec<_>>())
}

/// The time dimension that a simple metric is counted by.
pub(crate) fn time_of<'a>(project: &'a Project, simple: &'a Simple) -> &'a str {
    let own = semantics_of(project, simple).and_then(|s| s.agg_time_dimension.as_deref());
    simple.agg_time_dimension.as_deref().or(own).unwrap_or_default()
}

fn semantics_of<'a>(project: &'a Project, simple: &Simple) -> Option<&'a Semantics> {
    project.models.get(&simple.model).and_then(|m| m.semantics.as_ref())
}

fn empty_request<'a>(request: &CellRequest, model: &'a str, time: &'a str) -> BaseRequest<'a> {
    BaseRequest { model, time, measures: Vec::new(), groupings: Vec::new(), keep: Vec::new(), snapshot: None, window: None, from: request.from, to: request.to, only: Vec::new() }
}

fn add<'a>(project: &'a Project, request: &'a CellRequest, reached: &Reached<'a>, simple: &'a Simple, shared: Shared<'a>, groupings: &[BaseGrouping], needs: &mut Needs<'a>) {
    let time = shared.time;
    let need = needs.base.entry(shared).or_insert_with(|| {
        let keep = simple.non_additive.iter().zip(semantics_of(project, simple)).flat_map(|(rule, semantics)| snapshot::kept(rule, semantics)).collect();
        BaseRequest { snapshot: simple.non_additive.as_ref(), keep, ..empty_request(request, &simple.model, time) }
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

/// The base of a conversion as a metric of its own, and the converting rows.
fn add_conversion<'a>(
    project: &'a Project,
    request: &'a CellRequest,
    reached: &Reached<'a>,
    conversion: &'a Conversion,
    groupings: &[BaseGrouping],
    needs: &mut Needs<'a>,
) -> Result<(), MetricsError> {
    let base = reached.input(find(project, &conversion.base.metric)?, &conversion.base.filters);
    collect(project, request, &base, groupings, needs)?;
    let converted = find(project, &conversion.conversion.metric)?;
    let (MetricKind::Simple(of_base), MetricKind::Simple(of_conversion)) = (&base.metric.kind, &converted.kind) else {
        return Err(MetricsError::Definition { metric: reached.metric.name.clone(), message: "expected simple metrics on both sides of a conversion".to_owned() });
    };
    // The filters of a query say which base rows are asked about; a conversion has only its own.
    let own_filters = conversion.conversion.filters.iter().chain(&converted.filters).collect();
    let side = |simple: &'a Simple, measure, groupings: &[BaseGrouping], property: fn(&'a (String, String)) -> &'a str| {
        let semantics = semantics_of(project, simple);
        let names = std::iter::once(conversion.entity.as_str()).chain(conversion.constant_properties.iter().map(property));
        let keep = names.enumerate().filter_map(|(i, name)| Some((key_name(i), semantics?.property(name)?.to_owned()))).collect();
        BaseRequest { measures: vec![measure], groupings: groupings.to_vec(), keep, ..empty_request(request, &simple.model, time_of(project, simple)) }
    };
    let metric = reached.metric.name.as_str();
    let passing = BaseMeasure { name: base.column(), metric, agg: Agg::Count, expr: "1", filters: base.filters.clone() };
    let counted = BaseMeasure { name: reached.conversions_column(), metric, agg: of_conversion.agg, expr: &of_conversion.expr, filters: own_filters };
    // A day can be compared with a day only.
    let is_day = |simple| semantics_of(project, simple).and_then(|s| s.dimension(time_of(project, simple))).is_none_or(|time| !time.finer_than_day());
    let by_day = is_day(of_base) || is_day(of_conversion);
    let found = ConversionRequest {
        name: reached.conversions_column(),
        base: side(of_base, passing, groupings, |(of_base, _)| of_base),
        conversion: BaseRequest { from: None, to: None, ..side(of_conversion, counted, &[], |(_, of_conversion)| of_conversion) },
        window: conversion.window,
        keys: (0..=conversion.constant_properties.len()).map(key_name).collect(),
        by_day,
    };
    let known = needs.conversions.entry(found.name.clone()).or_insert(found);
    for grouping in groupings {
        if !known.base.groupings.contains(grouping) {
            known.base.groupings.push(grouping.clone());
        }
    }
    Ok(())
}

fn key_name(index: usize) -> String {
    format!("__key_of_conversion_{index}")
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
