//! Another engine's answers: what MetricFlow on DuckDB, and SQL by hand on DuckDB, say of the sample lake;
//! of the packaged project, and of the options of the language that it does not use (tests/projects/language).
//!
//! `tests/conformance/differences.yml` names where the answers differ, and why; an entry that covers no difference is a fault.

use std::path::{Path, PathBuf};

use harness::{Comparison, Difference, Grid, assert_none, check_all, project_over, read_yaml, root, texts};
use quotient_jobs::{QueryRequest, Workspace};
use quotient_model::Node;

/// The answers have twelve digits of a float.
const TOLERANCE: f64 = 1e-9;

/// One file of answers.
struct Question {
    /// The file.
    path: PathBuf,
    metrics: Vec<String>,
    group_by: Vec<String>,
    filters: Vec<String>,
    as_of: String,
    lake: PathBuf,
    /// The folder of the project that is asked.
    project: PathBuf,
}

/// A difference that is known, and why it is none of ours.
struct Known {
    place: usize,
    file: String,
    metric: Option<String>,
    row: Vec<(String, String)>,
}

#[test]
fn answers_equal_those_of_metricflow() {
    compare("metricflow/answers", "jobs");
}

#[test]
fn answers_equal_those_of_duckdb() {
    compare("duckdb", "jobs");
}

#[test]
fn answers_of_the_language_project_equal_those_of_metricflow() {
    compare("language/answers", "tests/projects/language");
}

/// Compares every answer of a folder with that of a project.
fn compare(folder: &str, project: &str) {
    let conformance = root().join("tests/conformance");
    let known = known(&conformance.join("differences.yml"), folder);
    let questions = questions(&conformance.join(folder), folder, &root().join(project));
    let used = std::sync::Mutex::new(vec![false; known.len()]);
    let mut faults = check_all(&questions, |question| {
        let file = format!("{folder}/{}", question.path.file_name().unwrap().to_string_lossy());
        let differences = match differences(question) {
            Ok(differences) => differences,
            Err(error) => return vec![error],
        };
        let covering = |difference: &Difference| known.iter().position(|known| known.covers(&file, difference));
        let (covered, open): (Vec<&Difference>, Vec<&Difference>) = differences.iter().partition(|difference| covering(difference).is_some());
        for at in covered.into_iter().filter_map(covering) {
            used.lock().unwrap()[at] = true;
        }
        open.into_iter().map(ToString::to_string).collect()
    });
    let unused = known.iter().zip(used.into_inner().unwrap()).filter(|(_, used)| !used);
    faults.extend(unused.map(|(known, _)| format!("differences.yml:{}: {} does not differ there any more", known.place, known.file)));
    assert_none(&faults);
}

/// What each file of a folder answers of a project, by its `queries.yml`.
fn questions(folder: &Path, name: &str, project: &Path) -> Vec<(String, Question)> {
    let index = read_yaml(&folder.join("queries.yml"));
    let text = |key: &str| index.get(key).and_then(Node::text).unwrap_or_else(|| panic!("{name}/queries.yml: no `{key}`"));
    let question = |node: &Node| {
        let file = node.get("file").and_then(Node::text).unwrap();
        let question = Question {
            path: folder.join(&file),
            metrics: texts(node, "metrics"),
            group_by: texts(node, "group_by"),
            filters: texts(node, "where"),
            as_of: text("as_of"),
            lake: root().join(text("lake")),
            project: project.to_owned(),
        };
        (format!("{name}/{file}"), question)
    };
    let questions: Vec<(String, Question)> = index.get("queries").map(Node::items).unwrap_or_default().iter().map(question).collect();
    assert!(!questions.is_empty(), "{name}/queries.yml names no answer");
    questions
}

fn differences(question: &Question) -> Result<Vec<Difference>, String> {
    let workspace = Workspace::open(&project_over(&question.project, &question.lake, &question.as_of)).map_err(|error| error.to_string())?;
    let request = QueryRequest { metrics: question.metrics.clone(), group_by: question.group_by.clone(), filters: question.filters.clone(), ..QueryRequest::default() };
    let batch = workspace.query(&request).map_err(|error| error.to_string())?;
    let answer = std::fs::read_to_string(&question.path).map_err(|error| error.to_string())?;
    let (wanted, found) = (Grid::of_csv(&answer, batch.schema_ref()), Grid::of_batch(&batch));
    Ok(Comparison { wanted: &wanted, found: &found, keys: &question.group_by, tolerance: TOLERANCE }.differences())
}

/// The entries of `differences.yml` about one folder.
fn known(path: &Path, folder: &str) -> Vec<Known> {
    let list = read_yaml(path);
    let entry = |node: &Node| {
        let text = |key: &str| node.get(key).and_then(Node::text).filter(|text| !text.is_empty());
        assert!(text("reason").is_some(), "differences.yml:{}: no `reason`", node.line);
        Known {
            place: node.line,
            file: text("file").unwrap_or_else(|| panic!("differences.yml:{}: no `file`", node.line)),
            metric: text("metric"),
            row: node.get("row").map(Node::entries).unwrap_or_default().iter().filter_map(|key| Some((key.key.clone(), key.node.text()?))).collect(),
        }
    };
    list.get("differences").map(Node::items).unwrap_or_default().iter().map(entry).filter(|known| Path::new(&known.file).parent() == Some(Path::new(folder))).collect()
}

impl Known {
    /// Whether a difference is the one meant: the file, the columns that name the row, and the metric where one is given.
    fn covers(&self, file: &str, difference: &Difference) -> bool {
        self.file == file && self.row.iter().all(|key| difference.row.contains(key)) && self.metric.as_ref().is_none_or(|metric| difference.column.as_ref() == Some(metric))
    }
}
