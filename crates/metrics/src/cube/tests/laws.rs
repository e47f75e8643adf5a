//! What holds for any rows.

use arrow::array::AsArray;
use arrow::compute::filter_record_batch;
use arrow::datatypes::Date32Type;

use super::*;

#[test]
fn no_rows_give_empty_batches_of_the_same_schema() {
    let measures = [
        row_count(),
        measure("amount", AMOUNT, Agg::Sum),
        measure("rep", REP, Agg::Max),
        measure("p90", HOURS, Agg::Percentile { rank: 0.9, discrete: false }),
        where_won(measure("reps", REP, Agg::CountDistinct)),
        measure("average", UNITS, Agg::Average),
    ];
    let full = by_period_and_rep(&measures);
    let periods = periods();
    let groupings = [Grouping { period: Some(&periods), keys: &[REP] }, Grouping { period: None, keys: &[] }];
    for batches in [Vec::new(), vec![batch(&[])]] {
        let answers = ask(&batches, &measures, &groupings).unwrap();
        assert_eq!(answers[0].schema(), full.schema());
        assert_eq!(answers[0].num_rows(), 0);
        assert_eq!(answers[1].num_rows(), 0);
    }
}

fn many_rows() -> Vec<Row> {
    let reps = ["ada", "kim", "lee", "서연"];
    (0..3_000_i32)
        .map(|n| {
            let rep = usize::try_from(n % 5).unwrap();
            let hours = f64::from(n % 97) * 0.1 + f64::from(n % 13) * 1e12;
            (
                Some(n % 20),
                reps.get(rep).copied(),
                (n % 7 != 0).then_some(n % 2 == 0),
                (n % 11 != 0).then_some(i128::from(n) * 37 % 5_000),
                Some(if n % 3 == 0 { -hours } else { hours }),
                Some(n % 50),
            )
        })
        .collect()
}

#[test]
fn row_order_split_and_threads_change_nothing() {
    let many = many_rows();
    let measures = [
        measure("sum", HOURS, Agg::Sum),
        measure("average", HOURS, Agg::Average),
        where_won(measure("p90", HOURS, Agg::Percentile { rank: 0.9, discrete: false })),
        measure("amounts", AMOUNT, Agg::CountDistinct),
        measure("lowest", REP, Agg::Min),
        where_won(measure("amount", AMOUNT, Agg::Sum)),
    ];
    let periods = periods();
    let groupings = [Grouping { period: Some(&periods), keys: &[REP, WON] }, Grouping { period: None, keys: &[UNITS] }];
    let expected = ask(&[batch(&many)], &measures, &groupings).unwrap();
    assert_eq!(expected[0].num_rows(), 2 * 5 * 3);

    let mut turned = many.clone();
    turned.reverse();
    turned.rotate_left(1_234);
    let split: Vec<RecordBatch> = turned.chunks(171).map(batch).collect();
    for threads in [1, 3] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let found = pool.install(|| ask(&split, &measures, &groupings)).unwrap();
        assert_eq!(found, expected);
    }
}

/// Some slices by all of some periods, and over all time.
fn by_all(periods: &[PeriodStarts]) -> Vec<Grouping<'_>> {
    let slices: [&[usize]; 3] = [&[], &[REP], &[WON, UNITS]];
    let of_slice = |keys| periods.iter().map(Some).chain([None]).map(move |period| Grouping { period, keys });
    slices.into_iter().flat_map(of_slice).collect()
}

#[test]
fn lots_give_what_all_rows_give_at_once() {
    let many = many_rows();
    let measures = [
        row_count(),
        measure("sum", HOURS, Agg::Sum),
        where_won(measure("average", AMOUNT, Agg::Average)),
        measure("median", UNITS, Agg::Median),
        where_won(measure("p90", HOURS, Agg::Percentile { rank: 0.9, discrete: true })),
        measure("amounts", AMOUNT, Agg::CountDistinct),
        where_won(measure("reps", REP, Agg::CountDistinct)),
        measure("last_rep", REP, Agg::Max),
        measure("closed_first", CLOSED_AT, Agg::Min),
        measure("won", WON, Agg::SumBoolean),
    ];
    // Fives and sevens: neither are whole periods of the other. A lot has its own days, and its own look at periods.
    let by = |length: i32, first: i32, last: i32| PeriodStarts::new(first, (first..=last).map(|day| day / length * length).collect());
    let lengths = [7, 5, 1, 10];
    let all: Vec<PeriodStarts> = lengths.iter().map(|length| by(*length, 0, 19)).collect();
    for kept in [0..4, 0..2, 3..4] {
        let periods = &all[kept.clone()];
        let expected = ask(&[batch(&many)], &measures, &by_all(periods)).unwrap();
        for lots in
            [many.chunks(1_000).map(<[Row]>::to_vec).collect::<Vec<_>>(), (0..20).rev().map(|day| many.iter().filter(|row| row.0 == Some(day)).copied().collect()).collect()]
        {
            let mut cube = Cube::default();
            for lot in lots {
                let days: Vec<i32> = lot.iter().filter_map(|row| row.0).collect();
                let of_lot: Vec<PeriodStarts> = lengths[kept.clone()].iter().map(|length| by(*length, *days.iter().min().unwrap(), *days.iter().max().unwrap())).collect();
                cube.add(&CubeRequest { schema: schema(), batches: &[batch(&lot)], time: Some(DAY), measures: &measures, groupings: &by_all(&of_lot) }).unwrap();
            }
            if kept.contains(&2) {
                assert_eq!(cube.days(), Some((0, 19)));
            }
            let periods: Vec<Option<&PeriodStarts>> = by_all(periods).iter().map(|grouping| grouping.period).collect();
            let found = cube.cells(&periods).unwrap();
            assert_eq!(found, expected, "periods {kept:?}");
        }
    }
}

#[test]
fn groupings_within_others_have_the_cells_that_they_have_alone() {
    let many = many_rows();
    let measures = [
        row_count(),
        measure("counted", DAY, Agg::Count),
        measure("amount_count", AMOUNT, Agg::Count),
        measure("sum", HOURS, Agg::Sum),
        where_won(measure("average", AMOUNT, Agg::Average)),
        measure("median", UNITS, Agg::Median),
        where_won(measure("reps", REP, Agg::CountDistinct)),
        measure("last_rep", REP, Agg::Max),
    ];
    let periods: Vec<PeriodStarts> = [1, 5, 7].iter().map(|length| PeriodStarts::new(0, (0..20).map(|day| day / length * length).collect())).collect();
    let slices: [&[usize]; 6] = [&[], &[WON], &[UNITS, WON], &[WON, REP], &[REP], &[WON, UNITS]];
    let groupings: Vec<Grouping<'_>> = slices.into_iter().flat_map(|keys| periods.iter().map(Some).chain([None]).map(move |period| Grouping { period, keys })).collect();
    let mut cube = Cube::default();
    for lot in many.chunks(700) {
        cube.add(&CubeRequest { schema: schema(), batches: &[batch(lot)], time: Some(DAY), measures: &measures, groupings: &groupings }).unwrap();
    }
    let periods: Vec<Option<&PeriodStarts>> = groupings.iter().map(|grouping| grouping.period).collect();
    for (grouping, found) in groupings.iter().zip(cube.cells(&periods).unwrap()) {
        let alone = ask(&[batch(&many)], &measures, std::slice::from_ref(grouping)).unwrap();
        assert_eq!(found, alone[0], "keys {:?}", grouping.keys);
    }
}

#[test]
fn periods_that_are_asked_for_alone_have_the_cells_that_they_have_among_all() {
    let many = many_rows();
    let measures =
        [measure("sum", HOURS, Agg::Sum), measure("median", UNITS, Agg::Median), where_won(measure("amounts", AMOUNT, Agg::CountDistinct)), measure("first", REP, Agg::Min)];
    let lengths = [1, 5, 7, 20];
    let all: Vec<PeriodStarts> = lengths.iter().map(|length| PeriodStarts::new(0, (0..20).map(|day| day / length * length).collect())).collect();
    let of_all = ask(&[batch(&many)], &measures, &by_all(&all)).unwrap();
    for asked in [&[12][..], &[0, 19], &[25]] {
        let is_asked = |start: i32, length: i32| asked.iter().any(|day| start <= *day && *day < start + length);
        let only: Vec<PeriodStarts> = all.iter().zip(lengths).map(|(periods, length)| periods.only(|start| is_asked(start, length))).collect();
        let mut cube = Cube::default();
        for lot in many.chunks(1_000) {
            cube.add(&CubeRequest { schema: schema(), batches: &[batch(lot)], time: Some(DAY), measures: &measures, groupings: &by_all(&only) }).unwrap();
        }
        let periods: Vec<Option<&PeriodStarts>> = by_all(&only).iter().map(|grouping| grouping.period).collect();
        for (place, (found, all)) in cube.cells(&periods).unwrap().iter().zip(&of_all).enumerate() {
            let expected = match lengths.get(place % (lengths.len() + 1)) {
                Some(length) => {
                    let starts = all.column(0).as_primitive::<Date32Type>();
                    filter_record_batch(all, &starts.iter().map(|start| start.map(|start| is_asked(start, *length))).collect()).unwrap()
                }
                None => all.clone(),
            };
            assert_eq!(*found, expected, "days {asked:?}, grouping {place}");
        }
    }
}

#[test]
fn lots_of_other_types_are_refused() {
    let units = |units: ArrayRef| RecordBatch::try_from_iter([("units", units)]).unwrap();
    let lots = [units(Arc::new(Int64Array::from(vec![1]))), units(Arc::new(Float64Array::from(vec![0.5])))];
    let measures = [measure("units", 0, Agg::Sum)];
    let mut cube = Cube::default();
    let mut add = |lot: &RecordBatch| {
        let batches = std::slice::from_ref(lot);
        cube.add(&CubeRequest { schema: lot.schema(), batches, time: None, measures: &measures, groupings: &[Grouping { period: None, keys: &[] }] })
    };
    add(&lots[0]).unwrap();
    assert_eq!(add(&lots[1]).unwrap_err().to_string(), "column `units` is Float64, expected Int64");
}
