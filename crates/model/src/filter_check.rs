//! Whether the names in a filter mean something for a fact, and what a metric reads beside its inputs.
//!
//! In: a project that may have faults elsewhere, a filter. Out: messages, each with the nearest valid name.

use std::collections::BTreeSet;

use crate::jinja::{Filter, MetricRef};
use crate::metric::{Metric, MetricKind};
use crate::nearest::nearest;
use crate::project::Project;
use crate::resolve::resolve_item;
use crate::validate::inputs_of;

/// What is wrong with a filter on the rows of a model: one message for each unknown or ambiguous name, none where all is well.
#[must_use]
pub fn check_filter(project: &Project, model: &str, filter: &Filter) -> Vec<String> {
    let mut messages: Vec<String> = filter.items.iter().filter_map(|item| resolve_item(project, model, item).err()).collect();
    for metric in &filter.metrics {
        messages.extend(check_metric(project, model, metric));
    }
    messages
}

/// A metric in a filter is grouped by items that both its own facts and the filtered one have.
fn check_metric(project: &Project, model: &str, read: &MetricRef) -> Vec<String> {
    let Some(metric) = project.metrics.get(&read.name) else {
        let hint = nearest(&read.name, project.metrics.keys().map(String::as_str)).map_or(String::new(), |near| format!("; did you mean `{near}`?"));
        return vec![format!("unknown metric `{}`{hint}", read.name)];
    };
    let mut messages = Vec::new();
    for item in &read.group_by {
        messages.extend(resolve_item(project, model, item).err());
        let inner = facts_of(project, metric).into_iter().filter(|fact| *fact != model);
        messages.extend(inner.filter_map(|fact| resolve_item(project, fact, item).err()).map(|message| format!("metric `{}`: {message}", read.name)));
    }
    messages
}

/// The models whose rows a metric counts, each once, in the order of its inputs; the metrics in its filters are not among its inputs.
#[must_use]
pub fn facts_of<'a>(project: &'a Project, metric: &'a Metric) -> Vec<&'a str> {
    let mut facts = Vec::new();
    let mut seen = BTreeSet::new();
    let mut waiting = vec![metric];
    // The first input is looked at first; a circle, which is reported elsewhere, ends.
    while let Some(metric) = waiting.pop() {
        if !seen.insert(metric.name.as_str()) {
            continue;
        }
        if let MetricKind::Simple(simple) = &metric.kind
            && !facts.contains(&simple.model.as_str())
        {
            facts.push(simple.model.as_str());
        }
        waiting.extend(inputs_of(metric).into_iter().rev().filter_map(|input| project.metrics.get(&input.metric)));
    }
    facts
}

/// Every filter that a metric says itself: its own, and those of its inputs.
pub fn filters_of(metric: &Metric) -> impl Iterator<Item = &Filter> {
    metric.filters.iter().chain(inputs_of(metric).into_iter().flat_map(|input| &input.filters))
}

/// The names of the metrics that a metric reads: its inputs, then those in its filters.
#[must_use]
pub fn metrics_read_by(metric: &Metric) -> Vec<&str> {
    let inputs = inputs_of(metric).into_iter().map(|input| input.metric.as_str());
    inputs.chain(filters_of(metric).flat_map(|filter| &filter.metrics).map(|read| read.name.as_str())).collect()
}
