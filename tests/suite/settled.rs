//! Rows that a model declares to be settled, by the program: which of them new events leave as they are.
//!
//! The project has one model, which breaks the promise: each customer's first order, with a count of all orders. So it shows which rows were
//! made anew: those have counted all orders, the others those of before.

use std::fs;

use harness::{Call, Fixture, Results, row};

const PROJECT: &str = "name: shop\nvars: {as_of: '2025-01-01T00:00:00Z', time_zone: UTC}\n";
const MODEL: &str = "SELECT\n    customer_id,\n    min(CAST(ordered_at AS TIMESTAMP WITH TIME ZONE)) AS first_at,\n    count(*) AS orders\nFROM {{ source('crm', 'order_lines') }}\nWHERE customer_id IS NOT NULL\nGROUP BY customer_id\n";
const JOB: &str = "name: night\nresults: results\nperiods: {grains: [year]}\ntables:\n  - name: buyers\n    metrics: [customers, all_orders]\n    slices: [[]]\n";
const SOURCES: &str = "sources:
  - name: crm
    tables:
      - name: order_lines
        config: {meta: {external_location: \"../lake/order_lines/*.parquet\"}}
        columns:
          - {name: customer_id, data_type: varchar}
          - {name: ordered_at, data_type: timestamp with time zone}
";

fn models(settled: &str, lookback: &str) -> String {
    format!(
        "models:
  - name: first_orders
    config:
      meta:
        incremental:
          keep_rows: true
          key: customer_id
          {settled}
          sources:
            crm.order_lines: {{event_time: ordered_at, lookback: {lookback}, lookahead: all, key: customer_id}}
    semantic_model: {{enabled: true}}
    agg_time_dimension: first_at
    columns:
      - name: customer_id
        entity: {{type: primary, name: customer}}
      - name: first_at
        granularity: second
        dimension: {{type: time}}
      - name: orders
    metrics:
      - {{name: customers, type: simple, agg: count, expr: customer_id}}
      - {{name: all_orders, type: simple, agg: sum, expr: orders}}
"
    )
}

/// Customers and orders after each of some files of (customer, time), by one run after each.
fn after(models: &str, files: &[&[(&str, &str)]]) -> Vec<String> {
    let fixture = Fixture::empty();
    for (name, text) in [("dbt_project.yml", PROJECT), ("night.yml", JOB), ("models/sources.yml", SOURCES), ("models/shop.yml", models), ("models/first_orders.sql", MODEL)] {
        let path = fixture.root().join("jobs").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let said = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let mut found = Vec::new();
    for (at, orders) in files.iter().enumerate() {
        let rows: Vec<_> = orders.iter().map(|(customer, time)| row(&[("customer_id", said(customer)), ("ordered_at", said(time))])).collect();
        fixture.put("order_lines", &format!("{at}.parquet"), &rows);
        let run = Call::new(&["run", "jobs/night.yml", "--as-of", "2025-01-01T00:00:00Z"]).inside(&fixture.root()).run();
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        let results = Results::open(fixture.root().join("results").to_str().unwrap(), &std::collections::BTreeMap::new());
        let text = results.csv("buyers");
        let mut fields = text.lines().nth(1).unwrap_or_default().rsplit(',');
        let orders = fields.next().unwrap_or_default().to_owned();
        found.push(format!("{} {orders}", fields.next().unwrap_or_default()));
    }
    found
}

const FILES: [&[(&str, &str)]; 5] = [
    &[("C1", "2024-05-01T08:00:00Z"), ("C2", "2024-05-10T08:00:00Z")],
    // Who has a first order keeps it; who is new has one now.
    &[("C1", "2024-06-01T08:00:00Z"), ("C3", "2024-06-02T08:00:00Z")],
    // A late order, from before a first one; and one more of somebody whose first was earlier than both.
    &[("C2", "2024-05-05T08:00:00Z"), ("C1", "2024-06-05T08:00:00Z")],
    // On the day of a first order another one may be the first.
    &[("C3", "2024-06-02T07:00:00Z")],
    // Without a time there is no event.
    &[("C3", ""), ("C1", "")],
];

#[test]
fn settled_rows_stay_until_an_event_reaches_their_day() {
    assert_eq!(after(&models("settled_rows: true", "0"), &FILES), ["2 2", "3 3", "3 4", "3 5", "3 5"]);
}

#[test]
fn without_the_promise_and_under_a_lookback_every_key_is_made_anew() {
    let all = ["2 2", "3 4", "3 6", "3 7", "3 9"];
    assert_eq!(after(&models("", "0"), &FILES), all);
    assert_eq!(after(&models("settled_rows: true", "all"), &FILES)[..4], all[..4]);
}
