//! Recorded data: the reference answers of two projects over data that others recorded.
//!
//! They run where `QUOTIENT_EXTERNAL_DATA` names the folder of the data; tests/projects/README.md has the format of `answers.yml`.

use std::path::{Path, PathBuf};

use harness::{Cell, Comparison, Grid, assert_none, check_all, query_of, read_yaml, root, skip};
use quotient_jobs::{OpenRequest, QueryRequest, Workspace};
use quotient_model::Node;

/// The text of a dimension that is missing.
const NONE: &str = "(none)";

#[test]
fn maven_gives_the_reference_answers() {
    project("maven");
}

#[test]
fn bpi_gives_the_reference_answers() {
    project("bpi");
}

/// A project and what belongs to all of its checks.
struct Project {
    folder: PathBuf,
    data: PathBuf,
    as_of: String,
    tolerance: f64,
}

fn project(name: &str) {
    let Some(data) = std::env::var_os("QUOTIENT_EXTERNAL_DATA") else {
        skip(&format!("project {name}"), "QUOTIENT_EXTERNAL_DATA is not set");
        return;
    };
    // Relative to where the tests were started: the repository.
    let data = root().join(data).canonicalize().unwrap();
    let folder = root().join("tests/projects").join(name);
    let answers = read_yaml(&folder.join("answers.yml"));
    let settings = read_yaml(&folder.join("dbt_project.yml"));
    let project = Project {
        folder,
        data,
        as_of: settings.get("vars").and_then(|vars| vars.get("as_of")).and_then(Node::text).unwrap(),
        tolerance: answers.get("tolerance").and_then(Node::text).and_then(|text| text.parse().ok()).unwrap(),
    };
    let reference = project.data.join(answers.get("folder").and_then(Node::text).unwrap());
    let checks: Vec<(String, &Node)> = answers.get("checks").map(Node::items).unwrap_or_default().iter().map(|check| (name_of(check), check)).collect();
    assert!(!checks.is_empty(), "project {name} has no checks");
    assert_none(&check_all(&checks, |check| project.faults(check, &reference).unwrap_or_else(|error| vec![error])));
}

impl Project {
    /// What is wrong with our answer to one check.
    fn faults(&self, check: &Node, reference: &Path) -> Result<Vec<String>, String> {
        let query = query_of(check.get("query").unwrap_or_else(|| panic!("line {}: no `query`", check.line)));
        let batch = self.open(check)?.query(&query).map_err(|error| error.to_string())?;
        let found = Grid::of_batch(&batch);
        let (wanted, keys) = match check.get("file").and_then(Node::text) {
            None => {
                let columns: Vec<String> = query.group_by.iter().chain(&query.metrics).cloned().collect();
                (Grid::of_rows(check.get("rows").map(Node::items).unwrap_or_default(), &columns, batch.schema_ref()), query.group_by.clone())
            }
            Some(file) => (reference_answer(check, &reference.join(file), &batch), joined(check, &query)),
        };
        let comparison = Comparison { wanted: &wanted, found: &found, keys: &keys, tolerance: self.tolerance };
        Ok(comparison.differences().iter().map(ToString::to_string).collect())
    }

    fn open(&self, check: &Node) -> Result<Workspace, String> {
        let mut as_of = self.as_of.clone();
        let mut request = OpenRequest {
            project_dir: self.folder.clone(),
            env: [("QUOTIENT_EXTERNAL_DATA".to_owned(), self.data.to_str().unwrap().to_owned())].into(),
            vars: std::collections::BTreeMap::new(),
            as_of: chrono::DateTime::UNIX_EPOCH,
        };
        for var in check.get("vars").map(Node::entries).unwrap_or_default() {
            let value = var.node.text().unwrap();
            if var.key == "as_of" {
                as_of = value;
            } else {
                request.vars.insert(var.key.clone(), value);
            }
        }
        request.as_of = as_of.parse().unwrap();
        Workspace::open(&request).map_err(|error| error.to_string())
    }
}

/// The rows of a reference answer, its columns named as ours are; columns that nobody asked for are left out.
fn reference_answer(check: &Node, file: &Path, batch: &arrow::array::RecordBatch) -> Grid {
    let text = std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let header: Vec<String> = reader.headers().unwrap().iter().map(str::to_owned).collect();
    let at = |column: &str| header.iter().position(|name| name == column).unwrap_or_else(|| panic!("{} has no column `{column}`", file.display()));
    let named = |key: &str| check.get(key).map(Node::entries).unwrap_or_default().iter().map(|entry| (at(&entry.key), entry.node.text().unwrap())).collect::<Vec<_>>();
    let (keys, metrics) = (named("join_on"), named("columns"));
    let left_out: Vec<Vec<(usize, String)>> =
        check.get("leave_out").map(Node::items).unwrap_or_default().iter().map(|row| row.entries().iter().map(|e| (at(&e.key), e.node.text().unwrap())).collect()).collect();
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.unwrap();
        if left_out.iter().any(|row| row.iter().all(|(at, value)| record[*at] == **value)) {
            continue;
        }
        let key = keys.iter().map(|(at, _)| Cell::Text(if record[*at].is_empty() { NONE.to_owned() } else { record[*at].to_owned() }));
        let value = metrics.iter().map(|(at, metric)| {
            let field = batch.schema_ref().field_with_name(metric).unwrap_or_else(|_| panic!("the query does not ask for `{metric}`"));
            Cell::read(&record[*at], field.data_type())
        });
        rows.push(key.chain(value).collect());
    }
    Grid { columns: keys.into_iter().chain(metrics).map(|(_, name)| name).collect(), rows }
}

/// The group-by items that name a row of the reference answer.
fn joined(check: &Node, query: &QueryRequest) -> Vec<String> {
    let items: Vec<String> = check.get("join_on").map(Node::entries).unwrap_or_default().iter().filter_map(|entry| entry.node.text()).collect();
    assert!(items.iter().all(|item| query.group_by.contains(item)), "line {}: `join_on` names what the query does not group by", check.line);
    items
}

fn name_of(check: &Node) -> String {
    check.get("name").and_then(Node::text).unwrap_or_else(|| format!("line {}", check.line))
}
