//! Subqueries in expressions: EXISTS, IN and scalar ones.
//!
//! A subquery's value for each outer row is put into a column, a *mark*, and the expression reads the mark.
//! Correlation is by predicates of the subquery's WHERE: equalities become join keys, the others are tested on pairs.
//! IN has SQL's nulls: null where the answer hangs on a null of either side.

use datafusion_common::DFSchema;
use datafusion_common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion_expr::expr::{Exists, InSubquery};
use datafusion_expr::utils::split_conjunction;
use datafusion_expr::{BinaryExpr, Distinct, Expr, LogicalPlan, Operator};
use polars::prelude as pl;

use super::error::Fault;
use super::expression::{Scope, index_of, lower, position, truth};
use super::join::candidates;
use super::plan::{Lowering, selected};

/// An expression's subqueries and the columns that hold their values.
pub(crate) type Marks = Vec<(Expr, String)>;

/// How rows of the subquery belong to an outer row.
pub(crate) struct Pairing {
    /// Keys over the outer frame.
    pub(crate) outer_keys: Vec<pl::Expr>,
    /// Keys over the inner frame, as many.
    pub(crate) inner_keys: Vec<pl::Expr>,
    /// The columns of the inner frame that the residual reads; the outer frame has none of these names.
    pub(crate) inner_columns: Vec<String>,
    /// A test of a pair, over the columns of both.
    pub(crate) residual: Option<pl::Expr>,
}

/// A subquery without its correlated predicates.
struct Opened<'p> {
    /// Its output as `c{i}`, and the columns that the predicates read, under names of their own.
    frame: pl::LazyFrame,
    predicates: Vec<Predicate<'p>>,
    /// The names of those columns.
    carried: Vec<String>,
}

/// A correlated predicate, and how its inner columns are named.
struct Predicate<'p> {
    expression: &'p Expr,
    schema: &'p DFSchema,
    prefix: String,
}

impl Lowering<'_> {
    /// Keeps the rows for which all conjuncts are true.
    pub(crate) fn restrict(&self, frame: pl::LazyFrame, schema: &DFSchema, conjuncts: &[&Expr]) -> Result<pl::LazyFrame, Fault> {
        let expressions: Vec<Expr> = conjuncts.iter().copied().cloned().collect();
        let (plain, nested): (Vec<Expr>, Vec<Expr>) = expressions.into_iter().partition(|conjunct| subqueries(conjunct).is_empty());
        let mut frame = self.keep(frame, schema, &plain)?;
        for conjunct in nested {
            frame = self.keep(frame, schema, &[conjunct])?;
        }
        Ok(frame)
    }

    fn keep(&self, frame: pl::LazyFrame, schema: &DFSchema, conjuncts: &[Expr]) -> Result<pl::LazyFrame, Fault> {
        let (frame, marks) = self.marks(frame, schema, conjuncts)?;
        let scope = Scope { marks: &marks, ..Scope::of(schema) };
        let mut all: Option<pl::Expr> = None;
        for conjunct in conjuncts {
            let predicate = lower(&scope, conjunct)?;
            all = Some(match all {
                Some(all) => all.and(predicate),
                None => predicate,
            });
        }
        Ok(match all {
            Some(all) => frame.filter(all),
            None => frame,
        })
    }

    /// Puts the value of every subquery in the expressions into a column.
    pub(crate) fn marks(&self, frame: pl::LazyFrame, schema: &DFSchema, expressions: &[Expr]) -> Result<(pl::LazyFrame, Marks), Fault> {
        let mut frame = frame;
        let mut marks = Marks::new();
        for subquery in expressions.iter().flat_map(subqueries) {
            if marks.iter().any(|(known, _)| *known == subquery) {
                continue;
            }
            let name = self.fresh("q");
            frame = match &subquery {
                Expr::Exists(exists) => self.mark_exists(frame, schema, (exists, &name))?,
                Expr::InSubquery(inside) => self.mark_in(frame, schema, (inside, &name))?,
                Expr::ScalarSubquery(scalar) if !scalar.outer_ref_columns.is_empty() => {
                    return Err(Fault::unsupported("a correlated scalar subquery"));
                }
                Expr::ScalarSubquery(scalar) => frame.cross_join(single(self.lower(&scalar.subquery)?, &name), None),
                _ => return Err(Fault::unsupported("ANY or ALL with a subquery")),
            };
            marks.push((subquery, name));
        }
        Ok((frame, marks))
    }

    fn mark_exists(&self, frame: pl::LazyFrame, schema: &DFSchema, (exists, name): (&Exists, &str)) -> Result<pl::LazyFrame, Fault> {
        let opened = self.open(&exists.subquery.subquery)?;
        let pairing = pairing(&opened, schema)?;
        let frame = mark(frame, opened.frame, (pairing, name));
        Ok(if exists.negated { frame.with_column(pl::col(name).not().alias(name)) } else { frame })
    }

    fn mark_in(&self, frame: pl::LazyFrame, schema: &DFSchema, (inside, name): (&InSubquery, &str)) -> Result<pl::LazyFrame, Fault> {
        let opened = self.open(&inside.subquery.subquery)?;
        let value = lower(&Scope::of(schema), &inside.expr)?;
        // The inner value under a name that the outer frame has not.
        let item = self.fresh("s");
        let inner = opened.frame.clone().with_column(pl::col(position(0)).alias(item.as_str()));
        let (some, null) = (self.fresh("q"), self.fresh("q"));

        let mut equal = pairing(&opened, schema)?;
        equal.outer_keys.push(value.clone());
        equal.inner_keys.push(pl::col(item.as_str()));
        let nulls = inner.clone().filter(pl::col(item.as_str()).is_null());
        let frame = mark(frame, inner.clone(), (equal, name));
        let frame = mark(frame, inner, (pairing(&opened, schema)?, &some));
        let frame = mark(frame, nulls, (pairing(&opened, schema)?, &null));

        let unknown = pl::col(null.as_str()).or(pl::col(some.as_str()).and(value.is_null()));
        let answer = pl::when(pl::col(name)).then(truth(true)).when(unknown).then(pl::lit(pl::Scalar::null(pl::DataType::Boolean))).otherwise(truth(false));
        let answer = if inside.negated { answer.not() } else { answer };
        Ok(frame.with_column(answer.alias(name)))
    }

    /// Takes the correlated predicates out of a subquery's WHERE.
    fn open<'p>(&self, plan: &'p LogicalPlan) -> Result<Opened<'p>, Fault> {
        if plan.all_out_ref_exprs().is_empty() {
            return Ok(Opened { frame: self.lower(plan)?, predicates: Vec::new(), carried: Vec::new() });
        }
        match plan {
            LogicalPlan::Subquery(subquery) => self.open(&subquery.subquery),
            LogicalPlan::SubqueryAlias(alias) => self.open(&alias.input),
            LogicalPlan::Distinct(Distinct::All(input)) => self.open(input),
            LogicalPlan::Sort(sort) if sort.fetch.is_none() => self.open(&sort.input),
            LogicalPlan::Projection(projection) => {
                let mut opened = self.open(&projection.input)?;
                let scope = Scope::of(projection.input.schema());
                let mut outputs = Vec::new();
                for (index, expression) in projection.expr.iter().enumerate() {
                    outputs.push(lower(&scope, expression)?.alias(position(index)));
                }
                outputs.extend(opened.carried.iter().map(|name| pl::col(name.as_str())));
                opened.frame = selected(opened.frame, outputs);
                Ok(opened)
            }
            LogicalPlan::Filter(filter) => {
                let mut opened = self.open(&filter.input)?;
                let schema: &DFSchema = filter.input.schema();
                let (correlated, plain): (Vec<&Expr>, Vec<&Expr>) = split_conjunction(&filter.predicate).into_iter().partition(|conjunct| conjunct.contains_outer());
                opened.frame = self.restrict(opened.frame, schema, &plain)?;
                let prefix = self.fresh("s");
                let mut used = std::collections::BTreeSet::new();
                for conjunct in correlated {
                    for column in conjunct.column_refs() {
                        used.insert(index_of(schema, column)?);
                    }
                    opened.predicates.push(Predicate { expression: conjunct, schema, prefix: prefix.clone() });
                }
                let further: Vec<(usize, String)> = used.into_iter().map(|index| (index, format!("{prefix}{index}"))).collect();
                opened.frame = opened.frame.with_columns(further.iter().map(|(index, name)| pl::col(position(*index)).alias(name.as_str())).collect::<Vec<_>>());
                opened.carried.extend(further.into_iter().map(|(_, name)| name));
                Ok(opened)
            }
            other => Err(Fault::unsupported(format!("a subquery correlated below the plan node `{}`", other.display()))),
        }
    }
}

/// Adds the column `name`: whether a row of `inner` belongs to the outer row. Never null, no row more or less.
pub(crate) fn mark(outer: pl::LazyFrame, inner: pl::LazyFrame, (pairing, name): (Pairing, &str)) -> pl::LazyFrame {
    let count = pairing.outer_keys.len();
    if count == 0 && pairing.residual.is_none() {
        let flag = inner.select([pl::len().gt(pl::lit(0_u32)).alias(name)]);
        return outer.cross_join(flag, None);
    }
    let key = |side: &str, index: usize| format!("{name}{side}{index}");
    let (mut outer_keys, mut inner_keys) = (pairing.outer_keys, pairing.inner_keys);
    if count == 0 {
        outer_keys.push(pl::lit(1_i32));
        inner_keys.push(pl::lit(1_i32));
    }
    let count = outer_keys.len();
    let named = |side: &str, keys: Vec<pl::Expr>| -> Vec<pl::Expr> { keys.into_iter().enumerate().map(|(index, expression)| expression.alias(key(side, index))).collect() };
    let columns_of = |side: &str| -> Vec<pl::Expr> { (0..count).map(|index| pl::col(key(side, index))).collect() };
    let outer = outer.with_columns(named("o", outer_keys));
    let inner = inner.with_columns(named("i", inner_keys));
    let join = |outer: pl::LazyFrame, inner: pl::LazyFrame| {
        outer.join_builder().with(inner).how(pl::JoinType::Left).left_on(columns_of("o")).right_on(columns_of("i")).maintain_order(pl::MaintainOrderJoin::LeftRight).finish()
    };
    let found = pl::col(name).fill_null(truth(false));
    let Some(residual) = pairing.residual else {
        let inner = inner.select(columns_of("i")).unique_stable(None, pl::UniqueKeepStrategy::Any).with_column(truth(true).alias(name));
        return join(outer, inner).with_column(found.alias(name));
    };
    let mut wanted = columns_of("i");
    wanted.extend(pairing.inner_columns.iter().map(|column| pl::col(column.as_str())));
    let inner = inner.select(wanted).with_column(truth(true).alias(name));
    let joined = join(outer.with_row_index("row", None), inner);
    let matches = found.and(residual.fill_null(truth(false)));
    let rows = candidates(joined, matches).filter(pl::col("first")).with_column(pl::col("any").alias(name));
    // The inner columns go too: the next mark may bring the same ones.
    let mut passing: Vec<String> = ["row", "match", "any", "first"].map(str::to_owned).into();
    passing.extend(pairing.inner_columns);
    rows.drop(pl::cols(passing))
}

/// The predicates as keys and a residual.
fn pairing(opened: &Opened<'_>, outer: &DFSchema) -> Result<Pairing, Fault> {
    let mut pairing = Pairing { outer_keys: Vec::new(), inner_keys: Vec::new(), inner_columns: opened.carried.clone(), residual: None };
    for predicate in &opened.predicates {
        let scope = Scope { schema: predicate.schema, prefix: &predicate.prefix, outer: Some(outer), marks: &[] };
        if let Some((inner, outer)) = key_pair(predicate.expression) {
            pairing.inner_keys.push(lower(&scope, inner)?);
            pairing.outer_keys.push(lower(&scope, outer)?);
            continue;
        }
        let test = lower(&scope, predicate.expression)?;
        pairing.residual = Some(match pairing.residual {
            Some(known) => known.and(test),
            None => test,
        });
    }
    Ok(pairing)
}

/// The inner and the outer half of an equality between the queries.
fn key_pair(predicate: &Expr) -> Option<(&Expr, &Expr)> {
    let Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) = predicate else {
        return None;
    };
    let is_inner = |side: &Expr| !side.contains_outer() && side.any_column_refs();
    let is_outer = |side: &Expr| side.contains_outer() && !side.any_column_refs();
    if is_inner(left) && is_outer(right) {
        Some((left, right))
    } else if is_inner(right) && is_outer(left) {
        Some((right, left))
    } else {
        None
    }
}

/// The subqueries of an expression, outermost only.
pub(crate) fn subqueries(expression: &Expr) -> Vec<Expr> {
    let mut found = Vec::new();
    // The walk has no error of its own.
    let _ = expression.apply(|part| {
        Ok(match part {
            Expr::Exists(_) | Expr::InSubquery(_) | Expr::ScalarSubquery(_) | Expr::SetComparison(_) => {
                found.push(part.clone());
                TreeNodeRecursion::Jump
            }
            _ => TreeNodeRecursion::Continue,
        })
    });
    found
}

/// The value of a scalar subquery as one row: null for no row, an error for more than one.
fn single(frame: pl::LazyFrame, name: &str) -> pl::LazyFrame {
    frame.select([pl::col(position(0)).alias(name)]).map(
        |rows: pl::DataFrame| match rows.height() {
            0 => Ok(pl::DataFrame::full_null(rows.schema(), 1)),
            1 => Ok(rows),
            count => Err(pl::PolarsError::ComputeError(format!("a scalar subquery gave {count} rows, expected at most one").into())),
        },
        pl::OptFlags::empty(),
        None,
        Some("scalar subquery"),
    )
}
