//! Joins from a fact, or from a model that it has been joined to, to the model that has an entity as its key.
//!
//! A join never adds rows: the key is checked to be one, and versions of a key are checked not to overlap.
//! Versions are those at the instant of the fact's event, however many joins away they are.

use std::rc::Rc;

use arrow::datatypes::{Field, Schema, SchemaRef};
use indexmap::IndexMap;
use polars::prelude::{DataFrame, IntoLazy, JoinArgs, JoinType, LazyFrame, SortMultipleOptions, col, len, lit};
use quotient_model::{DimensionKind, EntityKind, Hop};

use crate::error::MetricsError;
use crate::fact::{EVENT, collect, project_columns};
use crate::polars_engine::PolarsEngine;
use crate::sql::Relation;

const FROM: &str = "__valid_from";
const TO: &str = "__valid_to";
const ROW: &str = "__row";

/// A join that a request needs.
#[derive(Debug)]
pub(crate) struct Join {
    /// The column with the key, of the fact or of a join before.
    pub(crate) key: String,
    /// The columns to bring: item and SQL over the joined model.
    pub(crate) columns: IndexMap<String, String>,
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
            model: hop.model.name.clone(),
            entity: hop.to.name.clone(),
            to_expr: hop.to.expr.clone(),
            validity: if hop.to.kind == EntityKind::Natural { expr_of(DimensionKind::ValidFrom).zip(expr_of(DimensionKind::ValidTo)) } else { None },
        }
    }

    fn other_key(&self) -> String {
        format!("{}_other", self.key)
    }
}

/// The rows of the model that a join brings, checked.
pub(crate) struct Other {
    schema: SchemaRef,
    rows: DataFrame,
}

/// The rows that a join brings.
pub(crate) fn other(engine: &PolarsEngine<'_>, join: &Join) -> Result<Rc<Other>, MetricsError> {
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
    let check = if join.validity.is_some() { check_versions } else { check_key };
    check(join, &rows)?;
    Ok(Other { schema: other.schema, rows })
}

/// Rows with the columns that a join brings.
pub(crate) fn join(rows: Relation, join: &Join, other: &Other) -> Relation {
    let joined = if join.validity.is_some() {
        at_event(rows.frame, join, &other.rows)
    } else {
        rows.frame.join(other.rows.clone().lazy(), [col(join.key.as_str())], [col(join.other_key())], JoinArgs::new(JoinType::Left))
    };
    let mut fields: Vec<Field> = rows.schema.fields().iter().map(|f| f.as_ref().clone()).collect();
    for (name, _) in &join.columns {
        if let Ok(field) = other.schema.field_with_name(name) {
            fields.push(field.clone());
        }
    }
    let names: Vec<_> = fields.iter().map(|f| col(f.name().as_str())).collect();
    Relation { schema: Schema::new(fields).into(), frame: joined.select(names) }
}

/// A left join to the version that is valid at the event's instant.
fn at_event(rows: LazyFrame, join: &Join, versions: &DataFrame) -> LazyFrame {
    let rows = rows.with_row_index(ROW, None);
    let found = rows
        .clone()
        .select([col(ROW), col(join.key.as_str()), col(EVENT)])
        .join(versions.clone().lazy(), [col(join.key.as_str())], [col(join.other_key())], JoinArgs::new(JoinType::Inner))
        .filter(col(FROM).is_null().or(col(FROM).lt_eq(col(EVENT))))
        .filter(col(TO).is_null().or(col(EVENT).lt(col(TO))));
    let mut columns = vec![col(ROW)];
    columns.extend(join.columns.keys().map(|name| col(name.as_str())));
    rows.join(found.select(columns), [col(ROW)], [col(ROW)], JoinArgs::new(JoinType::Left))
}

fn check_key(join: &Join, rows: &DataFrame) -> Result<(), MetricsError> {
    let key = join.other_key();
    let repeated = rows.clone().lazy().group_by([col(key.as_str())]).agg([len().alias("rows")]).filter(col("rows").gt(lit(1))).sort([key.as_str()], SortMultipleOptions::default());
    let repeated = collect(repeated, &join.model, "check its keys")?;
    if repeated.height() == 0 {
        return Ok(());
    }
    Err(MetricsError::DuplicateKey { model: join.model.clone(), entity: join.entity.clone(), count: repeated.height(), example: first_text(&repeated, &key) })
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
