//! How many things a month has: growth, season and scale.

use crate::calendar::Month;
use crate::request::Frame;

/// Growth per month since the first, in thousandths of the first.
const GROWTH: i64 = 22;
/// January to December in thousandths; the year's mean is a thousand.
const SEASON: [u64; 12] = [900, 930, 1_040, 1_000, 980, 1_020, 880, 850, 1_060, 1_090, 1_130, 1_120];

/// How many there are of a kind of thing.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Volume {
    /// In the first month, at scale 1, before the season.
    pub(crate) per_month: u64,
    /// Never fewer.
    pub(crate) least: u64,
}

/// Leads that come in.
pub(crate) const LEADS: Volume = Volume { per_month: 5_000, least: 8 };
/// Orders, returns among them; one has two lines on average.
pub(crate) const ORDERS: Volume = Volume { per_month: 16_500, least: 4 };
/// Customers who come without a lead.
pub(crate) const WALK_INS: Volume = Volume { per_month: 80, least: 1 };
/// Answers to surveys.
pub(crate) const ANSWERS: Volume = Volume { per_month: 2_500, least: 9 };

/// Customers at the beginning, at scale 1.
const FOUNDING_CUSTOMERS: u64 = 12_000;
/// And never fewer.
const LEAST_FOUNDING_CUSTOMERS: u64 = 40;

impl Frame {
    /// How many of a kind a whole month has.
    pub(crate) fn count(&self, volume: Volume, month: Month) -> u64 {
        self.amount(volume.per_month, month).max(volume.least)
    }

    /// An amount of the first month at scale 1, grown and seasoned for `month`.
    pub(crate) fn amount(&self, per_month: u64, month: Month) -> u64 {
        let growth = 1_000 + GROWTH * i64::from(month.since(self.first_month));
        let growth = u128::try_from(growth.clamp(300, 6_000)).unwrap_or(300);
        let season = SEASON.get(usize::try_from(month.number()).unwrap_or(1) - 1).copied().unwrap_or(1_000);
        let exact = u128::from(per_month) * u128::from(self.scale) * growth * u128::from(season);
        u64::try_from(exact / 1_000_000_000_000).unwrap_or(u64::MAX)
    }

    /// How many customers there are before the first month.
    pub(crate) fn founding_customers(&self) -> u64 {
        (FOUNDING_CUSTOMERS * self.scale / 1_000_000).max(LEAST_FOUNDING_CUSTOMERS)
    }

    /// How many reps the company has ever had: grows with the root of the scale.
    pub(crate) fn headcount(&self) -> u64 {
        20 + self.scale.isqrt() / 12
    }
}
