//! Saved queries as they are read, and every fault in them.

use crate::project::{Project, ProjectFiles, Settings};

const MODEL: &str = "models:
  - name: orders
    semantic_model: {enabled: true}
    agg_time_dimension: ordered_on
    columns:
      - {name: order_id, entity: {type: primary, name: order}}
      - {name: ordered_on, granularity: day, dimension: {type: time}}
      - {name: channel, dimension: categorical}
    metrics:
      - {name: revenue, type: simple, agg: sum, expr: amount}
";

fn parse(saved: &str) -> Result<Project, String> {
    let files = ProjectFiles {
        project: "name: shop\n".to_owned(),
        models: [
            ("models/orders.sql".to_owned(), "SELECT 1 AS order_id".to_owned()),
            ("models/orders.yml".to_owned(), MODEL.to_owned()),
            ("models/saved.yml".to_owned(), saved.to_owned()),
        ]
        .into(),
        ..ProjectFiles::default()
    };
    Project::parse(&files, &Settings::default()).map_err(|error| error.faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
}

#[test]
fn functions_and_plain_names_are_the_same_items() {
    let project = parse(
        "saved_queries:
  - name: revenue_by_channel
    label: Revenue by channel
    description: What each channel sold.
    query_params:
      metrics: [revenue]
      group_by: [\"TimeDimension('metric_time', 'month')\", \"Dimension('order__channel')\", order]
      where: \"{{ Dimension('order__channel') }} <> 'store'\"
      order_by: [\"Metric('revenue').descending(True)\", \"-metric_time__month\"]
      limit: 5
    exports:
      - name: channels
        config: {export_as: table, schema: kpis, alias: revenue_channels}
",
    )
    .unwrap();
    let query = &project.saved_queries["revenue_by_channel"];
    assert_eq!(query.group_by, ["metric_time__month", "order__channel", "order"]);
    assert_eq!(query.filters[0].sql, "\"order__channel\" <> 'store'");
    assert_eq!(query.order_by, ["-revenue", "-metric_time__month"]);
    assert_eq!((query.limit, query.table()), (Some(5), "revenue_channels"));
}

#[test]
fn every_fault_of_a_saved_query_is_found_in_one_pass() {
    let faults = parse(
        "saved_queries:
  - name: wrong
    query_params:
      metrics: [revenue, revenu]
      group_by:
        - order__chanel
        - Dimensio('x')
      where: \"{{ Dimension('order__chanel') }} = 'a'\"
      order_by: [revenues]
      limit: 0
    exports:
      - name: wrong
        config: {export_as: tabel}
  - name: empty
    query_params: {metrics: []}
  - name: nothing
  - name: empty
    query_params: {metrics: [revenue]}
",
    )
    .unwrap_err();
    assert_eq!(
        faults,
        "models/saved.yml:4: unknown metric of saved query `wrong`: `revenu`
  hint: did you mean `revenue`?
models/saved.yml:6: saved query `wrong`: model `orders` has no dimension `order__chanel`; did you mean `order__channel`?
models/saved.yml:7: saved query `wrong` `query_params`: `Dimensio('x')`: unknown function: Dimensio is unknown
models/saved.yml:8: saved query `wrong`: where: model `orders` has no dimension `order__chanel`; did you mean `order__channel`?
models/saved.yml:9: unknown column to order saved query `wrong` by: `revenues`
  hint: did you mean `revenue`?
models/saved.yml:10: saved query `wrong`: expected `limit` above 0
models/saved.yml:13: unknown export type `tabel`
models/saved.yml:15: saved query `empty`: expected at least one metric, found none
models/saved.yml:16: saved query `nothing`: missing key `query_params`
models/saved.yml:17: saved query `empty` is already defined at models/saved.yml:14"
    );
}
