//! Queries over small frames, among them those that polars-sql answered wrongly.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use indexmap::IndexMap;
use polars::prelude as pl;
use polars::prelude::{IntoLazy, df};

use super::{Relation, SqlError, SqlModel, lower_model};

mod relations;
mod values;

fn arrow_type(data_type: &pl::DataType) -> DataType {
    match data_type {
        pl::DataType::Boolean => DataType::Boolean,
        pl::DataType::Int32 => DataType::Int32,
        pl::DataType::Int64 => DataType::Int64,
        pl::DataType::Float64 => DataType::Float64,
        pl::DataType::Date => DataType::Date32,
        pl::DataType::Decimal(precision, scale) => DataType::Decimal128(u8::try_from(*precision).unwrap(), i8::try_from(*scale).unwrap()),
        pl::DataType::Datetime(_, None) => DataType::Timestamp(TimeUnit::Microsecond, None),
        pl::DataType::Datetime(_, Some(_)) => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        _ => DataType::Utf8View,
    }
}

fn relation(frame: pl::DataFrame) -> Relation {
    let fields: Vec<Field> = frame.columns().iter().map(|column| Field::new(column.name().as_str(), arrow_type(column.dtype()), true)).collect();
    Relation { schema: Arc::new(Schema::new(fields)), frame: frame.lazy() }
}

/// Orders `o` and reps `r`: o5 has no rep, rep 9 is unknown, rep c has no order.
fn lake() -> IndexMap<String, Relation> {
    let orders = df![
        "id" => [1_i64, 2, 3, 4, 5, 6],
        "rep" => [Some("a"), Some("a"), Some("b"), Some("z"), None, Some("b")],
        "day" => [1_i64, 2, 2, 3, 4, 5],
        "amount" => [Some(10_i64), Some(20), Some(30), Some(40), None, Some(60)],
    ]
    .unwrap();
    let reps = df![
        "rep" => [Some("a"), Some("b"), Some("c"), None],
        "valid_from" => [2_i64, 3, 1, 1],
        "team" => ["north", "south", "south", "none"],
    ]
    .unwrap();
    let money = df!["id" => [1_i64, 2, 3], "price" => [Some("1.10"), Some("2.25"), None]]
        .unwrap()
        .lazy()
        .with_column(pl::col("price").strict_cast(pl::DataType::Decimal(18, 2)))
        .collect()
        .unwrap();
    let moments = df!["happened" => [Some("2024-06-30T22:30:00Z"), Some("2024-01-31T12:00:00Z"), None]].unwrap();
    let nothing = df!["x" => Vec::<i64>::new(), "t" => Vec::<String>::new()].unwrap();
    IndexMap::from([
        ("orders".to_owned(), relation(orders)),
        ("crm.reps".to_owned(), relation(reps)),
        ("money".to_owned(), relation(money)),
        ("moments".to_owned(), relation(moments)),
        ("nothing".to_owned(), relation(nothing)),
    ])
}

fn run(sql: &str) -> Result<Relation, SqlError> {
    let model = SqlModel { name: "m", file: "models/m.sql", sql };
    lower_model(&model, &lake())
}

/// The answer as lines of comma-separated values, in order.
fn lines(sql: &str) -> Vec<String> {
    let relation = run(sql).unwrap();
    let frame = relation.frame.collect().unwrap();
    assert_eq!(frame.width(), relation.schema.fields().len());
    for (column, field) in frame.columns().iter().zip(relation.schema.fields()) {
        assert_eq!(column.name().as_str(), field.name());
    }
    (0..frame.height())
        .map(|row| {
            let cells: Vec<String> = frame
                .columns()
                .iter()
                .map(|column| match column.get(row).unwrap() {
                    pl::AnyValue::Null => "null".to_owned(),
                    pl::AnyValue::String(text) => text.to_owned(),
                    pl::AnyValue::StringOwned(text) => text.to_string(),
                    value => value.to_string(),
                })
                .collect();
            cells.join(",")
        })
        .collect()
}

fn refusal(sql: &str) -> String {
    run(sql).unwrap_err().to_string()
}
