//! Rows of which only the first or last moment of a period counts: balances, the latest answer of a customer.
//!
//! In: the rows of a fact. Out: those at the moment that counts, in every period and for every value of what the rule groups by.
//! Filters come first: the last row that passes counts. A missing value is a value of its own.

use chrono::NaiveDate;
use polars::prelude::{DataFrame, DataType as PolarsType, Expr, IntoColumn, IntoLazy, NamedFrom, Series, col, lit};
use quotient_model::{NonAdditive, Semantics, WindowChoice};

use crate::engine::{BaseRequest, NONE};
use crate::error::MetricsError;
use crate::fact::{Fact, TIME, collect, days_of_rows};
use crate::polars_engine::PolarsEngine;

/// The moment of a row, where it is finer than its day.
pub(crate) const MOMENT: &str = "__moment";
const PERIOD: &str = "__period";

/// The columns that the rows of a non-additive measure keep: the moment, and what each has its own of.
pub(crate) fn kept(rule: &NonAdditive, semantics: &Semantics) -> Vec<(String, String)> {
    let by = rule.by.iter().enumerate().filter_map(|(i, name)| Some((by_name(i), semantics.property(name)?.to_owned())));
    // A time that is declared by the day has days for moments, however fine its values are.
    let moment = semantics.dimension(&rule.time).filter(|time| time.finer_than_day()).map(|time| (MOMENT.to_owned(), time.expr.clone()));
    moment.into_iter().chain(by).collect()
}

/// The column of something that each has its own moment of.
pub(crate) fn by_name(index: usize) -> String {
    format!("__by_{index}")
}

/// The fact with the rows that count.
pub(crate) fn keep(engine: &PolarsEngine<'_>, request: &BaseRequest<'_>, rule: &NonAdditive, fact: Fact) -> Result<Fact, MetricsError> {
    let passing = match fact.measures.filters.first().and_then(Option::as_ref) {
        Some(filter) => collect(fact.frame.lazy().filter(col(filter.as_str())), request.model, "filter its rows")?,
        None => fact.frame,
    };
    let grain = request.groupings.first().and_then(|grouping| grouping.grain);
    let calendar = &engine.project().calendar;
    let start = |day: i32| NaiveDate::from_epoch_days(day).zip(grain).map(|(day, grain)| calendar.start_of(grain, day).to_epoch_days());
    let periods: Vec<Option<i32>> = days_of_rows(&passing, TIME, request.model)?.iter().map(|day| day.and_then(start)).collect();
    let mut rows: DataFrame = passing;
    rows.with_column(Series::new(PERIOD.into(), periods).into_column()).map_err(|source| MetricsError::Compute {
        model: request.model.to_owned(),
        doing: "add the period of its rows",
        source,
    })?;
    let moment = if rows.get_column_index(MOMENT).is_some() { col(MOMENT) } else { col(TIME) };
    let extreme = match rule.choice {
        WindowChoice::Min => moment.clone().min(),
        WindowChoice::Max => moment.clone().max(),
    };
    let mut groups: Vec<Expr> = vec![col(PERIOD).fill_null(lit(0))];
    groups.extend((0..rule.by.len()).map(|i| col(by_name(i)).cast(PolarsType::String).fill_null(lit(NONE))));
    let extreme = extreme.over(groups).map_err(|source| MetricsError::Compute { model: request.model.to_owned(), doing: "find the moment that counts", source })?;
    let frame = collect(rows.lazy().filter(moment.eq(extreme)), request.model, "keep the rows of the moment that counts")?;
    Ok(Fact { frame, ..fact })
}
