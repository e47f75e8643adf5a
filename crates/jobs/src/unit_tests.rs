//! Unit tests: a model over given rows, compared with the rows that it must make.
//!
//! In: a project and a test. Out: a [`TestResult`] that shows every row that differs. Given rows become SQL of typed literals, and take the
//! same way as any model from there; the lake is not touched.

use std::collections::BTreeMap;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Schema};
use indexmap::IndexMap;
use quotient_metrics::sql::{Relation, SqlModel, lower_model};
use quotient_metrics::{MetricsError, PolarsEngine};
use quotient_model::{GivenRow, Node, Outcome, Project, Settings, SourceTable, UnitTest, Value, nearest, quoted};
use quotient_report::Finding;

use crate::data_tests::{TestResult, all_texts, relation};
use crate::error::JobError;
use crate::project_files;
use crate::workspace::Workspace;

impl Workspace {
    /// Runs one unit test, with the as-of of the project's own vars: what it says does not depend on the clock.
    pub(crate) fn unit_test(&self, test: &UnitTest) -> Result<TestResult, JobError> {
        let files = project_files::read(&self.folder)?;
        let mut vars = self.vars.clone();
        let own = Node::parse(&files.project).ok().and_then(|root| root.get("vars")?.get("as_of")?.text());
        if own.is_none() {
            vars.insert("as_of".to_owned(), format!("\"{}\"", self.as_of.to_rfc3339()));
        }
        vars.extend(test.vars.iter().cloned());
        let project = Project::parse(&files, &Settings { env: self.env.clone(), vars }).map_err(JobError::Project)?;
        let case = Case { project: &project, test };
        let differences = case.differences(self).map_err(JobError::Metrics)?;
        let outcome = if differences.is_empty() { Outcome::Pass } else { Outcome::Error };
        let finding = Finding {
            table: test.model.clone(),
            column: None,
            rule: "unit_test".to_owned(),
            test: test.name.clone(),
            key: None,
            count: u64::try_from(differences.len()).unwrap_or(u64::MAX),
            examples: Vec::new(),
            severity: "error".to_owned(),
            outcome: outcome.name().to_owned(),
        };
        Ok(TestResult { kind: "unit", finding, outcome, limit: "error if a row differs".to_owned(), differences, place: test.place.clone(), further: Vec::new() })
    }
}

/// A test in the project that has its vars.
struct Case<'a> {
    project: &'a Project,
    test: &'a UnitTest,
}

impl Case<'_> {
    /// Rows that are expected and not found, and the other way round.
    fn differences(&self, workspace: &Workspace) -> Result<Vec<String>, MetricsError> {
        let test = self.test;
        let mut relations = IndexMap::new();
        for (name, source) in &self.project.sources {
            let columns: Vec<(String, String)> = source_columns(source);
            relations.insert(name.clone(), self.rows(name, &columns, self.given(name))?);
        }
        // Models that are given have the columns of the real ones, which empty sources are enough to tell.
        let mut empty = IndexMap::new();
        for (name, source) in &self.project.sources {
            empty.insert(name.clone(), self.rows(name, &source_columns(source), &[])?);
        }
        let real = PolarsEngine::new(self.project, empty, workspace.as_of);
        for given in test.given.iter().filter(|given| self.project.models.contains_key(&given.input)) {
            let columns = model_columns(&real.relation(&given.input)?.schema);
            relations.insert(given.input.clone(), self.rows(&given.input, &columns, &given.rows)?);
        }
        let engine = PolarsEngine::new(self.project, relations, workspace.as_of);
        let made = engine.relation(&test.model)?;
        let names: Vec<&String> = test.expect.iter().flat_map(|row| row.cells.keys()).collect();
        let all = model_columns(&made.schema);
        self.check_columns(&all, &test.expect, &test.model)?;
        let columns: Vec<(String, String)> = all.into_iter().filter(|(name, _)| names.is_empty() || names.contains(&name)).collect();
        let wanted = self.rows("expect", &columns, &test.expect)?;
        let list: Vec<String> = columns.iter().map(|(name, _)| quoted(name)).collect();
        let select = |from: &str| format!("SELECT {} FROM {}", list.join(", "), relation(from));
        let found = engine.sql(&self.query(&select(&test.model)), &[&test.model])?;
        let expected = PolarsEngine::new(self.project, IndexMap::from([("expect".to_owned(), wanted)]), workspace.as_of);
        let expected = expected.sql(&self.query(&select("expect")), &[])?;
        let names: Vec<String> = columns.into_iter().map(|(name, _)| name).collect();
        Ok(compared(&lines(&names, &expected)?, &lines(&names, &found)?))
    }

    fn given(&self, name: &str) -> &[GivenRow] {
        self.test.given.iter().find(|given| given.input == name).map(|given| given.rows.as_slice()).unwrap_or_default()
    }

    /// Rows as a relation of typed columns.
    fn rows(&self, name: &str, columns: &[(String, String)], rows: &[GivenRow]) -> Result<Relation, MetricsError> {
        self.check_columns(columns, rows, name)?;
        let literal =
            |row: &GivenRow, name: &String, kind: &str| row.cells.get(name).map_or_else(|| null(kind), |text| text.as_ref().map_or_else(|| null(kind), |t| typed(t, kind)));
        let selects: Vec<String> = rows
            .iter()
            .map(|row| {
                let cells: Vec<String> = columns.iter().map(|(name, kind)| format!("{} AS {}", literal(row, name, kind), quoted(name))).collect();
                format!("SELECT {}", cells.join(", "))
            })
            .collect();
        let sql = if selects.is_empty() {
            let nulls: Vec<String> = columns.iter().map(|(name, kind)| format!("{} AS {}", null(kind), quoted(name))).collect();
            let names: Vec<String> = columns.iter().map(|(name, _)| quoted(name)).collect();
            format!("SELECT {} FROM (SELECT {}, 0 AS \"rows_\") AS nothing WHERE nothing.\"rows_\" > 0", names.join(", "), nulls.join(", "))
        } else {
            selects.join("\nUNION ALL\n")
        };
        Ok(lower_model(&self.query(&sql), &IndexMap::new())?)
    }

    fn query<'q>(&'q self, sql: &'q str) -> SqlModel<'q> {
        SqlModel { name: &self.test.name, file: &self.test.place.file, sql }
    }

    fn check_columns(&self, columns: &[(String, String)], rows: &[GivenRow], table: &str) -> Result<(), MetricsError> {
        let names = || columns.iter().map(|(name, _)| name.as_str());
        let Some(unknown) = rows.iter().flat_map(|row| row.cells.keys()).find(|name| !names().any(|other| other == name.as_str())) else { return Ok(()) };
        let near = nearest(unknown, names()).map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
        Err(MetricsError::Sql(quotient_metrics::sql::SqlError::Bind {
            model: self.test.name.clone(),
            file: self.test.place.file.clone(),
            message: format!("`{table}` has no column `{unknown}`{near}"),
        }))
    }
}

fn source_columns(source: &SourceTable) -> Vec<(String, String)> {
    source.columns.iter().map(|column| (column.name.clone(), column.data_type.sql())).collect()
}

fn model_columns(schema: &Schema) -> Vec<(String, String)> {
    let kind = |data_type: &DataType| match data_type {
        DataType::Boolean => "BOOLEAN".to_owned(),
        DataType::Int8 | DataType::Int16 | DataType::Int32 => "INTEGER".to_owned(),
        DataType::Int64 | DataType::UInt8 | DataType::UInt16 | DataType::UInt32 | DataType::UInt64 => "BIGINT".to_owned(),
        DataType::Float32 | DataType::Float64 => "DOUBLE".to_owned(),
        DataType::Date32 => "DATE".to_owned(),
        DataType::Timestamp(_, Some(_)) => "TIMESTAMP WITH TIME ZONE".to_owned(),
        DataType::Timestamp(_, None) => "TIMESTAMP".to_owned(),
        DataType::Decimal128(precision, scale) => format!("DECIMAL({precision}, {scale})"),
        _ => "VARCHAR".to_owned(),
    };
    schema.fields().iter().map(|field| (field.name().clone(), kind(field.data_type()))).collect()
}

fn null(kind: &str) -> String {
    format!("CAST(NULL AS {kind})")
}

/// A literal of a type. Text cannot be cast to a boolean, so that is a word of SQL.
fn typed(text: &str, kind: &str) -> String {
    match (kind, Node::parse(text).map(|node| node.value)) {
        ("BOOLEAN", Ok(Value::Boolean(flag))) => format!("CAST({flag} AS BOOLEAN)"),
        _ => format!("CAST('{}' AS {kind})", text.replace('\'', "''")),
    }
}

/// Each row as one line, with how often it is there.
fn lines(names: &[String], batch: &RecordBatch) -> Result<BTreeMap<String, i64>, MetricsError> {
    let columns = all_texts(batch)?;
    let mut lines = BTreeMap::new();
    for row in 0..batch.num_rows() {
        let cells = names.iter().zip(&columns).map(|(name, column)| format!("{name}: {}", column.get(row).cloned().flatten().unwrap_or_else(|| "null".to_owned())));
        *lines.entry(cells.collect::<Vec<_>>().join(", ")).or_insert(0) += 1;
    }
    Ok(lines)
}

/// `- row` for what is expected and missing, `+ row` for what is there and not expected, in the order of the rows' texts.
fn compared(wanted: &BTreeMap<String, i64>, found: &BTreeMap<String, i64>) -> Vec<String> {
    let mut differences: Vec<(&String, i64)> = wanted.iter().map(|(row, count)| (row, found.get(row).copied().unwrap_or(0) - count)).collect();
    differences.extend(found.iter().filter(|(row, _)| !wanted.contains_key(*row)).map(|(row, count)| (row, *count)));
    differences.retain(|(_, more)| *more != 0);
    differences.sort();
    let line = |(row, more): (&String, i64)| {
        let times = if more.abs() == 1 { String::new() } else { format!(" ({} times)", more.abs()) };
        format!("{} {row}{times}", if more < 0 { '-' } else { '+' })
    };
    differences.into_iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::{compared, typed};

    #[test]
    fn rows_are_compared_with_their_number() {
        let wanted = [("a: 1".to_owned(), 2), ("a: 2".to_owned(), 1)].into();
        let found = [("a: 1".to_owned(), 2), ("a: 3".to_owned(), 2)].into();
        assert_eq!(compared(&wanted, &found), ["- a: 2", "+ a: 3 (2 times)"]);
    }

    #[test]
    fn literals_have_their_types() {
        assert_eq!(typed("it's", "VARCHAR"), "CAST('it''s' AS VARCHAR)");
        assert_eq!(typed("true", "BOOLEAN"), "CAST(true AS BOOLEAN)");
        assert_eq!(typed("2.50", "DECIMAL(18, 2)"), "CAST('2.50' AS DECIMAL(18, 2))");
    }
}
