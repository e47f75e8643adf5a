//! Public holidays of the territories, for every year that the lake touches.
//!
//! Western ones by rule, for any year. Korean ones that follow the moon are a table of a few years; other years lack
//! them. Substitute days are in that table only.

use crate::calendar::{on, weekday};
use crate::catalogue::TERRITORIES;
use crate::columns::{Column, day, text};
use crate::company::Company;
use crate::error::DemoError;
use crate::writer::{Record, Sink};

/// First and last days of Seollal, Buddha's birthday and Chuseok.
const LUNAR: [((i32, u32, u32), i32); 15] = [
    ((2023, 1, 21), 4),
    ((2023, 5, 27), 1),
    ((2023, 9, 28), 3),
    ((2024, 2, 9), 4),
    ((2024, 5, 15), 1),
    ((2024, 9, 16), 3),
    ((2025, 1, 28), 3),
    ((2025, 5, 5), 2),
    ((2025, 10, 5), 4),
    ((2026, 2, 16), 3),
    ((2026, 5, 24), 2),
    ((2026, 9, 24), 3),
    ((2027, 2, 6), 4),
    ((2027, 5, 13), 1),
    ((2027, 9, 14), 3),
];

/// A holiday.
pub(crate) struct Holiday {
    territory: &'static str,
    day: i32,
}

/// Every holiday, by territory and day.
pub(crate) fn fill(company: &Company, sink: &mut Sink<Holiday>) -> Result<(), DemoError> {
    let years = company.frame.first_month.year()..=company.frame.last_month.year();
    for (place, territory) in TERRITORIES.iter().enumerate() {
        for year in years.clone() {
            for day in of_year(place, year) {
                sink.push(Holiday { territory: territory.name, day })?;
            }
        }
    }
    Ok(())
}

/// Holidays of a territory in a year, in order, each once.
fn of_year(territory: usize, year: i32) -> Vec<i32> {
    let easter = easter(year);
    let fixed = |days: &[(u32, u32)]| -> Vec<i32> { days.iter().map(|&(month, day)| on(year, month, day)).collect() };
    let mut days = match territory {
        0 => {
            let mut days = fixed(&[(1, 1), (3, 8), (5, 1), (10, 3), (12, 25), (12, 26)]);
            days.extend([easter - 2, easter + 1, easter + 39, easter + 50]);
            days
        }
        1 => {
            let mut days = fixed(&[(1, 1), (3, 1), (5, 5), (6, 6), (8, 15), (10, 3), (10, 9), (12, 25)]);
            for ((_, month, day), count) in LUNAR.iter().filter(|((lunar, _, _), _)| *lunar == year) {
                let first = on(year, *month, *day);
                days.extend(first..first + count);
            }
            days
        }
        2 => {
            let mut days = fixed(&[(1, 1), (6, 19), (7, 4), (12, 25)]);
            let thanksgiving = on(year, 11, 22) + (3 - weekday(on(year, 11, 22))).rem_euclid(7);
            days.extend([monday_from(year, 1, 15), monday_from(year, 5, 25), monday_from(year, 9, 1), thanksgiving]);
            days
        }
        _ => {
            let mut days = fixed(&[(1, 1), (12, 25), (12, 26)]);
            days.extend([easter - 2, easter + 1]);
            days.extend([monday_from(year, 5, 1), monday_from(year, 5, 25), monday_from(year, 8, 25)]);
            days
        }
    };
    days.sort_unstable();
    days.dedup();
    days
}

/// The first Monday on or after a day of the year.
fn monday_from(year: i32, month: u32, day: u32) -> i32 {
    let earliest = on(year, month, day);
    earliest + (7 - weekday(earliest)) % 7
}

/// Easter Sunday in the Gregorian calendar: the Sunday after the paschal full moon.
fn easter(year: i32) -> i32 {
    let century = year.div_euclid(100);
    let golden = year.rem_euclid(19);
    let correction = (8 * century + 13) / 25;
    let epact = (19 * golden + century - century / 4 - correction + 15).rem_euclid(30);
    let shift = i32::from(epact == 29 || (epact == 28 && golden > 10));
    let full_moon = on(year, 3, 21) + epact - shift;
    full_moon + 7 - (weekday(full_moon) + 1) % 7
}

impl Record for Holiday {
    const TABLE: &'static str = "holidays";

    fn columns(rows: &[Self]) -> Vec<Column> {
        vec![text("territory", rows.iter().map(|row| Some(row.territory))), day("day", rows.iter().map(|row| Some(row.day)))]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn easter_is_the_sunday_of_the_almanac() {
        let almanac = [(2000, 4, 23), (2008, 3, 23), (2019, 4, 21), (2024, 3, 31), (2025, 4, 20), (2026, 4, 5), (2038, 4, 25)];
        for (year, month, day) in almanac {
            assert_eq!(easter(year), on(year, month, day), "{year}");
        }
    }

    #[test]
    fn weekday_rules_find_their_day() {
        let america = of_year(2, 2024);
        for day in [on(2024, 1, 15), on(2024, 5, 27), on(2024, 9, 2), on(2024, 11, 28)] {
            assert!(america.contains(&day));
        }
        assert!(of_year(3, 2025).contains(&on(2025, 8, 25)));
    }
}
