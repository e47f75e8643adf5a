//! Expressions of the typed plan, as expressions of Polars.
//!
//! In: an expression and the [`Scope`] that names its columns. Out: the same value for each row, nulls as in SQL.
//! Subqueries are not here: `subquery.rs` puts their values into columns before.

use arrow::datatypes::DataType;
use datafusion_common::{Column, DFSchema, ScalarValue};
use datafusion_expr::expr::{Alias, Between, Case, InList, Like};
use datafusion_expr::{BinaryExpr, Expr, ExprSchemable, Operator};
use polars::prelude as pl;

use super::arithmetic::lower_arithmetic;
use super::cast::{Cast, literal, lower_cast, time_literal};
use super::error::Fault;
use super::scalar::lower_function;
use super::types::logical;

/// Names for the columns of a node's input: column `i` of its schema is `c{i}` in the frame.
pub(crate) fn position(index: usize) -> String {
    format!("c{index}")
}

/// What an expression can see.
pub(crate) struct Scope<'a> {
    /// The schema of the input.
    pub(crate) schema: &'a DFSchema,
    /// What stands before the index in a column's name.
    pub(crate) prefix: &'a str,
    /// In a correlated predicate: the schema of the outer query, whose columns are `c{i}`.
    pub(crate) outer: Option<&'a DFSchema>,
    /// Subqueries whose values are in columns.
    pub(crate) marks: &'a [(Expr, String)],
}

impl<'a> Scope<'a> {
    /// The scope of a node's input.
    pub(crate) fn of(schema: &'a DFSchema) -> Self {
        Self { schema, prefix: "c", outer: None, marks: &[] }
    }

    /// The type of an expression, timestamps in microseconds.
    pub(crate) fn type_of(&self, expression: &Expr) -> Result<DataType, Fault> {
        expression.get_type(self.schema).map(|data_type| logical(&data_type)).map_err(|error| Fault::bound(&error))
    }

    fn column(&self, column: &Column) -> Result<pl::Expr, Fault> {
        let index = index_of(self.schema, column)?;
        Ok(pl::col(format!("{}{index}", self.prefix)))
    }
}

/// Where a column is in a schema.
pub(crate) fn index_of(schema: &DFSchema, column: &Column) -> Result<usize, Fault> {
    schema.index_of_column(column).map_err(|error| Fault::bound(&error))
}

/// The expression in terms of the frame's columns; its name is not set.
///
/// Errors: what is not lowered is unsupported, by name.
pub(crate) fn lower(scope: &Scope<'_>, expression: &Expr) -> Result<pl::Expr, Fault> {
    if let Some((_, name)) = scope.marks.iter().find(|(known, _)| known == expression) {
        return Ok(pl::col(name.as_str()));
    }
    match expression {
        Expr::Alias(Alias { expr, .. }) => lower(scope, expr),
        Expr::Column(column) => scope.column(column),
        Expr::OuterReferenceColumn(_, column) => match scope.outer {
            Some(outer) => Ok(pl::col(position(index_of(outer, column)?))),
            None => Err(Fault::unsupported(format!("the correlated column `{column}` here"))),
        },
        Expr::Literal(value, _) => literal(value),
        Expr::BinaryExpr(binary) => lower_binary(scope, binary),
        Expr::Not(inner) => Ok(lower(scope, inner)?.not()),
        Expr::IsNull(inner) | Expr::IsUnknown(inner) => Ok(lower(scope, inner)?.is_null()),
        Expr::IsNotNull(inner) | Expr::IsNotUnknown(inner) => Ok(lower(scope, inner)?.is_not_null()),
        Expr::IsTrue(inner) => Ok(lower(scope, inner)?.fill_null(truth(false))),
        Expr::IsFalse(inner) => Ok(lower(scope, inner)?.not().fill_null(truth(false))),
        Expr::IsNotTrue(inner) => Ok(lower(scope, inner)?.fill_null(truth(false)).not()),
        Expr::IsNotFalse(inner) => Ok(lower(scope, inner)?.fill_null(truth(true))),
        Expr::Negative(inner) => Ok(-lower(scope, inner)?),
        Expr::Between(between) => lower_between(scope, between),
        Expr::Case(case) => lower_case(scope, case),
        Expr::Cast(cast) => lower_conversion(scope, &cast.expr, (cast.field.data_type(), true)),
        Expr::TryCast(cast) => lower_conversion(scope, &cast.expr, (cast.field.data_type(), false)),
        Expr::InList(list) => lower_list(scope, list),
        Expr::Like(like) => lower_like(scope, like),
        Expr::ScalarFunction(call) => lower_function(scope, call),
        other => Err(Fault::unsupported(format!("the {} `{other}` here", other.variant_name()))),
    }
}

/// A cast; dates and times in text are read here, so that scans can skip by them.
fn lower_conversion(scope: &Scope<'_>, expression: &Expr, (to, strict): (&DataType, bool)) -> Result<pl::Expr, Fault> {
    if let Expr::Literal(_, _) = expression
        && let Some(text) = text_literal(expression)
        && let Some(value) = time_literal(text, to)
    {
        return literal(&value);
    }
    lower_cast(Cast { expression: lower(scope, expression)?, from: scope.type_of(expression)?, to: to.clone(), strict })
}

/// A literal truth value.
pub(crate) fn truth(value: bool) -> pl::Expr {
    pl::lit(pl::Scalar::from(value))
}

fn lower_binary(scope: &Scope<'_>, binary: &BinaryExpr) -> Result<pl::Expr, Fault> {
    if matches!(binary.op, Operator::Plus | Operator::Minus | Operator::Multiply | Operator::Divide | Operator::Modulo) {
        return lower_arithmetic(scope, binary);
    }
    if binary.op == Operator::StringConcat {
        // Each of several in a row would make a text of its own for every row.
        let mut parts = Vec::new();
        joined_texts(binary, &mut parts);
        let parts = parts.into_iter().map(|part| Ok(lower(scope, part)?.cast(pl::DataType::String)));
        return Ok(pl::concat_str(parts.collect::<Result<Vec<_>, Fault>>()?, "", false));
    }
    let left = lower(scope, &binary.left)?;
    let right = lower(scope, &binary.right)?;
    Ok(match binary.op {
        Operator::Eq => left.eq(right),
        Operator::NotEq => left.neq(right),
        Operator::Lt => left.lt(right),
        Operator::LtEq => left.lt_eq(right),
        Operator::Gt => left.gt(right),
        Operator::GtEq => left.gt_eq(right),
        Operator::And => left.and(right),
        Operator::Or => left.or(right),
        Operator::IsDistinctFrom => left.neq_missing(right),
        Operator::IsNotDistinctFrom => left.eq_missing(right),
        other => return Err(Fault::unsupported(format!("the operator `{other}`"))),
    })
}

/// What `||` joins, through all that are its operands: where one is null the text is null, whatever stands in brackets.
fn joined_texts<'e>(binary: &'e BinaryExpr, parts: &mut Vec<&'e Expr>) {
    for side in [binary.left.as_ref(), binary.right.as_ref()] {
        match side {
            Expr::BinaryExpr(inner) if inner.op == Operator::StringConcat => joined_texts(inner, parts),
            other => parts.push(other),
        }
    }
}

fn lower_between(scope: &Scope<'_>, between: &Between) -> Result<pl::Expr, Fault> {
    let value = lower(scope, &between.expr)?;
    let low = lower(scope, &between.low)?;
    let high = lower(scope, &between.high)?;
    let inside = value.clone().gt_eq(low).and(value.lt_eq(high));
    Ok(if between.negated { inside.not() } else { inside })
}

/// Of the branches, the first whose condition is true; a null condition is not.
fn lower_case(scope: &Scope<'_>, case: &Case) -> Result<pl::Expr, Fault> {
    let subject = case.expr.as_ref().map(|subject| lower(scope, subject)).transpose()?;
    let mut answer = match &case.else_expr {
        Some(otherwise) => lower(scope, otherwise)?,
        None => pl::lit(pl::NULL),
    };
    for (condition, value) in case.when_then_expr.iter().rev() {
        let condition = lower(scope, condition)?;
        let condition = match &subject {
            Some(subject) => subject.clone().eq(condition),
            None => condition,
        };
        answer = pl::when(condition).then(lower(scope, value)?).otherwise(answer);
    }
    Ok(answer)
}

/// True on a match, null where a null could have matched, false otherwise.
fn lower_list(scope: &Scope<'_>, list: &InList) -> Result<pl::Expr, Fault> {
    let value = lower(scope, &list.expr)?;
    let mut found: Option<pl::Expr> = None;
    for item in &list.list {
        let equal = value.clone().eq(lower(scope, item)?);
        found = Some(match found {
            Some(found) => found.or(equal),
            None => equal,
        });
    }
    let found = found.unwrap_or_else(|| truth(false));
    Ok(if list.negated { found.not() } else { found })
}

fn lower_like(scope: &Scope<'_>, like: &Like) -> Result<pl::Expr, Fault> {
    let Some(pattern) = text_literal(&like.pattern) else {
        return Err(Fault::unsupported("LIKE with a pattern that is no literal"));
    };
    let pattern = pattern_of(pattern, like.escape_char)?;
    let flags = if like.case_insensitive { "(?is)" } else { "(?s)" };
    let found = lower(scope, &like.expr)?.str().contains(pl::lit(format!("{flags}^{pattern}$")), true);
    Ok(if like.negated { found.not() } else { found })
}

/// The text of a text literal, casts aside.
pub(crate) fn text_literal(expression: &Expr) -> Option<&str> {
    match expression {
        Expr::Literal(ScalarValue::Utf8(Some(text)) | ScalarValue::LargeUtf8(Some(text)) | ScalarValue::Utf8View(Some(text)), _) => Some(text),
        Expr::Cast(cast) => text_literal(&cast.expr),
        _ => None,
    }
}

/// A pattern of LIKE as a regular expression, not anchored.
fn pattern_of(pattern: &str, escape: Option<char>) -> Result<String, Fault> {
    if escape.is_none() && pattern.contains('\\') {
        return Err(Fault::unsupported("LIKE with a backslash and no ESCAPE: engines differ in what it means"));
    }
    let mut answer = String::new();
    let mut characters = pattern.chars();
    while let Some(character) = characters.next() {
        match character {
            escaping if Some(escaping) == escape => match characters.next() {
                Some(next) => push_literal(&mut answer, next),
                None => {
                    return Err(Fault::Bind(format!("the LIKE pattern `{pattern}` ends with its escape character")));
                }
            },
            '%' => answer.push_str(".*"),
            '_' => answer.push('.'),
            other => push_literal(&mut answer, other),
        }
    }
    Ok(answer)
}

fn push_literal(answer: &mut String, character: char) {
    if r"\.+*?()|[]{}^$#&-~".contains(character) {
        answer.push('\\');
    }
    answer.push(character);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn like_patterns_are_literal_but_for_wildcards() {
        assert_eq!(pattern_of("a%b_c.", None).unwrap(), r"a.*b.c\.");
        assert_eq!(pattern_of("100!%", Some('!')).unwrap(), "100%");
        assert!(pattern_of("x!", Some('!')).is_err());
    }
}
