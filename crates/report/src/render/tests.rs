//! What rows look like in each format.

use super::{Format, render};
use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int64Array, LargeStringArray, RecordBatch, StringArray, TimestampMicrosecondArray, UInt32Array,
};
use std::sync::Arc;

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, c)| (n, c, true))).unwrap()
}

fn sample() -> RecordBatch {
    let money = Decimal128Array::from(vec![Some(1_234_500), None]).with_precision_and_scale(18, 2).unwrap();
    let at = TimestampMicrosecondArray::from(vec![Some(1_714_521_600_000_000), Some(1_714_521_600_000_001)]).with_timezone("UTC");
    batch(vec![
        ("team", Arc::new(StringArray::from(vec![Some("영업 1팀"), None]))),
        ("day", Arc::new(Date32Array::from(vec![Some(19844), None]))),
        ("deals", Arc::new(Int64Array::from(vec![Some(-3), None]))),
        ("win_rate", Arc::new(Float64Array::from(vec![Some(1.0 / 3.0), Some(0.5)]))),
        ("revenue", Arc::new(money)),
        ("is_complete", Arc::new(BooleanArray::from(vec![Some(true), None]))),
        ("at", Arc::new(at)),
    ])
}

#[test]
fn a_terminal_gets_aligned_columns() {
    let expected = "\
| team     | day        | deals | win_rate |  revenue | is_complete | at                          |
|----------|------------|-------|----------|----------|-------------|-----------------------------|
| 영업 1팀 | 2024-05-01 |    -3 | 0.333333 | 12345.00 | true        | 2024-05-01T00:00:00Z        |
|          |            |       |      0.5 |          |             | 2024-05-01T00:00:00.000001Z |
";
    assert_eq!(render(&sample(), Format::Table).unwrap(), expected);
}

#[test]
fn json_keeps_decimals_exact_and_columns_in_order() {
    let expected = r#"[
{"team":"영업 1팀","day":"2024-05-01","deals":-3,"win_rate":0.3333333333333333,"revenue":"12345.00","is_complete":true,"at":"2024-05-01T00:00:00Z"},
{"team":null,"day":null,"deals":null,"win_rate":0.5,"revenue":null,"is_complete":null,"at":"2024-05-01T00:00:00.000001Z"}
]
"#;
    assert_eq!(render(&sample(), Format::Json).unwrap(), expected);
    assert_eq!(render(&sample().slice(0, 0), Format::Json).unwrap(), "[]\n");
}

#[test]
fn csv_has_full_precision_and_empty_nulls() {
    let expected = "team,day,deals,win_rate,revenue,is_complete,at\r\n\
        영업 1팀,2024-05-01,-3,0.3333333333333333,12345.00,true,2024-05-01T00:00:00Z\r\n\
        ,,,0.5,,,2024-05-01T00:00:00.000001Z\r\n";
    assert_eq!(render(&sample(), Format::Csv).unwrap(), expected);
}

#[test]
fn csv_text_cannot_start_a_formula() {
    let texts = vec!["=1+1", "+1", "-1", "@x", "\tx", "a,\"b\"", "line\nbreak", "plain"];
    let numbers = Int64Array::from_iter_values(texts.iter().map(|_| -1));
    let rows = batch(vec![("t", Arc::new(LargeStringArray::from(texts))), ("n", Arc::new(numbers))]);
    let expected = "t,n\r\n'=1+1,-1\r\n'+1,-1\r\n'-1,-1\r\n'@x,-1\r\n'\tx,-1\r\n\"a,\"\"b\"\"\",-1\r\n\"line\nbreak\",-1\r\nplain,-1\r\n";
    assert_eq!(render(&rows, Format::Csv).unwrap(), expected);
}

#[test]
fn a_terminal_obeys_no_text() {
    let rows = batch(vec![("t", Arc::new(StringArray::from(vec!["a\u{1b}[31m\nb"])))]);
    let expected = "| t              |\n|----------------|\n| a\\u{1b}[31m\\nb |\n";
    assert_eq!(render(&rows, Format::Table).unwrap(), expected);
}

#[test]
fn numbers_on_a_terminal_are_short() {
    let numbers = Float64Array::from(vec![0.0, -0.0, 1.0, 2.5e-7, 1e21, -1.000_000_4, f64::NAN]);
    let text = render(&batch(vec![("x", Arc::new(numbers))]), Format::Table).unwrap();
    let shown: Vec<&str> = text.lines().skip(2).map(|line| line.trim_matches(['|', ' '])).collect();
    assert_eq!(shown, ["0", "0", "1", "2.500e-7", "1000000000000000000000", "-1", "NaN"]);
    let infinite = batch(vec![("x", Arc::new(Float64Array::from(vec![f64::INFINITY])))]);
    assert_eq!(render(&infinite, Format::Json).unwrap(), "[\n{\"x\":null}\n]\n");
}

#[test]
fn any_whole_number_prints_and_bytes_do_not() {
    let rows = batch(vec![("n", Arc::new(UInt32Array::from(vec![u32::MAX])))]);
    assert_eq!(render(&rows, Format::Csv).unwrap(), "n\r\n4294967295\r\n");
    let bytes = batch(vec![("b", Arc::new(BinaryArray::from(vec![b"x".as_slice()])))]);
    let message = render(&bytes, Format::Csv).unwrap_err().to_string();
    assert_eq!(message, "cannot print column `b`: its type is Binary, expected text, a number, a boolean, a date or an instant");
}
