//! The hash of a metric's definition: part of a cell's identity.

use std::fmt::Write;

use sha2::{Digest, Sha256};

use crate::filter_check::filters_of;
use crate::metric::{Conversion, Metric, MetricKind};
use crate::project::Project;
use crate::validate::inputs_of;

/// A hash over everything that decides a metric's numbers: its formula and filters, those of its inputs,
/// the SQL of every model it stands on, the rows that tests keep out of them, and the calendar.
///
/// Vars count where they stand in that SQL and in the calendar. Labels, descriptions and places in files do not count. 16 hexadecimal digits.
#[must_use]
pub fn definition_hash(project: &Project, metric: &Metric) -> String {
    let mut hasher = Sha256::new();
    hasher.update(format!("{:?}", project.calendar));
    add_metric(project, metric, &mut hasher);
    short_hash(hasher)
}

/// The first eight bytes of a hash, as 16 hexadecimal digits.
#[must_use]
pub fn short_hash(hasher: Sha256) -> String {
    hasher.finalize().iter().take(8).fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// A hash over everything that decides the rows of a model: its SQL and that of all models that it reads, how it is joined, the declared
/// columns of the sources and the rows that tests keep out.
#[must_use]
pub fn model_hash(project: &Project, model: &str) -> String {
    let mut hasher = Sha256::new();
    add_model(project, model, &mut hasher);
    short_hash(hasher)
}

fn add_model(project: &Project, name: &str, hasher: &mut Sha256) {
    for model in project.upstream(name) {
        hasher.update(&model.name);
        hasher.update(without_as_of(project, &model.sql));
        hasher.update(format!("{:?}", model.semantics.as_ref().map(|s| (&s.entities, &s.dimensions, &s.agg_time_dimension))));
        for source in model.sources.iter().filter_map(|source| project.sources.get(source)) {
            hasher.update(format!("{:?}", source.columns));
            for test in source.tests.iter().filter(|test| test.excludes) {
                hasher.update(format!("{:?}{:?}{:?}", test.sql, test.rule, test.filter));
            }
        }
    }
}

fn add_metric(project: &Project, metric: &Metric, hasher: &mut Sha256) {
    hasher.update(&metric.name);
    for filter in &metric.filters {
        hasher.update(&filter.sql);
    }
    match &metric.kind {
        MetricKind::Simple(simple) => {
            hasher.update(format!("{simple:?}"));
            add_model(project, &simple.model, hasher);
        }
        MetricKind::Ratio { .. } => hasher.update([u8::from(metric.meta.share_of_total)]),
        MetricKind::Derived { expr, .. } => hasher.update(format!("{expr}{}", metric.meta.like_for_like)),
        MetricKind::Cumulative { span, period_agg, .. } => hasher.update(format!("{span:?}{period_agg:?}")),
        MetricKind::Conversion(conversion) => {
            let Conversion { entity, window, constant_properties, calculation, .. } = conversion.as_ref();
            hasher.update(format!("{entity}{window:?}{constant_properties:?}{calculation:?}"));
        }
    }
    for read in filters_of(metric).flat_map(|filter| &filter.metrics) {
        if let Some(inner) = project.metrics.get(&read.name) {
            add_metric(project, inner, hasher);
        }
    }
    for input in inputs_of(metric) {
        hasher.update(format!("{}{:?}{:?}", input.alias, input.offset, input.filters));
        if let Some(inner) = project.metrics.get(&input.metric) {
            add_metric(project, inner, hasher);
        }
    }
}

/// The rendered SQL with the as-of of this run taken out: as-of is not part of a definition, a macro's text is.
fn without_as_of(project: &Project, sql: &str) -> String {
    match project.context.vars.get("as_of").and_then(crate::yaml::Node::text) {
        Some(as_of) if !as_of.is_empty() => sql.replace(&as_of, "as_of"),
        _ => sql.to_owned(),
    }
}
