//! Data tests as queries: what dbt's tests count, over the same frames as the metrics.
//!
//! In: an engine and tests. Out: one [`TestResult`] each. One pass over a table serves all of its tests that one row decides, and those of
//! unique keys; only a test that found something, and one that looks into another table, asks further.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use indexmap::IndexMap;
use quotient_metrics::sql::SqlModel;
use quotient_metrics::{MetricsError, PolarsEngine};
use quotient_model::{DataTest, Outcome, Place, Project, Rule, quoted};
use quotient_report::{Finding, ReportError, cell_texts};

/// How many examples a finding has.
const EXAMPLES: usize = 5;

/// What a test said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestResult {
    /// data, freshness, findings or unit.
    pub kind: &'static str,
    /// What was found; `count` 0 where nothing was.
    pub finding: Finding,
    /// What that means.
    pub outcome: Outcome,
    /// What the outcome follows from, such as `error if != 0`.
    pub limit: String,
    /// Of a unit test: the rows that differ, one line each.
    pub differences: Vec<String>,
    /// Where the test is declared.
    pub place: Place,
}

impl std::fmt::Display for TestResult {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Finding { table, column, rule, count, examples, .. } = &self.finding;
        write!(f, "{}:{}: `{rule}` of `{table}`", self.place.file, self.place.line)?;
        if let Some(column) = column {
            write!(f, ", column `{column}`")?;
        }
        write!(f, ": found {count}, {}", self.limit)?;
        if !examples.is_empty() {
            write!(f, "; for example `{}`", examples.join("`, `"))?;
        }
        Ok(())
    }
}

/// Runs data tests.
pub(crate) fn data_tests(engine: &PolarsEngine<'_>, project: &Project, tests: &[&DataTest]) -> Result<Vec<TestResult>, MetricsError> {
    let mut tables: IndexMap<(&str, Option<&str>), Vec<&DataTest>> = IndexMap::new();
    for test in tests {
        tables.entry((test.table.as_str(), test.filter.as_deref())).or_default().push(test);
    }
    let mut results = Vec::with_capacity(tests.len());
    for tests in tables.values() {
        let failed = suspects(engine, tests)?;
        for (test, failed) in tests.iter().zip(failed) {
            results.push(Asked { engine, test, key: key_of(project, &test.table) }.result(failed)?);
        }
    }
    Ok(results)
}

/// Whether each of the tests of one table has failures; one that another table decides may have.
fn suspects(engine: &PolarsEngine<'_>, tests: &[&DataTest]) -> Result<Vec<bool>, MetricsError> {
    let Some(first) = tests.first() else { return Ok(Vec::new()) };
    let counts = tests.iter().enumerate().filter_map(|(at, test)| {
        let count = match (&test.rule, test.passes()) {
            (Rule::Unique, _) => format!("count({sql}) - count(DISTINCT {sql})", sql = test.sql),
            (_, Some(passes)) => format!("sum(CASE WHEN {passes} THEN 0 ELSE 1 END)"),
            (_, None) => return None,
        };
        Some((at, count))
    });
    let counts: Vec<(usize, String)> = counts.collect();
    let mut failed = vec![true; tests.len()];
    if counts.is_empty() {
        return Ok(failed);
    }
    let columns: Vec<String> = counts.iter().map(|(at, count)| format!("{count} AS \"t{at}\"")).collect();
    let batch = ask(engine, first, &format!("SELECT {} FROM {}", columns.join(", "), from(first)))?;
    for (column, (at, _)) in counts.iter().enumerate() {
        // A sum over no row is null.
        failed[*at] = number(&batch, column)? > 0;
    }
    Ok(failed)
}

/// One test that is asked about its failures.
struct Asked<'a> {
    engine: &'a PolarsEngine<'a>,
    test: &'a DataTest,
    /// The key of the table: name and SQL.
    key: Option<(String, String)>,
}

impl Asked<'_> {
    fn result(&self, failed: bool) -> Result<TestResult, MetricsError> {
        let test = self.test;
        let (key, failures) = self.failures();
        let mut count = 0;
        if failed {
            count = number(&ask(self.engine, test, &format!("SELECT count(*) AS \"failures\" FROM (\n{failures}\n) AS failed"))?, 0)?;
        }
        let mut examples = Vec::new();
        if count > 0 {
            let sql = format!(
                "SELECT \"example\" FROM (SELECT \"example\" FROM (\n{failures}\n) AS failed GROUP BY \"example\") AS one \
                 WHERE \"example\" IS NOT NULL ORDER BY \"example\" LIMIT {EXAMPLES}"
            );
            examples = texts(&ask(self.engine, test, &sql)?, 0)?;
        }
        let count = test.limit.map_or(count, |limit| count.min(limit));
        let outcome = test.outcome(count);
        let finding = Finding {
            table: test.table.clone(),
            column: test.column.clone(),
            rule: test.rule.name().to_owned(),
            test: test.name.clone(),
            key,
            count,
            examples,
            severity: test.severity.name().to_owned(),
            outcome: outcome.name().to_owned(),
        };
        let limit = if outcome == Outcome::Warn { format!("warn if {}", test.warn_if) } else { format!("{} if {}", test.severity.name(), test.error_if) };
        Ok(TestResult { kind: "data", finding, outcome, limit, differences: Vec::new(), place: test.place.clone() })
    }

    /// What the examples are values of, and a query with one row per failure as dbt counts them, in the column `example`.
    fn failures(&self) -> (Option<String>, String) {
        let test = self.test;
        let (sql, from) = (&test.sql, from(test));
        let passes = test.passes().unwrap_or_default();
        match &test.rule {
            Rule::Unique => (test.column.clone(), format!("SELECT {sql} AS \"example\" FROM {from} WHERE ({sql}) IS NOT NULL GROUP BY {sql} HAVING count(*) > 1")),
            Rule::AcceptedValues { .. } => (test.column.clone(), format!("SELECT {sql} AS \"example\" FROM {from} WHERE NOT ({passes}) GROUP BY {sql}")),
            Rule::Relationships { to, field } => {
                let field = quoted(field);
                let other = format!("SELECT {field} AS \"known\" FROM {} GROUP BY {field}", relation(to));
                let query = format!(
                    "SELECT child.\"example\" AS \"example\" FROM (SELECT {sql} AS \"example\" FROM {from}) AS child LEFT JOIN ({other}) AS parent \
                     ON child.\"example\" = parent.\"known\" WHERE child.\"example\" IS NOT NULL AND parent.\"known\" IS NULL"
                );
                (test.column.clone(), query)
            }
            Rule::NotNull | Rule::ExpressionIsTrue { .. } => {
                let (name, key) = self.key.clone().map_or((None, "CAST(NULL AS VARCHAR)".to_owned()), |(name, sql)| (Some(name), sql));
                (name, format!("SELECT {key} AS \"example\" FROM {from} WHERE NOT ({passes})"))
            }
        }
    }
}

/// The key of a table: a column that is tested to be unique, or the primary entity of a model.
fn key_of(project: &Project, table: &str) -> Option<(String, String)> {
    let is_key = |test: &&DataTest| test.table == table && test.rule == Rule::Unique && test.filter.is_none();
    if let Some(test) = project.data_tests().find(is_key) {
        return Some((test.column.clone()?, test.sql.clone()));
    }
    let semantics = project.models.get(table)?.semantics.as_ref()?;
    let entity = semantics.entity(semantics.primary_entity.as_deref()?)?;
    Some((entity.name.clone(), entity.expr.clone()))
}

/// The relation of a name, as SQL names it: `"schema"."table"` or `"model"`.
pub(crate) fn relation(name: &str) -> String {
    name.split('.').map(quoted).collect::<Vec<_>>().join(".")
}

fn from(test: &DataTest) -> String {
    match &test.filter {
        Some(filter) => format!("(SELECT * FROM {} WHERE (\n{filter}\n)) AS tested", relation(&test.table)),
        None => format!("{} AS tested", relation(&test.table)),
    }
}

fn ask(engine: &PolarsEngine<'_>, test: &DataTest, sql: &str) -> Result<RecordBatch, MetricsError> {
    let mut reads = vec![test.table.as_str()];
    if let Rule::Relationships { to, .. } = &test.rule {
        reads.push(to);
    }
    engine.sql(&SqlModel { name: &test.name, file: &test.place.file, sql }, &reads)
}

/// A count in the first row; 0 for null.
pub(crate) fn number(batch: &RecordBatch, column: usize) -> Result<u64, MetricsError> {
    let refused = |reason: String| MetricsError::Bridge { column: batch.schema_ref().field(column).name().clone(), reason };
    let values = batch.column(column);
    let counts = values.as_primitive_opt::<Int64Type>().ok_or_else(|| refused(format!("its type is {}, expected Int64", values.data_type())))?;
    let count = if counts.is_empty() || counts.is_null(0) { 0 } else { counts.value(0) };
    u64::try_from(count).map_err(|_| refused(format!("it is {count}, expected a count")))
}

/// The values of a column as texts; empty for null.
pub(crate) fn texts(batch: &RecordBatch, column: usize) -> Result<Vec<String>, MetricsError> {
    let columns = all_texts(batch)?;
    Ok(columns.into_iter().nth(column).unwrap_or_default().into_iter().map(Option::unwrap_or_default).collect())
}

/// The values of every column as texts.
pub(crate) fn all_texts(batch: &RecordBatch) -> Result<Vec<Vec<Option<String>>>, MetricsError> {
    cell_texts(batch).map_err(|error| {
        let column = if let ReportError::Render { column, .. } = &error { column.clone() } else { "*".to_owned() };
        MetricsError::Bridge { column, reason: error.to_string() }
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch};

    use super::number;

    fn batch(values: ArrayRef) -> RecordBatch {
        RecordBatch::try_from_iter_with_nullable([("failures", values, true)]).unwrap()
    }

    #[test]
    fn a_count_that_is_none_is_an_error_and_no_zero() {
        assert_eq!(number(&batch(Arc::new(Int64Array::from(vec![3]))), 0).unwrap(), 3);
        assert_eq!(number(&batch(Arc::new(Int64Array::from(vec![None]))), 0).unwrap(), 0);
        let error = number(&batch(Arc::new(Float64Array::from(vec![3.0]))), 0).unwrap_err();
        assert_eq!(error.to_string(), "cannot hand over column `failures` to arrow: its type is Float64, expected Int64");
        let error = number(&batch(Arc::new(Int64Array::from(vec![-1]))), 0).unwrap_err();
        assert_eq!(error.to_string(), "cannot hand over column `failures` to arrow: it is -1, expected a count");
    }
}
