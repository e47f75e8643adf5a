//! `test`: data tests, freshness and unit tests.

use quotient_jobs::{Format, TestReport, TestRequest, TestResult};
use serde_json::{Value, json};

use crate::data_out::DataOut;
use crate::error::CliError;
use crate::listing::{Listing, pretty};
use crate::session::Session;
use crate::talk::counted;

/// Runs the tests, and prints one line each; of unit tests that fail, the rows that differ too.
///
/// As CSV: the lines only.
///
/// # Errors
/// [`CliError::Tests`] where a test fails; a project or a lake that is not as it should be.
pub(crate) fn run(request: &TestRequest, session: &Session, out: &mut DataOut<'_>) -> Result<(), CliError> {
    let report = session.open()?.test(request).map_err(CliError::job)?;
    let text = match session.format {
        Format::Json => pretty(&value(&report))?,
        Format::Csv => listing(&report.results).print(Format::Csv)?,
        Format::Table => format!("{}{}", listing(&report.results).print(Format::Table)?, differences(&report.results)),
    };
    out.write(text)?;
    match report.failed() {
        0 => {
            session.talk.say(&format!("no failure in {}", counted(&report.results.len(), "test")));
            Ok(())
        }
        failed => Err(CliError::Tests { failed, of: report.results.len() }),
    }
}

fn listing(results: &[TestResult]) -> Listing {
    Listing::default()
        .text("outcome", results.iter().map(|result| result.outcome.name()))
        .text("kind", results.iter().map(|result| result.kind))
        .text("table", results.iter().map(|result| &result.finding.table))
        .text("column", results.iter().map(|result| result.finding.column.as_deref().unwrap_or_default()))
        .text("rule", results.iter().map(|result| &result.finding.rule))
        .text("test", results.iter().map(|result| &result.finding.test))
        .counts("count", results.iter().map(|result| result.finding.count))
        .text("examples", results.iter().map(|result| result.finding.examples.join(", ")))
}

fn differences(results: &[TestResult]) -> String {
    let failed = results.iter().filter(|result| !result.differences.is_empty());
    failed
        .map(|result| format!("\n`{}` of model `{}`, - expected, + found:\n{}\n", result.finding.test, result.finding.table, result.differences.join("\n")))
        .collect::<Vec<String>>()
        .concat()
}

fn value(report: &TestReport) -> Value {
    let row = |result: &TestResult| {
        let finding = &result.finding;
        json!({
            "outcome": result.outcome.name(),
            "kind": result.kind,
            "table": finding.table,
            "column": finding.column,
            "rule": finding.rule,
            "test": finding.test,
            "count": finding.count,
            "examples": finding.examples,
            "severity": finding.severity,
            "differences": result.differences,
            "file": result.place.file,
            "line": result.place.line,
        })
    };
    Value::Array(report.results.iter().map(row).collect())
}
