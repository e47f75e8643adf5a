//! Periods as group-bys and filters name them: the grains that a project has, and the first day of a period, as a table and as SQL of our dialect.
//!
//! In: names, SQL of a day. Out: grains, SQL of a day. The SQL is the arithmetic of [`Calendar::start_of`], and a test holds them equal.

use arrow::array::Date32Array;
use chrono::{NaiveDate, Weekday};
use quotient_model::{Calendar, Grain, Project, RetailCalendar, nearest};

use crate::cube::PeriodStarts;
use crate::error::MetricsError;

/// The grain of a name that a project may use: a standard one, or a custom one that its time spine declares.
///
/// # Errors
/// An unknown name with the nearest one that the project has; a custom grain that it does not declare.
pub(crate) fn known_grain(project: &Project, name: &str) -> Result<Grain, MetricsError> {
    let known = project.grains();
    match Grain::parse(name) {
        Some(grain) if known.contains(&grain) => Ok(grain),
        Some(grain) => Err(MetricsError::Definition {
            metric: "metric_time".to_owned(),
            message: format!("granularity `{grain}` is not declared by the project's time spine\n\nhint: list it under `custom_granularities` of the model with `time_spine:`"),
        }),
        None => Err(MetricsError::Unknown { what: "granularity", name: name.to_owned(), near: nearest(name, known.iter().map(|grain| grain.name())).map(str::to_owned) }),
    }
}

/// The first day of the period of each day from the first of some to the last; of one outside the calendar that day.
pub(crate) fn period_starts(calendar: &Calendar, grain: Grain, days: &Date32Array) -> Result<PeriodStarts, i32> {
    let range = arrow::compute::min(days).zip(arrow::compute::max(days));
    let (first, last) = range.unwrap_or((0, -1));
    let start = |day: i32| NaiveDate::from_epoch_days(day).map(|date| calendar.start_of(grain, date).to_epoch_days()).ok_or(day);
    Ok(PeriodStarts::new(first, (first..=last).map(start).collect::<Result<_, _>>()?))
}

/// SQL of the first day of the period that a day belongs to.
pub(crate) fn period_start(calendar: &Calendar, grain: Grain, day: &str) -> String {
    match grain {
        Grain::Day => day.to_owned(),
        Grain::Week => week(calendar.week_start, day),
        Grain::Month | Grain::Quarter | Grain::Year => format!("date_trunc('{grain}', {day})"),
        Grain::FiscalMonth => format!("date_trunc('month', {day})"),
        Grain::FiscalQuarter => from_month("quarter", (calendar.fiscal_year_start - 1) % 3, day),
        Grain::FiscalYear => from_month("year", calendar.fiscal_year_start - 1, day),
        Grain::RetailWeek => week(calendar.retail.week_start, day),
        Grain::RetailMonth => {
            let weeks: Vec<u32> = (0..12).map(|month| calendar.retail.pattern.weeks_before(month)).collect();
            retail_part(&calendar.retail, &weeks, day)
        }
        Grain::RetailQuarter => retail_part(&calendar.retail, &[0, 13, 26, 39], day),
        Grain::RetailYear => retail_year(&calendar.retail, day),
    }
}

/// SQL's weeks start on Monday; others are those weeks, moved.
fn week(start: Weekday, day: &str) -> String {
    match start.num_days_from_monday() {
        0 => format!("date_trunc('week', {day})"),
        shift => format!("add_days(date_trunc('week', add_days({day}, -{shift})), {shift})"),
    }
}

/// Quarters or years that start so many months after January.
fn from_month(unit: &str, shift: u32, day: &str) -> String {
    match shift {
        0 => format!("date_trunc('{unit}', {day})"),
        // From the first of the month: a day that a shorter month does not have would move.
        shift => format!("add_months(date_trunc('{unit}', add_months(date_trunc('month', {day}), -{shift})), {shift})"),
    }
}

/// The week that holds the year's anchor, of the year whose anchor is not after the last day of the day's week.
fn retail_year(retail: &RetailCalendar, day: &str) -> String {
    let anchor = retail.year_end.days_to_anchor();
    let reached = format!("add_days({}, {})", week(retail.week_start, day), 6 - anchor);
    week(retail.week_start, &format!("add_days({}, {anchor})", from_month("year", retail.first_month() - 1, &reached)))
}

/// The part of the year that starts so many weeks after it.
fn retail_part(retail: &RetailCalendar, weeks: &[u32], day: &str) -> String {
    let year = retail_year(retail, day);
    let into = format!("days_between({year}, {day})");
    let cases: Vec<String> = weeks.iter().rev().map(|weeks| format!("WHEN {into} >= {days} THEN {days}", days = weeks * 7)).collect();
    format!("add_days({year}, CASE {} END)", cases.join(" "))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::datatypes::{DataType, Field, Schema};
    use chrono::{NaiveDate, Weekday};
    use polars::prelude::{AnyValue, IntoLazy, df};
    use quotient_model::{Calendar, Grain, Project, ProjectFiles, RetailCalendar, RetailPattern, RetailYearEnd, Settings};

    use super::{known_grain, period_start};
    use crate::sql::{Relation, SqlModel, lower_projection};

    const DAYS: i64 = 3_000;

    /// So many days from 1999-01-01.
    fn days() -> Relation {
        let numbers: Vec<i64> = (0..DAYS).collect();
        let schema = Arc::new(Schema::new(vec![Field::new("number", DataType::Int64, true)]));
        let rows = Relation { schema, frame: df!["number" => numbers].unwrap().lazy() };
        project(&rows, "day", "add_days(CAST('1999-01-01' AS DATE), number)".to_owned())
    }

    fn project(rows: &Relation, name: &str, sql: String) -> Relation {
        let model = SqlModel { name: "m", file: "m.sql", sql: "" };
        lower_projection(&model, rows, &[(name.to_owned(), sql)]).unwrap()
    }

    #[test]
    fn sql_and_calendar_give_the_same_first_days() {
        let retail = RetailCalendar { pattern: RetailPattern::FourFiveFour, year_end_month: 9, year_end: RetailYearEnd::Last, week_start: Weekday::Sat };
        let calendars = [
            Calendar::default(),
            Calendar { week_start: Weekday::Sun, fiscal_year_start: 3, retail, ..Calendar::default() },
            Calendar { fiscal_year_start: 10, retail: RetailCalendar { year_end_month: 12, week_start: Weekday::Mon, ..RetailCalendar::default() }, ..Calendar::default() },
        ];
        let days = days();
        let first = NaiveDate::from_ymd_opt(1999, 1, 1).unwrap();
        for (calendar, grain) in calendars.iter().flat_map(|calendar| Grain::ALL.map(|grain| (calendar, grain))) {
            let frame = project(&days, "start", period_start(calendar, grain, "\"day\"")).frame.collect().unwrap();
            let column = frame.column("start").unwrap();
            assert_eq!(column.len(), usize::try_from(DAYS).unwrap());
            for (row, day) in first.iter_days().take(column.len()).enumerate() {
                let AnyValue::Date(found) = column.get(row).unwrap() else { panic!("{grain} of {day} is no date") };
                assert_eq!(NaiveDate::from_epoch_days(found).unwrap(), calendar.start_of(grain, day), "{grain} of {day}");
            }
        }
    }

    #[test]
    fn custom_grains_must_be_declared() {
        let yaml = "models:\n  - name: spine\n    time_spine:\n      standard_granularity_column: d\n      custom_granularities: [{name: fiscal_year}]\n";
        let files = ProjectFiles {
            project: "name: shop\n".to_owned(),
            models: [("models/spine.sql".to_owned(), "SELECT 1 AS d".to_owned()), ("models/spine.yml".to_owned(), yaml.to_owned())].into(),
            macros: [].into(),
        };
        let project = Project::parse(&files, &Settings::default()).unwrap();
        assert_eq!(known_grain(&project, "fiscal_year").unwrap(), Grain::FiscalYear);
        assert_eq!(
            known_grain(&project, "retail_year").unwrap_err().to_string(),
            "metric `metric_time`: granularity `retail_year` is not declared by the project's time spine\n\nhint: list it under `custom_granularities` of the model with `time_spine:`"
        );
        assert_eq!(known_grain(&project, "fiscal_yaer").unwrap_err().to_string(), "unknown granularity `fiscal_yaer`\n\nhint: did you mean `fiscal_year`?");
    }
}
