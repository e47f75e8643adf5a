//! Rewrites of the parsed SQL before it is bound.
//!
//! `a / b` is a division of doubles, whatever the types, as DuckDB has it.
//! Syntax that has a function's meaning becomes that function: `EXTRACT(..)`, `SUBSTRING(..)`, `count(*)`.
//! A number with an exponent is a double.

use std::ops::ControlFlow;

use datafusion_sql::sqlparser::ast::{
    BinaryOperator, CastKind, DataType, ExactNumberInfo, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentList, FunctionArguments, Ident, ObjectName, Statement,
    Value, visit_expressions_mut,
};

/// Rewrites every expression of the statement, subqueries included.
pub(crate) fn rewrite(statement: &mut Statement) {
    let _: ControlFlow<()> = visit_expressions_mut(statement, |expression| {
        rewrite_expression(expression);
        ControlFlow::Continue(())
    });
}

fn rewrite_expression(expression: &mut Expr) {
    match expression {
        Expr::BinaryOp { left, op: BinaryOperator::Divide, right } => {
            as_double(left);
            as_double(right);
        }
        Expr::Extract { field, expr, .. } => {
            let part = text(field.to_string().to_lowercase());
            *expression = call("date_part", vec![part, *expr.clone()]);
        }
        Expr::Substring { expr, substring_from, substring_for, .. } => {
            let start = substring_from.clone().map_or_else(|| number("1"), |from| *from);
            let mut arguments = vec![*expr.clone(), start];
            arguments.extend(substring_for.clone().map(|length| *length));
            *expression = call("substr", arguments);
        }
        Expr::Value(value) => {
            if let Value::Number(digits, _) = &value.value
                && digits.contains(['e', 'E'])
            {
                let mut double = text(digits.clone());
                as_double(&mut double);
                *expression = double;
            }
        }
        Expr::Function(function) => count_rows(function),
        _ => {}
    }
}

/// `count(*)` and `count()` count rows, as `count(1)` does.
fn count_rows(function: &mut Function) {
    if !function.name.to_string().eq_ignore_ascii_case("count") {
        return;
    }
    if let FunctionArguments::List(list) = &mut function.args
        && matches!(list.args.as_slice(), [] | [FunctionArg::Unnamed(FunctionArgExpr::Wildcard)])
    {
        list.args = vec![argument(number("1"))];
    }
}

fn as_double(expression: &mut Expr) {
    let inner = std::mem::replace(expression, number("0"));
    *expression = Expr::Cast { kind: CastKind::Cast, expr: Box::new(inner), data_type: DataType::Double(ExactNumberInfo::None), array: false, format: None };
}

fn text(value: String) -> Expr {
    Expr::Value(Value::SingleQuotedString(value).with_empty_span())
}

fn number(digits: &str) -> Expr {
    Expr::Value(Value::Number(digits.to_owned(), false).with_empty_span())
}

fn argument(expression: Expr) -> FunctionArg {
    FunctionArg::Unnamed(FunctionArgExpr::Expr(expression))
}

fn call(name: &str, arguments: Vec<Expr>) -> Expr {
    Expr::Function(Function {
        name: ObjectName::from(vec![Ident::new(name)]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList { duplicate_treatment: None, args: arguments.into_iter().map(argument).collect(), clauses: Vec::new() }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use datafusion_sql::sqlparser::{dialect::GenericDialect, parser::Parser};

    use super::*;

    fn rewritten(sql: &str) -> String {
        let mut statements = Parser::parse_sql(&GenericDialect {}, sql).unwrap();
        rewrite(&mut statements[0]);
        statements[0].to_string()
    }

    #[test]
    fn division_is_of_doubles_at_every_depth() {
        assert_eq!(rewritten("SELECT a / b / 2 FROM t"), "SELECT CAST(CAST(a AS DOUBLE) / CAST(b AS DOUBLE) AS DOUBLE) / CAST(2 AS DOUBLE) FROM t");
    }

    #[test]
    fn syntax_becomes_functions() {
        assert_eq!(rewritten("SELECT EXTRACT(YEAR FROM d), SUBSTRING(s, 2, 3), count(*) FROM t"), "SELECT date_part('year', d), substr(s, 2, 3), count(1) FROM t");
    }
}
