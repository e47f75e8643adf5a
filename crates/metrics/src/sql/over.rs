//! Windows: from the plan's window calls to requests of the window kernel.
//!
//! Keys, arguments, defaults and filters become columns; calls with equal partitions and order share one request.
//! The kernel sees whole frames, so a window ends what Polars can stream.

use std::sync::Arc;

use datafusion_common::{DFSchema, ScalarValue};
use datafusion_expr::expr::{Alias, NullTreatment, Sort, WindowFunction as Call};
use datafusion_expr::{Expr, Window, WindowFrame, WindowFrameBound, WindowFrameUnits};
use polars::prelude as pl;

use super::aggregate::counts_rows;
use super::error::Fault;
use super::expression::{Scope, lower, position};
use super::plan::{Lowering, columns};
use super::types::polars_type;
use super::window::{Bound, Frame, FrameUnits, OrderKey, WindowCall, WindowFunction, WindowRequest, evaluate, firsts};

/// What appends the columns of a request to a frame.
type Kernel = fn(pl::DataFrame, &WindowRequest) -> pl::PolarsResult<pl::DataFrame>;

/// Requests and the columns that they read, while they are put together.
struct Builder<'s> {
    scope: Scope<'s>,
    prepared: Vec<pl::Expr>,
    requests: Vec<Request>,
}

/// A request and the expressions that it stands for.
struct Request {
    partition_by: Vec<Expr>,
    order_by: Vec<Sort>,
    window: WindowRequest,
}

impl Lowering<'_> {
    /// The input's rows with a column for each call.
    ///
    /// Errors: calls that the kernel does not know are unsupported, by name.
    pub(crate) fn window(&self, window: &Window) -> Result<pl::LazyFrame, Fault> {
        self.evaluated(window, self.lower(&window.input)?, evaluate)
    }

    /// Of rows of the input those that are first in their partition, by a window of one `row_number`.
    pub(crate) fn first_rows(&self, window: &Window, rows: pl::LazyFrame) -> Result<pl::LazyFrame, Fault> {
        self.evaluated(window, rows, firsts)
    }

    fn evaluated(&self, window: &Window, frame: pl::LazyFrame, kernel: Kernel) -> Result<pl::LazyFrame, Fault> {
        let schema: &DFSchema = window.input.schema();
        let (frame, marks) = self.marks(frame, schema, &window.window_expr)?;
        let mut builder = Builder { scope: Scope { marks: &marks, ..Scope::of(schema) }, prepared: Vec::new(), requests: Vec::new() };
        let start = schema.fields().len();
        let mut outputs = Vec::with_capacity(window.window_expr.len());
        for (index, expression) in window.window_expr.iter().enumerate() {
            let output = position(start + index);
            let data_type = polars_type(window.schema.field(start + index).data_type())?;
            builder.add(call_of(expression)?, &output)?;
            outputs.push((output, data_type));
        }
        let requests: Vec<WindowRequest> = builder.requests.into_iter().map(|request| request.window).collect();
        let mut inputs = columns(0..start);
        inputs.extend(builder.prepared);
        let width = start + outputs.len();
        let prepared = if start == 0 { frame.with_columns(inputs) } else { frame.select(inputs) };
        Ok(computed(prepared, requests, outputs, kernel).select(columns(0..width)))
    }
}

/// Runs the kernel over the whole frame, and casts what it gives to the types of the plan.
fn computed(frame: pl::LazyFrame, requests: Vec<WindowRequest>, outputs: Vec<(String, pl::DataType)>, kernel: Kernel) -> pl::LazyFrame {
    let declared = outputs.clone();
    let schema = move |input: &pl::Schema| -> pl::PolarsResult<pl::SchemaRef> {
        let mut schema = input.clone();
        for (name, data_type) in &declared {
            schema.with_column(name.as_str().into(), data_type.clone());
        }
        Ok(Arc::new(schema))
    };
    let schema: Arc<dyn pl::UdfSchema> = Arc::new(schema);
    frame.map(
        move |mut rows: pl::DataFrame| {
            for request in &requests {
                rows = kernel(rows, request)?;
            }
            let mut columns = Vec::with_capacity(outputs.len());
            for (name, data_type) in &outputs {
                columns.push(rows.column(name)?.strict_cast(data_type)?);
            }
            // The order that the schema declares, whatever the requests' order was.
            let kept = rows.width() - outputs.len();
            let mut all: Vec<pl::Column> = rows.columns().iter().take(kept).cloned().collect();
            all.extend(columns);
            pl::DataFrame::new(rows.height(), all)
        },
        pl::OptFlags::empty(),
        Some(schema),
        Some("windows"),
    )
}

pub(crate) fn call_of(expression: &Expr) -> Result<&Call, Fault> {
    match expression {
        Expr::Alias(Alias { expr, .. }) => call_of(expr),
        Expr::WindowFunction(call) => Ok(call),
        other => Err(Fault::unsupported(format!("the window `{other}`"))),
    }
}

impl Builder<'_> {
    fn add(&mut self, call: &Call, output: &str) -> Result<(), Fault> {
        let name = call.fun.name();
        let params = &call.params;
        if params.distinct {
            return Err(Fault::unsupported(format!("`{name}` with DISTINCT in a window")));
        }
        if params.null_treatment == Some(NullTreatment::IgnoreNulls) {
            return Err(Fault::unsupported(format!("`{name}` with IGNORE NULLS")));
        }
        let function = function_of(name, &params.args)?;
        let mut arguments = params.args.iter();
        let reads = !matches!(function, WindowFunction::RowNumber | WindowFunction::Rank | WindowFunction::DenseRank | WindowFunction::CountRows);
        let argument = match arguments.next() {
            Some(argument) if reads => Some(self.column(argument)?),
            _ => None,
        };
        let offset = arguments.next().map_or(Ok(1), |offset| whole(name, offset))?;
        let default = match arguments.next() {
            Some(default) => Some(self.column(default)?),
            None => None,
        };
        let filter = match &params.filter {
            Some(filter) => Some(self.column(filter)?),
            None => None,
        };
        let call = WindowCall { output: output.to_owned(), function, argument, default, offset, filter, frame: frame_of(&params.window_frame)? };
        let known = self.requests.iter_mut().find(|request| request.partition_by == params.partition_by && request.order_by == params.order_by);
        if let Some(known) = known {
            known.window.calls.push(call);
            return Ok(());
        }
        let mut partition_by = Vec::with_capacity(params.partition_by.len());
        for key in &params.partition_by {
            partition_by.push(self.column(key)?);
        }
        let mut order_by = Vec::with_capacity(params.order_by.len());
        for key in &params.order_by {
            order_by.push(OrderKey { column: self.column(&key.expr)?, descending: !key.asc, nulls_first: key.nulls_first });
        }
        self.requests.push(Request {
            partition_by: params.partition_by.clone(),
            order_by: params.order_by.clone(),
            window: WindowRequest { partition_by, order_by, calls: vec![call] },
        });
        Ok(())
    }

    /// The name of a column with the expression's value.
    fn column(&mut self, expression: &Expr) -> Result<String, Fault> {
        let name = format!("window{}", self.prepared.len());
        self.prepared.push(lower(&self.scope, expression)?.alias(name.as_str()));
        Ok(name)
    }
}

fn function_of(name: &str, arguments: &[Expr]) -> Result<WindowFunction, Fault> {
    Ok(match name {
        "row_number" => WindowFunction::RowNumber,
        "rank" => WindowFunction::Rank,
        "dense_rank" => WindowFunction::DenseRank,
        "lag" => WindowFunction::Lag,
        "lead" => WindowFunction::Lead,
        "first_value" => WindowFunction::FirstValue,
        "last_value" => WindowFunction::LastValue,
        "sum" => WindowFunction::Sum,
        "avg" => WindowFunction::Avg,
        "min" => WindowFunction::Min,
        "max" => WindowFunction::Max,
        "count" if counts_rows(arguments) => WindowFunction::CountRows,
        "count" if arguments.len() == 1 => WindowFunction::Count,
        other => return Err(Fault::unsupported(format!("`{other}` in a window"))),
    })
}

fn whole(function: &str, argument: &Expr) -> Result<i64, Fault> {
    match argument {
        Expr::Cast(cast) => whole(function, &cast.expr),
        Expr::Literal(ScalarValue::Int64(Some(value)), _) => Ok(*value),
        Expr::Negative(inner) => Ok(-whole(function, inner)?),
        _ => Err(Fault::unsupported(format!("`{function}` with an offset that is no whole number"))),
    }
}

fn frame_of(frame: &WindowFrame) -> Result<Frame, Fault> {
    let units = match frame.units {
        WindowFrameUnits::Rows => FrameUnits::Rows,
        WindowFrameUnits::Range => FrameUnits::Range,
        WindowFrameUnits::Groups => return Err(Fault::unsupported("a GROUPS frame")),
    };
    let distance = |value: &ScalarValue| match value {
        ScalarValue::UInt64(Some(rows)) if units == FrameUnits::Rows => Ok(*rows),
        _ => Err(Fault::unsupported("a RANGE frame with a distance")),
    };
    let bound = |bound: &WindowFrameBound| -> Result<Bound, Fault> {
        Ok(match bound {
            WindowFrameBound::Preceding(value) if value.is_null() => Bound::UnboundedPreceding,
            WindowFrameBound::Preceding(value) => Bound::Preceding(distance(value)?),
            WindowFrameBound::CurrentRow => Bound::CurrentRow,
            WindowFrameBound::Following(value) if value.is_null() => Bound::UnboundedFollowing,
            WindowFrameBound::Following(value) => Bound::Following(distance(value)?),
        })
    };
    Ok(Frame { units, start: bound(&frame.start_bound)?, end: bound(&frame.end_bound)? })
}
