//! What data tests, freshness and models of findings say of opened sources, and which rows they keep out of the models.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringViewArray, UInt32Array};
use arrow::compute::{SortOptions, cast, concat, sort_to_indices, take};
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
use crate::side_by_side::side_by_side;
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
        results.extend(listed(&rows, &self.listed_models(sources, scope)).map_err(JobError::Metrics)?);
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

/// The rows of models of findings, counted by rule and table; those of a model that come in lots, one lot after the other.
fn listed(rows: &Rows<'_, '_>, models: &[&Model]) -> Result<Vec<TestResult>, MetricsError> {
    let counted: Vec<Result<Counted, MetricsError>> = side_by_side(models, rayon::current_num_threads(), |_, model| {
        let sql = list_of(model);
        let query = SqlModel { name: &model.name, file: &model.file, sql: &sql };
        let mut found = Counted::new();
        rows.each_known_lot(&model.name, |engine| count(&engine.sql(&query, &[&model.name])?, &mut found).map_err(|error| refused(model, &error)))?;
        Ok(found)
    });
    let mut results = Vec::new();
    for (model, found) in models.iter().zip(counted) {
        for ((table, rule), Listed { count, keys }) in found? {
            let keys = RecordBatch::try_from_iter_with_nullable([("key", keys, true)]).map_err(|error| refused(model, &error))?;
            let examples = texts(&keys, 0)?.into_iter().filter(|key| !key.is_empty()).collect();
            let severity = "warn".to_owned();
            let finding = Finding { table, column: None, rule, test: model.name.clone(), key: None, count, examples, outcome: severity.clone(), severity };
            let (limit, place) = ("warn if != 0".to_owned(), Place { file: model.file.clone(), line: 1 });
            results.push(TestResult { kind: "findings", finding, outcome: Outcome::Warn, limit, differences: Vec::new(), place, further: Vec::new() });
        }
    }
    Ok(results)
}

fn refused(model: &Model, error: &ArrowError) -> MetricsError {
    MetricsError::Bridge { column: model.name.clone(), reason: error.to_string() }
}

/// The rows of one rule of one table.
struct Listed {
    count: u64,
    /// The least keys, in their order.
    keys: ArrayRef,
}

/// By table and rule.
type Counted = BTreeMap<(String, String), Listed>;

/// Counts further rows of (table, rule, key).
fn count(rows: &RecordBatch, found: &mut Counted) -> Result<(), ArrowError> {
    let text = |column: usize| cast(rows.column(column), &DataType::Utf8View);
    let (tables, rules) = (text(0)?, text(1)?);
    let (tables, rules) = (tables.as_string_view(), rules.as_string_view());
    let name = |texts: &StringViewArray, row: usize| if texts.is_valid(row) { texts.value(row).to_owned() } else { String::new() };
    let mut places: BTreeMap<(String, String), Vec<u32>> = BTreeMap::new();
    let all: Vec<u32> = (0..).take(rows.num_rows()).collect();
    // Rows of one rule follow each other: a name is looked up once for all of them.
    let value = |texts: &StringViewArray, row: u32| texts.is_valid(row as usize).then(|| texts.views()[row as usize]);
    for same in all.chunk_by(|a, b| value(tables, *a) == value(tables, *b) && value(rules, *a) == value(rules, *b)) {
        let first = same[0] as usize;
        places.entry((name(tables, first), name(rules, first))).or_default().extend(same);
    }
    for (name, places) in places {
        let count = places.len();
        let keys = least(&take(rows.column(2), &UInt32Array::from(places), None)?)?;
        let listed = found.entry(name).or_insert_with(|| Listed { count: 0, keys: keys.slice(0, 0) });
        listed.count += u64::try_from(count).unwrap_or(u64::MAX);
        listed.keys = least(&concat(&[&listed.keys, &keys])?)?;
    }
    Ok(())
}

/// The least keys, as many as a finding has examples; null is after all others.
fn least(keys: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    let order = SortOptions { descending: false, nulls_first: false };
    let least = take(keys, &sort_to_indices(keys, Some(order), Some(EXAMPLES))?, None)?;
    // Views hold the texts of all keys.
    Ok(least.as_string_view_opt().map_or_else(|| Arc::clone(&least), |views| Arc::new(views.gc())))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, AsArray, Int64Array, RecordBatch, StringArray};
    use arrow::datatypes::Int64Type;

    use super::{Counted, Listed, count};

    #[test]
    fn rows_are_counted_by_rule_and_the_least_keys_are_examples() {
        let tables: ArrayRef = Arc::new(StringArray::from(vec!["b", "b", "a", "b", "b", "b", "b", "b"]));
        let rules: ArrayRef = Arc::new(StringArray::from(vec!["late", "late", "late", "odd", "late", "late", "late", "late"]));
        let keys: ArrayRef = Arc::new(Int64Array::from(vec![Some(9), Some(10), Some(1), None, Some(3), None, Some(2), Some(3)]));
        let rows = RecordBatch::try_from_iter_with_nullable([("table_name", tables, true), ("rule", rules, true), ("key", keys, true)]).unwrap();
        let mut found = Counted::new();
        // Lot by lot they are the same.
        count(&rows.slice(0, 3), &mut found).unwrap();
        count(&rows.slice(3, 5), &mut found).unwrap();
        count(&rows.slice(0, 0), &mut found).unwrap();
        let found: Vec<(String, u64, Vec<Option<i64>>)> =
            found.into_iter().map(|((table, rule), Listed { count, keys })| (format!("{table} {rule}"), count, keys.as_primitive::<Int64Type>().iter().collect())).collect();
        // Numbers in the order of numbers, null last.
        let late = [Some(2), Some(3), Some(3), Some(9), Some(10)];
        assert_eq!(found, [("a late".to_owned(), 1, vec![Some(1)]), ("b late".to_owned(), 6, late.to_vec()), ("b odd".to_owned(), 1, vec![None])]);
    }
}
