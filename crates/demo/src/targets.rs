//! Targets by month: for the company, and for every team.

use crate::catalogue::{TEAMS, TERRITORIES};
use crate::columns::{Column, day, money, text};
use crate::company::Company;
use crate::error::DemoError;
use crate::writer::{Record, Sink};

/// What is expected of the first month at scale 1, in hundredths: euros, deals, customers.
const EXPECTED: [(&str, u64); 3] = [("revenue", 1_700_000_000), ("won_deals", 72_000), ("new_customers", 51_000)];
const WHOLE: u64 = 1_000;

/// A target.
pub(crate) struct Target {
    metric: &'static str,
    period_start: i32,
    team: Option<&'static str>,
    territory: Option<&'static str>,
    amount: i64,
}

/// Every target, in hundredths of the unit of its metric; whole units only.
pub(crate) fn fill(company: &Company, sink: &mut Sink<Target>) -> Result<(), DemoError> {
    for month in company.frame.months() {
        for (metric, expected) in EXPECTED {
            let all = (None, None, WHOLE);
            let teams = TEAMS.iter().map(|team| (Some(team.name), Some(TERRITORIES[team.territory].name), team.share));
            for (team, territory, share) in std::iter::once(all).chain(teams) {
                let exact = company.frame.amount(expected, month) * share / WHOLE;
                let amount = i64::try_from(exact.div_ceil(100) * 100).unwrap_or(i64::MAX);
                sink.push(Target { metric, period_start: month.first_day(), team, territory, amount })?;
            }
        }
    }
    Ok(())
}

impl Record for Target {
    const TABLE: &'static str = "targets";

    fn columns(rows: &[Self]) -> Vec<Column> {
        vec![
            text("metric", rows.iter().map(|row| Some(row.metric))),
            text("grain", rows.iter().map(|_| Some("month"))),
            day("period_start", rows.iter().map(|row| Some(row.period_start))),
            text("team", rows.iter().map(|row| row.team)),
            text("territory", rows.iter().map(|row| row.territory)),
            money("target", rows.iter().map(|row| Some(row.amount))),
        ]
    }
}
