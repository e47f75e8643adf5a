//! The lake as a whole: the same bytes for the same request, the tables of the design, sound keys, sane rates.

mod lake;
mod ugly;

use std::collections::BTreeSet;

use arrow::datatypes::DataType;
use arrow::datatypes::TimeUnit::Microsecond;
use chrono::NaiveDate;

use crate::error::DemoError;
use lake::{Lake, files, request};

fn instant() -> DataType {
    DataType::Timestamp(Microsecond, Some("UTC".into()))
}

/// Every table with its columns and their types: the first letter is the type, a star marks what must not be null.
const TABLES: [(&str, &str); 15] = [
    ("leads", "t*lead_id i*created_at t source t offer t temperature t rep_id t territory t customer_id i converted_at"),
    ("lead_temperatures", "t*lead_id t*temperature i*changed_at"),
    (
        "activities",
        "t*activity_id i*occurred_at t*kind t direction b is_automated t lead_id t opportunity_id t customer_id \
         t rep_id b reached n personalized_elements n duration_seconds",
    ),
    (
        "opportunities",
        "t*opportunity_id i*created_at t*status i closed_at t customer_id t lead_id t rep_id t product_id t channel \
         t kind m amount t currency",
    ),
    ("stage_changes", "t*opportunity_id t*stage i*entered_at n stage_order"),
    (
        "order_lines",
        "t*order_id n*line_number i*ordered_at t customer_id t product_id t rep_id t location t channel l*quantity \
         m*amount t currency",
    ),
    ("subscriptions", "t*subscription_id t*customer_id t product_id t rep_id d*started_on d ended_on m mrr t currency t end_reason"),
    ("expenses", "t*expense_id d*incurred_on t*function t team t territory m*amount t currency"),
    ("customers", "t*customer_id t name t segment t industry t territory t location"),
    ("reps", "t*rep_id i valid_from i valid_to t name t team t manager t territory d hired_on"),
    ("products", "t*product_id t name t family n tier"),
    ("targets", "t*metric t*grain d*period_start t team t territory m*target"),
    ("feedback", "t*feedback_id i*submitted_at t customer_id t rep_id t*kind n*score"),
    ("fx_rates", "t*currency d*valid_on r*rate"),
    ("holidays", "t territory d*day"),
];

/// Primary keys.
const KEYS: [(&str, &[&str]); 15] = [
    ("leads", &["lead_id"]),
    ("lead_temperatures", &["lead_id", "changed_at"]),
    ("activities", &["activity_id"]),
    ("opportunities", &["opportunity_id"]),
    ("stage_changes", &["opportunity_id", "entered_at", "stage_order"]),
    ("order_lines", &["order_id", "line_number"]),
    ("subscriptions", &["subscription_id"]),
    ("expenses", &["expense_id"]),
    ("customers", &["customer_id"]),
    ("reps", &["rep_id", "valid_from"]),
    ("products", &["product_id"]),
    ("targets", &["metric", "period_start", "team"]),
    ("feedback", &["feedback_id"]),
    ("fx_rates", &["currency", "valid_on"]),
    ("holidays", &["territory", "day"]),
];

fn columns(spec: &str) -> Vec<(bool, String, DataType)> {
    // `t*lead_id` and `t source` become one word each.
    let words = spec.split_whitespace().fold(Vec::<String>::new(), |mut words, word| {
        match words.last_mut() {
            Some(last) if last.len() == 1 => *last = format!("{last}-{word}"),
            _ => words.push(word.to_owned()),
        }
        words
    });
    let typed = |word: String| {
        let kind = match &word[..1] {
            "i" => instant(),
            "d" => DataType::Date32,
            "b" => DataType::Boolean,
            "n" => DataType::Int32,
            "l" => DataType::Int64,
            "m" => DataType::Decimal128(18, 2),
            "r" => DataType::Decimal128(18, 8),
            _ => DataType::Utf8,
        };
        (&word[1..2] == "*", word[2..].to_owned(), kind)
    };
    words.into_iter().map(typed).collect()
}

#[test]
fn every_table_has_its_columns_rows_and_keys() {
    let lake = Lake::make("columns", &request(0.005, 7));
    for (table, spec) in TABLES {
        let batch = lake.read(table);
        let schema = batch.schema();
        let expected = columns(spec);
        let found: Vec<_> = schema.fields().iter().map(|field| (field.name(), field.data_type())).collect();
        let wanted: Vec<_> = expected.iter().map(|(_, name, kind)| (name, kind)).collect();
        assert_eq!(found, wanted, "{table}");
        assert!(batch.num_rows() > 0, "{table} is empty");
        for (required, name, _) in &expected {
            let nulls = batch.column_by_name(name).unwrap().null_count();
            assert!(!required || nulls == 0, "{table}.{name} has {nulls} nulls");
        }
    }
    for (table, key) in KEYS {
        let rows = lake.rows(table, key);
        let distinct: BTreeSet<_> = rows.iter().collect();
        assert_eq!(rows.len(), distinct.len(), "keys of {table}");
    }
}

#[test]
fn the_same_request_gives_the_same_bytes_on_any_number_of_threads() {
    let bytes = |tag: &str, seed: u64, threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let months = NaiveDate::from_ymd_opt(2024, 5, 20).unwrap();
        let request = crate::DemoRequest { to: months, ..request(0.005, seed) };
        let lake = pool.install(|| Lake::make(tag, &request));
        files(&lake.directory)
    };
    let one = bytes("one", 7, 1);
    assert!(one == bytes("again", 7, 1));
    assert!(one == bytes("four", 7, 4));
    assert!(one != bytes("other", 8, 4));
}

#[test]
fn the_summary_is_what_is_on_disk() {
    let lake = Lake::make("summary", &request(0.005, 7));
    let on_disk = files(&lake.directory);
    for table in &lake.tables {
        let of_table: Vec<_> = on_disk.iter().filter(|(path, _)| path.starts_with(&table.name)).collect();
        assert_eq!(usize::try_from(table.files).unwrap(), of_table.len(), "{}", table.name);
        let bytes: usize = of_table.iter().map(|(_, bytes)| bytes.len()).sum();
        assert_eq!(usize::try_from(table.bytes).unwrap(), bytes, "{}", table.name);
        let rows = lake.read(&table.name).num_rows();
        assert_eq!(usize::try_from(table.rows).unwrap(), rows, "{}", table.name);
    }
    assert_eq!(lake.tables.len(), TABLES.len());
}

#[test]
fn references_hold_but_for_the_reps_who_are_unknown() {
    let lake = Lake::make("references", &request(0.005, 7));
    let ids = |table: &str, column: &str| -> BTreeSet<String> { lake.texts(table, column).into_iter().flatten().collect() };
    let references = [
        ("leads", "customer_id", "customers"),
        ("lead_temperatures", "lead_id", "leads"),
        ("activities", "lead_id", "leads"),
        ("activities", "opportunity_id", "opportunities"),
        ("activities", "customer_id", "customers"),
        ("opportunities", "customer_id", "customers"),
        ("opportunities", "lead_id", "leads"),
        ("opportunities", "product_id", "products"),
        ("stage_changes", "opportunity_id", "opportunities"),
        ("order_lines", "customer_id", "customers"),
        ("order_lines", "product_id", "products"),
        ("subscriptions", "customer_id", "customers"),
        ("subscriptions", "product_id", "products"),
        ("feedback", "customer_id", "customers"),
    ];
    for (table, column, target) in references {
        let known = ids(target, column);
        let lost: Vec<_> = ids(table, column).into_iter().filter(|id| !known.contains(id)).collect();
        assert!(lost.is_empty(), "{table}.{column}: {lost:?}");
    }
    let reps = ids("reps", "rep_id");
    let unknown: BTreeSet<_> = ids("order_lines", "rep_id").difference(&reps).cloned().collect();
    assert!(unknown.iter().all(|rep| rep.starts_with("R90")), "{unknown:?}");
}

#[test]
fn requests_that_cannot_be_are_refused() {
    let fault = |request: &crate::DemoRequest| crate::generate(request).unwrap_err().to_string();
    let mut asked = request(f64::NAN, 7);
    assert_eq!(fault(&asked), "scale is NaN, expected a number above 0 and at most 1000");
    asked.scale = -1.0;
    assert_eq!(fault(&asked), "scale is -1, expected a number above 0 and at most 1000");
    let mut asked = request(0.005, 7);
    asked.to = asked.from;
    assert_eq!(fault(&asked), "range is 2024-01-01 to 2024-01-01, expected a first day before the last, both between 2000-01-01 and 2090-01-01");
}

#[test]
fn a_lake_is_never_written_over_another() {
    let lake = Lake::make("occupied", &request(0.005, 7));
    let mut again = request(0.005, 7);
    again.directory.clone_from(&lake.directory);
    let fault = crate::generate(&again).unwrap_err();
    assert!(matches!(&fault, DemoError::Occupied { path } if path.starts_with(&lake.directory)));
    assert!(fault.to_string().ends_with("is there already, expected no folder of that name\n\nhint: name an empty folder, or remove this one"));
}
