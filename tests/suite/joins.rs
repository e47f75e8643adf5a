//! Joins and times, worked out by hand on tests/projects/language: paths of two joins, versions behind a key, several times in one query,
//! parts of times, metrics in conditions.

use harness::{Comparison, Fixture, Grid, assert_none, project_over, root};
use quotient_jobs::{JobError, QueryRequest, Workspace};
use quotient_model::Node;

const AS_OF: &str = "2025-02-01T00:00:00Z";

/// Three customers in two areas, and one that nobody knows; a territory changes crews on 15 July 2024 at 10:30Z.
fn fixture() -> Fixture {
    let given = Node::parse(
        r#"
customers:
  - {customer_id: c1, name: A, segment: smb, territory: east}
  - {customer_id: c2, name: B, segment: smb, territory: west}
  - {customer_id: c3, name: C, segment: big}
products:
  - {product_id: p1, name: P, family: f, tier: 1}
order_lines:
  # Mondays: 1 and 15 July 2024, 30 December 2024; Wednesday: 1 January 2025.
  - {order_id: o1, line_number: 1, ordered_at: "2024-07-01T08:00:00Z", customer_id: c1, product_id: p1, channel: online, quantity: 10, amount: "100.00"}
  - {order_id: o2, line_number: 1, ordered_at: "2024-07-15T08:00:00Z", customer_id: c2, product_id: p1, channel: store, quantity: 5, amount: "50.00"}
  - {order_id: o3, line_number: 1, ordered_at: "2024-12-30T08:00:00Z", customer_id: c1, product_id: p1, channel: online, quantity: 2, amount: "20.00"}
  - {order_id: o4, line_number: 1, ordered_at: "2025-01-01T08:00:00Z", customer_id: c3, product_id: p1, channel: online, quantity: 1, amount: "10.00"}
  - {order_id: o5, line_number: 1, ordered_at: "2025-01-01T08:00:00Z", customer_id: c9, product_id: p1, channel: store, quantity: 7, amount: "70.00"}
opportunities:
  - {opportunity_id: d1, created_at: "2024-07-15T10:29:59Z", status: open, customer_id: c1}
  - {opportunity_id: d2, created_at: "2024-07-15T10:30:00Z", status: won, closed_at: "2024-08-03T22:30:00Z", customer_id: c1, amount: "9.00"}
  - {opportunity_id: d3, created_at: "2024-07-16T00:00:00Z", status: open, customer_id: c3}
"#,
    );
    Fixture::given(&given.unwrap())
}

fn workspace(fixture: &Fixture) -> Workspace {
    Workspace::open(&project_over(&root().join("tests/projects/language"), &fixture.lake(), AS_OF)).unwrap()
}

fn request(metric: &str, group_by: &[&str], filters: &[&str]) -> QueryRequest {
    let texts = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
    QueryRequest { metrics: vec![metric.to_owned()], group_by: texts(group_by), filters: texts(filters), ..QueryRequest::default() }
}

/// Asserts the whole answer, as CSV; the rows in any order.
#[track_caller]
fn answers(request: &QueryRequest, csv: &str) {
    let fixture = fixture();
    let batch = workspace(&fixture).query(request).unwrap();
    let (wanted, found) = (Grid::of_csv(csv, batch.schema_ref()), Grid::of_batch(&batch));
    let keys: Vec<String> = wanted.columns.iter().filter(|column| !request.metrics.contains(column)).cloned().collect();
    let differences = Comparison { wanted: &wanted, found: &found, keys: &keys, tolerance: 1e-9 }.differences();
    assert_none(&differences.iter().map(ToString::to_string).collect::<Vec<String>>());
}

#[track_caller]
fn refusal(request: &QueryRequest) -> String {
    let fixture = fixture();
    match workspace(&fixture).query(request) {
        Err(JobError::Metrics(error)) => error.to_string(),
        other => panic!("expected a refusal, found {other:?}"),
    }
}

#[test]
fn an_item_reaches_over_two_joins() {
    // c1 in the east: 10 + 2; c2 in the west: 5; c3 without an area 1 and the unknown c9 7.
    answers(&request("line_units", &["customer__area__title"], &[]), "customer__area__title,line_units\nEAST,12\nWEST,5\n(none),8\n");
    answers(&request("line_units", &["customer__area"], &[]), "customer__area,line_units\neast,12\nwest,5\n(none),8\n");
}

#[test]
fn a_condition_reaches_over_two_joins_unseen() {
    answers(&request("line_units", &[], &["{{ Dimension('customer__area__initial') }} = 'e'"]), "line_units\n12\n");
}

#[test]
fn versions_behind_a_key_are_those_at_the_event() {
    // A second lies between the deals of the 15th; c3 has no area.
    answers(&request("deal_opened", &["customer__area__crew"], &[]), "customer__area__crew,deal_opened\nold crew,1\nnew crew,1\n(none),1\n");
}

#[test]
fn weeks_and_years_stand_beside_each_other() {
    // The week of 30 December has a Monday in 2024 and a Wednesday in 2025.
    let csv = "metric_time__week,metric_time__year,line_units\n2024-07-01,2024-01-01,10\n2024-07-15,2024-01-01,5\n2024-12-30,2024-01-01,2\n2024-12-30,2025-01-01,8\n";
    answers(&request("line_units", &["metric_time__week", "metric_time__year"], &[]), csv);
}

#[test]
fn coarser_periods_and_parts_come_from_the_finest() {
    let csv = "metric_time__month,metric_time__quarter,metric_time__extract_month,line_units\n\
               2024-07-01,2024-07-01,7,15\n2024-12-01,2024-10-01,12,2\n2025-01-01,2025-01-01,1,8\n";
    answers(&request("line_units", &["metric_time__quarter", "metric_time__month", "metric_time__extract_month"], &[]), csv);
}

#[test]
fn weekdays_start_with_monday() {
    // Mondays: 10 + 5 + 2; the Wednesday: 1 + 7.
    answers(&request("line_units", &["metric_time__extract_dow"], &[]), "metric_time__extract_dow,line_units\n1,17\n3,8\n");
}

#[test]
fn a_time_that_is_missing_is_null() {
    // 22:30Z on 3 August is half past midnight on the 4th in Berlin; two deals are open.
    answers(&request("deal_opened", &["dealing__closed_at"], &[]), "dealing__closed_at__day,deal_opened\n2024-08-04,1\n,2\n");
    answers(&request("deal_opened", &["dealing__closed_at__extract_dow"], &[]), "dealing__closed_at__extract_dow,deal_opened\n7,1\n,2\n");
}

#[test]
fn times_of_joined_models_have_periods() {
    let csv = "customer__first_ordered_on__quarter,line_units\n2024-07-01,17\n2025-01-01,1\n,7\n";
    // c1 and c2 first ordered in July, c3 in January; c9 is no customer.
    answers(&request("line_units", &["customer__first_ordered_on__quarter"], &[]), csv);
}

#[test]
fn metrics_stand_in_conditions() {
    // c1 has bought 12, c9 7, c2 5, c3 1. Customers without lines have no value, and pass no condition.
    answers(&request("line_units", &["customer"], &["{{ Metric('line_units', group_by=['customer']) }} > 5"]), "customer,line_units\nc1,12\nc9,7\n");
    // Counted over all days, also where the answer is of one month: c1 bought 2 of its 12 in December.
    let month = "{{ TimeDimension('metric_time', 'month') }} = '2024-12-01'";
    answers(&request("line_units", &[], &["{{ Metric('line_units', group_by=['customer']) }} > 10", month]), "line_units\n2\n");
    // Of another fact: c1 has two deals, c3 one.
    answers(&request("line_units", &["customer"], &["{{ Metric('deal_opened', ['customer']) }} >= 1"]), "customer,line_units\nc1,12\nc3,1\n");
    // Money is exact: 100 + 20 of c1.
    answers(&request("deal_opened", &[], &["{{ Metric('line_sum', ['customer']) }} >= 120"]), "deal_opened\n2\n");
}

#[test]
fn answers_are_ordered_and_cut() {
    let fixture = fixture();
    let mut question = request("line_units", &["metric_time"], &[]);
    question.order = vec!["-metric_time".to_owned()];
    question.limit = Some(1);
    question.end = Some("2024-12-31".parse().unwrap());
    let found = Grid::of_batch(&workspace(&fixture).query(&question).unwrap());
    assert_eq!((found.columns.join(","), found.rows.len(), found.rows[0][0].to_string()), ("metric_time__day,line_units".to_owned(), 1, "2024-12-30".to_owned()));
}

#[test]
fn what_has_no_meaning_is_refused() {
    let said = refusal(&request("line_units_month_to_date", &["metric_time__week", "metric_time__year"], &[]));
    let wanted =
        "metric `line_units_month_to_date`: a cumulative metric or one with an offset has no value by `metric_time__year` beside periods of `week`, which may belong to several";
    assert_eq!(said, wanted);
    let said = refusal(&request("line_units", &["customer__area__titel"], &[]));
    assert_eq!(said, "metric `line_units`: model `lines` has no dimension `customer__area__titel`; did you mean `customer__area__title`?");
    let said = refusal(&request("line_units", &[], &["{{ Metric('line_unit', ['customer']) }} > 1"]));
    assert_eq!(said, "unknown metric `line_unit`\n\nhint: did you mean `line_units`?");
}
