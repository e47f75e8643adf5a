//! The SQL of one model, bound and lowered.
//!
//! In: the rendered text and the relations that it may name. Out: a lazy frame and its schema; nothing is read yet.

use arrow::datatypes::SchemaRef;
use datafusion_expr::LogicalPlan;
use indexmap::IndexMap;
use polars::prelude::LazyFrame;
use quotient_model::quoted;

use super::bind::bind;
use super::error::{Fault, SqlError};
use super::plan::Lowering;

/// A lazy table with its logical schema: text is `Utf8`, instants are microseconds in UTC, every column may be null.
///
/// The frame's columns have the schema's names, in its order.
#[derive(Clone)]
pub struct Relation {
    /// Names and types of the columns.
    pub schema: SchemaRef,
    /// The rows, not read yet.
    pub frame: LazyFrame,
}

impl std::fmt::Debug for Relation {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Relation").field("schema", &self.schema).finish_non_exhaustive()
    }
}

/// SQL text of one model, with the file it came from (for errors).
#[derive(Clone, Copy, Debug)]
pub struct SqlModel<'a> {
    /// Name of the model.
    pub name: &'a str,
    /// Its file, as the user knows it.
    pub file: &'a str,
    /// The rendered SQL: one query.
    pub sql: &'a str,
}

/// Binds a model's query and lowers it to a lazy frame.
///
/// In: relations by `model` or `schema.table`. Out: the query's columns by their names without qualifiers.
/// Nulls are those of SQL; rows have no promised order unless the query ends with ORDER BY.
///
/// # Errors
/// [`SqlError::Parse`], [`SqlError::Bind`]; [`SqlError::Unsupported`] for a construct that is not lowered.
pub fn lower_model(model: &SqlModel<'_>, relations: &IndexMap<String, Relation>) -> Result<Relation, SqlError> {
    bind(model.sql, relations).and_then(|plan| Lowering::new(relations).relation(&plan)).map_err(|fault| fault.at(model))
}

/// Binds scalar expressions over one relation: exactly the named columns, the rows and their order kept.
///
/// In: pairs of output name and SQL expression; the text of `origin` is not read.
///
/// # Errors
/// As [`lower_model`]; an aggregate is refused, as it would not keep the rows.
pub fn lower_projection(origin: &SqlModel<'_>, input: &Relation, columns: &[(String, String)]) -> Result<Relation, SqlError> {
    projection(input, columns).map_err(|fault| fault.at(origin))
}

/// The query for named expressions over a relation, and what it names.
pub(crate) fn selecting(input: &Relation, columns: &[(String, String)]) -> (String, IndexMap<String, Relation>) {
    let outputs: Vec<String> = columns
        .iter()
        // A line of its own for the expression: it may end with a comment.
        .map(|(name, sql)| format!("(\n{sql}\n) AS {}", quoted(name)))
        .collect();
    (format!("SELECT {} FROM \"input\"", outputs.join(", ")), IndexMap::from([("input".to_owned(), input.clone())]))
}

fn projection(input: &Relation, columns: &[(String, String)]) -> Result<Relation, Fault> {
    let (sql, relations) = selecting(input, columns);
    let plan = bind(&sql, &relations)?;
    if !keeps_rows(&plan) {
        return Err(Fault::unsupported("an aggregate in an expression over rows"));
    }
    let relation = Lowering::new(&relations).relation(&plan)?;
    let exact = relation.schema.fields().len() == columns.len() && columns.iter().zip(relation.schema.fields()).all(|((name, _), field)| name == field.name());
    if exact { Ok(relation) } else { Err(Fault::Bind("an expression gives more than one column".to_owned())) }
}

/// Whether the plan gives one row for each row that it scans.
fn keeps_rows(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::TableScan(_) => true,
        LogicalPlan::Projection(projection) => keeps_rows(&projection.input),
        LogicalPlan::Window(window) => keeps_rows(&window.input),
        _ => false,
    }
}
