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
/// month, quarter, year, `fiscal_month`, `fiscal_quarter` and `fiscal_year` (named by the year in which it ends),
/// `retail_week`, `retail_month`, `retail_quarter` and `retail_year` (named by the year in which most of its months lie),
/// `week_start` and so on for every grain but day (the first day of the period that the day is in),
/// `previous_date`, `last_year_date` (the same date a year before; null for 29 February),
/// `retail_last_year_date` (the same weekday of the same week of the retail year before; null in week 53).
///
/// # Errors
/// None that a calendar can cause.
pub fn dim_date(calendar: &Calendar, from: NaiveDate, to: NaiveDate) -> Result<RecordBatch, ReportError> {
    let days: Vec<NaiveDate> = from.iter_days().take_while(|day| *day < to).collect();
    let number = |of: &dyn Fn(NaiveDate) -> i32| -> ArrayRef { Arc::new(Int32Array::from_iter_values(days.iter().map(|day| of(*day)))) };
    let whole = |of: &dyn Fn(NaiveDate) -> u32| -> ArrayRef { number(&|day| i32::try_from(of(day)).unwrap_or(i32::MAX)) };
    let ordinal = |grain: Grain| whole(&|day| calendar.ordinal(grain, day).1);
    let year = |grain: Grain| number(&|day| calendar.ordinal(grain, day).0);
    let other = |of: &dyn Fn(Period) -> Option<Period>| -> ArrayRef { dates(days.iter().map(|day| of(calendar.period(Grain::Day, *day)).map(|p| p.start))) };
    let mut columns: Vec<(String, ArrayRef)> = named(vec![
        ("date", dates(days.iter().map(|day| Some(*day)))),
        ("weekday", whole(&|day| day.weekday().number_from_monday())),
        ("day_of_year", ordinal(Grain::Day)),
        ("week", ordinal(Grain::Week)),
        ("week_year", year(Grain::Week)),
        ("month", ordinal(Grain::Month)),
        ("quarter", ordinal(Grain::Quarter)),
        ("year", year(Grain::Year)),
        ("fiscal_month", ordinal(Grain::FiscalMonth)),
        ("fiscal_quarter", ordinal(Grain::FiscalQuarter)),
        ("fiscal_year", year(Grain::FiscalYear)),
        ("retail_week", ordinal(Grain::RetailWeek)),
        ("retail_month", ordinal(Grain::RetailMonth)),
        ("retail_quarter", ordinal(Grain::RetailQuarter)),
        ("retail_year", year(Grain::RetailYear)),
    ]);
    for grain in Grain::ALL.into_iter().filter(|grain| *grain != Grain::Day) {
        columns.push((format!("{grain}_start"), dates(days.iter().map(|day| Some(calendar.start_of(grain, *day))))));
    }
    columns.extend(named(vec![
        ("previous_date", other(&|day| Some(calendar.previous(day)))),
        ("last_year_date", other(&|day| calendar.same_last_year(day))),
        ("retail_last_year_date", other(&|day| calendar.moved_by(day, Grain::RetailYear, -1))),
    ]));
    batch("dim_date", columns)
}

/// `dim_period`: one row per period that touches a day of `[from, to)`, by grain as given and then by day.
///
/// Columns: grain, `period_start`, `period_end` (the day after the last), label, year and number (from 1, in the year of the grain's calendar),
/// days (how many it has), `previous_start` (first day of the period before),
/// `last_year_start` (of the period with the same number last year, for a day the same date; null where that year has none),
/// `is_complete` (ended at as-of), `elapsed_share` (0 to 1, by time).
///
/// # Errors
/// None that a calendar can cause.
pub fn dim_period(range: &PeriodRange<'_>) -> Result<RecordBatch, ReportError> {
    let calendar = range.calendar;
    let periods: Vec<Period> = range.grains.iter().flat_map(|grain| calendar.periods(*grain, range.from, range.to)).collect();
    let each = || periods.iter().copied();
    let complete: Vec<bool> = each().map(|p| calendar.is_complete(p, range.as_of)).collect();
    let ordinals: Vec<(i32, u32)> = each().map(|p| calendar.ordinal(p.grain, p.start)).collect();
    let number = |of: &dyn Fn(usize) -> i64| -> ArrayRef { Arc::new(Int32Array::from_iter_values((0..periods.len()).map(|i| i32::try_from(of(i)).unwrap_or(i32::MAX)))) };
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("grain", Arc::new(StringArray::from_iter_values(each().map(|p| p.grain.name())))),
        ("period_start", dates(each().map(|p| Some(p.start)))),
        ("period_end", dates(each().map(|p| Some(p.end)))),
        ("label", Arc::new(StringArray::from_iter_values(each().map(|p| calendar.label(p))))),
        ("year", number(&|i| i64::from(ordinals[i].0))),
        ("number", number(&|i| i64::from(ordinals[i].1))),
        ("days", number(&|i| (periods[i].end - periods[i].start).num_days())),
        ("previous_start", dates(each().map(|p| Some(calendar.previous(p).start)))),
        ("last_year_start", dates(each().map(|p| calendar.same_last_year(p).map(|last| last.start)))),
        ("is_complete", Arc::new(BooleanArray::from(complete))),
        ("elapsed_share", Arc::new(Float64Array::from_iter_values(each().map(|p| calendar.elapsed_share(p, range.as_of))))),
    ];
    batch("dim_period", named(columns))
}

fn dates(days: impl Iterator<Item = Option<NaiveDate>>) -> ArrayRef {
    Arc::new(days.map(|day| day.map(Date32Type::from_naive_date)).collect::<Date32Array>())
}

fn named(columns: Vec<(&str, ArrayRef)>) -> Vec<(String, ArrayRef)> {
    columns.into_iter().map(|(name, column)| (name.to_owned(), column)).collect()
}

fn batch(table: &str, columns: Vec<(String, ArrayRef)>) -> Result<RecordBatch, ReportError> {
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
        let expected = "date,weekday,day_of_year,week,week_year,month,quarter,year,fiscal_month,fiscal_quarter,fiscal_year,\
            retail_week,retail_month,retail_quarter,retail_year,week_start,month_start,quarter_start,year_start,\
            fiscal_month_start,fiscal_quarter_start,fiscal_year_start,retail_week_start,retail_month_start,retail_quarter_start,retail_year_start,\
            previous_date,last_year_date,retail_last_year_date\r\n\
            2024-12-31,2,366,1,2025,12,4,2024,9,3,2025,48,12,4,2024,2024-12-30,2024-12-01,2024-10-01,2024-01-01,\
            2024-12-01,2024-10-01,2024-04-01,2024-12-29,2024-12-29,2024-11-03,2024-02-04,2024-12-30,2023-12-31,2023-12-26\r\n\
            2025-01-01,3,1,1,2025,1,1,2025,10,4,2025,48,12,4,2024,2024-12-30,2025-01-01,2025-01-01,2025-01-01,\
            2025-01-01,2025-01-01,2024-04-01,2024-12-29,2024-12-29,2024-11-03,2024-02-04,2024-12-31,2024-01-01,2023-12-27\r\n";
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
        let expected = "grain,period_start,period_end,label,year,number,days,previous_start,last_year_start,is_complete,elapsed_share\r\n\
            day,2024-02-29,2024-03-01,2024-02-29,2024,60,1,2024-02-28,,true,1\r\n\
            day,2024-03-01,2024-03-02,2024-03-01,2024,61,1,2024-02-29,2023-03-01,false,0.5\r\n\
            month,2024-02-01,2024-03-01,2024-02,2024,2,29,2024-01-01,2023-02-01,true,1\r\n\
            month,2024-03-01,2024-04-01,2024-03,2024,3,31,2024-02-01,2023-03-01,false,0.016129032258064516\r\n";
        assert_eq!(render(&batch, Format::Csv).unwrap(), expected);
    }

    #[test]
    fn the_53rd_retail_week_has_no_fellow_last_year() {
        let calendar = Calendar::default();
        let range = PeriodRange {
            calendar: &calendar,
            grains: &[Grain::RetailWeek, Grain::RetailYear],
            from: day("2024-02-03"),
            to: day("2024-02-05"),
            as_of: "2024-02-04T00:00:00Z".parse().unwrap(),
        };
        let expected = "grain,period_start,period_end,label,year,number,days,previous_start,last_year_start,is_complete,elapsed_share\r\n\
            retail_week,2024-01-28,2024-02-04,RY2023-W53,2023,53,7,2024-01-21,,true,1\r\n\
            retail_week,2024-02-04,2024-02-11,RY2024-W01,2024,1,7,2024-01-28,2023-01-29,false,0\r\n\
            retail_year,2023-01-29,2024-02-04,RY2023,2023,1,371,2022-01-30,2022-01-30,true,1\r\n\
            retail_year,2024-02-04,2025-02-02,RY2024,2024,1,364,2023-01-29,2023-01-29,false,0\r\n";
        assert_eq!(render(&dim_period(&range).unwrap(), Format::Csv).unwrap(), expected);
        let days = render(&dim_date(&calendar, day("2024-02-03"), day("2024-02-05")).unwrap(), Format::Csv).unwrap();
        let ends: Vec<&str> = days.lines().skip(1).filter_map(|line| line.rsplit_once(',')).map(|(_, last)| last).collect();
        assert_eq!(ends, ["", "2023-01-29"]);
    }
}
