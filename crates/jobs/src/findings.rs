//! What data tests, freshness and models of findings say of opened sources, and which rows they keep out of the models.

use std::collections::BTreeSet;

use indexmap::IndexMap;
use quotient_ingest::SourceFrame;
use quotient_metrics::sql::{Relation, SqlModel, lower_model};
use quotient_metrics::{MetricsError, PolarsEngine};
use quotient_model::{DataTest, Model, Outcome, Place, Rule, quoted};
use quotient_report::Finding;

use crate::data_tests::{TestResult, data_tests, number, relation, texts};
use crate::error::JobError;
use crate::freshness::freshness;
use crate::workspace::Workspace;

/// Which tests to run.
pub(crate) struct Scope<'a> {
    /// Models whose tests count.
    pub(crate) models: BTreeSet<&'a str>,
    /// Whether a test of this name, of this table, is wanted.
    pub(crate) wants: &'a dyn Fn(&str, &str) -> bool,
}

impl Workspace {
    /// Runs the tests of opened sources, of the models in scope, and the models of findings that read nothing else.
    ///
    /// Tests of sources see all rows, the others those that the models see: those of the engine.
    pub(crate) fn findings(&self, sources: &IndexMap<String, SourceFrame>, clean: &PolarsEngine<'_>, scope: &Scope<'_>) -> Result<Vec<TestResult>, JobError> {
        let raw = self.engine(sources);
        let is_open = |name: &str| sources.contains_key(name) || (self.project.models.contains_key(name) && self.reads_only(name, sources));
        let wanted = |test: &&DataTest| {
            let other = if let Rule::Relationships { to, .. } = &test.rule { to.as_str() } else { test.table.as_str() };
            (scope.wants)(&test.name, &test.table) && is_open(&test.table) && is_open(other)
        };
        let of_sources: Vec<&DataTest> = self.project.sources.values().flat_map(|source| &source.tests).filter(wanted).collect();
        let of_models: Vec<&DataTest> =
            self.project.models.values().filter(|model| scope.models.contains(model.name.as_str())).flat_map(|model| &model.tests).filter(wanted).collect();
        let mut results = data_tests(&raw, &self.project, &of_sources).map_err(JobError::Metrics)?;
        results.extend(data_tests(clean, &self.project, &of_models).map_err(JobError::Metrics)?);
        for (name, table) in self.project.sources.iter().filter(|(name, _)| sources.contains_key(*name)) {
            if (scope.wants)(&format!("freshness_{}", name.replace('.', "_")), name) {
                results.extend(freshness(&raw, &self.project, table, self.as_of).map_err(JobError::Metrics)?);
            }
        }
        for model in self.project.models.values().filter(|model| model.findings && is_open(&model.name) && (scope.wants)(&model.name, &model.name)) {
            results.extend(listed(clean, model).map_err(JobError::Metrics)?);
        }
        Ok(results)
    }

    /// What the tests of a job's sources and models found.
    ///
    /// # Errors
    /// [`JobError::Findings`] where a test is over its limit.
    pub(crate) fn job_findings(&self, models: &BTreeSet<String>, sources: &IndexMap<String, SourceFrame>, clean: &PolarsEngine<'_>) -> Result<Vec<Finding>, JobError> {
        // Facts are computed once, by the metrics; their own tests are for `test`. Staging models are as cheap as the sources.
        let read = models.iter().flat_map(|model| self.project.upstream(model)).filter(|model| !model.sources.is_empty());
        let models = read.chain(self.assertions()).map(|model| model.name.as_str()).collect();
        let (failed, passed): (Vec<TestResult>, Vec<TestResult>) =
            self.findings(sources, clean, &Scope { models, wants: &|_, _| true })?.into_iter().partition(|result| result.outcome == Outcome::Error);
        if !failed.is_empty() {
            return Err(JobError::Findings(failed));
        }
        Ok(passed.into_iter().map(|result| result.finding).filter(|finding| finding.count > 0).collect())
    }

    /// Models that are there to be tested: nobody reads them and no metric stands on them.
    fn assertions(&self) -> impl Iterator<Item = &Model> {
        let models = &self.project.models;
        let is_read = move |name: &str| models.values().any(|other| other.refs.iter().any(|read| read == name));
        models.values().filter(move |model| !model.tests.is_empty() && model.semantics.is_none() && !is_read(&model.name))
    }

    /// Whether everything that a model reads, directly or through others, is among these sources.
    pub(crate) fn reads_only(&self, model: &str, sources: &IndexMap<String, SourceFrame>) -> bool {
        self.project.sources_behind(model).into_iter().all(|name| sources.contains_key(name))
    }

    /// Sources without the rows that fail a test with `config.meta.exclude`.
    pub(crate) fn without_bad_rows(&self, mut sources: IndexMap<String, SourceFrame>) -> Result<IndexMap<String, SourceFrame>, JobError> {
        for (name, source) in &mut sources {
            let Some(table) = self.project.sources.get(name) else { continue };
            let excluding: Vec<&DataTest> = table.tests.iter().filter(|test| test.excludes).collect();
            let Some(first) = excluding.first() else { continue };
            let conditions: Vec<String> = excluding.iter().filter_map(|test| kept(test)).collect();
            let columns: Vec<String> = table.columns.iter().map(|column| quoted(&column.name)).collect();
            let sql = format!("SELECT {} FROM {} WHERE {}", columns.join(", "), relation(name), conditions.join(" AND "));
            let input = IndexMap::from([(name.clone(), Relation { schema: source.schema.clone(), frame: source.frame.clone() })]);
            let query = SqlModel { name: &first.name, file: &first.place.file, sql: &sql };
            source.frame = lower_model(&query, &input).map_err(|error| JobError::Metrics(MetricsError::Sql(error)))?.frame;
        }
        Ok(sources)
    }
}

/// The condition under which a row stays: it passes, or is not tested.
fn kept(test: &DataTest) -> Option<String> {
    let passes = test.passes()?;
    Some(match &test.filter {
        Some(filter) => format!("((\n{filter}\n) IS NOT TRUE OR {passes})"),
        None => passes,
    })
}

/// The rows of a model of findings, counted by rule and table.
fn listed(engine: &PolarsEngine<'_>, model: &Model) -> Result<Vec<TestResult>, MetricsError> {
    let sql = format!(
        "SELECT \"rule\", \"table_name\", \"key\", \"total\", \"place\" FROM (\
         SELECT \"rule\", \"table_name\", \"key\", count(*) OVER (PARTITION BY \"rule\", \"table_name\") AS \"total\", \
         row_number() OVER (PARTITION BY \"rule\", \"table_name\" ORDER BY \"key\" ASC NULLS LAST) AS \"place\" FROM {}) AS numbered \
         WHERE \"place\" <= 5 ORDER BY \"table_name\", \"rule\", \"place\"",
        relation(&model.name)
    );
    let batch = engine.sql(&SqlModel { name: &model.name, file: &model.file, sql: &sql }, &[&model.name])?;
    let mut found: IndexMap<(String, String), Finding> = IndexMap::new();
    for (row, ((rule, table), key)) in texts(&batch, 0)?.into_iter().zip(texts(&batch, 1)?).zip(texts(&batch, 2)?).enumerate() {
        let count = number(&batch.slice(row, 1), 3)?;
        let finding = found.entry((table.clone(), rule.clone())).or_insert_with(|| Finding {
            table,
            column: None,
            rule,
            test: model.name.clone(),
            key: None,
            count,
            examples: Vec::new(),
            severity: "warn".to_owned(),
            outcome: "warn".to_owned(),
        });
        if !key.is_empty() {
            finding.examples.push(key);
        }
    }
    let place = Place { file: model.file.clone(), line: 1 };
    let result = |finding| TestResult { kind: "findings", finding, outcome: Outcome::Warn, limit: "warn if != 0".to_owned(), differences: Vec::new(), place: place.clone() };
    Ok(found.into_values().map(result).collect())
}
