//! What tests of sources found is kept from run to run: where a table only has more files, the rows of these are asked.
//!
//! In: tests, what a ledger says that they found, and the files that came since. Out: what they find now, the same as if all rows were asked.
//! A test of a model is asked anew: as-of alone may change its rows.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use indexmap::IndexMap;
use quotient_ingest::{LakeFile, SourceFrame};
use quotient_metrics::sql::SqlModel;
use quotient_metrics::{Chosen, Keys, MetricsError, PolarsEngine};
use quotient_model::{ColumnType, DataTest, Rule, short_hash};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::data_tests::{Asking, TestResult, Tested, adds_up, known, looked_at, new_rows, number, remembered};
use crate::error::JobError;
use crate::file_lots::{Rows, Seen};
use crate::source_rows::{part_of, relation_of, rows_of};
use crate::work::Worklist;
use crate::workspace::Workspace;

/// What a test found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeptTest {
    /// How many failures.
    pub(crate) count: u64,
    /// The least of the failing values, as many as are remembered.
    pub(crate) examples: Vec<String>,
}

/// What tests found, by the hash of all that decides it beside the lake.
pub(crate) type KeptTests = BTreeMap<String, KeptTest>;

/// What has to be asked of a test about which something is known, where that is not all rows.
enum Since<'a> {
    /// Nothing: it would say the same.
    Nothing,
    /// Whether rows of these files fail: if none does, it would say the same.
    NewRows(BTreeSet<&'a str>),
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
            let Some(since) = since(raw, test, worklist).map_err(JobError::Metrics)? else { continue };
            let Some(kept) = self.still_found(test, kept, worklist).map_err(JobError::Metrics)? else { continue };
            let same = known(test, &self.project, kept.count, kept.examples.clone());
            match since {
                Since::Nothing => results[place] = Some(same),
                Since::NewRows(new) => {
                    let name = new_rows(&test.table);
                    // The tests of a table share its new rows.
                    if let Some(source) = worklist.sources().get(&test.table).filter(|_| !sources.contains_key(&name)) {
                        sources.insert(name, part_of(&test.table, source, &|file| new.contains(file.address.as_str())).map_err(JobError::Metrics)?);
                    }
                    asked.push((place, *test, kept, same));
                }
            }
        }
        let of_new: Vec<&DataTest> = asked.iter().map(|(_, test, ..)| *test).collect();
        let asking = Asking { engine: &self.engine(&sources), project: &self.project, tested: Tested::New, rows: None };
        let answers = asking.results(&of_new).map_err(JobError::Metrics)?;
        for ((place, test, kept, same), answer) in asked.into_iter().zip(answers) {
            results[place] = match (kept.count, answer.finding.count) {
                (_, 0) => Some(same),
                (0, _) => Some(answer),
                _ => self.added_up(test, &kept, answer),
            };
        }
        Ok(results)
    }

    /// What a test found before, without those rows whose value has come to the other table since; `None` where only all rows say it.
    fn still_found(&self, test: &DataTest, kept: &KeptTest, worklist: &Worklist<'_>) -> Result<Option<KeptTest>, MetricsError> {
        let Rule::Relationships { to, field } = &test.rule else { return Ok(Some(kept.clone())) };
        // Of a model it is not known what came.
        let Some((parents, come)) = worklist.sources().get(to).zip(worklist.new_files(to)) else { return Ok(None) };
        if !come.is_empty() && *to == test.table {
            return Ok(None);
        }
        if come.is_empty() || kept.count == 0 {
            return Ok(Some(kept.clone()));
        }
        let column = test.column.as_deref().filter(|column| test.limit.is_none() && self.is_text(&test.table, column) && self.is_text(to, field));
        let Some((column, rows)) = column.zip(worklist.sources().get(&test.table)) else { return Ok(None) };
        let has_come = |file: &LakeFile| come.contains(file.address.as_str());
        let keys = Keys::of(&rows_of(to, parents, &has_come)?, field, to)?;
        let before = Chosen::Keys(field.clone(), keys.clone(), Vec::new()).of(&rows_of(to, parents, &|file| !has_come(file))?);
        let keys = keys.but(&Keys::of(&before, field, to)?, to)?;
        if keys.is_empty() {
            return Ok(Some(kept.clone()));
        }
        let examples: Vec<String> = kept.examples.iter().filter(|example| !keys.has(example)).cloned().collect();
        // Where there may be others than those that are remembered, they are not known.
        if examples.len() < kept.examples.len() && kept.examples.len() >= remembered(test) {
            return Ok(None);
        }
        let new = worklist.new_files(&test.table).unwrap_or_default();
        let mut found = part_of(&test.table, rows, &|file| !new.contains(file.address.as_str()))?;
        found.frame = Chosen::Keys(column.to_owned(), keys, Vec::new()).of(&relation_of(&found)).frame;
        let sql = format!("SELECT count(*) AS \"resolved\" FROM ({}) AS found", looked_at(test, None, Tested::All));
        let engine = self.engine(&IndexMap::from([(test.table.clone(), found)]));
        let resolved = engine.sql(&SqlModel { name: &test.name, file: &test.place.file, sql: &sql }, &[test.table.as_str()])?;
        Ok(Some(KeptTest { count: kept.count.saturating_sub(number(&resolved, 0)?), examples }))
    }

    /// What a test found before and what it finds in new rows, as one; `None` where only all rows say it: of values that are more than the examples,
    /// and of examples whose order is not that of their texts.
    fn added_up(&self, test: &DataTest, kept: &KeptTest, new: TestResult) -> Option<TestResult> {
        let TestResult { finding: new, further, .. } = new;
        let has_texts = new.key.is_none_or(|key| self.is_text(&test.table, &key));
        let are_all = |count: u64, examples: &[String]| u64::try_from(examples.len()) == Ok(count);
        let has_all = are_all(kept.count, &kept.examples) && are_all(new.count, &new.examples);
        let examples: BTreeSet<String> = kept.examples.iter().cloned().chain(new.examples).chain(further).collect();
        let count = match test.rule {
            // A value that is not accepted counts once.
            Rule::AcceptedValues { .. } => u64::try_from(examples.len()).ok().filter(|_| has_all)?,
            _ => Some(kept.count + new.count).filter(|_| adds_up(test))?,
        };
        has_texts.then(|| known(test, &self.project, count, examples.into_iter().take(remembered(test)).collect()))
    }

    /// Whether a source has a column of text of that name.
    fn is_text(&self, source: &str, column: &str) -> bool {
        let columns = self.project.sources.get(source).map(|source| source.columns.as_slice()).unwrap_or_default();
        columns.iter().any(|known| known.name == column && known.data_type == ColumnType::Text)
    }

    /// What the results of tests of sources say to the next run.
    pub(crate) fn kept_tests(&self, tests: &[&DataTest], results: &[TestResult]) -> KeptTests {
        let kept = |(test, result): (&&DataTest, &TestResult)| {
            (self.test_hash(test), KeptTest { count: result.finding.count, examples: result.finding.examples.iter().chain(&result.further).cloned().collect() })
        };
        tests.iter().zip(results).map(kept).collect()
    }

    /// A hash of all that decides what a test of a source finds beside the lake: its table, the one that it looks into, the program; and how much
    /// of it is remembered.
    fn test_hash(&self, test: &DataTest) -> String {
        let other = if let Rule::Relationships { to, .. } = &test.rule { self.project.sources.get(to) } else { None };
        let table = self.project.sources.get(&test.table);
        short_hash(Sha256::new_with_prefix(format!("{}{:?}{test:?}{table:?}{other:?}{}", env!("CARGO_PKG_VERSION"), self.project.calendar, remembered(test))))
    }
}

/// What has to be asked of a test since it found something; `None` for all rows.
fn since<'a>(raw: &PolarsEngine<'_>, test: &DataTest, worklist: &Worklist<'a>) -> Result<Option<Since<'a>>, MetricsError> {
    let Some(new) = worklist.new_files(&test.table) else { return Ok(None) };
    let rows = looked_at(test, None, Tested::All);
    // A condition may look at other rows than its own.
    if !raw.query_reads_row_by_row(&SqlModel { name: &test.name, file: &test.place.file, sql: &rows }, &test.table)? {
        return Ok(None);
    }
    Ok(Some(if new.is_empty() { Since::Nothing } else { Since::NewRows(new) }))
}
