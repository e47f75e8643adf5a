//! A project as a semantic manifest: semantic models, metrics, time spines and saved queries, in the shape that dbt writes.

use quotient_model::{
    Agg, Calculation, DimensionKind, EntityKind, ExportKind, Filter, Input, Metric, MetricKind, MetricMeta, Model, NonAdditive, Offset, PeriodAgg, Project, SavedQuery, Semantics,
    Simple, Span, WindowChoice,
};
use serde_json::{Value, json};

use super::{call_of, plain, relation, template_of};

/// The manifest, and what it cannot say.
pub(super) fn manifest(project: &Project) -> (Value, Vec<String>) {
    let models = project.models.values().filter_map(|model| Some(semantic_model(model, model.semantics.as_ref()?)));
    let spines = project.models.values().filter_map(|model| time_spine(model, model.time_spine.as_deref()?));
    let manifest = json!({
        "semantic_models": models.collect::<Vec<_>>(),
        "metrics": project.metrics.values().map(|found| metric(project, found)).collect::<Vec<_>>(),
        "project_configuration": {"time_spine_table_configurations": [], "metadata": null, "time_spines": spines.collect::<Vec<_>>()},
        "saved_queries": project.saved_queries.values().map(|query| saved_query(project, query)).collect::<Vec<_>>(),
    });
    (manifest, project.metrics.values().flat_map(losses).collect())
}

fn losses(metric: &Metric) -> Vec<String> {
    let mut losses = Vec::new();
    if metric.meta.share_of_total {
        losses.push(format!("metric `{}`: its denominator is the total of the period; MetricFlow groups it as it groups the numerator", metric.name));
    }
    if quotient_model::inputs_of(metric).iter().any(|input| matches!(input.offset, Offset::Periods(_))) {
        losses.push(format!("metric `{}`: it is offset by periods of the grain asked; MetricFlow offsets it by months", metric.name));
    }
    losses
}

fn semantic_model(model: &Model, semantics: &Semantics) -> Value {
    let has_primary = semantics.entities.iter().any(|entity| entity.kind == EntityKind::Primary);
    let entities: Vec<Value> = semantics
        .entities
        .iter()
        .map(|entity| {
            let kind = match entity.kind {
                EntityKind::Primary => "primary",
                EntityKind::Unique => "unique",
                EntityKind::Foreign => "foreign",
                EntityKind::Natural => "natural",
            };
            json!({"name": entity.name, "description": null, "type": kind, "role": null, "expr": plain(&entity.expr), "label": null, "config": null})
        })
        .collect();
    let dimensions: Vec<Value> = semantics
        .dimensions
        .iter()
        .map(|dimension| {
            let is_time = dimension.kind != DimensionKind::Categorical;
            let validity = match dimension.kind {
                DimensionKind::ValidFrom => json!({"is_start": true, "is_end": false}),
                DimensionKind::ValidTo => json!({"is_start": false, "is_end": true}),
                DimensionKind::Time | DimensionKind::Categorical => Value::Null,
            };
            let granularity = if dimension.granularity.is_empty() { "day" } else { &dimension.granularity };
            json!({
                "name": dimension.name,
                "description": null,
                "type": if is_time { "time" } else { "categorical" },
                "is_partition": false,
                "type_params": if is_time { json!({"time_granularity": granularity, "validity_params": validity}) } else { Value::Null },
                "expr": plain(&dimension.expr),
                "label": null,
                "config": null,
            })
        })
        .collect();
    json!({
        "name": model.name,
        "defaults": semantics.agg_time_dimension.as_ref().map(|time| json!({"agg_time_dimension": time})),
        "description": model.description,
        "node_relation": relation(&model.name),
        "primary_entity": semantics.primary_entity.as_ref().filter(|_| !has_primary),
        "entities": entities,
        "measures": [],
        "dimensions": dimensions,
        "label": null,
        "metadata": null,
        "config": null,
    })
}

fn time_spine(model: &Model, column: &str) -> Option<Value> {
    let custom: Vec<Value> = model.custom_granularities.iter().map(|custom| json!({"name": custom.grain.name(), "column_name": custom.column})).collect();
    let granularity = model.spine_granularity.as_ref()?;
    Some(json!({
        "node_relation": relation(&model.name),
        "primary_column": {"name": column, "time_granularity": granularity},
        "custom_granularities": custom,
    }))
}

fn metric(project: &Project, metric: &Metric) -> Value {
    let (kind, params) = match &metric.kind {
        MetricKind::Simple(simple) => ("simple", simple_params(project, simple)),
        MetricKind::Ratio { numerator, denominator } => ("ratio", json!({"numerator": input(project, numerator), "denominator": input(project, denominator)})),
        MetricKind::Derived { expr, inputs } => ("derived", json!({"expr": expr, "metrics": inputs.iter().map(|read| input(project, read)).collect::<Vec<_>>()})),
        MetricKind::Cumulative { input: read, span, period_agg } => ("cumulative", cumulative_params(&input(project, read), *span, *period_agg)),
        MetricKind::Conversion(conversion) => {
            let properties = conversion.constant_properties.iter().map(|(base, converted)| json!({"base_property": base, "conversion_property": converted}));
            let properties: Vec<Value> = properties.collect();
            let calculation = match conversion.calculation {
                Calculation::Rate => "conversion_rate",
                Calculation::Conversions => "conversions",
            };
            let params = json!({
                "base_metric": input(project, &conversion.base),
                "conversion_metric": input(project, &conversion.conversion),
                "entity": conversion.entity,
                "calculation": calculation,
                "window": conversion.window.map(|(count, grain)| json!({"count": count, "granularity": grain.name()})),
                "constant_properties": if properties.is_empty() { Value::Null } else { Value::Array(properties) },
            });
            ("conversion", json!({"conversion_type_params": params}))
        }
    };
    let mut params = params;
    params["is_private"] = json!(metric.private);
    json!({
        "name": metric.name,
        "description": metric.description,
        "type": kind,
        "type_params": params,
        "filter": intersection(project, &metric.filters),
        "metadata": null,
        "label": metric.label,
        "config": {"meta": meta(&metric.meta)},
        "time_granularity": null,
    })
}

fn simple_params(project: &Project, simple: &Simple) -> Value {
    let (agg, agg_params) = match simple.agg {
        Agg::Sum => ("sum", Value::Null),
        Agg::Min => ("min", Value::Null),
        Agg::Max => ("max", Value::Null),
        Agg::Count => ("count", Value::Null),
        Agg::CountDistinct => ("count_distinct", Value::Null),
        Agg::SumBoolean => ("sum_boolean", Value::Null),
        Agg::Average => ("average", Value::Null),
        Agg::Median => ("median", Value::Null),
        Agg::Percentile { rank, discrete } => ("percentile", json!({"percentile": rank, "use_discrete_percentile": discrete, "use_approximate_percentile": false})),
    };
    let own = project.models.get(&simple.model).and_then(|model| model.semantics.as_ref()).and_then(|semantics| semantics.agg_time_dimension.as_ref());
    json!({
        "expr": plain(&simple.expr),
        "metric_aggregation_params": {
            "semantic_model": simple.model,
            "agg": agg,
            "agg_params": agg_params,
            "agg_time_dimension": simple.agg_time_dimension.as_ref().or(own),
            "non_additive_dimension": simple.non_additive.as_ref().map(non_additive),
        },
        "join_to_timespine": simple.join_to_timespine,
        "fill_nulls_with": simple.fill_nulls_with,
    })
}

fn non_additive(rule: &NonAdditive) -> Value {
    let choice = match rule.choice {
        WindowChoice::Min => "min",
        WindowChoice::Max => "max",
    };
    json!({"name": rule.time, "window_choice": choice, "window_groupings": rule.by})
}

fn cumulative_params(input: &Value, span: Span, period_agg: PeriodAgg) -> Value {
    let (window, to_date) = match span {
        Span::AllTime => (Value::Null, Value::Null),
        Span::Window { count, grain } => (json!({"count": count, "granularity": grain.name()}), Value::Null),
        Span::ToDate(grain) => (Value::Null, json!(grain.name())),
    };
    let period_agg = match period_agg {
        PeriodAgg::First => "first",
        PeriodAgg::Last => "last",
        PeriodAgg::Average => "average",
    };
    json!({"cumulative_type_params": {"window": window, "grain_to_date": to_date, "period_agg": period_agg, "metric": input}})
}

fn input(project: &Project, input: &Input) -> Value {
    let (window, to_grain) = match input.offset {
        Offset::None => (Value::Null, Value::Null),
        Offset::Periods(count) => (json!({"count": count, "granularity": "month"}), Value::Null),
        Offset::Window { count, grain } => (json!({"count": count, "granularity": grain.name()}), Value::Null),
        Offset::ToGrain(grain) => (Value::Null, json!(grain.name())),
    };
    json!({
        "name": input.metric,
        "filter": intersection(project, &input.filters),
        "alias": (input.alias != input.metric).then_some(&input.alias),
        "offset_window": window,
        "offset_to_grain": to_grain,
    })
}

fn intersection(project: &Project, filters: &[Filter]) -> Value {
    if filters.is_empty() {
        return Value::Null;
    }
    let templates = filters.iter().map(|filter| json!({"where_sql_template": template_of(project, filter)}));
    json!({"where_filters": templates.collect::<Vec<_>>()})
}

/// Our additions, under the keys that they have in YAML; what is not said is left out.
fn meta(meta: &MetricMeta) -> Value {
    let texts = [
        ("label_ko", &meta.label_ko),
        ("unit", &meta.unit),
        ("better", &meta.better),
        ("additivity", &meta.additivity),
        ("formula", &meta.formula),
        ("null_rule", &meta.null_rule),
        ("source", &meta.source),
    ];
    let mut all: serde_json::Map<String, Value> = texts.into_iter().filter(|(_, text)| !text.is_empty()).map(|(key, text)| (key.to_owned(), json!(text))).collect();
    if let Some(days) = meta.mature_after {
        all.insert("mature_after".to_owned(), json!(days));
    }
    if meta.share_of_total {
        all.insert("share_of".to_owned(), json!("total"));
    }
    Value::Object(all)
}

fn saved_query(project: &Project, query: &SavedQuery) -> Value {
    let order = query.order_by.iter().map(|name| {
        let (name, descending) = name.strip_prefix('-').map_or((name.as_str(), false), |rest| (rest, true));
        let call = if query.metrics.iter().any(|metric| metric == name) { format!("Metric('{name}')") } else { call_of(project, name) };
        if descending { format!("{call}.descending(True)") } else { call }
    });
    let filters: Vec<Value> = query.templates.iter().map(|template| json!({"where_sql_template": template})).collect();
    let exports = query.exports.iter().map(|export| {
        let kind = match export.kind {
            ExportKind::Table => "table",
            ExportKind::View => "view",
        };
        json!({"name": export.name, "config": {"export_as": kind, "schema_name": export.schema, "alias": export.alias}})
    });
    json!({
        "name": query.name,
        "query_params": {
            "metrics": query.metrics,
            "group_by": query.group_by.iter().map(|item| call_of(project, item)).collect::<Vec<_>>(),
            "order_by": order.collect::<Vec<_>>(),
            "limit": query.limit,
            "where": if filters.is_empty() { Value::Null } else { json!({"where_filters": filters}) },
        },
        "description": query.description,
        "metadata": null,
        "label": (!query.label.is_empty()).then_some(&query.label),
        "exports": exports.collect::<Vec<_>>(),
        "tags": [],
    })
}
