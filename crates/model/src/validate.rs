//! Checks what one file cannot know of another: names, cycles, semantics that contradict each other.

use indexmap::IndexMap;

use crate::fault::{Faults, Place};
use crate::metric::{Input, Metric, MetricKind};
use crate::model::{EntityKind, Model};
use crate::project::Project;

/// Reports every fault between the files, and puts the models in the order of their refs.
pub(crate) fn check(project: &mut Project, faults: &mut Faults) {
    check_references(project, faults);
    check_semantics(project, faults);
    check_metrics(project, faults);
    let ordered = order(&project.models, faults);
    project.models = ordered;
}

fn check_references(project: &Project, faults: &mut Faults) {
    for model in project.models.values() {
        let line_of = |text: &str| model.template.lines().position(|l| l.contains(text)).map_or(1, |i| i + 1);
        for name in model.refs.iter().filter(|name| !project.models.contains_key(*name)) {
            let place = place(model, line_of(name));
            faults.unknown(&place, "model", name, project.models.keys().map(String::as_str));
        }
        for name in model.sources.iter().filter(|name| !project.sources.contains_key(*name)) {
            let table = name.rsplit('.').next().unwrap_or(name);
            let place = place(model, line_of(table));
            faults.unknown(&place, "source", name, project.sources.keys().map(String::as_str));
        }
    }
}

fn check_semantics(project: &Project, faults: &mut Faults) {
    let mut owners: IndexMap<&str, &str> = IndexMap::new();
    for model in project.models.values() {
        let Some(semantics) = &model.semantics else { continue };
        if let Some(time) = &semantics.agg_time_dimension
            && semantics.dimension(time).is_none()
        {
            let names = semantics.dimensions.iter().map(|d| d.name.as_str());
            faults.unknown(&semantics.place, &format!("time dimension of model `{}`:", model.name), time, names);
        }
        let primaries: Vec<&str> = semantics.entities.iter().filter(|e| e.kind == EntityKind::Primary).map(|e| e.name.as_str()).collect();
        if primaries.len() > 1 {
            let message = format!("model `{}`: expected one primary entity, found {}: `{}`", model.name, primaries.len(), primaries.join("`, `"));
            faults.add(&semantics.place, message);
        }
        for entity in semantics.entities.iter().filter(|e| matches!(e.kind, EntityKind::Primary | EntityKind::Natural)) {
            if let Some(other) = owners.insert(&entity.name, &model.name) {
                let message = format!("entity `{}` is the key of two models, `{other}` and `{}`: a join to it would be ambiguous", entity.name, model.name);
                faults.add(&semantics.place, message);
            }
        }
    }
}

fn check_metrics(project: &Project, faults: &mut Faults) {
    for metric in project.metrics.values() {
        for input in inputs_of(metric) {
            if !project.metrics.contains_key(&input.metric) {
                let what = format!("metric read by `{}`:", metric.name);
                faults.unknown(&input.place, &what, &input.metric, project.metrics.keys().map(String::as_str));
            }
        }
        match &metric.kind {
            MetricKind::Simple(simple) => {
                let Some(model) = project.models.get(&simple.model) else { continue };
                let Some(semantics) = &model.semantics else {
                    let message = format!("metric `{}`: model `{}` has no enabled `semantic_model`", metric.name, simple.model);
                    faults.add(&metric.place, message);
                    continue;
                };
                match simple.agg_time_dimension.as_ref().or(semantics.agg_time_dimension.as_ref()) {
                    None => faults.add(&metric.place, format!("metric `{}`: model `{}` has no `agg_time_dimension`", metric.name, simple.model)),
                    Some(time) if semantics.dimension(time).is_none() => {
                        let names = semantics.dimensions.iter().map(|d| d.name.as_str());
                        faults.unknown(&metric.place, &format!("time dimension of model `{}`:", simple.model), time, names);
                    }
                    Some(_) => {}
                }
            }
            MetricKind::Cumulative { input, .. } => {
                let base = project.metrics.get(&input.metric);
                if base.is_some_and(|m| !matches!(m.kind, MetricKind::Simple(_))) {
                    let message = format!("cumulative metric `{}`: expected a simple metric as input, found `{}`", metric.name, input.metric);
                    faults.add(&input.place, message);
                }
            }
            MetricKind::Ratio { .. } | MetricKind::Derived { .. } => {}
        }
    }
    for metric in project.metrics.values() {
        if let Some(cycle) = cycle_from(project, metric) {
            faults.add(&metric.place, format!("metrics read each other in a circle: `{}`", cycle.join("` → `")));
        }
    }
}

/// The metrics that a metric reads, in the order of its definition.
#[must_use]
pub fn inputs_of(metric: &Metric) -> Vec<&Input> {
    match &metric.kind {
        MetricKind::Simple(_) => Vec::new(),
        MetricKind::Ratio { numerator, denominator } => vec![numerator, denominator],
        MetricKind::Derived { inputs, .. } => inputs.iter().collect(),
        MetricKind::Cumulative { input, .. } => vec![input],
    }
}

/// A circle through this metric, reported once: from the name that sorts first.
fn cycle_from(project: &Project, start: &Metric) -> Option<Vec<String>> {
    fn walk(project: &Project, path: &mut Vec<String>, start: &str) -> bool {
        let Some(metric) = path.last().and_then(|name| project.metrics.get(name)) else { return false };
        for input in inputs_of(metric) {
            if input.metric == start {
                path.push(start.to_owned());
                return true;
            }
            // Only names after the start: a circle is found from its first name alone.
            if input.metric.as_str() > start && !path.contains(&input.metric) {
                path.push(input.metric.clone());
                if walk(project, path, start) {
                    return true;
                }
                path.pop();
            }
        }
        false
    }
    let mut path = vec![start.name.clone()];
    walk(project, &mut path, &start.name).then_some(path)
}

/// Models so that each comes after those it reads; what is left over is in a circle.
fn order(models: &IndexMap<String, Model>, faults: &mut Faults) -> IndexMap<String, Model> {
    let mut ordered: IndexMap<String, Model> = IndexMap::new();
    let mut waiting: Vec<&Model> = models.values().collect();
    loop {
        let before = waiting.len();
        waiting.retain(|model| {
            let ready = model.refs.iter().all(|name| ordered.contains_key(name) || !models.contains_key(name));
            if ready {
                ordered.insert(model.name.clone(), (*model).clone());
            }
            !ready
        });
        if waiting.is_empty() {
            return ordered;
        }
        if waiting.len() == before {
            break;
        }
    }
    // Follow refs among the waiting ones until a name comes twice: that stretch is the circle.
    if let Some(first) = waiting.first() {
        let mut path: Vec<&str> = vec![&first.name];
        while let Some(next) = path.last().and_then(|name| models.get(*name)).and_then(|m| m.refs.iter().find(|r| waiting.iter().any(|w| w.name == **r))) {
            let seen = path.iter().position(|name| name == next);
            path.push(next);
            if let Some(start) = seen {
                let circle = &path[start..];
                if let Some(model) = models.get(circle[0]) {
                    faults.add(&place(model, 1), format!("models read each other in a circle: `{}`", circle.join("` → `")));
                }
                break;
            }
        }
    }
    for model in waiting {
        ordered.insert(model.name.clone(), model.clone());
    }
    ordered
}

fn place(model: &Model, line: usize) -> Place {
    Place { file: model.file.clone(), line }
}
