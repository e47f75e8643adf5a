//! Joins from a fact, or from a model that it has been joined to, to the model that has an entity as its key.
//!
//! A join never adds rows: the key is checked to be one, and versions of a key are checked not to overlap.
//! Versions are those at the instant of the fact's event, however many joins away they are.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{Array, AsArray};
use arrow::datatypes::{DataType, Field, Schema};
use indexmap::IndexMap;
use polars::prelude::{Column, DataFrame, DataType as PolarsType, Expr, Field as PolarsField, IdxCa, IntoLazy, PolarsResult, SortMultipleOptions, col, len, lit};
use quotient_model::{DimensionKind, Entity, EntityKind, Hop, Model};

use crate::bridge;
use crate::cube::{KnownValues, distinct_values};
use crate::error::MetricsError;
use crate::fact::{EVENT, collect, project_columns};
use crate::lookup::Lookup;
use crate::polars_engine::PolarsEngine;
use crate::sql::Relation;

const FROM: &str = "__valid_from";
const TO: &str = "__valid_to";
const PLACE: &str = "__place";

/// A join that a request needs.
#[derive(Debug)]
pub(crate) struct Join {
    /// The column with the key, of the fact or of a join before.
    pub(crate) key: String,
    /// The columns to bring: item and SQL over the joined model.
    pub(crate) columns: IndexMap<String, String>,
    /// Those of them that are labels nobody reads: each comes as the place of its text among those of [`Other::labels`].
    pub(crate) coded: BTreeSet<String>,
    model: String,
    entity: String,
    to_expr: String,
    /// The validity columns, for versions.
    validity: Option<(String, String)>,
}

impl Join {
    /// A join from a column with the values of an entity to the model that has it as its key.
    pub(crate) fn new(key: String, hop: Hop<'_>) -> Self {
        let expr_of = |kind| hop.model.semantics.as_ref().and_then(|s| s.dimensions.iter().find(|d| d.kind == kind)).map(|d| d.expr.clone());
        Self {
            key,
            columns: IndexMap::new(),
            coded: BTreeSet::new(),
            model: hop.model.name.clone(),
            entity: hop.to.name.clone(),
            to_expr: hop.to.expr.clone(),
            validity: if hop.to.kind == EntityKind::Natural { expr_of(DimensionKind::ValidFrom).zip(expr_of(DimensionKind::ValidTo)) } else { None },
        }
    }

    /// The model that it joins, and all expressions over it.
    pub(crate) fn into_expressions(self) -> (String, Vec<String>) {
        let versions = self.validity.into_iter().flat_map(|(from, to)| [from, to]);
        (self.model, std::iter::once(self.to_expr).chain(self.columns.into_values()).chain(versions).collect())
    }

    fn other_key(&self) -> String {
        format!("{}_other", self.key)
    }
}

/// The rows of the model that a join brings, checked.
pub(crate) struct Other {
    /// The columns of the join, as it brings them.
    fields: Vec<Field>,
    columns: Vec<Column>,
    key_type: DataType,
    lookup: Arc<Lookup>,
    /// How many rows there are.
    pub(crate) rows: u64,
    /// The texts of labels that come coded, each once.
    pub(crate) labels: Vec<(String, Vec<String>)>,
}

/// The rows that a join brings.
pub(crate) fn other(engine: &PolarsEngine<'_>, join: &Join) -> Result<Arc<Other>, MetricsError> {
    engine.joined(&join.model, &format!("{join:?}"), &|| checked(engine, join))
}

fn checked(engine: &PolarsEngine<'_>, join: &Join) -> Result<Other, MetricsError> {
    let other = engine.computed(&join.model)?;
    let mut columns = vec![(join.other_key(), join.to_expr.clone())];
    columns.extend(join.columns.clone());
    if let Some((from, to)) = &join.validity {
        columns.push((FROM.to_owned(), from.clone()));
        columns.push((TO.to_owned(), to.clone()));
    }
    let other = project_columns(engine, &join.model, &other, &columns)?;
    let rows = collect(other.frame.filter(col(join.other_key()).is_not_null()), &join.model, "compute its keys")?;
    let column = |name: &str| rows.column(name).map_err(|source| MetricsError::Compute { model: join.model.clone(), doing: "read its keys", source });
    let keys = column(&join.other_key())?;
    let lookup = if join.validity.is_some() {
        check_versions(join, &rows)?;
        Lookup::of_versions(keys, column(FROM)?, column(TO)?)?
    } else {
        let lookup = Lookup::of_keys(keys)?;
        if lookup.len() < rows.height() {
            return Err(repeated_keys(join, &rows)?);
        }
        lookup
    };
    let field = |name: &str| Field::new(name, other.schema.field_with_name(name).map_or(DataType::Null, |field| field.data_type().clone()), true);
    let mut brought = Other {
        fields: Vec::new(),
        columns: Vec::new(),
        key_type: field(&join.other_key()).data_type().clone(),
        lookup: Arc::new(lookup),
        rows: u64::try_from(rows.height()).unwrap_or(u64::MAX),
        labels: Vec::new(),
    };
    for name in join.columns.keys() {
        if join.coded.contains(name) {
            let (places, texts) = coded(column(name)?, &join.model)?;
            brought.fields.push(Field::new(name, DataType::UInt32, true));
            brought.columns.push(places);
            brought.labels.push((name.clone(), texts));
        } else {
            brought.fields.push(field(name));
            brought.columns.push(column(name)?.clone());
        }
    }
    Ok(brought)
}

/// Labels as the places of their texts, and the texts.
fn coded(column: &Column, model: &str) -> Result<(Column, Vec<String>), MetricsError> {
    let refused = |source| MetricsError::Compute { model: model.to_owned(), doing: "read its labels", source };
    let texts = bridge::array(&column.cast(&PolarsType::String).map_err(refused)?)?;
    let field = Field::new(column.name().as_str(), texts.data_type().clone(), true);
    let (codes, first_rows) = distinct_values(&field, &texts).map_err(|source| MetricsError::Cube { model: model.to_owned(), source })?;
    let known = texts.as_string_view();
    let is_text = |code: &u32| (*code as usize) < first_rows.len();
    let places: Vec<Option<u32>> = codes.into_iter().map(|code| Some(code).filter(is_text)).collect();
    Ok((Column::new(column.name().clone(), places), first_rows.into_iter().map(|row| known.value(row).to_owned()).collect()))
}

/// Rows with the columns that a join brings.
///
/// # Errors
/// Keys of two types.
pub(crate) fn join(rows: Relation, join: &Join, other: &Other) -> Result<Relation, MetricsError> {
    let found = rows.schema.field_with_name(&join.key).map_or(&DataType::Null, Field::data_type);
    check_types((&join.model, &join.entity), found, &other.key_type)?;
    let lookup = Arc::clone(&other.lookup);
    let place = move |columns: &mut [Column]| match columns {
        [keys, at] => lookup.places(keys, at),
        _ => Ok(columns.first().cloned().unwrap_or_default()),
    };
    let place = col(join.key.as_str()).map_many(place, &[col(EVENT)], |_, _| Ok(PolarsField::new(PLACE.into(), PolarsType::IDX_DTYPE)));
    let brought = other.columns.iter().map(brought);
    let mut fields: Vec<Field> = rows.schema.fields().iter().map(|field| field.as_ref().clone()).collect();
    fields.extend(other.fields.iter().cloned());
    let names: Vec<Expr> = fields.iter().map(|field| col(field.name().as_str())).collect();
    let frame = rows.frame.with_column(place.alias(PLACE)).with_columns(brought.collect::<Vec<_>>()).select(names);
    Ok(Relation { schema: Schema::new(fields).into(), frame })
}

/// Keys of two types would never be equal.
fn check_types((model, entity): (&str, &str), expected: &DataType, found: &DataType) -> Result<(), MetricsError> {
    if *expected == DataType::Null || KnownValues::kind(expected) == KnownValues::kind(found) {
        return Ok(());
    }
    Err(MetricsError::KeyTypes { model: model.to_owned(), entity: entity.to_owned(), expected: expected.to_string(), found: found.to_string() })
}

impl PolarsEngine<'_> {
    /// Checks that a model has the keys of other models in their types; no row is read.
    ///
    /// # Errors
    /// SQL that does not bind or is not supported; keys of two types.
    pub fn check_keys(&self, model: &Model) -> Result<(), MetricsError> {
        for entity in entities(model) {
            let expected = self.type_of(model, &entity.expr)?;
            for other in self.project().models.values().filter(|other| other.name != model.name) {
                for key in entities(other).filter(|key| key.name == entity.name && entity.kind.joins(key.kind)) {
                    check_types((&other.name, &key.name), &expected, &self.type_of(other, &key.expr)?)?;
                }
            }
        }
        Ok(())
    }

    fn type_of(&self, model: &Model, expr: &str) -> Result<DataType, MetricsError> {
        let found = project_columns(self, &model.name, &self.relation(&model.name)?, &[("key".to_owned(), expr.to_owned())])?;
        Ok(found.schema.fields().first().map_or(DataType::Null, |field| field.data_type().clone()))
    }
}

fn entities(model: &Model) -> impl Iterator<Item = &Entity> {
    model.semantics.iter().flat_map(|semantics| &semantics.entities)
}

/// The values of a column at [`PLACE`].
fn brought(column: &Column) -> Expr {
    let (name, kind) = (column.name().clone(), column.dtype().clone());
    let output = PolarsField::new(name.clone(), kind);
    let values = column.clone();
    let at = move |columns: &mut [Column]| -> PolarsResult<Column> {
        let places: &IdxCa = columns[0].idx()?;
        if values.is_empty() { Ok(Column::full_null(values.name().clone(), places.len(), values.dtype())) } else { values.take(places) }
    };
    col(PLACE).map_many(at, &[], move |_, _| Ok(output.clone())).alias(name)
}

/// The error of keys of which some are there more than once.
fn repeated_keys(join: &Join, rows: &DataFrame) -> Result<MetricsError, MetricsError> {
    let key = join.other_key();
    let repeated = rows.clone().lazy().group_by([col(key.as_str())]).agg([len().alias("rows")]).filter(col("rows").gt(lit(1))).sort([key.as_str()], SortMultipleOptions::default());
    let repeated = collect(repeated, &join.model, "check its keys")?;
    Ok(MetricsError::DuplicateKey { model: join.model.clone(), entity: join.entity.clone(), count: repeated.height(), example: first_text(&repeated, &key) })
}

fn check_versions(join: &Join, rows: &DataFrame) -> Result<(), MetricsError> {
    let key = join.other_key();
    // In order of start, a version that has not ended when the next of its key starts overlaps it; no start means always.
    let options = SortMultipleOptions::default().with_nulls_last(false);
    let next_key = col(key.as_str()).shift(lit(-1));
    let next_from = col(FROM).shift(lit(-1));
    let overlap = col(key.as_str()).eq(next_key).and(next_from.clone().is_null().or(col(TO).is_null()).or(col(TO).gt(next_from)));
    let overlapping = rows.clone().lazy().sort([key.as_str(), FROM], options).with_column(overlap.fill_null(lit(false)).alias("overlap")).filter(col("overlap"));
    let overlapping = collect(overlapping, &join.model, "check its versions")?;
    if overlapping.height() == 0 {
        return Ok(());
    }
    Err(MetricsError::Overlap { model: join.model.clone(), entity: join.entity.clone(), example: first_text(&overlapping, &key) })
}

fn first_text(rows: &DataFrame, column: &str) -> String {
    rows.column(column).ok().and_then(|c| c.get(0).ok().map(|v| v.str_value().into_owned())).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use polars::prelude::{DataType as PolarsType, df};

    use super::*;

    fn refusal(found: &DataType, key_type: DataType) -> Option<String> {
        let join_to = Join {
            key: "k".to_owned(),
            columns: IndexMap::new(),
            coded: BTreeSet::new(),
            model: "reps".to_owned(),
            entity: "rep".to_owned(),
            to_expr: "id".to_owned(),
            validity: None,
        };
        let lookup = Lookup::of_keys(&Column::new("id".into(), ["1"])).unwrap();
        let other = Other { fields: Vec::new(), columns: Vec::new(), key_type, lookup: Arc::new(lookup), rows: 0, labels: Vec::new() };
        let rows = Relation { schema: Schema::new(vec![Field::new("k", found.clone(), true)]).into(), frame: df!("k" => [1.5]).unwrap().lazy() };
        join(rows, &join_to, &other).err().map(|error| error.to_string())
    }

    #[test]
    fn keys_of_two_types_are_refused() {
        assert_eq!(refusal(&DataType::Float64, DataType::Utf8).unwrap(), "model `reps`: entity `rep` is Utf8, expected Float64 as in the rows that are joined with it");
        assert_eq!(refusal(&DataType::UInt64, DataType::Int64).unwrap(), "model `reps`: entity `rep` is Int64, expected UInt64 as in the rows that are joined with it");
        assert_eq!(refusal(&DataType::Int32, DataType::Int64), None);
        assert_eq!(refusal(&DataType::Utf8, DataType::Utf8), None);
    }

    #[test]
    fn labels_are_places_of_their_texts() {
        let (places, texts) = coded(&Column::new("team".into(), [Some("b"), None, Some("a"), Some("b")]), "reps").unwrap();
        assert_eq!(places.u32().unwrap().iter().collect::<Vec<_>>(), [Some(0), None, Some(1), Some(0)]);
        assert_eq!(texts, ["b", "a"]);
        let (places, texts) = coded(&Column::new("day".into(), [Some(1_i32), None]).cast(&PolarsType::Date).unwrap(), "reps").unwrap();
        assert_eq!((places.u32().unwrap().iter().collect::<Vec<_>>(), texts), (vec![Some(0), None], vec!["1970-01-02".to_owned()]));
    }
}
