//! Which relations a query reads row by row: of lots of their rows, one lot after the other, it makes the rows that it makes of all of them.
//!
//! In: a bound plan. Out: sets of names. A lot has some rows of each relation of a set, and all of any other. A query that groups rows makes
//! groups of each lot; what becomes of its columns says how these are put together, where that is exact.

use std::collections::BTreeSet;

use arrow::datatypes::DataType;
use datafusion_common::Column;
use datafusion_common::tree_node::TreeNodeRecursion;
use datafusion_expr::expr::Alias;
use datafusion_expr::{Aggregate, Expr, JoinType, LogicalPlan, Projection};
use indexmap::IndexMap;

use super::aggregate::aggregate_of;
use super::bind::{bind, relation_key};
use super::error::SqlError;
use super::expression::index_of;
use super::subquery::subqueries;
use super::{Relation, SqlModel};

/// Sets of relations; those of a set come in lots together.
pub(crate) type Sets = Vec<BTreeSet<String>>;

/// More sets are not looked at.
const MOST_SETS: usize = 16;

/// What becomes of a column when groups of several lots are put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Merge {
    /// It tells groups apart.
    Key,
    /// A count, or a sum that is exact.
    Sum,
    /// The lowest value.
    Min,
    /// The highest value.
    Max,
}

/// Something that is made of relations.
pub(crate) struct Part {
    /// The sets of those that it reads row by row.
    pub(crate) sets: Sets,
    /// All that it reads.
    pub(crate) reads: BTreeSet<String>,
}

/// The sets of relations that the query of a model reads row by row.
///
/// # Errors
/// As [`super::lower_model`], but for what is bound and not lowered.
pub(crate) fn row_by_row(model: &SqlModel<'_>, relations: &IndexMap<String, Relation>) -> Result<Sets, SqlError> {
    bind(model.sql, relations).map(|plan| of_plan(&plan)).map_err(|fault| fault.at(model))
}

/// The sets of relations whose rows the query of a model groups, and what becomes of each of its columns; `None` where groups of lots do not say
/// what groups of all rows are.
///
/// # Errors
/// As [`row_by_row`].
pub(crate) fn grouped(model: &SqlModel<'_>, relations: &IndexMap<String, Relation>) -> Result<Option<(Sets, Vec<Merge>)>, SqlError> {
    bind(model.sql, relations).map(|plan| groups_of(&plan)).map_err(|fault| fault.at(model))
}

/// The sets of relations that all of some parts read row by row, each part having the rows that it makes of a lot beside those of the others.
pub(crate) fn together(parts: &[Part]) -> Sets {
    let mut picks: Vec<Vec<&BTreeSet<String>>> = vec![Vec::new()];
    for part in parts {
        let further = |pick: &Vec<_>| part.sets.iter().map(|set| pick.iter().copied().chain([set]).collect()).collect::<Vec<Vec<_>>>();
        picks = picks.iter().flat_map(further).take(MOST_SETS).collect();
    }
    let all_of = |pick: Vec<&BTreeSet<String>>| {
        let all: BTreeSet<String> = pick.iter().copied().flatten().cloned().collect();
        // What another part reads otherwise has to be whole.
        let fits = pick.into_iter().zip(parts).all(|(own, part)| (&all & &part.reads).is_subset(own));
        fits.then_some(all)
    };
    picks.into_iter().filter_map(all_of).collect()
}

/// The sets of relations of which a lot makes its rows of a plan.
pub(crate) fn of_plan(plan: &LogicalPlan) -> Sets {
    match plan {
        LogicalPlan::TableScan(scan) => vec![BTreeSet::from([relation_key(&scan.table_name)])],
        LogicalPlan::SubqueryAlias(alias) => of_plan(&alias.input),
        // A subquery looks at all rows of what it reads.
        LogicalPlan::Projection(_) | LogicalPlan::Filter(_) | LogicalPlan::Join(_) if has_subqueries(plan) => Vec::new(),
        LogicalPlan::Projection(projection) => of_plan(&projection.input),
        LogicalPlan::Filter(filter) => of_plan(&filter.input),
        LogicalPlan::Join(join) => {
            let of_left = || together(&[part_of(&join.left), whole(&join.right)]);
            let of_right = || together(&[whole(&join.left), part_of(&join.right)]);
            match join.join_type {
                JoinType::Inner => of_left().into_iter().chain(of_right()).collect(),
                JoinType::Left | JoinType::LeftSemi | JoinType::LeftAnti => of_left(),
                JoinType::Right => of_right(),
                _ => Vec::new(),
            }
        }
        LogicalPlan::Union(union) => together(&union.inputs.iter().map(|input| part_of(input)).collect::<Vec<_>>()),
        _ => Vec::new(),
    }
}

/// The groups at the top of a plan, their columns maybe in another order and under other names.
fn groups_of(plan: &LogicalPlan) -> Option<(Sets, Vec<Merge>)> {
    match plan {
        LogicalPlan::SubqueryAlias(alias) => groups_of(&alias.input),
        LogicalPlan::Projection(Projection { expr, input, .. }) => {
            let (sets, merges) = groups_of(input)?;
            let places = expr.iter().map(|expression| index_of(input.schema(), column_of(expression)?).ok()).collect::<Option<Vec<usize>>>()?;
            let has_all_keys = (0..merges.len()).all(|place| merges[place] != Merge::Key || places.contains(&place));
            let merges = places.into_iter().map(|place| merges.get(place).copied()).collect::<Option<_>>()?;
            has_all_keys.then_some((sets, merges))
        }
        LogicalPlan::Aggregate(Aggregate { input, group_expr, aggr_expr, schema, .. }) => {
            let are_plain = !group_expr.is_empty() && !group_expr.iter().any(|key| matches!(key, Expr::GroupingSet(_))) && !has_subqueries(plan);
            let mut merges = vec![Merge::Key; group_expr.len()];
            for (call, field) in aggr_expr.iter().zip(schema.fields().iter().skip(group_expr.len())) {
                merges.push(merge_of(call, field.data_type())?);
            }
            are_plain.then(|| (of_plan(input), merges))
        }
        _ => None,
    }
}

fn column_of(expression: &Expr) -> Option<&Column> {
    match expression {
        Expr::Alias(Alias { expr, .. }) => column_of(expr),
        Expr::Column(column) => Some(column),
        _ => None,
    }
}

/// How the values of an aggregate add up; `None` where they do not, such as sums of floats, each of which is rounded.
fn merge_of(call: &Expr, value: &DataType) -> Option<Merge> {
    let call = aggregate_of(call).ok()?;
    let is_exact = matches!(value, DataType::Int64 | DataType::Decimal128(_, _));
    match (call.func.name(), call.params.distinct) {
        ("count" | "sum", false) if is_exact => Some(Merge::Sum),
        ("min" | "bool_and", _) if !value.is_floating() => Some(Merge::Min),
        ("max" | "bool_or", _) if !value.is_floating() => Some(Merge::Max),
        _ => None,
    }
}

pub(crate) fn has_subqueries(plan: &LogicalPlan) -> bool {
    plan.expressions().iter().any(|expression| !subqueries(expression).is_empty())
}

fn part_of(plan: &LogicalPlan) -> Part {
    part_with(plan, of_plan(plan))
}

/// A part that reads all of its relations whole.
fn whole(plan: &LogicalPlan) -> Part {
    part_with(plan, vec![BTreeSet::new()])
}

/// A part with these sets; none where nobody knows what it reads.
fn part_with(plan: &LogicalPlan, sets: Sets) -> Part {
    reads(plan, None).map_or(Part { sets: Vec::new(), reads: BTreeSet::new() }, |reads| Part { sets, reads })
}

/// All relations that a plan reads, but for those below some node.
pub(crate) fn reads(plan: &LogicalPlan, but_below: Option<&LogicalPlan>) -> Option<BTreeSet<String>> {
    let mut read = BTreeSet::new();
    let visited = plan.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node {
            read.insert(relation_key(&scan.table_name));
        }
        Ok(if but_below == Some(node) { TreeNodeRecursion::Jump } else { TreeNodeRecursion::Continue })
    });
    visited.is_ok().then_some(read)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::datatypes::{Field, Schema};
    use polars::prelude::{DataFrame, IntoLazy};

    use super::*;

    fn relations() -> IndexMap<String, Relation> {
        let columns = [("id", DataType::Int64), ("day", DataType::Int64), ("amount", DataType::Int64), ("hours", DataType::Float64)];
        let columns: Vec<Field> = columns.map(|(name, data_type)| Field::new(name, data_type, true)).into();
        let relation = Relation { schema: Arc::new(Schema::new(columns)), frame: DataFrame::empty().lazy() };
        ["lines", "rates", "reps"].map(|name| (name.to_owned(), relation.clone())).into()
    }

    fn texts(sets: Sets) -> Vec<String> {
        sets.into_iter().map(|set| set.into_iter().collect::<Vec<_>>().join(" ")).collect()
    }

    fn of(sql: &str) -> Vec<String> {
        texts(row_by_row(&SqlModel { name: "m", file: "m.sql", sql }, &relations()).unwrap())
    }

    fn groups(sql: &str) -> Option<(Vec<String>, Vec<Merge>)> {
        grouped(&SqlModel { name: "m", file: "m.sql", sql }, &relations()).unwrap().map(|(sets, merges)| (texts(sets), merges))
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
    fn the_inputs_of_a_union_come_in_lots_together() {
        assert_eq!(of("SELECT id FROM lines WHERE id IS NULL UNION ALL SELECT day FROM lines WHERE day IS NULL"), ["lines"]);
        assert_eq!(of("SELECT id FROM lines UNION ALL SELECT id FROM reps"), ["lines reps"]);
        assert_eq!(of("SELECT l.id FROM lines l JOIN rates r ON l.day = r.day UNION ALL SELECT id FROM reps"), ["lines reps", "rates reps"]);
        // What one input reads row by row, another needs whole; an input without a relation would be there in each lot.
        assert_eq!(of("SELECT l.id FROM lines l LEFT JOIN reps r ON l.id = r.id UNION ALL SELECT id FROM reps"), [""; 0]);
        assert_eq!(of("SELECT id FROM lines UNION ALL SELECT 1 AS id"), [""; 0]);
        assert_eq!(of("SELECT id FROM lines UNION SELECT id FROM lines"), [""; 0]);
    }

    #[test]
    fn groups_are_put_together_where_their_aggregates_add_up() {
        use Merge::{Key, Max, Min, Sum};
        let lines = vec!["lines".to_owned()];
        let sql = "WITH g AS (SELECT day, id + 1 AS next, sum(amount) AS amount, count(*) AS n, min(id) AS low, max(amount) FILTER (WHERE id > 3) AS high FROM lines GROUP BY day, id + 1) SELECT g.amount AS amount, g.n AS n, g.next AS next, g.day AS day, g.low, g.high FROM g";
        assert_eq!(groups(sql), Some((lines.clone(), vec![Sum, Sum, Key, Key, Min, Max])));
        assert_eq!(groups("SELECT day, count(DISTINCT day) AS n FROM lines GROUP BY day"), None);
        let union = "SELECT x.day, sum(x.amount) AS amount FROM (SELECT day, amount FROM lines UNION ALL SELECT day, amount FROM reps) x GROUP BY x.day";
        assert_eq!(groups(union), Some((vec!["lines reps".to_owned()], vec![Key, Sum])));
        for sql in [
            "SELECT sum(amount) AS amount FROM lines",
            "SELECT day, sum(hours) AS hours FROM lines GROUP BY day",
            "SELECT day, max(hours) AS hours FROM lines GROUP BY day",
            "SELECT day, avg(amount) AS amount FROM lines GROUP BY day",
            "SELECT sum(amount) AS amount FROM lines GROUP BY day",
            "SELECT day, sum(amount) + 1 AS amount FROM lines GROUP BY day",
            "SELECT day, sum(amount) AS amount FROM lines GROUP BY day HAVING sum(amount) > 3",
            "SELECT id, day FROM lines",
        ] {
            assert_eq!(groups(sql), None, "{sql}");
        }
        assert_eq!(groups("SELECT x.day, sum(x.id) AS n FROM (SELECT DISTINCT id, day FROM lines) x GROUP BY x.day"), Some((Vec::new(), vec![Key, Sum])));
    }
}
