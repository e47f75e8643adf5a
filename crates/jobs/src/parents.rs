//! Values that must be in a column of another table: those values are put into one table in memory, once for all tests that look there.
//!
//! In: an engine over the other tables, then tests and engines over rows of theirs. Out: the failures of each test, as its own query gives them.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use arrow::array::{Array, ArrayRef, Int64Array, RecordBatch, UInt32Array};
use arrow::compute::take;
use arrow::datatypes::DataType;
use arrow::error::ArrowError;
use quotient_metrics::cube::KnownValues;
use quotient_metrics::sql::SqlModel;
use quotient_metrics::{MetricsError, PolarsEngine};
use quotient_model::{DataTest, Rule};

use crate::data_tests::{Open, Tested, ask, looked_at, remembered, together, values_of};

/// Values of a column, and their type.
struct Values {
    kind: DataType,
    known: KnownValues,
}

/// The values that tests look for.
pub(crate) struct Parents<'e, 'a> {
    engine: &'e PolarsEngine<'a>,
    tested: Tested,
    /// By table and column.
    known: RefCell<BTreeMap<(String, String), Rc<Values>>>,
}

impl<'e, 'a> Parents<'e, 'a> {
    /// Those of the tables of an engine.
    pub(crate) fn of(engine: &'e PolarsEngine<'a>, tested: Tested) -> Self {
        Self { engine, tested, known: RefCell::default() }
    }

    /// The failures of tests among the rows of an engine.
    pub(crate) fn failures(&self, rows: &PolarsEngine<'_>, tests: &[Open<'_>]) -> Result<Vec<RecordBatch>, MetricsError> {
        // Of few rows, it is what they look for that is put into a table: their own query does.
        let sought = |test: &DataTest| (self.tested == Tested::All && matches!(test.rule, Rule::Relationships { .. })).then(|| looked_at(test, None, self.tested));
        let sought: Vec<Option<String>> = tests.iter().map(|(_, test, _)| sought(test)).collect();
        let queries: Vec<(&DataTest, &str)> = tests.iter().zip(&sought).map(|((_, test, failures), sought)| (*test, sought.as_deref().unwrap_or(failures))).collect();
        let mut answers = ask(rows, &queries)?;
        for (((_, test, failures), answer), _) in tests.iter().zip(&mut answers).zip(&sought).filter(|(_, sought)| sought.is_some()) {
            let found = self.unknown(test, answer)?;
            *answer = match found {
                Some(found) => found,
                // Values of another type are compared as SQL does.
                None => ask(rows, &[(*test, *failures)])?.pop().unwrap_or_else(|| answer.slice(0, 0)),
            };
        }
        Ok(answers)
    }

    /// Lets go of values that none of these tests looks for.
    pub(crate) fn keep_for<'t>(&self, tests: impl Iterator<Item = &'t DataTest>) {
        let place = |test: &'t DataTest| if let Rule::Relationships { to, field } = &test.rule { Some((to.as_str(), field.as_str())) } else { None };
        let wanted: BTreeSet<(&str, &str)> = tests.filter_map(place).collect();
        self.known.borrow_mut().retain(|(table, column), _| wanted.contains(&(table.as_str(), column.as_str())));
    }

    /// The values that are not among those of the other table; `None` where these are of another type.
    fn unknown(&self, test: &DataTest, values: &RecordBatch) -> Result<Option<RecordBatch>, MetricsError> {
        let Rule::Relationships { to, field } = &test.rule else { return Ok(None) };
        let refused = |error: &dyn std::error::Error| MetricsError::Bridge { column: test.name.clone(), reason: error.to_string() };
        let parents = self.values(test, to, field)?;
        let values = values.column(0);
        if KnownValues::kind(values.data_type()) != parents.kind {
            return Ok(None);
        }
        let numbers = parents.known.find(&test.name, values).map_err(|error| refused(&error))?;
        let is_unknown = |row: &usize| numbers[*row].is_none() && values.is_valid(*row);
        failed(values, (0..values.len()).filter(is_unknown), remembered(test)).map(Some).map_err(|error| refused(&error))
    }

    fn values(&self, test: &DataTest, to: &str, field: &str) -> Result<Rc<Values>, MetricsError> {
        let place = (to.to_owned(), field.to_owned());
        if let Some(known) = self.known.borrow().get(&place) {
            return Ok(Rc::clone(known));
        }
        let sql = values_of(to, field);
        let rows = self.engine.sql(&SqlModel { name: &test.name, file: &test.place.file, sql: &sql }, &[to])?;
        let mut known = KnownValues::with_room(rows.num_rows());
        known.numbers(field, std::slice::from_ref(rows.column(0))).map_err(|source| MetricsError::Cube { model: to.to_owned(), source })?;
        let values = Rc::new(Values { kind: KnownValues::kind(rows.column(0).data_type()), known });
        self.known.borrow_mut().insert(place, Rc::clone(&values));
        Ok(values)
    }
}

/// Some rows of values as failures: up to so many examples of them beside their number.
fn failed(values: &ArrayRef, rows: impl Iterator<Item = usize>, most: usize) -> Result<RecordBatch, ArrowError> {
    let rows: UInt32Array = rows.filter_map(|row| u32::try_from(row).ok()).map(Some).collect();
    let count = i64::try_from(rows.len()).unwrap_or(i64::MAX);
    let failures = Int64Array::from_value(count, rows.len());
    let all = RecordBatch::try_from_iter_with_nullable([("example", take(values, &rows, None)?, true), ("all", std::sync::Arc::new(failures) as ArrayRef, true)])?;
    together(&[all], most)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{AsArray, StringViewArray};
    use arrow::datatypes::Int64Type;

    use super::*;

    #[test]
    fn failures_are_counted_beside_the_least_of_them() {
        let values: ArrayRef = Arc::new(StringViewArray::from(vec!["e", "a", "c", "c", "g", "b", "f"]));
        let found = failed(&values, [0, 2, 3, 4, 5, 6].into_iter(), 5).unwrap();
        assert_eq!(found.column(0).as_string_view().iter().flatten().collect::<Vec<_>>(), ["b", "c", "e", "f", "g"]);
        assert_eq!(found.column(1).as_primitive::<Int64Type>().value(0), 6);
        assert_eq!(failed(&values, [].into_iter(), 5).unwrap().num_rows(), 0);
    }
}
