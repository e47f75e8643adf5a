//! Every metric by hand: the cases in `tests/cases`, each a tiny lake, questions, and the complete answers.

use std::path::{Path, PathBuf};

use harness::{Comparison, Fixture, Grid, assert_none, check_all, files_below, packaged, query_of, read_yaml, root};
use quotient_model::{Node, Value};

/// What floats may differ by, relative.
const TOLERANCE: f64 = 1e-9;

#[test]
fn every_case_gives_the_answer_worked_out_by_hand() {
    let files: Vec<(String, PathBuf)> = files_below(&root().join("tests/cases")).into_iter().filter(|(name, _)| is_yaml(name)).collect();
    assert!(!files.is_empty(), "there are no cases");
    assert_none(&check_all(&files, |path| case(path)));
}

#[test]
fn the_catalogue_has_every_case_with_its_description() {
    let folder = root().join("tests/cases");
    let catalogue = std::fs::read_to_string(folder.join("README.md")).unwrap();
    let faults: Vec<String> = files_below(&folder)
        .into_iter()
        .filter(|(name, _)| is_yaml(name))
        .map(|(name, path)| format!("- `{name}`: {}", read_yaml(&path).get("description").and_then(Node::text).unwrap_or_default().trim()))
        .filter(|line| !catalogue.lines().any(|other| other == line))
        .map(|line| format!("README.md lacks the line {line}"))
        .collect();
    assert_none(&faults);
}

#[test]
fn every_metric_has_a_case() {
    let asked: std::collections::BTreeSet<String> = files_below(&root().join("tests/cases"))
        .into_iter()
        .filter(|(name, _)| is_yaml(name))
        .flat_map(|(_, path)| read_yaml(&path).get("expect").map(Node::items).unwrap_or_default().to_vec())
        .flat_map(|question| query_of(question.get("query").unwrap()).metrics)
        .collect();
    let workspace = quotient_jobs::Workspace::open(&packaged(&root().join("data"), "2026-01-01T00:00:00Z")).unwrap();
    let metrics = workspace.project.metrics.values().filter(|metric| !metric.private);
    let faults: Vec<String> = metrics.filter(|metric| !asked.contains(&metric.name)).map(|metric| format!("`{}` has no case", metric.name)).collect();
    assert_none(&faults);
}

/// What is wrong with the answers to one case.
fn case(path: &Path) -> Vec<String> {
    let case = read_yaml(path);
    let fixture = Fixture::given(case.get("given").unwrap_or(&Node { line: 0, value: Value::Null }));
    let as_of = case.get("as_of").and_then(Node::text).unwrap_or_else(|| panic!("the case has no `as_of`"));
    let mut request = packaged(&fixture.lake(), &as_of);
    request.vars = case.get("vars").map(Node::entries).unwrap_or_default().iter().filter_map(|var| Some((var.key.clone(), var.node.text()?))).collect();
    let workspace = match quotient_jobs::Workspace::open(&request) {
        Ok(workspace) => workspace,
        Err(error) => return vec![error.to_string()],
    };
    let questions = case.get("expect").map(Node::items).unwrap_or_default();
    assert!(!questions.is_empty(), "the case expects nothing");
    questions.iter().flat_map(|question| answer(&workspace, question)).collect()
}

/// What is wrong with the answer to one question.
fn answer(workspace: &quotient_jobs::Workspace, question: &Node) -> Vec<String> {
    let query = query_of(question.get("query").unwrap_or_else(|| panic!("line {}: no `query`", question.line)));
    let name = format!("line {}, {} by {}", question.line, query.metrics.join(", "), if query.group_by.is_empty() { "nothing".to_owned() } else { query.group_by.join(", ") });
    let batch = match workspace.query(&query) {
        Ok(batch) => batch,
        Err(error) => return vec![format!("{name}: {error}")],
    };
    let rows = question.get("rows").unwrap_or_else(|| panic!("line {}: no `rows`", question.line));
    let columns: Vec<String> = query.group_by.iter().chain(&query.metrics).cloned().collect();
    let wanted = Grid::of_rows(rows.items(), &columns, batch.schema_ref());
    let found = Grid::of_batch(&batch);
    let comparison = Comparison { wanted: &wanted, found: &found, keys: &query.group_by, tolerance: TOLERANCE };
    comparison.differences().iter().map(|difference| format!("{name}: {difference}")).collect()
}

fn is_yaml(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|extension| extension == "yml")
}
