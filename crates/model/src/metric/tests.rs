//! Metrics of every kind: what is read of them, and every fault of their own.

use super::{Calculation, MetricKind, Offset, PeriodAgg, WindowChoice};
use crate::grain::Grain;
use crate::project::{Project, ProjectFiles, Settings};

const MODEL: &str = "models:
  - name: visits
    semantic_model: {enabled: true}
    agg_time_dimension: seen_at
    columns:
      - name: visit_id
        entity: {type: primary, name: visit}
      - name: user_id
        entity: {type: foreign, name: user}
      - name: page
        dimension: categorical
      - name: seen_at
        granularity: microsecond
        dimension: {type: time}
    metrics:
      - {name: visits, type: simple, agg: count, expr: visit_id}
      - {name: orders, type: simple, agg: sum, expr: amount, hidden: true}
";

fn parse(simple: &str, others: &str) -> Result<Project, String> {
    let yaml = format!("{MODEL}{simple}metrics:\n{others}");
    let files = ProjectFiles {
        project: "name: shop\n".to_owned(),
        models: [("models/visits.sql".to_owned(), "SELECT 1 AS visit_id".to_owned()), ("models/visits.yml".to_owned(), yaml)].into(),
        macros: [].into(),
    };
    Project::parse(&files, &Settings::default()).map_err(|error| error.faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
}

#[test]
fn a_conversion_is_read_with_its_defaults() {
    let project = parse("", "  - {name: rate, type: conversion, entity: user, base_metric: visits, conversion_metric: orders}\n").unwrap();
    let MetricKind::Conversion(conversion) = &project.metrics["rate"].kind else { panic!("expected a conversion") };
    assert_eq!((conversion.entity.as_str(), conversion.window, conversion.calculation), ("user", None, Calculation::Rate));
    assert!(project.metrics["orders"].private && !project.metrics["visits"].private);
}

#[test]
fn windows_and_offsets_are_read() {
    let others = "  - {name: mean, type: cumulative, input_metric: visits, window: 2 weeks, period_agg: average}
  - name: change
    type: derived
    expr: visits - first
    input_metrics: [visits, {name: visits, alias: first, offset_to_grain: month}]
";
    let simple = "      - name: last_pages
        type: simple
        agg: count
        expr: page
        join_to_timespine: true
        non_additive_dimension: {name: seen_at, window_agg: max, group_by: [user]}
";
    let project = parse(simple, others).unwrap();
    let MetricKind::Cumulative { period_agg, .. } = &project.metrics["mean"].kind else { panic!("expected a cumulative metric") };
    assert_eq!(*period_agg, PeriodAgg::Average);
    let MetricKind::Derived { inputs, .. } = &project.metrics["change"].kind else { panic!("expected a derived metric") };
    assert_eq!(inputs[1].offset, Offset::ToGrain(Grain::Month));
    let MetricKind::Simple(last) = &project.metrics["last_pages"].kind else { panic!("expected a simple metric") };
    let rule = last.non_additive.as_ref().unwrap();
    assert_eq!((rule.time.as_str(), rule.choice, rule.by.as_slice()), ("seen_at", WindowChoice::Max, ["user".to_owned()].as_slice()));
    assert!(last.join_to_timespine);
}

#[test]
fn every_fault_of_a_metric_is_found() {
    let simple = "      - name: balance
        type: simple
        agg: sum
        expr: amount
        filter: \"{{ Dimension('visit__pag') }} = 'home'\"
        non_additive_dimension: {name: seen, window_agg: last, group_by: [user]}
      - name: stock
        type: simple
        agg: sum
        expr: amount
        non_additive_dimension: {name: sen_at, window_agg: max, group_by: [usr]}
      - name: no_choice
        type: simple
        agg: sum
        expr: amount
        non_additive_dimension: {name: seen_at}
";
    let others = "  - name: rate
    type: conversion
    entity: usr
    calculation: conversion_rate
    base_metric: visits
    conversion_metric: mean
    window: 7 days
    constant_properties: [{base_property: pag, conversion_property: page}]
  - {name: odd, type: conversion, entity: user, calculation: rate, base_metric: visits, conversion_metric: orders}
  - {name: mean, type: cumulative, input_metric: visits, window: 2 retail_weeks, period_agg: middle}
  - {name: window, type: cumulative, input_metric: visits, window: 2 retail_weeks}
  - name: change
    type: derived
    expr: visits - first
    input_metrics:
      - visits
      - {name: visits, alias: first, offset_to_grain: mont}
      - {name: visits, alias: second, offset_to_grain: month, offset_window: 1 month}
  - name: large
    type: ratio
    numerator: {name: visits, filter: \"{{ Metric('visit', group_by=['user']) }} > 1\"}
    denominator: visits
";
    assert_eq!(
        parse(simple, others).unwrap_err(),
        "models/visits.yml:18: metric `balance`: filter: model `visits` has no dimension `visit__pag`; did you mean `visit__page`?
models/visits.yml:23: unknown window aggregate `last`
models/visits.yml:24: unknown entity in `non_additive_dimension` of `stock`: `usr`
  hint: did you mean `user`?
models/visits.yml:24: unknown time dimension in `non_additive_dimension` of `stock`: `sen_at`
  hint: did you mean `seen_at`?
models/visits.yml:33: metric `no_choice` `non_additive_dimension`: missing key `window_agg`
models/visits.yml:35: unknown constant property of `rate` in model `visits`: `pag`
  hint: did you mean `page`?
models/visits.yml:35: unknown entity of `rate` in model `visits`: `usr`
  hint: did you mean `user`?
models/visits.yml:40: unknown metric read by `rate`: `mean`
models/visits.yml:43: unknown calculation `rate`
models/visits.yml:44: unknown period aggregate `middle`
models/visits.yml:45: metric `window`: granularity `retail_week` is not declared by the project's time spine
  hint: list it under `custom_granularities` of the model with `time_spine:`
models/visits.yml:51: unknown granularity `mont`
  hint: did you mean `month`?
models/visits.yml:52: metric `change`: input metric: `offset_window` and `offset_to_grain` exclude each other
models/visits.yml:55: metric `large`: filter: unknown metric `visit`; did you mean `visits`?"
    );
}
