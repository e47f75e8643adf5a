//! The calendar beside other libraries, for every day of 1990 to 2060, and what holds for any calendar.
//!
//! In: the first days in `tests/conformance/calendar/answers`, whose README says who gave them. Out: days that we put elsewhere.

use std::collections::BTreeMap;

use chrono::{Days, NaiveDate, Weekday};
use harness::root;
use proptest::prelude::{Strategy, any, prop_assert, prop_assert_eq, proptest};
use proptest::sample::select;
use quotient_model::{Calendar, Grain, Period, RetailCalendar, RetailPattern, RetailYearEnd};

const PATTERNS: [RetailPattern; 3] = [RetailPattern::FourFourFive, RetailPattern::FourFiveFour, RetailPattern::FiveFourFour];
const WEEKDAYS: [Weekday; 7] = [Weekday::Mon, Weekday::Tue, Weekday::Wed, Weekday::Thu, Weekday::Fri, Weekday::Sat, Weekday::Sun];

fn day(year: i32, month: u32, day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(year, month, day).unwrap()
}

/// The rows of an answer, without its header.
fn answers(name: &str) -> Vec<Vec<String>> {
    let path = root().join("tests/conformance/calendar/answers").join(format!("{name}.csv"));
    let mut reader = csv::Reader::from_path(path).unwrap();
    let rows: Vec<Vec<String>> = reader.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect();
    assert!(!rows.is_empty(), "{name} has no rows");
    rows
}

fn weeks(count: u32) -> Days {
    Days::new(u64::from(count) * 7)
}

/// Compares every day of 1990 to 2060 with the first days of periods: where each starts, and its year and number.
fn compare(calendar: &Calendar, grain: Grain, starts: &BTreeMap<NaiveDate, (i32, u32)>) {
    let mut compared = 0;
    for day in day(1990, 1, 1).iter_days().take_while(|d| *d < day(2061, 1, 1)) {
        let Some((start, name)) = starts.range(..=day).next_back() else { panic!("no {grain} starts before {day}") };
        assert_eq!((calendar.start_of(grain, day), calendar.ordinal(grain, day)), (*start, *name), "{grain} of {day} by {calendar:?}");
        compared += 1;
    }
    assert_eq!(compared, 25_933);
}

#[test]
fn week_years_are_those_of_iso_8601() {
    let mut starts = BTreeMap::new();
    for row in answers("iso_years") {
        let (year, first, count): (i32, NaiveDate, u32) = (row[0].parse().unwrap(), row[1].parse().unwrap(), row[2].parse().unwrap());
        starts.extend((0..count).map(|week| (first + weeks(week), (year, week + 1))));
    }
    compare(&Calendar::default(), Grain::Week, &starts);
}

#[test]
fn fiscal_years_and_quarters_are_those_of_pandas() {
    let rows = answers("fiscal_quarters");
    for month in 1..=12 {
        let calendar = Calendar { fiscal_year_start: month, ..Calendar::default() };
        let (mut years, mut quarters) = (BTreeMap::new(), BTreeMap::new());
        for row in rows.iter().filter(|row| row[0] == month.to_string()) {
            let year = row[1].parse().unwrap();
            years.insert(row[2].parse().unwrap(), (year, 1));
            quarters.extend((1..).zip(&row[2..]).map(|(number, first)| (first.parse().unwrap(), (year, number))));
        }
        compare(&calendar, Grain::FiscalYear, &years);
        compare(&calendar, Grain::FiscalQuarter, &quarters);
    }
}

#[test]
fn retail_years_and_weeks_are_those_of_pandas() {
    let rows = answers("retail_years");
    assert_eq!(rows.len(), 2 * 12 * 7);
    for row in rows {
        let retail = RetailCalendar {
            year_end: RetailYearEnd::parse(&row[0]).unwrap(),
            year_end_month: row[1].parse().unwrap(),
            week_start: row[2].parse().unwrap(),
            ..RetailCalendar::default()
        };
        let calendar = Calendar { retail, ..Calendar::default() };
        let (first_name, mut first, count): (i32, NaiveDate, i32) = (row[3].parse().unwrap(), row[4].parse().unwrap(), row[5].parse().unwrap());
        let long: Vec<NaiveDate> = row[6].split(' ').map(|first| first.parse().unwrap()).collect();
        let (mut years, mut starts) = (BTreeMap::new(), BTreeMap::new());
        for name in first_name..first_name + count {
            let length = if long.contains(&first) { 53 } else { 52 };
            years.insert(first, (name, 1));
            starts.extend((0..length).map(|week| (first + weeks(week), (name, week + 1))));
            first = first + weeks(length);
        }
        compare(&calendar, Grain::RetailYear, &years);
        compare(&calendar, Grain::RetailWeek, &starts);
    }
}

#[test]
fn retail_months_and_quarters_follow_the_pattern() {
    let rows = answers("retail_months");
    for pattern in PATTERNS {
        let calendar = Calendar { retail: RetailCalendar { pattern, ..RetailCalendar::default() }, ..Calendar::default() };
        let (mut months, mut quarters) = (BTreeMap::new(), BTreeMap::new());
        for row in rows.iter().filter(|row| row[0] == pattern.name()) {
            let year = row[1].parse().unwrap();
            for (number, first) in (1..).zip(&row[2..]) {
                months.insert(first.parse().unwrap(), (year, number));
                if number % 3 == 1 {
                    quarters.insert(first.parse().unwrap(), (year, number / 3 + 1));
                }
            }
        }
        compare(&calendar, Grain::RetailMonth, &months);
        compare(&calendar, Grain::RetailQuarter, &quarters);
    }
}

fn calendars() -> impl Strategy<Value = Calendar> {
    let retail = (select(PATTERNS.to_vec()), 1..=12_u32, any::<bool>(), select(WEEKDAYS.to_vec())).prop_map(|(pattern, year_end_month, last, week_start)| RetailCalendar {
        pattern,
        year_end_month,
        year_end: if last { RetailYearEnd::Last } else { RetailYearEnd::Nearest },
        week_start,
    });
    (select(WEEKDAYS.to_vec()), 1..=12_u32, retail).prop_map(|(week_start, fiscal_year_start, retail)| Calendar { week_start, fiscal_year_start, retail, ..Calendar::default() })
}

/// A day of 1900 to 2100 and its period of any grain.
fn periods() -> impl Strategy<Value = (Calendar, Period, NaiveDate)> {
    (calendars(), select(Grain::ALL.to_vec()), 0..73_000_u64).prop_map(|(calendar, grain, after)| {
        let day = day(1900, 1, 1) + Days::new(after);
        (calendar.clone(), calendar.period(grain, day), day)
    })
}

proptest! {
    #[test]
    fn periods_tile_time((calendar, period, day) in periods()) {
        prop_assert!(period.contains(day));
        let (before, after) = (calendar.previous(period), calendar.next(period));
        prop_assert_eq!((before.end, after.start), (period.start, period.end));
        prop_assert_eq!((calendar.next(before), calendar.previous(after)), (period, period));
        let tiles = calendar.periods(period.grain, before.start, after.end);
        prop_assert_eq!(tiles, vec![before, period, after]);
    }

    #[test]
    fn every_day_of_a_period_has_its_start((calendar, period, day) in periods()) {
        prop_assert_eq!(calendar.start_of(period.grain, period.start), period.start);
        prop_assert_eq!(calendar.period(period.grain, period.last_day()), period);
        prop_assert_eq!(calendar.ordinal(period.grain, day), calendar.ordinal(period.grain, period.start));
    }

    #[test]
    fn a_period_is_found_by_its_number((calendar, period, _) in periods()) {
        let (year, number) = calendar.ordinal(period.grain, period.start);
        prop_assert_eq!(calendar.nth(period.grain, year, number), Some(period));
        let next = calendar.ordinal(period.grain, period.end);
        prop_assert!(next == (year, number + 1) || next == (year + 1, 1), "{next:?} after {:?}", (year, number));
    }

    #[test]
    fn the_same_period_last_year_keeps_its_number((calendar, period, _) in periods()) {
        let (year, number) = calendar.ordinal(period.grain, period.start);
        match calendar.same_last_year(period) {
            // A day keeps its date, and with it its number but after 29 February.
            Some(last) if period.grain == Grain::Day => {
                prop_assert_eq!(last.start.format("%m-%d").to_string(), period.start.format("%m-%d").to_string());
            }
            Some(last) => prop_assert_eq!(calendar.ordinal(last.grain, last.start), (year - 1, number)),
            None if period.grain == Grain::Day => prop_assert_eq!(period.start.format("%m-%d").to_string(), "02-29"),
            None => prop_assert_eq!(number, 53),
        }
    }

    #[test]
    fn a_move_by_units_can_be_undone((calendar, period, _) in periods(), unit in select(Grain::ALL.to_vec()), count in -3..4_i32) {
        match calendar.moved_by(period, unit, count) {
            Some(moved) => {
                prop_assert!(period.grain.is_part_of(unit));
                prop_assert_eq!(calendar.moved_by(moved, unit, -count), Some(period));
            }
            None => prop_assert!(count != 0 || !period.grain.is_part_of(unit)),
        }
    }

    #[test]
    fn parts_start_and_end_with_their_unit((calendar, period, _) in periods(), unit in select(Grain::ALL.to_vec())) {
        let whole = calendar.period(unit, period.start);
        if period.grain.is_part_of(unit) {
            prop_assert!(whole.start <= period.start && period.end <= whole.end);
        }
    }
}
