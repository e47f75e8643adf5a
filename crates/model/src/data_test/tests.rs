//! Data tests, freshness and unit tests: what is read, and every fault with its text.

use super::{Outcome, Rule, Severity, Threshold, relation_of};
use crate::project::{Project, ProjectFiles, Settings};

fn files(tables: &str, models: &str) -> ProjectFiles {
    ProjectFiles {
        project: "name: shop\nvars: {limit: 3}\n".to_owned(),
        models: [
            ("models/sources.yml".to_owned(), format!("sources:\n  - name: crm\n    meta: {{external_location: lake}}\n    tables:\n{tables}")),
            ("models/orders.sql".to_owned(), "SELECT * FROM {{ source('crm', 'orders') }}".to_owned()),
            ("models/orders.yml".to_owned(), models.to_owned()),
        ]
        .into(),
        macros: [].into(),
    }
}

fn project(tables: &str, models: &str) -> Project {
    Project::parse(&files(tables, models), &Settings::default()).unwrap()
}

fn faults(tables: &str, models: &str) -> String {
    let error = Project::parse(&files(tables, models), &Settings::default()).unwrap_err();
    error.faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[test]
fn tests_are_read_in_either_form() {
    let tables = "      - name: orders
        data_tests:
          - name: one_row_per_line
            test_name: unique
            column_name: order_id || line
          - dbt_utils.expression_is_true: {arguments: {expression: \"quantity > {{ var('limit') }}\"}, config: {error_if: '> 10', limit: 50}}
        columns:
          - name: order_id
            data_type: varchar
            tests:
              - not_null: {config: {meta: {exclude: true}}}
              - accepted_values: {values: [open, \"won't\"], config: {severity: WARN, where: \"order_id <> 'X'\", warn_if: '>2'}}
";
    let models = "models:
  - name: orders
    columns:
      - name: order_id
        data_tests:
          - relationships: {arguments: {to: \"source('crm', 'orders')\", field: order_id}}
";
    let project = project(tables, models);
    let tests: Vec<_> = project.data_tests().collect();
    let names: Vec<&str> = tests.iter().map(|test| test.name.as_str()).collect();
    let expected = [
        "one_row_per_line",
        "source_expression_is_true_crm_orders",
        "source_not_null_crm_orders_order_id",
        "source_accepted_values_crm_orders_order_id",
        "relationships_orders_order_id",
    ];
    assert_eq!(names, expected);
    assert_eq!((tests[0].sql.as_str(), tests[0].column.as_deref()), ("order_id || line", Some("order_id || line")));
    assert_eq!(tests[1].rule, Rule::ExpressionIsTrue { expression: "quantity > 3".to_owned() });
    assert_eq!((tests[1].limit, tests[1].error_if.to_string()), (Some(50), "> 10".to_owned()));
    assert_eq!((tests[1].outcome(11), tests[1].outcome(10), tests[1].outcome(0)), (Outcome::Error, Outcome::Warn, Outcome::Pass));
    assert!(tests[2].excludes);
    assert_eq!(tests[2].passes().as_deref(), Some("(\"order_id\") IS NOT NULL"));
    assert_eq!((tests[3].severity, tests[3].outcome(2), tests[3].outcome(3)), (Severity::Warn, Outcome::Pass, Outcome::Warn));
    assert_eq!(tests[3].passes().as_deref(), Some("((\"order_id\") IS NULL OR (\"order_id\") IN ('open', 'won''t'))"));
    assert_eq!(tests[4].place.line, 6);
}

#[test]
fn faults_of_data_tests_are_found_in_one_pass() {
    let tables = "      - name: orders
        freshness: {warn_after: {count: 1, period: weak}}
        data_tests:
          - unique
          - [not_null]
        columns:
          - name: order_id
            data_type: varchar
            data_tests:
              - uniqe
              - accepted_values: {arguments: {valuse: [a]}}
              - relationships: {to: customers, field: id}
              - relationships: {to: \"source('crm', 'orders')\", field: order_ide}
              - relationships: {to: \"ref('ordes')\", field: id}
              - unique: {config: {meta: {exclude: true}}}
              - not_null: {config: {severity: wan, error_if: many, wher: x}}
";
    assert_eq!(
        faults(tables, "models: []\n"),
        "models/sources.yml:6: unknown period of freshness of `crm.orders`: `weak`
models/sources.yml:8: test `unique` of `crm.orders`: missing key `column_name`
models/sources.yml:9: a test of `crm.orders`: expected its name, found a list
models/sources.yml:14: unknown data test of `crm.orders`, column `order_id`: `uniqe`
  hint: did you mean `unique`?
models/sources.yml:15: test `accepted_values` of `crm.orders`, column `order_id` `arguments`: expected at least one of `values`, found none
models/sources.yml:15: unknown key in test `accepted_values` of `crm.orders`, column `order_id` `arguments`: `valuse`
  hint: did you mean `values`?
models/sources.yml:16: test `relationships` of `crm.orders`, column `order_id`: key `to`: expected `ref('model')` or `source('schema', 'table')`, found `customers`
models/sources.yml:17: unknown column of `crm.orders` in test `relationships` of `crm.orders`: `order_ide`
  hint: did you mean `order_id`?
models/sources.yml:18: unknown table of test `relationships` of `crm.orders`: `ordes`
  hint: did you mean `orders`?
models/sources.yml:19: test `unique` of `crm.orders`, column `order_id`: `exclude` is for tests of one row of a source: not_null, accepted_values, expression_is_true
  hint: leave the rows out in the SQL of a model
models/sources.yml:20: test `not_null` of `crm.orders`, column `order_id` `config`: key `error_if`: expected a comparison with a count such as `> 10`, found `many`
models/sources.yml:20: unknown key in test `not_null` of `crm.orders`, column `order_id` `config`: `wher`
  hint: did you mean `where`?
models/sources.yml:20: unknown severity `wan`
  hint: did you mean `warn`?"
    );
}

#[test]
fn a_table_takes_the_freshness_of_its_source_or_none() {
    let tables = "      - name: orders
        config: {loaded_at_field: placed_at, freshness: {warn_after: {count: 12, period: hour}, error_after: {count: 2, period: day}, filter: placed_at is not null}}
      - name: notes
        freshness: null
";
    let project = project(tables, "models: []\n");
    let rule = project.sources["crm.orders"].freshness.as_ref().unwrap();
    assert_eq!((rule.loaded_at.as_str(), rule.filter.as_deref()), ("placed_at", Some("placed_at is not null")));
    assert_eq!(rule.warn_after.unwrap().to_string(), "12 hours");
    assert_eq!(rule.error_after.unwrap().micros(), 2 * 86_400 * 1_000_000);
    assert_eq!(project.sources["crm.notes"].freshness, None);
}

#[test]
fn freshness_needs_to_know_when_a_row_came() {
    let tables = "      - name: orders\n        freshness: {warn_after: {count: 1, period: day}}\n";
    assert_eq!(faults(tables, "models: []\n"), "models/sources.yml:6: freshness of `crm.orders`: missing key `loaded_at_field`");
}

#[test]
fn unit_tests_name_what_is_there() {
    let tables = "      - name: orders\n        columns:\n          - {name: order_id, data_type: varchar}\n";
    let good = "unit_tests:
  - name: keeps_all
    model: orders
    overrides: {vars: {limit: 5}}
    given:
      - input: source('crm', 'orders')
        rows: [{order_id: 1}, {order_id: null}]
    expect: {rows: [{order_id: 1}]}
";
    let test = &project(tables, good).unit_tests[0];
    assert_eq!(test.vars, [("limit".to_owned(), "5".to_owned())]);
    assert_eq!(test.given[0].rows[0].cells["order_id"].as_deref(), Some("1"));
    assert_eq!(test.given[0].rows[1].cells["order_id"], None);
    let bad = "unit_tests:
  - name: first
    model: ordes
    given: []
    expect: {rows: []}
  - name: second
    model: orders
    given:
      - input: ref('orders')
        rows: []
    expect: {rows: [], format: sql}
  - name: third
    model: orders
    given:
      - input: source('crm', 'orders')
        rows: [{orderid: 1}]
";
    assert_eq!(
        faults(tables, bad),
        "models/orders.yml:2: unknown model of unit test `first`: `ordes`
  hint: did you mean `orders`?
models/orders.yml:6: unit test `second`: model `orders` reads `crm.orders`, which is not given
  hint: give it, with `rows: []` if it is empty
models/orders.yml:9: unknown input of model `orders` in unit test `second`: `orders`
models/orders.yml:11: unknown format of rows `sql`
models/orders.yml:12: unit test `third`: missing key `expect`"
    );
}

#[test]
fn relations_are_written_as_dbt_writes_them() {
    assert_eq!(relation_of("ref('a')").as_deref(), Some("a"));
    assert_eq!(relation_of("{{ ref(\"package\", \"a\") }}").as_deref(), Some("a"));
    assert_eq!(relation_of("source('crm','b')").as_deref(), Some("crm.b"));
    assert_eq!(relation_of("this"), None);
}

#[test]
fn thresholds_compare_counts() {
    for (text, holds) in
        [(">10", [false, false, true]), (">= 10", [false, true, true]), ("!=10", [true, false, true]), ("= 10", [false, true, false]), ("<10", [true, false, false])]
    {
        let threshold = Threshold::parse(text).unwrap();
        assert_eq!([9, 10, 11].map(|count| threshold.holds(count)), holds, "{text}");
    }
    assert_eq!(Threshold::parse("between 1 and 2"), None);
}
