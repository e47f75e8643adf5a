//! Rates of exchange to the reporting currency, on banking days only: none on weekends, at New Year and at Christmas.

use chrono::Datelike;

use crate::calendar::{date, weekday};
use crate::columns::{Column, day, rate, text};
use crate::company::Company;
use crate::customers::PAST_DAYS;
use crate::dice::Stream;
use crate::error::DemoError;
use crate::writer::{Record, Sink};

/// Currencies and the long-run worth of one unit, in hundred-millionths of a euro.
const CURRENCIES: [(&str, i64); 3] = [("GBP", 116_500_000), ("KRW", 68_000), ("USD", 92_500_000)];
/// Days with a rate before the oldest subscription.
const MARGIN: i32 = 30;

/// A rate of a day.
pub(crate) struct FxRate {
    currency: &'static str,
    valid_on: i32,
    rate: i64,
}

/// Every rate, currency by currency.
pub(crate) fn fill(company: &Company, sink: &mut Sink<FxRate>) -> Result<(), DemoError> {
    let frame = &company.frame;
    for (place, (currency, mean)) in (0_u64..).zip(CURRENCIES) {
        let mut dice = frame.dice(Stream::FX, (place, 0));
        let mut rate = mean;
        for valid_on in frame.first_day - PAST_DAYS - MARGIN..frame.end_day {
            if !is_banking_day(valid_on) {
                continue;
            }
            rate += rate * dice.between(-45, 45) / 10_000 + (mean - rate) / 60;
            sink.push(FxRate { currency, valid_on, rate })?;
        }
    }
    Ok(())
}

fn is_banking_day(day: i32) -> bool {
    let date = date(day);
    weekday(day) < 5 && !matches!((date.month(), date.day()), (1, 1) | (12, 25 | 26))
}

impl Record for FxRate {
    const TABLE: &'static str = "fx_rates";

    fn columns(rows: &[Self]) -> Vec<Column> {
        vec![
            text("currency", rows.iter().map(|row| Some(row.currency))),
            day("valid_on", rows.iter().map(|row| Some(row.valid_on))),
            rate("rate", rows.iter().map(|row| Some(row.rate))),
        ]
    }
}
