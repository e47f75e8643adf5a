//! What of a time a group-by shows: the first day of its period, or a number such as the month.
//!
//! In: the last word of an item, `month` in `metric_time__month` or `extract_dow` in `deal__created_at__extract_dow`. Out: a grain or a part.

use std::fmt;

use crate::grain::Grain;
use crate::nearest::nearest;
use crate::project::Project;

/// What of a time is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TimePart {
    /// The first day of its period.
    Grain(Grain),
    /// A number.
    Number(DatePart),
}

/// A number that a day has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DatePart {
    /// The calendar year.
    Year,
    /// The quarter of the year, 1 to 4.
    Quarter,
    /// The month of the year, 1 to 12.
    Month,
    /// The day of the month, 1 to 31.
    Day,
    /// The day of the week, 1 for Monday to 7 for Sunday, as in ISO 8601.
    DayOfWeek,
    /// The day of the year, 1 to 366.
    DayOfYear,
}

impl DatePart {
    /// Every part, from coarse to fine.
    pub const ALL: [Self; 6] = [Self::Year, Self::Quarter, Self::Month, Self::Day, Self::DayOfWeek, Self::DayOfYear];

    /// The name that filters use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Year => "year",
            Self::Quarter => "quarter",
            Self::Month => "month",
            Self::Day => "day",
            Self::DayOfWeek => "dow",
            Self::DayOfYear => "doy",
        }
    }

    /// The part of a name.
    ///
    /// ```
    /// use quotient_model::DatePart;
    /// assert_eq!(DatePart::parse("dow"), Some(DatePart::DayOfWeek));
    /// assert_eq!(DatePart::parse("hour"), None);
    /// ```
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|part| part.name() == name)
    }

    /// The grain whose periods all have one value of the part.
    #[must_use]
    pub const fn grain(self) -> Grain {
        match self {
            Self::Year => Grain::Year,
            Self::Quarter => Grain::Quarter,
            Self::Month => Grain::Month,
            Self::Day | Self::DayOfWeek | Self::DayOfYear => Grain::Day,
        }
    }
}

impl TimePart {
    /// Reads the last word of an item: a grain that the project has, or `extract_` and a date part.
    ///
    /// # Errors
    /// What is wrong with the word, with the nearest one that the project has.
    pub fn parse(project: &Project, word: &str) -> Result<Self, String> {
        let grains = project.grains();
        if let Some(grain) = grains.iter().find(|grain| grain.name() == word) {
            return Ok(Self::Grain(*grain));
        }
        if let Some(part) = word.strip_prefix("extract_").and_then(DatePart::parse) {
            return Ok(Self::Number(part));
        }
        if Grain::parse(word).is_some_and(|grain| grain.name() == word) {
            return Err(format!("granularity `{word}` is not declared by the project's time spine"));
        }
        let parts = DatePart::ALL.map(|part| Self::Number(part).to_string());
        let known = grains.iter().map(|grain| grain.name()).chain(parts.iter().map(String::as_str));
        let hint = nearest(word, known).map_or(String::new(), |near| format!("; did you mean `{near}`?"));
        Err(format!("unknown granularity `{word}`{hint}"))
    }
}

impl fmt::Display for TimePart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Grain(grain) => f.write_str(grain.name()),
            Self::Number(part) => write!(f, "extract_{}", part.name()),
        }
    }
}
