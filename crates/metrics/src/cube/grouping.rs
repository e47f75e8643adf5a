//! Group numbers: which rows belong together, in the order of the answer.
//!
//! In: period codes and key codes of the rows. Out: a number per row that ascends by period, then by keys, nulls last.

use super::codes::{Codes, rank};
use super::error::CubeError;
use super::period_starts::PeriodStarts;

/// Mixed codes below this are looked up in a table, whatever the number of rows.
const SMALL_TABLE: u64 = 1 << 16;
/// The mixed code of a row that belongs to no group.
const LEFT_OUT: u64 = u64::MAX;

/// The groups of one grouping.
#[derive(Debug)]
pub(crate) struct Groups {
    /// Group of each row; the null code where a row belongs to none.
    pub(crate) codes: Codes,
    /// First row of each group.
    pub(crate) first_rows: Vec<usize>,
}

/// Codes to group by, all for the same rows.
#[derive(Debug)]
pub(crate) struct GroupKeys<'a> {
    /// Number of rows.
    pub(crate) rows: usize,
    /// Days of the rows and the periods they fall in.
    pub(crate) periods: Option<(&'a [Option<i32>], &'a PeriodStarts)>,
    /// Key codes, the most significant first.
    pub(crate) keys: Vec<&'a Codes>,
}

impl GroupKeys<'_> {
    /// Numbers the groups.
    ///
    /// Errors: more groups than 32 bits number.
    pub(crate) fn groups(&self) -> Result<Groups, CubeError> {
        let codes = self.number().ok_or_else(|| CubeError::TooManyValues { what: "a grouping".to_owned() })?;
        let first_rows = codes.first_rows();
        Ok(Groups { codes, first_rows })
    }

    fn number(&self) -> Option<Codes> {
        let mut mixed = self.period_codes();
        for key in &self.keys {
            let radix = if let Some(radix) = mixed.radix.checked_mul(key.cardinality()) {
                radix
            } else {
                mixed = mixed.densify()?;
                mixed.radix.checked_mul(key.cardinality())?
            };
            for (code, digit) in mixed.codes.iter_mut().zip(&key.rows) {
                if *code != LEFT_OUT {
                    *code = *code * key.cardinality() + u64::from(*digit);
                }
            }
            mixed.radix = radix;
        }
        mixed.rank()
    }

    fn period_codes(&self) -> Mixed {
        match self.periods {
            None => Mixed { codes: vec![0; self.rows], radix: 1 },
            Some((days, periods)) => Mixed { codes: days.iter().map(|day| day.and_then(|day| periods.code_of(day)).unwrap_or(LEFT_OUT)).collect(), radix: periods.periods() },
        }
    }
}

/// Numbers in a mixed radix: the period is the most significant digit, then come the keys.
struct Mixed {
    codes: Vec<u64>,
    /// All codes are below it, but for rows left out.
    radix: u64,
}

impl Mixed {
    /// Dense codes in the same order.
    fn rank(&self) -> Option<Codes> {
        let length = self.codes.len();
        let worth = u64::try_from(length).ok()?.saturating_mul(4);
        if self.radix <= worth.max(SMALL_TABLE) {
            return self.rank_by_table();
        }
        rank(length, self.codes.iter().map(|code| (*code != LEFT_OUT).then_some(*code)))
    }

    fn rank_by_table(&self) -> Option<Codes> {
        const UNUSED: u32 = u32::MAX;
        let mut table = vec![UNUSED; usize::try_from(self.radix).ok()?];
        for code in &self.codes {
            if let Some(place) = self.slot(*code)
                && let Some(entry) = table.get_mut(place)
            {
                *entry = 0;
            }
        }
        let mut null = 0_u32;
        for entry in &mut table {
            if *entry != UNUSED {
                *entry = null;
                null = null.checked_add(1).filter(|next| *next < UNUSED)?;
            }
        }
        let rows = self.codes.iter().map(|code| self.slot(*code).and_then(|place| table.get(place).copied()).unwrap_or(null)).collect();
        Some(Codes { rows, null })
    }

    fn slot(&self, code: u64) -> Option<usize> {
        (code < self.radix).then(|| usize::try_from(code).ok())?
    }

    /// The same order in a radix no larger than the number of groups so far.
    fn densify(self) -> Option<Self> {
        let dense = self.rank()?;
        let codes = dense.rows.iter().map(|code| if *code == dense.null { LEFT_OUT } else { u64::from(*code) }).collect();
        Some(Self { codes, radix: u64::from(dense.null) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(rows: &[u32], null: u32) -> Codes {
        Codes { rows: rows.to_vec(), null }
    }

    #[test]
    fn no_key_is_one_group() {
        let keys = GroupKeys { rows: 3, periods: None, keys: Vec::new() };
        let groups = keys.groups().unwrap();
        assert_eq!(groups.codes.rows, [0, 0, 0]);
        assert_eq!(groups.first_rows, [0]);
    }

    #[test]
    fn groups_ascend_by_period_then_keys_and_times_outside_are_left_out() {
        let periods = PeriodStarts::new(0, vec![0, 0, 2, 2]);
        let days = [Some(3), Some(0), None, Some(9), Some(1), Some(1)];
        let first = key(&[0, 1, 0, 0, 2, 0], 2);
        let keys = GroupKeys { rows: 6, periods: Some((&days[..], &periods)), keys: vec![&first] };
        let groups = keys.groups().unwrap();
        // (0, 0) < (0, 1) < (0, null) < (2, 0)
        assert_eq!(groups.codes.rows, [3, 1, 4, 4, 2, 0]);
        assert_eq!(groups.codes.values(), 4);
        assert_eq!(groups.first_rows, [5, 1, 4, 0]);
    }

    #[test]
    fn table_hash_and_densified_codes_agree() {
        let digits: Vec<[u32; 3]> = (0..500_u32).map(|n| [n * 7 % 5, n * 11 % 3, n * 13 % 4]).collect();
        let column = |place: usize, spread: u32| Codes { rows: digits.iter().map(|row| row[place] * spread).collect(), null: 5 * spread };
        let number = |spread: u32| {
            let columns = [column(0, spread), column(1, spread), column(2, spread)];
            let keys = GroupKeys { rows: digits.len(), periods: None, keys: columns.iter().collect() };
            keys.groups().unwrap().codes.rows
        };
        let by_table = number(1);
        // 5,001^3 needs the hash table; 2,500,000,001^3 does not fit 64 bits.
        assert_eq!(number(1_000), by_table);
        assert_eq!(number(500_000_000), by_table);
    }

    #[test]
    fn no_rows_are_no_groups() {
        let periods = PeriodStarts::new(0, Vec::new());
        let days: Vec<Option<i32>> = Vec::new();
        let keys = GroupKeys { rows: 0, periods: Some((days.as_slice(), &periods)), keys: Vec::new() };
        assert_eq!(keys.groups().unwrap().codes.values(), 0);
    }
}
