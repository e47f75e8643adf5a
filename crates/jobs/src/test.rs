//! `test`: data tests, freshness and unit tests of a project.

use std::sync::Arc;

use quotient_metrics::MetricsError;
use quotient_model::{Outcome, Rule, SourceTable, UnitTest, nearest};

use crate::data_tests::TestResult;
use crate::error::JobError;
use crate::findings::Scope;
use crate::workspace::Workspace;

/// Which tests to run.
#[derive(Debug, Clone, Default)]
pub struct TestRequest {
    /// Names of tests, tables or models; all where none is given.
    pub select: Vec<String>,
}

/// What the tests said.
#[derive(Debug, Clone, Default)]
pub struct TestReport {
    /// One result per test: data tests, freshness, findings, unit tests; each in the order of the project.
    pub results: Vec<TestResult>,
}

impl TestReport {
    /// How many tests failed; warnings do not count.
    #[must_use]
    pub fn failed(&self) -> usize {
        self.results.iter().filter(|result| result.outcome == Outcome::Error).count()
    }
}

impl Workspace {
    /// Runs tests. The lake is opened only where a test of its data is among them.
    ///
    /// # Errors
    /// A name that no test, table or model has; a lake that cannot be read; SQL that is wrong.
    /// Tests that fail are no error: the report has them.
    pub fn test(&self, request: &TestRequest) -> Result<TestReport, JobError> {
        self.check_selection(&request.select)?;
        let picks = |name: &str| request.select.iter().any(|picked| picked == name);
        let wants = |test: &str, table: &str| {
            let short = if self.project.sources.contains_key(table) { table.rsplit('.').next().unwrap_or(table) } else { table };
            request.select.is_empty() || picks(test) || picks(table) || picks(short)
        };
        let tables = self.tested_tables(&wants);
        let mut results = Vec::new();
        if !tables.is_empty() {
            let models = self.project.models.keys().map(String::as_str).collect();
            let sources = Self::gathered(self.open_all_rows(&tables)?)?;
            let clean = Arc::new(self.engine(&self.without_bad_rows(sources.clone())?));
            let scope = Scope { models, wants: &wants, since: None };
            results = self.findings_after(self.findings_of_sources(&sources, &scope)?, &sources, &clean, &scope)?.found;
        }
        for test in self.project.unit_tests.iter().filter(|test| wants(&test.name, &test.model)) {
            results.push(self.unit_test(test)?);
        }
        Ok(TestReport { results })
    }

    /// The sources that the wanted tests read.
    fn tested_tables(&self, wants: &dyn Fn(&str, &str) -> bool) -> Vec<&SourceTable> {
        let mut names: Vec<&str> = Vec::new();
        for test in self.project.data_tests().filter(|test| wants(&test.name, &test.table)) {
            names.push(&test.table);
            if let Rule::Relationships { to, .. } = &test.rule {
                names.push(to);
            }
        }
        names.extend(self.project.models.values().filter(|model| model.findings && wants(&model.name, &model.name)).map(|model| model.name.as_str()));
        let fresh = |(name, table): &(&String, &SourceTable)| table.freshness.is_some() && wants(&format!("freshness_{}", name.replace('.', "_")), name);
        names.extend(self.project.sources.iter().filter(fresh).map(|(name, _)| name.as_str()));
        let models = names.iter().filter(|name| self.project.models.contains_key(**name)).map(|name| (*name).to_owned()).collect();
        let mut tables = self.tables_of(&models);
        for (name, table) in &self.project.sources {
            if names.contains(&name.as_str()) && !tables.iter().any(|other| other.schema == table.schema && other.name == table.name) {
                tables.push(table);
            }
        }
        tables
    }

    fn check_selection(&self, select: &[String]) -> Result<(), JobError> {
        let project = &self.project;
        let mut known: Vec<String> = project.data_tests().map(|test| test.name.clone()).collect();
        known.extend(project.unit_tests.iter().map(|test: &UnitTest| test.name.clone()));
        known.extend(project.models.keys().cloned());
        for (name, table) in &project.sources {
            known.extend([name.clone(), table.name.clone(), format!("freshness_{}", name.replace('.', "_"))]);
        }
        match select.iter().find(|name| !known.contains(name)) {
            None => Ok(()),
            Some(name) => {
                let near = nearest(name, known.iter().map(String::as_str)).map(str::to_owned);
                Err(JobError::Metrics(MetricsError::Unknown { what: "test, table or model", name: name.clone(), near }))
            }
        }
    }
}
