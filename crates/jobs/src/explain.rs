//! `explain`: everything that a project says of a metric.

use std::collections::BTreeSet;

use quotient_metrics::MetricsError;
use quotient_model::{Metric, MetricKind, Project, facts_of, inputs_of, metrics_read_by, nearest};
use serde::Serialize;

use crate::error::JobError;
use crate::workspace::Workspace;

/// A metric explained.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// Its name.
    pub metric: String,
    /// Its label.
    pub label: String,
    /// What it says, ending with its grain.
    pub description: String,
    /// simple, ratio, derived, cumulative or conversion.
    pub kind: String,
    /// The formula for people.
    pub formula: String,
    /// The unit.
    pub unit: String,
    /// When it is null.
    pub null_rule: String,
    /// Days after a period's end before its value is final, those of the inputs with it.
    pub mature_after: Option<u32>,
    /// Where the definition comes from.
    pub source: String,
    /// The metrics that it reads.
    pub inputs: Vec<String>,
    /// The model whose rows it aggregates.
    pub model: Option<String>,
    /// The file of the definition.
    pub file: String,
    /// The line there.
    pub line: usize,
    /// What is aggregated or computed.
    pub expression: Option<String>,
    /// The rendered SQL of the model.
    pub sql: Option<String>,
    /// What it can be grouped by.
    pub group_by: Vec<String>,
    /// Who uses it: metrics that read it, saved queries, and exposures of it or of its facts.
    pub used_by: Vec<String>,
}

impl Workspace {
    /// Explains a metric by the project alone; the lake is not touched.
    ///
    /// # Errors
    /// An unknown metric, with the nearest one.
    pub fn explain(&self, name: &str) -> Result<Explanation, JobError> {
        let project = &self.project;
        let metric = project.metrics.get(name).ok_or_else(|| {
            JobError::Metrics(MetricsError::Unknown { what: "metric", name: name.to_owned(), near: nearest(name, project.metrics.keys().map(String::as_str)).map(str::to_owned) })
        })?;
        let (kind, model, expression) = match &metric.kind {
            MetricKind::Simple(simple) => ("simple", Some(simple.model.clone()), Some(simple.expr.clone())),
            MetricKind::Ratio { numerator, denominator } => ("ratio", None, Some(format!("{} / {}", numerator.metric, denominator.metric))),
            MetricKind::Derived { expr, .. } => ("derived", None, Some(expr.clone())),
            MetricKind::Cumulative { input, .. } => ("cumulative", None, Some(input.metric.clone())),
            MetricKind::Conversion(c) => ("conversion", None, Some(format!("{} followed by {} of the same {}", c.base.metric, c.conversion.metric, c.entity))),
        };
        Ok(Explanation {
            metric: metric.name.clone(),
            label: metric.label.clone(),
            description: metric.description.clone(),
            kind: kind.to_owned(),
            formula: metric.meta.formula.clone(),
            unit: metric.meta.unit.clone(),
            null_rule: metric.meta.null_rule.clone(),
            mature_after: project.mature_after(metric),
            source: metric.meta.source.clone(),
            inputs: inputs_of(metric).into_iter().map(|input| input.metric.clone()).collect(),
            sql: model.as_ref().and_then(|m| project.models.get(m)).map(|m| m.sql.clone()),
            model,
            file: metric.place.file.clone(),
            line: metric.place.line,
            expression,
            group_by: items(project, metric).unwrap_or_default().into_iter().collect(),
            used_by: users(project, metric),
        })
    }
}

/// Metrics that read a metric, saved queries and exposures, each kind in the order of the project.
fn users(project: &Project, metric: &Metric) -> Vec<String> {
    let facts = facts_of(project, metric);
    let metrics = project.metrics.values().filter(|other| metrics_read_by(other).contains(&metric.name.as_str()));
    let queries = project.saved_queries.values().filter(|query| query.metrics.contains(&metric.name));
    let exposures = project.exposures.values().filter(|exposure| exposure.uses_metric(&metric.name) || facts.iter().any(|fact| exposure.uses_model(fact)));
    let mut users: Vec<String> = metrics.map(|other| format!("metric {}", other.name)).collect();
    users.extend(queries.map(|query| format!("saved query {}", query.name)));
    users.extend(exposures.map(|exposure| format!("{} {}", exposure.kind, exposure.label)));
    users
}

/// What every fact behind a metric can be grouped by; `None` where no fact is behind it.
fn items(project: &Project, metric: &Metric) -> Option<BTreeSet<String>> {
    if let MetricKind::Simple(simple) = &metric.kind {
        return Some(quotient_model::items_of(project, &simple.model).into_iter().collect());
    }
    inputs_of(metric).into_iter().filter_map(|input| items(project, project.metrics.get(&input.metric)?)).reduce(|a, b| a.intersection(&b).cloned().collect())
}
