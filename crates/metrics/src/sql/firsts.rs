//! `row_number() OVER (..) = 1`: the first row of each partition, without numbers for all others.
//!
//! It is how SQL takes one row of several. Seen as what it is, nothing has to be sorted, and most rows go before anything else is done with them.

use std::collections::BTreeSet;
use std::sync::Arc;

use datafusion_common::ScalarValue;
use datafusion_common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion_expr::expr::Alias;
use datafusion_expr::{BinaryExpr, Expr, LogicalPlan, Operator, Union, Window};
use indexmap::IndexMap;
use polars::prelude as pl;

use super::bind::bind;
use super::error::{Fault, SqlError};
use super::expression::index_of;
use super::over::call_of;
use super::plan::{Lowering, columns};
use super::row_by_row::{Sets, has_subqueries, of_plan, reads};
use super::{Relation, SqlModel};

impl Lowering<'_> {
    /// The rows of a node that are first in their partition, where a conjunct asks for these; `None` where none does.
    pub(crate) fn firsts(&self, plan: &LogicalPlan, conjuncts: &[&Expr]) -> Result<Option<pl::LazyFrame>, Fault> {
        for column in conjuncts.iter().filter_map(|conjunct| is_one(conjunct)) {
            let Expr::Column(column) = column else { continue };
            if let Some(firsts) = self.firsts_by(plan, index_of(plan.schema(), column)?)? {
                return Ok(Some(firsts));
            }
        }
        Ok(None)
    }

    /// The rows of a node that have 1 in a column which is nothing but a row number; `None` where it is another.
    fn firsts_by(&self, plan: &LogicalPlan, column: usize) -> Result<Option<pl::LazyFrame>, Fault> {
        match plan {
            LogicalPlan::SubqueryAlias(alias) => self.firsts_by(&alias.input, column),
            LogicalPlan::Projection(projection) => {
                let schema = projection.input.schema();
                let Some(Expr::Column(below)) = projection.expr.get(column).map(unnamed) else { return Ok(None) };
                let firsts = self.firsts_by(&projection.input, index_of(schema, below)?)?;
                firsts.map(|firsts| self.project(firsts, schema, &projection.expr)).transpose()
            }
            LogicalPlan::Window(window) if is_row_number(window, column)? => self.firsts_of(window).map(Some),
            _ => Ok(None),
        }
    }

    fn firsts_of(&self, window: &Window) -> Result<pl::LazyFrame, Fault> {
        self.first_windows.borrow_mut().push(window.clone());
        self.known_firsts.map_or_else(|| self.firsts_with(window, None), |known| self.first_rows(window, known.clone()))
    }

    /// The rows of a window that are first among its own and some others. Those over a union are among the first rows of its inputs.
    fn firsts_with(&self, window: &Window, others: Option<&pl::LazyFrame>) -> Result<pl::LazyFrame, Fault> {
        let inputs = inputs(&window.input);
        let mut rows: Vec<pl::LazyFrame> = others.cloned().into_iter().collect();
        for input in &inputs {
            let input = self.lower(input)?;
            let width = columns(0..window.input.schema().fields().len());
            rows.push(if inputs.len() > 1 { self.first_rows(window, input)?.select(width) } else { input.select(width) });
        }
        let all = pl::concat(rows, pl::UnionArgs::default()).map_err(|source| Fault::Polars { doing: "putting first rows together", source })?;
        self.first_rows(window, all)
    }
}

/// Where a query takes the first rows of others, and of what these are made.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct FirstsOf {
    /// The sets of relations that the others are made of row by row.
    pub(crate) sets: Sets,
    /// The relations that the query reads beside.
    pub(crate) beside: BTreeSet<String>,
}

/// Of a query that takes first rows at one place, what they are first rows of; `None` of any other.
///
/// # Errors
/// As [`super::lower_model`].
pub(crate) fn firsts_of(model: &SqlModel<'_>, relations: &IndexMap<String, Relation>) -> Result<Option<FirstsOf>, SqlError> {
    let found = || {
        let plan = bind(model.sql, relations)?;
        let window = one_window(&Lowering::new(relations), &plan)?;
        Ok(window.and_then(|window| {
            let sets = of_plan(&window.input);
            let window = LogicalPlan::Window(window);
            // In a subquery, its rows would hang on those around it; and another use of it may want other rows.
            let is_plain = plan.exists(|node| Ok(*node == window)).unwrap_or(false) && uses(&plan, &window) == Some(1) && !has_subqueries(&window);
            reads(&plan, Some(&window)).filter(|_| is_plain).map(|beside| FirstsOf { sets, beside })
        }))
    };
    found().map_err(|fault: Fault| fault.at(model))
}

/// The rows that are first among those of some relations and those that were first before; without a column for their place.
///
/// # Errors
/// As [`super::lower_model`].
pub(crate) fn lower_firsts(model: &SqlModel<'_>, relations: &IndexMap<String, Relation>, before: Option<&pl::LazyFrame>) -> Result<Option<pl::LazyFrame>, SqlError> {
    let lowered = || {
        let lowering = Lowering::new(relations);
        let Some(window) = one_window(&lowering, &bind(model.sql, relations)?)? else { return Ok(None) };
        Ok(Some(lowering.firsts_with(&window, before)?.select(columns(0..window.input.schema().fields().len()))))
    };
    lowered().map_err(|fault: Fault| fault.at(model))
}

/// A query lowered over first rows that are known.
///
/// # Errors
/// As [`super::lower_model`].
pub(crate) fn lower_over_firsts(model: &SqlModel<'_>, relations: &IndexMap<String, Relation>, firsts: &pl::LazyFrame) -> Result<Relation, SqlError> {
    let lowered = || Lowering::new(relations).with_firsts(firsts).relation(&bind(model.sql, relations)?);
    lowered().map_err(|fault| fault.at(model))
}

/// The window of which a plan wants first rows alone; `None` where there is none, or more than one.
fn one_window(lowering: &Lowering<'_>, plan: &LogicalPlan) -> Result<Option<Window>, Fault> {
    lowering.relation(plan)?;
    let mut windows = lowering.first_windows.take();
    Ok(windows.pop().filter(|_| windows.is_empty()))
}

/// How often a node is in a plan and its subqueries.
fn uses(plan: &LogicalPlan, node: &LogicalPlan) -> Option<usize> {
    let mut uses = 0;
    let visited = plan.apply_with_subqueries(|other| {
        uses += usize::from(other == node);
        Ok(TreeNodeRecursion::Continue)
    });
    visited.is_ok().then_some(uses)
}

/// A plan once for each input of the union below its projections and filters; once where there is no union.
fn inputs(plan: &LogicalPlan) -> Vec<LogicalPlan> {
    let below = |input: &LogicalPlan, above: &dyn Fn(Arc<LogicalPlan>) -> LogicalPlan| inputs(input).into_iter().map(|input| above(Arc::new(input))).collect();
    match plan {
        LogicalPlan::Union(union) => {
            let of_input = |input: &Arc<LogicalPlan>| below(input, &|input| LogicalPlan::Union(Union { inputs: vec![input], schema: Arc::clone(&union.schema) }));
            union.inputs.iter().flat_map(of_input).collect()
        }
        LogicalPlan::SubqueryAlias(alias) => below(&alias.input, &|input| {
            let mut alias = alias.clone();
            alias.input = input;
            LogicalPlan::SubqueryAlias(alias)
        }),
        LogicalPlan::Projection(projection) => below(&projection.input, &|input| {
            let mut projection = projection.clone();
            projection.input = input;
            LogicalPlan::Projection(projection)
        }),
        LogicalPlan::Filter(filter) => below(&filter.input, &|input| {
            let mut filter = filter.clone();
            filter.input = input;
            LogicalPlan::Filter(filter)
        }),
        other => vec![other.clone()],
    }
}

/// What a conjunct says to be 1.
fn is_one(conjunct: &Expr) -> Option<&Expr> {
    let Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) = conjunct else { return None };
    let one = |expression: &Expr| matches!(expression, Expr::Literal(ScalarValue::Int64(Some(1)), _));
    if one(right) { Some(left) } else { one(left).then_some(right) }
}

fn unnamed(expression: &Expr) -> &Expr {
    if let Expr::Alias(Alias { expr, .. }) = expression { unnamed(expr) } else { expression }
}

/// Whether a column of a window is its one call, which numbers the rows.
fn is_row_number(window: &Window, column: usize) -> Result<bool, Fault> {
    let [call] = window.window_expr.as_slice() else { return Ok(false) };
    let call = call_of(call)?;
    Ok(column == window.input.schema().fields().len() && call.fun.name() == "row_number" && call.params.filter.is_none())
}
