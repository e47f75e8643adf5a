//! Which relations a query reads row by row: what it makes of some rows of such a one does not hang on the others.
//!
//! In: a bound plan. Out: names of relations. Of lots of the rows of one of them, all else being whole, the query makes the rows that it
//! makes of all of them.

use std::collections::BTreeSet;

use datafusion_common::tree_node::TreeNodeRecursion;
use datafusion_expr::{JoinType, LogicalPlan};
use indexmap::IndexMap;

use super::bind::{bind, relation_key};
use super::error::SqlError;
use super::subquery::subqueries;
use super::{Relation, SqlModel};

/// The relations that the query of a model reads row by row.
///
/// # Errors
/// As [`super::lower_model`], but for what is bound and not lowered.
pub(crate) fn row_by_row(model: &SqlModel<'_>, relations: &IndexMap<String, Relation>) -> Result<BTreeSet<String>, SqlError> {
    bind(model.sql, relations).map(|plan| of_plan(&plan)).map_err(|fault| fault.at(model))
}

fn of_plan(plan: &LogicalPlan) -> BTreeSet<String> {
    match plan {
        LogicalPlan::TableScan(scan) => BTreeSet::from([relation_key(&scan.table_name)]),
        LogicalPlan::SubqueryAlias(alias) => of_plan(&alias.input),
        // A subquery looks at all rows of what it reads.
        LogicalPlan::Projection(_) | LogicalPlan::Filter(_) | LogicalPlan::Join(_) if plan.expressions().iter().any(|expression| !subqueries(expression).is_empty()) => {
            BTreeSet::new()
        }
        LogicalPlan::Projection(projection) => of_plan(&projection.input),
        LogicalPlan::Filter(filter) => of_plan(&filter.input),
        LogicalPlan::Join(join) => {
            let of_left = || without(&of_plan(&join.left), &join.right);
            let of_right = || without(&of_plan(&join.right), &join.left);
            match join.join_type {
                JoinType::Inner => of_left().into_iter().chain(of_right()).collect(),
                JoinType::Left | JoinType::LeftSemi | JoinType::LeftAnti => of_left(),
                JoinType::Right => of_right(),
                _ => BTreeSet::new(),
            }
        }
        // What an input makes without a relation it would make again for each lot.
        LogicalPlan::Union(union) => union.inputs.iter().map(|input| of_plan(input)).reduce(|all, of_input| &all & &of_input).unwrap_or_default(),
        _ => BTreeSet::new(),
    }
}

/// Relations without those that another plan reads too.
fn without(relations: &BTreeSet<String>, other: &LogicalPlan) -> BTreeSet<String> {
    let mut read = BTreeSet::new();
    let visited = other.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node {
            read.insert(relation_key(&scan.table_name));
        }
        Ok(TreeNodeRecursion::Continue)
    });
    if visited.is_err() { BTreeSet::new() } else { relations - &read }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::datatypes::{DataType, Field, Schema};
    use polars::prelude::{DataFrame, IntoLazy};

    use super::*;

    fn of(sql: &str) -> Vec<String> {
        let columns = ["id", "day", "amount"].map(|name| Field::new(name, DataType::Int64, true));
        let relation = Relation { schema: Arc::new(Schema::new(columns.to_vec())), frame: DataFrame::empty().lazy() };
        let relations = ["lines", "rates", "reps"].map(|name| (name.to_owned(), relation.clone())).into();
        row_by_row(&SqlModel { name: "m", file: "m.sql", sql }, &relations).unwrap().into_iter().collect()
    }

    #[test]
    fn rows_go_through_projections_filters_and_the_outer_side_of_joins() {
        assert_eq!(of("WITH l AS (SELECT id + 1 AS id, day FROM lines WHERE amount > 0) SELECT l.id FROM l WHERE l.day > 3"), ["lines"]);
        assert_eq!(of("SELECT l.id, r.amount FROM lines l LEFT JOIN rates r ON l.day = r.day"), ["lines"]);
        assert_eq!(of("SELECT l.id, r.amount FROM lines l RIGHT JOIN rates r ON l.day = r.day"), ["rates"]);
        assert_eq!(
            of("SELECT l.id, r.amount FROM lines l JOIN rates r ON l.day = r.day LEFT JOIN (SELECT day, max(id) AS id FROM reps GROUP BY day) x ON l.day = x.day"),
            ["lines", "rates"]
        );
        assert_eq!(of("SELECT l.id FROM lines l LEFT ANTI JOIN reps r ON l.id = r.id"), ["lines"]);
    }

    #[test]
    fn rows_that_look_at_other_rows_are_not_made_one_by_one() {
        for sql in [
            "SELECT day, sum(amount) AS amount FROM lines GROUP BY day",
            "SELECT id, row_number() OVER (PARTITION BY day ORDER BY id NULLS LAST) AS n FROM lines",
            "SELECT DISTINCT id FROM lines",
            "SELECT id FROM lines ORDER BY id NULLS LAST LIMIT 3",
            "SELECT a.id FROM lines a JOIN lines b ON a.id = b.day",
            "SELECT id FROM lines WHERE amount > (SELECT max(amount) FROM lines)",
            "SELECT id FROM lines WHERE id IN (SELECT id FROM reps)",
        ] {
            assert_eq!(of(sql), [""; 0], "{sql}");
        }
    }

    #[test]
    fn a_union_is_made_row_by_row_of_what_all_of_its_inputs_read() {
        assert_eq!(of("SELECT id FROM lines WHERE id IS NULL UNION ALL SELECT day FROM lines WHERE day IS NULL"), ["lines"]);
        assert_eq!(of("SELECT id FROM lines UNION ALL SELECT id FROM reps"), [""; 0]);
        assert_eq!(of("SELECT id FROM lines UNION SELECT id FROM lines"), [""; 0]);
    }
}
