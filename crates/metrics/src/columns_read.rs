//! Which columns of models are read: by requests, by queries, and by the models that these stand on.
//!
//! In: an engine whose sources need no rows. Out: names of columns by model, maybe more than are read, never fewer.

use std::collections::{BTreeMap, BTreeSet};

use quotient_model::MetricRef;

use crate::engine::BaseRequest;
use crate::error::MetricsError;
use crate::fact::MadeOf;
use crate::needs::CellRequest;
use crate::polars_engine::PolarsEngine;
use crate::requests::requests_of;
use crate::sql::{NamesRead, SqlModel, columns_of_expressions, names_read};

/// Names of columns, by model.
pub type ColumnsRead = BTreeMap<String, BTreeSet<String>>;

/// The columns of models that some requests and queries read; `reads` names the models of a query.
///
/// # Errors
/// SQL that does not bind or is not supported, as whoever asks would find it.
pub fn columns_read(engine: &PolarsEngine<'_>, requests: &[&BaseRequest<'_>], queries: &[(SqlModel<'_>, Vec<&str>)]) -> Result<ColumnsRead, MetricsError> {
    let mut reading = Reading { engine, found: ColumnsRead::new(), expressions: BTreeMap::new(), metrics: Vec::new() };
    requests.iter().try_for_each(|request| reading.request(request))?;
    reading.expressions()?;
    for (query, reads) in queries {
        let models = reads.iter().filter(|name| engine.project().models.contains_key(**name));
        models.into_iter().try_for_each(|model| engine.relation(model).map(drop))?;
        reading.query(&engine.query_of(query, names_read)?)?;
    }
    reading.models()?;
    Ok(reading.found)
}

struct Reading<'e, 'a> {
    engine: &'e PolarsEngine<'a>,
    found: ColumnsRead,
    /// Expressions over models, each once however many requests have it.
    expressions: BTreeMap<String, BTreeSet<String>>,
    /// Metrics of filters that were looked at.
    metrics: Vec<MetricRef>,
}

impl Reading<'_, '_> {
    /// Adds those columns of a model that are read.
    fn add(&mut self, model: &str, is_read: &dyn Fn(&String) -> bool) -> Result<(), MetricsError> {
        let schema = self.engine.relation(model)?.schema;
        let columns = schema.fields().iter().map(|field| field.name()).filter(|name| is_read(name));
        self.found.entry(model.to_owned()).or_default().extend(columns.cloned());
        Ok(())
    }

    fn query(&mut self, read: &NamesRead) -> Result<(), MetricsError> {
        let project = self.engine.project();
        read.relations.iter().filter(|name| project.models.contains_key(*name)).try_for_each(|model| self.add(model, &|name| read.columns.contains(name)))
    }

    fn expressions(&mut self) -> Result<(), MetricsError> {
        for (model, expressions) in std::mem::take(&mut self.expressions) {
            let columns: Vec<(String, String)> = expressions.into_iter().enumerate().map(|(at, sql)| (format!("e{at}"), sql)).collect();
            let file = self.engine.project().models.get(&model).map_or("", |model| model.file.as_str());
            let read = columns_of_expressions(&SqlModel { name: &model, file, sql: "" }, &self.engine.relation(&model)?, &columns)?;
            self.found.entry(model).or_default().extend(read);
        }
        Ok(())
    }

    fn request(&mut self, request: &BaseRequest<'_>) -> Result<(), MetricsError> {
        let MadeOf { expressions, metrics } = MadeOf::of(self.engine, request)?;
        for (model, expressions) in expressions {
            self.expressions.entry(model).or_default().extend(expressions);
        }
        for metric in metrics {
            if self.metrics.contains(&metric) {
                continue;
            }
            let cells = CellRequest::beside_rows(&metric);
            self.metrics.push(metric);
            requests_of(self.engine.project(), &cells)?.of_rows().try_for_each(|request| self.request(request))?;
        }
        Ok(())
    }

    /// What the models that were found read of others, and these of others again.
    fn models(&mut self) -> Result<(), MetricsError> {
        let project = self.engine.project();
        let mut waiting: Vec<String> = self.found.keys().cloned().collect();
        let mut seen = BTreeSet::new();
        while let Some(name) = waiting.pop() {
            let Some(model) = project.models.get(&name).filter(|_| seen.insert(name)) else { continue };
            let read = self.engine.query_of_model(model, names_read)?;
            self.query(&read)?;
            // What a part of the query reads that nobody uses is bound all the same.
            model.refs.iter().filter(|other| !read.relations.contains(*other)).try_for_each(|other| self.add(other, &|_| true))?;
            waiting.extend(model.refs.iter().cloned());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use quotient_model::{Project, ProjectFiles, Settings};

    use super::*;
    use crate::compile::empty_engine;
    use crate::engine::BaseGrouping;

    const MODELS: &str = "
sources:
  - name: crm
    config: {meta: {external_location: lake}}
    tables:
      - name: deals
        columns: [{name: id, data_type: text}, {name: rep, data_type: text}, {name: amount, data_type: integer}, {name: note, data_type: text}, {name: closed_on, data_type: date}]
models:
  - name: stg_deals
  - name: deals
    semantic_model: {enabled: true}
    agg_time_dimension: closed_on
    columns:
      - {name: id, entity: {type: primary, name: deal}}
      - {name: rep, entity: {type: foreign, name: rep}}
      - {name: closed_on, granularity: day, dimension: {type: time}}
      - {name: kind, dimension: {type: categorical}}
    metrics:
      - {name: revenue, label: Revenue, type: simple, agg: sum, expr: amount}
      - {name: large, label: Large, type: simple, agg: count, expr: id, filter: \"{{ Metric('revenue', group_by=['rep']) }} > 5 AND {{ Dimension('rep__team') }} = 'a'\"}
  - name: reps
    semantic_model: {enabled: true}
    columns:
      - {name: rep, entity: {type: primary, name: rep}}
      - {name: team, dimension: {type: categorical}}
";

    #[test]
    fn columns_are_read_by_requests_and_by_models_behind_them() {
        let sql = |name: &str, text: &str| (format!("models/{name}.sql"), text.to_owned());
        let models = [
            ("models/shop.yml".to_owned(), MODELS.to_owned()),
            sql("stg_deals", "SELECT * FROM {{ source('crm', 'deals') }}"),
            sql("deals", "SELECT id, rep, amount, closed_on, 'x' AS kind, note FROM {{ ref('stg_deals') }} WHERE amount > 0"),
            sql("reps", "WITH unused AS (SELECT id FROM {{ ref('deals') }}) SELECT DISTINCT rep, 'a' AS team, note AS remark FROM {{ ref('stg_deals') }}"),
        ];
        let files = ProjectFiles { project: "name: shop\n".to_owned(), models: models.into(), ..ProjectFiles::default() };
        let project = Project::parse(&files, &Settings::default()).unwrap();
        let engine = empty_engine(&project, "2026-01-01T00:00:00Z".parse().unwrap()).unwrap();
        let read = |metric: &str, queries: &[(SqlModel<'_>, Vec<&str>)]| {
            let grouping = BaseGrouping { grain: None, slice: Vec::new() };
            let cells = CellRequest { metrics: vec![metric.to_owned()], groupings: vec![grouping], ..CellRequest::default() };
            let requests = requests_of(&project, &cells).unwrap();
            let read = columns_read(&engine, &requests.of_rows().collect::<Vec<_>>(), queries).unwrap();
            read.into_iter().map(|(model, columns)| format!("{model}: {}", columns.into_iter().collect::<Vec<_>>().join(" "))).collect::<Vec<_>>()
        };
        assert_eq!(read("revenue", &[]), ["deals: amount closed_on", "stg_deals: amount closed_on id note rep"]);
        // A filter reads another metric, and what it joins; what is joined reads all columns of a model in a part that nobody uses.
        assert_eq!(read("large", &[]), ["deals: amount closed_on id kind note rep", "reps: rep team", "stg_deals: amount closed_on id note rep"]);
        let test = SqlModel { name: "t", file: "t.yml", sql: "SELECT remark FROM reps WHERE team IS NULL" };
        assert_eq!(read("revenue", &[(test, vec!["reps"])])[1], "reps: remark team");
    }
}
