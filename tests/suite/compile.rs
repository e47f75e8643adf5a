//! Compiled SQL gives our numbers: every metric of the packaged project, by month in total and by one dimension.
//!
//! `DuckDB` runs the statements over the sample lake, by `compile.py` beside this file; without it that part is skipped.
//! Counts and money are compared to the last digit. Spark's statements are compiled here, and run by
//! `tests/spark/answers.py`.

use std::path::Path;
use std::process::Command;

use harness::{Comparison, Grid, assert_none, check_all, packaged, python_with, root};
use quotient_jobs::{Dialect, QueryRequest, Workspace};
use tempfile::TempDir;

/// What floats may differ by, relative: the order of additions is `DuckDB`'s own.
const TOLERANCE: f64 = 1e-9;

/// As-of of the sample lake: the day after its last.
const AS_OF: &str = "2026-01-01T00:00:00Z";

/// Dimensions to group by, the first that a metric has: over a join, by validity, of the fact itself.
const DIMENSIONS: [&str; 4] = ["rep__team", "product__family", "customer__segment", "lead__source"];

/// One statement, and the query that it answers.
struct Question {
    file: String,
    request: QueryRequest,
    sql: String,
}

#[test]
fn compiled_sql_gives_our_numbers() {
    let lake = root().join("data");
    let workspace = Workspace::open(&packaged(&lake, AS_OF)).unwrap();
    let (questions, mut faults) = questions(&workspace);
    assert!(questions.len() > 100, "{} questions were compiled", questions.len());
    let folder = TempDir::new().unwrap();
    for (_, question) in &questions {
        std::fs::write(folder.path().join(format!("{}.sql", question.file)), &question.sql).unwrap();
    }
    let Some(python) = python_with(&["duckdb"], "compile") else {
        assert_none(&faults);
        return;
    };
    let output = Command::new(python).arg(root().join("tests/suite/compile.py")).arg(folder.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    faults.extend(check_all(&questions, |question| differences(&lake, folder.path(), question)));
    assert_none(&faults);
}

#[test]
fn every_metric_has_a_statement_for_spark() {
    let workspace = Workspace::open(&packaged(&root().join("data"), AS_OF)).unwrap();
    let mut faults = Vec::new();
    for (metric, _) in workspace.project.metrics.iter().filter(|(_, metric)| !metric.private) {
        let request = QueryRequest { metrics: vec![metric.clone()], group_by: vec!["metric_time__month".to_owned()], ..QueryRequest::default() };
        match workspace.compile(&request, Dialect::Spark) {
            Err(error) => faults.push(format!("{metric}: {error}")),
            Ok(sql) => {
                faults
                    .extend(["\"", "VARCHAR", "WITH TIME ZONE", "read_parquet"].iter().filter(|word| sql.contains(**word)).map(|word| format!("{metric}: {word} in Spark's SQL")));
            }
        }
    }
    assert_none(&faults);
}

/// Every metric by month, in total and by a dimension; and which of them are refused.
fn questions(workspace: &Workspace) -> (Vec<(String, Question)>, Vec<String>) {
    let (mut questions, mut faults) = (Vec::new(), Vec::new());
    // A private metric is only asked for by others, and compiled with them.
    for (metric, _) in workspace.project.metrics.iter().filter(|(_, metric)| !metric.private) {
        let mut slices: Vec<Option<String>> = vec![None];
        slices.extend(dimension(workspace, metric).map(Some));
        for slice in slices {
            let group_by: Vec<String> = std::iter::once("metric_time__month".to_owned()).chain(slice).collect();
            let file = std::iter::once(metric.clone()).chain(group_by.iter().skip(1).cloned()).collect::<Vec<_>>().join(".");
            let request = QueryRequest { metrics: vec![metric.clone()], group_by, ..QueryRequest::default() };
            match workspace.compile(&request, Dialect::DuckDb) {
                Ok(sql) => questions.push((file.clone(), Question { file, request, sql })),
                Err(error) => faults.push(format!("{file}: {error}")),
            }
        }
    }
    (questions, faults)
}

/// A dimension that a metric can be grouped by: of the usual ones, or the first that is no time.
fn dimension(workspace: &Workspace, metric: &str) -> Option<String> {
    let items = workspace.explain(metric).unwrap().group_by;
    let usual = DIMENSIONS.iter().find(|usual| items.iter().any(|item| item == *usual)).map(|usual| (*usual).to_owned());
    usual.or_else(|| items.into_iter().find(|item| item.contains("__") && !item.ends_with("_at") && !item.ends_with("_on")))
}

fn differences(lake: &Path, folder: &Path, question: &Question) -> Vec<String> {
    let error = folder.join(format!("{}.error", question.file));
    if error.exists() {
        return vec![std::fs::read_to_string(error).unwrap()];
    }
    let workspace = Workspace::open(&packaged(lake, AS_OF)).unwrap();
    let ours = match workspace.query(&question.request) {
        Ok(ours) => ours,
        Err(error) => return vec![error.to_string()],
    };
    let theirs = std::fs::read_to_string(folder.join(format!("{}.csv", question.file))).unwrap();
    let (wanted, found) = (Grid::of_batch(&ours), Grid::of_csv(&theirs, ours.schema_ref()));
    let comparison = Comparison { wanted: &wanted, found: &found, keys: &question.request.group_by, tolerance: TOLERANCE };
    comparison.differences().iter().map(ToString::to_string).collect()
}
