//! Requests without an answer, and sums without a type that holds them.

use super::*;

#[test]
fn sums_that_do_not_fit_name_their_measure() {
    let schema = Arc::new(Schema::new(vec![Field::new("count", DataType::Int64, true), Field::new("money", DataType::Decimal128(38, 0), true)]));
    let largest = 10_i128.pow(38) - 1;
    let money = Decimal128Array::from(vec![largest, largest, -largest]).with_precision_and_scale(38, 0).unwrap();
    let batch = RecordBatch::try_new(Arc::clone(&schema), vec![Arc::new(Int64Array::from(vec![i64::MAX, 1, -1])), Arc::new(money)]).unwrap();
    let sum = |rows: usize, column: usize| {
        aggregate(&CubeRequest {
            schema: Arc::clone(&schema),
            batches: &[batch.slice(0, rows)],
            time: None,
            measures: &[measure("total", column, Agg::Sum)],
            groupings: &[Grouping { period: None, keys: &[] }],
        })
    };
    // All three rows fit, though the first two do not.
    assert_eq!(integers(sum(3, 0).unwrap()[0].column(0)), [Some(i64::MAX)]);
    let decimals = sum(3, 1).unwrap();
    assert_eq!(decimals[0].column(0).as_primitive::<Decimal128Type>().value(0), largest);
    assert_eq!(sum(2, 0).unwrap_err().to_string(), "the sum of measure `total` is too large for Int64");
    assert_eq!(sum(2, 1).unwrap_err().to_string(), "the sum of measure `total` is too large for Decimal128(38, 0)");
}

#[test]
fn requests_that_make_no_sense_are_refused() {
    let batches = [batch(&rows())];
    let total = [Grouping { period: None, keys: &[] }];
    let refused = |measure: CubeMeasure| ask(&batches, &[measure], &total).unwrap_err();
    assert!(matches!(
        refused(measure("rep", REP, Agg::Sum)),
        CubeError::UnsupportedType { column, .. } if column == "rep"
    ));
    assert!(matches!(
        refused(measure("units", UNITS, Agg::SumBoolean)),
        CubeError::UnsupportedType { column, .. } if column == "units"
    ));
    assert!(matches!(
        refused(CubeMeasure {
            filter: Some(UNITS),
            ..row_count()
        }),
        CubeError::UnsupportedType { column, .. } if column == "units"
    ));
    assert!(matches!(
        refused(CubeMeasure {
            aggregate: Agg::Sum,
            ..row_count()
        }),
        CubeError::NoColumn { measure } if measure == "deals"
    ));
    let rank = Agg::Percentile { rank: 90.0, discrete: false };
    assert!(matches!(refused(measure("p90", HOURS, rank)), CubeError::InvalidRank { .. }));
    assert!(matches!(refused(measure("none", 40, Agg::Sum)), CubeError::UnknownColumn { index: 40, columns: 7 }));
    let periods = periods();
    let without_time =
        aggregate(&CubeRequest { schema: schema(), batches: &batches, time: None, measures: &[row_count()], groupings: &[Grouping { period: Some(&periods), keys: &[] }] });
    assert!(matches!(without_time, Err(CubeError::NoTime)));
}
