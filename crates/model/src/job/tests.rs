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
saved_queries:
  - name: online
    query_params:
      metrics: [revenue]
      group_by: [metric_time__month, order__channel]
      where: \"{{ Dimension('order__channel') }} = 'online'\"
    exports: [{name: online_sales, config: {export_as: table}}]
  - {name: top, query_params: {metrics: [revenue], group_by: [metric_time__extract_dow], limit: 3}}
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

#[test]
fn a_custom_granularity_must_be_declared_by_the_time_spine() {
    let text = "name: n\nresults: out\nperiods: {grains: [month, fiscal_quarter]}\ntables:\n  - {name: sales, metrics: [revenue]}\n";
    assert_eq!(
        faults(text),
        "nightly.yml:3: granularity `fiscal_quarter` is not declared by the project's time spine
  hint: list it under `custom_granularities` of the model with `time_spine:`"
    );
    let mut project = project();
    project.models[0].custom_granularities.push(crate::CustomGranularity { grain: crate::Grain::FiscalQuarter, column: "fiscal_quarter".to_owned() });
    assert_eq!(project.grains().last(), Some(&crate::Grain::FiscalQuarter));
    let job = Job::parse("nightly.yml", text, &project).unwrap();
    assert_eq!(job.grains, [crate::Grain::Month, crate::Grain::FiscalQuarter]);
    let near = Job::parse("nightly.yml", &text.replace("fiscal_quarter", "fiscal_quater"), &project).unwrap_err();
    assert_eq!(near.faults[0].hint.as_deref(), Some("did you mean `fiscal_quarter`?"));
}

#[test]
fn a_saved_query_is_a_table() {
    let job = Job::parse("nightly.yml", "name: nightly\nresults: out\ntables:\n  - saved_query: online\n", &project()).unwrap();
    let table = &job.tables[0];
    assert_eq!((table.name.as_str(), table.metrics.as_slice(), table.slices.as_slice()), ("online_sales", &["revenue".to_owned()][..], &[vec!["order__channel".to_owned()]][..]));
    assert_eq!(table.grains, [crate::grain::Grain::Month]);
    assert_eq!(table.filters[0].sql, "\"order__channel\" = 'online'");
}

#[test]
fn every_fault_of_a_saved_table_is_found_in_one_pass() {
    let text = "name: nightly
results: out
tables:
  - saved_query: onlin
  - saved_query: top
  - saved_query: online
    name: online sales
    periods: {grains: [week]}
    metrics: [revenue]
";
    assert_eq!(
        faults(text),
        "nightly.yml:4: unknown saved query `onlin`
  hint: did you mean `online`?
nightly.yml:5: table `top`: saved query `top` has a `limit`, and a result table has every row
nightly.yml:5: table `top`: saved query `top` is grouped by `metric_time__extract_dow`, and the periods of a result table have a granularity
nightly.yml:6: table `online sales`: saved query `online` says its periods itself, and `periods` says others
nightly.yml:7: table name `online sales`: expected letters, digits and underscores
nightly.yml:9: unknown key in table: `metrics`"
    );
}
