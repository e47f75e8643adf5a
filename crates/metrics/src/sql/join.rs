//! Joins.
//!
//! Equalities between the sides are keys; a null key matches nothing. What else stands in ON is the residual.
//! In a left join the residual decides which pairs match, not which rows stay: a row of the left
//! whose pairs all fail stays once, with nulls. What ON says of one side alone is asked of that side, before the join.

use datafusion_common::{Column, DFSchema, JoinType, NullEquality};
use datafusion_expr::utils::split_conjunction;
use datafusion_expr::{BinaryExpr, Expr, Join, LogicalPlan, Operator};
use polars::prelude as pl;

use super::error::Fault;
use super::expression::{Scope, index_of, lower, position, truth};
use super::plan::{Lowering, columns};
use super::subquery::{Pairing, mark};

/// One side of a join, lowered.
struct Side<'a> {
    frame: pl::LazyFrame,
    schema: &'a DFSchema,
}

impl Side<'_> {
    fn width(&self) -> usize {
        self.schema.fields().len()
    }
}

impl Lowering<'_> {
    /// The rows of a join, the left's columns before the right's.
    ///
    /// Errors: full joins and null-safe keys are unsupported, by name.
    pub(crate) fn join(&self, join: &Join) -> Result<pl::LazyFrame, Fault> {
        if join.null_equality != NullEquality::NullEqualsNothing {
            return Err(Fault::unsupported("a join in which null equals null"));
        }
        let schema = join_schema(join)?;
        let on = On::of(join, &schema)?;
        let left = self.side(&join.left, &on.left)?;
        let right = self.side(&join.right, &on.right)?;
        let widths = (left.width(), right.width());
        let condition = Condition::of(join, &on.pairs, &schema, widths.0)?;
        match join.join_type {
            JoinType::Inner => Ok(inner(left, right, condition)),
            JoinType::Left => Ok(left_outer(left, right, condition)),
            JoinType::Right => {
                let swapped = left_outer(right, left, condition.swapped(widths));
                let back = (widths.1..widths.1 + widths.0).chain(0..widths.1);
                Ok(swapped.select(back.enumerate().map(|(to, from)| pl::col(position(from)).alias(position(to))).collect::<Vec<_>>()))
            }
            JoinType::LeftSemi | JoinType::LeftAnti => Ok(self.semi(left, right, (condition, join.join_type))),
            other => Err(Fault::unsupported(format!("{other} JOIN"))),
        }
    }

    fn side<'p>(&self, plan: &'p LogicalPlan, conjuncts: &[&Expr]) -> Result<Side<'p>, Fault> {
        Ok(Side { frame: self.filtered(plan, conjuncts)?, schema: plan.schema() })
    }

    fn semi(&self, left: Side<'_>, right: Side<'_>, (condition, join_type): (Condition, JoinType)) -> pl::LazyFrame {
        let width = left.width();
        let right_width = right.width();
        let pairing = Pairing {
            outer_keys: condition.left_keys,
            inner_keys: condition.right_keys.into_iter().map(|key| shifted_names(key, 0, right_width, width)).collect(),
            inner_columns: (width..width + right_width).map(position).collect(),
            residual: condition.residual,
        };
        let inner = moved(right, width, Vec::new());
        let name = self.fresh("q");
        let marked = mark(left.frame, inner, (pairing, &name));
        let found = pl::col(name.as_str());
        let keep = if join_type == JoinType::LeftSemi { found } else { found.not() };
        marked.filter(keep).select(columns(0..width))
    }
}

/// What stands in ON beside the keys.
struct On<'p> {
    /// Of the left alone: other rows of it are of no pair, and need not be looked at.
    left: Vec<&'p Expr>,
    /// Of the right alone.
    right: Vec<&'p Expr>,
    pairs: Vec<&'p Expr>,
}

impl<'p> On<'p> {
    fn of(join: &'p Join, schema: &DFSchema) -> Result<Self, Fault> {
        // A side that keeps rows without a pair keeps those that fail a condition.
        let from_left = matches!(join.join_type, JoinType::Inner | JoinType::Right);
        let from_right = matches!(join.join_type, JoinType::Inner | JoinType::Left | JoinType::LeftSemi | JoinType::LeftAnti);
        let left_width = join.left.schema().fields().len();
        let mut on = Self { left: Vec::new(), right: Vec::new(), pairs: Vec::new() };
        for conjunct in join.filter.iter().flat_map(split_conjunction) {
            match side_of(conjunct, schema, left_width)? {
                Some(true) if from_left => on.left.push(conjunct),
                Some(false) if from_right => on.right.push(conjunct),
                _ => on.pairs.push(conjunct),
            }
        }
        Ok(on)
    }
}

/// What ON says, in terms of `c{i}`: keys each in their own side, the residual over both sides.
struct Condition {
    left_keys: Vec<pl::Expr>,
    right_keys: Vec<pl::Expr>,
    residual: Option<pl::Expr>,
}

impl Condition {
    fn of(join: &Join, pairs: &[&Expr], schema: &DFSchema, left_width: usize) -> Result<Self, Fault> {
        let left = Scope::of(join.left.schema());
        let right = Scope::of(join.right.schema());
        let both = Scope::of(schema);
        let mut condition = Self { left_keys: Vec::new(), right_keys: Vec::new(), residual: None };
        for (one, other) in &join.on {
            condition.left_keys.push(lower(&left, one)?);
            condition.right_keys.push(lower(&right, other)?);
        }
        for conjunct in pairs.iter().copied() {
            if let Some((one, other)) = key_pair(conjunct, schema, left_width)? {
                condition.left_keys.push(lower(&left, one)?);
                condition.right_keys.push(lower(&right, other)?);
            } else {
                let predicate = lower(&both, conjunct)?;
                condition.residual = Some(match condition.residual {
                    Some(known) => known.and(predicate),
                    None => predicate,
                });
            }
        }
        Ok(condition)
    }

    /// The same condition with the sides changed over.
    fn swapped(self, (left, right): (usize, usize)) -> Self {
        Self {
            left_keys: self.right_keys,
            right_keys: self.left_keys,
            residual: self.residual.map(|residual| {
                renamed(residual, &|index| {
                    if index < left { index + right } else { index - left }
                })
            }),
        }
    }
}

/// The left's and the right's half of an equality between the sides.
fn key_pair<'e>(conjunct: &'e Expr, schema: &DFSchema, left_width: usize) -> Result<Option<(&'e Expr, &'e Expr)>, Fault> {
    let Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) = conjunct else {
        return Ok(None);
    };
    let sides = (side_of(left, schema, left_width)?, side_of(right, schema, left_width)?);
    Ok(match sides {
        (Some(true), Some(false)) => Some((left, right)),
        (Some(false), Some(true)) => Some((right, left)),
        _ => None,
    })
}

/// Whether all columns are of the left; nothing if there are none, or some of both sides.
fn side_of(expression: &Expr, schema: &DFSchema, left_width: usize) -> Result<Option<bool>, Fault> {
    let mut side = None;
    let references: Vec<&Column> = expression.column_refs().into_iter().collect();
    for column in references {
        let is_left = index_of(schema, column)? < left_width;
        if side.is_some_and(|known| known != is_left) {
            return Ok(None);
        }
        side = Some(is_left);
    }
    Ok(side)
}

/// The schema that ON is written against, also where the join gives one side only.
fn join_schema(join: &Join) -> Result<DFSchema, Fault> {
    join.left.schema().join(join.right.schema()).map_err(|error| Fault::bound(&error))
}

fn key_name(side: &str, index: usize) -> String {
    format!("{side}{index}")
}

fn named_keys(side: &str, keys: &[pl::Expr]) -> Vec<pl::Expr> {
    keys.iter().enumerate().map(|(index, key)| key.clone().alias(key_name(side, index))).collect()
}

fn key_columns(side: &str, count: usize) -> Vec<pl::Expr> {
    (0..count).map(|index| pl::col(key_name(side, index))).collect()
}

/// The side with its columns counted from `start`, and further columns beside them.
fn moved(side: Side<'_>, start: usize, further: Vec<pl::Expr>) -> pl::LazyFrame {
    let mut outputs: Vec<pl::Expr> = (0..side.width()).map(|index| pl::col(position(index)).alias(position(start + index))).collect();
    outputs.extend(further);
    side.frame.select(outputs)
}

fn inner(left: Side<'_>, right: Side<'_>, condition: Condition) -> pl::LazyFrame {
    let count = condition.left_keys.len();
    let (start, width) = (left.width(), left.width() + right.width());
    let right_keys = named_keys("right", &condition.right_keys);
    let joined = if count == 0 {
        left.frame.cross_join(moved(right, start, Vec::new()), None)
    } else {
        left.frame
            .with_columns(named_keys("left", &condition.left_keys))
            .join_builder()
            .with(moved(right, start, right_keys))
            .how(pl::JoinType::Inner)
            .left_on(key_columns("left", count))
            .right_on(key_columns("right", count))
            .maintain_order(pl::MaintainOrderJoin::LeftRight)
            .finish()
    };
    let joined = match condition.residual {
        Some(residual) => joined.filter(residual),
        None => joined,
    };
    joined.select(columns(0..width))
}

fn left_outer(left: Side<'_>, right: Side<'_>, condition: Condition) -> pl::LazyFrame {
    let (start, width) = (left.width(), left.width() + right.width());
    let (mut left_keys, mut right_keys) = (condition.left_keys, condition.right_keys);
    if left_keys.is_empty() {
        // Every pair is a candidate, and a left row stays even where the right has none.
        left_keys.push(pl::lit(1_i32));
        right_keys.push(pl::lit(1_i32));
    }
    let count = left_keys.len();
    let mut further = named_keys("right", &right_keys);
    further.push(truth(true).alias("pair"));
    let left_frame = left.frame.with_columns(named_keys("left", &left_keys));
    let left_frame = if condition.residual.is_some() { left_frame.with_row_index("row", None) } else { left_frame };
    let joined = left_frame
        .join_builder()
        .with(moved(right, start, further))
        .how(pl::JoinType::Left)
        .left_on(key_columns("left", count))
        .right_on(key_columns("right", count))
        .maintain_order(pl::MaintainOrderJoin::LeftRight)
        .finish();
    let Some(residual) = condition.residual else {
        return joined.select(columns(0..width));
    };
    let matches = pl::col("pair").is_not_null().and(residual.fill_null(truth(false)));
    let kept = candidates(joined, matches).filter(pl::col("match").or(pl::col("any").not().and(pl::col("first"))));
    let mut outputs = columns(0..start);
    outputs.extend((start..width).map(|index| {
        let name = position(index);
        pl::when(pl::col("match")).then(pl::col(name.as_str())).otherwise(pl::lit(pl::NULL)).alias(name)
    }));
    kept.select(outputs)
}

/// Pairs with `match`, whether they match; `any`, whether one of their left row does; `first`, once per left row.
///
/// The pairs of a row of the left follow each other.
pub(crate) fn candidates(joined: pl::LazyFrame, matches: pl::Expr) -> pl::LazyFrame {
    let any = pl::col("match").apply_many(any_of_row, &[pl::col("row")], |_, _| Ok(pl::Field::new("any".into(), pl::DataType::Boolean)));
    let first = pl::col("row").neq_missing(pl::col("row").shift(pl::lit(1)));
    joined.with_column(matches.alias("match")).with_columns([any.alias("any"), first.alias("first")])
}

/// Of each pair whether one of its row matches: of columns `match` and `row`.
fn any_of_row(columns: &mut [pl::Column]) -> pl::PolarsResult<pl::Column> {
    let [matches, rows] = columns else { return Err(pl::polars_err!(ComputeError: "pairs have two columns")) };
    let matches: Vec<bool> = matches.bool()?.iter().map(|matches| matches == Some(true)).collect();
    let rows: Vec<Option<pl::IdxSize>> = rows.idx()?.iter().collect();
    let mut any = Vec::with_capacity(rows.len());
    for pairs in rows.chunk_by(|one, other| one == other) {
        let of_row = matches[any.len()..any.len() + pairs.len()].contains(&true);
        any.extend(std::iter::repeat_n(of_row, pairs.len()));
    }
    Ok(pl::IntoColumn::into_column(any.into_iter().map(Some).collect::<pl::BooleanChunked>()))
}

/// The expression with its columns `c{i}` counted anew.
fn renamed(expression: pl::Expr, index: &dyn Fn(usize) -> usize) -> pl::Expr {
    expression.map_expr(|part| match &part {
        pl::Expr::Column(name) => match name.strip_prefix('c').map(str::parse::<usize>) {
            Some(Ok(old)) => pl::col(position(index(old))),
            _ => part,
        },
        _ => part,
    })
}

/// The expression with the columns `from..from + width` moved up by `by`.
fn shifted_names(expression: pl::Expr, from: usize, width: usize, by: usize) -> pl::Expr {
    renamed(expression, &|index| {
        if (from..from + width).contains(&index) { index + by } else { index }
    })
}
