//! Laws that hold for every lake: parts sum to the whole, months to the quarter, movements to the balance; row order and files do not matter, joins add no rows.
//!
//! In: small lakes that proptest makes. Each opens a project, so there are few.

use std::collections::BTreeMap;

use arrow::array::RecordBatch;
use chrono::{Datelike, Days, NaiveDate};
use harness::{Cell, Fixture, Grid, Row, packaged, row};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::{ProptestConfig, Strategy, any, proptest};
use quotient_jobs::{Format, QueryRequest, Workspace, render};

/// After everything that the lakes hold.
const AS_OF: &str = "2027-01-01T00:00:00Z";
/// Metrics whose parts sum to the whole, and dimensions that their fact can be sliced by.
const ADDITIVE: [(&[&str], &[&str]); 3] = [
    (&["revenue", "units_sold", "gross_sales", "returns_amount", "units_returned"], &["order_line__channel", "customer", "customer__segment"]),
    (&["won_deals", "lost_deals", "closed_deals"], &["opportunity__kind", "customer", "customer__segment"]),
    (&["leads", "leads_contacted", "leads_never_contacted"], &["lead__source", "rep__team"]),
];
/// Metrics of every kind, each list with a dimension of its fact.
const MIXED: [(&[&str], &str); 3] = [
    (&["revenue", "orders", "demand_share", "revenue_ytd"], "customer__segment"),
    (&["win_rate", "sales_cycle_days", "sales_cycle_days_median", "average_deal_size"], "customer__segment"),
    (&["leads", "lead_conversion_rate"], "lead__source"),
];

/// An order line, a deal and a lead that share their numbers.
#[derive(Debug, Clone)]
struct Event {
    day: u64,
    hour: u32,
    length: u64,
    quantity: i64,
    cents: i64,
    label: Option<u8>,
    customer: Option<u8>,
    won: bool,
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = (0..700_u64, 0..24_u32, 0..90_u64, -2..6_i64, -50_000..900_000_i64, option::of(0..3_u8), option::of(0..4_u8), any::<bool>());
    vec(event.prop_map(|(day, hour, length, quantity, cents, label, customer, won)| Event { day, hour, length, quantity, cents, label, customer, won }), 1..14)
}

fn instant(day: u64, hour: u32) -> String {
    let date = NaiveDate::from_ymd_opt(2024, 1, 1).unwrap() + Days::new(day);
    format!("{date}T{hour:02}:30:00Z")
}

fn money(cents: i64) -> String {
    format!("{}{}.{:02}", if cents < 0 { "-" } else { "" }, cents.abs() / 100, cents.abs() % 100)
}

/// The rows of the events, by table.
fn rows(events: &[Event]) -> BTreeMap<&'static str, Vec<Row>> {
    let mut tables: BTreeMap<&str, Vec<Row>> = BTreeMap::new();
    for (number, event) in events.iter().enumerate() {
        let label = |prefix: &str| event.label.map(|label| format!("{prefix}{label}"));
        let customer = event.customer.map(|customer| format!("c{customer}"));
        let (at, end) = (Some(instant(event.day, event.hour)), Some(instant(event.day + event.length, event.hour)));
        tables.entry("order_lines").or_default().push(row(&[
            // Two lines of an order now and then.
            ("order_id", Some(format!("o{}", number / 2))),
            ("line_number", Some(number.to_string())),
            ("ordered_at", at.clone()),
            ("customer_id", customer.clone()),
            ("channel", label("channel")),
            ("quantity", Some(event.quantity.to_string())),
            ("amount", Some(money(event.cents))),
        ]));
        tables.entry("opportunities").or_default().push(row(&[
            ("opportunity_id", Some(format!("d{number}"))),
            ("created_at", at.clone()),
            ("status", Some(if event.won { "won" } else { "lost" }.to_owned())),
            ("closed_at", end.clone()),
            ("customer_id", customer.clone()),
            ("kind", label("kind")),
            ("amount", Some(money(event.cents))),
        ]));
        // Services of a customer that follow each other, overlap, or leave gaps: of three products in two families.
        if let (Some(customer), Some(label)) = (&customer, event.label) {
            let day = |day: u64| Some((NaiveDate::from_ymd_opt(2024, 1, 1).unwrap() + Days::new(day)).to_string());
            tables.entry("subscriptions").or_default().push(row(&[
                ("subscription_id", Some(format!("s{number}"))),
                ("customer_id", Some(customer.clone())),
                ("product_id", Some(format!("p{label}"))),
                ("started_on", day(event.day)),
                ("ended_on", if event.won { day(event.day + event.length) } else { None }),
                ("mrr", Some(money(event.cents.abs()))),
            ]));
        }
        tables.entry("leads").or_default().push(row(&[
            ("lead_id", Some(format!("l{number}"))),
            ("created_at", at),
            ("source", label("source")),
            ("converted_at", end.filter(|_| event.won)),
            ("customer_id", customer),
        ]));
    }
    let customers = (0..3).map(|number| row(&[("customer_id", Some(format!("c{number}"))), ("segment", Some(format!("segment{}", number % 2)))]));
    tables.insert("customers", customers.collect());
    let product = |number: u8| row(&[("product_id", Some(format!("p{number}"))), ("family", Some(format!("family{}", number / 2))), ("tier", Some((number % 2 + 1).to_string()))]);
    tables.insert("products", (0..3).map(product).collect());
    tables
}

fn lake(tables: &BTreeMap<&'static str, Vec<Row>>) -> Fixture {
    let fixture = Fixture::empty();
    for (table, rows) in tables {
        fixture.write(table, &[rows]);
    }
    fixture
}

fn open(fixture: &Fixture) -> Workspace {
    Workspace::open(&packaged(&fixture.lake(), AS_OF)).unwrap()
}

fn ask(workspace: &Workspace, metrics: &[&str], group_by: &[&str]) -> RecordBatch {
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    workspace.query(&QueryRequest { metrics: owned(metrics), group_by: owned(group_by), ..QueryRequest::default() }).unwrap()
}

/// The sums of metrics, in millionths, by what a row's period is renamed to.
fn sums(batch: &RecordBatch, metrics: &[&str], rename: impl Fn(NaiveDate) -> NaiveDate) -> BTreeMap<(NaiveDate, String), i128> {
    let grid = Grid::of_batch(batch);
    let mut sums = BTreeMap::new();
    for row in &grid.rows {
        let Cell::Text(period) = &row[0] else { panic!("a row without a period") };
        let period = rename(period.parse().unwrap());
        for metric in metrics {
            *sums.entry((period, (*metric).to_owned())).or_default() += whole(row, &grid, metric);
        }
    }
    sums
}

/// A cell in millionths; null counts as 0.
fn whole(row: &[Cell], grid: &Grid, metric: &str) -> i128 {
    let cell = &row[grid.position(metric).unwrap()];
    if *cell == Cell::Null { 0 } else { cell.millionths().unwrap_or_else(|| panic!("`{metric}` is {cell}, which is not exact")) }
}

fn quarter(day: NaiveDate) -> NaiveDate {
    NaiveDate::from_ymd_opt(day.year(), day.month0() / 3 * 3 + 1, 1).unwrap()
}

fn year(day: NaiveDate) -> NaiveDate {
    NaiveDate::from_ymd_opt(day.year(), 1, 1).unwrap()
}

fn config() -> ProptestConfig {
    ProptestConfig { cases: 8, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn slices_sum_to_the_total(events in events()) {
        let fixture = lake(&rows(&events));
        let workspace = open(&fixture);
        for (metrics, dimensions) in ADDITIVE {
            let total = sums(&ask(&workspace, metrics, &["metric_time__month"]), metrics, |day| day);
            for slice in dimensions {
                let parts = sums(&ask(&workspace, metrics, &["metric_time__month", slice]), metrics, |day| day);
                assert_eq!(parts, total, "by {slice}");
            }
        }
    }

    #[test]
    fn days_and_months_sum_to_the_quarter_and_the_year(events in events()) {
        let fixture = lake(&rows(&events));
        let workspace = open(&fixture);
        for (metrics, _) in ADDITIVE {
            let by = |grain: &str, rename: fn(NaiveDate) -> NaiveDate| sums(&ask(&workspace, metrics, &[grain]), metrics, rename);
            assert_eq!(by("metric_time__month", quarter), by("metric_time__quarter", |day| day));
            assert_eq!(by("metric_time__day", quarter), by("metric_time__quarter", |day| day));
            assert_eq!(by("metric_time__quarter", year), by("metric_time__year", |day| day));
        }
    }

    #[test]
    fn movements_reconcile_with_the_balance(events in events()) {
        const MONEY: [&str; 8] = ["mrr_at_start", "new_mrr", "reactivation_mrr", "expansion_mrr", "contraction_mrr", "churned_mrr", "net_new_mrr", "mrr"];
        const CUSTOMERS: [&str; 3] = ["customers_at_start", "customers_net_change", "active_customers"];
        let fixture = lake(&rows(&events));
        let workspace = open(&fixture);
        for slice in [None, Some("customer__segment")] {
            let group_by: Vec<&str> = std::iter::once("metric_time__month").chain(slice).collect();
            let money = ask(&workspace, &MONEY, &group_by);
            let found = Grid::of_batch(&money);
            let mut ever: BTreeMap<String, i128> = BTreeMap::new();
            for row in &found.rows {
                let [start, new, reactivation, expansion, contraction, churned, net, end] = MONEY.map(|name| whole(row, &found, name));
                assert_eq!(start + new + reactivation + expansion - contraction - churned, end, "{row:?}");
                assert_eq!(start + net, end, "{row:?}");
                // Months are in order: the balance is the sum of all movements so far.
                let sum = ever.entry(slice.map_or_else(String::new, |_| row[1].to_string())).or_default();
                *sum += net;
                assert_eq!(*sum, end, "{row:?}");
            }
            let customers = ask(&workspace, &CUSTOMERS, &group_by);
            let found = Grid::of_batch(&customers);
            for row in &found.rows {
                let [start, net, end] = CUSTOMERS.map(|name| whole(row, &found, name));
                assert_eq!(start + net, end, "{row:?}");
            }
        }
    }

    #[test]
    fn row_order_and_files_do_not_matter(events in events(), cut in 0..14_usize) {
        let tables = rows(&events);
        let (one, other) = (lake(&tables), lake(&tables));
        for (table, rows) in &tables {
            let backwards: Vec<Row> = rows.iter().rev().cloned().collect();
            let (first, second) = backwards.split_at(cut.min(backwards.len()));
            other.write(table, &[second, &[], first]);
        }
        for (metrics, dimension) in MIXED {
            let text = |fixture: &Fixture| render(&ask(&open(fixture), metrics, &["metric_time__month", dimension]), Format::Csv).unwrap();
            assert_eq!(text(&one), text(&other));
        }
    }
}

/// A lake with one deal of customer `c0` and rep `r0`, and the given rows of customers and reps.
fn with_dimensions(customers: &[Row], reps: &[Row]) -> Fixture {
    let fixture = Fixture::empty();
    let closed = Some("2024-05-01T12:00:00Z".to_owned());
    let deal = row(&[
        ("opportunity_id", Some("d0".to_owned())),
        ("created_at", Some("2024-04-01T12:00:00Z".to_owned())),
        ("status", Some("won".to_owned())),
        ("closed_at", closed),
        ("customer_id", Some("c0".to_owned())),
        ("rep_id", Some("r0".to_owned())),
    ]);
    fixture.write("opportunities", &[&[deal]]);
    fixture.write("customers", &[customers]);
    fixture.write("reps", &[reps]);
    fixture
}

fn refusal(workspace: &Workspace, dimension: &str) -> String {
    let request = QueryRequest { metrics: vec!["won_deals".to_owned()], group_by: vec![dimension.to_owned()], ..QueryRequest::default() };
    workspace.query(&request).unwrap_err().to_string()
}

#[test]
fn a_key_that_repeats_is_refused_and_adds_no_rows() {
    let customer = |segment: &str| row(&[("customer_id", Some("c0".to_owned())), ("segment", Some(segment.to_owned()))]);
    let fixture = with_dimensions(&[customer("A"), customer("B")], &[]);
    let workspace = open(&fixture);
    let message = refusal(&workspace, "customer__segment");
    assert!(message.contains("`customers`") && message.contains("`c0`") && message.contains("would add rows"), "{message}");
    // Who does not ask for the customers is not bothered.
    assert_eq!(sums(&ask(&workspace, &["won_deals"], &["metric_time__month"]), &["won_deals"], year).into_values().sum::<i128>(), 1_000_000);
}

#[test]
fn versions_that_overlap_are_refused() {
    let version = |team: &str, from: &str| row(&[("rep_id", Some("r0".to_owned())), ("team", Some(team.to_owned())), ("valid_from", Some(from.to_owned()))]);
    let fixture = with_dimensions(&[], &[version("A", "2024-01-01T00:00:00Z"), version("B", "2024-03-01T00:00:00Z")]);
    let message = refusal(&open(&fixture), "rep__team");
    assert!(message.contains("`reps`") && message.contains("`r0`") && message.contains("would add rows"), "{message}");
}
