//! `row_number() OVER (..) = 1`: the first row of each partition, without numbers for all others.
//!
//! It is how SQL takes one row of several. Seen as what it is, nothing has to be sorted, and most rows go before anything else is done with them.

use std::sync::Arc;

use datafusion_common::ScalarValue;
use datafusion_expr::expr::Alias;
use datafusion_expr::{BinaryExpr, Expr, LogicalPlan, Operator, Union, Window};
use polars::prelude as pl;

use super::error::Fault;
use super::expression::index_of;
use super::over::call_of;
use super::plan::{Lowering, columns};

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

    /// The first rows of a window over a union are among the first rows of its inputs.
    fn firsts_of(&self, window: &Window) -> Result<pl::LazyFrame, Fault> {
        let mut rows = Vec::new();
        for input in inputs(&window.input) {
            rows.push(self.lower(&input)?);
        }
        if rows.len() > 1 {
            let width = window.input.schema().fields().len();
            rows = rows.into_iter().map(|rows| Ok(self.first_rows(window, rows)?.select(columns(0..width)))).collect::<Result<_, Fault>>()?;
        }
        let all = pl::concat(rows, pl::UnionArgs::default()).map_err(|source| Fault::Polars { doing: "putting first rows together", source })?;
        self.first_rows(window, all)
    }
}

/// A plan once for each input of the union below its projections and filters; once where there is no union.
fn inputs(plan: &LogicalPlan) -> Vec<LogicalPlan> {
    let below = |input: &LogicalPlan, above: &dyn Fn(Arc<LogicalPlan>) -> LogicalPlan| inputs(input).into_iter().map(|input| above(Arc::new(input))).collect();
    match plan {
        LogicalPlan::Union(union) => union.inputs.iter().map(|input| LogicalPlan::Union(Union { inputs: vec![Arc::clone(input)], schema: Arc::clone(&union.schema) })).collect(),
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
