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
pub(crate) const EXAMPLES: usize = 5;

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

/// Which rows of its table a test is asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tested {
    /// All of them.
    All,
    /// Those that came since an earlier answer; the engine has them under the name [`new_rows`].
    New,
}

/// The name of the rows of a table that came since an earlier answer.
pub(crate) fn new_rows(table: &str) -> String {
    format!("{table}: new rows")
}

/// Runs data tests; a result for each, in their order.
pub(crate) fn data_tests(engine: &PolarsEngine<'_>, project: &Project, tests: &[&DataTest], tested: Tested) -> Result<Vec<TestResult>, MetricsError> {
    let may_fail = suspects(engine, tests, tested)?;
    let asked: Vec<Asked<'_>> = tests.iter().zip(may_fail).map(|(test, may_fail)| Asked::new(test, project, may_fail.then_some(tested))).collect();
    let queries: Vec<(&DataTest, &str)> = asked.iter().filter_map(|asked| Some((asked.test, asked.failures.as_deref()?))).collect();
    let mut answers = ask(engine, &queries)?.into_iter();
    let result = |asked: &Asked<'_>| match asked.failures.as_ref().and_then(|_| answers.next()) {
        Some(answer) => asked.answered(&answer),
        None => Ok(asked.result(0, Vec::new())),
    };
    asked.iter().map(result).collect()
}

/// Whether each test may have failures: those that one pass over their table decides have some.
fn suspects(engine: &PolarsEngine<'_>, tests: &[&DataTest], tested: Tested) -> Result<Vec<bool>, MetricsError> {
    let mut tables: IndexMap<(&str, Option<&str>), Vec<Placed<'_>>> = IndexMap::new();
    for (place, test) in tests.iter().enumerate() {
        tables.entry((test.table.as_str(), test.filter.as_deref())).or_default().push((place, test));
    }
    let passes: Vec<Pass<'_>> = tables.values().filter_map(|tests| Pass::over(tests, tested)).collect();
    let queries: Vec<(&DataTest, &str)> = passes.iter().map(|pass| (pass.first, pass.sql.as_str())).collect();
    let mut suspects = vec![true; tests.len()];
    for (pass, answer) in passes.iter().zip(ask(engine, &queries)?) {
        for (column, test) in pass.decides.iter().enumerate() {
            // A sum over no row is null.
            suspects[*test] = number(&answer, column)? > 0;
        }
    }
    Ok(suspects)
}

/// A test, and its place among those that are asked.
type Placed<'t> = (usize, &'t DataTest);

/// One pass over a table.
struct Pass<'t> {
    /// The first test of the table, for messages.
    first: &'t DataTest,
    /// The places of the tests that it decides.
    decides: Vec<usize>,
    /// A query with a column of failures for each of them.
    sql: String,
}

impl<'t> Pass<'t> {
    /// A pass for the tests of a table; `None` where other tables decide all of them.
    fn over(tests: &[Placed<'t>], tested: Tested) -> Option<Self> {
        let count = |test: &DataTest| match (&test.rule, test.passes()) {
            // Whether a new value is one of before, the other rows say.
            (Rule::Unique, _) if tested == Tested::New => None,
            (Rule::Unique, _) => Some(format!("count({sql}) - count(DISTINCT {sql})", sql = test.sql)),
            (_, Some(passes)) => Some(format!("sum(CASE WHEN {passes} THEN 0 ELSE 1 END)")),
            (_, None) => None,
        };
        let counts = tests.iter().filter_map(|(place, test)| Some((*place, format!("{} AS \"t{place}\"", count(test)?))));
        let (decides, columns): (Vec<usize>, Vec<String>) = counts.unzip();
        let (_, first) = tests.first().filter(|_| !columns.is_empty())?;
        Some(Self { first, decides, sql: format!("SELECT {} FROM {}", columns.join(", "), from(first, tested)) })
    }
}

/// One test that is asked about its failures.
struct Asked<'a> {
    test: &'a DataTest,
    /// What the examples are values of.
    key: Option<String>,
    /// How many failures there are, beside each of some examples; of a test that may have any.
    failures: Option<String>,
}

impl<'a> Asked<'a> {
    /// The rows of a test that may fail are given.
    fn new(test: &'a DataTest, project: &Project, tested: Option<Tested>) -> Self {
        let key = key_of(project, &test.table);
        let failures = tested.map(|tested| {
            let failures = failures(test, key.as_ref(), tested);
            format!(
                "SELECT \"example\", sum(\"failures\") OVER () AS \"all\" FROM (\
                 SELECT \"example\", count(*) AS \"failures\" FROM (\n{failures}\n) AS failed GROUP BY \"example\") AS one \
                 ORDER BY \"example\" ASC NULLS LAST LIMIT {EXAMPLES}"
            )
        });
        Self { test, key: examples_of(test, key), failures }
    }

    fn answered(&self, answer: &RecordBatch) -> Result<TestResult, MetricsError> {
        let examples = all_texts(answer)?.into_iter().next().unwrap_or_default();
        Ok(self.result(number(answer, 1)?, examples.into_iter().flatten().collect()))
    }

    fn result(&self, count: u64, examples: Vec<String>) -> TestResult {
        let test = self.test;
        let count = test.limit.map_or(count, |limit| count.min(limit));
        let outcome = test.outcome(count);
        let finding = Finding {
            table: test.table.clone(),
            column: test.column.clone(),
            rule: test.rule.name().to_owned(),
            test: test.name.clone(),
            key: self.key.clone(),
            count,
            examples,
            severity: test.severity.name().to_owned(),
            outcome: outcome.name().to_owned(),
        };
        let limit = if outcome == Outcome::Warn { format!("warn if {}", test.warn_if) } else { format!("{} if {}", test.severity.name(), test.error_if) };
        TestResult { kind: "data", finding, outcome, limit, differences: Vec::new(), place: test.place.clone() }
    }
}

/// The result of a test that is known.
pub(crate) fn known(test: &DataTest, project: &Project, count: u64, examples: Vec<String>) -> TestResult {
    Asked::new(test, project, None).result(count, examples)
}

/// What the examples of a test are values of.
fn examples_of(test: &DataTest, key: Option<(String, String)>) -> Option<String> {
    match test.rule {
        Rule::Unique | Rule::AcceptedValues { .. } | Rule::Relationships { .. } => test.column.clone(),
        Rule::NotNull | Rule::ExpressionIsTrue { .. } => key.map(|(name, _)| name),
    }
}

/// A query with one row per failure as dbt counts them, in the column `example`.
fn failures(test: &DataTest, key: Option<&(String, String)>, tested: Tested) -> String {
    let sql = &test.sql;
    match &test.rule {
        Rule::Unique => {
            let new = if tested == Tested::New { format!("LEFT SEMI JOIN ({}) AS new ON one.\"example\" = new.\"example\"", looked_at(test, None, tested)) } else { String::new() };
            let all = looked_at(test, None, Tested::All);
            format!("SELECT one.\"example\" AS \"example\" FROM ({all}) AS one {new} WHERE one.\"example\" IS NOT NULL GROUP BY one.\"example\" HAVING count(*) > 1")
        }
        Rule::AcceptedValues { .. } => format!("{} GROUP BY {sql}", looked_at(test, None, tested)),
        Rule::Relationships { to, field } => {
            let (field, child) = (quoted(field), looked_at(test, None, tested));
            // Of few rows only what they look for has to be found.
            let sought = if tested == Tested::New { format!("LEFT SEMI JOIN ({child}) AS child ON parent.\"known\" = child.\"example\"") } else { String::new() };
            let other = format!("SELECT parent.\"known\" AS \"known\" FROM (SELECT {field} AS \"known\" FROM {}) AS parent {sought} GROUP BY parent.\"known\"", relation(to));
            format!(
                "SELECT child.\"example\" AS \"example\" FROM ({child}) AS child LEFT JOIN ({other}) AS parent \
                 ON child.\"example\" = parent.\"known\" WHERE child.\"example\" IS NOT NULL AND parent.\"known\" IS NULL"
            )
        }
        Rule::NotNull | Rule::ExpressionIsTrue { .. } => looked_at(test, key.map(|(_, sql)| sql.as_str()), tested),
    }
}

/// The rows of its table that a test looks at: of one that a row alone decides those that fail. `key` is the SQL of the table's key.
pub(crate) fn looked_at(test: &DataTest, key: Option<&str>, tested: Tested) -> String {
    let from = from(test, tested);
    let example = match test.rule {
        Rule::NotNull | Rule::ExpressionIsTrue { .. } => key.unwrap_or("CAST(NULL AS VARCHAR)"),
        _ => &test.sql,
    };
    let failing = test.passes().map(|passes| format!(" WHERE NOT ({passes})")).unwrap_or_default();
    format!("SELECT {example} AS \"example\" FROM {from}{failing}")
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

fn from(test: &DataTest, tested: Tested) -> String {
    let table = relation(&if tested == Tested::New { new_rows(&test.table) } else { test.table.clone() });
    match &test.filter {
        Some(filter) => format!("(SELECT * FROM {table} WHERE (\n{filter}\n)) AS tested"),
        None => format!("{table} AS tested"),
    }
}

/// The answers to queries, each with the test that asks.
fn ask(engine: &PolarsEngine<'_>, queries: &[(&DataTest, &str)]) -> Result<Vec<RecordBatch>, MetricsError> {
    let mut asked = Vec::with_capacity(queries.len());
    for (test, sql) in queries {
        let mut reads = vec![test.table.as_str()];
        if let Rule::Relationships { to, .. } = &test.rule {
            reads.push(to);
        }
        asked.push((SqlModel { name: &test.name, file: &test.place.file, sql }, reads));
    }
    engine.sql_all(&asked)
}

/// A count in the first row; 0 for null.
fn number(batch: &RecordBatch, column: usize) -> Result<u64, MetricsError> {
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
