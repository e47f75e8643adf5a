//! Lineage: on which columns that the lake lacks a relation rests.
//!
//! In: a bound plan, and what the relations that it scans rest on. Out: the absent columns behind its rows, and behind each column.
//! Rows rest on conditions, inner joins and their order. A left join's other side rests on the join; its rows do not.
//! Keys of a group stand for themselves alone: without one, its groups are coarser, and what they hold is still there.
//! COALESCE of several columns rests on absent ones only where all of them are absent.

use std::collections::BTreeSet;

use datafusion_common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion_common::{Column, DFSchema};
use datafusion_expr::expr::{Exists, InSubquery};
use datafusion_expr::{Distinct, Expr, Join, JoinType, LogicalPlan, Subquery, TableScan};
use indexmap::IndexMap;

use super::bind::{bind, relation_key};
use super::error::{Fault, SqlError};
use super::expression::index_of;
use super::{Relation, SqlModel};

/// Names of absent columns, such as `crm.opportunities.amount`.
pub(crate) type Absent = BTreeSet<String>;

/// What a relation rests on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Lineage {
    /// What decides which rows there are.
    pub(crate) rows: Absent,
    /// What decides the values, by column; a column that is not here rests on nothing that is absent.
    pub(crate) columns: IndexMap<String, Absent>,
}

impl Lineage {
    /// What a column of the rows rests on, the rows with it.
    pub(crate) fn of(&self, column: &str) -> Absent {
        self.columns.get(column).into_iter().flatten().chain(&self.rows).cloned().collect()
    }
}

/// What the query of a model rests on.
///
/// # Errors
/// As [`super::lower_model`], but for what is bound and not lowered.
pub(crate) fn lineage(model: &SqlModel<'_>, relations: &IndexMap<String, Relation>, known: &IndexMap<String, Lineage>) -> Result<Lineage, SqlError> {
    let traced = bind(model.sql, relations).and_then(|plan| {
        let traced = Trace { known }.plan(&plan)?;
        let names = plan.schema().fields().iter().map(|field| field.name().clone());
        Ok(Lineage { rows: traced.rows, columns: names.zip(traced.columns).collect() })
    });
    traced.map_err(|fault| fault.at(model))
}

/// A node's lineage by position.
#[derive(Default)]
struct Traced {
    rows: Absent,
    columns: Vec<Absent>,
}

impl Traced {
    fn all(self) -> Absent {
        self.columns.into_iter().flatten().chain(self.rows).collect()
    }
}

struct Trace<'a> {
    known: &'a IndexMap<String, Lineage>,
}

impl Trace<'_> {
    fn plan(&self, plan: &LogicalPlan) -> Result<Traced, Fault> {
        match plan {
            LogicalPlan::TableScan(scan) => Ok(self.scan(scan)),
            LogicalPlan::SubqueryAlias(alias) => self.plan(&alias.input),
            LogicalPlan::Subquery(subquery) => self.plan(&subquery.subquery),
            LogicalPlan::Distinct(Distinct::All(input)) => self.plan(input),
            LogicalPlan::Limit(limit) => self.plan(&limit.input),
            LogicalPlan::Sort(sort) => {
                // A limit further up takes the first rows.
                let mut input = self.plan(&sort.input)?;
                for key in &sort.expr {
                    let order = self.expression(&key.expr, sort.input.schema(), &input)?;
                    input.rows.extend(order);
                }
                Ok(input)
            }
            LogicalPlan::Projection(projection) => {
                let input = self.plan(&projection.input)?;
                let columns = self.each(&projection.expr, projection.input.schema(), &input)?;
                Ok(Traced { rows: input.rows, columns })
            }
            LogicalPlan::Filter(filter) => {
                let mut input = self.plan(&filter.input)?;
                let condition = self.expression(&filter.predicate, filter.input.schema(), &input)?;
                input.rows.extend(condition);
                Ok(input)
            }
            LogicalPlan::Aggregate(aggregate) => {
                let input = self.plan(&aggregate.input)?;
                let mut columns = self.each(&aggregate.group_expr, aggregate.input.schema(), &input)?;
                columns.extend(self.each(&aggregate.aggr_expr, aggregate.input.schema(), &input)?);
                // Grouping sets have more columns than expressions.
                columns.resize(aggregate.schema.fields().len(), Absent::new());
                Ok(Traced { rows: input.rows, columns })
            }
            LogicalPlan::Window(window) => {
                let mut input = self.plan(&window.input)?;
                let more = self.each(&window.window_expr, window.input.schema(), &input)?;
                input.columns.extend(more);
                Ok(input)
            }
            LogicalPlan::Join(join) => self.join(join),
            LogicalPlan::Union(union) => {
                let mut whole = Traced { rows: Absent::new(), columns: vec![Absent::new(); union.schema.fields().len()] };
                for input in &union.inputs {
                    let part = self.plan(input)?;
                    whole.rows.extend(part.rows);
                    for (column, more) in whole.columns.iter_mut().zip(part.columns) {
                        column.extend(more);
                    }
                }
                Ok(whole)
            }
            other => {
                // A node that has nothing of its own to say rests on everything below it.
                let mut rows = Absent::new();
                for input in other.inputs() {
                    rows.extend(self.plan(input)?.all());
                }
                Ok(Traced { rows, columns: vec![Absent::new(); other.schema().fields().len()] })
            }
        }
    }

    fn scan(&self, scan: &TableScan) -> Traced {
        let lineage = self.known.get(&relation_key(&scan.table_name));
        let of = |name: &String| lineage.and_then(|lineage| lineage.columns.get(name)).cloned().unwrap_or_default();
        Traced { rows: lineage.map(|lineage| lineage.rows.clone()).unwrap_or_default(), columns: scan.projected_schema.fields().iter().map(|field| of(field.name())).collect() }
    }

    fn join(&self, join: &Join) -> Result<Traced, Fault> {
        let (mut left, mut right) = (self.plan(&join.left)?, self.plan(&join.right)?);
        let mut condition = Absent::new();
        for (of_left, of_right) in &join.on {
            condition.extend(self.expression(of_left, join.left.schema(), &left)?);
            condition.extend(self.expression(of_right, join.right.schema(), &right)?);
        }
        if let Some(filter) = &join.filter {
            let both = Traced { rows: Absent::new(), columns: left.columns.iter().chain(&right.columns).cloned().collect() };
            condition.extend(self.expression(filter, &join.left.schema().join(join.right.schema()).map_err(|error| Fault::bound(&error))?, &both)?);
        }
        let behind = |side: &mut Traced, rows: &Absent| {
            for column in &mut side.columns {
                column.extend(rows.iter().chain(&condition).cloned());
            }
        };
        match join.join_type {
            JoinType::Left => {
                let rows = right.rows.clone();
                behind(&mut right, &rows);
                left.columns.extend(right.columns);
                Ok(left)
            }
            JoinType::Right => {
                let rows = left.rows.clone();
                behind(&mut left, &rows);
                left.columns.extend(right.columns);
                Ok(Traced { rows: right.rows, columns: left.columns })
            }
            _ => {
                let rows = left.rows.into_iter().chain(right.rows).chain(condition).collect();
                let mut columns = left.columns;
                columns.extend(right.columns);
                // Semi and anti joins show one side.
                columns.truncate(join.schema.fields().len());
                Ok(Traced { rows, columns })
            }
        }
    }

    fn each(&self, expressions: &[Expr], schema: &DFSchema, input: &Traced) -> Result<Vec<Absent>, Fault> {
        expressions.iter().map(|expression| self.expression(expression, schema, input)).collect()
    }

    fn expression(&self, expression: &Expr, schema: &DFSchema, input: &Traced) -> Result<Absent, Fault> {
        match expression {
            Expr::Column(column) => column_of(column, schema, input),
            Expr::ScalarSubquery(subquery) | Expr::Exists(Exists { subquery, .. }) => self.subquery(subquery, schema, input),
            Expr::InSubquery(InSubquery { expr, subquery, .. }) => {
                let mut all = self.subquery(subquery, schema, input)?;
                all.extend(self.expression(expr, schema, input)?);
                Ok(all)
            }
            Expr::ScalarFunction(function) if function.name() == "coalesce" => {
                let columns: Vec<Expr> = function.args.iter().filter(|argument| !argument.column_refs().is_empty()).cloned().collect();
                let parts = self.each(&columns, schema, input)?;
                Ok(if parts.iter().any(BTreeSet::is_empty) { Absent::new() } else { parts.into_iter().flatten().collect() })
            }
            _ => {
                let mut all = Ok(Absent::new());
                let walked = expression.apply_children(|child| {
                    match (self.expression(child, schema, input), &mut all) {
                        (Ok(more), Ok(all)) => all.extend(more),
                        (Err(fault), all) => *all = Err(fault),
                        (Ok(_), Err(_)) => {}
                    }
                    Ok(TreeNodeRecursion::Continue)
                });
                walked.map_err(|error| Fault::bound(&error))?;
                all
            }
        }
    }

    /// Everything of the subquery, and the columns outside that it looks at.
    fn subquery(&self, subquery: &Subquery, schema: &DFSchema, input: &Traced) -> Result<Absent, Fault> {
        let mut all = self.plan(&subquery.subquery)?.all();
        for outer in &subquery.outer_ref_columns {
            if let Expr::OuterReferenceColumn(_, column) = outer {
                all.extend(column_of(column, schema, input)?);
            }
        }
        Ok(all)
    }
}

fn column_of(column: &Column, schema: &DFSchema, input: &Traced) -> Result<Absent, Fault> {
    Ok(input.columns.get(index_of(schema, column)?).cloned().unwrap_or_default())
}

#[cfg(test)]
mod tests;
