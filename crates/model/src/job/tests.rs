//! Job files with faults: each is found with its line, and names are checked against the project.

use std::time::Duration;

use super::{CatchUp, Job, Policy, Retries};
use crate::project::{Project, ProjectFiles, Settings};

/// The rest of a job that has no fault.
const REST: &str = "results: out\ntables:\n  - {name: sales, metrics: [revenue]}\n";

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

#[test]
fn a_job_says_how_it_is_run() {
    let text = format!(
        "name: nightly
schedule: \"0  2 * * mon-fri\"
catch_up: none
timeout: 2 hours
retries: {{times: 2, wait: 5 minutes}}
on_failure: {{command: [mail, \"{{{{ env_var('RESULTS') }}}}\"], webhook: \"https://hooks.example/{{{{ env_var('TOKEN', 't0') }}}}\"}}
openlineage: {{file: lineage.jsonl, url: \"http://marquez:5000/api/v1/lineage\", namespace: shop}}
{REST}"
    );
    let job = Job::parse("nightly.yml", &text, &project()).unwrap();
    assert_eq!(job.schedule.as_deref(), Some("0 2 * * mon-fri"));
    let policy = job.policy;
    assert_eq!((policy.catch_up, policy.timeout), (CatchUp::Nothing, Some(Duration::from_hours(2))));
    assert_eq!(policy.retries, Retries { times: 2, wait: Duration::from_mins(5) });
    assert_eq!(policy.on_failure.command, ["mail", "s3://kpis"]);
    assert_eq!(policy.on_failure.webhook.as_deref(), Some("https://hooks.example/t0"));
    let lineage = policy.openlineage.unwrap();
    assert_eq!(lineage.file.as_deref(), Some("lineage.jsonl"));
    assert_eq!(lineage.url.as_deref(), Some("http://marquez:5000/api/v1/lineage"));
    assert_eq!(lineage.namespace.as_deref(), Some("shop"));
}

#[test]
fn without_a_word_one_run_catches_up_and_none_is_tried_again() {
    let job = Job::parse("nightly.yml", &format!("name: nightly\n{REST}"), &project()).unwrap();
    assert_eq!(job.policy, Policy::default());
    assert_eq!((job.schedule, job.policy.catch_up, job.policy.retries.times), (None, CatchUp::One, 0));
}

#[test]
fn every_fault_of_how_a_job_is_run_is_found_in_one_pass() {
    let text = format!(
        "name: nightly
schedule: 60 24 0 mon 8
catch_up: all
timeout: 2 days
retries: {{times: many, wait: soon, time: 3}}
on_failure: {{command: [], webhook: \"{{{{ env_var('HOOK') }}}}\", mail: x}}
openlineage: {{namespace: shop}}
{REST}"
    );
    assert_eq!(
        faults(&text),
        "nightly.yml:2: job: key `schedule`: expected numbers from 0 to 23 as hour, found `24`
nightly.yml:2: job: key `schedule`: expected numbers from 0 to 59 as minute, found `60`
nightly.yml:2: job: key `schedule`: expected numbers from 0 to 7 or names such as `mon` as day of week, found `8`
nightly.yml:2: job: key `schedule`: expected numbers from 1 to 12 or names such as `jan` as month, found `mon`
nightly.yml:2: job: key `schedule`: expected numbers from 1 to 31 as day of month, found `0`
nightly.yml:3: unknown way to catch up `all`
nightly.yml:4: job: key `timeout`: expected a number of `seconds`, `minutes` or `hours`, found `2 days`
  hint: write it as `90 minutes`
nightly.yml:5: job `retries`: key `times`: expected a whole number from 0 to 100, found `many`
nightly.yml:5: job `retries`: key `wait`: expected a number of `seconds`, `minutes` or `hours`, found `soon`
  hint: write it as `90 minutes`
nightly.yml:5: unknown key in job `retries`: `time`
  hint: did you mean `times`?
nightly.yml:6: job `on_failure` `webhook`: environment variable `HOOK` is not set
nightly.yml:6: job `on_failure`: key `command`: expected a program and its arguments, found an empty list
nightly.yml:6: unknown key in job `on_failure`: `mail`
nightly.yml:7: job `openlineage`: expected `file` or `url`, found neither"
    );
}

#[test]
fn a_schedule_has_five_fields_and_a_day_that_comes() {
    let fault = |line: &str| faults(&format!("name: n\nschedule: \"{line}\"\n{REST}"));
    let five = "nightly.yml:2: job: key `schedule`: expected five fields (minute, hour, day of month, month, day of week), found ";
    assert_eq!(fault("@daily"), format!("{five}`@daily`"));
    assert_eq!(fault("0 0 2 * * *"), format!("{five}`0 0 2 * * *`"));
    assert_eq!(fault("0 0 30 2 *"), "nightly.yml:2: job: key `schedule`: expected a day that comes, found `0 0 30 2 *`");
}

#[test]
fn a_url_that_is_none_is_not_shown() {
    let text = format!("name: n\non_failure: {{webhook: s3cret}}\nopenlineage: {{url: s3cret}}\nretries: {{wait: 1 hour}}\n{REST}");
    assert_eq!(
        faults(&text),
        "nightly.yml:2: job `on_failure`: key `webhook`: expected a URL that starts with `https://` or `http://`
nightly.yml:3: job `openlineage`: key `url`: expected a URL that starts with `https://` or `http://`
nightly.yml:4: job `retries`: missing key `times`"
    );
}
