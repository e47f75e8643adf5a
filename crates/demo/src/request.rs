//! What is asked of the generator, checked once.
//!
//! In: a [`DemoRequest`] as typed. Out: a [`Frame`], in the integers that every generator counts with.

use std::path::PathBuf;

use chrono::NaiveDate;

use crate::calendar::{Month, day_of, midnight};
use crate::dice::{Dice, Stream};
use crate::error::DemoError;

/// The largest scale: about a billion order lines over two years.
const SCALE_LIMIT: f64 = 1_000.0;
/// The years that a lake may cover: fewer than a hundred, since identifiers carry two digits of the year.
const YEARS: (i32, i32) = (2000, 2090);

/// A lake to make.
#[derive(Debug, Clone, PartialEq)]
pub struct DemoRequest {
    /// Where the folders of the tables go; made if it is not there.
    pub directory: PathBuf,
    /// Size: 1.0 is about a million order lines over two years.
    pub scale: f64,
    /// Another seed, another company of the same kind.
    pub seed: u64,
    /// First day (UTC) of the events.
    pub from: NaiveDate,
    /// Day after the last: what happens later is not known to the lake yet.
    pub to: NaiveDate,
}

/// The checked request, without the folder.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Frame {
    seed: u64,
    /// Scale in millionths.
    pub(crate) scale: u64,
    /// First day, days since 1970-01-01.
    pub(crate) first_day: i32,
    /// Day after the last.
    pub(crate) end_day: i32,
    /// First month that has a day in the range.
    pub(crate) first_month: Month,
    /// Last month that has a day in the range.
    pub(crate) last_month: Month,
}

impl DemoRequest {
    /// The request in integers.
    ///
    /// # Errors
    /// [`DemoError::Scale`] and [`DemoError::Range`].
    pub(crate) fn frame(&self) -> Result<Frame, DemoError> {
        if self.scale.is_nan() || self.scale <= 0.0 || self.scale > SCALE_LIMIT {
            return Err(DemoError::Scale { found: self.scale, limit: SCALE_LIMIT });
        }
        let first = NaiveDate::from_ymd_opt(YEARS.0, 1, 1).unwrap_or(NaiveDate::MIN);
        let last = NaiveDate::from_ymd_opt(YEARS.1, 1, 1).unwrap_or(NaiveDate::MAX);
        if self.from >= self.to || self.from < first || self.to > last {
            return Err(DemoError::Range { from: self.from, to: self.to, first, last });
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked above: between 0 and a thousand million")]
        let scale = (self.scale * 1e6).round() as u64;
        let end_day = day_of(self.to);
        Ok(Frame { seed: self.seed, scale: scale.max(1), first_day: day_of(self.from), end_day, first_month: Month::of(self.from), last_month: Month::of_day(end_day - 1) })
    }
}

impl Frame {
    /// The instant at which the lake begins.
    pub(crate) fn start(&self) -> i64 {
        midnight(self.first_day)
    }

    /// The instant at which the lake was taken: nothing at or after it is in it.
    pub(crate) fn end(&self) -> i64 {
        midnight(self.end_day)
    }

    /// Whether an event of that instant is in the lake.
    pub(crate) fn holds(&self, instant: i64) -> bool {
        self.start() <= instant && instant < self.end()
    }

    /// The months of the range, in order.
    pub(crate) fn months(&self) -> Vec<Month> {
        (0..=self.last_month.since(self.first_month)).map(|n| self.first_month.plus(n)).collect()
    }

    /// The random numbers of one thing.
    pub(crate) fn dice(&self, stream: Stream, key: (u64, u64)) -> Dice {
        Dice::new(self.seed, stream, key)
    }
}
