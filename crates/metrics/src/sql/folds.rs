//! The aggregate and window functions of our SQL: names, argument types and result types.
//!
//! These are declarations for the planner; `aggregate.rs` and `over.rs` say what each of them computes.
//! Counts and sums of integers are BIGINT, sums of decimals keep their scale, averages are DOUBLE.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion_common::{DataFusionError, Result};
use datafusion_expr::function::{AccumulatorArgs, PartitionEvaluatorArgs, WindowUDFFieldArgs};
use datafusion_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, PartitionEvaluator, Signature, Volatility, WindowUDF, WindowUDFImpl};

use super::functions::declared_only;
use super::types::logical;

const AGGREGATES: [&str; 8] = ["avg", "bool_and", "bool_or", "count", "max", "median", "min", "sum"];

const WINDOWS: [&str; 7] = ["dense_rank", "first_value", "lag", "last_value", "lead", "rank", "row_number"];

/// The declarations of all aggregate functions.
pub(crate) fn aggregate_functions() -> Vec<Arc<AggregateUDF>> {
    AGGREGATES.into_iter().map(|name| Arc::new(AggregateUDF::new_from_impl(Aggregate(Declared::new(name))))).collect()
}

/// The declarations of all functions that are windows only.
pub(crate) fn window_functions() -> Vec<Arc<WindowUDF>> {
    WINDOWS.into_iter().map(|name| Arc::new(WindowUDF::new_from_impl(Window(Declared::new(name))))).collect()
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Declared {
    name: &'static str,
    signature: Signature,
}

impl Declared {
    fn new(name: &'static str) -> Self {
        Self { name, signature: Signature::user_defined(Volatility::Immutable) }
    }

    fn misfit(&self, arguments: &[DataType]) -> DataFusionError {
        let types: Vec<String> = arguments.iter().map(ToString::to_string).collect();
        DataFusionError::Plan(format!("`{}` has no form for the arguments ({})", self.name, types.join(", ")))
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Aggregate(Declared);

impl AggregateUDFImpl for Aggregate {
    fn name(&self) -> &str {
        self.0.name
    }

    fn signature(&self) -> &Signature {
        &self.0.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        let argument = logical(arguments.first().unwrap_or(&DataType::Null));
        Ok(match (self.0.name, argument) {
            ("count", _) => DataType::Int64,
            ("avg" | "median", _) => DataType::Float64,
            ("bool_and" | "bool_or", _) => DataType::Boolean,
            ("sum", DataType::Decimal128(_, scale)) => DataType::Decimal128(38, scale),
            (_, argument) => argument,
        })
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>> {
        let [argument] = arguments else {
            return if self.0.name == "count" { Ok(arguments.to_vec()) } else { Err(self.0.misfit(arguments)) };
        };
        let argument = logical(argument);
        let wanted = match self.0.name {
            "avg" | "median" if argument.is_numeric() || argument.is_null() => DataType::Float64,
            "bool_and" | "bool_or" => DataType::Boolean,
            "sum" if argument.is_integer() || argument.is_null() => DataType::Int64,
            "sum" if argument.is_floating() => DataType::Float64,
            "sum" if argument.is_decimal() => argument,
            "count" | "max" | "min" => argument,
            _ => return Err(self.0.misfit(arguments)),
        };
        Ok(vec![wanted])
    }

    fn accumulator(&self, _arguments: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        Err(declared_only(self.0.name))
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Window(Declared);

impl WindowUDFImpl for Window {
    fn name(&self) -> &str {
        self.0.name
    }

    fn signature(&self) -> &Signature {
        &self.0.signature
    }

    fn field(&self, arguments: WindowUDFFieldArgs) -> Result<FieldRef> {
        let data_type = match self.0.name {
            "dense_rank" | "rank" | "row_number" => DataType::Int64,
            _ => arguments.get_input_field(0).map_or(DataType::Null, |field| logical(field.data_type())),
        };
        Ok(Arc::new(Field::new(arguments.name(), data_type, true)))
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>> {
        match (self.0.name, arguments) {
            ("dense_rank" | "rank" | "row_number", []) => Ok(Vec::new()),
            ("first_value" | "lag" | "last_value" | "lead", [value]) => Ok(vec![logical(value)]),
            ("lag" | "lead", [value, _]) => Ok(vec![logical(value), DataType::Int64]),
            ("lag" | "lead", [value, _, _]) => Ok(vec![logical(value), DataType::Int64, logical(value)]),
            _ => Err(self.0.misfit(arguments)),
        }
    }

    fn partition_evaluator(&self, _arguments: PartitionEvaluatorArgs) -> Result<Box<dyn PartitionEvaluator>> {
        Err(declared_only(self.0.name))
    }
}
