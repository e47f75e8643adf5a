//! What sales and marketing cost: payroll once a month, campaigns every Monday.

use crate::calendar::{Month, weekday};
use crate::catalogue::{TEAMS, TERRITORIES};
use crate::columns::{Column, day, money, text};
use crate::company::Company;
use crate::dice::Stream;
use crate::error::DemoError;
use crate::rates;
use crate::writer::{Record, Sink};

/// Cents of euros a month for all teams, in the first month at scale 1.
const PAYROLL: u64 = 90_000_000;
/// Cents of euros a week for all teams, in the first month at scale 1.
const CAMPAIGNS: u64 = 11_500_000;
/// The day of the month on which payroll is posted.
const PAYDAY: i32 = 25;
/// The team whose marketing was not posted in one month, as an index.
pub(crate) const SILENT_TEAM: usize = 3;

/// A posting.
pub(crate) struct Expense {
    id: String,
    incurred_on: i32,
    function: &'static str,
    team: Option<&'static str>,
    territory: &'static str,
    amount: i64,
    currency: &'static str,
}

/// Every posting.
pub(crate) fn fill(company: &Company, sink: &mut Sink<Expense>) -> Result<(), DemoError> {
    let frame = &company.frame;
    let silent = silent_month(&frame.months());
    for month in frame.months() {
        for (place, team) in TEAMS.iter().enumerate() {
            let mut dice = frame.dice(Stream::EXPENSE, (month.key(), u64::try_from(place).unwrap_or(0)));
            let mut number = 0;
            for day in month.first_day()..month.first_day() + month.days() {
                let campaign = weekday(day) == 0 && !(place == SILENT_TEAM && silent == Some(month));
                let payday = day - month.first_day() + 1 == PAYDAY;
                for (function, base, due) in [("sales", PAYROLL, payday), ("marketing", CAMPAIGNS, campaign)] {
                    if !due || !(frame.first_day..frame.end_day).contains(&day) {
                        continue;
                    }
                    number += 1;
                    let mean = i64::try_from(frame.amount(base, month) * team.share / 1_000).unwrap_or(0);
                    let territory = &TERRITORIES[team.territory];
                    let cents = dice.percent(mean, 75, 125);
                    sink.push(Expense {
                        id: format!("E{}-{}-{number:02}", month.tag(), place + 1),
                        incurred_on: day,
                        function,
                        team: (!dice.happens(rates::MISSING_TEAM)).then_some(team.name),
                        territory: territory.name,
                        amount: territory.currency.price(cents),
                        currency: territory.currency.code,
                    })?;
                }
            }
        }
    }
    Ok(())
}

/// The month without marketing of one team: at three fifths of the range; none if the range is within a month.
pub(crate) fn silent_month(months: &[Month]) -> Option<Month> {
    if months.len() < 2 { None } else { months.get(months.len() * 3 / 5).copied() }
}

impl Record for Expense {
    const TABLE: &'static str = "expenses";

    fn order(&self) -> i64 {
        i64::from(self.incurred_on)
    }

    fn columns(rows: &[Self]) -> Vec<Column> {
        vec![
            text("expense_id", rows.iter().map(|row| Some(&row.id))),
            day("incurred_on", rows.iter().map(|row| Some(row.incurred_on))),
            text("function", rows.iter().map(|row| Some(row.function))),
            text("team", rows.iter().map(|row| row.team)),
            text("territory", rows.iter().map(|row| Some(row.territory))),
            money("amount", rows.iter().map(|row| Some(row.amount))),
            text("currency", rows.iter().map(|row| Some(row.currency))),
        ]
    }
}
