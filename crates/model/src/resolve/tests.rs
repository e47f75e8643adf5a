//! Items over a small project: deals of customers in regions, with versions of reps.

use crate::jinja::Filter;
use crate::project::{Project, ProjectFiles, Settings};
use crate::{check_filter, facts_of, items_of, metrics_read_by, resolve_item};

const DEALS: &str = "models:
  - name: deals
    semantic_model: {enabled: true}
    agg_time_dimension: created_at
    columns:
      - {name: deal_id, entity: {type: primary, name: deal}}
      - {name: customer_id, entity: {type: foreign, name: customer}}
      - {name: rep_id, entity: {type: foreign, name: rep}}
      - {name: kind, dimension: categorical}
      - {name: created_at, granularity: day, dimension: {type: time}}
    metrics:
      - {name: deals, label: Deals, type: simple, agg: count, expr: deal_id}
  - name: customers
    semantic_model: {enabled: true}
    columns:
      - {name: customer_id, entity: {type: primary, name: customer}}
      - {name: region_id, entity: {type: foreign, name: region}}
      - {name: segment, dimension: categorical}
      - {name: since, granularity: day, dimension: {type: time}}
  - name: accounts
    semantic_model: {enabled: true}
    primary_entity: account
    columns:
      - {name: customer_id, entity: {type: unique, name: customer}}
      - {name: segment, dimension: categorical}
      - {name: plan, dimension: categorical}
  - name: regions
    semantic_model: {enabled: true}
    columns:
      - {name: region_id, entity: {type: primary, name: region}}
      - {name: name, dimension: categorical}
  - name: reps
    semantic_model: {enabled: true}
    primary_entity: rep_version
    columns:
      - {name: rep_id, entity: {type: natural, name: rep}}
      - {name: team, dimension: categorical}
      - {name: valid_from, granularity: microsecond, dimension: {type: time, validity_params: {is_start: true}}}
      - {name: valid_to, granularity: microsecond, dimension: {type: time, validity_params: {is_end: true}}}
  - name: calls
    semantic_model: {enabled: true}
    primary_entity: call
    columns:
      - {name: rep_id, entity: {type: foreign, name: rep}}
      - {name: length, dimension: categorical}
";

fn project() -> Project {
    let models = ["deals", "customers", "accounts", "regions", "reps", "calls"].map(|name| (format!("models/{name}.sql"), "SELECT 1 AS one".to_owned()));
    let models = models.into_iter().chain([("models/all.yml".to_owned(), DEALS.to_owned())]).collect();
    let files = ProjectFiles { project: "name: shop\n".to_owned(), models, macros: [].into() };
    Project::parse(&files, &Settings::default()).unwrap()
}

/// The models on the way, by the names that the fact's item has.
fn path(model: &str, item: &str) -> Vec<String> {
    resolve_item(&project(), model, item).unwrap().path.iter().map(|hop| format!("{} by {}", hop.model.name, hop.from.name)).collect()
}

fn error(item: &str) -> String {
    resolve_item(&project(), "deals", item).unwrap_err()
}

#[test]
fn each_entity_before_the_column_is_a_join() {
    assert_eq!(path("deals", "deal__kind"), [""; 0]);
    assert_eq!(path("deals", "customer"), [""; 0]);
    assert_eq!(path("deals", "rep__team"), ["reps by rep"]);
    assert_eq!(path("deals", "customer__region"), ["customers by customer"]);
    assert_eq!(path("deals", "customer__region__name"), ["customers by customer", "regions by region"]);
}

#[test]
fn a_key_joins_a_key() {
    assert_eq!(path("customers", "customer__plan"), ["accounts by customer"]);
    // Of a column that both have, the model's own is meant.
    assert_eq!(path("customers", "customer__segment"), [""; 0]);
    assert_eq!(path("accounts", "account__plan"), [""; 0]);
}

#[test]
fn times_have_periods_and_parts() {
    let project = project();
    let part = |item: &str| resolve_item(&project, "deals", item).unwrap().part.map(|part| part.to_string());
    assert_eq!(part("deal__created_at"), None);
    assert_eq!(part("deal__created_at__week").as_deref(), Some("week"));
    assert_eq!(part("customer__since__extract_dow").as_deref(), Some("extract_dow"));
    assert_eq!(part("metric_time__quarter").as_deref(), Some("quarter"));
    assert!(resolve_item(&project, "deals", "deal__created_at").unwrap().is_bare_time());
    assert!(!resolve_item(&project, "deals", "deal__created_at__day").unwrap().is_bare_time());
}

#[test]
fn an_item_with_several_meanings_lists_them() {
    let paths = "`deals` -customer-> `accounts`; `deals` -customer-> `customers`";
    assert_eq!(error("customer__segment"), format!("model `deals`: `customer__segment` is ambiguous, it is reached by 2 paths: {paths}"));
    assert_eq!(path("deals", "customer__plan"), ["accounts by customer"]);
}

#[test]
fn a_foreign_entity_is_no_key() {
    assert_eq!(error("rep__length"), "model `deals` has no dimension `rep__length`");
}

#[test]
fn unknown_items_have_a_near_one() {
    assert_eq!(error("deal__kin"), "model `deals` has no dimension `deal__kin`; did you mean `deal__kind`?");
    assert_eq!(error("customer__region__nam"), "model `deals` has no dimension `customer__region__nam`; did you mean `customer__region__name`?");
    assert_eq!(error("deal__creatd_at__week"), "model `deals` has no dimension `deal__creatd_at__week`; did you mean `deal__created_at__week`?");
}

#[test]
fn granularities_are_of_times_and_known() {
    assert_eq!(error("metric_time__mont"), "unknown granularity `mont`; did you mean `month`?");
    assert_eq!(error("deal__created_at__extract_do"), "`deal__created_at`: unknown granularity `extract_do`; did you mean `extract_dow`?");
    assert_eq!(error("deal__created_at__fiscal_year"), "`deal__created_at`: granularity `fiscal_year` is not declared by the project's time spine");
    assert_eq!(error("deal__kind__month"), "model `deals`: `deal__kind` is no time dimension, so it has no `month`");
}

#[test]
fn items_reach_over_two_joins_and_have_one_meaning() {
    let items = items_of(&project(), "deals");
    let wanted = ["customer", "customer__plan", "customer__region", "customer__region__name", "customer__since", "deal", "deal__created_at", "deal__kind", "rep", "rep__team"];
    assert_eq!(items, wanted);
}

#[test]
fn filters_are_checked_against_a_fact() {
    let project = project();
    let check = |template: &str| check_filter(&project, "deals", &Filter::parse(template).unwrap());
    assert_eq!(check("{{ Dimension('rep__team') }} = 'A' and {{ Metric('deals', ['customer']) }} > 1"), [""; 0]);
    assert_eq!(
        check("{{ Dimension('rep__tem') }} = 'A' and {{ Metric('deal', ['customer']) }} > 1 and {{ Metric('deals', ['custome']) }} > 1"),
        [
            "model `deals` has no dimension `rep__tem`; did you mean `rep__team`?",
            "unknown metric `deal`; did you mean `deals`?",
            "model `deals` has no dimension `custome`; did you mean `customer`?"
        ]
    );
}

#[test]
fn a_metric_knows_its_facts_and_what_it_reads() {
    let project = project();
    let metric = &project.metrics["deals"];
    assert_eq!(facts_of(&project, metric), ["deals"]);
    assert_eq!(metrics_read_by(metric), [""; 0]);
}
