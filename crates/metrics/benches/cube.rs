//! The cube's inner loops over a million rows: what one measure of one fact costs for two slices on five grains.
//!
//!     cargo bench --workspace --bench cube
//!
//! Keys are texts of a few and of two thousand values, as dimensions of a lake are; days are those of three years.

#![expect(clippy::unwrap_used, reason = "a fault here is of the benchmark's own making, and stops it")]

use std::sync::Arc;

use arrow::array::{ArrayRef, Date32Array, Decimal128Array, Float64Array, RecordBatch, StringViewArray};
use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use quotient_metrics::cube::{Agg, CubeMeasure, CubeRequest, Grouping, PeriodStarts, aggregate};

const ROWS: i32 = 1_000_000;
const DAYS: i32 = 1_096;

/// Lengths of periods in days, in the place of a calendar.
const GRAINS: [i32; 5] = [1, 7, 30, 91, 365];

fn main() {
    divan::main();
}

/// Rows in no order: a day, two keys, an order that has three rows, an amount, a duration.
fn rows() -> RecordBatch {
    // A multiplier without a common factor walks over all rows in an order that looks like none.
    let places = || (0..ROWS).map(|row| i32::try_from(i64::from(row) * 611_953 % i64::from(ROWS)).unwrap());
    let texts = |prefix: &'static str, values: i32| -> ArrayRef { Arc::new(places().map(move |place| Some(format!("{prefix}{}", place % values))).collect::<StringViewArray>()) };
    let amounts = places().map(|place| Some(i128::from(place) * 1_000_003 % 10_000_000_000)).collect::<Decimal128Array>();
    let columns: [(&str, ArrayRef); 6] = [
        ("day", Arc::new(Date32Array::from_iter_values(places().map(|place| place % DAYS)))),
        ("channel", texts("channel-", 3)),
        ("product", texts("product-", 2_000)),
        ("order", texts("O", ROWS / 3)),
        ("amount", Arc::new(amounts.with_precision_and_scale(38, 6).unwrap())),
        ("hours", Arc::new(Float64Array::from_iter_values(places().map(|place| f64::from(place) * 0.37)))),
    ];
    RecordBatch::try_from_iter(columns).unwrap()
}

/// Aggregates one column for both slices on all grains.
fn measure(bencher: Bencher<'_, '_>, column: usize, agg: Agg) {
    let batches = [rows()];
    let periods: Vec<PeriodStarts> = GRAINS.iter().map(|length| PeriodStarts::new(0, (0..DAYS).map(|day| day - day % length).collect())).collect();
    let groupings: Vec<Grouping<'_>> = periods.iter().flat_map(|period| [&[1_usize][..], &[1, 2][..]].map(|keys| Grouping { period: Some(period), keys })).collect();
    let measures = [CubeMeasure { name: "measure".to_owned(), column: Some(column), filter: None, aggregate: agg }];
    let request = CubeRequest { schema: batches[0].schema(), batches: &batches, time: Some(0), measures: &measures, groupings: &groupings };
    bencher.counter(ItemsCount::new(batches[0].num_rows())).bench_local(|| black_box(aggregate(black_box(&request)).unwrap()));
}

#[divan::bench(sample_count = 10, sample_size = 1)]
fn sums_of_decimals(bencher: Bencher<'_, '_>) {
    measure(bencher, 4, Agg::Sum);
}

#[divan::bench(sample_count = 10, sample_size = 1)]
fn averages_of_doubles(bencher: Bencher<'_, '_>) {
    measure(bencher, 5, Agg::Average);
}

#[divan::bench(sample_count = 10, sample_size = 1)]
fn medians_of_doubles(bencher: Bencher<'_, '_>) {
    measure(bencher, 5, Agg::Median);
}

#[divan::bench(sample_count = 10, sample_size = 1)]
fn distinct_texts(bencher: Bencher<'_, '_>) {
    measure(bencher, 3, Agg::CountDistinct);
}
