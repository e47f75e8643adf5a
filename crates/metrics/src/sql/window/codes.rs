//! Dense codes: small integers that are equal and ordered as the values of a column are.
//!
//! In: a column of any type that sorts. Out: one code for each row, 0 for null and from 1 for values.
//! Keys and extremes compare codes, so that no type needs a path of its own; whole numbers and times are their own sort keys.

use polars::prelude::{ChunkCompareEq, DataType, IdxSize, PlHashMap, PolarsResult, Series, SortOptions};

use super::{OrderKey, refusal};

/// The codes of one column.
pub(super) struct Codes {
    /// By row: 0 for null, otherwise 1 for the least value, 2 for the next one, and so on.
    pub(super) by_row: Vec<IdxSize>,
    /// How many values differ, nulls aside.
    pub(super) distinct: IdxSize,
}

impl Codes {
    /// Sorts once and numbers the values that differ.
    pub(super) fn new(column: &Series) -> PolarsResult<Self> {
        let mut by_row = vec![0; column.len()];
        let valued = column.len() - column.null_count();
        if valued == 0 {
            return Ok(Self { by_row, distinct: 0 });
        }
        let options = SortOptions { nulls_last: true, ..SortOptions::default() };
        let order = column.arg_sort(options).slice(0, valued);
        let sorted = column.take(&order)?;
        let steps = sorted.slice(1, valued - 1).not_equal_missing(&sorted.slice(0, valued - 1))?;
        let steps = steps.iter().map(|step| step != Some(false));
        let mut code: IdxSize = 1;
        for (row, step) in order.into_no_null_iter().zip(std::iter::once(false).chain(steps)) {
            code += IdxSize::from(step);
            let row = usize::try_from(row).map_err(|_| refusal(format!("row {row} is out of the memory's range")))?;
            by_row[row] = code;
        }
        Ok(Self { by_row, distinct: code })
    }

    /// Codes that are equal where the values are; their order is that of the first occurrence where values are text, which is slow to sort.
    pub(super) fn by_occurrence(column: &Series) -> PolarsResult<Vec<IdxSize>> {
        let Ok(texts) = column.str() else { return Ok(Self::new(column)?.by_row) };
        let mut known: PlHashMap<Option<&str>, IdxSize> = PlHashMap::default();
        let mut next: IdxSize = 0;
        let code_of = |text| {
            *known.entry(text).or_insert_with(|| {
                next += 1;
                next
            })
        };
        Ok(texts.iter().map(code_of).collect())
    }

    /// Codes whose ascending order is the order that `key` asks for.
    fn into_sort_keys(self, key: &OrderKey) -> Vec<IdxSize> {
        let last = self.distinct + 1;
        let mut keys = self.by_row;
        for code in &mut keys {
            *code = match (*code, key.descending) {
                (0, _) if key.nulls_first => 0,
                (0, _) => last,
                (value, true) => last - value,
                (value, false) => value,
            };
        }
        keys
    }
}

/// One key for each row, whose ascending order is the order that is asked for.
pub(super) enum SortKeys {
    /// Numbers made of the values: on which side of the nulls a value is, and its place among the values.
    Numbers(Vec<(bool, i64)>),
    /// Codes, of which all values are sorted once.
    Codes(Vec<IdxSize>),
}

impl SortKeys {
    /// The keys of a column.
    pub(super) fn new(column: &Series, key: &OrderKey) -> PolarsResult<Self> {
        let kind = column.dtype();
        if !(kind.is_signed_integer() || kind.is_temporal()) {
            return Ok(Self::Codes(Codes::new(column)?.into_sort_keys(key)));
        }
        let numbers = column.to_physical_repr().cast(&DataType::Int64)?;
        // `!` turns the order around without running over.
        let number = |value: i64| if key.descending { !value } else { value };
        let keys = numbers.i64()?.iter().map(|value| value.map_or((!key.nulls_first, 0), |value| (key.nulls_first, number(value))));
        Ok(Self::Numbers(keys.collect()))
    }
}
