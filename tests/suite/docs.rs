//! The dictionary of the metrics: the committed one is the one that the project says, and the page shows all of it and loads nothing.

use std::fs;
use std::path::Path;

use harness::{Call, assert_none, files_below, packaged, root};
use quotient_jobs::{OpenRequest, Workspace};
use tempfile::TempDir;

const EXTRA: &str = "exposures:
  - name: board
    label: Board <script>alert(1)</script>
    type: dashboard
    owner: {name: Ada}
    depends_on: [\"metric('win_rate')\"]
";

#[test]
fn the_committed_dictionary_is_what_the_project_says() {
    let docs = Workspace::open(&packaged(Path::new("data"), "2026-01-01T00:00:00Z")).unwrap().docs().unwrap();
    let committed = fs::read_to_string(root().join("docs/kpis.md")).unwrap_or_default();
    let differs = docs.markdown.lines().zip(committed.lines()).find(|(said, found)| said != found);
    assert!(docs.markdown == committed, "docs/kpis.md is not what the project says: run `quotient docs`; first difference: {differs:?}");
}

#[test]
fn every_metric_says_all_of_itself() {
    let workspace = Workspace::open(&packaged(Path::new("data"), "2026-01-01T00:00:00Z")).unwrap();
    let mut faults = Vec::new();
    for metric in workspace.project.metrics.values() {
        let meta = &metric.meta;
        let parts = [
            ("label_ko", &meta.label_ko),
            ("unit", &meta.unit),
            ("better", &meta.better),
            ("additivity", &meta.additivity),
            ("formula", &meta.formula),
            ("null_rule", &meta.null_rule),
            ("source", &meta.source),
        ];
        faults.extend(parts.iter().filter(|(_, text)| text.is_empty()).map(|(part, _)| format!("`{}` has no `{part}`", metric.name)));
        if metric.label == metric.name {
            faults.push(format!("`{}` has no label", metric.name));
        }
        if !metric.description.contains("Grain: ") {
            faults.push(format!("the description of `{}` does not end with its grain", metric.name));
        }
    }
    assert_none(&faults);
}

#[test]
fn the_dictionary_does_not_depend_on_as_of() {
    let docs = |as_of| Workspace::open(&packaged(Path::new("data"), as_of)).unwrap().docs().unwrap();
    assert!(docs("2026-01-01T00:00:00Z") == docs("2020-06-01T12:00:00Z"));
}

#[test]
fn the_page_has_every_metric_and_loads_nothing() {
    let folder = TempDir::new().unwrap();
    let workspace = Workspace::open(&with_exposure(folder.path())).unwrap();
    let page = workspace.docs().unwrap().html;
    for metric in workspace.project.metrics.values() {
        assert!(page.contains(&format!("<article id=\"metric-{}\"", metric.name)), "{}", metric.name);
        assert!(page.contains(&metric.meta.label_ko), "{}", metric.meta.label_ko);
    }
    for part in ["<link", "src=", "@import", "url(", "onclick", "<script>alert"] {
        assert!(!page.contains(part), "the page has `{part}`");
    }
    assert_eq!(page.matches("<script>").count(), 1);
    assert!(page.contains("Board &lt;script&gt;alert(1)&lt;/script&gt;"));
    let ids: Vec<&str> = page.split(" id=\"").skip(1).filter_map(|rest| rest.split_once('"')).map(|(id, _)| id).collect();
    for target in page.split("href=\"#").skip(1).filter_map(|rest| rest.split_once('"')).map(|(target, _)| target) {
        assert!(ids.contains(&target), "nothing has the id `{target}`");
    }
}

#[test]
fn an_exposure_is_shown_where_its_metric_is_explained() {
    let folder = TempDir::new().unwrap();
    let workspace = Workspace::open(&with_exposure(folder.path())).unwrap();
    let used_by = |metric| workspace.explain(metric).unwrap().used_by;
    assert!(used_by("win_rate").contains(&"dashboard Board <script>alert(1)</script>".to_owned()));
    assert!(used_by("win_rate").contains(&"saved query new_business_by_team".to_owned()));
    assert!(used_by("won_deals").contains(&"metric win_rate".to_owned()));
    assert!(!used_by("won_deals").iter().any(|user| user.starts_with("dashboard")));
    let markdown = workspace.docs().unwrap().markdown;
    assert!(markdown.contains("### Board &lt;script>alert(1)&lt;/script>"), "{markdown}");
}

#[test]
fn docs_are_written_and_checked() {
    let folder = TempDir::new().unwrap();
    let out = folder.path().to_str().unwrap();
    let file = folder.path().join("kpis.md");
    let stale = format!("error: `{}` is not what the project says\n\nhint: `quotient docs` writes it anew\n", file.display());
    let said = Call::new(&["docs", "--check", "--out", out]).run();
    assert_eq!((said.code, said.stderr.as_str()), (Some(1), stale.as_str()));
    let said = Call::new(&["docs", "--out", out]).run();
    assert_eq!((said.code, said.stdout.as_str()), (Some(0), ""), "{}", said.stderr);
    assert_eq!(said.stderr, format!("wrote `{}` and `{}`\n", file.display(), folder.path().join("kpis.html").display()));
    assert_eq!(Call::new(&["docs", "--check", "--out", out]).run().code, Some(0));
    fs::write(&file, "# KPIs\n").unwrap();
    assert_eq!(Call::new(&["docs", "--check", "--out", out]).run().stderr, stale);
}

/// The packaged project, copied to a folder, with an exposure.
fn with_exposure(folder: &Path) -> OpenRequest {
    for (name, path) in files_below(&root().join("jobs")) {
        let copy = folder.join(&name);
        fs::create_dir_all(copy.parent().unwrap()).unwrap();
        fs::copy(path, copy).unwrap();
    }
    fs::write(folder.join("models/exposures.yml"), EXTRA).unwrap();
    OpenRequest { project_dir: folder.to_owned(), ..packaged(Path::new("data"), "2026-01-01T00:00:00Z") }
}
