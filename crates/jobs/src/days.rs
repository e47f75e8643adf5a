//! Stretches of days: half-open, as days since 1970-01-01, with arithmetic on lists of them.

use serde::{Deserialize, Serialize};

/// Days from the first on, before the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Days {
    pub(crate) from: i32,
    pub(crate) to: i32,
}

impl Days {
    pub(crate) const ALL: Self = Self { from: i32::MIN, to: i32::MAX };

    /// Whether a stretch of days has one in common.
    pub(crate) fn meets(self, from: i32, to: i32) -> bool {
        self.from < to && from < self.to
    }

    /// Whether a stretch of days lies within.
    pub(crate) fn holds(self, from: i32, to: i32) -> bool {
        self.from <= from && to <= self.to
    }
}

/// Stretches in order, put together where they meet.
pub(crate) fn joined(days: impl IntoIterator<Item = Days>) -> Vec<Days> {
    let mut sorted: Vec<Days> = days.into_iter().filter(|days| days.from < days.to).collect();
    sorted.sort();
    let mut joined: Vec<Days> = Vec::new();
    for days in sorted {
        match joined.last_mut().filter(|last| days.from <= last.to) {
            Some(last) => last.to = last.to.max(days.to),
            None => joined.push(days),
        }
    }
    joined
}

/// First days, and days after the last.
pub(crate) fn pairs(days: &[Days]) -> Vec<(i32, i32)> {
    days.iter().map(|days| (days.from, days.to)).collect()
}

/// What two lists have in common.
pub(crate) fn common(one: &[Days], other: &[Days]) -> Vec<Days> {
    let both = one.iter().flat_map(|a| other.iter().map(|b| Days { from: a.from.max(b.from), to: a.to.min(b.to) }));
    joined(both)
}

/// What is missing of a stretch.
pub(crate) fn gaps(covered: &[Days], wanted: Days) -> Vec<Days> {
    let mut gaps = Vec::new();
    let mut from = wanted.from;
    for days in joined(covered.iter().copied()) {
        gaps.push(Days { from, to: days.from.min(wanted.to) });
        from = from.max(days.to);
    }
    gaps.push(Days { from, to: wanted.to });
    joined(gaps)
}

#[cfg(test)]
mod tests {
    use super::{Days, common, gaps, joined};

    fn days(from: i32, to: i32) -> Days {
        Days { from, to }
    }

    #[test]
    fn stretches_that_meet_are_one() {
        assert_eq!(joined([days(5, 7), days(1, 3), days(3, 4), days(6, 9), days(9, 9)]), [days(1, 4), days(5, 9)]);
    }

    #[test]
    fn gaps_are_what_no_stretch_covers() {
        assert_eq!(gaps(&[days(3, 5), days(7, 8)], days(1, 10)), [days(1, 3), days(5, 7), days(8, 10)]);
        assert_eq!(gaps(&[days(0, 20)], days(1, 10)), []);
        assert_eq!(gaps(&[], Days::ALL), [Days::ALL]);
        assert_eq!(gaps(&[days(0, 20)], Days::ALL), [days(i32::MIN, 0), days(20, i32::MAX)]);
    }

    #[test]
    fn lists_have_their_overlaps_in_common() {
        assert_eq!(common(&[days(1, 5), days(8, 12)], &[days(4, 9)]), [days(4, 5), days(8, 9)]);
        assert_eq!(common(&[Days::ALL], &[days(4, 9)]), [days(4, 9)]);
    }
}
