//! Aggregates.
//!
//! Keys and arguments become columns first, so that a literal counts once for each row.
//! Sum, minimum, maximum and average of no values are null; counts are 0; nulls are no values.
//! Nulls of a key form one group. Without keys there is one row, whatever the input.

use datafusion_common::DFSchema;
use datafusion_expr::expr::{AggregateFunction, Alias};
use datafusion_expr::{Aggregate, Expr};
use polars::prelude as pl;

use super::error::Fault;
use super::expression::{Scope, lower, position};
use super::plan::Lowering;
use super::types::polars_type;

/// An aggregate call, its argument in a column; where a filter is not true, the argument is null.
struct Call<'e> {
    function: &'e AggregateFunction,
    argument: String,
    filtered: bool,
    result: pl::DataType,
}

impl Lowering<'_> {
    /// One row for each group: its keys, then its aggregates.
    ///
    /// Errors: grouping sets, ordered aggregates and DISTINCT in sums are unsupported, by name.
    pub(crate) fn aggregate(&self, aggregate: &Aggregate) -> Result<pl::LazyFrame, Fault> {
        let schema: &DFSchema = aggregate.input.schema();
        let frame = self.lower(&aggregate.input)?;
        let expressions: Vec<Expr> = aggregate.group_expr.iter().chain(&aggregate.aggr_expr).cloned().collect();
        let (frame, marks) = self.marks(frame, schema, &expressions)?;
        let scope = Scope { marks: &marks, ..Scope::of(schema) };
        let mut prepared = Vec::new();
        let mut keys = Vec::new();
        for (index, key) in aggregate.group_expr.iter().enumerate() {
            if matches!(key, Expr::GroupingSet(_)) {
                return Err(Fault::unsupported("GROUPING SETS, CUBE and ROLLUP"));
            }
            let name = format!("key{index}");
            prepared.push(lower(&scope, key)?.alias(name.as_str()));
            keys.push(pl::col(name).alias(position(index)));
        }
        let mut outputs = Vec::new();
        for (index, expression) in aggregate.aggr_expr.iter().enumerate() {
            let function = aggregate_of(expression)?;
            let place = keys.len() + index;
            let call = Call {
                function,
                argument: format!("argument{index}"),
                filtered: function.params.filter.is_some(),
                result: polars_type(aggregate.schema.field(place).data_type())?,
            };
            prepare(&scope, &call, &mut prepared)?;
            outputs.push(value(&call)?.alias(position(place)));
        }
        let frame = if prepared.is_empty() { frame } else { frame.with_columns(prepared) };
        Ok(if keys.is_empty() {
            frame.select(outputs)
        } else if outputs.is_empty() {
            frame.select(keys).unique_stable(None, pl::UniqueKeepStrategy::First)
        } else {
            frame.group_by_stable(keys).agg(outputs)
        })
    }
}

/// The call of an aggregate, whatever its name.
pub(crate) fn aggregate_of(expression: &Expr) -> Result<&AggregateFunction, Fault> {
    match expression {
        Expr::Alias(Alias { expr, .. }) => aggregate_of(expr),
        Expr::AggregateFunction(function) => Ok(function),
        other => Err(Fault::unsupported(format!("the aggregate `{other}`"))),
    }
}

/// Whether the call counts rows, as `count(*)` does.
pub(crate) fn counts_rows(arguments: &[Expr]) -> bool {
    match arguments {
        [] => true,
        [Expr::Literal(value, _)] => !value.is_null(),
        _ => false,
    }
}

/// Puts the argument into a column.
fn prepare(scope: &Scope<'_>, call: &Call<'_>, prepared: &mut Vec<pl::Expr>) -> Result<(), Fault> {
    let params = &call.function.params;
    let name = call.function.func.name();
    if !params.order_by.is_empty() {
        return Err(Fault::unsupported(format!("`{name}` with ORDER BY")));
    }
    if params.null_treatment.is_some() {
        return Err(Fault::unsupported(format!("`{name}` with NULLS")));
    }
    if params.args.len() > 1 {
        return Err(Fault::unsupported(format!("`{name}` of several arguments")));
    }
    let mut argument = match params.args.first() {
        Some(argument) => lower(scope, argument)?,
        None => pl::lit(1_i64),
    };
    if let Some(filter) = &params.filter {
        argument = pl::when(lower(scope, filter)?).then(argument).otherwise(pl::lit(pl::NULL));
    }
    prepared.push(argument.alias(call.argument.as_str()));
    Ok(())
}

fn value(call: &Call<'_>) -> Result<pl::Expr, Fault> {
    let params = &call.function.params;
    let name = call.function.func.name();
    let argument = pl::col(call.argument.as_str());
    let some = |value: pl::Expr| pl::when(argument.clone().count().gt(pl::lit(0_u32))).then(value).otherwise(pl::lit(pl::NULL));
    let answer = match (name, params.distinct) {
        ("count", false) if !call.filtered && counts_rows(&params.args) => pl::len(),
        ("count", false) => argument.clone().count(),
        ("count", true) => argument.clone().drop_nulls().n_unique(),
        ("sum", false) => some(argument.clone().sum()),
        ("avg", false) => argument.clone().mean(),
        ("median", false) => argument.clone().median(),
        ("min" | "bool_and", _) => argument.clone().min(),
        ("max" | "bool_or", _) => argument.clone().max(),
        (name, true) => return Err(Fault::unsupported(format!("`{name}` with DISTINCT"))),
        (name, false) => return Err(Fault::unsupported(format!("the aggregate `{name}`"))),
    };
    Ok(answer.cast(call.result.clone()))
}
