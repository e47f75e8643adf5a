//! The crates' edges, as ARCHITECTURE.md draws them.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, PackageId};
use harness::root;

/// Each of our crates and those of our crates that it depends on.
const EDGES: [(&str, &[&str]); 9] = [
    ("floor", &[]),
    ("integration", &["quotient-ingest", "quotient-jobs", "quotient-metrics", "quotient-model", "quotient-report"]),
    ("quotient-cli", &["quotient-jobs", "quotient-model"]),
    ("quotient-demo", &[]),
    ("quotient-ingest", &["quotient-model"]),
    ("quotient-jobs", &["quotient-demo", "quotient-ingest", "quotient-metrics", "quotient-model", "quotient-report"]),
    ("quotient-metrics", &["quotient-model"]),
    ("quotient-model", &[]),
    ("quotient-report", &["quotient-model"]),
];

/// What `quotient-model` has nothing to do with: engines, executors, stores.
const NOT_IN_MODEL: [&str; 3] = ["object_store", "polars", "tokio"];

#[test]
fn our_crates_depend_on_each_other_as_drawn() {
    let metadata = metadata();
    let found: BTreeMap<String, BTreeSet<String>> = metadata
        .workspace_packages()
        .into_iter()
        .map(|package| {
            let ours = package.dependencies.iter().map(|dependency| dependency.name.clone()).filter(|name| name.starts_with("quotient-"));
            (package.name.to_string(), ours.collect())
        })
        .collect();
    let drawn: BTreeMap<String, BTreeSet<String>> = EDGES.iter().map(|(name, to)| ((*name).to_owned(), to.iter().map(|to| (*to).to_owned()).collect())).collect();
    assert_eq!(found, drawn);
}

#[test]
fn model_knows_no_engine_and_no_store() {
    let metadata = metadata();
    let model = metadata.packages.iter().find(|package| package.name.as_str() == "quotient-model").unwrap();
    let reached = reached_from(&metadata, &model.id);
    let names: BTreeSet<&str> = metadata.packages.iter().filter(|package| reached.contains(&package.id)).map(|package| package.name.as_str()).collect();
    let wrong: Vec<&&str> = names.iter().filter(|name| NOT_IN_MODEL.iter().any(|not| *name == not || name.starts_with(&format!("{not}-")))).collect();
    assert!(wrong.is_empty(), "quotient-model depends on {wrong:?}");
}

/// The crates that a crate is built with, over any number of steps.
fn reached_from<'a>(metadata: &'a Metadata, start: &'a PackageId) -> BTreeSet<&'a PackageId> {
    let nodes: BTreeMap<&PackageId, _> = metadata.resolve.as_ref().unwrap().nodes.iter().map(|node| (&node.id, node)).collect();
    let mut reached = BTreeSet::new();
    let mut waiting = vec![start];
    while let Some(next) = waiting.pop() {
        if reached.insert(next) {
            let built_with = nodes[next].deps.iter().filter(|dep| dep.dep_kinds.iter().any(|kind| kind.kind != DependencyKind::Development));
            waiting.extend(built_with.map(|dep| &dep.pkg));
        }
    }
    reached
}

/// The crate graph for the platform that the tests run on.
fn metadata() -> Metadata {
    let version = Command::new("rustc").arg("-vV").output().unwrap().stdout;
    let version = String::from_utf8(version).unwrap();
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).unwrap().to_owned();
    let options = ["--locked".to_owned(), "--filter-platform".to_owned(), host];
    MetadataCommand::new().manifest_path(root().join("Cargo.toml")).other_options(options).exec().unwrap()
}
