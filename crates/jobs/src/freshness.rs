//! Freshness: how old the newest row of a source is, at as-of.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Date32Type, TimestampMicrosecondType};
use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};
use quotient_metrics::sql::SqlModel;
use quotient_metrics::{MetricsError, PolarsEngine};
use quotient_model::{Calendar, ColumnType, Freshness, Outcome, Project, SourceTable, quoted};
use quotient_report::Finding;

use crate::data_tests::{TestResult, relation};

/// Compares the newest row of a table with as-of; a table without rows is older than any limit.
///
/// Rows at or after as-of are not seen, where `loaded_at_field` is a declared instant.
pub(crate) fn freshness(engine: &PolarsEngine<'_>, project: &Project, table: &SourceTable, as_of: DateTime<Utc>) -> Result<Option<TestResult>, MetricsError> {
    let Some(rule) = &table.freshness else { return Ok(None) };
    let key = format!("{}.{}", table.schema, table.name);
    let column = table.columns.iter().find(|column| column.name == rule.loaded_at);
    let loaded_at = column.map_or_else(|| rule.loaded_at.clone(), |column| quoted(&column.name));
    let mut conditions: Vec<String> = rule.filter.iter().map(|filter| format!("(\n{filter}\n)")).collect();
    if column.is_some_and(|column| column.data_type == ColumnType::Instant) {
        conditions.push(format!("{loaded_at} < instant('{}')", as_of.to_rfc3339_opts(SecondsFormat::AutoSi, true)));
    }
    let filter = if conditions.is_empty() { String::new() } else { format!(" WHERE {}", conditions.join(" AND ")) };
    let name = format!("freshness_{}_{}", table.schema, table.name);
    let sql = format!("SELECT max({loaded_at}) AS \"newest\" FROM {}{filter}", relation(&key));
    let batch = engine.sql(&SqlModel { name: &name, file: &rule.place.file, sql: &sql }, &[&key])?;
    let newest = instant_of(&batch, &project.calendar);
    let (outcome, limit) = judge(rule, newest, as_of);
    let finding = Finding {
        table: key,
        column: Some(rule.loaded_at.clone()),
        rule: "freshness".to_owned(),
        test: name,
        key: Some(rule.loaded_at.clone()),
        count: u64::from(outcome != Outcome::Pass),
        examples: newest.map(|newest| newest.to_rfc3339_opts(SecondsFormat::AutoSi, true)).into_iter().collect(),
        severity: if rule.error_after.is_some() { "error" } else { "warn" }.to_owned(),
        outcome: outcome.name().to_owned(),
    };
    Ok(Some(TestResult { kind: "freshness", finding, outcome, limit, differences: Vec::new(), place: rule.place.clone(), further: Vec::new() }))
}

fn judge(rule: &Freshness, newest: Option<DateTime<Utc>>, as_of: DateTime<Utc>) -> (Outcome, String) {
    let is_older = |micros: i64| newest.is_none_or(|newest| as_of.timestamp_micros() - newest.timestamp_micros() > micros);
    for (outcome, age) in [(Outcome::Error, rule.error_after), (Outcome::Warn, rule.warn_after)] {
        if let Some(age) = age
            && is_older(age.micros())
        {
            return (outcome, format!("{} after {age}", outcome.name()));
        }
    }
    (Outcome::Pass, String::new())
}

/// The first value as an instant: a date is its midnight in the project's zone, a timestamp is taken as UTC.
fn instant_of(batch: &RecordBatch, calendar: &Calendar) -> Option<DateTime<Utc>> {
    let column = batch.column(0);
    if column.is_empty() || column.is_null(0) {
        return None;
    }
    if let Some(days) = column.as_primitive_opt::<Date32Type>() {
        return Some(calendar.start_instant(NaiveDate::from_epoch_days(days.value(0))?));
    }
    DateTime::from_timestamp_micros(column.as_primitive_opt::<TimestampMicrosecondType>()?.value(0))
}
