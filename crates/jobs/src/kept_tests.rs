//! What tests of sources found is kept from run to run: where a table only has more files, the rows of these are asked.
//!
//! In: tests, what a ledger says that they found, and the files that came since. Out: what they find now, the same as if all rows were asked.
//! A test of a model is asked anew: as-of alone may change its rows.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use indexmap::IndexMap;
use quotient_ingest::SourceFrame;
use quotient_metrics::sql::SqlModel;
use quotient_metrics::{MetricsError, PolarsEngine};
use quotient_model::{ColumnType, DataTest, Rule, short_hash};
use quotient_report::Finding;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::data_tests::{Asking, EXAMPLES, TestResult, Tested, adds_up, known, looked_at, new_rows};
use crate::error::JobError;
use crate::file_lots::{Rows, Seen};
use crate::incremental_engine::part_of;
use crate::work::Worklist;
use crate::workspace::Workspace;

/// What a test found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeptTest {
    /// How many failures.
    pub(crate) count: u64,
    /// Some of them.
    pub(crate) examples: Vec<String>,
}

/// What tests found, by the hash of all that decides it beside the lake.
pub(crate) type KeptTests = BTreeMap<String, KeptTest>;

/// What has to be asked of a test about which something is known.
enum Since<'a> {
    /// Nothing: it would say the same.
    Nothing,
    /// Whether rows of these files fail: if none does, it would say the same.
    NewRows(BTreeSet<&'a str>),
    /// All rows.
    AllRows,
}

impl Workspace {
    /// Runs tests of sources, of new rows alone where it is known what they found at the last run.
    ///
    /// Out: a result for each test.
    pub(crate) fn source_tests(&self, sources: &IndexMap<String, SourceFrame>, tests: &[&DataTest], since: Option<&Worklist<'_>>) -> Result<Vec<TestResult>, JobError> {
        let raw = Arc::new(self.engine(sources));
        let known = match since {
            Some(worklist) => self.results_by_new_rows(&raw, tests, worklist)?,
            None => vec![None; tests.len()],
        };
        let open: Vec<&DataTest> = tests.iter().zip(&known).filter(|(_, result)| result.is_none()).map(|(test, _)| *test).collect();
        let rows = Rows { workspace: self, sources, whole: &raw, seen: Seen::All };
        let asking = Asking { engine: &raw, project: &self.project, tested: Tested::All, rows: Some(rows) };
        let mut answers = asking.results(&open).map_err(JobError::Metrics)?.into_iter();
        Ok(known.into_iter().filter_map(|result| result.or_else(|| answers.next())).collect())
    }

    /// The results of those tests that new rows, or none, decide.
    fn results_by_new_rows(&self, raw: &PolarsEngine<'_>, tests: &[&DataTest], worklist: &Worklist<'_>) -> Result<Vec<Option<TestResult>>, JobError> {
        let mut results: Vec<Option<TestResult>> = vec![None; tests.len()];
        let mut asked = Vec::new();
        let mut sources = worklist.sources().clone();
        for (place, test) in tests.iter().enumerate() {
            let Some(kept) = worklist.ledger.tests.get(&self.test_hash(test)) else { continue };
            let same = known(test, &self.project, kept.count, kept.examples.clone());
            match since(raw, test, kept, worklist).map_err(JobError::Metrics)? {
                Since::Nothing => results[place] = Some(same),
                Since::NewRows(new) => {
                    let name = new_rows(&test.table);
                    // The tests of a table share its new rows.
                    if let Some(source) = worklist.sources().get(&test.table).filter(|_| !sources.contains_key(&name)) {
                        sources.insert(name, part_of(&test.table, source, &|file| new.contains(file.address.as_str())).map_err(JobError::Metrics)?);
                    }
                    asked.push((place, *test, kept, same));
                }
                Since::AllRows => {}
            }
        }
        let of_new: Vec<&DataTest> = asked.iter().map(|(_, test, ..)| *test).collect();
        let asking = Asking { engine: &self.engine(&sources), project: &self.project, tested: Tested::New, rows: None };
        let answers = asking.results(&of_new).map_err(JobError::Metrics)?;
        for ((place, test, kept, same), answer) in asked.into_iter().zip(answers) {
            results[place] = match (kept.count, answer.finding.count) {
                (_, 0) => Some(same),
                (0, _) => Some(answer),
                _ => self.added_up(test, kept, answer.finding),
            };
        }
        Ok(results)
    }

    /// What a test found before and what it finds in new rows, as one; `None` where only all rows say it: of values that are more than the examples,
    /// and of examples whose order is not that of their texts.
    fn added_up(&self, test: &DataTest, kept: &KeptTest, new: Finding) -> Option<TestResult> {
        let columns = self.project.sources.get(&test.table).map(|source| source.columns.as_slice()).unwrap_or_default();
        let has_texts = new.key.is_none_or(|key| columns.iter().any(|column| column.name == key && column.data_type == ColumnType::Text));
        let are_all = |count: u64, examples: &[String]| u64::try_from(examples.len()) == Ok(count);
        let has_all = are_all(kept.count, &kept.examples) && are_all(new.count, &new.examples);
        let examples: BTreeSet<String> = kept.examples.iter().cloned().chain(new.examples).collect();
        let count = match test.rule {
            // A value that is not accepted counts once.
            Rule::AcceptedValues { .. } => u64::try_from(examples.len()).ok().filter(|_| has_all)?,
            _ => Some(kept.count + new.count).filter(|_| adds_up(test))?,
        };
        has_texts.then(|| known(test, &self.project, count, examples.into_iter().take(EXAMPLES).collect()))
    }

    /// What the results of tests of sources say to the next run.
    pub(crate) fn kept_tests(&self, tests: &[&DataTest], results: &[TestResult]) -> KeptTests {
        let kept = |(test, result): (&&DataTest, &TestResult)| (self.test_hash(test), KeptTest { count: result.finding.count, examples: result.finding.examples.clone() });
        tests.iter().zip(results).map(kept).collect()
    }

    /// A hash of all that decides what a test of a source finds beside the lake: its table, the one that it looks into, the program.
    fn test_hash(&self, test: &DataTest) -> String {
        let other = if let Rule::Relationships { to, .. } = &test.rule { self.project.sources.get(to) } else { None };
        let table = self.project.sources.get(&test.table);
        short_hash(Sha256::new_with_prefix(format!("{}{:?}{test:?}{table:?}{other:?}", env!("CARGO_PKG_VERSION"), self.project.calendar)))
    }
}

/// What has to be asked of a test since it found something.
fn since<'a>(raw: &PolarsEngine<'_>, test: &DataTest, kept: &KeptTest, worklist: &Worklist<'a>) -> Result<Since<'a>, MetricsError> {
    let Some(new) = worklist.new_files(&test.table) else { return Ok(Since::AllRows) };
    if let Rule::Relationships { to, .. } = &test.rule {
        // A row that comes there may be the one that was missed. Of a model it is not known what came.
        let parents = worklist.new_files(to).filter(|_| worklist.sources().contains_key(to));
        if parents.is_none_or(|parents| !parents.is_empty() && (kept.count > 0 || *to == test.table)) {
            return Ok(Since::AllRows);
        }
    }
    let rows = looked_at(test, None, Tested::All);
    // A condition may look at other rows than its own.
    if !raw.query_reads_row_by_row(&SqlModel { name: &test.name, file: &test.place.file, sql: &rows }, &test.table)? {
        return Ok(Since::AllRows);
    }
    Ok(if new.is_empty() { Since::Nothing } else { Since::NewRows(new) })
}
