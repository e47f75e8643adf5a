//! The names of the columns that a query reads.

use std::collections::BTreeSet;

use datafusion_common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion_expr::Expr;
use indexmap::IndexMap;

use super::bind::bind;
use super::error::{Fault, SqlError};
use super::{Relation, SqlModel};

/// The names of all columns that the query of a model reads, of whatever relation, and of those that it makes: a wildcard is what it stands for.
///
/// # Errors
/// As [`super::lower_model`], but for what is bound and not lowered.
pub(crate) fn names_read(model: &SqlModel<'_>, relations: &IndexMap<String, Relation>) -> Result<BTreeSet<String>, SqlError> {
    let read = bind(model.sql, relations).and_then(|plan| {
        let mut names: BTreeSet<String> = plan.schema().fields().iter().map(|field| field.name().clone()).collect();
        let walked = plan.apply_with_subqueries(|node| {
            node.apply_expressions(|expression| {
                expression.apply(|part| {
                    if let Expr::Column(column) | Expr::OuterReferenceColumn(_, column) = part {
                        names.insert(column.name.clone());
                    }
                    Ok(TreeNodeRecursion::Continue)
                })
            })
        });
        walked.map_err(|error| Fault::bound(&error))?;
        Ok(names)
    });
    read.map_err(|fault| fault.at(model))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::datatypes::{DataType, Field, Schema};
    use polars::prelude::IntoLazy;

    use super::*;

    fn names(sql: &str) -> Vec<String> {
        let table = |columns: &[&str]| {
            let schema = Schema::new(columns.iter().map(|name| Field::new(*name, DataType::Utf8, true)).collect::<Vec<_>>());
            Relation { schema: Arc::new(schema), frame: polars::prelude::DataFrame::empty().lazy() }
        };
        let relations = IndexMap::from([("deals".to_owned(), table(&["id", "rep", "status", "note"])), ("reps".to_owned(), table(&["rep", "team", "site"]))]);
        names_read(&SqlModel { name: "m", file: "m.sql", sql }, &relations).unwrap().into_iter().collect()
    }

    #[test]
    fn names_are_those_of_columns_wherever_they_stand() {
        assert_eq!(names("SELECT id FROM deals"), ["id"]);
        assert_eq!(names("SELECT d.id AS won FROM deals AS d WHERE d.status = 'won'"), ["id", "status", "won"]);
        assert_eq!(names("SELECT count(*) AS n FROM deals GROUP BY rep"), ["count(Int64(1))", "n", "rep"]);
        assert_eq!(names("SELECT * FROM deals"), ["id", "note", "rep", "status"]);
        assert_eq!(names("WITH all_deals AS (SELECT * FROM deals) SELECT id FROM all_deals"), ["id", "note", "rep", "status"]);
        assert_eq!(names("SELECT d.id FROM deals AS d LEFT JOIN reps AS r ON d.rep = r.rep AND r.site = 'x'"), ["id", "rep", "site"]);
        assert_eq!(names("SELECT id FROM deals JOIN reps USING (rep)"), ["id", "rep"]);
        assert_eq!(names("SELECT id FROM deals WHERE EXISTS (SELECT 1 FROM reps WHERE reps.rep = deals.note AND team = 'a')"), ["id", "note", "rep", "team"]);
        let of_window = names("SELECT row_number() OVER (PARTITION BY rep ORDER BY note) AS place FROM deals");
        assert!(["note", "place", "rep"].iter().all(|name| of_window.iter().any(|read| read == name)) && !of_window.contains(&"status".to_owned()));
    }
}
