//! Rows of a list found by key: that of a key, or the version of it that is valid at an instant.
//!
//! In: the keys of the list, each once, or more often with instants from and to which it is valid. Out: the place in the list for each of
//! many keys; none where there is none. The keys are put into one table, once, however many lots of rows look there.

use arrow::array::{Array, ArrayRef};
use polars::prelude::{Column, DataType as PolarsType, IdxCa, IdxSize, IntoColumn, PolarsResult, TimeUnit, TimeZone, polars_err};
use polars_arrow::bitmap::Bitmap;
use rayon::prelude::*;

use crate::bridge;
use crate::cube::{CubeError, KnownValues};
use crate::error::MetricsError;

/// Rows that are looked up at once on one thread.
const PIECE: usize = 1 << 16;

/// Where to find rows by key.
pub(crate) struct Lookup {
    /// The numbers of the keys.
    keys: KnownValues,
    /// Where there are versions, those of each key, by its number.
    versions: Option<Vec<Vec<Version>>>,
}

/// A version of a key.
struct Version {
    row: IdxSize,
    /// The instants from and to which it is valid, in microseconds; always where there is none.
    from: Option<i64>,
    to: Option<i64>,
}

impl Lookup {
    /// Where to find these keys, none of which is null and each of which is there once.
    pub(crate) fn of_keys(keys: &Column) -> Result<Self, MetricsError> {
        let mut known = KnownValues::with_room(keys.len());
        known.numbers(keys.name(), &[bridge::array(keys)?]).map_err(|error| refused(keys.name(), &error))?;
        Ok(Self { keys: known, versions: None })
    }

    /// The same of versions, which are valid from and to two instants and do not overlap.
    pub(crate) fn of_versions(keys: &Column, from: &Column, to: &Column) -> Result<Self, MetricsError> {
        let mut known = KnownValues::default();
        let numbers = known.numbers(keys.name(), &[bridge::array(keys)?]).map_err(|error| refused(keys.name(), &error))?;
        let (from, to) = (instants(from), instants(to));
        let (from, to) = from.and_then(|from| Ok((from, to?))).map_err(|error| refused(keys.name(), &error))?;
        let mut versions: Vec<Vec<Version>> = std::iter::repeat_with(Vec::new).take(known.len()).collect();
        for ((row, number), (from, to)) in (0..).zip(numbers).zip(from.into_iter().zip(to)) {
            if let Some(versions) = number.and_then(|number| versions.get_mut(number as usize)) {
                versions.push(Version { row, from, to });
            }
        }
        Ok(Self { keys: known, versions: Some(versions) })
    }

    /// How many different keys there are.
    pub(crate) fn len(&self) -> usize {
        self.keys.len()
    }

    /// The places of the rows for keys, as of an instant each.
    pub(crate) fn places(&self, keys: &Column, at: &Column) -> PolarsResult<Column> {
        let refused = |error: &dyn ToString| polars_err!(ComputeError: "{}", error.to_string());
        let array = bridge::array(keys).map_err(|error| refused(&error))?;
        let pieces: Vec<ArrayRef> = (0..array.len()).step_by(PIECE).map(|start| array.slice(start, PIECE.min(array.len() - start))).collect();
        let found: Vec<Result<Vec<Option<u32>>, CubeError>> = pieces.par_iter().map(|piece| self.keys.find(keys.name(), piece)).collect();
        let mut numbers = found.into_iter().collect::<Result<Vec<_>, _>>().map_err(|error| refused(&error))?.concat();
        if let Some(versions) = &self.versions {
            for (number, at) in numbers.iter_mut().zip(instants(at)?) {
                let valid = |version: &&Version| version.from.is_none_or(|from| at.is_some_and(|at| from <= at)) && version.to.is_none_or(|to| at.is_some_and(|at| at < to));
                *number = number.and_then(|number| versions.get(number as usize)?.iter().find(valid)).map(|version| version.row);
            }
        }
        let found: Option<Bitmap> = numbers.iter().any(Option::is_none).then(|| numbers.iter().map(Option::is_some).collect());
        let places: Vec<IdxSize> = numbers.into_iter().map(Option::unwrap_or_default).collect();
        Ok(IdxCa::from_vec_validity(keys.name().clone(), places, found).into_column())
    }
}

/// Instants in microseconds.
fn instants(column: &Column) -> PolarsResult<Vec<Option<i64>>> {
    let instants = column.cast(&PolarsType::Datetime(TimeUnit::Microseconds, Some(TimeZone::UTC)))?;
    Ok(instants.datetime()?.physical().iter().collect())
}

fn refused(column: &str, error: &dyn std::error::Error) -> MetricsError {
    MetricsError::Bridge { column: column.to_owned(), reason: error.to_string() }
}

#[cfg(test)]
mod tests {
    use polars::prelude::{IntoLazy, col, df};

    use super::*;

    fn found(lookup: &Lookup, keys: &Column, at: &[i64]) -> Vec<Option<IdxSize>> {
        let at = df!("at" => at).unwrap().lazy().select([col("at").cast(PolarsType::Datetime(TimeUnit::Microseconds, Some(TimeZone::UTC)))]).collect().unwrap();
        lookup.places(keys, at.column("at").unwrap()).unwrap().idx().unwrap().iter().collect()
    }

    #[test]
    fn a_key_has_the_place_of_its_row() {
        let texts = Lookup::of_keys(&Column::new("id".into(), ["b", "a"])).unwrap();
        assert_eq!(found(&texts, &Column::new("id".into(), [Some("a"), Some("c"), None, Some("b")]), &[0; 4]), [Some(1), None, None, Some(0)]);
        let numbers = Lookup::of_keys(&Column::new("id".into(), [7_i32, -1])).unwrap();
        assert_eq!(found(&numbers, &Column::new("id".into(), [-1_i64, 7, 1 << 40]), &[0; 3]), [Some(1), Some(0), None]);
        assert_eq!(found(&texts, &Column::new("id".into(), Vec::<Option<&str>>::new()), &[]), []);
    }

    #[test]
    fn of_versions_the_one_counts_that_is_valid() {
        let rows = df!("id" => ["a", "b", "a", "c"], "from" => [Some(10), None, None, None], "to" => [None, Some(5), Some(10), None::<i64>]).unwrap();
        let instants = |name: &str| rows.column(name).unwrap().cast(&PolarsType::Datetime(TimeUnit::Microseconds, Some(TimeZone::UTC))).unwrap();
        let lookup = Lookup::of_versions(rows.column("id").unwrap(), &instants("from"), &instants("to")).unwrap();
        assert_eq!(lookup.len(), 3);
        let keys = Column::new("id".into(), ["a", "a", "b", "b", "c", "d"]);
        assert_eq!(found(&lookup, &keys, &[9, 10, 4, 5, 0, 0]), [Some(2), Some(0), Some(1), None, Some(3), None]);
    }
}
