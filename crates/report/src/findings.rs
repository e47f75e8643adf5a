//! The rows of `kpi_findings`: what data tests found in the lake.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use chrono::{DateTime, Utc};

use crate::error::ReportError;

const TABLE: &str = "kpi_findings";

/// What one rule found in one table.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// The table: `schema.table` of a source, or the name of a model.
    pub table: String,
    /// The column, where the rule is of one.
    pub column: Option<String>,
    /// The rule, such as `not_null`.
    pub rule: String,
    /// The test that has the rule, or the model that lists its rows.
    pub test: String,
    /// What the examples are values of.
    pub key: Option<String>,
    /// How many.
    pub count: u64,
    /// The first of them, sorted.
    pub examples: Vec<String>,
    /// `warn` or `error`.
    pub severity: String,
    /// `pass`, `warn` or `error`.
    pub outcome: String,
}

/// Who found it.
#[derive(Debug, Clone, Copy)]
pub struct Finder<'a> {
    /// The job.
    pub job: &'a str,
    /// The run.
    pub run_id: &'a str,
    /// What the run took for now.
    pub as_of: DateTime<Utc>,
}

/// `kpi_findings`: one row per finding, by table, column, rule and test.
///
/// Columns: job, `table_name`, `column_name` (null for a rule of whole rows), rule, test, `key_name` (what the examples are values of),
/// count, examples (with commas; null without any), severity, outcome, `run_id`, `computed_at`.
///
/// # Errors
/// None that findings can cause.
pub fn kpi_findings(findings: &[Finding], finder: &Finder<'_>) -> Result<RecordBatch, ReportError> {
    let mut rows: Vec<&Finding> = findings.iter().collect();
    rows.sort();
    let same = |value: &str| -> ArrayRef { Arc::new(StringArray::from_iter_values(rows.iter().map(|_| value))) };
    let text = |of: &dyn Fn(&Finding) -> Option<String>| -> ArrayRef { Arc::new(rows.iter().map(|row| of(row)).collect::<StringArray>()) };
    let counts: Int64Array = rows.iter().map(|row| i64::try_from(row.count).ok()).collect();
    let computed: TimestampMicrosecondArray = rows.iter().map(|_| Some(finder.as_of.timestamp_micros())).collect();
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("job", same(finder.job)),
        ("table_name", text(&|row| Some(row.table.clone()))),
        ("column_name", text(&|row| row.column.clone())),
        ("rule", text(&|row| Some(row.rule.clone()))),
        ("test", text(&|row| Some(row.test.clone()))),
        ("key_name", text(&|row| row.key.clone())),
        ("count", Arc::new(counts)),
        ("examples", text(&|row| (!row.examples.is_empty()).then(|| row.examples.join(", ")))),
        ("severity", text(&|row| Some(row.severity.clone()))),
        ("outcome", text(&|row| Some(row.outcome.clone()))),
        ("run_id", same(finder.run_id)),
        ("computed_at", Arc::new(computed.with_timezone("UTC"))),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, column)| (name, column, true))).map_err(ReportError::rows(TABLE, "make"))
}

#[cfg(test)]
mod tests {
    use super::{Finder, Finding, kpi_findings};
    use crate::render::{Format, render};

    fn finding(table: &str, rule: &str, examples: &[&str]) -> Finding {
        Finding {
            table: table.to_owned(),
            column: Some("rep_id".to_owned()),
            rule: rule.to_owned(),
            test: format!("{rule}_of_{table}"),
            key: None,
            count: 7,
            examples: examples.iter().map(|text| (*text).to_owned()).collect(),
            severity: "warn".to_owned(),
            outcome: "warn".to_owned(),
        }
    }

    #[test]
    fn findings_are_sorted_by_table() {
        let finder = Finder { job: "nightly", run_id: "r1", as_of: "2024-05-01T00:00:00Z".parse().unwrap() };
        let batch = kpi_findings(&[finding("leads", "not_null", &[]), finding("deals", "relationships", &["R8", "R9"])], &finder).unwrap();
        let expected = "job,table_name,column_name,rule,test,key_name,count,examples,severity,outcome,run_id,computed_at\r\n\
            nightly,deals,rep_id,relationships,relationships_of_deals,,7,\"R8, R9\",warn,warn,r1,2024-05-01T00:00:00Z\r\n\
            nightly,leads,rep_id,not_null,not_null_of_leads,,7,,warn,warn,r1,2024-05-01T00:00:00Z\r\n";
        assert_eq!(render(&batch, Format::Csv).unwrap(), expected);
    }
}
