//! Rows of a model apart from its SQL: chosen by day or by key, put together, compared.
//!
//! In: relations that have beside the model's columns the local day of its default time, [`DAY`]. Out: relations, rows in memory, and the days
//! on which two lots of rows differ. Who keeps rows from run to run remakes some of them and leaves the others.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::row::{RowConverter, SortField};
use chrono::{Datelike, NaiveDate};
use polars::prelude::{DataFrame, DataType as PolarsType, Expr, IdxCa, IdxSize, IntoLazy, LazyFrame, UnionArgs, col, concat, lit};
use quotient_model::quoted;
use rayon::prelude::*;

use crate::bridge;
use crate::error::MetricsError;
use crate::fact::{collect, day_of_time, days_of_rows, project_columns};
use crate::keys::{Keys, as_text};
use crate::polars_engine::PolarsEngine;
use crate::sql::{Relation, polars_type};

/// The local day of a row by its model's default time.
pub const DAY: &str = "__day";

/// The part of rows without a day.
const UNDATED: &str = "undated";

/// Rows in memory.
#[derive(Debug, Clone)]
pub struct ModelRows {
    rows: DataFrame,
    schema: SchemaRef,
}

/// Which rows are meant.
#[derive(Debug, Clone)]
pub enum Chosen {
    /// Those of stretches of days, each from its first day on and before its second.
    Days(Vec<(i32, i32)>),
    /// Those with values of a column, and of those with none in it the ones of some days.
    Keys(String, Keys, Vec<(i32, i32)>),
}

impl PolarsEngine<'_> {
    /// The rows of a model with their days, not computed yet.
    ///
    /// # Errors
    /// SQL that does not bind or is not supported; a model without a default time.
    pub fn dated(&self, model: &str) -> Result<Relation, MetricsError> {
        self.with_days(model, &self.lowered(model)?)
    }

    /// Rows of a model with their days.
    ///
    /// # Errors
    /// A model without a default time.
    pub fn with_days(&self, model: &str, rows: &Relation) -> Result<Relation, MetricsError> {
        let day = day_of_time(self, model, rows)?;
        let mut columns: Vec<(String, String)> = rows.schema.fields().iter().map(|field| (field.name().clone(), quoted(field.name()))).collect();
        columns.push((DAY.to_owned(), day));
        project_columns(self, model, rows, &columns)
    }
}

impl Chosen {
    /// True of rows that are meant, and of no others; null of some. Polars knows of it, as it is, which row groups have none.
    fn condition(&self, relation: &Relation) -> Expr {
        match self {
            Self::Days(days) => is_of(days),
            Self::Keys(column, keys, keyless) => {
                let key = as_text(relation, column);
                let has_key = keys.have(&key);
                if keyless.is_empty() { has_key } else { has_key.or(key.is_null().and(is_of(keyless))) }
            }
        }
    }

    /// These rows of a relation.
    #[must_use]
    pub fn of(&self, relation: &Relation) -> Relation {
        Relation { schema: Arc::clone(&relation.schema), frame: relation.frame.clone().filter(self.condition(relation)) }
    }

    /// All others.
    #[must_use]
    pub fn but(&self, relation: &Relation) -> Relation {
        Relation { schema: Arc::clone(&relation.schema), frame: relation.frame.clone().filter(self.condition(relation).fill_null(lit(false)).not()) }
    }
}

/// Whether a row is of one of some stretches of days.
fn is_of(days: &[(i32, i32)]) -> Expr {
    let day = |day: i32| lit(day).cast(PolarsType::Date);
    let stretches = days.iter().map(|(from, to)| col(DAY).gt_eq(day(*from)).and(col(DAY).lt(day(*to))));
    stretches.reduce(Expr::or).unwrap_or_else(|| lit(false))
}

impl Relation {
    /// The days of the rows alone.
    #[must_use]
    pub fn day_alone(&self) -> Self {
        self.with_columns(|name| name == DAY)
    }

    /// The relation without those of its columns that do not stay.
    #[must_use]
    pub fn with_columns(&self, stays: impl Fn(&str) -> bool) -> Self {
        let fields: Vec<Arc<Field>> = self.schema.fields().iter().filter(|field| stays(field.name())).cloned().collect();
        let columns: Vec<Expr> = fields.iter().map(|field| col(field.name().as_str())).collect();
        Self { schema: Arc::new(Schema::new(fields)), frame: self.frame.clone().select(columns) }
    }

    /// The rows that have in one of these columns a moment between two days, and a day more on either side: a day is local or not.
    #[must_use]
    pub fn between(&self, columns: &[String], from: i32, to: i32) -> Self {
        let day = |day: i32| lit(day).cast(PolarsType::Date);
        let is_between = columns.iter().map(|column| {
            let moment = col(column.as_str()).cast(PolarsType::Date);
            moment.clone().gt_eq(day(from.saturating_sub(1))).and(moment.lt_eq(day(to.saturating_add(1)))).fill_null(lit(false))
        });
        Self { schema: Arc::clone(&self.schema), frame: self.frame.clone().filter(is_between.reduce(Expr::or).unwrap_or_else(|| lit(false))) }
    }

    /// Rows that were written and come back, with the types of a relation.
    ///
    /// # Errors
    /// A type that no kept column has.
    pub fn read_back(schema: &SchemaRef, frame: LazyFrame, model: &str) -> Result<Self, MetricsError> {
        // Polars reads no less of a file for a condition on a column that is cast, even to the type that it has.
        let comes_as_it_was = |field: &Field| matches!(field.data_type(), DataType::Utf8 | DataType::Int64 | DataType::Float64 | DataType::Boolean | DataType::Date32);
        let columns = schema.fields().iter().map(|field| {
            let column = col(field.name().as_str());
            if comes_as_it_was(field) { Ok(column) } else { Ok(column.cast(kept_type(field, model)?)) }
        });
        Ok(Self { schema: Arc::clone(schema), frame: frame.select(columns.collect::<Result<Vec<_>, MetricsError>>()?) })
    }

    /// The relation without the days of its rows.
    #[must_use]
    pub fn undated(&self) -> Self {
        self.with_columns(|name| name != DAY)
    }

    /// The rows of several relations with the same columns; of the first's columns none where there is no other.
    ///
    /// # Errors
    /// Relations that do not fit together.
    pub fn together(schema: &SchemaRef, parts: &[Self], model: &str) -> Result<Self, MetricsError> {
        let fault = |source| MetricsError::Compute { model: model.to_owned(), doing: "put its rows together", source };
        let frame = match parts {
            [] => {
                let columns = schema.fields().iter().map(|field| Ok(polars::prelude::Column::new_empty(field.name().as_str().into(), &kept_type(field, model)?)));
                DataFrame::new(0, columns.collect::<Result<Vec<_>, MetricsError>>()?).map_err(fault)?.lazy()
            }
            [one] => one.frame.clone(),
            many => concat(many.iter().map(|part| part.frame.clone()).collect::<Vec<_>>(), UnionArgs { maintain_order: true, ..UnionArgs::default() }).map_err(fault)?,
        };
        Ok(Self { schema: Arc::clone(schema), frame })
    }

    /// The rows in memory.
    ///
    /// # Errors
    /// Rows that cannot be computed.
    pub fn rows(&self, model: &str) -> Result<ModelRows, MetricsError> {
        Ok(ModelRows { rows: collect(self.frame.clone(), model, "compute its rows")?, schema: Arc::clone(&self.schema) })
    }
}

fn kept_type(field: &Field, model: &str) -> Result<PolarsType, MetricsError> {
    let refused = || MetricsError::Bridge { column: field.name().clone(), reason: format!("rows of model `{model}` cannot be kept: its type is {}", field.data_type()) };
    polars_type(field.data_type()).map_err(|_| refused())
}

impl ModelRows {
    /// How many there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        u64::try_from(self.rows.height()).unwrap_or(u64::MAX)
    }

    /// As a relation.
    #[must_use]
    pub fn relation(&self) -> Relation {
        Relation { schema: Arc::clone(&self.schema), frame: self.rows.clone().lazy() }
    }

    /// As one record batch.
    ///
    /// # Errors
    /// Columns that arrow does not take.
    pub fn batch(&self) -> Result<RecordBatch, MetricsError> {
        bridge::record_batch(&self.rows)
    }

    /// The rows apart, by the names of their parts.
    ///
    /// # Errors
    /// Rows without their days.
    pub fn parts(&self, span: PartSpan, model: &str) -> Result<BTreeMap<String, Self>, MetricsError> {
        let mut places: Vec<(String, Vec<IdxSize>)> = Vec::new();
        let (mut of_name, mut of_day) = (BTreeMap::new(), HashMap::new());
        for (row, day) in (0..).zip(self.days(model)?) {
            let part = *of_day.entry(day).or_insert_with(|| {
                *of_name.entry(span.part_of(day)).or_insert_with_key(|name| {
                    places.push((name.clone(), Vec::new()));
                    places.len() - 1
                })
            });
            places[part].1.push(row);
        }
        let fault = |source| MetricsError::Compute { model: model.to_owned(), doing: "split its rows", source };
        let part = |(name, places): (String, Vec<IdxSize>)| {
            let rows = self.rows.take(&IdxCa::from_vec("places".into(), places)).map_err(fault)?;
            Ok((name, Self { rows, schema: Arc::clone(&self.schema) }))
        };
        places.into_par_iter().map(part).collect()
    }

    /// The day of each row.
    ///
    /// # Errors
    /// Rows without their days.
    pub fn days(&self, model: &str) -> Result<Vec<Option<i32>>, MetricsError> {
        Ok(days_of_rows(&self.rows, DAY, model)?.iter().collect())
    }

    /// The days of rows that are here and not there, or there and not here; `None` is the day of rows that have none.
    ///
    /// # Errors
    /// Columns that do not compare.
    pub fn differing_days(&self, other: &Self, model: &str) -> Result<BTreeSet<Option<i32>>, MetricsError> {
        let (mine, others) = (self.marks(model)?, other.marks(model)?);
        let mut differing = BTreeSet::new();
        let (mut mine, mut others) = (mine.into_iter().peekable(), others.into_iter().peekable());
        loop {
            let (day, from_mine, from_others) = match (mine.peek(), others.peek()) {
                (None, None) => return Ok(differing),
                (Some(one), Some(other)) if one == other => (None, true, true),
                (Some(one), Some(other)) if one < other => (Some(one.0), true, false),
                (Some(one), None) => (Some(one.0), true, false),
                (_, Some(other)) => (Some(other.0), false, true),
            };
            if from_mine {
                mine.next();
            }
            if from_others {
                others.next();
            }
            differing.extend(day);
        }
    }

    /// Day and hash of every row, in order.
    fn marks(&self, model: &str) -> Result<Vec<(Option<i32>, u64)>, MetricsError> {
        let batch = self.batch()?;
        let refused = |error: ArrowError| MetricsError::Bridge { column: model.to_owned(), reason: error.to_string() };
        let hashes = row_hashes(batch.columns()).map_err(refused)?;
        let mut marks: Vec<(Option<i32>, u64)> = self.days(model)?.into_iter().zip(hashes).collect();
        marks.par_sort_unstable();
        Ok(marks)
    }
}

/// A hash of each row of some columns: rows that are the same have one.
///
/// # Errors
/// Columns without an order.
pub fn row_hashes(columns: &[ArrayRef]) -> Result<Vec<u64>, ArrowError> {
    let fields = columns.iter().map(|column| SortField::new(column.data_type().clone())).collect();
    let rows = RowConverter::new(fields)?.convert_columns(columns)?;
    let hash = |row: usize| {
        let mut hasher = DefaultHasher::new();
        rows.row(row).hash(&mut hasher);
        hasher.finish()
    };
    Ok((0..rows.num_rows()).into_par_iter().map(hash).collect())
}

/// How long a part of kept rows is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartSpan {
    /// A calendar month: of many rows.
    Month,
    /// A calendar year.
    Year,
}

impl PartSpan {
    /// The name of the part with the rows of a day.
    #[must_use]
    pub fn part_of(self, day: Option<i32>) -> String {
        day.and_then(NaiveDate::from_epoch_days).map_or_else(|| UNDATED.to_owned(), |day| self.name(day))
    }

    fn name(self, day: NaiveDate) -> String {
        match self {
            Self::Month => format!("{:04}-{:02}", day.year(), day.month()),
            Self::Year => format!("{:04}", day.year()),
        }
    }

    /// The span of parts with these names.
    pub fn of_names<'n>(mut names: impl Iterator<Item = &'n String>) -> Self {
        if names.any(|name| name != UNDATED && name.contains('-')) { Self::Month } else { Self::Year }
    }

    /// Whether a part may have rows of some days.
    #[must_use]
    pub fn meets(self, part: &str, days: &[(i32, i32)]) -> bool {
        if part == UNDATED {
            return false;
        }
        // A day beyond the calendar is before or after every part.
        let name = |day: i32| NaiveDate::from_epoch_days(day).map(|day| self.name(day));
        days.iter().any(|(from, to)| name(*from).is_none_or(|first| first.as_str() <= part) && name(to.saturating_sub(1)).is_none_or(|last| part <= last.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Arc;

    use arrow::datatypes::{DataType, Field, Schema};
    use polars::prelude::{Column, DataFrame, DataType as PolarsType, IntoLazy, NamedFrom, Series};

    use super::{Chosen, DAY, Keys, ModelRows, PartSpan};
    use crate::sql::Relation;

    /// Rows of (day, key, value).
    fn rows(list: &[(Option<i32>, Option<&str>, i64)]) -> ModelRows {
        let days = Series::new(DAY.into(), list.iter().map(|row| row.0).collect::<Vec<_>>()).cast(&PolarsType::Date).unwrap();
        let keys = Series::new("key".into(), list.iter().map(|row| row.1).collect::<Vec<_>>());
        let values = Series::new("value".into(), list.iter().map(|row| row.2).collect::<Vec<_>>());
        let frame = DataFrame::new(list.len(), vec![Column::from(keys), Column::from(values), Column::from(days)]).unwrap();
        let fields = vec![Field::new("key", DataType::Utf8, true), Field::new("value", DataType::Int64, true), Field::new(DAY, DataType::Date32, true)];
        Relation { schema: Arc::new(Schema::new(fields)), frame: frame.lazy() }.rows("m").unwrap()
    }

    fn same(one: &ModelRows, other: &ModelRows) -> bool {
        one.differing_days(other, "m").unwrap().is_empty()
    }

    #[test]
    fn days_of_rows_that_are_here_or_there_alone_differ() {
        let before = rows(&[(Some(1), Some("a"), 1), (Some(1), Some("a"), 1), (Some(2), Some("b"), 2), (Some(3), Some("c"), 3), (None, Some("d"), 4)]);
        let reordered = rows(&[(None, Some("d"), 4), (Some(3), Some("c"), 3), (Some(2), Some("b"), 2), (Some(1), Some("a"), 1), (Some(1), Some("a"), 1)]);
        assert!(same(&before, &reordered));
        let after = rows(&[(Some(1), Some("a"), 1), (Some(2), Some("b"), 2), (Some(3), None, 3), (Some(4), Some("c"), 3)]);
        let differing = before.differing_days(&after, "m").unwrap();
        assert_eq!(differing, BTreeSet::from([Some(1), Some(3), Some(4), None]));
        assert_eq!(after.differing_days(&before, "m").unwrap(), differing);
    }

    #[test]
    fn rows_are_chosen_by_days_and_by_keys_and_the_others_are_all_others() {
        let all = rows(&[(Some(1), Some("a"), 1), (Some(2), None, 2), (Some(3), Some("b"), 3), (None, Some("a"), 4)]);
        let both = |chosen: &Chosen| (chosen.of(&all.relation()).rows("m").unwrap(), chosen.but(&all.relation()).rows("m").unwrap());
        let (of, but) = both(&Chosen::Days(vec![(1, 2), (3, i32::MAX)]));
        assert!(same(&of, &rows(&[(Some(1), Some("a"), 1), (Some(3), Some("b"), 3)])));
        assert!(same(&but, &rows(&[(Some(2), None, 2), (None, Some("a"), 4)])));
        let keys = Keys::of(&rows(&[(Some(9), Some("a"), 0), (Some(9), None, 0)]).relation(), "key", "m").unwrap();
        let (of, but) = both(&Chosen::Keys("key".to_owned(), keys.clone(), Vec::new()));
        assert!(same(&of, &rows(&[(Some(1), Some("a"), 1), (None, Some("a"), 4)])));
        assert!(same(&but, &rows(&[(Some(2), None, 2), (Some(3), Some("b"), 3)])), "a null is no key, and stays");
        let (of, but) = both(&Chosen::Keys("key".to_owned(), keys, vec![(2, 3), (3, 4)]));
        assert!(same(&of, &rows(&[(Some(1), Some("a"), 1), (Some(2), None, 2), (None, Some("a"), 4)])));
        assert!(same(&but, &rows(&[(Some(3), Some("b"), 3)])), "of days, only rows without a key");
        let (of, but) = both(&Chosen::Keys("key".to_owned(), Keys::none(), Vec::new()));
        assert_eq!((of.count(), but.count()), (0, 4));
    }

    #[test]
    fn parts_hold_their_days() {
        let all = rows(&[(Some(0), Some("a"), 1), (Some(31), Some("b"), 2), (Some(30), Some("c"), 3), (None, Some("d"), 4)]);
        let parts = all.parts(PartSpan::Month, "m").unwrap();
        assert_eq!(parts.keys().collect::<Vec<_>>(), ["1970-01", "1970-02", "undated"]);
        assert!(same(&parts["1970-01"], &rows(&[(Some(0), Some("a"), 1), (Some(30), Some("c"), 3)])));
        assert_eq!(all.parts(PartSpan::Year, "m").unwrap().keys().collect::<Vec<_>>(), ["1970", "undated"]);
        assert_eq!(PartSpan::of_names(parts.keys()), PartSpan::Month);
        assert_eq!(PartSpan::of_names(["1970".to_owned(), "undated".to_owned()].iter()), PartSpan::Year);
        let meets = |part: &str, from: i32, to: i32| PartSpan::Month.meets(part, &[(from, to)]);
        assert!(meets("1970-01", 30, 31) && meets("1970-02", 31, i32::MAX) && meets("1970-01", i32::MIN, 1));
        assert!(!meets("1970-01", 31, 40) && !meets("1970-02", i32::MIN, 31) && !meets("undated", i32::MIN, i32::MAX));
    }
}
