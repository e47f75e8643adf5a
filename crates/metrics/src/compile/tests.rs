//! Whole statements for a small project, and what is refused of it.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use quotient_model::{Dialect, Project, ProjectFiles, Settings};

use super::{CompileRequest, compile};
use crate::query::QueryRequest;

const SOURCES: &str = "
sources:
  - name: crm
    tables:
      - name: orders
        config: {meta: {external_location: 'lake/orders/**/*.parquet'}}
        columns:
          - {name: order_id, data_type: varchar, config: {meta: {required: true}}}
          - {name: ordered_at, data_type: timestamp with time zone, config: {meta: {required: true}}}
          - {name: rep_id, data_type: varchar}
          - {name: amount, data_type: 'decimal(18, 2)'}
      - name: reps
        config: {meta: {external_location: lake/reps.parquet}}
        columns:
          - {name: rep_id, data_type: varchar, config: {meta: {required: true}}}
          - {name: team, data_type: varchar, config: {meta: {required: true}}}
          - {name: valid_from, data_type: timestamp with time zone, config: {meta: {required: true}}}
          - {name: valid_to, data_type: timestamp with time zone, config: {meta: {required: true}}}
";
const MODELS: &str = "
models:
  - name: orders
    semantic_model: {enabled: true}
    agg_time_dimension: ordered_at
    columns:
      - {name: order_id, entity: {type: primary, name: order}}
      - {name: rep_id, entity: {type: foreign, name: rep}}
      - {name: ordered_at, granularity: microsecond, dimension: {type: time}}
    metrics:
      - {name: revenue, type: simple, agg: sum, expr: amount}
      - {name: revenue_of_good_teams, type: simple, agg: sum, expr: amount, filter: \"{{ Metric('revenue', group_by=['rep']) }} > 100\"}
      - {name: buyers, type: simple, agg: count_distinct, expr: rep_id}
      - {name: revenue_of_teams, type: simple, agg: sum, expr: amount, filter: \"{{ Dimension('rep__team') }} is not null\"}
  - name: reps
    semantic_model: {enabled: true}
    columns:
      - {name: rep_id, entity: {type: natural, name: rep}}
      - {name: team, dimension: categorical}
      - {name: valid_from, granularity: microsecond, dimension: {type: time, validity_params: {is_start: true}}}
      - {name: valid_to, granularity: microsecond, dimension: {type: time, validity_params: {is_end: true}}}
metrics:
  - name: growth
    type: derived
    expr: revenue - before
    input_metrics: [revenue, {name: revenue, alias: before, offset_window: 1 month}]
  - name: growth_so_far
    type: derived
    expr: revenue - before
    input_metrics: [revenue, {name: revenue, alias: before, offset_window: 1 month}]
    config: {meta: {like_for_like: true}}
  - {name: revenue_so_far, type: cumulative, input_metric: revenue, grain_to_date: quarter, period_agg: last}
  - {name: buyers_so_far, type: cumulative, input_metric: buyers, grain_to_date: quarter, period_agg: last}
  - name: revenue_again
    type: conversion
    entity: rep
    calculation: conversions
    base_metric: buyers
    conversion_metric: revenue
    window: 1 month
";

fn project(orders: &str) -> Project {
    let files = ProjectFiles {
        project: "name: shop\nvars: {time_zone: Europe/Berlin}\n".to_owned(),
        models: [
            ("models/sources.yml".to_owned(), SOURCES.to_owned()),
            ("models/models.yml".to_owned(), MODELS.to_owned()),
            ("models/orders.sql".to_owned(), orders.to_owned()),
            ("models/reps.sql".to_owned(), "SELECT * FROM {{ source('crm', 'reps') }}".to_owned()),
        ]
        .into(),
        macros: [].into(),
    };
    Project::parse(&files, &Settings::default()).unwrap()
}

const ORDERS: &str = "SELECT orders.order_id, orders.ordered_at, orders.rep_id, orders.amount, '{{ target.type }}' AS engine FROM {{ source('crm', 'orders') }} AS orders";

fn as_of() -> DateTime<Utc> {
    "2025-01-01T00:00:00Z".parse().unwrap()
}

fn request(metric: &str, group_by: &[&str], dialect: Dialect) -> CompileRequest {
    let query = QueryRequest { metrics: vec![metric.to_owned()], group_by: group_by.iter().map(|item| (*item).to_owned()).collect(), ..QueryRequest::default() };
    CompileRequest { query, dialect, locations: BTreeMap::from([("crm.orders".to_owned(), "/lake/orders/**/*.parquet".to_owned())]) }
}

#[test]
fn a_statement_has_everything_that_the_number_stands_on() {
    let project = project(ORDERS);
    let by = ["metric_time__month", "rep__team"];
    assert_eq!(compile(&project, &request("growth", &by, Dialect::DuckDb), as_of()).unwrap(), include_str!("tests/duckdb.sql"));
    assert_eq!(compile(&project, &request("growth", &by, Dialect::Spark), as_of()).unwrap(), include_str!("tests/spark.sql"));
}

#[test]
fn filters_and_bounds_are_conditions() {
    let project = project(ORDERS);
    let mut asked = request("revenue_of_teams", &["metric_time__month"], Dialect::DuckDb);
    asked.query.filters.push("{{ Dimension('rep__team') }} <> 'X'".to_owned());
    asked.query.start = NaiveDate::from_ymd_opt(2024, 3, 5);
    asked.query.end = NaiveDate::from_ymd_opt(2024, 6, 5);
    let sql = compile(&project, &asked, as_of()).unwrap();
    assert!(sql.contains("\nWHERE (\"rep__team\" <> 'X') AND (\"rep__team\" is not null)\nGROUP BY "), "{sql}");
    assert!(sql.contains("\nWHERE \"metric_time\" >= CAST('2024-03-01' AS DATE) AND \"metric_time\" <= CAST('2024-06-05' AS DATE)\nORDER BY "), "{sql}");
    asked.query.group_by.clear();
    let sql = compile(&project, &asked, as_of()).unwrap();
    assert!(sql.contains(" AND \"own\".\"__day\" >= CAST('2024-03-05' AS DATE) AND \"own\".\"__day\" < CAST('2024-06-06' AS DATE)\n"), "{sql}");
    assert!(sql.ends_with(") AS \"cells\"\n"), "{sql}");
}

#[test]
fn metrics_in_filters_are_joined_to_the_rows() {
    let sql = compile(&project(ORDERS), &request("revenue_of_good_teams", &["metric_time__month"], Dialect::DuckDb), as_of()).unwrap();
    let cells = "\"metric__revenue\" AS MATERIALIZED (\nSELECT CAST('1970-01-01' AS DATE) AS \"metric_time\", COALESCE(CAST(\"rep\" AS VARCHAR), '(none)') AS \"rep\", ";
    let joined = "SELECT \"rows\".*, \"read0\".\"value\" AS \"revenue by rep\"
FROM \"fact__orders__ordered_at\" AS \"rows\"
LEFT JOIN \"metric__revenue\" AS \"read0\" ON CAST(\"rows\".\"rep\" AS VARCHAR) = \"read0\".\"rep\" AND \"read0\".\"rep\" <> '(none)'
) AS \"beside\"
WHERE (\"revenue by rep\" > 100)
GROUP BY ";
    assert!(sql.contains(cells) && sql.contains(joined) && sql.contains("\"fact__orders__ordered_at__2\""), "{sql}");
    let mut cut = request("revenue_of_good_teams", &["rep"], Dialect::DuckDb);
    cut.query.end = NaiveDate::from_ymd_opt(2024, 6, 5);
    let refused = "metric `revenue_of_good_teams`: `compile` does not write `Metric()` in a filter between days without `metric_time` among the group-bys; `query` answers it";
    assert_eq!(compile(&project(ORDERS), &cut, as_of()).unwrap_err().to_string(), refused);
}

#[test]
fn windows_that_do_not_add_up_are_over_the_rows() {
    let sql = compile(&project(ORDERS), &request("buyers_so_far", &["metric_time__month", "rep__team"], Dialect::DuckDb), as_of()).unwrap();
    let windows = "SELECT \"windows\".\"metric_time\" AS \"metric_time\", COALESCE(CAST(\"days\".\"rep__team\" AS VARCHAR), '(none)') AS \"rep__team\", count(DISTINCT \"days\".\"__value0\") AS \"value\"\nFROM (\n";
    let rows = "INNER JOIN (SELECT * FROM \"fact__orders__ordered_at__buyers_so_far\") AS \"days\" ON \"days\".\"__day\" >= \"windows\".\"from\" AND \"days\".\"__day\" <= \"windows\".\"last\"
GROUP BY \"windows\".\"metric_time\", COALESCE(CAST(\"days\".\"rep__team\" AS VARCHAR), '(none)')";
    assert!(sql.contains(windows) && sql.contains(rows), "{sql}");
}

#[test]
fn a_running_period_is_compared_with_as_many_days() {
    let sql = compile(&project(ORDERS), &request("growth_so_far", &["metric_time__month"], Dialect::DuckDb), as_of()).unwrap();
    let running = ") AS \"moved\"
WHERE \"metric_time\" <> CAST('2025-01-01' AS DATE)
UNION ALL
SELECT CAST('2025-01-01' AS DATE) AS \"metric_time\", CAST(sum(\"value\") AS DECIMAL(38, 2)) AS \"value\"
FROM (SELECT *, CAST(date_trunc('month', \"metric_time\") AS DATE) AS \"start\" FROM \"metric__revenue__2\") AS \"days\"
WHERE CAST(\"start\" + to_months(CAST(1 AS INTEGER)) AS DATE) = CAST('2025-01-01' AS DATE) AND date_diff('day', CAST(\"start\" AS DATE), CAST(\"metric_time\" AS DATE)) <= 0
GROUP BY \"start\"
";
    assert!(sql.contains(running), "{sql}");
}

#[test]
fn conversions_belong_to_the_last_base_row() {
    let sql = compile(&project(ORDERS), &request("revenue_again", &["metric_time__month", "rep__team"], Dialect::Spark), as_of()).unwrap();
    let place = "row_number() OVER (PARTITION BY `converting`.`__row` ORDER BY `base`.`__at` DESC, COALESCE(CAST(`base`.`rep__team` AS STRING), '(none)')) AS `__place`";
    let belongs = "ON CAST(`base`.`__key_of_conversion_0` AS STRING) = CAST(`converting`.`__key_of_conversion_0` AS STRING)
  AND `base`.`__at` <= `converting`.`__at`
  AND `base`.`__at` > to_utc_timestamp(from_utc_timestamp(`converting`.`__at`, 'Europe/Berlin') - INTERVAL '1' MONTH, 'Europe/Berlin')
) AS `matched`
WHERE `__place` = 1
GROUP BY ";
    assert!(sql.contains("CAST(sum(`__converted`) AS DECIMAL(38, 2)) AS `value`") && sql.contains(place) && sql.contains(belongs), "{sql}");
}

#[test]
fn faults_are_told() {
    let found = |metric: &str, group_by: &[&str], orders: &str| compile(&project(orders), &request(metric, group_by, Dialect::Spark), as_of()).unwrap_err().to_string();
    let by = ["metric_time__month"];
    assert_eq!(found("revenu", &by, ORDERS), "unknown metric `revenu`\n\nhint: did you mean `revenue`?");
    assert_eq!(found("revenue_so_far", &[], ORDERS), "metric `revenue_so_far`: a cumulative metric needs `metric_time` among its group-bys");
    assert_eq!(
        found("growth", &["metric_time__week"], ORDERS),
        "metric `growth`: an offset of 1 month has no meaning by week; `meta: {offset: period}` moves by one period of any grain"
    );
    let one_engine = format!("{ORDERS}{{% if target.type != 'polars' %}} {{{{ var('nowhere') }}}} {{% endif %}}");
    assert_eq!(found("revenue", &by, &one_engine), "model `orders` cannot be rendered for spark: var `nowhere` is not set");
}
