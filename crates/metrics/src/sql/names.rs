//! The columns that a query reads, by their names.
//!
//! In: SQL and the relations that it may name. Out: those that it scans, and the names of all columns that it reads, of whichever of them.

use std::collections::BTreeSet;

use datafusion_common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion_expr::{Expr, LogicalPlan};
use datafusion_sql::sqlparser::dialect::GenericDialect;
use datafusion_sql::sqlparser::keywords::Keyword;
use datafusion_sql::sqlparser::tokenizer::{Token, Tokenizer};
use indexmap::IndexMap;

use super::bind::{bind, relation_key};
use super::error::{Fault, SqlError};
use super::model::selecting;
use super::{Relation, SqlModel};

/// What a query reads.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct NamesRead {
    /// Relations.
    pub(crate) relations: BTreeSet<String>,
    /// Columns; one of that name may be read of each of the relations.
    pub(crate) columns: BTreeSet<String>,
}

/// What the query of a model reads; a wildcard is what it stands for.
///
/// # Errors
/// As [`super::lower_model`], but for what is bound and not lowered.
pub(crate) fn names_read(model: &SqlModel<'_>, relations: &IndexMap<String, Relation>) -> Result<NamesRead, SqlError> {
    names(model.sql, relations).map_err(|fault| fault.at(model))
}

/// The columns of a relation that some expressions read.
///
/// # Errors
/// As [`super::lower_projection`], but for what is bound and not lowered.
pub(crate) fn columns_of_expressions(origin: &SqlModel<'_>, input: &Relation, columns: &[(String, String)]) -> Result<BTreeSet<String>, SqlError> {
    let (sql, relations) = selecting(input, columns);
    names(&sql, &relations).map(|read| read.columns).map_err(|fault| fault.at(origin))
}

fn names(sql: &str, relations: &IndexMap<String, Relation>) -> Result<NamesRead, Fault> {
    let plan = bind(sql, relations)?;
    let has_options = has_wildcard_with_options(sql);
    let mut read = NamesRead::default();
    let walked = plan.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node {
            read.relations.insert(relation_key(&scan.table_name));
            read.columns.extend(scan.projected_schema.fields().iter().filter(|_| has_options).map(|field| field.name().clone()));
        }
        node.apply_expressions(|expression| {
            expression.apply(|part| {
                if let Expr::Column(column) | Expr::OuterReferenceColumn(_, column) = part {
                    read.columns.insert(column.name.clone());
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })
    });
    walked.map_err(|error| Fault::bound(&error))?;
    Ok(read)
}

/// Whether a wildcard is without some columns, or has others in their place: it wants those to be there, and the plan does not name them.
fn has_wildcard_with_options(sql: &str) -> bool {
    let tokens = Tokenizer::new(&GenericDialect {}, sql).tokenize().unwrap_or_default();
    let tokens: Vec<Token> = tokens.into_iter().filter(|token| !matches!(token, Token::Whitespace(_))).collect();
    let is_option = |token: &Token| matches!(token, Token::Word(word) if matches!(word.keyword, Keyword::EXCLUDE | Keyword::EXCEPT | Keyword::REPLACE));
    tokens.windows(2).any(|two| two[0] == Token::Mul && is_option(&two[1]))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::datatypes::{DataType, Field, Schema};
    use polars::prelude::IntoLazy;

    use super::*;

    fn relations() -> IndexMap<String, Relation> {
        let table = |columns: &[&str]| {
            let schema = Schema::new(columns.iter().map(|name| Field::new(*name, DataType::Utf8, true)).collect::<Vec<_>>());
            Relation { schema: Arc::new(schema), frame: polars::prelude::DataFrame::empty().lazy() }
        };
        IndexMap::from([("deals".to_owned(), table(&["id", "rep", "status", "note"])), ("reps".to_owned(), table(&["rep", "team", "site"]))])
    }

    fn names(sql: &str) -> Vec<String> {
        names_read(&SqlModel { name: "m", file: "m.sql", sql }, &relations()).unwrap().columns.into_iter().collect()
    }

    #[test]
    fn names_are_those_of_columns_wherever_they_stand() {
        assert_eq!(names("SELECT id FROM deals"), ["id"]);
        assert_eq!(names("SELECT d.id AS won FROM deals AS d WHERE d.status = 'won'"), ["id", "status"]);
        assert_eq!(names("SELECT count(*) AS n FROM deals GROUP BY rep"), ["count(Int64(1))", "rep"]);
        assert_eq!(names("SELECT * FROM deals"), ["id", "note", "rep", "status"]);
        assert_eq!(names("WITH all_deals AS (SELECT * FROM deals) SELECT id FROM all_deals"), ["id", "note", "rep", "status"]);
        assert_eq!(names("SELECT d.id FROM deals AS d LEFT JOIN reps AS r ON d.rep = r.rep AND r.site = 'x'"), ["id", "rep", "site"]);
        assert_eq!(names("SELECT id FROM deals JOIN reps USING (rep)"), ["id", "rep"]);
        assert_eq!(names("SELECT id FROM deals WHERE EXISTS (SELECT 1 FROM reps WHERE reps.rep = deals.note AND team = 'a')"), ["id", "note", "rep", "team"]);
        let of_window = names("SELECT row_number() OVER (PARTITION BY rep ORDER BY note) AS place FROM deals");
        assert!(["note", "rep"].iter().all(|name| of_window.iter().any(|read| read == name)) && !of_window.contains(&"status".to_owned()));
        // A wildcard says by name what it is without.
        assert_eq!(names("SELECT * EXCLUDE (note) FROM deals"), ["id", "note", "rep", "status"]);
        assert_eq!(names("SELECT * EXCEPT (note) FROM deals"), ["id", "note", "rep", "status"]);
        assert_eq!(names("SELECT deals.* REPLACE ('x' AS note) FROM deals"), ["id", "note", "rep", "status"]);
        assert_eq!(names("SELECT id FROM deals EXCEPT SELECT rep FROM reps -- * except"), ["id", "rep"]);
    }

    #[test]
    fn relations_are_those_of_subqueries_too() {
        let sql = "SELECT id FROM deals WHERE rep IN (SELECT rep FROM reps)";
        assert_eq!(names_read(&SqlModel { name: "m", file: "m.sql", sql }, &relations()).unwrap().relations.into_iter().collect::<Vec<_>>(), ["deals", "reps"]);
    }

    #[test]
    fn expressions_read_columns() {
        let columns = [("a".to_owned(), "rep || '#' -- a comment".to_owned()), ("b".to_owned(), "CASE WHEN status = 'won' THEN 1 END".to_owned())];
        let read = columns_of_expressions(&SqlModel { name: "deals", file: "m.sql", sql: "" }, &relations()["deals"], &columns).unwrap();
        assert_eq!(read.into_iter().collect::<Vec<_>>(), ["rep", "status"]);
    }
}
