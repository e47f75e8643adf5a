//! The data files of a table, and which of them a write has to read and to take out.
//!
//! In: a table as its log says, and a write. Out: the files whose rows the write may replace, and how many rows the others have.
//! A write of late periods leaves the files of early ones as they are, and costs what changed and not what is there.

use std::collections::BTreeSet;
use std::ops::Range;

use chrono::{Datelike, Months, NaiveDate};
use deltalake::DeltaTable;
use serde_json::Value;

use crate::delta::{EndingAfter, Replace, TableWrite};

/// The first day of a row's period.
pub(crate) const PERIOD_START: &str = "period_start";

/// The day after the last of a row's period.
pub(crate) const PERIOD_END: &str = "period_end";

/// A data file of a table.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct DataFile {
    /// Its path in the table.
    pub(crate) path: String,
    /// Whether rows of it are deleted by a vector.
    pub(crate) deletes: bool,
    rows: u64,
    /// The first and the last of the days after its periods, where the log says so.
    ends: Option<(i32, i32)>,
}

/// Months in which periods end, and the files that have rows of them: rows of no other file, or of other months, have anything to do with these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stretch {
    /// The days of the months.
    pub(crate) days: Range<i32>,
    pub(crate) files: DataFiles,
}

/// The data files of a table, as a write sees them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct DataFiles {
    /// Those whose rows may be replaced, by path.
    pub(crate) read: Vec<DataFile>,
    others: Vec<DataFile>,
}

impl DataFiles {
    /// All files of a table.
    pub(crate) fn every(table: &DeltaTable) -> Self {
        let mut read: Vec<DataFile> = Vec::new();
        for view in table.state.iter().flat_map(|state| state.log_data().into_iter()) {
            let statistics = view.stats().and_then(|text| serde_json::from_str::<Value>(&text).ok()).unwrap_or_default();
            let end = |bound: &str| statistics[bound][PERIOD_END].as_str().and_then(|text| text.parse::<NaiveDate>().ok()).map(|day| day.to_epoch_days());
            let ends = end("minValues").zip(end("maxValues"));
            let rows = statistics["numRecords"].as_u64().unwrap_or_default();
            read.push(DataFile { path: view.path().into_owned(), deletes: view.deletion_vector_descriptor().is_some(), rows, ends });
        }
        read.sort();
        Self { read, others: Vec::new() }
    }

    /// The files of a table, apart by whether a write may replace rows of theirs.
    pub(crate) fn of(table: &DeltaTable, write: &TableWrite) -> Self {
        match &write.replace {
            Replace::EndingAfter(EndingAfter { day, .. }) => Self::ending_after(table, *day),
            _ => Self::every(table),
        }
    }

    /// The files of a table, apart by whether they may have periods that end after a day.
    pub(crate) fn ending_after(table: &DeltaTable, day: i32) -> Self {
        let every = Self::every(table);
        let (read, others) = every.read.into_iter().partition(|file| file.deletes || file.ends.is_none_or(|(_, last)| last > day));
        Self { read, others }
    }

    /// The same with every file among those that are read.
    pub(crate) fn all(self) -> Self {
        let mut read: Vec<DataFile> = self.read.into_iter().chain(self.others).collect();
        read.sort();
        Self { read, others: Vec::new() }
    }

    /// The same with those of the files that are read left as they are for which it is said.
    pub(crate) fn leaving(self, stays: &[bool]) -> Self {
        let Self { read, mut others } = self;
        let mut taken = Vec::new();
        for (at, file) in read.into_iter().enumerate() {
            if stays.get(at).copied().unwrap_or(false) { others.push(file) } else { taken.push(file) }
        }
        Self { read: taken, others }
    }

    /// The files that are read, and the days after the periods of new rows, month by month.
    ///
    /// Months that a file has rows of both are one stretch. Where the log does not say what a file has, all of it is.
    pub(crate) fn by_months(&self, new: impl Iterator<Item = i32>) -> Vec<Stretch> {
        let whole = || vec![Stretch { days: i32::MIN..i32::MAX, files: Self { read: self.read.clone(), others: Vec::new() } }];
        let of_file = |file: &DataFile| file.ends.and_then(|(first, last)| Some((month_of(first)?.start, month_of(last)?.end)));
        let mut ranges: BTreeSet<(i32, i32)> = BTreeSet::new();
        for file in &self.read {
            let Some(range) = of_file(file) else { return whole() };
            ranges.insert(range);
        }
        for day in new {
            let Some(month) = month_of(day) else { return whole() };
            ranges.insert((month.start, month.end));
        }
        let mut stretches: Vec<Stretch> = Vec::new();
        for (from, to) in ranges {
            match stretches.last_mut().filter(|last| from < last.days.end) {
                Some(last) => last.days.end = last.days.end.max(to),
                None => stretches.push(Stretch { days: from..to, files: Self::default() }),
            }
        }
        for file in &self.read {
            let Some((from, _)) = of_file(file) else { return whole() };
            if let Some(stretch) = stretches.iter_mut().find(|stretch| stretch.days.contains(&from)) {
                stretch.files.read.push(file.clone());
            }
        }
        stretches
    }

    /// Whether some files are left as they are.
    pub(crate) fn has_others(&self) -> bool {
        !self.others.is_empty()
    }

    /// How many rows these have.
    pub(crate) fn other_rows(&self) -> u64 {
        self.others.iter().map(|file| file.rows).sum()
    }

    /// How many rows those have that are read.
    pub(crate) fn rows(&self) -> u64 {
        self.read.iter().map(|file| file.rows).sum()
    }

    /// The paths of the files that a write takes out.
    pub(crate) fn taken_out(&self) -> impl Iterator<Item = String> {
        self.read.iter().map(|file| file.path.clone())
    }
}

/// The days of the month of a day.
fn month_of(day: i32) -> Option<Range<i32>> {
    let first = NaiveDate::from_epoch_days(day)?.with_day(1)?;
    Some(first.to_epoch_days()..first.checked_add_months(Months::new(1))?.to_epoch_days())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, ends: Option<(i32, i32)>) -> DataFile {
        DataFile { path: path.to_owned(), deletes: false, rows: 1, ends }
    }

    fn found(files: &[DataFile], new: &[i32]) -> Vec<(Range<i32>, Vec<String>)> {
        let files = DataFiles { read: files.to_vec(), others: Vec::new() };
        files.by_months(new.iter().copied()).into_iter().map(|stretch| (stretch.days, stretch.files.read.into_iter().map(|file| file.path).collect())).collect()
    }

    #[test]
    fn months_of_one_file_are_one_stretch() {
        // January to May 1970 begin on days 0, 31, 59, 90, 120.
        let files = [file("a", Some((3, 40))), file("b", Some((31, 31))), file("c", Some((90, 119)))];
        let paths = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        assert_eq!(found(&files, &[120, 95]), [(0..59, paths(&["a", "b"])), (90..120, paths(&["c"])), (120..151, vec![])]);
        assert_eq!(found(&[file("a", None), file("b", Some((3, 4)))], &[120]), [(i32::MIN..i32::MAX, paths(&["a", "b"]))]);
        assert_eq!(found(&[], &[]), []);
    }
}
