//! The dictionary of metrics: what each number says, for people and for BI tools.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int32Array, RecordBatch, StringArray};
use quotient_model::{Metric, MetricKind, Model, Node, Project, definition_hash, inputs_of};

use crate::error::ReportError;

const TABLE: &str = "kpi_dictionary";

/// `kpi_dictionary`: one row per metric, in the order of the project.
///
/// Columns: metric, label, `label_ko`, description, type, formula, unit, better, additivity, `null_rule`, source,
/// model and `model_sql` (of a metric that counts rows of one model, itself or through its input; else null),
/// inputs (names of metrics, with commas; null without any), `definition_hash`, `mature_after` (days; null for at once).
/// What the project does not say is null.
/// In `model_sql` the as-of of the run stands as `{{ as_of }}`: the dictionary changes with a definition, not with a run.
///
/// # Errors
/// None that a project can cause.
pub fn kpi_dictionary(project: &Project) -> Result<RecordBatch, ReportError> {
    let metrics: Vec<&Metric> = project.metrics.values().collect();
    let text = |of: &dyn Fn(&Metric) -> Option<String>| -> ArrayRef { Arc::new(metrics.iter().map(|metric| of(metric)).collect::<StringArray>()) };
    let mature: Int32Array = metrics.iter().map(|m| project.mature_after(m).and_then(|days| i32::try_from(days).ok())).collect();
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("metric", text(&|m| said(&m.name))),
        ("label", text(&|m| said(&m.label))),
        ("label_ko", text(&|m| said(&m.meta.label_ko))),
        ("description", text(&|m| said(&m.description))),
        ("type", text(&|m| said(type_of(m)))),
        ("formula", text(&|m| said(&m.meta.formula))),
        ("unit", text(&|m| said(&m.meta.unit))),
        ("better", text(&|m| said(&m.meta.better))),
        ("additivity", text(&|m| said(&m.meta.additivity))),
        ("null_rule", text(&|m| said(&m.meta.null_rule))),
        ("source", text(&|m| said(&m.meta.source))),
        ("model", text(&|m| model_of(project, m).map(|model| model.name.clone()))),
        ("model_sql", text(&|m| model_of(project, m).map(|model| without_as_of(project, &model.sql)))),
        ("inputs", text(&|m| said(&inputs(m)))),
        ("definition_hash", text(&|m| Some(definition_hash(project, m)))),
        ("mature_after", Arc::new(mature)),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, column)| (name, column, true))).map_err(ReportError::rows(TABLE, "make"))
}

fn said(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

fn type_of(metric: &Metric) -> &'static str {
    match metric.kind {
        MetricKind::Simple(_) => "simple",
        MetricKind::Ratio { .. } => "ratio",
        MetricKind::Derived { .. } => "derived",
        MetricKind::Cumulative { .. } => "cumulative",
        MetricKind::Conversion(_) => "conversion",
    }
}

fn inputs(metric: &Metric) -> String {
    let names: Vec<&str> = inputs_of(metric).iter().map(|input| input.metric.as_str()).collect();
    names.join(", ")
}

/// The one model that a metric counts rows of.
fn model_of<'a>(project: &'a Project, metric: &Metric) -> Option<&'a Model> {
    match &metric.kind {
        MetricKind::Simple(simple) => project.models.get(&simple.model),
        MetricKind::Cumulative { input, .. } => match &project.metrics.get(&input.metric)?.kind {
            MetricKind::Simple(simple) => project.models.get(&simple.model),
            _ => None,
        },
        MetricKind::Ratio { .. } | MetricKind::Derived { .. } | MetricKind::Conversion(_) => None,
    }
}

fn without_as_of(project: &Project, sql: &str) -> String {
    match project.context.vars.get("as_of").and_then(Node::text) {
        Some(as_of) if !as_of.is_empty() => sql.replace(&as_of, "{{ as_of }}"),
        _ => sql.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::kpi_dictionary;
    use arrow::array::{Array, AsArray, RecordBatch};
    use quotient_model::{Project, ProjectFiles, Settings};

    const YAML: &str = "
models:
  - name: deals
    description: One row per deal.
    agg_time_dimension: closed_on
    semantic_model: {enabled: true}
    columns:
      - name: deal_id
        entity: {type: primary, name: deal}
      - name: closed_on
        granularity: day
        dimension: {type: time}
    metrics:
      - name: won_deals
        type: simple
        agg: count
        expr: deal_id
        label: Won deals
        description: Deals that were won.
        config: {meta: {label_ko: 성사 건수, unit: count, better: up, mature_after: 30}}
      - name: all_deals
        type: simple
        agg: count
        expr: deal_id
metrics:
  - name: win_rate
    type: ratio
    numerator: won_deals
    denominator: all_deals
";

    fn project() -> Project {
        let mut files = ProjectFiles { project: "name: shop\n".to_owned(), ..ProjectFiles::default() };
        files.models.insert("models/deals.yml".to_owned(), YAML.to_owned());
        files.models.insert("models/deals.sql".to_owned(), "select 1 as deal_id, '{{ var('as_of') }}' as closed_on".to_owned());
        let mut settings = Settings::default();
        settings.vars.insert("as_of".to_owned(), "2024-05-01T00:00:00Z".to_owned());
        Project::parse(&files, &settings).unwrap()
    }

    fn cell(batch: &RecordBatch, metric: &str, column: &str) -> Option<String> {
        let names = batch.column_by_name("metric").unwrap().as_string::<i32>();
        let row = names.iter().position(|name| name == Some(metric)).unwrap();
        let texts = batch.column_by_name(column).unwrap().as_string::<i32>();
        (!texts.is_null(row)).then(|| texts.value(row).to_owned())
    }

    #[test]
    fn one_row_says_everything_of_a_metric() {
        let batch = kpi_dictionary(&project()).unwrap();
        assert_eq!(batch.num_rows(), 3);
        assert_eq!(cell(&batch, "won_deals", "label_ko").as_deref(), Some("성사 건수"));
        assert_eq!(cell(&batch, "won_deals", "type").as_deref(), Some("simple"));
        assert_eq!(cell(&batch, "won_deals", "model").as_deref(), Some("deals"));
        assert_eq!(cell(&batch, "won_deals", "model_sql").as_deref(), Some("select 1 as deal_id, '{{ as_of }}' as closed_on"));
        assert_eq!(cell(&batch, "won_deals", "formula"), None);
        assert_eq!(cell(&batch, "won_deals", "inputs"), None);
        assert_eq!(cell(&batch, "win_rate", "inputs").as_deref(), Some("won_deals, all_deals"));
        assert_eq!(cell(&batch, "win_rate", "model_sql"), None);
        assert_eq!(cell(&batch, "win_rate", "definition_hash").unwrap().len(), 16);
    }
}
