//! What the statement must know of types: which kind of number a metric is, and whether a time is a day or an instant.
//!
//! In: a project. Out: an engine over sources without rows, and the kinds of values. A query over it finds every fault that the same
//! query over a lake would find in the definitions.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use chrono::{DateTime, Utc};
use indexmap::IndexMap;
use polars::prelude::{Column as PolarsColumn, DataFrame, DataType as PolarsType, IntoLazy, TimeUnit as PolarsUnit, TimeZone};
use quotient_model::{Calculation, ColumnType, Metric, MetricKind, PeriodAgg, Project, SourceTable};

use crate::cell_map::CellMap;
use crate::cells::{Column, Kind};
use crate::engine::{BaseRequest, ConversionRequest, Engine};
use crate::error::MetricsError;
use crate::formula;
use crate::needs::{adds_up, find};
use crate::polars_engine::PolarsEngine;
use crate::sql::Relation;

/// An engine over sources that have their declared columns and no rows.
///
/// # Errors
/// Columns that Polars cannot put side by side.
pub fn empty_engine(project: &Project, as_of: DateTime<Utc>) -> Result<PolarsEngine<'_>, MetricsError> {
    let mut sources = IndexMap::new();
    for (name, table) in &project.sources {
        sources.insert(name.clone(), empty(name, table)?);
    }
    Ok(PolarsEngine::new(project, sources, as_of))
}

fn empty(name: &str, table: &SourceTable) -> Result<Relation, MetricsError> {
    let mut fields = Vec::new();
    let mut columns = Vec::new();
    for column in &table.columns {
        let (arrow, polars) = types(column.data_type);
        fields.push(Field::new(&column.name, arrow, true));
        columns.push(PolarsColumn::new_empty(column.name.as_str().into(), &polars));
    }
    let frame = DataFrame::new(0, columns).map_err(|source| MetricsError::Compute { model: name.to_owned(), doing: "put its columns side by side", source })?;
    Ok(Relation { schema: Arc::new(Schema::new(fields)), frame: frame.lazy() })
}

fn types(declared: ColumnType) -> (DataType, PolarsType) {
    match declared {
        ColumnType::Text => (DataType::Utf8, PolarsType::String),
        ColumnType::Integer => (DataType::Int64, PolarsType::Int64),
        ColumnType::Double => (DataType::Float64, PolarsType::Float64),
        ColumnType::Boolean => (DataType::Boolean, PolarsType::Boolean),
        ColumnType::Date => (DataType::Date32, PolarsType::Date),
        ColumnType::Instant => (DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())), PolarsType::Datetime(PolarsUnit::Microseconds, Some(TimeZone::UTC))),
        ColumnType::Timestamp => (DataType::Timestamp(TimeUnit::Microsecond, None), PolarsType::Datetime(PolarsUnit::Microseconds, None)),
        ColumnType::Decimal { precision, scale } => (DataType::Decimal128(precision, scale), PolarsType::Decimal(precision.into(), usize::try_from(scale).unwrap_or(0))),
    }
}

/// The kinds of what is aggregated from rows, by metric.
pub(crate) fn kinds_of(engine: &PolarsEngine<'_>, needs: &[BaseRequest<'_>], conversions: &[ConversionRequest<'_>]) -> Result<BTreeMap<String, Kind>, MetricsError> {
    let mut kinds = BTreeMap::new();
    for conversion in conversions {
        let batches = engine.conversion_cells(conversion)?;
        let field = batches.first().and_then(|batch| batch.schema().field_with_name(&conversion.name).ok().cloned());
        if let Some((field, measure)) = field.zip(conversion.conversion.measures.first()) {
            kinds.insert(measure.metric.to_owned(), kind_of_type(field.data_type()));
        }
    }
    for need in needs {
        let batches = engine.base_cells(need)?;
        let Some(schema) = batches.first().map(arrow::array::RecordBatch::schema) else { continue };
        // Columns that count the rows behind a metric have the metric's name too, with a sign in front.
        for measure in need.measures.iter().filter(|m| m.name.starts_with(m.metric)) {
            let Ok(field) = schema.field_with_name(&measure.name) else { continue };
            kinds.insert(measure.metric.to_owned(), kind_of_type(field.data_type()));
        }
    }
    Ok(kinds)
}

fn kind_of_type(data_type: &DataType) -> Kind {
    match data_type {
        DataType::Float64 | DataType::Float32 => Kind::Float,
        DataType::Decimal128(_, scale) => Kind::Decimal(*scale),
        _ => Kind::Int,
    }
}

/// The kind of a metric's values, from those of what is aggregated behind it.
pub(crate) fn kind_of(project: &Project, base: &BTreeMap<String, Kind>, metric: &Metric) -> Result<Kind, MetricsError> {
    let aggregated = || Ok(base.get(&metric.name).copied().unwrap_or(Kind::Int));
    match &metric.kind {
        MetricKind::Simple(_) => aggregated(),
        MetricKind::Conversion(conversion) if conversion.calculation == Calculation::Conversions => aggregated(),
        MetricKind::Cumulative { input, .. } if !adds_up(project, input) => aggregated(),
        MetricKind::Ratio { .. } | MetricKind::Conversion(_) | MetricKind::Cumulative { period_agg: PeriodAgg::Average, .. } => Ok(Kind::Float),
        MetricKind::Cumulative { input, .. } => kind_of(project, base, find(project, &input.metric)?),
        MetricKind::Derived { expr, inputs } => {
            let mut columns = Vec::new();
            for input in inputs {
                let kind = kind_of(project, base, find(project, &input.metric)?)?;
                columns.push((input.alias.clone(), Rc::new(Column { kind, cells: CellMap::default() })));
            }
            formula::evaluate(project, metric, expr, &columns).map(|column| column.kind)
        }
    }
}

/// The type of SQL that holds values of a kind.
pub(crate) fn sql_type(kind: Kind) -> String {
    match kind {
        Kind::Int => "BIGINT".to_owned(),
        Kind::Float => "DOUBLE".to_owned(),
        Kind::Decimal(scale) => format!("DECIMAL(38, {scale})"),
    }
}
