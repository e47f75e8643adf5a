//! Rows of which only the first or last moment of a period counts: balances, the latest answer of a customer.
//!
//! In: the rows of a fact. Out: those at the moment that counts, in every period and for every value of what the rule groups by.
//! Filters come first: the last row that passes counts. A missing value is a value of its own.

use std::collections::HashMap;

use chrono::NaiveDate;
use polars::prelude::{BooleanChunked, Column, DataFrame, DataType as PolarsType};
use quotient_model::{Calendar, NonAdditive, Semantics, WindowChoice};

use crate::bridge;
use crate::cube::DistinctRows;
use crate::engine::BaseRequest;
use crate::error::MetricsError;
use crate::fact::{TIME, days_of_rows};

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
    pub(crate) frame: DataFrame,
    days: Vec<Option<i32>>,
    moments: Vec<Option<i64>>,
    /// The number of what each row has its own moment of.
    groups: Vec<u32>,
}

impl Rows {
    /// The rows of a fact of a model, with the columns of [`kept`].
    pub(crate) fn new(frame: DataFrame, model: &str) -> Result<Self, MetricsError> {
        let refused = |source| MetricsError::Compute { model: model.to_owned(), doing: "find the moment that counts", source };
        let by: Vec<Column> = frame.columns().iter().filter(|column| column.name().starts_with(BY)).cloned().collect();
        let by = bridge::record_batch(&DataFrame::new(frame.height(), by).map_err(refused)?)?;
        let groups = DistinctRows::new(&by, 0..by.num_columns()).map_err(|source| MetricsError::Cube { model: model.to_owned(), source })?.of_row;
        let days: Vec<Option<i32>> = days_of_rows(&frame, TIME, model)?.iter().collect();
        let moments = match frame.column(MOMENT) {
            Ok(moments) => moments.to_physical_repr().cast(&PolarsType::Int64).and_then(|moments| Ok(moments.i64()?.iter().collect())).map_err(refused)?,
            Err(_) => days.iter().map(|day| day.map(i64::from)).collect(),
        };
        Ok(Self { frame, days, moments, groups })
    }

    /// Those at the moment that counts, of the rows that pass a filter: in every period of the grain of a request.
    pub(crate) fn at_moment(&self, calendar: &Calendar, request: &BaseRequest<'_>, rule: &NonAdditive, filter: Option<&str>) -> Result<DataFrame, MetricsError> {
        let refused = |source| MetricsError::Compute { model: request.model.to_owned(), doing: "keep the rows of the moment that counts", source };
        let passes: Vec<bool> = match filter {
            Some(filter) => self.frame.column(filter).and_then(|column| Ok(column.bool()?.iter().map(|passes| passes == Some(true)).collect())).map_err(refused)?,
            None => vec![true; self.frame.height()],
        };
        let grain = request.groupings.first().and_then(|grouping| grouping.grain);
        let start = |day: i32| NaiveDate::from_epoch_days(day).zip(grain).map(|(day, grain)| calendar.start_of(grain, day).to_epoch_days());
        let mut start_of: HashMap<i32, Option<i32>> = HashMap::new();
        let periods: Vec<Option<i32>> = self.days.iter().map(|day| day.and_then(|day| *start_of.entry(day).or_insert_with(|| start(day)))).collect();
        let is_better = |moment: i64, known: i64| match rule.choice {
            WindowChoice::Min => moment < known,
            WindowChoice::Max => moment > known,
        };
        let mut extremes: HashMap<(Option<i32>, u32), i64> = HashMap::new();
        let places = || periods.iter().copied().zip(self.groups.iter().copied()).zip(&self.moments).zip(&passes);
        for ((place, moment), passes) in places() {
            let Some(moment) = moment.filter(|_| *passes) else { continue };
            let known = extremes.entry(place).or_insert(moment);
            if is_better(moment, *known) {
                *known = moment;
            }
        }
        let mask: BooleanChunked = places().map(|((place, moment), passes)| Some(*passes && moment.is_some() && extremes.get(&place).copied() == *moment)).collect();
        self.frame.filter(&mask).map_err(refused)
    }
}
