//! Projects with faults: every one is found in one pass, with its file, its line and the nearest valid name.

use super::{Project, ProjectFiles, Settings};

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
models/orders.yml:25: metric `signups`: conversion metrics are not supported yet
  hint: mark the converted rows in the model and divide their count by all rows with a ratio"
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
    files.project = "name: shop\nvars:\n  time_zone: Europe/Berln\n  week_start: someday\n  fiscal_year_start_month: 13\n".to_owned();
    assert_eq!(
        faults(&files),
        "dbt_project.yml:3: var `time_zone`: expected an IANA time zone such as `Europe/Berlin`, found `Europe/Berln`
dbt_project.yml:4: var `week_start`: expected a day of the week, found `someday`
dbt_project.yml:5: var `fiscal_year_start_month`: expected a month from 1 to 12, found `13`"
    );
}

#[test]
fn a_key_of_two_models_is_ambiguous() {
    let mut files = files(GOOD_MODEL);
    files.models.insert("models/again.sql".to_owned(), "SELECT 1 AS order_id".to_owned());
    files.models.insert(
        "models/again.yml".to_owned(),
        "models:\n  - name: again\n    semantic_model: true\n    columns:\n      - name: order_id\n        entity: {type: primary, name: order}\n".to_owned(),
    );
    assert_eq!(faults(&files), "models/orders.yml:2: entity `order` is the key of two models, `again` and `orders`: a join to it would be ambiguous");
}
