//! The first row of each partition, by the order of a request: what `row_number` gives 1.

use polars::prelude::{Column, DataFrame, IdxCa, IdxSize, NamedFrom, NewChunkedArray, PlHashMap, PlSmallStr, PolarsResult, Series};

use super::codes::{Codes, SortKeys};
use super::{OrderKey, WindowRequest, in_one_piece, refusal};

/// The rows of `frame` that are first in their partition, in their order, with 1 in the outputs of `request`.
///
/// Key by key those rows stay that are least: nothing is sorted, and a key is looked at of rows alone that all keys before it leave equal.
/// Where no key tells rows apart their other columns do, so that it is the same row in whatever order they come, and in how many lots.
pub(crate) fn firsts(mut frame: DataFrame, request: &WindowRequest) -> PolarsResult<DataFrame> {
    in_one_piece(&mut frame, request)?;
    let (partitions, count) = partitions(&frame, request)?;
    let height = IdxSize::try_from(frame.height()).map_err(|_| refusal("too many rows for one window".to_owned()))?;
    let mut rows: Vec<IdxSize> = (0..height).collect();
    let others = frame.get_column_names().into_iter().map(|name| OrderKey { column: name.to_string(), descending: false, nulls_first: false });
    for key in request.order_by.iter().cloned().chain(others) {
        if rows.len() == count {
            break;
        }
        let values = frame.column(&key.column)?.as_materialized_series();
        rows = match SortKeys::new(&taken(values, &rows)?, &key)? {
            SortKeys::Numbers(keys) => least(&rows, &partitions, count, &keys),
            SortKeys::Codes(keys) => least(&rows, &partitions, count, &keys),
        };
    }
    // Of rows that are the same the first one.
    let places: Vec<IdxSize> = (0..).take(rows.len()).collect();
    rows = least(&rows, &partitions, count, &places);
    let firsts = frame.take(&IdxCa::from_slice(PlSmallStr::EMPTY, &rows))?;
    let one = |name: &str| Column::from(Series::new(name.into(), vec![1_i64; rows.len()]));
    firsts.hstack(&request.calls.iter().map(|call| one(&call.output)).collect::<Vec<_>>())
}

/// The number of the partition of each row, and how many there are.
fn partitions(frame: &DataFrame, request: &WindowRequest) -> PolarsResult<(Vec<IdxSize>, usize)> {
    let mut numbers: Vec<IdxSize> = vec![0; frame.height()];
    let mut count = usize::from(!numbers.is_empty());
    for name in &request.partition_by {
        let codes = Codes::by_occurrence(frame.column(name)?.as_materialized_series())?;
        let mut known: PlHashMap<(IdxSize, IdxSize), IdxSize> = PlHashMap::default();
        let mut next: IdxSize = 0;
        for (number, code) in numbers.iter_mut().zip(codes) {
            *number = *known.entry((*number, code)).or_insert_with(|| {
                next += 1;
                next - 1
            });
        }
        count = known.len();
    }
    Ok((numbers, count))
}

/// The values of a column on some of its rows.
fn taken(values: &Series, rows: &[IdxSize]) -> PolarsResult<Series> {
    if rows.len() == values.len() { Ok(values.clone()) } else { values.take(&IdxCa::from_slice(PlSmallStr::EMPTY, rows)) }
}

/// Of some rows those that have the least key of their partition.
fn least<K: Copy + Ord>(rows: &[IdxSize], partitions: &[IdxSize], count: usize, keys: &[K]) -> Vec<IdxSize> {
    let mut least: Vec<Option<K>> = vec![None; count];
    let partition = |row: IdxSize| partitions[row as usize] as usize;
    for (row, key) in rows.iter().zip(keys) {
        let known = &mut least[partition(*row)];
        if known.is_none_or(|known| *key < known) {
            *known = Some(*key);
        }
    }
    rows.iter().zip(keys).filter(|(row, key)| least[partition(**row)] == Some(**key)).map(|(row, _)| *row).collect()
}
