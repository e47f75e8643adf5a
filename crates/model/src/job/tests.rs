//! Job files with faults: each is found with its line, and names are checked against the project.

use super::Job;
use crate::project::{Project, ProjectFiles, Settings};

fn project() -> Project {
    let yaml = "models:
  - name: orders
    semantic_model: {enabled: true}
    agg_time_dimension: ordered_on
    columns:
      - {name: order_id, entity: {type: primary, name: order}}
      - {name: ordered_on, granularity: day, dimension: {type: time}}
      - {name: channel, dimension: categorical}
    metrics:
      - {name: revenue, type: simple, agg: sum, expr: amount}
";
    let files = ProjectFiles {
        project: "name: shop\n".to_owned(),
        models: [("models/orders.sql".to_owned(), "SELECT 1 AS order_id".to_owned()), ("models/orders.yml".to_owned(), yaml.to_owned())].into(),
        macros: [].into(),
    };
    let settings = Settings { env: [("RESULTS".to_owned(), "s3://kpis".to_owned())].into(), ..Settings::default() };
    Project::parse(&files, &settings).unwrap()
}

fn faults(text: &str) -> String {
    let error = Job::parse("nightly.yml", text, &project()).unwrap_err();
    error.faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_job_is_read_with_its_defaults() {
    let text = "name: nightly\nresults: \"{{ env_var('RESULTS') }}/shop\"\ntables:\n  - name: sales\n    metrics: [revenue]\n    slices: [[], [order__channel]]\n";
    let job = Job::parse("nightly.yml", text, &project()).unwrap();
    assert_eq!(job.results, "s3://kpis/shop");
    assert_eq!(job.grains.len(), 5);
    assert_eq!(job.tables[0].slices, [vec![], vec!["order__channel".to_owned()]]);
}

#[test]
fn every_fault_of_a_job_is_found_in_one_pass() {
    let text = "name: nightly
results: out
periods: {grains: [month, fortnight]}
tables:
  - name: sales
    metrics: [revenu]
    slices: [[]]
  - name: kpi_values
    metrics: [revenue]
    slices: [[order__chanel], [metric_time__day]]
    filtr: x
  - name: sales
    metrics: []
";
    assert_eq!(
        faults(text),
        "nightly.yml:3: unknown granularity `fortnight`
nightly.yml:6: unknown metric `revenu`
  hint: did you mean `revenue`?
nightly.yml:8: table name `kpi_values` is one of the result tables that every job has
nightly.yml:10: table `kpi_values`: a slice has dimensions only, found `metric_time__day`
nightly.yml:10: table `kpi_values`: metric `revenue`: model `orders` has no dimension `metric_time__day`
nightly.yml:10: table `kpi_values`: metric `revenue`: model `orders` has no dimension `order__chanel`; did you mean `order__channel`?
nightly.yml:11: unknown key in table: `filtr`
nightly.yml:12: table `sales` is there twice
nightly.yml:12: table `sales`: expected at least one metric, found none"
    );
}

#[test]
fn a_job_without_tables_is_refused() {
    assert_eq!(faults("name: n\nresults: out\n"), "nightly.yml:1: job: expected at least one table, found none");
    assert_eq!(faults("name: [n\n").lines().count(), 1);
}
