//! Answers worked out by hand on frames of a few rows.

use polars::prelude::{Column, DataFrame, DataType, NamedFrom, PlSmallStr, PolarsResult, Series, df};

use super::{Bound, Frame, FrameUnits, OrderKey, WindowCall, WindowFunction, WindowRequest, evaluate, firsts};

const DEFAULT: Frame = Frame { units: FrameUnits::Range, start: Bound::UnboundedPreceding, end: Bound::CurrentRow };

const WHOLE: Frame = rows(Bound::UnboundedPreceding, Bound::UnboundedFollowing);

const fn rows(start: Bound, end: Bound) -> Frame {
    Frame { units: FrameUnits::Rows, start, end }
}

fn call(function: WindowFunction, argument: &str) -> WindowCall {
    WindowCall { output: "answer".to_owned(), function, argument: Some(argument.to_owned()), default: None, offset: 1, filter: None, frame: DEFAULT }
}

fn framed(function: WindowFunction, argument: &str, frame: Frame) -> WindowCall {
    WindowCall { frame, ..call(function, argument) }
}

fn ascending(column: &str) -> OrderKey {
    OrderKey { column: column.to_owned(), descending: false, nulls_first: false }
}

/// One call over partitions by `g` in the order of `o`, nulls last.
fn answer(frame: DataFrame, call: WindowCall) -> PolarsResult<Series> {
    let request = WindowRequest { partition_by: vec!["g".to_owned()], order_by: vec![ascending("o")], calls: vec![call] };
    let frame = evaluate(frame, &request)?;
    Ok(frame.column("answer")?.as_materialized_series().clone())
}

fn whole(series: &Series) -> Vec<Option<i64>> {
    series.i64().unwrap().iter().collect()
}

fn floats(series: &Series) -> Vec<Option<f64>> {
    series.f64().unwrap().iter().collect()
}

fn texts(series: &Series) -> Vec<Option<&str>> {
    series.str().unwrap().iter().collect()
}

/// Sorted by `o`: partition `a` holds rows 3, 0, 4, 1 (o = 1, 2, 2, null), partition null rows 5, 2 (o = 1, 2).
fn sample() -> DataFrame {
    df!(
        "g" => [Some("a"), Some("a"), None, Some("a"), Some("a"), None],
        "o" => [Some(2), None, Some(2), Some(1), Some(2), Some(1)],
        "n" => [Some(10_i64), Some(20), Some(30), None, Some(50), Some(60)],
        "x" => [Some(0.5), Some(1.5), None, Some(2.5), Some(3.5), None],
        "t" => [Some("다"), Some("b"), Some("c"), Some(""), None, Some("가")],
        "keep" => [Some(true), Some(true), Some(false), Some(true), Some(false), None],
    )
    .unwrap()
}

#[test]
fn rows_keep_their_order_and_outputs_come_last() {
    let request = WindowRequest { partition_by: Vec::new(), order_by: vec![ascending("n")], calls: vec![call(WindowFunction::RowNumber, "n")] };
    let evaluated = evaluate(sample(), &request).unwrap();
    assert_eq!(evaluated.width(), sample().width() + 1);
    assert!(evaluated.drop("answer").unwrap().equals_missing(&sample()));
    assert_eq!(whole(evaluated.column("answer").unwrap().as_materialized_series()), [Some(1), Some(2), Some(3), Some(6), Some(4), Some(5)]);
}

#[test]
fn null_keys_form_one_partition_and_ties_keep_their_order() {
    let numbers = answer(sample(), call(WindowFunction::RowNumber, "n")).unwrap();
    assert_eq!(whole(&numbers), [Some(2), Some(4), Some(2), Some(1), Some(3), Some(1)]);
}

#[test]
fn numbers_times_and_other_values_sort_in_both_directions_with_nulls_on_either_side() {
    let whole_numbers = Series::new("o".into(), [Some(i64::MAX), None, Some(i64::MIN), Some(0), Some(-1)]);
    let days = Series::new("o".into(), [Some(i32::MAX), None, Some(i32::MIN), Some(0), Some(-1)]).cast(&DataType::Date).unwrap();
    let numbers = Series::new("o".into(), [Some(f64::MAX), None, Some(f64::MIN), Some(0.0), Some(-1.0)]);
    for values in [whole_numbers, days, numbers] {
        for (descending, nulls_first, expected) in [(false, false, [4, 5, 1, 3, 2]), (false, true, [5, 1, 2, 4, 3]), (true, false, [1, 5, 4, 2, 3]), (true, true, [2, 1, 5, 3, 4])]
        {
            let frame = DataFrame::new(5, vec![Column::from(values.clone())]).unwrap();
            let order_by = vec![OrderKey { descending, nulls_first, ..ascending("o") }];
            let request = WindowRequest { partition_by: Vec::new(), order_by, calls: vec![call(WindowFunction::RowNumber, "o")] };
            let places = evaluate(frame, &request).unwrap();
            assert_eq!(whole(places.column("answer").unwrap().as_materialized_series()), expected.map(Some), "{} {descending} {nulls_first}", values.dtype());
        }
    }
}

#[test]
fn peers_share_their_rank() {
    let ranks = answer(sample(), call(WindowFunction::Rank, "n")).unwrap();
    assert_eq!(whole(&ranks), [Some(2), Some(4), Some(2), Some(1), Some(2), Some(1)]);
    let dense = answer(sample(), call(WindowFunction::DenseRank, "n")).unwrap();
    assert_eq!(whole(&dense), [Some(2), Some(3), Some(2), Some(1), Some(2), Some(1)]);
}

#[test]
fn nulls_go_where_the_key_says_whatever_the_direction() {
    let frame = df!("o" => [Some(1), None, Some(3)]).unwrap();
    let positions = |descending, nulls_first| {
        let request = WindowRequest {
            partition_by: Vec::new(),
            order_by: vec![OrderKey { column: "o".to_owned(), descending, nulls_first }],
            calls: vec![call(WindowFunction::RowNumber, "o")],
        };
        let frame = evaluate(frame.clone(), &request).unwrap();
        whole(frame.column("answer").unwrap().as_materialized_series())
    };
    assert_eq!(positions(false, false), [Some(1), Some(3), Some(2)]);
    assert_eq!(positions(false, true), [Some(2), Some(1), Some(3)]);
    assert_eq!(positions(true, false), [Some(2), Some(3), Some(1)]);
    assert_eq!(positions(true, true), [Some(3), Some(1), Some(2)]);
}

#[test]
fn without_an_order_all_rows_are_peers() {
    let request = WindowRequest { partition_by: vec!["g".to_owned()], order_by: Vec::new(), calls: vec![call(WindowFunction::Sum, "n")] };
    let frame = evaluate(sample(), &request).unwrap();
    assert_eq!(whole(frame.column("answer").unwrap().as_materialized_series()), [Some(80), Some(80), Some(90), Some(80), Some(80), Some(90)]);
}

#[test]
fn the_default_frame_includes_all_peers() {
    let sums = answer(sample(), call(WindowFunction::Sum, "n")).unwrap();
    assert_eq!(whole(&sums), [Some(60), Some(80), Some(90), None, Some(60), Some(60)]);
    let running = rows(Bound::UnboundedPreceding, Bound::CurrentRow);
    let sums = answer(sample(), framed(WindowFunction::Sum, "n", running)).unwrap();
    assert_eq!(whole(&sums), [Some(10), Some(80), Some(90), None, Some(60), Some(60)]);
    let rest = Frame { units: FrameUnits::Range, start: Bound::CurrentRow, end: Bound::UnboundedFollowing };
    let sums = answer(sample(), framed(WindowFunction::Sum, "n", rest)).unwrap();
    assert_eq!(whole(&sums), [Some(80), Some(20), Some(30), Some(80), Some(80), Some(90)]);
}

#[test]
fn row_frames_stop_at_the_partition_and_may_be_empty() {
    let before = rows(Bound::Preceding(2), Bound::Preceding(1));
    let sums = answer(sample(), framed(WindowFunction::Sum, "n", before)).unwrap();
    assert_eq!(whole(&sums), [None, Some(60), Some(60), None, Some(10), None]);
    let counts = answer(sample(), framed(WindowFunction::CountRows, "n", before)).unwrap();
    assert_eq!(whole(&counts), [Some(1), Some(2), Some(1), Some(0), Some(2), Some(0)]);
    let after = rows(Bound::Following(1), Bound::Following(9));
    let counts = answer(sample(), framed(WindowFunction::Count, "n", after)).unwrap();
    assert_eq!(whole(&counts), [Some(2), Some(0), Some(0), Some(3), Some(1), Some(1)]);
    let inverted = rows(Bound::Following(1), Bound::Preceding(1));
    let counts = answer(sample(), framed(WindowFunction::CountRows, "n", inverted)).unwrap();
    assert_eq!(whole(&counts), [Some(0); 6]);
}

#[test]
fn lag_and_lead_take_the_default_of_the_current_row() {
    let lag = answer(sample(), call(WindowFunction::Lag, "t")).unwrap();
    assert_eq!(texts(&lag), [Some(""), None, Some("가"), None, Some("다"), None]);
    let with_default = WindowCall { default: Some("n".to_owned()), offset: 2, ..call(WindowFunction::Lead, "n") };
    let lead = answer(sample(), with_default).unwrap();
    assert_eq!(whole(&lead), [Some(20), Some(20), Some(30), Some(50), Some(50), Some(60)]);
    let turned = WindowCall { offset: -1, ..call(WindowFunction::Lead, "t") };
    let turned = answer(sample(), turned).unwrap();
    assert_eq!(texts(&turned), texts(&lag));
}

#[test]
fn ends_of_frames_count_nulls() {
    let first = answer(sample(), call(WindowFunction::FirstValue, "n")).unwrap();
    assert_eq!(whole(&first), [None, None, Some(60), None, None, Some(60)]);
    let last = answer(sample(), call(WindowFunction::LastValue, "t")).unwrap();
    assert_eq!(texts(&last), [None, Some("b"), Some("c"), Some(""), None, Some("가")]);
    let last = answer(sample(), framed(WindowFunction::LastValue, "t", WHOLE)).unwrap();
    assert_eq!(texts(&last), [Some("b"), Some("b"), Some("c"), Some("b"), Some("b"), Some("c")]);
    let before = rows(Bound::Preceding(2), Bound::Preceding(1));
    let last = answer(sample(), framed(WindowFunction::LastValue, "t", before)).unwrap();
    assert_eq!(texts(&last), [Some(""), None, Some("가"), None, Some("다"), None]);
}

#[test]
fn extremes_ignore_nulls_in_every_type() {
    let least = answer(sample(), call(WindowFunction::Min, "t")).unwrap();
    assert_eq!(texts(&least), [Some(""), Some(""), Some("c"), Some(""), Some(""), Some("가")]);
    let pair = rows(Bound::CurrentRow, Bound::Following(1));
    let greatest = answer(sample(), framed(WindowFunction::Max, "n", pair)).unwrap();
    assert_eq!(whole(&greatest), [Some(50), Some(20), Some(30), Some(10), Some(50), Some(60)]);
    let greatest = answer(sample(), call(WindowFunction::Max, "keep")).unwrap();
    let greatest: Vec<Option<bool>> = greatest.bool().unwrap().iter().collect();
    assert_eq!(greatest, [Some(true), Some(true), Some(false), Some(true), Some(true), None]);
}

#[test]
fn a_filter_takes_rows_out_of_aggregates_only() {
    let filtered = |function| WindowCall { filter: Some("keep".to_owned()), frame: WHOLE, ..call(function, "n") };
    let sums = answer(sample(), filtered(WindowFunction::Sum)).unwrap();
    assert_eq!(whole(&sums), [Some(30), Some(30), None, Some(30), Some(30), None]);
    let counts = answer(sample(), filtered(WindowFunction::CountRows)).unwrap();
    assert_eq!(whole(&counts), [Some(3), Some(3), Some(0), Some(3), Some(3), Some(0)]);
    let error = answer(sample(), filtered(WindowFunction::Rank)).unwrap_err();
    assert!(error.to_string().contains("FILTER is for aggregates only"));
}

#[test]
fn decimals_are_summed_exactly() {
    let cents = Series::new("n".into(), [Some(10_i128), Some(-30), None, Some(5)]).into_decimal(18, 2).unwrap();
    let frame = DataFrame::new(4, vec![Column::from(Series::new("g".into(), ["a"; 4])), Column::from(Series::new("o".into(), [1, 2, 3, 4])), Column::from(cents)]).unwrap();
    let pair = rows(Bound::Preceding(1), Bound::CurrentRow);
    let sums = answer(frame.clone(), framed(WindowFunction::Sum, "n", pair)).unwrap();
    assert_eq!(sums.dtype(), &DataType::Decimal(38, 2));
    let sums: Vec<Option<i128>> = sums.decimal().unwrap().physical().iter().collect();
    assert_eq!(sums, [Some(10), Some(-20), Some(-30), Some(5)]);
    let averages = answer(frame.clone(), framed(WindowFunction::Avg, "n", pair)).unwrap();
    assert_eq!(floats(&averages), [Some(0.1), Some(-0.1), Some(-0.3), Some(0.05)]);
    let least = answer(frame, framed(WindowFunction::Min, "n", WHOLE)).unwrap();
    assert_eq!(least.dtype(), &DataType::Decimal(18, 2));
}

#[test]
fn floats_are_never_taken_away_from_a_sum() {
    let frame = df!(
        "g" => [1, 1, 1, 1],
        "o" => [1, 2, 3, 4],
        "x" => [f64::INFINITY, 1e300, 1.0, 0.25],
    )
    .unwrap();
    let pair = rows(Bound::Preceding(1), Bound::CurrentRow);
    let sums = answer(frame.clone(), framed(WindowFunction::Sum, "x", pair)).unwrap();
    assert_eq!(floats(&sums), [Some(f64::INFINITY), Some(f64::INFINITY), Some(1e300), Some(1.25)]);
    let rest = rows(Bound::CurrentRow, Bound::UnboundedFollowing);
    let sums = answer(frame, framed(WindowFunction::Sum, "x", rest)).unwrap();
    assert_eq!(floats(&sums), [Some(f64::INFINITY), Some(1e300), Some(1.25), Some(0.25)]);
    let averages = answer(sample(), call(WindowFunction::Avg, "x")).unwrap();
    let third = 6.5 / 3.0;
    assert_eq!(floats(&averages), [Some(third), Some(2.0), None, Some(2.5), Some(third), None]);
}

#[test]
fn several_chunks_are_one_frame() {
    let mut chunked = sample();
    chunked.vstack_mut(&sample()).unwrap();
    let mut joined = chunked.clone();
    joined.rechunk_mut();
    let call = call(WindowFunction::Lag, "n");
    assert_eq!(whole(&answer(chunked, call.clone()).unwrap()), whole(&answer(joined, call).unwrap()));
}

#[test]
fn an_empty_frame_keeps_its_types() {
    let sums = answer(sample().clear(), call(WindowFunction::Sum, "n")).unwrap();
    assert_eq!((sums.len(), sums.dtype()), (0, &DataType::Int64));
    let lag = answer(sample().clear(), call(WindowFunction::Lag, "t")).unwrap();
    assert_eq!((lag.len(), lag.dtype()), (0, &DataType::String));
}

#[test]
fn what_cannot_be_answered_is_refused() {
    let distance = Frame { units: FrameUnits::Range, start: Bound::Preceding(3), end: Bound::CurrentRow };
    let error = answer(sample(), framed(WindowFunction::Sum, "n", distance)).unwrap_err();
    assert!(error.to_string().contains("a RANGE frame with `3 PRECEDING` is not supported"));
    let error = answer(sample(), call(WindowFunction::Sum, "t")).unwrap_err();
    assert!(error.to_string().contains("column `t` is str, which has no sum"));
    let large = df!("g" => [1, 1], "o" => [1, 2], "n" => [i64::MAX, 1]).unwrap();
    let error = answer(large, call(WindowFunction::Sum, "n")).unwrap_err();
    assert!(error.to_string().contains("a sum of `n` is too large for its type"));
    let taken = WindowCall { output: "n".to_owned(), ..call(WindowFunction::Sum, "n") };
    assert!(answer(sample(), taken).is_err());
}

#[test]
fn an_argument_of_nulls_only_has_answers() {
    let nothing = Series::new_null(PlSmallStr::from_static("n"), 2);
    let mut frame = df!("g" => [1, 1], "o" => [1, 2]).unwrap();
    frame.with_column(Column::from(nothing)).unwrap();
    let sums = answer(frame.clone(), call(WindowFunction::Sum, "n")).unwrap();
    assert_eq!(whole(&sums), [None, None]);
    let least = answer(frame, call(WindowFunction::Min, "n")).unwrap();
    assert_eq!(least.null_count(), 2);
}

/// Several keys with ties, nulls and both directions, against ranks that are counted row by row.
#[test]
fn keys_that_are_looked_at_among_ties_alone_rank_as_all_keys_at_once() {
    let text = |of: i64| (of != 0).then(|| format!("k{of}"));
    let row = |row: i64| (text(row * 7 % 5), row * 3 % 2, (row * 11 % 6 != 0).then_some(row * 11 % 6), text(row * 13 % 4));
    let rows: Vec<_> = (0..400).map(row).collect();
    let frame = df!(
        "g" => rows.iter().map(|row| row.0.clone()).collect::<Vec<_>>(),
        "h" => rows.iter().map(|row| row.1).collect::<Vec<_>>(),
        "o" => rows.iter().map(|row| row.2).collect::<Vec<_>>(),
        "t" => rows.iter().map(|row| row.3.clone()).collect::<Vec<_>>(),
    )
    .unwrap();
    let calls = [WindowFunction::RowNumber, WindowFunction::Rank, WindowFunction::DenseRank];
    let calls = calls.map(|function| WindowCall { output: format!("{function:?}"), argument: None, ..call(function, "") });
    let order_by = vec![OrderKey { descending: true, ..ascending("o") }, OrderKey { nulls_first: true, ..ascending("t") }];
    let request = WindowRequest { partition_by: vec!["g".to_owned(), "h".to_owned()], order_by, calls: calls.to_vec() };
    let found = evaluate(frame.clone(), &request).unwrap();
    let firsts = firsts(frame, &WindowRequest { calls: vec![calls[0].clone()], ..request.clone() }).unwrap();
    let is_first = found.column("RowNumber").unwrap().i64().unwrap().iter().map(|number| number == Some(1)).collect();
    assert!(found.filter(&is_first).unwrap().select(["g", "h", "o", "t", "RowNumber"]).unwrap().equals_missing(&firsts));
    assert_eq!(firsts.height(), 10);
    // Descending with nulls last, then ascending with nulls first.
    let key = |row: usize| (rows[row].2.map_or(i64::MAX, |value| -value), rows[row].3.clone());
    for row in 0..rows.len() {
        let partition: Vec<usize> = (0..rows.len()).filter(|other| (&rows[*other].0, rows[*other].1) == (&rows[row].0, rows[row].1)).collect();
        let before = partition.iter().filter(|other| key(**other) < key(row));
        let distinct: std::collections::BTreeSet<_> = before.clone().map(|other| key(*other)).collect();
        let earlier_peers = partition.iter().filter(|other| **other < row && key(**other) == key(row)).count();
        let expected = [before.clone().count() + earlier_peers + 1, before.count() + 1, distinct.len() + 1].map(|rank| i64::try_from(rank).ok());
        let ranks = calls.each_ref().map(|call| found.column(&call.output).unwrap().i64().unwrap().get(row));
        assert_eq!(ranks, expected, "row {row}");
    }
}

#[test]
fn first_rows_of_nothing_of_one_partition_and_without_an_order() {
    let request = |partition_by: &[&str], order_by: &[&str]| WindowRequest {
        partition_by: partition_by.iter().map(|name| (*name).to_owned()).collect(),
        order_by: order_by.iter().map(|name| ascending(name)).collect(),
        calls: vec![WindowCall { argument: None, ..call(WindowFunction::RowNumber, "") }],
    };
    let of = |frame: DataFrame, request: &WindowRequest| whole(firsts(frame, request).unwrap().column("n").unwrap().as_materialized_series());
    assert_eq!(of(sample(), &request(&["g"], &["o"])), [None, Some(60)]);
    assert_eq!(of(sample(), &request(&[], &["x"])), [Some(10)]);
    // Where no key tells rows apart, the others of their columns do.
    assert_eq!(of(sample(), &request(&["g"], &[])), [None, Some(60)]);
    assert_eq!(of(sample().reverse(), &request(&["g"], &[])), [Some(60), None]);
    assert_eq!(of(sample().head(Some(0)), &request(&["g"], &["o"])), []);
    assert_eq!(of(sample().head(Some(0)), &request(&[], &[])), []);
}
