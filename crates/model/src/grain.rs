//! The granularities that a period may have.

use std::fmt;

/// A granularity of time: the standard ones from fine to coarse, then those of the fiscal and of the retail calendar.
///
/// The order is that of the result tables; it does not say which grain is coarser beyond the standard ones.
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
    /// A calendar month, numbered from the start of the fiscal year.
    FiscalMonth,
    /// Three calendar months, counted from the start of the fiscal year.
    FiscalQuarter,
    /// Twelve calendar months from the first one of the fiscal year.
    FiscalYear,
    /// Seven days from the week start of the retail calendar.
    RetailWeek,
    /// Four or five retail weeks by the pattern; the last one of a 53-week year has a week more.
    RetailMonth,
    /// Three retail months: 13 weeks, the last one of a 53-week year 14.
    RetailQuarter,
    /// 52 or 53 retail weeks.
    RetailYear,
}

impl Grain {
    /// The grains that every project has, from fine to coarse.
    pub const STANDARD: [Self; 5] = [Self::Day, Self::Week, Self::Month, Self::Quarter, Self::Year];

    /// The grains that a project has where its time spine declares them as custom granularities.
    pub const CUSTOM: [Self; 7] = [Self::FiscalMonth, Self::FiscalQuarter, Self::FiscalYear, Self::RetailWeek, Self::RetailMonth, Self::RetailQuarter, Self::RetailYear];

    /// Every grain, in order.
    pub const ALL: [Self; 12] = [
        Self::Day,
        Self::Week,
        Self::Month,
        Self::Quarter,
        Self::Year,
        Self::FiscalMonth,
        Self::FiscalQuarter,
        Self::FiscalYear,
        Self::RetailWeek,
        Self::RetailMonth,
        Self::RetailQuarter,
        Self::RetailYear,
    ];

    /// The name that projects and result tables use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Quarter => "quarter",
            Self::Year => "year",
            Self::FiscalMonth => "fiscal_month",
            Self::FiscalQuarter => "fiscal_quarter",
            Self::FiscalYear => "fiscal_year",
            Self::RetailWeek => "retail_week",
            Self::RetailMonth => "retail_month",
            Self::RetailQuarter => "retail_quarter",
            Self::RetailYear => "retail_year",
        }
    }

    /// Whether every project has the grain; the others must be declared by its time spine.
    #[must_use]
    pub const fn is_standard(self) -> bool {
        matches!(self, Self::Day | Self::Week | Self::Month | Self::Quarter | Self::Year)
    }

    /// Whether every period of `unit` consists of whole periods of this grain, whatever the calendar.
    ///
    /// A grain is part of itself. Weeks are part of nothing longer: they cross the bounds of months and years.
    ///
    /// ```
    /// use quotient_model::Grain;
    /// assert!(Grain::RetailWeek.is_part_of(Grain::RetailMonth));
    /// assert!(Grain::Month.is_part_of(Grain::FiscalQuarter));
    /// assert!(!Grain::Week.is_part_of(Grain::Month));
    /// ```
    #[must_use]
    pub const fn is_part_of(self, unit: Self) -> bool {
        match self {
            Self::Day => true,
            Self::Week => matches!(unit, Self::Week),
            Self::Month | Self::FiscalMonth => {
                matches!(unit, Self::Month | Self::Quarter | Self::Year | Self::FiscalMonth | Self::FiscalQuarter | Self::FiscalYear)
            }
            Self::Quarter => matches!(unit, Self::Quarter | Self::Year),
            Self::Year => matches!(unit, Self::Year),
            Self::FiscalQuarter => matches!(unit, Self::FiscalQuarter | Self::FiscalYear),
            Self::FiscalYear => matches!(unit, Self::FiscalYear),
            Self::RetailWeek => matches!(unit, Self::RetailWeek | Self::RetailMonth | Self::RetailQuarter | Self::RetailYear),
            Self::RetailMonth => matches!(unit, Self::RetailMonth | Self::RetailQuarter | Self::RetailYear),
            Self::RetailQuarter => matches!(unit, Self::RetailQuarter | Self::RetailYear),
            Self::RetailYear => matches!(unit, Self::RetailYear),
        }
    }

    /// The grain of a name, or of its plural.
    ///
    /// ```
    /// use quotient_model::Grain;
    /// assert_eq!(Grain::parse("month"), Some(Grain::Month));
    /// assert_eq!(Grain::parse("days"), Some(Grain::Day));
    /// assert_eq!(Grain::parse("retail_weeks"), Some(Grain::RetailWeek));
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

#[cfg(test)]
mod tests {
    use super::Grain;

    #[test]
    fn all_are_the_standard_ones_and_then_the_custom_ones() {
        let parts: Vec<Grain> = Grain::STANDARD.into_iter().chain(Grain::CUSTOM).collect();
        assert_eq!(parts, Grain::ALL);
        assert!(Grain::ALL.is_sorted());
        assert!(Grain::STANDARD.iter().all(|grain| grain.is_standard()));
        assert!(Grain::CUSTOM.iter().all(|grain| !grain.is_standard()));
    }

    #[test]
    fn every_name_is_read_as_its_grain() {
        for grain in Grain::ALL {
            assert_eq!(Grain::parse(grain.name()), Some(grain));
            assert_eq!(Grain::parse(&format!("{grain}s")), Some(grain));
            assert!(grain.is_part_of(grain));
        }
    }
}
