//! What tests of sources found is kept from run to run: where a table only has more files, the rows of these are asked.
//!
//! In: tests, what a ledger says that they found, and the files that came since. Out: what they find now, the same as if all rows were asked.
//! A test of a model is asked anew: as-of alone may change its rows.

use std::collections::{BTreeMap, BTreeSet};

use indexmap::IndexMap;
use quotient_ingest::{LakeFile, SourceFrame};
use quotient_metrics::sql::SqlModel;
use quotient_metrics::{MetricsError, PolarsEngine};
use quotient_model::{DataTest, Rule, short_hash};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::data_tests::{TestResult, Tested, data_tests, known, looked_at, new_rows};
use crate::error::JobError;
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
enum Since {
    /// Nothing: it would say the same.
    Nothing,
    /// Whether new rows fail: if none does, it would say the same.
    NewRows,
    /// All rows.
    AllRows,
}

impl Workspace {
    /// Runs tests of sources that may look at new rows alone, where it is known what they found at the last run.
    ///
    /// Out: a result for each test.
    pub(crate) fn source_tests(&self, sources: &IndexMap<String, SourceFrame>, tests: &[&DataTest], since: Option<&Worklist<'_>>) -> Result<Vec<TestResult>, JobError> {
        let raw = self.engine(sources);
        let mut results: Vec<Option<TestResult>> = vec![None; tests.len()];
        if let Some(worklist) = since {
            self.test_new_rows(sources, &raw, tests, worklist, &mut results)?;
        }
        let open: Vec<&DataTest> = tests.iter().zip(&results).filter(|(_, result)| result.is_none()).map(|(test, _)| *test).collect();
        let mut answers = data_tests(&raw, &self.project, &open, Tested::All).map_err(JobError::Metrics)?.into_iter();
        Ok(results.into_iter().filter_map(|result| result.or_else(|| answers.next())).collect())
    }

    /// Puts the results of those tests that new rows decide.
    fn test_new_rows(
        &self,
        sources: &IndexMap<String, SourceFrame>,
        raw: &PolarsEngine<'_>,
        tests: &[&DataTest],
        worklist: &Worklist<'_>,
        results: &mut [Option<TestResult>],
    ) -> Result<(), JobError> {
        let mut asked = Vec::new();
        let mut with_new = sources.clone();
        for (place, test) in tests.iter().enumerate() {
            let Some(kept) = worklist.ledger.tests.get(&self.test_hash(test)) else { continue };
            let same = || known(test, &self.project, kept.count, kept.examples.clone());
            match self.since(raw, test, kept, worklist).map_err(JobError::Metrics)? {
                Since::Nothing => results[place] = Some(same()),
                Since::NewRows => {
                    let new = worklist.new_files(&test.table).unwrap_or_default();
                    if let Some(source) = sources.get(&test.table) {
                        let part = part_of(&test.table, source, &|file: &LakeFile| new.contains(file.address.as_str())).map_err(JobError::Metrics)?;
                        with_new.insert(new_rows(&test.table), part);
                        asked.push((place, *test, kept, same()));
                    }
                }
                Since::AllRows => {}
            }
        }
        let of_new: Vec<&DataTest> = asked.iter().map(|(_, test, ..)| *test).collect();
        let answers = data_tests(&self.engine(&with_new), &self.project, &of_new, Tested::New).map_err(JobError::Metrics)?;
        for ((place, _, kept, same), answer) in asked.into_iter().zip(answers) {
            // Failures of before and new ones are counted together only by asking for all.
            results[place] = if answer.finding.count == 0 { Some(same) } else { Some(answer).filter(|_| kept.count == 0) };
        }
        Ok(())
    }

    /// What has to be asked of a test since it found something.
    fn since(&self, raw: &PolarsEngine<'_>, test: &DataTest, kept: &KeptTest, worklist: &Worklist<'_>) -> Result<Since, MetricsError> {
        let Some(new) = worklist.new_files(&test.table) else { return Ok(Since::AllRows) };
        let mut reads = BTreeSet::from([test.table.as_str()]);
        if let Rule::Relationships { to, .. } = &test.rule {
            let Some(others) = worklist.new_files(to).filter(|_| self.project.sources.contains_key(to)) else { return Ok(Since::AllRows) };
            // A row that comes there may be the one that was missed.
            if !others.is_empty() && (kept.count > 0 || *to == test.table) {
                return Ok(Since::AllRows);
            }
            reads.insert(to);
        }
        let rows = looked_at(test, None, Tested::All);
        let query = SqlModel { name: &test.name, file: &test.place.file, sql: &rows };
        let by_row = raw.query_row_by_row(&query, &reads.into_iter().collect::<Vec<_>>())?;
        Ok(match by_row.contains(&test.table) {
            // Its condition looks at other rows.
            false => Since::AllRows,
            true if new.is_empty() => Since::Nothing,
            true => Since::NewRows,
        })
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
