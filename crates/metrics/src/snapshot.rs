//! Rows of which only the first or last moment of a period counts: balances, the latest answer of a customer.
//!
//! In: the rows of a fact. Out: those at the moment that counts, in every period and for every value of what the rule groups by.
//! Filters come first: the last row that passes counts. A missing value is a value of its own.

use std::collections::HashMap;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Date32Array, Int64Array, RecordBatch};
use arrow::compute::{cast, filter_record_batch};
use arrow::datatypes::{DataType, Date32Type, Int64Type};
use arrow::error::ArrowError;
use chrono::NaiveDate;
use quotient_model::{Calendar, NonAdditive, Semantics, WindowChoice};

use crate::cube::{CubeError, DistinctRows};
use crate::engine::BaseRequest;
use crate::error::MetricsError;
use crate::fact::TIME;

/// The moment of a row, where it is finer than its day.
pub(crate) const MOMENT: &str = "__moment";
/// What the names of columns begin with of which each value has its own moment.
const BY: &str = "__by_";

/// The columns that the rows of a non-additive measure keep: the moment, and what each has its own of.
pub(crate) fn kept(rule: &NonAdditive, semantics: &Semantics) -> Vec<(String, String)> {
    let by = rule.by.iter().enumerate().filter_map(|(i, name)| Some((by_name(i), semantics.property(name)?.to_owned())));
    // A time that is declared by the day has days for moments, however fine its values are.
    let moment = semantics.dimension(&rule.time).filter(|time| time.finer_than_day()).map(|time| (MOMENT.to_owned(), time.expr.clone()));
    moment.into_iter().chain(by).collect()
}

/// The column of something that each has its own moment of.
pub(crate) fn by_name(index: usize) -> String {
    format!("{BY}{index}")
}

/// The rows of a fact, and what is compared of them.
pub(crate) struct Rows {
    /// Without what each row has its own moment of.
    batch: RecordBatch,
    days: Date32Array,
    /// Where it is finer than the day.
    moments: Option<Int64Array>,
    /// The number of what each row has its own moment of.
    groups: Vec<u32>,
}

impl Rows {
    /// The rows of a fact of a model, with the columns of [`kept`].
    pub(crate) fn new(rows: &RecordBatch, model: &str) -> Result<Self, MetricsError> {
        let refused = |source| MetricsError::Cube { model: model.to_owned(), source };
        let fault = |source| refused(CubeError::Arrow { doing: "finding the moment that counts".to_owned(), source });
        let (by, others): (Vec<usize>, Vec<usize>) = (0..rows.num_columns()).partition(|at| rows.schema_ref().field(*at).name().starts_with(BY));
        let by = rows.project(&by).map_err(fault)?;
        let groups = DistinctRows::new(&by, 0..by.num_columns()).map_err(refused)?.of_row;
        let days = rows.column_by_name(TIME).ok_or_else(|| fault(ArrowError::SchemaError(format!("no column {TIME}"))))?;
        let days = cast(days, &DataType::Date32).map_err(fault)?.as_primitive::<Date32Type>().clone();
        let numbers = |moments: &ArrayRef| Ok::<Int64Array, MetricsError>(cast(moments, &DataType::Int64).map_err(fault)?.as_primitive::<Int64Type>().clone());
        let moments = rows.column_by_name(MOMENT).map(numbers).transpose()?;
        Ok(Self { batch: rows.project(&others).map_err(fault)?, days, moments, groups })
    }

    /// Those at the moment that counts, of the rows that pass a filter: in every period of the grain of a request.
    pub(crate) fn at_moment(&self, calendar: &Calendar, request: &BaseRequest<'_>, rule: &NonAdditive, filter: Option<&str>) -> Result<RecordBatch, MetricsError> {
        let fault =
            |source| MetricsError::Cube { model: request.model.to_owned(), source: CubeError::Arrow { doing: "keeping the rows of the moment that counts".to_owned(), source } };
        filter_record_batch(&self.batch, &self.counting(calendar, request, rule, filter)).map_err(fault)
    }

    /// All of them.
    pub(crate) fn all(&self) -> &RecordBatch {
        &self.batch
    }

    /// Whether each row is one at the moment that counts.
    pub(crate) fn counting(&self, calendar: &Calendar, request: &BaseRequest<'_>, rule: &NonAdditive, filter: Option<&str>) -> BooleanArray {
        let passing = filter.and_then(|filter| self.batch.column_by_name(filter)?.as_boolean_opt());
        let grain = request.groupings.first().and_then(|grouping| grouping.grain);
        let start = |day: i32| NaiveDate::from_epoch_days(day).zip(grain).map(|(day, grain)| calendar.start_of(grain, day).to_epoch_days());
        let mut start_of: HashMap<i32, Option<i32>> = HashMap::new();
        let periods: Vec<Option<i32>> = self.days.iter().map(|day| day.and_then(|day| *start_of.entry(day).or_insert_with(|| start(day)))).collect();
        let is_better = |moment: i64, known: i64| match rule.choice {
            WindowChoice::Min => moment < known,
            WindowChoice::Max => moment > known,
        };
        let moment = |row: usize| match &self.moments {
            Some(moments) => moments.is_valid(row).then(|| moments.value(row)),
            None => self.days.is_valid(row).then(|| i64::from(self.days.value(row))),
        };
        let moment = |row: usize| moment(row).filter(|_| passing.is_none_or(|passing| passing.is_valid(row) && passing.value(row)));
        let mut extremes: HashMap<(Option<i32>, u32), i64> = HashMap::new();
        let places = || periods.iter().copied().zip(self.groups.iter().copied()).enumerate();
        for (row, place) in places() {
            let Some(moment) = moment(row) else { continue };
            let known = extremes.entry(place).or_insert(moment);
            if is_better(moment, *known) {
                *known = moment;
            }
        }
        places().map(|(row, place)| Some(moment(row).is_some_and(|moment| extremes.get(&place) == Some(&moment)))).collect()
    }
}
