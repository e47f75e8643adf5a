//! Lowering: from a typed plan to a lazy frame.
//!
//! Invariant: column `i` of a node's schema is the frame's column `c{i}`, whatever its name in SQL.
//! So a join can rename nothing silently, and equal parts of a plan are equal plans that Polars reads once.
//! A frame may carry further columns; the next projection drops them.

use std::cell::{Cell, RefCell};

use arrow::datatypes::{DataType, Field, Schema};
use datafusion_common::DFSchema;
use datafusion_expr::utils::split_conjunction;
use datafusion_expr::{Distinct, EmptyRelation, Expr, FetchType, Filter, Limit, LogicalPlan, SkipType, Sort, TableScan, Union, Values, Window};
use indexmap::{IndexMap, IndexSet};
use polars::prelude as pl;

use super::Relation;
use super::bind::relation_key;
use super::error::Fault;
use super::expression::{Scope, lower, position};
use super::types::{logical, polars_type};

/// The way down a plan.
pub(crate) struct Lowering<'a> {
    /// What scans read.
    relations: &'a IndexMap<String, Relation>,
    /// How many names have been taken for columns that no schema has.
    taken: Cell<usize>,
    /// The windows of which first rows alone were wanted, so far.
    pub(crate) first_windows: RefCell<Vec<Window>>,
    /// The first rows of the one such window, where they are known.
    pub(crate) known_firsts: Option<&'a pl::LazyFrame>,
}

impl<'a> Lowering<'a> {
    /// A lowering that reads these relations.
    pub(crate) fn new(relations: &'a IndexMap<String, Relation>) -> Self {
        Self { relations, taken: Cell::new(0), first_windows: RefCell::default(), known_firsts: None }
    }

    /// The same over first rows that are known.
    pub(crate) fn with_firsts(self, firsts: &'a pl::LazyFrame) -> Self {
        Self { known_firsts: Some(firsts), ..self }
    }

    /// The whole plan, its columns named and typed as its schema says.
    pub(crate) fn relation(&self, plan: &LogicalPlan) -> Result<Relation, Fault> {
        let frame = self.lower(plan)?;
        let mut names = IndexSet::new();
        let mut fields = Vec::new();
        let mut columns = Vec::new();
        for (index, field) in plan.schema().fields().iter().enumerate() {
            if !names.insert(field.name().clone()) {
                return Err(Fault::Bind(format!("two columns of the result are named `{}`", field.name())));
            }
            let data_type = logical(field.data_type());
            columns.push(pl::col(position(index)).cast(polars_type(&data_type)?).alias(field.name().as_str()));
            fields.push(Field::new(field.name(), data_type, true));
        }
        Ok(Relation { schema: std::sync::Arc::new(Schema::new(fields)), frame: frame.select(columns) })
    }

    /// A node and all below it.
    pub(crate) fn lower(&self, plan: &LogicalPlan) -> Result<pl::LazyFrame, Fault> {
        match plan {
            LogicalPlan::TableScan(scan) => self.scan(scan),
            LogicalPlan::SubqueryAlias(alias) => self.lower(&alias.input),
            LogicalPlan::Subquery(subquery) => self.lower(&subquery.subquery),
            LogicalPlan::Projection(projection) => {
                let input = self.lower(&projection.input)?;
                self.project(input, projection.input.schema(), &projection.expr)
            }
            LogicalPlan::Filter(filter) => self.filter(filter),
            LogicalPlan::Aggregate(aggregate) => self.aggregate(aggregate),
            LogicalPlan::Window(window) => self.window(window),
            LogicalPlan::Join(join) => self.join(join),
            LogicalPlan::Union(union) => self.union(union),
            LogicalPlan::Distinct(Distinct::All(input)) => {
                let width = input.schema().fields().len();
                let rows = self.lower(input)?.select(columns(0..width));
                Ok(rows.unique_stable(None, pl::UniqueKeepStrategy::First))
            }
            LogicalPlan::Distinct(Distinct::On(_)) => Err(Fault::unsupported("DISTINCT ON")),
            LogicalPlan::Sort(sort) => self.sort(sort),
            LogicalPlan::Limit(limit) => self.limit(limit),
            LogicalPlan::Values(values) => rows_of(values),
            LogicalPlan::EmptyRelation(empty) => one_row(empty),
            other => Err(Fault::unsupported(format!("the plan node `{}`", other.display()))),
        }
    }

    /// A name that no other column has.
    pub(crate) fn fresh(&self, kind: &str) -> String {
        let number = self.taken.get();
        self.taken.set(number + 1);
        format!("{kind}{number}_")
    }

    fn scan(&self, scan: &TableScan) -> Result<pl::LazyFrame, Fault> {
        if !scan.filters.is_empty() || scan.fetch.is_some() {
            return Err(Fault::unsupported("a scan with filters"));
        }
        let key = relation_key(&scan.table_name);
        let relation = self.relations.get(&key).ok_or_else(|| Fault::Bind(format!("no relation is named `{key}`")))?;
        let mut columns = Vec::new();
        for (index, field) in scan.projected_schema.fields().iter().enumerate() {
            let column = pl::col(field.name().as_str());
            let stored = relation.schema.field_with_name(field.name()).map_or(&DataType::Null, Field::data_type);
            let column = if same_in_polars(stored, field.data_type()) { column } else { column.cast(polars_type(field.data_type())?) };
            columns.push(column.alias(position(index)));
        }
        Ok(relation.frame.clone().select(columns))
    }

    /// The expressions over a frame, as `c0`, `c1` and so on.
    pub(crate) fn project(&self, frame: pl::LazyFrame, schema: &DFSchema, expressions: &[Expr]) -> Result<pl::LazyFrame, Fault> {
        let (frame, marks) = self.marks(frame, schema, expressions)?;
        let scope = Scope { marks: &marks, ..Scope::of(schema) };
        let mut outputs = Vec::with_capacity(expressions.len());
        for (index, expression) in expressions.iter().enumerate() {
            outputs.push(lower(&scope, expression)?.alias(position(index)));
        }
        Ok(selected(frame, outputs))
    }

    fn filter(&self, filter: &Filter) -> Result<pl::LazyFrame, Fault> {
        self.filtered(&filter.input, &split_conjunction(&filter.predicate))
    }

    /// The rows of a node for which all conjuncts are true.
    pub(crate) fn filtered(&self, plan: &LogicalPlan, conjuncts: &[&Expr]) -> Result<pl::LazyFrame, Fault> {
        let frame = match self.firsts(plan, conjuncts)? {
            Some(firsts) => firsts,
            None => self.lower(plan)?,
        };
        self.restrict(frame, plan.schema(), conjuncts)
    }

    fn union(&self, union: &Union) -> Result<pl::LazyFrame, Fault> {
        let mut inputs = Vec::with_capacity(union.inputs.len());
        for input in &union.inputs {
            let frame = self.lower(input)?;
            let mut columns = Vec::new();
            for (index, field) in union.schema.fields().iter().enumerate() {
                columns.push(pl::col(position(index)).cast(polars_type(field.data_type())?));
            }
            inputs.push(frame.select(columns));
        }
        pl::concat(inputs, pl::UnionArgs::default()).map_err(|source| Fault::Polars { doing: "appending the inputs of a UNION", source })
    }

    fn sort(&self, sort: &Sort) -> Result<pl::LazyFrame, Fault> {
        let frame = self.lower(&sort.input)?;
        let scope = Scope::of(sort.input.schema());
        let mut keys = Vec::with_capacity(sort.expr.len());
        for key in &sort.expr {
            keys.push(lower(&scope, &key.expr)?);
        }
        let options = pl::SortMultipleOptions::default()
            .with_order_descending_multi(sort.expr.iter().map(|key| !key.asc))
            .with_nulls_last_multi(sort.expr.iter().map(|key| !key.nulls_first))
            .with_maintain_order(true);
        let sorted = frame.sort_by_exprs(keys, options);
        match sort.fetch {
            Some(fetch) => slice(sorted, 0, Some(fetch)),
            None => Ok(sorted),
        }
    }

    fn limit(&self, limit: &Limit) -> Result<pl::LazyFrame, Fault> {
        let skip = match limit.get_skip_type().map_err(|error| Fault::bound(&error))? {
            SkipType::Literal(skip) => skip,
            SkipType::UnsupportedExpr => return Err(Fault::unsupported("a computed OFFSET")),
        };
        let fetch = match limit.get_fetch_type().map_err(|error| Fault::bound(&error))? {
            FetchType::Literal(fetch) => fetch,
            FetchType::UnsupportedExpr => return Err(Fault::unsupported("a computed LIMIT")),
        };
        slice(self.lower(&limit.input)?, skip, fetch)
    }
}

/// The columns `c{i}` of a range.
pub(crate) fn columns(range: std::ops::Range<usize>) -> Vec<pl::Expr> {
    range.map(|index| pl::col(position(index))).collect()
}

/// A selection that keeps the number of rows, even of literals alone.
pub(crate) fn selected(frame: pl::LazyFrame, outputs: Vec<pl::Expr>) -> pl::LazyFrame {
    let reads = outputs.iter().any(|output| output.into_iter().any(|part| matches!(part, pl::Expr::Column(_))));
    if reads || outputs.is_empty() {
        return frame.select(outputs);
    }
    let width = outputs.len();
    frame.with_columns(outputs).select(columns(0..width))
}

fn same_in_polars(stored: &DataType, wanted: &DataType) -> bool {
    let text = matches!(stored, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View);
    stored == wanted || (text && *wanted == DataType::Utf8)
}

fn slice(frame: pl::LazyFrame, skip: usize, fetch: Option<usize>) -> Result<pl::LazyFrame, Fault> {
    let too_far = || Fault::unsupported("a LIMIT beyond 4,294,967,295 rows");
    let skip = i64::try_from(skip).map_err(|_| too_far())?;
    let rows = match fetch {
        Some(fetch) => pl::IdxSize::try_from(fetch).map_err(|_| too_far())?,
        None => pl::IdxSize::MAX,
    };
    Ok(frame.slice(skip, rows))
}

fn rows_of(values: &Values) -> Result<pl::LazyFrame, Fault> {
    let scope = Scope::of(&values.schema);
    let mut rows = Vec::with_capacity(values.values.len());
    for row in &values.values {
        let mut outputs = Vec::with_capacity(row.len());
        for (index, value) in row.iter().enumerate() {
            let target = polars_type(values.schema.field(index).data_type())?;
            outputs.push(lower(&scope, value)?.cast(target).alias(position(index)));
        }
        rows.push(selected(unit()?, outputs));
    }
    pl::concat(rows, pl::UnionArgs::default()).map_err(|source| Fault::Polars { doing: "building the rows of VALUES", source })
}

fn one_row(empty: &EmptyRelation) -> Result<pl::LazyFrame, Fault> {
    if empty.produce_one_row { unit() } else { Err(Fault::unsupported("a relation without rows")) }
}

/// One row, for queries without FROM.
fn unit() -> Result<pl::LazyFrame, Fault> {
    let column = pl::Column::new("unit".into(), [true]);
    let frame = pl::DataFrame::new_infer_height(vec![column]).map_err(|source| Fault::Polars { doing: "making one row", source })?;
    Ok(pl::IntoLazy::lazy(frame))
}
