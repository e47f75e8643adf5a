//! What holds for any rows.

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

#[test]
fn row_order_split_and_threads_change_nothing() {
    let reps = ["ada", "kim", "lee", "서연"];
    let many: Vec<Row> = (0..3_000_i32)
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
        .collect();
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
