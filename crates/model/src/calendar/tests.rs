//! Days of every calendar, and the instants that bound them.

use super::{Calendar, Period, RetailCalendar, RetailPattern, RetailYearEnd};
use crate::grain::Grain;
use chrono::{DateTime, NaiveDate, TimeDelta, Utc, Weekday};

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn instant(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn berlin() -> Calendar {
    Calendar { zone: chrono_tz::Europe::Berlin, ..Calendar::default() }
}

#[test]
fn day_of_an_instant_is_local() {
    assert_eq!(berlin().day_of(instant("2024-03-30T23:30:00Z")), day("2024-03-31"));
    assert_eq!(Calendar::default().day_of(instant("2024-03-30T23:30:00Z")), day("2024-03-30"));
}

#[test]
fn at_midnight_sharp_the_new_day_has_not_begun() {
    assert_eq!(berlin().last_day_before(instant("2024-06-30T22:00:00Z")), day("2024-06-30"));
    assert_eq!(berlin().last_day_before(instant("2024-06-30T22:00:01Z")), day("2024-07-01"));
}

#[test]
fn days_of_clock_changes_have_23_and_25_hours() {
    let hours = |d: &str| {
        let p = berlin().period(Grain::Day, day(d));
        (berlin().start_instant(p.end) - berlin().start_instant(p.start)).num_hours()
    };
    assert_eq!((hours("2024-03-31"), hours("2024-10-27"), hours("2024-06-01")), (23, 25, 24));
}

#[test]
fn midnight_that_a_clock_change_skips_starts_after_the_gap() {
    let cairo = Calendar { zone: chrono_tz::Africa::Cairo, ..Calendar::default() };
    // 2024-04-26 00:00 does not exist in Cairo: clocks go to 01:00 at once.
    assert_eq!(cairo.start_instant(day("2024-04-26")), instant("2024-04-25T22:00:00Z"));
}

#[test]
fn a_day_that_a_zone_skips_begins_and_ends_with_the_next() {
    let apia = Calendar { zone: chrono_tz::Pacific::Apia, ..Calendar::default() };
    // Samoa went from the east of the date line to the west of it: after 29 December 2011, ten hours behind UTC, came the 31st, 14 ahead.
    let end = instant("2011-12-30T10:00:00Z");
    assert_eq!((apia.start_instant(day("2011-12-30")), apia.start_instant(day("2011-12-31"))), (end, end));
    assert!(!apia.has_begun(day("2011-12-30"), instant("2011-12-30T09:59:59Z")) && apia.has_begun(day("2011-12-30"), end));
    let skipped = apia.period(Grain::Day, day("2011-12-30"));
    let passed = [instant("2011-12-30T09:00:00Z"), end, instant("2011-12-31T00:00:00Z")].map(|as_of| apia.elapsed_share(skipped, as_of).to_string());
    assert_eq!(passed, ["0", "1", "1"]);
}

#[test]
fn weeks_cross_years() {
    let calendar = berlin();
    assert_eq!(calendar.period(Grain::Week, day("2025-01-01")).start, day("2024-12-30"));
    assert_eq!(calendar.week_number(day("2024-12-30")), (2025, 1));
    assert_eq!(calendar.week_number(day("2021-01-03")), (2020, 53));
    let sunday = Calendar { week_start: Weekday::Sun, ..berlin() };
    assert_eq!(sunday.period(Grain::Week, day("2025-01-01")).start, day("2024-12-29"));
}

#[test]
fn same_period_last_year_goes_by_ordinal() {
    let calendar = berlin();
    let last_year = |grain, d: &str| calendar.same_last_year(calendar.period(grain, day(d))).map(|p| p.start);
    assert_eq!(last_year(Grain::Month, "2024-03-10"), Some(day("2023-03-01")));
    assert_eq!(last_year(Grain::Day, "2025-02-28"), Some(day("2024-02-28")));
    assert_eq!(last_year(Grain::Day, "2024-02-29"), None);
    assert_eq!(last_year(Grain::Week, "2021-01-04"), Some(day("2019-12-30")));
    assert_eq!(last_year(Grain::Week, "2020-12-28"), None);
}

#[test]
fn previous_and_next_are_neighbours() {
    let calendar = berlin();
    for grain in Grain::ALL {
        let period = calendar.period(grain, day("2024-03-31"));
        assert_eq!(calendar.previous(period).end, period.start);
        assert_eq!(calendar.next(period).start, period.end);
        assert!(period.contains(day("2024-03-31")) && !period.contains(period.end));
    }
}

#[test]
fn fiscal_years_are_named_by_their_end() {
    let calendar = Calendar { fiscal_year_start: 4, ..berlin() };
    assert_eq!(calendar.fiscal_quarter(day("2024-03-31")), (2024, 4));
    assert_eq!(calendar.fiscal_quarter(day("2024-04-01")), (2025, 1));
    assert_eq!(berlin().fiscal_quarter(day("2024-12-31")), (2024, 4));
}

#[test]
fn elapsed_share_is_by_time() {
    let calendar = berlin();
    let dst: Period = calendar.period(Grain::Day, day("2024-03-31"));
    // Local 13:00 on the short day: 12 of 23 hours have passed.
    let share = calendar.elapsed_share(dst, instant("2024-03-31T11:00:00Z"));
    assert!((share - 12.0 / 23.0).abs() < 1e-12);
    assert!(!calendar.is_complete(dst, instant("2024-03-31T21:59:59Z")));
    assert!(calendar.is_complete(dst, instant("2024-03-31T22:00:00Z")));
}

#[test]
fn a_day_has_begun_when_its_first_instant_is_reached() {
    for zone in ["Europe/Berlin", "Pacific/Apia", "Pacific/Kiritimati", "Etc/GMT+12"] {
        let calendar = Calendar { zone: zone.parse().unwrap(), ..berlin() };
        // Apia had no 2011-12-30.
        let as_of = instant("2011-12-30T10:00:00Z");
        for days in -4..=4 {
            let day = day("2011-12-30") + TimeDelta::days(days);
            assert_eq!(calendar.has_begun(day, as_of), calendar.start_instant(day) <= as_of, "{day} in {zone}");
        }
    }
}

/// The months of the National Retail Federation.
fn nrf() -> Calendar {
    Calendar { retail: RetailCalendar { pattern: RetailPattern::FourFiveFour, ..RetailCalendar::default() }, ..Calendar::default() }
}

#[test]
fn retail_years_are_those_of_the_nrf() {
    let year = |name| nrf().nth(Grain::RetailYear, name, 1).map(|p| (p.start.to_string(), p.last_day().to_string(), (p.end - p.start).num_days() / 7)).unwrap();
    assert_eq!(year(2012), ("2012-01-29".into(), "2013-02-02".into(), 53));
    assert_eq!(year(2016), ("2016-01-31".into(), "2017-01-28".into(), 52));
    assert_eq!(year(2017), ("2017-01-29".into(), "2018-02-03".into(), 53));
    assert_eq!(year(2022), ("2022-01-30".into(), "2023-01-28".into(), 52));
    assert_eq!(year(2023), ("2023-01-29".into(), "2024-02-03".into(), 53));
    assert_eq!(year(2024), ("2024-02-04".into(), "2025-02-01".into(), 52));
}

#[test]
fn the_extra_week_is_in_the_last_month_and_quarter() {
    let starts = |calendar: &Calendar| calendar.periods(Grain::RetailMonth, day("2023-01-29"), day("2024-02-05")).iter().map(|p| p.start.to_string()).collect::<Vec<_>>();
    assert_eq!(
        starts(&nrf()),
        [
            "2023-01-29",
            "2023-02-26",
            "2023-04-02",
            "2023-04-30",
            "2023-05-28",
            "2023-07-02",
            "2023-07-30",
            "2023-08-27",
            "2023-10-01",
            "2023-10-29",
            "2023-11-26",
            "2023-12-31",
            "2024-02-04"
        ]
    );
    let quarter = nrf().period(Grain::RetailQuarter, day("2024-02-03"));
    assert_eq!((quarter.start, quarter.end), (day("2023-10-29"), day("2024-02-04")));
    let four_four_five = Calendar::default();
    assert_eq!(starts(&four_four_five)[..4], ["2023-01-29", "2023-02-26", "2023-03-26", "2023-04-30"]);
    assert_eq!(starts(&four_four_five)[11..], ["2023-12-24", "2024-02-04"]);
    let five_four_four = Calendar { retail: RetailCalendar { pattern: RetailPattern::FiveFourFour, ..RetailCalendar::default() }, ..Calendar::default() };
    assert_eq!(starts(&five_four_four)[..4], ["2023-01-29", "2023-03-05", "2023-04-02", "2023-04-30"]);
}

#[test]
fn a_year_may_end_on_the_last_weekday_of_its_month() {
    let retail = RetailCalendar { year_end_month: 9, year_end: RetailYearEnd::Last, ..RetailCalendar::default() };
    let calendar = Calendar { retail, ..Calendar::default() };
    // The last Saturdays of September: 24 in 2022, 30 in 2023, 28 in 2024. Nine of the twelve months lie in the year of the end.
    let year = calendar.period(Grain::RetailYear, day("2023-09-30"));
    assert_eq!((year.start, year.end), (day("2022-09-25"), day("2023-10-01")));
    assert_eq!(calendar.label(year), "RY2023");
    let next = calendar.next(year);
    assert_eq!((next.end, calendar.label(next)), (day("2024-09-29"), "RY2024".to_owned()));
}

#[test]
fn retail_years_are_named_by_where_most_months_lie() {
    let name = |year_end_month, of: &str| {
        let retail = RetailCalendar { year_end_month, year_end: RetailYearEnd::Last, ..RetailCalendar::default() };
        Calendar { retail, ..Calendar::default() }.ordinal(Grain::RetailYear, day(of)).0
    };
    // A year to the end of May has seven months in the year before; one to the end of June has six, and takes the name of its end.
    assert_eq!((name(5, "2024-03-01"), name(6, "2024-03-01"), name(12, "2024-03-01")), (2023, 2024, 2024));
    // The last Saturday of 2024 is the 28th.
    assert_eq!((name(12, "2024-12-28"), name(12, "2024-12-29")), (2024, 2025));
}

#[test]
fn same_retail_period_last_year_goes_by_ordinal() {
    let calendar = nrf();
    let last_year = |grain, d: &str| calendar.same_last_year(calendar.period(grain, day(d))).map(|p| p.start.to_string());
    assert_eq!(last_year(Grain::RetailWeek, "2024-02-04"), Some("2023-01-29".to_owned()));
    assert_eq!(last_year(Grain::RetailWeek, "2024-01-31"), None);
    assert_eq!(last_year(Grain::RetailMonth, "2024-01-31"), Some("2023-01-01".to_owned()));
    assert_eq!(last_year(Grain::RetailQuarter, "2024-02-03"), Some("2022-10-30".to_owned()));
    assert_eq!(last_year(Grain::RetailYear, "2024-02-03"), Some("2022-01-30".to_owned()));
}

#[test]
fn fiscal_periods_count_from_the_start_of_the_fiscal_year() {
    let calendar = Calendar { fiscal_year_start: 2, ..Calendar::default() };
    let of = |grain, d: &str| {
        let period = calendar.period(grain, day(d));
        (period.start.to_string(), period.end.to_string(), calendar.label(period))
    };
    assert_eq!(of(Grain::FiscalMonth, "2024-01-31"), ("2024-01-01".into(), "2024-02-01".into(), "FY2024-M12".into()));
    assert_eq!(of(Grain::FiscalQuarter, "2024-01-31"), ("2023-11-01".into(), "2024-02-01".into(), "FY2024-Q4".into()));
    assert_eq!(of(Grain::FiscalQuarter, "2024-02-29"), ("2024-02-01".into(), "2024-05-01".into(), "FY2025-Q1".into()));
    assert_eq!(of(Grain::FiscalYear, "2024-01-31"), ("2023-02-01".into(), "2024-02-01".into(), "FY2024".into()));
    let quarter = calendar.period(Grain::FiscalQuarter, day("2024-03-31"));
    assert_eq!(calendar.same_last_year(quarter).map(|p| p.start), Some(day("2023-02-01")));
}

#[test]
fn labels_are_short_names() {
    let calendar = nrf();
    let label = |grain| calendar.label(calendar.period(grain, day("2024-02-03")));
    let labels: Vec<String> = Grain::ALL.into_iter().map(label).collect();
    assert_eq!(labels, ["2024-02-03", "2024-01-29", "2024-02", "2024-Q1", "2024", "FY2024-M02", "FY2024-Q1", "FY2024", "RY2023-W53", "RY2023-M12", "RY2023-Q4", "RY2023"]);
}

#[test]
fn the_nth_period_of_a_year_is_there_or_none() {
    let calendar = nrf();
    let start = |grain, year, number| calendar.nth(grain, year, number).map(|p| p.start.to_string());
    assert_eq!(start(Grain::Day, 2024, 60), Some("2024-02-29".to_owned()));
    assert_eq!((start(Grain::Day, 2023, 366), start(Grain::Month, 2024, 13), start(Grain::Quarter, 2024, 5), start(Grain::Year, 2024, 2)), (None, None, None, None));
    assert_eq!((start(Grain::Week, 2020, 53), start(Grain::Week, 2021, 53)), (Some("2020-12-28".to_owned()), None));
    assert_eq!((start(Grain::RetailWeek, 2023, 53), start(Grain::RetailWeek, 2024, 53)), (Some("2024-01-28".to_owned()), None));
    assert_eq!((start(Grain::RetailMonth, 2023, 13), start(Grain::RetailQuarter, 2023, 5), start(Grain::RetailYear, 2023, 2)), (None, None, None));
    assert_eq!((start(Grain::Month, 2024, 0), start(Grain::RetailMonth, 2024, u32::MAX)), (None, None));
}

#[test]
fn moved_by_keeps_the_place_in_the_unit() {
    let calendar = nrf();
    let moved = |grain, d: &str, unit, count| calendar.moved_by(calendar.period(grain, day(d)), unit, count).map(|p| p.start.to_string());
    // A day of a retail year: the same weekday 52 weeks before.
    assert_eq!(moved(Grain::Day, "2023-03-08", Grain::RetailYear, -1), Some("2022-03-09".to_owned()));
    // Week 5 of March 2023 has no fellow in February, which has four.
    assert_eq!(moved(Grain::RetailWeek, "2023-03-26", Grain::RetailMonth, -1), None);
    assert_eq!(moved(Grain::RetailWeek, "2023-02-26", Grain::RetailMonth, -1), Some("2023-01-29".to_owned()));
    assert_eq!(moved(Grain::RetailMonth, "2024-02-04", Grain::RetailQuarter, 2), Some("2024-08-04".to_owned()));
    assert_eq!(moved(Grain::Month, "2024-03-31", Grain::FiscalQuarter, -1), Some("2023-12-01".to_owned()));
    assert_eq!(moved(Grain::Week, "2024-03-31", Grain::RetailMonth, -1), None);
}

#[test]
fn windows_by_custom_units_keep_the_number_of_the_day() {
    let calendar = nrf();
    let before = |d: &str, count, unit| calendar.day_before(day(d), count, unit).to_string();
    assert_eq!(before("2024-03-31", 1, Grain::Month), "2024-02-29");
    assert_eq!(before("2024-03-31", 2, Grain::Week), "2024-03-17");
    assert_eq!(before("2024-03-31", 1, Grain::FiscalMonth), "2024-02-29");
    assert_eq!(before("2024-02-10", 1, Grain::RetailWeek), "2024-02-03");
    assert_eq!(before("2024-02-10", 1, Grain::RetailYear), "2023-02-04");
    // The last day of the five weeks of March ends a window that starts after the four of February.
    assert_eq!(before("2023-04-01", 1, Grain::RetailMonth), "2023-02-25");
}
