//! Projects with faults: every one is found in one pass, with its file, its line and the nearest valid name.

use super::{Project, ProjectFiles, Settings};
use crate::calendar::{Calendar, RetailCalendar, RetailPattern, RetailYearEnd};
use crate::grain::Grain;

const GOOD_MODEL: &str = "models:
  - name: orders
    semantic_model: {enabled: true}
    agg_time_dimension: ordered_on
    columns:
      - name: order_id
        entity: {type: primary, name: order}
      - name: ordered_on
        granularity: day
        dimension: {type: time}
      - name: channel
        dimension: categorical
    metrics:
      - name: revenue
        type: simple
        agg: sum
        expr: amount
";

fn files(yaml: &str) -> ProjectFiles {
    ProjectFiles {
        project: "name: shop\nvars: {time_zone: Europe/Berlin}\n".to_owned(),
        models: [
            ("models/orders.sql".to_owned(), "SELECT * FROM {{ source('crm', 'orders') }}".to_owned()),
            (
                "models/sources.yml".to_owned(),
                "sources:\n  - name: crm\n    tables:\n      - name: orders\n        config: {meta: {external_location: lake/orders}}\n        columns:\n          - {name: order_id, data_type: varchar}\n"
                    .to_owned(),
            ),
            ("models/orders.yml".to_owned(), yaml.to_owned()),
        ]
        .into(),
        macros: [].into(),
    }
}

fn faults(files: &ProjectFiles) -> String {
    let error = Project::parse(files, &Settings::default()).unwrap_err();
    error.faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_good_project_has_its_parts() {
    let project = Project::parse(&files(GOOD_MODEL), &Settings::default()).unwrap();
    assert_eq!(project.calendar.zone, chrono_tz::Europe::Berlin);
    assert_eq!(project.models["orders"].sql, "SELECT * FROM \"crm\".\"orders\"");
    assert_eq!(project.models["orders"].semantics.as_ref().unwrap().primary_entity.as_deref(), Some("order"));
    assert_eq!(project.metrics["revenue"].place.line, 14);
}

#[test]
fn every_fault_is_found_in_one_pass() {
    let yaml = "models:
  - name: orders
    semantic_model: {enabled: true}
    agg_time_dimension: orderd_on
    colums: []
    columns:
      - name: ordered_on
        dimension: {type: time}
      - name: customer_id
        entity: {type: foreing, name: customer}
    metrics:
      - name: revenue
        type: simple
        agg: summ
      - name: aov
        type: ratio
        numerator: revenu
        denominator: orders
  - name: ordrs
metrics:
  - name: loose
    type: simple
    agg: count
  - name: signups
    type: conversion
";
    assert_eq!(
        faults(&files(yaml)),
        "models/orders.yml:2: unknown time dimension of model `orders`: `orderd_on`
  hint: did you mean `ordered_on`?
models/orders.yml:5: unknown key in model `orders`: `colums`
  hint: did you mean `columns`?
models/orders.yml:8: model `orders`: column `ordered_on`: a time dimension needs `granularity`
models/orders.yml:10: unknown entity type `foreing`
  hint: did you mean `foreign`?
models/orders.yml:14: unknown aggregate `summ`
  hint: did you mean `sum`?
models/orders.yml:17: unknown metric read by `aov`: `revenu`
models/orders.yml:18: unknown metric read by `aov`: `orders`
models/orders.yml:19: unknown model `ordrs`
  hint: did you mean `orders`?
models/orders.yml:21: metric `loose`: a simple metric stands under the model that it counts
models/orders.yml:24: metric `signups`: missing key `base_metric`
models/orders.yml:24: metric `signups`: missing key `conversion_metric`
models/orders.yml:24: metric `signups`: missing key `entity`"
    );
}

#[test]
fn metrics_in_a_circle_are_named_once() {
    let yaml = format!(
        "{GOOD_MODEL}metrics:
  - {{name: a, type: derived, expr: b + 1, input_metrics: [b]}}
  - {{name: b, type: derived, expr: a + 1, input_metrics: [a]}}
"
    );
    assert_eq!(faults(&files(&yaml)), "models/orders.yml:19: metrics read each other in a circle: `a` → `b` → `a`");
}

#[test]
fn a_name_that_is_there_twice_points_to_the_first() {
    let yaml = format!("{GOOD_MODEL}metrics:\n  - {{name: revenue, type: ratio, numerator: revenue, denominator: revenue}}\n");
    assert_eq!(faults(&files(&yaml)), "models/orders.yml:19: metric `revenue` is already defined at models/orders.yml:14");
}

#[test]
fn vars_of_the_calendar_are_checked() {
    let mut files = files(GOOD_MODEL);
    files.project = "name: shop\nvars:\n  time_zone: Europe/Berln\n  week_start: someday\n  fiscal_year_start_month: 13\n  retail_calendar: 4-4-4\n  retail_year_end_month: jan\n  retail_year_end_rule: first\n  retail_week_start: 7\n".to_owned();
    assert_eq!(
        faults(&files),
        "dbt_project.yml:3: var `time_zone`: expected an IANA time zone such as `Europe/Berlin`, found `Europe/Berln`
dbt_project.yml:4: var `week_start`: expected a day of the week, found `someday`
dbt_project.yml:5: var `fiscal_year_start_month`: expected a month from 1 to 12, found `13`
dbt_project.yml:6: var `retail_calendar`: expected `4-4-5`, `4-5-4` or `5-4-4`, found `4-4-4`
dbt_project.yml:7: var `retail_year_end_month`: expected a month from 1 to 12, found `jan`
dbt_project.yml:8: var `retail_year_end_rule`: expected `nearest` or `last`, found `first`
dbt_project.yml:9: var `retail_week_start`: expected a day of the week, found `7`"
    );
}

#[test]
fn vars_of_the_calendar_are_read() {
    let mut files = files(GOOD_MODEL);
    files.project = "name: shop\nvars:\n  retail_calendar: 5-4-4\n  retail_year_end_month: 12\n  retail_year_end_rule: last\n  retail_week_start: monday\n".to_owned();
    let calendar = Project::parse(&files, &Settings::default()).unwrap().calendar;
    let retail = RetailCalendar { pattern: RetailPattern::FiveFourFour, year_end_month: 12, year_end: RetailYearEnd::Last, week_start: chrono::Weekday::Mon };
    assert_eq!(calendar, Calendar { retail, ..Calendar::default() });
}

fn with_spine(spine: &str) -> ProjectFiles {
    let mut files = files(GOOD_MODEL);
    files.models.insert("models/spine.sql".to_owned(), "SELECT 1 AS date_day".to_owned());
    files.models.insert("models/spine.yml".to_owned(), format!("models:\n  - name: spine\n    time_spine:\n      standard_granularity_column: date_day\n{spine}"));
    files
}

#[test]
fn a_time_spine_declares_custom_granularities() {
    let spine = "      custom_granularities:\n        - {name: retail_week, column_name: week_454}\n        - {name: fiscal_year}\n";
    let project = Project::parse(&with_spine(spine), &Settings::default()).unwrap();
    let model = &project.models["spine"];
    assert_eq!(model.time_spine.as_deref(), Some("date_day"));
    let declared: Vec<(Grain, &str)> = model.custom_granularities.iter().map(|custom| (custom.grain, custom.column.as_str())).collect();
    assert_eq!(declared, [(Grain::RetailWeek, "week_454"), (Grain::FiscalYear, "fiscal_year")]);
    assert_eq!(project.grains()[5..], [Grain::FiscalYear, Grain::RetailWeek]);
}

#[test]
fn custom_granularities_are_those_of_the_calendar() {
    let spine = "      custom_granularities:\n        - {name: fiscal_quater}\n        - {name: fortnight}\n        - {name: retail_year}\n        - {name: retail_year}\n";
    let names = "`fiscal_month`, `fiscal_quarter`, `fiscal_year`, `retail_week`, `retail_month`, `retail_quarter`, `retail_year`";
    assert_eq!(
        faults(&with_spine(spine)),
        format!(
            "models/spine.yml:6: custom granularity `fiscal_quater`: expected one of {names}
  hint: did you mean `fiscal_quarter`?
models/spine.yml:7: custom granularity `fortnight`: expected one of {names}
  hint: periods come from the calendar vars of `dbt_project.yml`; another grouping of days can be a dimension
models/spine.yml:9: custom granularity `retail_year` is there twice"
        )
    );
}
