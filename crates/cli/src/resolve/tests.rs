//! What arguments mean, and the full text of every refusal.

use std::collections::BTreeMap;
use std::path::PathBuf;

use chrono::{DateTime, Utc};
use clap::Parser as _;
use quotient_jobs::ExportFormat;

use super::{Answer, Surroundings, Task, resolve};
use crate::args::Cli;
use crate::session::Session;
use crate::usage::UsageError;

fn now() -> DateTime<Utc> {
    "2026-05-04T03:02:01Z".parse().unwrap()
}

fn resolved(arguments: &[&str]) -> Result<(Session, Task), UsageError> {
    let typed = [&["quotient"][..], arguments].concat();
    let around = Surroundings { now: now(), env: BTreeMap::new(), has_terminal: true };
    resolve(Cli::try_parse_from(typed).unwrap(), around)
}

fn refusal(arguments: &[&str]) -> String {
    resolved(arguments).map(|_| ()).unwrap_err().to_string()
}

#[test]
fn as_of_is_the_clock_an_instant_or_the_midnight_of_a_date() {
    let as_of = |arguments: &[&str]| resolved(arguments).unwrap().0.as_of.to_rfc3339();
    assert_eq!(as_of(&["check"]), "2026-05-04T03:02:01+00:00");
    assert_eq!(as_of(&["check", "--as-of", "2026-01-01"]), "2026-01-01T00:00:00+00:00");
    assert_eq!(as_of(&["--as-of", "2026-01-01T00:30:00+01:00", "check"]), "2025-12-31T23:30:00+00:00");
    assert_eq!(
        refusal(&["check", "--as-of", "yesterday"]),
        "`--as-of` is `yesterday`, expected an instant or a date\n\nhint: write an instant as `2026-01-31T06:00:00Z`, or a date as `2026-01-31`"
    );
}

#[test]
fn vars_are_named_once() {
    let (session, _) = resolved(&["check", "--var", "grace_days=30", "--var", "note=a=b"]).unwrap();
    let pairs: Vec<(&str, &str)> = session.vars.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(pairs, [("grace_days", "30"), ("note", "a=b")]);
    assert_eq!(refusal(&["check", "--var", "grace_days"]), "`--var` is `grace_days`, expected `name=value`");
    assert_eq!(refusal(&["check", "--var", "=30"]), "`--var` is `=30`, expected `name=value`");
    assert_eq!(refusal(&["check", "--var", "a=1", "--var", "a=2"]), "`--var` sets `a` twice, expected each var once");
    assert_eq!(refusal(&["check", "--var", "as_of=2026-01-01"]), "`--var` sets `as_of`, expected another var\n\nhint: `--as-of` sets it");
}

#[test]
fn quiet_draws_no_progress() {
    assert!(resolved(&["check"]).unwrap().0.shows_progress);
    assert!(!resolved(&["check", "--quiet"]).unwrap().0.shows_progress);
    assert!(!resolved(&["check", "--no-progress"]).unwrap().0.shows_progress);
}

#[test]
fn init_goes_to_the_project_unless_a_folder_is_named() {
    let directory = |arguments: &[&str]| match resolved(arguments).unwrap().1 {
        Task::Init { directory } => directory,
        _ => unreachable!("another command"),
    };
    assert_eq!(directory(&["init", "--project", "kpis"]), PathBuf::from("kpis"));
    assert_eq!(directory(&["init", "--project", "kpis", "mine"]), PathBuf::from("mine"));
}

#[test]
fn query_takes_lists_and_a_minus() {
    let (_, task) = resolved(&[
        "query",
        "--metrics",
        "win_rate, won_deals",
        "--group-by=metric_time__month,rep__team",
        "--where",
        "a = 1, b",
        "--where",
        "c",
        "--start-time",
        "2025-01-01",
        "--order",
        "-win_rate,rep__team",
        "--limit",
        "3",
    ])
    .unwrap();
    let Task::Query(question) = task else { unreachable!("another command") };
    assert_eq!(question.answer, Answer::Rows);
    assert_eq!(question.request.metrics, ["win_rate", "won_deals"]);
    assert_eq!(question.request.group_by, ["metric_time__month", "rep__team"]);
    assert_eq!(question.request.filters, ["a = 1, b", "c"]);
    assert_eq!(question.request.start.unwrap().to_string(), "2025-01-01");
    assert_eq!(question.request.end, None);
    assert_eq!(question.request.order, ["-win_rate", "rep__team"]);
    assert_eq!(question.request.limit, Some(3));
}

#[test]
fn query_refuses_gaps_and_ranges_that_end_before_they_start() {
    assert_eq!(refusal(&["query", "--metrics", "a,,b"]), "`--metrics` has an empty name, expected names with commas between them");
    assert_eq!(refusal(&["query", "--metrics", "a", "--end-time", "31.12.2025"]), "`--end-time` is `31.12.2025`, expected a date\n\nhint: write a date as `2026-01-31`");
    assert_eq!(
        refusal(&["query", "--metrics", "a", "--start-time", "2026-01-01", "--end-time", "2025-12-31"]),
        "`--start-time` is 2026-01-01, expected a day no later than `--end-time`, which is 2025-12-31"
    );
}

#[test]
fn demo_has_defaults() {
    let (_, task) = resolved(&["demo"]).unwrap();
    let Task::Demo(request) = task else { unreachable!("another command") };
    assert_eq!(request.directory, PathBuf::from("data"));
    assert!((request.scale - 0.02).abs() < f64::EPSILON);
    assert_eq!(request.seed, 7);
    assert_eq!((request.from.to_string(), request.to.to_string()), ("2024-01-01".to_owned(), "2026-01-01".to_owned()));
}

#[test]
fn the_forms_of_export_are_for_export_alone() {
    let format = |arguments: &[&str]| match resolved(arguments).unwrap().1 {
        Task::Export { format, .. } => format,
        _ => unreachable!("another command"),
    };
    assert_eq!(format(&["export", "--format", "metricflow"]), ExportFormat::Metricflow);
    assert_eq!(format(&["--format", "ossie", "export", "--out", "model.json"]), ExportFormat::Ossie);
    assert_eq!(refusal(&["export"]), "`--format` is `table`, expected `metricflow` or `ossie`");
    assert_eq!(refusal(&["check", "--format", "ossie"]), "`--format` is `ossie`, expected `table`, `json` or `csv`\n\nhint: `ossie` is a form of `quotient export`");
}

#[test]
fn a_saved_query_needs_no_metrics() {
    let (_, task) = resolved(&["query", "--saved-query", "new_business_by_team", "--limit", "3"]).unwrap();
    let Task::Query(question) = task else { unreachable!("another command") };
    assert_eq!((question.saved.as_deref(), question.request.limit), (Some("new_business_by_team"), Some(3)));
    assert!(question.request.metrics.is_empty());
}
