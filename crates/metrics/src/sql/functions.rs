//! The scalar functions of our SQL: names, argument types and result types.
//!
//! These are declarations for the planner; `scalar.rs` says what each of them computes.
//! In: argument types as written. Out: the types that they are cast to, and the type of the result.

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion_common::{DataFusionError, Result};
use datafusion_expr::type_coercion::binary::type_union_coercion;
use datafusion_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};

use super::types::{instant, local, logical};

/// Every scalar function, in the order of the alphabet.
const NAMES: [&str; 32] = [
    "abs",
    "add_days",
    "add_months",
    "btrim",
    "ceil",
    "char_length",
    "coalesce",
    "concat",
    "date_part",
    "date_trunc",
    "days_between",
    "epoch_us",
    "floor",
    "greatest",
    "instant",
    "least",
    "length",
    "local_date",
    "local_midnight",
    "local_timestamp",
    "lower",
    "ltrim",
    "month",
    "nullif",
    "replace",
    "round",
    "round_half_even",
    "rtrim",
    "substr",
    "trim",
    "upper",
    "year",
];

/// The declarations of all scalar functions.
pub(crate) fn scalar_functions() -> Vec<Arc<ScalarUDF>> {
    NAMES.into_iter().map(|name| Arc::new(ScalarUDF::new_from_impl(Declared::new(name)))).collect()
}

/// One function; the name decides all else.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Declared {
    name: &'static str,
    signature: Signature,
}

impl Declared {
    fn new(name: &'static str) -> Self {
        Self { name, signature: Signature::user_defined(Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for Declared {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        Ok(match self.name {
            "add_days" | "add_months" | "local_date" => DataType::Date32,
            "btrim" | "concat" | "lower" | "ltrim" | "replace" | "rtrim" | "substr" | "trim" | "upper" => DataType::Utf8,
            "char_length" | "date_part" | "days_between" | "epoch_us" | "length" | "month" | "year" => DataType::Int64,
            "instant" | "local_midnight" => instant(),
            "local_timestamp" => local(),
            "date_trunc" => logical(arguments.get(1).unwrap_or(&DataType::Null)),
            _ => logical(arguments.first().unwrap_or(&DataType::Null)),
        })
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>> {
        use DataType::{Date32, Int64, Utf8};
        match self.name {
            "coalesce" | "greatest" | "least" => self.same(arguments, 1..=usize::MAX),
            "nullif" => self.same(arguments, 2..=2),
            "concat" if !arguments.is_empty() => Ok(vec![Utf8; arguments.len()]),
            "btrim" | "char_length" | "instant" | "length" | "lower" | "ltrim" | "rtrim" | "trim" | "upper" => self.exactly(arguments, vec![Utf8]),
            "replace" => self.exactly(arguments, vec![Utf8; 3]),
            "substr" if arguments.len() == 2 => Ok(vec![Utf8, Int64]),
            "substr" => self.exactly(arguments, vec![Utf8, Int64, Int64]),
            "round" | "round_half_even" if arguments.len() == 2 => Ok(vec![self.number(arguments)?, Int64]),
            "abs" | "ceil" | "floor" | "round" => {
                let number = self.number(arguments)?;
                self.exactly(arguments, vec![number])
            }
            "date_part" | "date_trunc" if arguments.len() == 2 => Ok(vec![Utf8, self.time(&arguments[1])?]),
            "month" | "year" if arguments.len() == 1 => Ok(vec![self.time(&arguments[0])?]),
            "local_date" | "local_timestamp" => self.exactly(arguments, vec![instant(), Utf8]),
            "local_midnight" => self.exactly(arguments, vec![Date32, Utf8]),
            "epoch_us" => self.exactly(arguments, vec![instant()]),
            "days_between" => self.exactly(arguments, vec![Date32, Date32]),
            "add_days" | "add_months" => self.exactly(arguments, vec![Date32, Int64]),
            _ => Err(self.misfit(arguments)),
        }
    }

    fn invoke_with_args(&self, _arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        Err(declared_only(self.name))
    }
}

impl Declared {
    fn exactly(&self, arguments: &[DataType], wanted: Vec<DataType>) -> Result<Vec<DataType>> {
        if arguments.len() == wanted.len() { Ok(wanted) } else { Err(self.misfit(arguments)) }
    }

    fn same(&self, arguments: &[DataType], counts: std::ops::RangeInclusive<usize>) -> Result<Vec<DataType>> {
        let mut common = arguments.first().map(logical);
        for argument in arguments.iter().skip(1) {
            common = common.and_then(|known| type_union_coercion(&known, &logical(argument)));
        }
        match common {
            Some(common) if counts.contains(&arguments.len()) => Ok(vec![logical(&common); arguments.len()]),
            _ => Err(self.misfit(arguments)),
        }
    }

    fn number(&self, arguments: &[DataType]) -> Result<DataType> {
        match arguments.first() {
            Some(DataType::Null) => Ok(DataType::Float64),
            Some(number) if number.is_numeric() => Ok(logical(number)),
            _ => Err(self.misfit(arguments)),
        }
    }

    fn time(&self, argument: &DataType) -> Result<DataType> {
        match logical(argument) {
            DataType::Null => Ok(DataType::Date32),
            time @ (DataType::Date32 | DataType::Timestamp(_, _)) => Ok(time),
            other => Err(self.misfit(&[other])),
        }
    }

    fn misfit(&self, arguments: &[DataType]) -> DataFusionError {
        let types: Vec<String> = arguments.iter().map(ToString::to_string).collect();
        DataFusionError::Plan(format!("`{}` has no form for the arguments ({})", self.name, types.join(", ")))
    }
}

/// The error of a declaration that somebody wants to run.
pub(crate) fn declared_only(name: &str) -> DataFusionError {
    DataFusionError::NotImplemented(format!("`{name}` run by the planner: it is declared only"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coalesce_keeps_decimals() {
        let types = [DataType::Decimal128(18, 2), DataType::Int64];
        let coerced = Declared::new("coalesce").coerce_types(&types).unwrap();
        assert!(matches!(coerced[0], DataType::Decimal128(_, 2)));
    }

    #[test]
    fn wrong_arguments_are_named() {
        let error = Declared::new("lower").coerce_types(&[]).unwrap_err();
        assert!(error.to_string().contains("`lower` has no form for the arguments ()"));
    }
}
