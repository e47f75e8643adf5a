//! What the program says of faulty projects and jobs: every text of `tests/cli/faults`, whole.
//!
//! A file is a project of small files, each after a line `--- PATH`, and after `===` the faults, as they are printed.
//! `dbt_project.yml` has a name where the file gives none; `job.yml` is a job, read where the project itself has no fault.
//! `QUOTIENT_BLESS=1` writes what was found behind `===`.

use std::path::Path;

use harness::{assert_none, check_all, files_below, root};
use quotient_model::{Fault, Job, Project, ProjectFiles, Settings};

#[test]
fn every_fault_is_said_as_its_page_says() {
    let pages = files_below(&root().join("tests/cli/faults"));
    assert!(pages.len() > 5, "there are {} pages of faults", pages.len());
    let bless = std::env::var_os("QUOTIENT_BLESS").is_some();
    assert_none(&check_all(&pages, |path| page(path, bless)));
}

fn page(path: &Path, bless: bool) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap();
    let (project, wanted) = text.split_once("===\n").unwrap_or((&text, ""));
    let found = faults(project);
    if bless {
        std::fs::write(path, format!("{project}===\n{found}")).unwrap();
        return Vec::new();
    }
    let lines = wanted.lines().zip(found.lines()).find(|(wanted, found)| wanted != found);
    if wanted == found { Vec::new() } else { vec![format!("expected {} lines, found {}; first difference: {lines:?}", wanted.lines().count(), found.lines().count())] }
}

/// The faults of a project in one text, one after the other.
fn faults(text: &str) -> String {
    let mut files = ProjectFiles { project: "name: shop\n".to_owned(), ..ProjectFiles::default() };
    let mut job = None;
    for part in text.split("--- ").skip(1) {
        let (path, text) = part.split_once('\n').unwrap();
        match path {
            "dbt_project.yml" => text.clone_into(&mut files.project),
            "job.yml" => job = Some(text.to_owned()),
            path if path.starts_with("macros/") => _ = files.macros.insert(path.to_owned(), text.to_owned()),
            path => _ = files.models.insert(path.to_owned(), text.to_owned()),
        }
    }
    let said = |faults: &[Fault]| faults.iter().map(|fault| format!("{fault}\n")).collect::<Vec<String>>().concat();
    match (Project::parse(&files, &Settings::default()), job) {
        (Err(error), _) => said(&error.faults),
        (Ok(project), Some(job)) => Job::parse("job.yml", &job, &project).map_or_else(|error| said(&error.faults), |_| String::new()),
        (Ok(_), None) => String::new(),
    }
}
