//! What rests on an absent column, construct by construct; `deals.amount` and `rates.rate` are absent.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema};
use indexmap::IndexMap;
use polars::prelude::{DataFrame, IntoLazy};

use super::{Absent, Lineage, lineage};
use crate::sql::{Relation, SqlModel};

fn relation(columns: &[&str]) -> Relation {
    let fields: Vec<Field> = columns.iter().map(|name| Field::new(*name, DataType::Int64, true)).collect();
    Relation { schema: Arc::new(Schema::new(fields)), frame: DataFrame::empty().lazy() }
}

fn absent(column: &str, name: &str) -> Lineage {
    Lineage { rows: Absent::new(), columns: IndexMap::from([(column.to_owned(), Absent::from([name.to_owned()]))]) }
}

/// The rows' absent columns, then each column's, as text: `rows: ; a: deals.amount`.
fn traced(sql: &str) -> String {
    let relations = IndexMap::from([("deals".to_owned(), relation(&["id", "amount", "state"])), ("rates".to_owned(), relation(&["id", "rate"]))]);
    let known = IndexMap::from([("deals".to_owned(), absent("amount", "deals.amount")), ("rates".to_owned(), absent("rate", "rates.rate"))]);
    let found = lineage(&SqlModel { name: "m", file: "m.sql", sql }, &relations, &known).unwrap();
    let text = |names: &Absent| names.iter().cloned().collect::<Vec<_>>().join(" ");
    let columns: Vec<String> = found.columns.iter().map(|(name, names)| format!("{name}: {}", text(names))).collect();
    format!("rows: {}; {}", text(&found.rows), columns.join("; "))
}

#[test]
fn an_expression_rests_on_its_columns_and_a_condition_on_the_rows() {
    assert_eq!(traced("SELECT id AS a, amount + 1 AS b FROM deals"), "rows: ; a: ; b: deals.amount");
    assert_eq!(traced("SELECT id AS a FROM deals WHERE amount > 0"), "rows: deals.amount; a: ");
    assert_eq!(traced("SELECT id AS a FROM deals ORDER BY amount LIMIT 1"), "rows: deals.amount; a: ");
    assert_eq!(traced("SELECT id AS a FROM deals ORDER BY id LIMIT 1"), "rows: ; a: ");
}

#[test]
fn coalesce_needs_one_column_that_is_there_and_a_literal_is_none() {
    assert_eq!(traced("SELECT COALESCE(amount, id) AS a FROM deals"), "rows: ; a: ");
    assert_eq!(traced("SELECT COALESCE(amount, 0) AS a FROM deals"), "rows: ; a: deals.amount");
}

#[test]
fn aggregates_rest_on_what_they_add_and_groups_on_their_keys_alone() {
    assert_eq!(traced("SELECT amount AS k, count(id) AS n FROM deals GROUP BY amount"), "rows: ; k: deals.amount; n: ");
    assert_eq!(traced("SELECT id AS k, sum(amount) AS n FROM deals GROUP BY id"), "rows: ; k: ; n: deals.amount");
    assert_eq!(traced("SELECT id AS k, sum(id) FILTER (WHERE amount > 0) AS n FROM deals GROUP BY id"), "rows: ; k: ; n: deals.amount");
}

#[test]
fn windows_rest_on_their_order() {
    let sql = "SELECT w.id AS a FROM (SELECT id, row_number() OVER (PARTITION BY state ORDER BY amount) AS place FROM deals) AS w WHERE w.place = 1";
    assert_eq!(traced(sql), "rows: deals.amount; a: ");
}

#[test]
fn a_left_join_keeps_its_rows_and_an_inner_join_does_not() {
    assert_eq!(traced("SELECT d.id AS a, r.rate AS b FROM deals AS d LEFT JOIN rates AS r ON d.id = r.id"), "rows: ; a: ; b: rates.rate");
    assert_eq!(traced("SELECT d.id AS a, r.id AS b FROM deals AS d LEFT JOIN rates AS r ON d.amount = r.id"), "rows: ; a: ; b: deals.amount");
    assert_eq!(traced("SELECT d.id AS a FROM deals AS d INNER JOIN rates AS r ON d.id = r.rate"), "rows: rates.rate; a: ");
    assert_eq!(traced("SELECT d.id AS a FROM deals AS d LEFT JOIN rates AS r ON d.id = r.id AND d.amount > r.id"), "rows: ; a: ");
}

#[test]
fn subqueries_and_unions_rest_on_all_of_their_parts() {
    assert_eq!(traced("SELECT id AS a FROM deals WHERE id IN (SELECT rate FROM rates)"), "rows: rates.rate; a: ");
    assert_eq!(traced("SELECT id AS a FROM deals WHERE EXISTS (SELECT 1 FROM rates WHERE rates.id = deals.amount)"), "rows: deals.amount; a: ");
    assert_eq!(traced("SELECT id AS a FROM deals UNION ALL SELECT rate AS a FROM rates"), "rows: ; a: rates.rate");
}
