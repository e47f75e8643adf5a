//! Checks what one file cannot know of another: names, cycles, semantics that contradict each other.

use indexmap::IndexMap;

use crate::fault::{Faults, Place};
use crate::filter_check::{check_filter, facts_of, metrics_read_by};
use crate::grain::Grain;
use crate::incremental::check_incremental;
use crate::metric::{Conversion, Input, Metric, MetricKind, NonAdditive, Offset, Span};
use crate::model::{DimensionKind, EntityKind, Model, Semantics};
use crate::project::Project;
use crate::unit_test::check_tests;

/// Reports every fault between the files, and puts the models in the order of their refs.
pub(crate) fn check(project: &mut Project, faults: &mut Faults) {
    check_references(project, faults);
    check_semantics(project, faults);
    check_metrics(project, faults);
    check_tests(project, faults);
    check_incremental(project, faults);
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
                let time = simple.agg_time_dimension.as_ref().or(semantics.agg_time_dimension.as_ref());
                match time {
                    None => faults.add(&metric.place, format!("metric `{}`: model `{}` has no `agg_time_dimension`", metric.name, simple.model)),
                    Some(time) if semantics.dimension(time).is_none() => {
                        let names = semantics.dimensions.iter().map(|d| d.name.as_str());
                        faults.unknown(&metric.place, &format!("time dimension of model `{}`:", simple.model), time, names);
                    }
                    Some(_) => {}
                }
                if let Some(rule) = &simple.non_additive {
                    check_non_additive(metric, semantics, rule, time, faults);
                }
            }
            MetricKind::Conversion(conversion) => check_conversion(project, metric, conversion, faults),
            MetricKind::Cumulative { input, .. } => {
                let base = project.metrics.get(&input.metric);
                if base.is_some_and(|m| !matches!(m.kind, MetricKind::Simple(_))) {
                    let message = format!("cumulative metric `{}`: expected a simple metric as input, found `{}`", metric.name, input.metric);
                    faults.add(&input.place, message);
                }
            }
            MetricKind::Derived { inputs, .. } if metric.meta.like_for_like => check_like_for_like(project, metric, inputs, faults),
            MetricKind::Ratio { .. } | MetricKind::Derived { .. } => {}
        }
    }
    for metric in project.metrics.values() {
        check_filters(project, metric, faults);
        check_grains(project, metric, faults);
        if metric.meta.like_for_like && !matches!(metric.kind, MetricKind::Derived { .. }) {
            faults.add(&metric.place, format!("metric `{}`: `like_for_like` is for derived metrics", metric.name));
        }
        if let Some(cycle) = cycle_from(project, metric) {
            faults.add(&metric.place, format!("metrics read each other in a circle: `{}`", cycle.join("` → `")));
        }
    }
}

/// Days of a part of a period add up only where values add up over days.
fn check_like_for_like(project: &Project, metric: &Metric, inputs: &[Input], faults: &mut Faults) {
    for input in inputs.iter().filter(|input| input.offset != Offset::None) {
        let Some(inner) = project.metrics.get(&input.metric) else { continue };
        if !inner.adds_up() {
            let message = format!("metric `{}`: `like_for_like` needs a simple sum, count or sum_boolean as input with an offset, found `{}`", metric.name, input.metric);
            faults.add(&input.place, message);
        }
    }
}

/// Every name in the filters of a metric and of its inputs, for every fact that they reach.
fn check_filters(project: &Project, metric: &Metric, faults: &mut Faults) {
    let own = facts_of(project, metric);
    let of_metric = metric.filters.iter().map(|filter| (filter, own.clone(), &metric.place));
    let of_inputs = inputs_of(metric).into_iter().flat_map(|input| {
        let facts = project.metrics.get(&input.metric).map(|inner| facts_of(project, inner)).unwrap_or_default();
        input.filters.iter().map(move |filter| (filter, facts.clone(), &input.place))
    });
    for (filter, facts, place) in of_metric.chain(of_inputs) {
        let mut messages: Vec<String> = facts.iter().flat_map(|fact| check_filter(project, fact, filter)).collect();
        messages.dedup();
        for message in messages {
            faults.add(place, format!("metric `{}`: filter: {message}", metric.name));
        }
    }
}

/// A custom granularity is one that the time spine declares.
fn check_grains(project: &Project, metric: &Metric, faults: &mut Faults) {
    let mut grains: Vec<Grain> = Vec::new();
    for input in inputs_of(metric) {
        if let Offset::Window { grain, .. } | Offset::ToGrain(grain) = input.offset {
            grains.push(grain);
        }
    }
    match &metric.kind {
        MetricKind::Cumulative { span: Span::Window { grain, .. } | Span::ToDate(grain), .. } => grains.push(*grain),
        MetricKind::Conversion(conversion) => grains.extend(conversion.window.map(|(_, grain)| grain)),
        _ => {}
    }
    let known = project.grains();
    for grain in grains.into_iter().filter(|grain| !known.contains(grain)) {
        let message = format!("metric `{}`: granularity `{grain}` is not declared by the project's time spine", metric.name);
        faults.add_with_hint(&metric.place, message, "list it under `custom_granularities` of the model with `time_spine:`");
    }
}

fn check_non_additive(metric: &Metric, semantics: &Semantics, rule: &NonAdditive, time: Option<&String>, faults: &mut Faults) {
    let times = semantics.dimensions.iter().filter(|d| d.kind == DimensionKind::Time).map(|d| d.name.as_str());
    if !times.clone().any(|name| name == rule.time) {
        faults.unknown(&metric.place, &format!("time dimension in `non_additive_dimension` of `{}`:", metric.name), &rule.time, times);
    } else if let Some(time) = time.filter(|time| **time != rule.time) {
        // Rows are counted by one time, and their moments are those of the same.
        let message = format!("metric `{}`: `non_additive_dimension` is `{}`, and the metric is counted by `{time}`: expected the same time", metric.name, rule.time);
        faults.add(&metric.place, message);
    }
    for name in rule.by.iter().filter(|name| semantics.entity(name).is_none()) {
        let entities = semantics.entities.iter().map(|e| e.name.as_str());
        faults.unknown(&metric.place, &format!("entity in `non_additive_dimension` of `{}`:", metric.name), name, entities);
    }
}

/// Both sides of a conversion are simple metrics whose models have the entity and the constant properties.
fn check_conversion(project: &Project, metric: &Metric, conversion: &Conversion, faults: &mut Faults) {
    let Conversion { base, conversion: converted, entity, constant_properties, .. } = conversion;
    for (side, input) in [(Side::Base, base), (Side::Conversion, converted)] {
        let Some(inner) = project.metrics.get(&input.metric) else { continue };
        let MetricKind::Simple(simple) = &inner.kind else {
            faults.add(&input.place, format!("conversion metric `{}`: expected a simple metric as input, found `{}`", metric.name, input.metric));
            continue;
        };
        let Some(semantics) = project.models.get(&simple.model).and_then(|m| m.semantics.as_ref()) else { continue };
        let entities = || semantics.entities.iter().map(|e| e.name.as_str());
        if semantics.entity(entity).is_none() {
            faults.unknown(&metric.place, &format!("entity of `{}` in model `{}`:", metric.name, simple.model), entity, entities());
        }
        for (of_base, of_conversion) in constant_properties {
            let name = if side == Side::Base { of_base } else { of_conversion };
            if semantics.property(name).is_none() {
                let valid = semantics.dimensions.iter().map(|d| d.name.as_str()).chain(entities());
                faults.unknown(&metric.place, &format!("constant property of `{}` in model `{}`:", metric.name, simple.model), name, valid);
            }
        }
    }
}

#[derive(PartialEq, Eq)]
enum Side {
    Base,
    Conversion,
}

/// The metrics that a metric reads, in the order of its definition.
#[must_use]
pub fn inputs_of(metric: &Metric) -> Vec<&Input> {
    match &metric.kind {
        MetricKind::Simple(_) => Vec::new(),
        MetricKind::Ratio { numerator, denominator } => vec![numerator, denominator],
        MetricKind::Derived { inputs, .. } => inputs.iter().collect(),
        MetricKind::Cumulative { input, .. } => vec![input],
        MetricKind::Conversion(conversion) => vec![&conversion.base, &conversion.conversion],
    }
}

/// A circle through this metric, reported once: from the name that sorts first.
fn cycle_from(project: &Project, start: &Metric) -> Option<Vec<String>> {
    fn walk(project: &Project, path: &mut Vec<String>, start: &str) -> bool {
        let Some(metric) = path.last().and_then(|name| project.metrics.get(name)) else { return false };
        for read in metrics_read_by(metric) {
            if read == start {
                path.push(start.to_owned());
                return true;
            }
            // Only names after the start: a circle is found from its first name alone.
            if read > start && !path.iter().any(|name| name == read) {
                path.push(read.to_owned());
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
