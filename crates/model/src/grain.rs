//! The granularities that a period may have.

use std::fmt;

/// A standard granularity of time, from fine to coarse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Grain {
    /// A local calendar day.
    Day,
    /// Seven days from the calendar's week start.
    Week,
    /// A calendar month.
    Month,
    /// Three calendar months, from January, April, July or October.
    Quarter,
    /// A calendar year.
    Year,
}

impl Grain {
    /// Every grain, from fine to coarse.
    pub const ALL: [Self; 5] = [Self::Day, Self::Week, Self::Month, Self::Quarter, Self::Year];

    /// The name that projects and result tables use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Quarter => "quarter",
            Self::Year => "year",
        }
    }

    /// The grain of a name, or of its plural.
    ///
    /// ```
    /// use quotient_model::Grain;
    /// assert_eq!(Grain::parse("month"), Some(Grain::Month));
    /// assert_eq!(Grain::parse("days"), Some(Grain::Day));
    /// assert_eq!(Grain::parse("fortnight"), None);
    /// ```
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        let singular = name.strip_suffix('s').unwrap_or(name);
        Self::ALL.into_iter().find(|grain| grain.name() == singular)
    }
}

impl fmt::Display for Grain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
