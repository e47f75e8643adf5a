//! Whole requests against answers worked out by hand.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Date32Array, Decimal128Array, DictionaryArray, Float64Array, Int32Array, Int64Array, StringArray, StringViewArray,
    TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, Date32Type, Decimal128Type, Field, Float64Type, Int32Type, Int64Type, Schema, SchemaRef, TimeUnit, TimestampMicrosecondType};
use arrow::record_batch::RecordBatch;

use super::*;

mod laws;
mod refusals;

const DAY: usize = 0;
const REP: usize = 1;
const WON: usize = 2;
const AMOUNT: usize = 3;
const HOURS: usize = 4;
const UNITS: usize = 5;
const CLOSED_AT: usize = 6;

/// Rows of a small fact: day, rep, won, amount in cents, hours, units.
type Row = (Option<i32>, Option<&'static str>, Option<bool>, Option<i128>, Option<f64>, Option<i32>);

/// Days 0 to 9 are the first period, days 10 to 19 the second.
fn periods() -> PeriodStarts {
    let starts = (0..20).map(|day| day / 10 * 10).collect();
    PeriodStarts::new(0, starts)
}

fn rows() -> Vec<Row> {
    vec![
        (Some(12), Some("kim"), Some(true), Some(1_000), Some(0.25), Some(4)),
        (Some(3), Some("ada"), Some(true), Some(250), Some(0.2), Some(1)),
        (Some(3), Some("ada"), Some(false), None, Some(0.3), Some(3)),
        (Some(4), None, None, Some(-50), None, None),
        (None, Some("ada"), Some(true), Some(7), Some(9.0), Some(9)),
        (Some(99), Some("kim"), Some(true), Some(9), Some(9.0), Some(9)),
        (Some(19), Some("kim"), Some(false), Some(500), Some(0.75), Some(2)),
        (Some(5), Some("ada"), Some(true), Some(250), Some(0.6), Some(2)),
    ]
}

fn schema() -> SchemaRef {
    let instant = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    Arc::new(Schema::new(vec![
        Field::new("day", DataType::Date32, true),
        Field::new("rep", DataType::Utf8View, true),
        Field::new("won", DataType::Boolean, true),
        Field::new("amount", DataType::Decimal128(18, 2), true),
        Field::new("hours", DataType::Float64, true),
        Field::new("units", DataType::Int32, true),
        Field::new("closed_at", instant, true),
    ]))
}

fn batch(rows: &[Row]) -> RecordBatch {
    let amounts: Decimal128Array = rows.iter().map(|row| row.3).collect();
    let instants: TimestampMicrosecondArray = rows.iter().map(|row| row.0.map(|day| i64::from(day) * 86_400_000_000)).collect();
    let columns: Vec<ArrayRef> = vec![
        Arc::new(rows.iter().map(|row| row.0).collect::<Date32Array>()),
        Arc::new(rows.iter().map(|row| row.1).collect::<StringViewArray>()),
        Arc::new(rows.iter().map(|row| row.2).collect::<BooleanArray>()),
        Arc::new(amounts.with_precision_and_scale(18, 2).unwrap()),
        Arc::new(rows.iter().map(|row| row.4).collect::<Float64Array>()),
        Arc::new(rows.iter().map(|row| row.5).collect::<Int32Array>()),
        Arc::new(instants.with_timezone("UTC")),
    ];
    RecordBatch::try_new(schema(), columns).unwrap()
}

fn measure(name: &str, column: usize, aggregate: Agg) -> CubeMeasure {
    CubeMeasure { name: name.to_owned(), column: Some(column), filter: None, aggregate }
}

fn where_won(measure: CubeMeasure) -> CubeMeasure {
    CubeMeasure { filter: Some(WON), ..measure }
}

fn row_count() -> CubeMeasure {
    CubeMeasure { name: "deals".to_owned(), column: None, filter: None, aggregate: Agg::Count }
}

fn ask(batches: &[RecordBatch], measures: &[CubeMeasure], groupings: &[Grouping<'_>]) -> Result<Vec<RecordBatch>, CubeError> {
    aggregate(&CubeRequest { schema: schema(), batches, time: Some(DAY), measures, groupings })
}

/// The measures by period and rep: (0, ada), (0, null), (10, kim).
fn by_period_and_rep(measures: &[CubeMeasure]) -> RecordBatch {
    let periods = periods();
    let grouping = Grouping { period: Some(&periods), keys: &[REP] };
    ask(&[batch(&rows())], measures, &[grouping]).unwrap().remove(0)
}

fn integers(array: &ArrayRef) -> Vec<Option<i64>> {
    array.as_primitive::<Int64Type>().iter().collect()
}

fn floats(array: &ArrayRef) -> Vec<Option<f64>> {
    array.as_primitive::<Float64Type>().iter().collect()
}

#[test]
fn groups_are_sorted_and_rows_without_period_are_left_out() {
    let answer = by_period_and_rep(&[row_count()]);
    let schema = answer.schema();
    assert_eq!(schema.field(0), &Field::new("period_start", DataType::Date32, false));
    assert_eq!(schema.field(1), &Field::new("rep", DataType::Utf8View, true));
    assert_eq!(schema.field(2), &Field::new("deals", DataType::Int64, true));
    let starts = answer.column(0).as_primitive::<Date32Type>();
    assert_eq!(starts.values().to_vec(), [0, 0, 10]);
    let reps: Vec<Option<&str>> = answer.column(1).as_string_view().iter().collect();
    assert_eq!(reps, [Some("ada"), None, Some("kim")]);
    assert_eq!(integers(answer.column(2)), [Some(3), Some(1), Some(2)]);
    assert_eq!(rows_without_time(&[batch(&rows())], DAY), 1);
    assert_eq!(rows_without_time(&[batch(&rows())], 70), 8);
}

#[test]
fn the_total_has_every_row() {
    let grouping = Grouping { period: None, keys: &[] };
    let answers = ask(&[batch(&rows())], &[row_count()], &[grouping]).unwrap();
    assert_eq!(answers[0].num_columns(), 1);
    assert_eq!(integers(answers[0].column(0)), [Some(8)]);
}

#[test]
fn counts_and_filters() {
    let answer = by_period_and_rep(&[
        where_won(row_count()),
        measure("hours", HOURS, Agg::Count),
        where_won(measure("hours_won", HOURS, Agg::Count)),
        measure("amounts", AMOUNT, Agg::CountDistinct),
        measure("won", WON, Agg::SumBoolean),
        where_won(measure("won_won", WON, Agg::SumBoolean)),
        measure("reps", REP, Agg::CountDistinct),
    ]);
    // The only row of the null rep is neither won nor lost.
    assert_eq!(integers(answer.column(2)), [Some(2), None, Some(1)]);
    assert_eq!(integers(answer.column(3)), [Some(3), Some(0), Some(2)]);
    assert_eq!(integers(answer.column(4)), [Some(2), None, Some(1)]);
    // ada: 250, null, 250
    assert_eq!(integers(answer.column(5)), [Some(1), Some(1), Some(2)]);
    assert_eq!(integers(answer.column(6)), [Some(2), Some(0), Some(1)]);
    assert_eq!(integers(answer.column(7)), [Some(2), None, Some(1)]);
    assert_eq!(integers(answer.column(8)), [Some(1), Some(0), Some(1)]);
}

#[test]
fn sums_keep_their_kind_and_are_null_without_a_value() {
    let answer = by_period_and_rep(&[
        measure("amount", AMOUNT, Agg::Sum),
        measure("units", UNITS, Agg::Sum),
        measure("hours", HOURS, Agg::Sum),
        where_won(measure("amount_won", AMOUNT, Agg::Sum)),
    ]);
    let amounts = answer.column(2).as_primitive::<Decimal128Type>();
    assert_eq!(amounts.data_type(), &DataType::Decimal128(38, 2));
    let found: Vec<Option<i128>> = amounts.iter().collect();
    assert_eq!(found, [Some(500), Some(-50), Some(1_500)]);
    assert_eq!(integers(answer.column(3)), [Some(6), None, Some(6)]);
    // 0.2 + 0.3 + 0.6 = 1.1 when rounded once.
    assert_eq!(floats(answer.column(4)), [Some(1.1), None, Some(1.0)]);
    let won: Vec<Option<i128>> = answer.column(5).as_primitive::<Decimal128Type>().iter().collect();
    assert_eq!(won, [Some(500), None, Some(1_000)]);
}

#[test]
fn averages_divide_exact_sums() {
    let answer = by_period_and_rep(&[measure("amount", AMOUNT, Agg::Average), measure("units", UNITS, Agg::Average), measure("hours", HOURS, Agg::Average)]);
    assert_eq!(floats(answer.column(2)), [Some(2.5), Some(-0.5), Some(7.5)]);
    assert_eq!(floats(answer.column(3)), [Some(2.0), None, Some(3.0)]);
    assert_eq!(floats(answer.column(4)), [Some(1.1 / 3.0), None, Some(0.5)]);
}

#[test]
fn percentiles_of_integers_decimals_and_floats() {
    let at = |rank, discrete| Agg::Percentile { rank, discrete };
    let answer = by_period_and_rep(&[
        measure("units", UNITS, Agg::Median),
        measure("amount", AMOUNT, at(0.25, false)),
        measure("hours", HOURS, at(0.5, true)),
        measure("hours_last", HOURS, at(1.0, true)),
    ]);
    // ada: 1, 2, 3; kim: 2, 4
    assert_eq!(floats(answer.column(2)), [Some(2.0), None, Some(3.0)]);
    // kim: 5.00 and 10.00, a quarter of the way
    assert_eq!(floats(answer.column(3)), [Some(2.5), Some(-0.5), Some(6.25)]);
    // ada: 0.2, 0.3, 0.6; kim: 0.25, 0.75
    assert_eq!(floats(answer.column(4)), [Some(0.3), None, Some(0.25)]);
    assert_eq!(floats(answer.column(5)), [Some(0.6), None, Some(0.75)]);
}

#[test]
fn extremes_keep_their_type() {
    let answer = by_period_and_rep(&[
        measure("amount", AMOUNT, Agg::Max),
        measure("rep", REP, Agg::Min),
        measure("won", WON, Agg::Max),
        measure("lost", WON, Agg::Min),
        measure("units", UNITS, Agg::Min),
        measure("closed_at", CLOSED_AT, Agg::Max),
    ]);
    let schema = answer.schema();
    for (column, input) in [(2, AMOUNT), (3, REP), (4, WON), (6, UNITS), (7, CLOSED_AT)] {
        let expected = self::schema();
        assert_eq!(schema.field(column).data_type(), expected.field(input).data_type());
    }
    let amounts: Vec<Option<i128>> = answer.column(2).as_primitive::<Decimal128Type>().iter().collect();
    assert_eq!(amounts, [Some(250), Some(-50), Some(1_000)]);
    let reps: Vec<Option<&str>> = answer.column(3).as_string_view().iter().collect();
    assert_eq!(reps, [Some("ada"), None, Some("kim")]);
    let won: Vec<Option<bool>> = answer.column(4).as_boolean().iter().collect();
    assert_eq!(won, [Some(true), None, Some(true)]);
    let lost: Vec<Option<bool>> = answer.column(5).as_boolean().iter().collect();
    assert_eq!(lost, [Some(false), None, Some(false)]);
    let units: Vec<Option<i32>> = answer.column(6).as_primitive::<Int32Type>().iter().collect();
    assert_eq!(units, [Some(1), None, Some(2)]);
    let closed = answer.column(7).as_primitive::<TimestampMicrosecondType>();
    assert_eq!(closed.value(2), 19 * 86_400_000_000);
}

#[test]
fn dictionary_keys_keep_their_type() {
    let texts: DictionaryArray<Int32Type> = [Some("b"), None, Some("a"), Some("b")].into_iter().collect();
    let schema = Arc::new(Schema::new(vec![Field::new("offer", texts.data_type().clone(), true), Field::new("units", DataType::Int64, true)]));
    let batch = RecordBatch::try_new(Arc::clone(&schema), vec![Arc::new(texts), Arc::new(Int64Array::from(vec![1, 2, 3, 4]))]).unwrap();
    let answers = aggregate(&CubeRequest {
        schema: Arc::clone(&schema),
        batches: &[batch],
        time: None,
        measures: &[measure("units", 1, Agg::Sum), measure("last", 0, Agg::Max)],
        groupings: &[Grouping { period: None, keys: &[0] }],
    })
    .unwrap();
    let offers = answers[0].column(0);
    assert_eq!(offers.data_type(), schema.field(0).data_type());
    let offers = offers.as_dictionary::<Int32Type>();
    let texts: Vec<Option<&str>> = offers.downcast_dict::<StringArray>().unwrap().into_iter().collect();
    assert_eq!(texts, [Some("a"), Some("b"), None]);
    assert_eq!(integers(answers[0].column(1)), [Some(3), Some(5), Some(2)]);
    assert!(answers[0].column(2).is_null(2));
}
