//! Values of a key, by which rows of a model or a source are chosen.
//!
//! In: a column of a relation, as texts. Out: conditions on rows of others: that they have one of these values, or one of a range of them.
//! Files say between which values theirs are: those that have none of them are not read further.

use std::sync::Arc;

use arrow::datatypes::DataType;
use polars::prelude::{
    BooleanChunked, Column, DataType as PolarsType, Expr, Field as PolarsField, IntoColumn, NamedFrom, NewChunkedArray, PolarsResult, Series, UniqueKeepStrategy, col, lit,
    polars_err,
};
use rayon::prelude::*;

use crate::bridge;
use crate::cube::KnownValues;
use crate::error::MetricsError;
use crate::fact::collect;
use crate::sql::Relation;

/// Values of a key, as texts; null is none of them.
#[derive(Debug, Clone)]
pub struct Keys {
    /// Each once.
    texts: Series,
    /// The same in a table.
    known: Arc<KnownValues>,
}

impl Keys {
    /// No value.
    #[must_use]
    pub fn none() -> Self {
        Self { texts: Series::new("key".into(), Vec::<String>::new()), known: Arc::default() }
    }

    /// The values of a column of a relation.
    ///
    /// # Errors
    /// Rows that cannot be computed.
    pub fn of(relation: &Relation, column: &str, model: &str) -> Result<Self, MetricsError> {
        let values = relation.frame.clone().select([as_text(relation, column).alias("key")]).filter(col("key").is_not_null());
        let values = values.unique(None, UniqueKeepStrategy::Any);
        let rows = collect(values, model, "read its keys")?;
        let key = rows.column("key").map(|column| column.as_materialized_series().rechunk());
        Self::from_texts(key.map_err(|source| MetricsError::Compute { model: model.to_owned(), doing: "read its keys", source })?, model)
    }

    fn from_texts(texts: Series, model: &str) -> Result<Self, MetricsError> {
        let mut known = KnownValues::with_room(texts.len());
        let values = bridge::array(&texts.clone().into_column())?;
        known.numbers("key", &[values]).map_err(|source| MetricsError::Cube { model: model.to_owned(), source })?;
        Ok(Self { texts, known: Arc::new(known) })
    }

    /// These values and others.
    ///
    /// # Errors
    /// Values that cannot be put together.
    pub fn and(mut self, other: &Self, model: &str) -> Result<Self, MetricsError> {
        if other.is_empty() {
            return Ok(self);
        }
        let fault = |source| MetricsError::Compute { model: model.to_owned(), doing: "put its keys together", source };
        self.texts.append(&other.texts).map_err(fault)?;
        Self::from_texts(self.texts.unique().map_err(fault)?, model)
    }

    /// These values without others.
    ///
    /// # Errors
    /// Values that cannot be told apart.
    pub fn but(self, others: &Self, model: &str) -> Result<Self, MetricsError> {
        if others.is_empty() {
            return Ok(self);
        }
        let fault = |source| MetricsError::Compute { model: model.to_owned(), doing: "tell its keys apart", source };
        let is_other = is_known(&others.known, &self.texts.clone().into_column()).map_err(fault)?;
        Self::from_texts(self.texts.filter(&!&is_other).map_err(fault)?, model)
    }

    /// The rows of a relation that have one of these values in a column, and those that have none at all.
    #[must_use]
    pub fn of_rows(&self, relation: &Relation, column: &str) -> Relation {
        let key = as_text(relation, column);
        Relation { schema: Arc::clone(&relation.schema), frame: relation.frame.clone().filter(self.have(&key).or(key.is_null())) }
    }

    /// Whether a text is one of these values.
    #[must_use]
    pub fn has(&self, text: &str) -> bool {
        self.known.has(text.as_bytes())
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }

    /// Ranges that have about as many of these values each, and together every value that there is: so many, or fewer.
    #[must_use]
    pub fn ranges(&self, count: usize) -> Vec<KeyRange> {
        let mut texts: Vec<&str> = self.texts().collect();
        texts.par_sort_unstable();
        texts.dedup();
        let mut bounds: Vec<&str> = (1..count).filter_map(|place| texts.get(place * texts.len() / count).copied()).collect();
        bounds.dedup();
        let from = std::iter::once(None).chain(bounds.iter().copied().map(Some));
        let to = bounds.iter().copied().map(Some).chain([None]);
        from.zip(to).map(|(from, to)| KeyRange { from: from.map(str::to_owned), to: to.map(str::to_owned) }).collect()
    }

    /// Whether all of some others are among these.
    #[must_use]
    pub fn has_all(&self, others: &Self) -> bool {
        is_known(&self.known, &others.texts.clone().into_column()).is_ok_and(|found| found.all())
    }

    /// True of texts that are among these, and of no others.
    ///
    /// A table is looked into: a list of values as Polars has it is copied for every piece of a file.
    pub(crate) fn have(&self, text: &Expr) -> Expr {
        let (Some(least), Some(most)) = (self.texts().min(), self.texts().max()) else { return lit(false) };
        let known = Arc::clone(&self.known);
        let is_known = move |texts: Column| is_known(&known, &texts).map(IntoColumn::into_column);
        let is_known = text.clone().map(is_known, |_, field| Ok(PolarsField::new(field.name().clone(), PolarsType::Boolean)));
        text.clone().gt_eq(lit(least.to_owned())).and(text.clone().lt_eq(lit(most.to_owned()))).and(is_known)
    }

    fn texts(&self) -> impl Iterator<Item = &str> {
        self.texts.str().into_iter().flat_map(|texts| texts.iter().flatten())
    }
}

/// Whether each text is a known value; null is none.
fn is_known(known: &KnownValues, texts: &Column) -> PolarsResult<BooleanChunked> {
    let refused = |error: &dyn std::error::Error| polars_err!(ComputeError: "{}", error.to_string());
    let values = bridge::array(texts).map_err(|error| refused(&error))?;
    let found = known.find(texts.name(), &values).map_err(|error| refused(&error))?;
    Ok(BooleanChunked::from_iter_values(texts.name().clone(), found.into_iter().map(|number| number.is_some())))
}

/// A range of the values of a key, as texts in their order; the first of all has null too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRange {
    from: Option<String>,
    to: Option<String>,
}

impl KeyRange {
    /// The rows of a relation that have a value of the range in a column.
    #[must_use]
    pub fn of(&self, relation: &Relation, column: &str) -> Relation {
        let key = || as_text(relation, column);
        let from = self.from.as_deref().map(|from| key().gt_eq(lit(from.to_owned())));
        let to = self.to.as_deref().map(|to| key().lt(lit(to.to_owned())));
        let is_within = match (from, to) {
            (None, None) => return relation.clone(),
            (None, Some(to)) => to.or(key().is_null()),
            (Some(from), None) => from,
            (Some(from), Some(to)) => from.and(to),
        };
        Relation { schema: Arc::clone(&relation.schema), frame: relation.frame.clone().filter(is_within) }
    }
}

/// A column as text, in which keys are compared.
pub(crate) fn as_text(relation: &Relation, column: &str) -> Expr {
    let is_text = relation.schema.field_with_name(column).is_ok_and(|field| *field.data_type() == DataType::Utf8);
    if is_text { col(column) } else { col(column).cast(PolarsType::String) }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::datatypes::{DataType, Field, Schema};
    use polars::prelude::{IntoLazy, df};

    use super::*;

    fn relation(keys: &[Option<&str>]) -> Relation {
        Relation { schema: Arc::new(Schema::new(vec![Field::new("key", DataType::Utf8, true)])), frame: df!("key" => keys).unwrap().lazy() }
    }

    fn keys(values: &[Option<&str>]) -> Keys {
        Keys::of(&relation(values), "key", "m").unwrap()
    }

    #[test]
    fn keys_are_put_together_and_found() {
        let (one, other) = (keys(&[Some("b"), None, Some("a"), Some("b")]), keys(&[Some("c"), Some("a key of more than fifteen letters")]));
        let both = one.clone().and(&other, "m").unwrap().and(&Keys::none(), "m").unwrap();
        assert!(both.has_all(&one) && both.has_all(&other) && both.has_all(&both) && both.has_all(&Keys::none()));
        assert!(!one.has_all(&other) && !one.has_all(&both) && !Keys::none().has_all(&one));
        assert!(Keys::none().is_empty() && !both.is_empty());
        let less = both.clone().but(&keys(&[Some("c"), Some("d"), Some("a")]), "m").unwrap().but(&Keys::none(), "m").unwrap();
        assert!(less.has("b") && less.has("a key of more than fifteen letters") && !less.has("a") && !less.has("c"));
        assert!(both.clone().but(&both, "m").unwrap().is_empty());
        let rows = df!("key" => [Some("c"), None, Some("bb"), Some("a"), Some("a key of more than fifteen letterS"), Some("d")]).unwrap();
        let found = |keys: &Keys| {
            rows.clone()
                .lazy()
                .select([keys.have(&col("key"))])
                .collect()
                .unwrap()
                .column("key")
                .map(|found| found.bool().unwrap().iter().map(|found| found == Some(true)).collect::<Vec<_>>())
        };
        assert_eq!(found(&both).unwrap(), [true, false, false, true, false, false]);
        assert_eq!(found(&one).unwrap(), [false, false, false, true, false, false]);
    }

    #[test]
    fn ranges_of_keys_have_every_row_once() {
        let all = relation(&[Some("a"), None, Some("b"), Some("c"), Some("dd"), Some("a")]);
        let known = Keys::of(&all, "key", "m").unwrap();
        let counts = |keys: &Keys, count: usize| -> Vec<u64> { keys.ranges(count).iter().map(|range| range.of(&all, "key").rows("m").unwrap().count()).collect() };
        assert_eq!(counts(&known, 2), [4, 2]);
        assert_eq!(counts(&known, 4), [3, 1, 1, 1]);
        assert_eq!(counts(&known, 1), [6]);
        assert_eq!(counts(&Keys::none(), 3), [6]);
        // Of more ranges than keys some are left out; keys that were not known are in a range, too.
        assert_eq!(counts(&keys(&[Some("b")]), 5), [3, 3]);
    }
}
