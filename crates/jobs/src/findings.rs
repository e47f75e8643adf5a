//! What data tests, freshness and models of findings say of opened sources, and which rows they keep out of the models.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch, StringViewArray, make_comparator};
use arrow::compute::{SortOptions, cast};
use arrow::datatypes::DataType;
use arrow::error::ArrowError;
use indexmap::IndexMap;
use quotient_ingest::SourceFrame;
use quotient_metrics::sql::{SqlModel, lower_model};
use quotient_metrics::{MetricsError, PolarsEngine};
use quotient_model::{DataTest, Model, Outcome, Place, Rule, quoted};
use quotient_report::Finding;

use crate::data_tests::{Asking, EXAMPLES, TestResult, Tested, relation, texts};
use crate::error::JobError;
use crate::file_lots::{Rows, Seen};
use crate::freshness::freshness;
use crate::kept_tests::KeptTests;
use crate::source_rows::relation_of;
use crate::work::Worklist;
use crate::workspace::Workspace;

/// Which tests to run.
pub(crate) struct Scope<'a> {
    /// Models whose tests count.
    pub(crate) models: BTreeSet<&'a str>,
    /// Whether a test of this name, of this table, is wanted.
    pub(crate) wants: &'a (dyn Fn(&str, &str) -> bool + Sync),
    /// What is different since tests of sources found what a ledger says.
    pub(crate) since: Option<&'a Worklist<'a>>,
}

/// What was found.
pub(crate) struct Found<T> {
    pub(crate) found: Vec<T>,
    /// What tests of sources say to the next run.
    pub(crate) kept: KeptTests,
}

impl Workspace {
    /// Runs the tests of opened sources: they see all rows, and nothing that is made of them.
    pub(crate) fn findings_of_sources(&self, sources: &IndexMap<String, SourceFrame>, scope: &Scope<'_>) -> Result<Found<TestResult>, JobError> {
        let tests: Vec<&DataTest> = self.project.sources.values().flat_map(|source| &source.tests).filter(|test| self.is_wanted(test, sources, scope)).collect();
        let found = self.source_tests(sources, &tests, scope.since)?;
        Ok(Found { kept: self.kept_tests(&tests, &found), found })
    }

    /// Runs the tests of the models in scope, and the models of findings that read opened sources alone, after the tests of these sources.
    ///
    /// They see the rows that models see: those of the engine.
    pub(crate) fn findings_after(
        &self,
        of_sources: Found<TestResult>,
        sources: &IndexMap<String, SourceFrame>,
        clean: &Arc<PolarsEngine<'_>>,
        scope: &Scope<'_>,
    ) -> Result<Found<TestResult>, JobError> {
        let Found { found: mut results, kept } = of_sources;
        let of_models = self.tests_of_models(sources, scope);
        let rows = Rows { workspace: self, sources, whole: clean, seen: Seen::Clean };
        let asking = Asking { engine: clean, project: &self.project, tested: Tested::All, rows: Some(rows) };
        results.extend(asking.results(&of_models).map_err(JobError::Metrics)?);
        let raw = self.engine(sources);
        for (name, table) in self.project.sources.iter().filter(|(name, _)| sources.contains_key(*name)) {
            if (scope.wants)(&format!("freshness_{}", name.replace('.', "_")), name) {
                results.extend(freshness(&raw, &self.project, table, self.as_of).map_err(JobError::Metrics)?);
            }
        }
        results.extend(listed(clean, &self.listed_models(sources, scope)).map_err(JobError::Metrics)?);
        Ok(Found { found: results, kept })
    }

    /// The tests of the models in scope.
    pub(crate) fn tests_of_models(&self, sources: &IndexMap<String, SourceFrame>, scope: &Scope<'_>) -> Vec<&DataTest> {
        let in_scope = self.project.models.values().filter(|model| scope.models.contains(model.name.as_str()));
        in_scope.flat_map(|model| &model.tests).filter(|test| self.is_wanted(test, sources, scope)).collect()
    }

    /// The models of findings in scope.
    pub(crate) fn listed_models(&self, sources: &IndexMap<String, SourceFrame>, scope: &Scope<'_>) -> Vec<&Model> {
        let is_listed = |model: &&Model| model.findings && self.is_open(&model.name, sources) && (scope.wants)(&model.name, &model.name);
        self.project.models.values().filter(is_listed).collect()
    }

    /// Whether a test is in scope, and all that it reads is open.
    fn is_wanted(&self, test: &DataTest, sources: &IndexMap<String, SourceFrame>, scope: &Scope<'_>) -> bool {
        let other = if let Rule::Relationships { to, .. } = &test.rule { to.as_str() } else { test.table.as_str() };
        (scope.wants)(&test.name, &test.table) && self.is_open(&test.table, sources) && self.is_open(other, sources)
    }

    fn is_open(&self, name: &str, sources: &IndexMap<String, SourceFrame>) -> bool {
        sources.contains_key(name) || (self.project.models.contains_key(name) && self.reads_only(name, sources))
    }

    /// What a run of a job tests, by the models that it stands on.
    pub(crate) fn scope_of_job<'a>(&'a self, models: &BTreeSet<String>, since: &'a Worklist<'_>) -> Scope<'a> {
        // Facts are computed once, by the metrics; their own tests are for `test`. Staging models are as cheap as the sources.
        let read = models.iter().flat_map(|model| self.project.upstream(model)).filter(|model| !model.sources.is_empty());
        Scope { models: read.chain(self.assertions()).map(|model| model.name.as_str()).collect(), wants: &|_, _| true, since: Some(since) }
    }

    /// What the tests of a job's sources and models found, those of its sources being run.
    ///
    /// # Errors
    /// [`JobError::Findings`] where a test is over its limit.
    pub(crate) fn job_findings(
        &self,
        of_sources: Found<TestResult>,
        (clean, scope): (&Arc<PolarsEngine<'_>>, &Scope<'_>),
        since: &Worklist<'_>,
    ) -> Result<Found<Finding>, JobError> {
        let Found { found, kept } = self.findings_after(of_sources, since.sources(), clean, scope)?;
        let (failed, passed): (Vec<TestResult>, Vec<TestResult>) = found.into_iter().partition(|result| result.outcome == Outcome::Error);
        if !failed.is_empty() {
            return Err(JobError::Findings(failed));
        }
        Ok(Found { found: passed.into_iter().map(|result| result.finding).filter(|finding| finding.count > 0).collect(), kept })
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
            let input = IndexMap::from([(name.clone(), relation_of(source))]);
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

/// The query for the rows of a model of findings.
pub(crate) fn list_of(model: &Model) -> String {
    format!("SELECT \"table_name\", \"rule\", \"key\" FROM {}", relation(&model.name))
}

/// The rows of models of findings, counted by rule and table.
fn listed(engine: &PolarsEngine<'_>, models: &[&Model]) -> Result<Vec<TestResult>, MetricsError> {
    let queries: Vec<String> = models.iter().map(|model| list_of(model)).collect();
    let asked = models.iter().zip(&queries).map(|(model, sql)| (SqlModel { name: &model.name, file: &model.file, sql }, vec![model.name.as_str()]));
    let mut results = Vec::new();
    for (model, rows) in models.iter().zip(engine.sql_all(&asked.collect::<Vec<_>>())?) {
        let place = Place { file: model.file.clone(), line: 1 };
        for ((table, rule), Listed { count, first }) in counted(&rows).map_err(|error| MetricsError::Bridge { column: model.name.clone(), reason: error.to_string() })? {
            let mut examples = Vec::with_capacity(first.len());
            for row in first {
                examples.extend(texts(&rows.slice(row, 1), 2)?.into_iter().filter(|key| !key.is_empty()));
            }
            let severity = "warn".to_owned();
            let finding = Finding { table, column: None, rule, test: model.name.clone(), key: None, count, examples, outcome: severity.clone(), severity };
            let limit = "warn if != 0".to_owned();
            results.push(TestResult { kind: "findings", finding, outcome: Outcome::Warn, limit, differences: Vec::new(), place: place.clone(), further: Vec::new() });
        }
    }
    Ok(results)
}

/// The rows of one rule of one table.
#[derive(Default)]
struct Listed {
    count: u64,
    /// Those with the least keys, in their order.
    first: Vec<usize>,
}

/// Rows of (table, rule, key) by table and rule.
fn counted(rows: &RecordBatch) -> Result<BTreeMap<(String, String), Listed>, ArrowError> {
    let text = |column: usize| cast(rows.column(column), &DataType::Utf8View);
    let (tables, rules) = (text(0)?, text(1)?);
    let (tables, rules) = (tables.as_string_view(), rules.as_string_view());
    let compare = make_comparator(rows.column(2), rows.column(2), SortOptions { descending: false, nulls_first: false })?;
    let name = |texts: &StringViewArray, row: usize| if texts.is_valid(row) { texts.value(row).to_owned() } else { String::new() };
    let mut found: BTreeMap<(String, String), Listed> = BTreeMap::new();
    let places: Vec<usize> = (0..rows.num_rows()).collect();
    // Rows of one rule follow each other: a name is looked up once for all of them.
    for same in places.chunk_by(|a, b| tables.value(*a) == tables.value(*b) && rules.value(*a) == rules.value(*b)) {
        let listed = found.entry((name(tables, same[0]), name(rules, same[0]))).or_default();
        listed.count += u64::try_from(same.len()).unwrap_or(u64::MAX);
        for row in same {
            if listed.first.len() < EXAMPLES || listed.first.last().is_some_and(|last| compare(*row, *last).is_lt()) {
                let place = listed.first.partition_point(|known| compare(*known, *row).is_le());
                listed.first.insert(place, *row);
                listed.first.truncate(EXAMPLES);
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};

    use super::counted;

    #[test]
    fn rows_are_counted_by_rule_and_the_least_keys_are_examples() {
        let tables: ArrayRef = Arc::new(StringArray::from(vec!["b", "b", "a", "b", "b", "b", "b", "b"]));
        let rules: ArrayRef = Arc::new(StringArray::from(vec!["late", "late", "late", "odd", "late", "late", "late", "late"]));
        let keys: ArrayRef = Arc::new(Int64Array::from(vec![Some(9), Some(10), Some(1), None, Some(3), None, Some(2), Some(3)]));
        let rows = RecordBatch::try_from_iter_with_nullable([("table_name", tables, true), ("rule", rules, true), ("key", keys, true)]).unwrap();
        let found: Vec<(String, u64, Vec<usize>)> =
            counted(&rows).unwrap().into_iter().map(|((table, rule), listed)| (format!("{table} {rule}"), listed.count, listed.first)).collect();
        // Numbers in the order of numbers, equal ones as they came, null last.
        assert_eq!(found, [("a late".to_owned(), 1, vec![2]), ("b late".to_owned(), 6, vec![6, 4, 7, 0, 1]), ("b odd".to_owned(), 1, vec![3])]);
        assert!(counted(&rows.slice(0, 0)).unwrap().is_empty());
    }
}
