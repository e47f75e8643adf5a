//! Rows of one moment and conversions, worked out by hand on tests/projects/language: what MetricFlow has no answer to, or another.

use harness::{Comparison, Fixture, Grid, assert_none, project_over, root};
use quotient_jobs::{QueryRequest, Workspace};
use quotient_model::Node;

/// Deals of a customer and of nobody, and orders: in Berlin the last deal of May is opened on 1 June.
const ROWS: &str = r#"
opportunities:
  - {opportunity_id: d1, created_at: "2024-05-02T08:00:00Z", status: open, customer_id: c1, kind: renewal}
  - {opportunity_id: d2, created_at: "2024-05-20T08:00:00Z", status: open, customer_id: c1, kind: upsell}
  - {opportunity_id: d3, created_at: "2024-05-20T09:00:00Z", status: open, customer_id: c1, kind: renewal}
  - {opportunity_id: d4, created_at: "2024-05-03T08:00:00Z", status: open, kind: upsell}
  - {opportunity_id: d5, created_at: "2024-05-04T08:00:00Z", status: open, kind: upsell}
  - {opportunity_id: d6, created_at: "2024-05-31T22:30:00Z", status: open, customer_id: c1, kind: upsell}
order_lines:
  - {order_id: o1, line_number: 1, ordered_at: "2024-05-01T08:00:00Z", customer_id: c1, product_id: p1, quantity: 1, amount: "1.00"}
  - {order_id: o2, line_number: 1, ordered_at: "2024-05-02T06:00:00Z", customer_id: c1, product_id: p1, quantity: 1, amount: "1.00"}
  - {order_id: o3, line_number: 1, ordered_at: "2024-05-19T08:00:00Z", customer_id: c1, product_id: p1, quantity: 1, amount: "1.00"}
  - {order_id: o4, line_number: 1, ordered_at: "2024-05-21T08:00:00Z", customer_id: c1, product_id: p1, quantity: 1, amount: "1.00"}
  - {order_id: o5, line_number: 1, ordered_at: "2024-06-30T08:00:00Z", customer_id: c1, product_id: p1, quantity: 1, amount: "1.00"}
  - {order_id: o6, line_number: 1, ordered_at: "2024-07-01T08:00:00Z", customer_id: c1, product_id: p1, quantity: 1, amount: "1.00"}
"#;

/// Asserts the whole answer, as CSV; the rows in any order.
#[track_caller]
fn answers(metric: &str, group_by: &[&str], csv: &str) {
    let fixture = Fixture::given(&Node::parse(ROWS).unwrap());
    let workspace = Workspace::open(&project_over(&root().join("tests/projects/language"), &fixture.lake(), "2024-08-01T00:00:00Z")).unwrap();
    let keys: Vec<String> = group_by.iter().map(|item| (*item).to_owned()).collect();
    let request = QueryRequest { metrics: vec![metric.to_owned()], group_by: keys.clone(), ..QueryRequest::default() };
    let batch = workspace.query(&request).unwrap();
    let (wanted, found) = (Grid::of_csv(csv, batch.schema_ref()), Grid::of_batch(&batch));
    let differences = Comparison { wanted: &wanted, found: &found, keys: &keys, tolerance: 1e-9 }.differences();
    assert_none(&differences.iter().map(ToString::to_string).collect::<Vec<String>>());
}

#[test]
fn rows_without_an_entity_have_a_moment_of_their_own() {
    // May: c1's last day is the 20th with d2 and d3; nobody's is the 4th with d5. June: d6.
    answers("openings_last_of_each", &["metric_time__month"], "metric_time__month,openings_last_of_each\n2024-05-01,3\n2024-06-01,1\n");
    // All of them: c1's last day is 1 June with d6, nobody's 4 May with d5.
    answers("openings_last_of_each", &["opening__kind"], "opening__kind,openings_last_of_each\nupsell,2\n");
}

#[test]
fn the_moment_is_chosen_before_the_slice() {
    // Of May's last day, the 20th, one of each kind; d1 of the 2nd shows in no slice.
    answers(
        "openings_last_day",
        &["metric_time__month", "opening__kind"],
        "metric_time__month,opening__kind,openings_last_day\n2024-05-01,upsell,1\n2024-05-01,renewal,1\n2024-06-01,upsell,1\n",
    );
}

#[test]
fn a_conversion_belongs_to_the_last_row_before_it_within_the_window() {
    // o1 comes before any deal. o2 is on the day of d1 and o3 17 days after it: two for d1.
    // o4 is a day after d2 and d3, of one day: by its dimensions the first is taken, and renewal comes before upsell.
    // o5 is 29 days after d6 of 1 June; o6 is 30 days after it, which is out of a window of 30 days.
    answers(
        "opening_to_order_count",
        &["metric_time__month", "opening__kind"],
        "metric_time__month,opening__kind,opening_to_order_count\n2024-05-01,renewal,3\n2024-05-01,upsell,\n2024-06-01,upsell,1\n",
    );
    // For ever: o6 too.
    answers("opening_to_order_ever", &["metric_time__month"], "metric_time__month,opening_to_order_ever\n2024-05-01,3\n2024-06-01,2\n");
    // May: three order lines over the five deals opened.
    answers("opening_to_order", &["metric_time__month"], "metric_time__month,opening_to_order\n2024-05-01,0.6\n2024-06-01,1\n");
}
