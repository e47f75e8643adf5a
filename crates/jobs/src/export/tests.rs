//! Definitions in other forms, and what each cannot say.

use quotient_model::{Filter, Project, ProjectFiles, Settings};

use super::{call_of, metricflow, ossie, template_of};

const YAML: &str = "models:
  - name: deals
    semantic_model: {enabled: true}
    agg_time_dimension: closed_on
    columns:
      - {name: deal_id, entity: {type: primary, name: deal}}
      - {name: customer_id, entity: {type: foreign, name: customer}}
      - {name: closed_on, granularity: day, dimension: {type: time}}
      - {name: outcome, dimension: categorical}
    metrics:
      - {name: won_deals, type: simple, agg: sum_boolean, expr: is_won}
      - {name: all_deals, type: simple, agg: count, expr: deal_id}
      - {name: net, type: simple, agg: sum, expr: amount - discount, filter: \"{{ Dimension('customer__segment') }} = 'SMB'\"}
  - name: customers
    semantic_model: {enabled: true}
    columns:
      - {name: customer_id, entity: {type: primary, name: customer}}
      - {name: segment, dimension: categorical}
metrics:
  - {name: win_rate, type: ratio, numerator: won_deals, denominator: all_deals, config: {meta: {label_ko: 수주율, mature_after: 30}}}
  - {name: net_per_deal, type: derived, expr: net / all_deals, input_metrics: [net, all_deals]}
  - {name: deals_ytd, type: cumulative, input_metric: all_deals, grain_to_date: year}
";

fn project() -> Project {
    let models = [
        ("models/deals.sql".to_owned(), "SELECT 1 AS deal_id".to_owned()),
        ("models/customers.sql".to_owned(), "SELECT 1 AS customer_id".to_owned()),
        ("models/deals.yml".to_owned(), YAML.to_owned()),
    ];
    let files = ProjectFiles { project: "name: shop\n".to_owned(), models: models.into(), ..ProjectFiles::default() };
    Project::parse(&files, &Settings::default()).unwrap()
}

#[test]
fn items_are_written_as_functions() {
    let project = project();
    let calls = ["metric_time__month", "metric_time", "customer", "customer__segment", "deal__closed_on__week", "deal__closed_on__extract_dow"].map(|item| call_of(&project, item));
    assert_eq!(
        calls,
        [
            "TimeDimension('metric_time', 'month')",
            "TimeDimension('metric_time')",
            "Entity('customer')",
            "Dimension('customer__segment')",
            "TimeDimension('deal__closed_on', 'week')",
            "Dimension('deal__closed_on').date_part('dow')",
        ]
    );
    let template = "{{ Dimension('customer__segment') }} = 'SMB' AND {{ Metric('all_deals', group_by=['customer']) }} > 2";
    assert_eq!(template_of(&project, &Filter::parse(template).unwrap()), template);
}

#[test]
fn a_manifest_has_every_metric_in_its_shape() {
    let (manifest, losses) = metricflow::manifest(&project());
    assert_eq!(losses, Vec::<String>::new());
    let metrics = manifest["metrics"].as_array().unwrap();
    let metric = |name: &str| metrics.iter().find(|metric| metric["name"] == name).unwrap();
    assert_eq!(metrics.len(), 6);
    assert_eq!(metric("won_deals")["type_params"]["metric_aggregation_params"]["agg"], "sum_boolean");
    assert_eq!(metric("won_deals")["type_params"]["metric_aggregation_params"]["agg_time_dimension"], "closed_on");
    assert_eq!(metric("net")["filter"]["where_filters"][0]["where_sql_template"], "{{ Dimension('customer__segment') }} = 'SMB'");
    assert_eq!(metric("win_rate")["config"]["meta"]["label_ko"], "수주율");
    assert_eq!(metric("deals_ytd")["type_params"]["cumulative_type_params"]["grain_to_date"], "year");
    assert_eq!(manifest["semantic_models"][0]["node_relation"]["relation_name"], "\"main\".\"customers\"");
}

#[test]
fn what_ossie_cannot_say_is_left_out_and_reported() {
    let (document, losses) = ossie::document(&project());
    let model = &document["semantic_model"][0];
    let metrics = model["metrics"].as_array().unwrap();
    let sql = |name: &str| metrics.iter().find(|metric| metric["name"] == name).map(|metric| metric["expression"]["dialects"][0]["expression"].as_str().unwrap().to_owned());
    assert_eq!(sql("win_rate").unwrap(), "CAST(SUM(CASE WHEN deals.is_won THEN 1 ELSE 0 END) AS DOUBLE PRECISION) / NULLIF(COUNT(deals.deal_id), 0)");
    assert_eq!(sql("net_per_deal").unwrap(), "(SUM(CASE WHEN (customers.segment = 'SMB') THEN deals.net__value END)) / (COUNT(deals.deal_id))");
    assert_eq!(sql("deals_ytd"), None);
    assert_eq!(losses[0], "metric `deals_ytd` is left out: it is summed over a window");
    assert_eq!(model["relationships"][0]["name"], "deals__customers__customer");
    assert_eq!(model["datasets"][0]["primary_key"][0], "customer_id");
}
