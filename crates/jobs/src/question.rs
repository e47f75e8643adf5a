//! What a request to an engine is called in the ledger, and what its answer hangs on.
//!
//! In: a project and a request of one table. Out: a key that stays the same from run to run, and hashes of every definition behind it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use quotient_metrics::{BaseMeasure, BaseRequest, ConversionRequest};
use quotient_model::{Filter, Grain, MetricKind, Project, definition_hash, filters_of, metrics_read_by, model_hash, resolve_item, short_hash};
use sha2::{Digest, Sha256};

use crate::stored_cells::{Question, grain_name};

/// The key of base cells: requests of one table, model and time share it unless their rows are their own.
pub(crate) fn base_key(table: &str, request: &BaseRequest<'_>) -> String {
    let mut own = format!("{:?}{:?}{:?}", request.time, request.snapshot, request.window);
    if request.snapshot.is_some() || request.window.is_some() {
        // Such a request has one grain, and measures that share their filters; of a window those of one metric.
        let grains: BTreeSet<String> = request.groupings.iter().map(grain_name).collect();
        let first = request.measures.first();
        let filters: Vec<&str> = first.iter().flat_map(|measure| &measure.filters).map(|filter| filter.sql.as_str()).collect();
        let _ = write!(own, "{grains:?}{filters:?}{:?}", first.filter(|_| request.window.is_some()).map(|measure| &measure.name));
    }
    format!("{table}.{}.{}", request.model, hash(&own))
}

/// The key of conversions.
pub(crate) fn conversion_key(table: &str, request: &ConversionRequest<'_>) -> String {
    format!("{table}.{}.{}", request.base.model, hash(&request.name))
}

/// What base cells answer.
pub(crate) fn base_question(project: &Project, request: &BaseRequest<'_>) -> Question {
    // How far events reach decides which cells are computed anew: a corrected declaration computes all of them.
    let reach = project.models.get(request.model).and_then(|model| model.incremental.as_ref()).map(|incremental| (incremental.as_of_days, &incremental.sources));
    let limits = format!("{:?}{:?}{:?}{reach:?}", request.from, request.to, request.keep);
    Question {
        model: request.model.to_owned(),
        groupings: groupings(project, request, &limits),
        measures: request.measures.iter().map(|measure| (measure.name.clone(), measure_hash(project, request.model, measure))).collect(),
    }
}

/// What conversions answer.
pub(crate) fn conversion_question(project: &Project, request: &ConversionRequest<'_>) -> Question {
    let ConversionRequest { name, base, conversion, window, keys, by_day } = request;
    let mut own = format!("{window:?}{keys:?}{by_day}{:?}{:?}", base.keep, conversion.keep);
    for (model, measure) in base.measures.iter().map(|measure| (base.model, measure)).chain(conversion.measures.iter().map(|measure| (conversion.model, measure))) {
        own.push_str(&measure_hash(project, model, measure));
        own.push_str(&model_hash(project, model));
    }
    Question { model: base.model.to_owned(), groupings: groupings(project, base, ""), measures: vec![(name.clone(), hash(&own))] }
}

/// The grain of each grouping.
pub(crate) fn grains_of(request: &BaseRequest<'_>) -> Vec<Option<Grain>> {
    request.groupings.iter().map(|grouping| grouping.grain).collect()
}

/// The models beside its own that a request reads: those that items join, and those of metrics in filters.
pub(crate) fn joined_models(project: &Project, request: &BaseRequest<'_>) -> BTreeSet<String> {
    first_joins(project, request).into_keys().collect()
}

/// The same models, each with the expressions of the keys of the request's model and of its own, where that join is the only way to it.
pub(crate) fn first_joins(project: &Project, request: &BaseRequest<'_>) -> BTreeMap<String, Option<(String, String)>> {
    let filters = request.measures.iter().flat_map(|measure| &measure.filters);
    let of_filters = filters.clone().flat_map(|filter| filter.items.iter().chain(filter.metrics.iter().flat_map(|read| &read.group_by)));
    let items = request.groupings.iter().flat_map(|grouping| &grouping.slice).chain(of_filters);
    let mut ways: BTreeMap<String, BTreeSet<Option<(String, String)>>> = BTreeMap::new();
    for found in items.filter_map(|item| resolve_item(project, request.model, item).ok()) {
        for (at, hop) in found.path.iter().enumerate() {
            let keys = (at == 0).then(|| (hop.from.expr.clone(), hop.to.expr.clone()));
            ways.entry(hop.model.name.clone()).or_default().insert(keys);
        }
    }
    let mut of_metrics = BTreeSet::new();
    for read in filters.flat_map(|filter| &filter.metrics) {
        add_models(project, &read.name, &mut of_metrics);
    }
    for model in of_metrics {
        ways.entry(model).or_default().insert(None);
    }
    ways.remove(request.model);
    let only = |ways: BTreeSet<Option<(String, String)>>| if ways.len() == 1 { ways.into_iter().next().flatten() } else { None };
    ways.into_iter().map(|(model, ways)| (model, only(ways))).collect()
}

/// The models that a metric stands on: its facts, what its filters join, and those of the metrics that it reads.
fn add_models(project: &Project, metric: &str, models: &mut BTreeSet<String>) {
    let Some(metric) = project.metrics.get(metric) else { return };
    let facts = facts(project, &metric.name);
    for filter in filters_of(metric) {
        let items = filter.items.iter().chain(filter.metrics.iter().flat_map(|read| &read.group_by));
        models.extend(items.flat_map(|item| facts.iter().flat_map(move |fact| models_of(project, fact, item))));
    }
    models.extend(facts);
    for read in metrics_read_by(metric) {
        add_models(project, read, models);
    }
}

fn facts(project: &Project, metric: &str) -> Vec<String> {
    let Some(metric) = project.metrics.get(metric) else { return Vec::new() };
    quotient_model::facts_of(project, metric).into_iter().map(str::to_owned).collect()
}

fn groupings(project: &Project, request: &BaseRequest<'_>, limits: &str) -> Vec<(String, Vec<String>, String)> {
    let of_grouping = |grouping: &quotient_metrics::BaseGrouping| {
        let models: BTreeSet<String> = grouping.slice.iter().flat_map(|item| models_of(project, request.model, item)).collect();
        let hashes: Vec<String> = models.iter().map(|model| model_hash(project, model)).collect();
        (grain_name(grouping), grouping.slice.clone(), hash(&format!("{}{:?}{limits}{hashes:?}", env!("CARGO_PKG_VERSION"), project.calendar)))
    };
    request.groupings.iter().map(of_grouping).collect()
}

fn measure_hash(project: &Project, model: &str, measure: &BaseMeasure<'_>) -> String {
    let mut own = format!("{:?}{}{}", measure.agg, measure.expr, model_hash(project, model));
    for filter in &measure.filters {
        add_filter(project, model, filter, &mut own);
    }
    hash(&own)
}

fn add_filter(project: &Project, model: &str, filter: &Filter, own: &mut String) {
    own.push_str(&filter.sql);
    for item in filter.items.iter().chain(filter.metrics.iter().flat_map(|read| &read.group_by)) {
        for joined in models_of(project, model, item) {
            own.push_str(&model_hash(project, &joined));
        }
    }
    for metric in filter.metrics.iter().filter_map(|read| project.metrics.get(&read.name)) {
        own.push_str(&definition_hash(project, metric));
        let mut models = BTreeSet::new();
        add_models(project, &metric.name, &mut models);
        for model in &models {
            own.push_str(&model_hash(project, model));
        }
    }
}

/// The models on the way to an item.
fn models_of(project: &Project, model: &str, item: &str) -> Vec<String> {
    resolve_item(project, model, item).map(|found| found.path.iter().map(|hop| hop.model.name.clone()).collect()).unwrap_or_default()
}

/// Whether a metric is simple over a model; for reasons of a plan.
pub(crate) fn stands_on(project: &Project, metric: &str, model: &str) -> bool {
    match project.metrics.get(metric).map(|metric| &metric.kind) {
        Some(MetricKind::Simple(simple)) => simple.model == model,
        Some(_) => facts(project, metric).iter().any(|fact| fact == model),
        None => false,
    }
}

fn hash(text: &str) -> String {
    short_hash(Sha256::new_with_prefix(text))
}
