//! The expression of a derived metric, evaluated over the cells of its inputs.
//!
//! The expression is SQL: it goes the way that models go, bound by the planner and lowered to Polars.

use std::rc::Rc;
use std::sync::Arc;

use arrow::array::{Array, AsArray};
use arrow::datatypes::{DataType, Decimal128Type, Field, Float64Type, Int64Type, Schema};
use polars::prelude::{DataFrame, Int128Chunked, IntoLazy, IntoSeries, NamedFrom, NewChunkedArray, Series};
use quotient_model::{Metric, MetricKind, Project};

use crate::bridge::record_batch;
use crate::cell_map::{CellMap, all_keys};
use crate::cells::{Column, Key, Kind, Value};
use crate::derive::fill;
use crate::error::MetricsError;
use crate::fact::collect;
use crate::sql::{Relation, SqlModel, lower_projection};

const VALUE: &str = "value";

/// The cells of `expr` over named columns: one wherever any of them has one.
pub(crate) fn evaluate(project: &Project, metric: &Metric, expr: &str, inputs: &[(String, Rc<Column>)]) -> Result<Column, MetricsError> {
    let keys = all_keys(inputs.iter().map(|(_, column)| &column.cells));
    let MetricKind::Derived { inputs: declared, .. } = &metric.kind else {
        return Err(MetricsError::Definition { metric: metric.name.clone(), message: "expected a derived metric".to_owned() });
    };
    let mut fields = Vec::new();
    let mut series = Vec::new();
    for ((alias, column), input) in inputs.iter().zip(declared) {
        let column = fill(project, Rc::clone(column), input, &keys);
        fields.push(Field::new(alias, arrow_type(column.kind), true));
        series.push(series_of(alias, &column, &keys).into());
    }
    let compute = |source| MetricsError::Compute { model: metric.name.clone(), doing: "put the inputs of its formula side by side", source };
    let frame = DataFrame::new(keys.len(), series).map_err(compute)?;
    let relation = Relation { schema: Arc::new(Schema::new(fields)), frame: frame.lazy() };
    let origin = SqlModel { name: &metric.name, file: &metric.place.file, sql: expr };
    let result = lower_projection(&origin, &relation, &[(VALUE.to_owned(), expr.to_owned())])?;
    let batch = record_batch(&collect(result.frame, &metric.name, "evaluate its formula")?)?;
    let (kind, values) = read(metric, batch.column(0))?;
    Ok(Column { kind, cells: CellMap::of_ascending(keys.into(), values) })
}

/// The values of a column at keys, in their order.
pub(crate) fn series_of(name: &str, column: &Column, keys: &[Key]) -> Series {
    let values = column.cells.values_at(keys);
    match column.kind {
        Kind::Int => {
            let values: Vec<Option<i64>> = values.map(|v| v.and_then(|v| if let Value::Int(i) = v { Some(i) } else { None })).collect();
            Series::new(name.into(), values)
        }
        Kind::Float => {
            let values: Vec<Option<f64>> = values.map(|v| v.map(|v| v.as_f64(Kind::Float))).collect();
            Series::new(name.into(), values)
        }
        Kind::Decimal(scale) => {
            let values = values.map(|v| v.and_then(|v| if let Value::Decimal(d) = v { Some(d) } else { None }));
            Int128Chunked::from_iter_options(name.into(), values).into_decimal_unchecked(38, usize::from(scale.unsigned_abs())).into_series()
        }
    }
}

/// The type of a column for the planner.
pub(crate) fn arrow_type(kind: Kind) -> DataType {
    match kind {
        Kind::Int => DataType::Int64,
        Kind::Float => DataType::Float64,
        Kind::Decimal(scale) => DataType::Decimal128(38, scale),
    }
}

fn read(metric: &Metric, array: &dyn Array) -> Result<(Kind, Vec<Option<Value>>), MetricsError> {
    match array.data_type() {
        DataType::Int64 => Ok((Kind::Int, array.as_primitive::<Int64Type>().iter().map(|v| v.map(Value::Int)).collect())),
        // A formula that divides by zero is null, never infinite.
        DataType::Float64 => Ok((Kind::Float, array.as_primitive::<Float64Type>().iter().map(|v| v.filter(|f| f.is_finite()).map(Value::Float)).collect())),
        DataType::Decimal128(_, scale) => Ok((Kind::Decimal(*scale), array.as_primitive::<Decimal128Type>().iter().map(|v| v.map(Value::Decimal)).collect())),
        other => Err(MetricsError::Definition { metric: metric.name.clone(), message: format!("its formula gives {other}, expected a number") }),
    }
}
