//! Definitions in other tools' forms: nothing is lost without a word, and the tools take them.
//!
//! Whether MetricFlow takes them is asked by `export.py`, beside this file, in the interpreter that `QUOTIENT_METRICFLOW_PYTHON` names.

use std::fs;
use std::path::Path;
use std::process::Command;

use harness::{Call, packaged, root, skip};
use quotient_jobs::{ExportFormat, Workspace};
use quotient_model::Node;
use tempfile::TempDir;

fn workspace() -> Workspace {
    Workspace::open(&packaged(Path::new("data"), "2026-01-01T00:00:00Z")).unwrap()
}

#[test]
fn a_metric_is_exported_or_its_loss_is_told() {
    let workspace = workspace();
    for format in [ExportFormat::Metricflow, ExportFormat::Ossie] {
        let exported = workspace.export(format);
        let document = Node::parse(&exported.text).unwrap();
        let metrics = match format {
            ExportFormat::Metricflow => document.get("metrics"),
            ExportFormat::Ossie => document.get("semantic_model").unwrap().items()[0].get("metrics"),
        };
        let there: Vec<String> = metrics.unwrap().items().iter().map(|metric| metric.get("name").unwrap().text().unwrap()).collect();
        for name in workspace.project.metrics.keys() {
            let is_there = there.contains(name);
            let is_told = exported.losses.iter().any(|loss| loss.starts_with(&format!("metric `{name}` is left out: ")));
            assert!(is_there != is_told, "{format:?}: metric `{name}`: exported {is_there}, told as lost {is_told}");
        }
    }
}

#[test]
fn losses_are_told_on_stderr_and_definitions_on_stdout() {
    let said = Call::new(&["export", "--format", "metricflow"]).run();
    let exported = workspace().export(ExportFormat::Metricflow);
    assert_eq!((said.code, said.stdout), (Some(0), exported.text));
    assert!(said.stderr.starts_with(&format!("{} things that the format cannot say:\n  ", exported.losses.len())), "{}", said.stderr);
    assert!(said.stderr.contains("\n  metric `demand_share`: its denominator is the total of the period; MetricFlow groups it as it groups the numerator\n"), "{}", said.stderr);
    assert_eq!(said.stderr.lines().count(), exported.losses.len() + 1);
}

#[test]
fn metricflow_takes_both_forms() {
    let Some(python) = std::env::var_os("QUOTIENT_METRICFLOW_PYTHON") else {
        skip("export", "QUOTIENT_METRICFLOW_PYTHON names no interpreter with dbt-metricflow");
        return;
    };
    let folder = TempDir::new().unwrap();
    let (manifest, document) = (folder.path().join("semantic_manifest.json"), folder.path().join("ossie.json"));
    fs::write(&manifest, workspace().export(ExportFormat::Metricflow).text).unwrap();
    fs::write(&document, workspace().export(ExportFormat::Ossie).text).unwrap();
    let output = Command::new(python).arg(root().join("tests/suite/export.py")).arg(&manifest).arg(&document).output().unwrap();
    let (said, faults) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(output.status.success(), "{faults}{said}");
    let metrics = workspace().project.metrics.len();
    assert!(said.starts_with(&format!("{metrics} metrics")), "{said}");
}
