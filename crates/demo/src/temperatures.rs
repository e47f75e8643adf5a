//! How warm a lead is, and since when.

use crate::calendar::SECOND;
use crate::columns::{Column, instant, text};
use crate::company::Company;
use crate::dice::Dice;
use crate::error::DemoError;
use crate::leads::cohorts;
use crate::rates;
use crate::writer::{Record, Sink};

const SCALE: [&str; 3] = ["cold", "warm", "hot"];
/// Where a history begins, as an index of the scale.
const BEGINNINGS: [(usize, u32); 3] = [(0, 70), (1, 22), (2, 8)];
const WITHOUT_HISTORY: [(Option<&str>, u32); 4] = [(Some("cold"), 48), (Some("warm"), 26), (Some("hot"), 13), (None, 13)];

/// A change of temperature.
pub(crate) struct Change {
    lead: String,
    temperature: &'static str,
    at: i64,
}

/// Temperatures of a lead and the instants from which they hold; empty if nobody took them.
pub(crate) fn history(created_at: i64, dice: &mut Dice) -> Vec<(&'static str, i64)> {
    let mut changes = Vec::new();
    if !dice.happens(rates::TEMPERATURE_HISTORY) {
        return changes;
    }
    let mut place = dice.weighted(&BEGINNINGS);
    let late = dice.happens(rates::LATE_TEMPERATURE);
    let mut at = if late { created_at + dice.between(60, 6 * 3_600) * SECOND } else { created_at };
    changes.push((SCALE[place], at));
    for _ in 0..dice.weighted(&[(0_usize, 40), (1, 38), (2, 16), (3, 6)]) {
        at += dice.between(2 * 3_600, 22 * 86_400) * SECOND;
        let cools = place == 2 || (place == 1 && dice.below(100) < 15);
        place = if cools { place - 1 } else { place + 1 };
        changes.push((SCALE[place], at));
    }
    changes
}

/// The temperature of the lead itself: the last of its history that the lake knows.
pub(crate) fn current(history: &[(&'static str, i64)], end: i64, dice: &mut Dice) -> Option<&'static str> {
    let guess = dice.weighted(&WITHOUT_HISTORY);
    let known = history.iter().rev().find(|(_, at)| *at < end);
    known.map_or(guess, |(temperature, _)| Some(*temperature))
}

/// Every change of every lead.
pub(crate) fn fill(company: &Company, sink: &mut Sink<Change>) -> Result<(), DemoError> {
    for month in company.frame.months() {
        for lead in cohorts(company, month, (0, 0)) {
            for &(temperature, at) in lead.history.iter().filter(|(_, at)| company.frame.holds(*at)) {
                sink.push(Change { lead: lead.id.clone(), temperature, at })?;
            }
        }
    }
    Ok(())
}

impl Record for Change {
    const TABLE: &'static str = "lead_temperatures";

    fn order(&self) -> i64 {
        self.at
    }

    fn columns(rows: &[Self]) -> Vec<Column> {
        vec![
            text("lead_id", rows.iter().map(|row| Some(&row.lead))),
            text("temperature", rows.iter().map(|row| Some(row.temperature))),
            instant("changed_at", rows.iter().map(|row| Some(row.at))),
        ]
    }
}
