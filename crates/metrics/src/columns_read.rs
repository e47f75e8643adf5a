//! Which columns of models are read: by requests, by queries, and by the models that these stand on.
//!
//! In: an engine whose sources need no rows. Out: names of columns by model, maybe more than are read, never fewer.

use std::collections::{BTreeMap, BTreeSet};

use arrow::datatypes::SchemaRef;
use quotient_model::{MetricRef, quoted};

use crate::engine::BaseRequest;
use crate::error::MetricsError;
use crate::fact::MadeOf;
use crate::needs::CellRequest;
use crate::polars_engine::PolarsEngine;
use crate::requests::requests_of;
use crate::sql::{SqlModel, names_read};

/// Names of columns, by model.
pub type ColumnsRead = BTreeMap<String, BTreeSet<String>>;

/// The columns of models that some requests and queries read; `reads` names the models of a query.
///
/// # Errors
/// SQL that does not bind or is not supported, as whoever asks would find it.
pub fn columns_read(engine: &PolarsEngine<'_>, requests: &[BaseRequest<'_>], queries: &[(SqlModel<'_>, Vec<&str>)]) -> Result<ColumnsRead, MetricsError> {
    let mut reading = Reading { engine, found: ColumnsRead::new(), metrics: Vec::new() };
    requests.iter().try_for_each(|request| reading.request(request))?;
    for (query, reads) in queries {
        let models = reads.iter().filter(|name| engine.project().models.contains_key(**name)).map(|name| (*name).to_owned());
        models.clone().try_for_each(|model| engine.relation(&model).map(drop))?;
        reading.add(models, &engine.query_of(query, names_read)?)?;
    }
    reading.models()?;
    Ok(reading.found)
}

struct Reading<'e, 'a> {
    engine: &'e PolarsEngine<'a>,
    found: ColumnsRead,
    /// Metrics of filters that were looked at.
    metrics: Vec<MetricRef>,
}

impl Reading<'_, '_> {
    fn schema(&self, model: &str) -> Result<SchemaRef, MetricsError> {
        Ok(self.engine.relation(model)?.schema)
    }

    /// Adds those columns of models that have one of some names.
    fn add(&mut self, mut models: impl Iterator<Item = String>, names: &BTreeSet<String>) -> Result<(), MetricsError> {
        models.try_for_each(|model| {
            let schema = self.schema(&model)?;
            let read = schema.fields().iter().map(|field| field.name()).filter(|name| names.contains(*name)).cloned();
            self.found.entry(model).or_default().extend(read);
            Ok(())
        })
    }

    fn request(&mut self, request: &BaseRequest<'_>) -> Result<(), MetricsError> {
        let MadeOf { expressions, metrics } = MadeOf::of(self.engine, request)?;
        for (model, expressions) in expressions {
            let columns: Vec<String> = expressions.iter().enumerate().map(|(at, sql)| format!("(\n{sql}\n) AS \"e{at}\"")).collect();
            let sql = format!("SELECT {} FROM {}", columns.join(", "), quoted(&model));
            let file = self.engine.project().models.get(&model).map_or("", |model| model.file.as_str());
            self.engine.relation(&model)?;
            let names = self.engine.query_of(&SqlModel { name: &model, file, sql: &sql }, names_read)?;
            self.add(std::iter::once(model), &names)?;
        }
        for metric in metrics {
            if self.metrics.contains(&metric) {
                continue;
            }
            let cells = CellRequest::beside_rows(&metric);
            self.metrics.push(metric);
            let asked = requests_of(self.engine.project(), &cells)?;
            asked.base.iter().try_for_each(|request| self.request(request))?;
            asked.conversions.iter().flat_map(|conversion| [&conversion.base, &conversion.conversion]).try_for_each(|request| self.request(request))?;
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
            let names = self.engine.query_of_model(model, names_read)?;
            self.add(model.refs.iter().cloned(), &names)?;
            waiting.extend(model.refs.iter().cloned());
        }
        Ok(())
    }
}
