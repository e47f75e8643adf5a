//! The tables of days and of periods: what every calendar column of a BI tool joins to.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Date32Array, Float64Array, Int32Array, RecordBatch, StringArray};
use arrow::datatypes::Date32Type;
use chrono::{DateTime, Datelike, NaiveDate, Utc};
use quotient_model::{Calendar, Grain, Period};

use crate::error::ReportError;

/// Which periods `dim_period` lists.
#[derive(Debug, Clone, Copy)]
pub struct PeriodRange<'a> {
    /// The calendar.
    pub calendar: &'a Calendar,
    /// The grains.
    pub grains: &'a [Grain],
    /// The first day.
    pub from: NaiveDate,
    /// The day after the last.
    pub to: NaiveDate,
    /// What counts as now.
    pub as_of: DateTime<Utc>,
}

/// `dim_date`: one row per day of `[from, to)`, in order.
///
/// Columns: date, weekday (1 is Monday), `day_of_year`, week and `week_year` (of the calendar's week start; ISO 8601 for Monday),
/// month, quarter, year, `fiscal_quarter` and `fiscal_year` (named by the year in which it ends),
/// `week_start`, `month_start`, `quarter_start`, `year_start` (the first day of the period that the day is in).
///
/// # Errors
/// None that a calendar can cause.
pub fn dim_date(calendar: &Calendar, from: NaiveDate, to: NaiveDate) -> Result<RecordBatch, ReportError> {
    let days: Vec<NaiveDate> = from.iter_days().take_while(|day| *day < to).collect();
    let number = |of: &dyn Fn(NaiveDate) -> i32| -> ArrayRef { Arc::new(Int32Array::from_iter_values(days.iter().map(|day| of(*day)))) };
    let whole = |of: &dyn Fn(NaiveDate) -> u32| -> ArrayRef { number(&|day| i32::try_from(of(day)).unwrap_or(i32::MAX)) };
    let start = |grain: Grain| -> ArrayRef { dates(days.iter().map(|day| Some(calendar.start_of(grain, *day)))) };
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("date", dates(days.iter().map(|day| Some(*day)))),
        ("weekday", whole(&|day| day.weekday().number_from_monday())),
        ("day_of_year", whole(&|day| day.ordinal())),
        ("week", whole(&|day| calendar.week_number(day).1)),
        ("week_year", number(&|day| calendar.week_number(day).0)),
        ("month", whole(&|day| day.month())),
        ("quarter", whole(&|day| day.month0() / 3 + 1)),
        ("year", number(&|day| day.year())),
        ("fiscal_quarter", whole(&|day| calendar.fiscal_quarter(day).1)),
        ("fiscal_year", number(&|day| calendar.fiscal_quarter(day).0)),
        ("week_start", start(Grain::Week)),
        ("month_start", start(Grain::Month)),
        ("quarter_start", start(Grain::Quarter)),
        ("year_start", start(Grain::Year)),
    ];
    batch("dim_date", columns)
}

/// `dim_period`: one row per period that touches a day of `[from, to)`, by grain as given and then by day.
///
/// Columns: grain, `period_start`, `period_end` (the day after the last), label,
/// `previous_start` (first day of the period before), `last_year_start` (of the same period last year; null where that year has none),
/// `is_complete` (ended at as-of), `elapsed_share` (0 to 1, by time).
///
/// # Errors
/// None that a calendar can cause.
pub fn dim_period(range: &PeriodRange<'_>) -> Result<RecordBatch, ReportError> {
    let calendar = range.calendar;
    let periods: Vec<Period> = range.grains.iter().flat_map(|grain| calendar.periods(*grain, range.from, range.to)).collect();
    let each = || periods.iter().copied();
    let complete: Vec<bool> = each().map(|p| calendar.is_complete(p, range.as_of)).collect();
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("grain", Arc::new(StringArray::from_iter_values(each().map(|p| p.grain.name())))),
        ("period_start", dates(each().map(|p| Some(p.start)))),
        ("period_end", dates(each().map(|p| Some(p.end)))),
        ("label", Arc::new(StringArray::from_iter_values(each().map(|p| p.label())))),
        ("previous_start", dates(each().map(|p| Some(calendar.previous(p).start)))),
        ("last_year_start", dates(each().map(|p| calendar.same_last_year(p).map(|last| last.start)))),
        ("is_complete", Arc::new(BooleanArray::from(complete))),
        ("elapsed_share", Arc::new(Float64Array::from_iter_values(each().map(|p| calendar.elapsed_share(p, range.as_of))))),
    ];
    batch("dim_period", columns)
}

fn dates(days: impl Iterator<Item = Option<NaiveDate>>) -> ArrayRef {
    Arc::new(days.map(|day| day.map(Date32Type::from_naive_date)).collect::<Date32Array>())
}

fn batch(table: &str, columns: Vec<(&str, ArrayRef)>) -> Result<RecordBatch, ReportError> {
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, column)| (name, column, true))).map_err(ReportError::rows(table, "make"))
}

#[cfg(test)]
mod tests {
    use super::{PeriodRange, dim_date, dim_period};
    use crate::render::{Format, render};
    use chrono::NaiveDate;
    use quotient_model::{Calendar, Grain};

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn days_across_a_year_have_their_own_week_year() {
        let calendar = Calendar { fiscal_year_start: 4, ..Calendar::default() };
        let batch = dim_date(&calendar, day("2024-12-31"), day("2025-01-02")).unwrap();
        let expected = "date,weekday,day_of_year,week,week_year,month,quarter,year,fiscal_quarter,fiscal_year,week_start,month_start,quarter_start,year_start\r\n\
            2024-12-31,2,366,1,2025,12,4,2024,3,2025,2024-12-30,2024-12-01,2024-10-01,2024-01-01\r\n\
            2025-01-01,3,1,1,2025,1,1,2025,4,2025,2024-12-30,2025-01-01,2025-01-01,2025-01-01\r\n";
        assert_eq!(render(&batch, Format::Csv).unwrap(), expected);
    }

    #[test]
    fn periods_know_their_neighbours_and_how_far_they_are() {
        let calendar = Calendar::default();
        let batch = dim_period(&PeriodRange {
            calendar: &calendar,
            grains: &[Grain::Day, Grain::Month],
            from: day("2024-02-29"),
            to: day("2024-03-02"),
            as_of: "2024-03-01T12:00:00Z".parse().unwrap(),
        })
        .unwrap();
        let expected = "grain,period_start,period_end,label,previous_start,last_year_start,is_complete,elapsed_share\r\n\
            day,2024-02-29,2024-03-01,2024-02-29,2024-02-28,,true,1\r\n\
            day,2024-03-01,2024-03-02,2024-03-01,2024-02-29,2023-03-01,false,0.5\r\n\
            month,2024-02-01,2024-03-01,2024-02,2024-01-01,2023-02-01,true,1\r\n\
            month,2024-03-01,2024-04-01,2024-03,2024-02-01,2023-03-01,false,0.016129032258064516\r\n";
        assert_eq!(render(&batch, Format::Csv).unwrap(), expected);
    }
}
