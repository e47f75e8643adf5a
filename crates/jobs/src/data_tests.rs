//! Data tests as queries: what dbt's tests count, over the same frames as the metrics.
//!
//! In: an engine and tests. Out: one [`TestResult`] each. One pass over a table serves all of its tests that one row decides, and those of
//! unique keys; only a test that found something, and one that looks into another table, asks further.
//! A table of many rows is asked lot by lot, and what the lots say is put together: of unique keys by hashes of all keys.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::{Array, AsArray, Int64Array, RecordBatch, UInt32Array, make_comparator};
use arrow::compute::{SortOptions, concat, sort_to_indices, take};
use arrow::datatypes::Int64Type;
use arrow::error::ArrowError;
use indexmap::IndexMap;
use quotient_metrics::sql::SqlModel;
use quotient_metrics::{MetricsError, PolarsEngine, row_hashes};
use quotient_model::{DataTest, Outcome, Place, Project, Rule, quoted};
use quotient_report::{Finding, ReportError, cell_texts};
use rayon::prelude::*;

use crate::file_lots::{Lots, Rows};
use crate::parents::Parents;

/// How many examples a finding has.
pub(crate) const EXAMPLES: usize = 5;

/// How many failing values of a test of relationships a run remembers: later rows of the other table may be those that were missed.
const REMEMBERED: usize = 1_000;

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
    /// Failing values that follow the examples, as far as they are remembered.
    pub(crate) further: Vec<String>,
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

/// Of whom tests are asked.
pub(crate) struct Asking<'e, 'a> {
    pub(crate) engine: &'e PolarsEngine<'a>,
    pub(crate) project: &'a Project,
    pub(crate) tested: Tested,
    /// The same rows, where there may be many of them.
    pub(crate) rows: Option<Rows<'e, 'a>>,
}

/// Tables whose rows come in lots, with the places of those of their tests that can be asked lot by lot.
type InLots = Vec<(Lots, Vec<usize>)>;

impl Asking<'_, '_> {
    /// Runs data tests; a result for each, in their order.
    pub(crate) fn results(&self, tests: &[&DataTest]) -> Result<Vec<TestResult>, MetricsError> {
        let in_lots = self.in_lots(tests)?;
        let may_fail = self.suspects(tests, &in_lots)?;
        let asked: Vec<Asked<'_>> = tests.iter().zip(may_fail).map(|(test, may_fail)| Asked::new(test, self.project, may_fail.then_some(self.tested))).collect();
        let parents = Parents::of(self.engine, self.tested);
        let mut answers = self.failures_in_lots(&asked, &in_lots, &parents)?;
        let open = open_at(&asked, &|place| !answers.contains_key(&place));
        let found = parents.failures(self.engine, &open)?;
        answers.extend(open.iter().map(|(place, ..)| *place).zip(found));
        let result = |(place, asked): (usize, &Asked<'_>)| answers.get(&place).map_or_else(|| Ok(asked.result(0, Vec::new())), |answer| asked.answered(answer));
        asked.iter().enumerate().map(result).collect()
    }

    /// The tables of many rows, and those tests of theirs that look at rows one by one.
    fn in_lots(&self, tests: &[&DataTest]) -> Result<InLots, MetricsError> {
        let Some(rows) = &self.rows else { return Ok(Vec::new()) };
        let mut tables: IndexMap<&str, Vec<Placed<'_>>> = IndexMap::new();
        for (place, test) in tests.iter().enumerate() {
            tables.entry(&test.table).or_default().push((place, test));
        }
        let mut found = Vec::new();
        for (table, tests) in tables {
            let Some(lots) = rows.lots(table)? else { continue };
            // The queries of its tests name it; all of its rows are not made for that.
            let first = rows.engine(&lots, 0)?;
            first.relation(table)?;
            let mut places = Vec::new();
            for (place, test) in tests {
                let looked_at = looked_at(test, None, self.tested);
                let query = SqlModel { name: &test.name, file: &test.place.file, sql: &looked_at };
                if rows.have_what_is_looked_for(&lots, test) && first.query_reads_row_by_row(&query, table)? {
                    places.push(place);
                }
            }
            if !places.is_empty() {
                found.push((lots, places));
            }
        }
        Ok(found)
    }

    /// Does something with an engine over each lot of rows.
    fn each_lot(&self, lots: &Lots, mut work: impl FnMut(&PolarsEngine<'_>) -> Result<(), MetricsError>) -> Result<(), MetricsError> {
        let Some(rows) = &self.rows else { return Ok(()) };
        (0..lots.count).try_for_each(|lot| work(&rows.engine(lots, lot)?))
    }

    /// Whether each test may have failures: those that one pass over their table decides have some.
    fn suspects(&self, tests: &[&DataTest], in_lots: &InLots) -> Result<Vec<bool>, MetricsError> {
        let placed = |place: usize| (place, tests[place]);
        let by_lots: BTreeSet<usize> = in_lots.iter().flat_map(|(_, places)| places).copied().collect();
        let mut suspects = vec![true; tests.len()];
        let passes = Pass::over_all((0..tests.len()).filter(|place| !by_lots.contains(place)).map(placed), self.tested, true);
        for (pass, answer) in passes.iter().zip(ask(self.engine, &passes.iter().map(Pass::query).collect::<Vec<_>>())?) {
            for (column, test) in pass.decides.iter().enumerate() {
                // A sum over no row is null.
                suspects[*test] = number(&answer, column)? > 0;
            }
        }
        for (lots, places) in in_lots {
            let (unique, others): (Vec<Placed<'_>>, Vec<Placed<'_>>) = places.iter().copied().map(placed).partition(|(_, test)| test.rule == Rule::Unique);
            let passes = Pass::over_all(others.into_iter(), self.tested, false);
            let keys: Vec<String> = unique.iter().map(|(_, test)| looked_at(test, None, self.tested)).collect();
            let queries: Vec<(&DataTest, &str)> = passes.iter().map(Pass::query).chain(unique.iter().zip(&keys).map(|((_, test), sql)| (*test, sql.as_str()))).collect();
            // One that grows is in memory twice.
            let mut hashes: Vec<Vec<u64>> = unique.iter().map(|_| Vec::with_capacity(usize::try_from(lots.rows).unwrap_or_default())).collect();
            passes.iter().flat_map(|pass| &pass.decides).for_each(|test| suspects[*test] = false);
            self.each_lot(lots, |engine| {
                let answers = ask(engine, &queries)?;
                let (counts, values) = answers.split_at(passes.len());
                for (pass, answer) in passes.iter().zip(counts) {
                    for (column, test) in pass.decides.iter().enumerate() {
                        suspects[*test] |= number(answer, column)? > 0;
                    }
                }
                for (hashes, values) in hashes.iter_mut().zip(values) {
                    hashes.extend(hashes_of(values)?);
                }
                Ok(())
            })?;
            for ((place, _), mut hashes) in unique.into_iter().zip(hashes) {
                // Two values may have one hash: then all rows are asked.
                hashes.par_sort_unstable();
                suspects[place] = hashes.windows(2).any(|two| two[0] == two[1]);
            }
        }
        Ok(suspects)
    }

    /// The failures of those tests that may have some and of which those of all lots are counted together, by their places.
    fn failures_in_lots(&self, asked: &[Asked<'_>], in_lots: &InLots, parents: &Parents<'_, '_>) -> Result<BTreeMap<usize, RecordBatch>, MetricsError> {
        let mut answers = BTreeMap::new();
        for (lots, of_table) in in_lots {
            let open = open_at(asked, &|place| of_table.contains(&place) && adds_up(asked[place].test));
            if open.is_empty() {
                continue;
            }
            let mut found: Vec<Vec<RecordBatch>> = vec![Vec::new(); open.len()];
            self.each_lot(lots, |engine| {
                found.iter_mut().zip(parents.failures(engine, &open)?).for_each(|(found, answer)| found.push(answer));
                Ok(())
            })?;
            for ((place, test, _), found) in open.into_iter().zip(found) {
                answers.insert(place, together(&found, remembered(test)).map_err(|error| MetricsError::Bridge { column: test.name.clone(), reason: error.to_string() })?);
            }
            parents.keep_for(open_at(asked, &|place| !answers.contains_key(&place)).into_iter().map(|(_, test, _)| test));
        }
        Ok(answers)
    }
}

/// A test that may have failures: its place, and the query for them.
pub(crate) type Open<'a> = (usize, &'a DataTest, &'a str);

/// The tests that have a query for failures, at some of the places.
fn open_at<'a>(asked: &'a [Asked<'a>], is_meant: &dyn Fn(usize) -> bool) -> Vec<Open<'a>> {
    asked.iter().enumerate().filter(|(place, _)| is_meant(*place)).filter_map(|(place, asked)| Some((place, asked.test, asked.failures.as_deref()?))).collect()
}

/// How many failing values of a test are remembered, its examples among them.
pub(crate) fn remembered(test: &DataTest) -> usize {
    if matches!(test.rule, Rule::Relationships { .. }) { REMEMBERED } else { EXAMPLES }
}

/// Whether the failures of all rows are those of their lots.
pub(crate) fn adds_up(test: &DataTest) -> bool {
    matches!(test.rule, Rule::NotNull | Rule::ExpressionIsTrue { .. } | Rule::Relationships { .. })
}

/// Answers of several lots as one: the least of their examples, up to so many, beside the sum of their failures.
pub(crate) fn together(answers: &[RecordBatch], most: usize) -> Result<RecordBatch, ArrowError> {
    let examples: Vec<&dyn Array> = answers.iter().map(|answer| answer.column(0).as_ref()).collect();
    let examples = concat(&examples)?;
    let order = SortOptions { descending: false, nulls_first: false };
    let compare = make_comparator(&examples, &examples, order)?;
    let mut rows: Vec<u32> = sort_to_indices(&examples, Some(order), None)?.values().to_vec();
    rows.dedup_by(|later, earlier| compare(*later as usize, *earlier as usize).is_eq());
    rows.truncate(most);
    let of_lot = |answer: &RecordBatch| answer.column(1).as_primitive_opt::<Int64Type>().filter(|counts| !counts.is_empty()).map_or(0, |counts| counts.value(0));
    let failures = Int64Array::from_value(answers.iter().map(of_lot).sum(), rows.len());
    let examples = take(&examples, &UInt32Array::from(rows), None)?;
    RecordBatch::try_from_iter_with_nullable([("example", examples, true), ("all", Arc::new(failures), true)])
}

/// A hash of each value that is there.
fn hashes_of(values: &RecordBatch) -> Result<Vec<u64>, MetricsError> {
    let column = values.column(0);
    let hashes =
        row_hashes(std::slice::from_ref(column)).map_err(|error| MetricsError::Bridge { column: values.schema_ref().field(0).name().clone(), reason: error.to_string() })?;
    let Some(nulls) = column.logical_nulls() else { return Ok(hashes) };
    Ok(hashes.into_iter().zip(nulls.iter()).filter_map(|(hash, is_there)| is_there.then_some(hash)).collect())
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
    /// Passes over the tables of some tests, one for each table and condition; with keys that are unique among the rows of the pass, or without.
    fn over_all(tests: impl Iterator<Item = Placed<'t>>, tested: Tested, with_unique: bool) -> Vec<Self> {
        let mut tables: IndexMap<(&str, Option<&str>), Vec<Placed<'t>>> = IndexMap::new();
        for (place, test) in tests {
            tables.entry((test.table.as_str(), test.filter.as_deref())).or_default().push((place, test));
        }
        // Whether a new value is one of before, the other rows say.
        let with_unique = with_unique && tested == Tested::All;
        tables.values().filter_map(|tests| Self::over(tests, tested, with_unique)).collect()
    }

    /// A pass for the tests of a table; `None` where other rows decide all of them.
    fn over(tests: &[Placed<'t>], tested: Tested, with_unique: bool) -> Option<Self> {
        let count = |test: &DataTest| match (&test.rule, test.passes()) {
            (Rule::Unique, _) => with_unique.then(|| format!("count({sql}) - count(DISTINCT {sql})", sql = test.sql)),
            (_, Some(passes)) => Some(format!("sum(CASE WHEN {passes} THEN 0 ELSE 1 END)")),
            (_, None) => None,
        };
        let counts = tests.iter().filter_map(|(place, test)| Some((*place, format!("{} AS \"t{place}\"", count(test)?))));
        let (decides, columns): (Vec<usize>, Vec<String>) = counts.unzip();
        let (_, first) = tests.first().filter(|_| !columns.is_empty())?;
        Some(Self { first, decides, sql: format!("SELECT {} FROM {}", columns.join(", "), from(first, tested)) })
    }

    fn query(&self) -> (&DataTest, &str) {
        (self.first, &self.sql)
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
                 ORDER BY \"example\" ASC NULLS LAST LIMIT {}",
                remembered(test)
            )
        });
        Self { test, key: examples_of(test, key), failures }
    }

    fn answered(&self, answer: &RecordBatch) -> Result<TestResult, MetricsError> {
        let examples = all_texts(answer)?.into_iter().next().unwrap_or_default();
        Ok(self.result(number(answer, 1)?, examples.into_iter().flatten().collect()))
    }

    fn result(&self, count: u64, mut examples: Vec<String>) -> TestResult {
        let test = self.test;
        let further = examples.split_off(EXAMPLES.min(examples.len()));
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
        TestResult { kind: "data", finding, outcome, limit, differences: Vec::new(), place: test.place.clone(), further }
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
            let (values, child) = (values_of(to, field), looked_at(test, None, tested));
            // Of few rows only what they look for has to be found.
            let sought = if tested == Tested::New { format!("LEFT SEMI JOIN ({child}) AS child ON parent.\"known\" = child.\"example\"") } else { String::new() };
            let other = format!("SELECT parent.\"known\" AS \"known\" FROM ({values}) AS parent {sought} GROUP BY parent.\"known\"");
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

/// Queries that read what a test reads, each with the table that it is of.
pub(crate) fn queries_of<'t>(test: &'t DataTest, project: &Project) -> Vec<(&'t str, String)> {
    let key = key_of(project, &test.table);
    let mut queries = vec![(test.table.as_str(), looked_at(test, key.as_ref().map(|(_, sql)| sql.as_str()), Tested::All))];
    if let Rule::Relationships { to, field } = &test.rule {
        queries.push((to, values_of(to, field)));
    }
    queries
}

/// The query for the values of a column.
pub(crate) fn values_of(table: &str, column: &str) -> String {
    format!("SELECT {} AS \"known\" FROM {}", quoted(column), relation(table))
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
pub(crate) fn ask(engine: &PolarsEngine<'_>, queries: &[(&DataTest, &str)]) -> Result<Vec<RecordBatch>, MetricsError> {
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

    use arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};

    use super::{EXAMPLES, hashes_of, number, together};

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

    #[test]
    fn the_answers_of_lots_are_one() {
        let answer = |examples: Vec<Option<i64>>, all: i64| {
            let all = Int64Array::from_value(all, examples.len());
            RecordBatch::try_from_iter_with_nullable([("example", Arc::new(Int64Array::from(examples)) as ArrayRef, true), ("all", Arc::new(all), true)]).unwrap()
        };
        let lots = [answer(vec![Some(3), Some(9), Some(10), None], 40), answer(vec![], 0), answer(vec![Some(1), Some(3), Some(4), Some(70), None], 6)];
        assert_eq!(together(&lots, EXAMPLES).unwrap(), answer(vec![Some(1), Some(3), Some(4), Some(9), Some(10)], 46));
        assert_eq!(together(&lots[..2], EXAMPLES).unwrap(), answer(vec![Some(3), Some(9), Some(10), None], 40));
        assert_eq!(together(&lots[1..2], 2).unwrap().num_rows(), 0);
    }

    #[test]
    fn equal_values_have_one_hash_and_null_has_none() {
        let texts = StringArray::from(vec![Some("a"), None, Some("b"), Some("a")]);
        let found = hashes_of(&batch(Arc::new(texts))).unwrap();
        assert_eq!((found.len(), found[0] == found[2], found[0] == found[1]), (3, true, false));
    }
}
