//! Where things are: the repository, the packaged project, a small demo lake; and questions as case files put them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use chrono::NaiveDate;
use quotient_jobs::{DemoRequest, OpenRequest, QueryRequest, generate};
use quotient_model::Node;

/// The repository.
#[must_use]
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The packaged project over a lake, as of an RFC 3339 instant.
#[must_use]
pub fn packaged(lake: &Path, as_of: &str) -> OpenRequest {
    project_over(&root().join("jobs"), lake, as_of)
}

/// A project that reads the packaged sources, over a lake, as of an RFC 3339 instant.
#[must_use]
pub fn project_over(project: &Path, lake: &Path, as_of: &str) -> OpenRequest {
    OpenRequest {
        project_dir: project.to_owned(),
        env: BTreeMap::from([("QUOTIENT_LAKE".to_owned(), lake.to_str().unwrap().to_owned())]),
        vars: BTreeMap::new(),
        as_of: as_of.parse().unwrap_or_else(|_| panic!("as_of: expected an RFC 3339 instant in UTC, found `{as_of}`")),
    }
}

/// A lake of about two thousand order lines from January 2024 to March 2025, in a folder that is not there yet.
pub fn demo_lake(directory: &Path) {
    let request = DemoRequest {
        directory: directory.to_owned(),
        scale: 0.003,
        seed: 7,
        from: NaiveDate::from_ymd_opt(2024, 1, 1).unwrap(),
        to: NaiveDate::from_ymd_opt(2025, 4, 1).unwrap(),
    };
    generate(&request).unwrap();
}

/// A file of the tests as YAML.
#[must_use]
pub fn read_yaml(path: &Path) -> Node {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    Node::parse(&text).unwrap_or_else(|(line, message)| panic!("{}:{line}: {message}", path.display()))
}

/// The texts of a list, or of one scalar; none where there is no such key.
#[must_use]
pub fn texts(node: &Node, key: &str) -> Vec<String> {
    let Some(value) = node.get(key) else { return Vec::new() };
    let items = value.items();
    if items.is_empty() { value.text().into_iter().filter(|text| !text.is_empty()).collect() } else { items.iter().filter_map(Node::text).collect() }
}

/// A question as a case file puts it: `{metrics: [...], group_by: [...], where: ...}`.
#[must_use]
pub fn query_of(node: &Node) -> QueryRequest {
    for entry in node.entries() {
        assert!(["metrics", "group_by", "where"].contains(&entry.key.as_str()), "line {}: a query has no key `{}`", entry.line, entry.key);
    }
    QueryRequest { metrics: texts(node, "metrics"), group_by: texts(node, "group_by"), filters: texts(node, "where"), ..QueryRequest::default() }
}

/// Every file below a folder, sorted; with its path relative to it.
#[must_use]
pub fn files_below(folder: &Path) -> Vec<(String, PathBuf)> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(&next).unwrap_or_else(|error| panic!("{}: {error}", next.display())) {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.push((path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned(), path));
            }
        }
    }
    files.sort();
    files
}

/// Says on stderr that a test did not run, and why.
#[expect(clippy::print_stderr, reason = "whoever reads the test's output should know")]
pub fn skip(test: &str, why: &str) {
    eprintln!("skipped: {test}: {why}");
}
