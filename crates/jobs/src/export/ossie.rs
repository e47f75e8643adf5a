//! A project as a semantic model of Apache Ossie 0.1.1: datasets, relationships, and metrics as SQL expressions over them.
//!
//! The form knows aggregates over rows and arithmetic on them. A metric that is more than this, such as one over a window,
//! is left out and reported: an expression without its window would be another number under the same name.

use std::collections::BTreeMap;

use quotient_model::{Agg, DimensionKind, Entity, EntityKind, Filter, Input, ItemColumn, Metric, MetricKind, Model, Offset, Project, Semantics, Simple, quoted, resolve_item};
use serde_json::{Value, json};

use super::{is_name, plain};

/// The document, and what it cannot say.
pub(super) fn document(project: &Project) -> (Value, Vec<String>) {
    let mut losses = Vec::new();
    let mut writer = Writer { project, fields: BTreeMap::new() };
    let mut metrics = Vec::new();
    for metric in project.metrics.values() {
        if metric.private {
            losses.push(format!("metric `{}` is left out: it is private", metric.name));
            continue;
        }
        match writer.metric(metric, &[]) {
            Ok(expression) => {
                if let MetricKind::Simple(Simple { join_to_timespine: true, .. }) = metric.kind {
                    losses.push(format!("metric `{}`: periods without rows have no value", metric.name));
                }
                metrics.push(described(metric, &expression));
            }
            Err(reason) => losses.push(format!("metric `{}` is left out: {reason}", metric.name)),
        }
    }
    let semantic = || project.models.values().filter_map(|model| Some((model, model.semantics.as_ref()?)));
    let datasets: Vec<Value> = semantic().map(|(model, semantics)| dataset(model, semantics, writer.fields.get(&model.name))).collect();
    let mut relationships = Vec::new();
    for (model, semantics) in semantic() {
        for entity in &semantics.entities {
            if entity.kind == EntityKind::Natural {
                losses.push(format!("dataset `{}`: the versions of entity `{}` and when each is valid", model.name, entity.name));
            } else if entity.kind == EntityKind::Foreign {
                relationships.extend(semantic().filter_map(|(other, found)| relationship(model, entity, other, found)));
            }
        }
    }
    losses.push("the granularity of times, custom granularities, and which time a metric is counted by".to_owned());
    losses.extend(project.saved_queries.keys().map(|name| format!("saved query `{name}`")));
    let model = json!({"name": project.name, "datasets": datasets, "relationships": relationships, "metrics": metrics});
    (json!({"version": "0.1.1", "semantic_model": [model]}), losses)
}

struct Writer<'a> {
    project: &'a Project,
    /// By dataset, the fields that stand for expressions of metrics: name and SQL.
    fields: BTreeMap<String, BTreeMap<String, String>>,
}

impl<'a> Writer<'a> {
    /// A metric as SQL over datasets, under the filters that reach it.
    fn metric(&mut self, metric: &'a Metric, outer: &[&'a Filter]) -> Result<String, String> {
        let mut filters = outer.to_vec();
        filters.extend(&metric.filters);
        match &metric.kind {
            MetricKind::Simple(simple) => self.simple(metric, simple, &filters),
            MetricKind::Ratio { .. } if metric.meta.share_of_total => Err("its denominator is the total of the period".to_owned()),
            MetricKind::Ratio { numerator, denominator } => {
                let (above, below) = (self.input(numerator, &filters)?, self.input(denominator, &filters)?);
                Ok(format!("CAST({above} AS DOUBLE PRECISION) / NULLIF({below}, 0)"))
            }
            MetricKind::Derived { expr, inputs } => {
                let mut parts = BTreeMap::new();
                for input in inputs {
                    parts.insert(input.alias.as_str(), format!("({})", self.input(input, &filters)?));
                }
                Ok(with_parts(expr, &parts))
            }
            MetricKind::Cumulative { .. } => Err("it is summed over a window".to_owned()),
            MetricKind::Conversion(_) => Err("it joins events to later ones".to_owned()),
        }
    }

    fn input(&mut self, input: &'a Input, outer: &[&'a Filter]) -> Result<String, String> {
        if input.offset != Offset::None {
            return Err(format!("it reads `{}` of another period", input.metric));
        }
        let Some(metric) = self.project.metrics.get(&input.metric) else { return Err(format!("there is no metric `{}`", input.metric)) };
        let mut filters = outer.to_vec();
        filters.extend(&input.filters);
        self.metric(metric, &filters)
    }

    fn simple(&mut self, metric: &Metric, simple: &Simple, filters: &[&Filter]) -> Result<String, String> {
        if simple.non_additive.is_some() {
            return Err("only the first or last moment of a period counts".to_owned());
        }
        let conditions = filters.iter().map(|filter| self.condition(&simple.model, filter)).collect::<Result<Vec<_>, _>>()?;
        let value = self.column(metric, simple);
        let under = |value: &str| if conditions.is_empty() { value.to_owned() } else { format!("CASE WHEN {} THEN {value} END", conditions.join(" AND ")) };
        let given = under(&value);
        let aggregate = match simple.agg {
            Agg::Sum => format!("SUM({given})"),
            Agg::Min => format!("MIN({given})"),
            Agg::Max => format!("MAX({given})"),
            Agg::Count => format!("COUNT({given})"),
            Agg::CountDistinct => format!("COUNT(DISTINCT {given})"),
            Agg::SumBoolean => format!("SUM({})", under(&format!("CASE WHEN {value} THEN 1 ELSE 0 END"))),
            Agg::Average => format!("AVG({given})"),
            Agg::Median => format!("PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY {given})"),
            Agg::Percentile { rank, discrete } => format!("PERCENTILE_{}({rank}) WITHIN GROUP (ORDER BY {given})", if discrete { "DISC" } else { "CONT" }),
        };
        Ok(simple.fill_nulls_with.map_or_else(|| aggregate.clone(), |filler| format!("COALESCE({aggregate}, {filler})")))
    }

    /// What is aggregated: a column of the dataset, a number, or a field made for the expression.
    fn column(&mut self, metric: &Metric, simple: &Simple) -> String {
        let expr = plain(simple.expr.trim());
        if expr.parse::<f64>().is_ok() {
            return expr.to_owned();
        }
        if is_name(expr) {
            return format!("{}.{expr}", simple.model);
        }
        let field = format!("{}__value", metric.name);
        self.fields.entry(simple.model.clone()).or_default().insert(field.clone(), simple.expr.clone());
        format!("{}.{field}", simple.model)
    }

    /// A filter over fields of datasets.
    fn condition(&self, model: &str, filter: &Filter) -> Result<String, String> {
        if let Some(read) = filter.metrics.first() {
            return Err(format!("it is filtered by the metric `{}`", read.name));
        }
        let mut sql = filter.sql.clone();
        for item in &filter.items {
            let found = resolve_item(self.project, model, item)?;
            if found.path.iter().any(|hop| hop.to.kind == EntityKind::Natural) {
                return Err(format!("it is filtered by `{item}`, which is joined by its version"));
            }
            let field = match found.column {
                ItemColumn::Dimension(dimension) if found.part.is_none() => &dimension.name,
                ItemColumn::Key(entity) => &entity.name,
                ItemColumn::Dimension(_) | ItemColumn::MetricTime => return Err(format!("it is filtered by the period `{item}`")),
            };
            let dataset = found.path.last().map_or(model, |hop| hop.model.name.as_str());
            sql = sql.replace(&quoted(item), &format!("{dataset}.{field}"));
        }
        Ok(format!("({})", sql.trim()))
    }
}

fn dataset(model: &Model, semantics: &Semantics, made: Option<&BTreeMap<String, String>>) -> Value {
    let keys = |kind: EntityKind| semantics.entities.iter().filter(move |entity| entity.kind == kind).map(|entity| plain(&entity.expr));
    let mut fields: Vec<Value> = semantics.entities.iter().map(|entity| json!({"name": entity.name, "expression": expression(plain(&entity.expr))})).collect();
    for dimension in &semantics.dimensions {
        let is_time = dimension.kind != DimensionKind::Categorical;
        fields.push(json!({"name": dimension.name, "expression": expression(plain(&dimension.expr)), "dimension": {"is_time": is_time}}));
    }
    fields.extend(made.into_iter().flatten().map(|(name, sql)| json!({"name": name, "expression": expression(sql)})));
    let mut dataset = json!({"name": model.name, "source": format!("main.{}", model.name), "description": model.description, "fields": fields});
    let (primary, unique): (Vec<&str>, Vec<[&str; 1]>) = (keys(EntityKind::Primary).collect(), keys(EntityKind::Unique).map(|key| [key]).collect());
    if !primary.is_empty() {
        dataset["primary_key"] = json!(primary);
    }
    if !unique.is_empty() {
        dataset["unique_keys"] = json!(unique);
    }
    dataset
}

/// From a foreign key to the model that has it as its own.
fn relationship(from: &Model, entity: &Entity, to: &Model, semantics: &Semantics) -> Option<Value> {
    let key = semantics.entity(&entity.name).filter(|key| matches!(key.kind, EntityKind::Primary | EntityKind::Unique) && from.name != to.name)?;
    Some(json!({
        "name": format!("{}__{}__{}", from.name, to.name, entity.name),
        "from": from.name,
        "to": to.name,
        "from_columns": [plain(&entity.expr)],
        "to_columns": [plain(&key.expr)],
    }))
}

fn described(metric: &Metric, sql: &str) -> Value {
    let meta = &metric.meta;
    let data = json!({
        "label": metric.label, "label_ko": meta.label_ko, "unit": meta.unit, "better": meta.better, "additivity": meta.additivity,
        "formula": meta.formula, "null_rule": meta.null_rule, "source": meta.source,
    });
    let synonyms: Vec<&String> = [&metric.label, &meta.label_ko].into_iter().filter(|label| !label.is_empty()).collect();
    json!({
        "name": metric.name,
        "expression": expression(sql),
        "description": metric.description,
        "ai_context": {"synonyms": synonyms},
        "custom_extensions": [{"vendor_name": "COMMON", "data": data.to_string()}],
    })
}

fn expression(sql: &str) -> Value {
    json!({"dialects": [{"dialect": "ANSI_SQL", "expression": sql}]})
}

/// An expression with every name that is an input replaced by its SQL; texts in quotes stay.
fn with_parts(expr: &str, parts: &BTreeMap<&str, String>) -> String {
    let (mut sql, mut word, mut in_text) = (String::new(), String::new(), false);
    let end = |word: &mut String, sql: &mut String| {
        sql.push_str(parts.get(word.as_str()).unwrap_or(word));
        word.clear();
    };
    for letter in expr.chars() {
        if !in_text && (letter.is_alphanumeric() || letter == '_') {
            word.push(letter);
            continue;
        }
        end(&mut word, &mut sql);
        in_text ^= letter == '\'';
        sql.push(letter);
    }
    end(&mut word, &mut sql);
    sql
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::with_parts;

    #[test]
    fn inputs_are_replaced_as_whole_words() {
        let parts = BTreeMap::from([("a", "(SUM(t.x))".to_owned()), ("ab", "(COUNT(t.y))".to_owned())]);
        assert_eq!(with_parts("CASE WHEN ab > 0 THEN a / ab ELSE 'a' END", &parts), "CASE WHEN (COUNT(t.y)) > 0 THEN (SUM(t.x)) / (COUNT(t.y)) ELSE 'a' END");
    }
}
