//! Which days of a model changed since the last run: from files that are new, changed or gone, and from as-of that has moved.
//!
//! In: the files of the ledger and of now, and what models declare of how far events reach. Out: for a model nothing, days, or all of it,
//! each with the reason. Nothing is read here but what footers said.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use chrono::{DateTime, NaiveDate, Utc};
use indexmap::IndexMap;
use quotient_ingest::{LakeFile, Moments, SourceFrame, TimeKind};
use quotient_model::{Calendar, ColumnType, Incremental, Project, Reach, SourceColumn};
use serde::Serialize;

use crate::days::Days;
use crate::ledger::Ledger;

/// Why cells are computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// No run has computed them.
    NeverComputed,
    /// Their definition, or that of what they stand on, is another one.
    ChangedDefinition,
    /// A file is there that was not.
    NewFile,
    /// A new file has events from before the last ones that were known.
    LateRows,
    /// A file is another version of itself.
    ChangedFile,
    /// A file is gone.
    VanishedFile,
    /// Now is another time.
    AsOfMoved,
    /// The table is not as the last run left it.
    ChangedTable,
    /// Somebody asked for them.
    AskedFor,
}

impl Reason {
    /// In words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::NeverComputed => "never computed",
            Self::ChangedDefinition => "changed definition",
            Self::NewFile => "new file",
            Self::LateRows => "late rows",
            Self::ChangedFile => "changed file",
            Self::VanishedFile => "vanished file",
            Self::AsOfMoved => "as-of moved",
            Self::ChangedTable => "changed table",
            Self::AskedFor => "asked for",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words())
    }
}

/// The days of a model that changed, each stretch with its reason; all of them where one is [`Days::ALL`].
pub(crate) type Touched = Vec<(Days, Reason)>;

/// What may differ in the rows of a model.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct RowsTouched {
    /// Rows of these days.
    pub(crate) days: Vec<Days>,
    /// Of rows without a key, those of these days.
    pub(crate) keyless: Vec<Days>,
    /// Rows with keys that rows of sources have, by source.
    pub(crate) keyed: BTreeMap<String, KeyedFiles>,
}

/// The files of a source with keys of rows that may differ.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct KeyedFiles {
    /// Those that are new: the keys of all their rows.
    pub(crate) new: BTreeSet<String>,
    /// Those with rows that as-of may have brought to light.
    pub(crate) hidden: BTreeSet<String>,
    /// The first day of the model that events in new files reach; `None` where there is no event.
    pub(crate) first_day: Option<i32>,
}

/// What is different from the last run.
pub(crate) struct Changes<'a> {
    project: &'a Project,
    /// The files that differ, by source.
    files: BTreeMap<String, Vec<Change<'a>>>,
    /// All files of now, by source.
    now: &'a IndexMap<String, SourceFrame>,
    /// As-of of the last run, and of this one.
    as_of: Option<(DateTime<Utc>, DateTime<Utc>)>,
}

/// A file that differs.
struct Change<'a> {
    reason: Reason,
    /// The versions of before and of now.
    versions: Vec<&'a LakeFile>,
}

impl<'a> Changes<'a> {
    /// Compares the ledger with the sources as they were opened.
    pub(crate) fn new(project: &'a Project, ledger: &'a Ledger, now: &'a IndexMap<String, SourceFrame>, as_of: DateTime<Utc>) -> Self {
        let mut files = BTreeMap::new();
        for (source, frame) in now {
            let before = ledger.files.get(source);
            let mut changes = Vec::new();
            for file in &frame.files {
                match before.and_then(|before| before.get(&file.address)) {
                    None => changes.push(Change { reason: Reason::NewFile, versions: vec![file] }),
                    // Without a tag, two versions of one size look the same.
                    Some(old) if file.etag.is_none() || (old.size, &old.etag) != (file.size, &file.etag) => {
                        changes.push(Change { reason: Reason::ChangedFile, versions: vec![old, file] });
                    }
                    Some(_) => {}
                }
            }
            let gone = before.into_iter().flat_map(BTreeMap::values).filter(|old| !frame.files.iter().any(|file| file.address == old.address));
            changes.extend(gone.map(|old| Change { reason: Reason::VanishedFile, versions: vec![old] }));
            if !changes.is_empty() {
                files.insert(source.clone(), changes);
            }
        }
        Self { project, files, now, as_of: ledger.instant().map(|before| (before, as_of)) }
    }

    /// The days of a model that changed, as its own default time counts them.
    pub(crate) fn of_model(&self, name: &str) -> Touched {
        let Some(model) = self.project.models.get(name) else { return Touched::new() };
        let incremental = model.incremental.as_ref();
        let mut touched = Touched::new();
        let sources = self.project.sources_behind(name);
        for source in &sources {
            let reach = incremental.and_then(|incremental| incremental.sources.get(*source));
            for change in self.files.get(*source).into_iter().flatten() {
                touched.extend(self.of_change(source, change, reach));
            }
        }
        touched.extend(self.of_as_of(incremental, &sources));
        touched
    }

    /// What may differ in the rows of a model that keeps them; `None` where all may.
    pub(crate) fn of_rows(&self, name: &str) -> Option<RowsTouched> {
        let incremental = self.project.models.get(name)?.incremental.as_ref()?;
        let mut touched = RowsTouched::default();
        let sources = self.project.sources_behind(name);
        let is_keyed = |source: &String| incremental.sources.get(source).is_some_and(|reach| reach.key.is_some());
        let has_keyless = |source: &String| incremental.sources.get(source).is_some_and(|reach| reach.keyless_days);
        for source in &sources {
            for change in self.files.get(*source).into_iter().flatten() {
                match change.versions.as_slice() {
                    [file] if is_keyed(source) && change.reason == Reason::NewFile => {
                        let days: Vec<Days> = self.of_change(source, change, incremental.sources.get(*source)).into_iter().map(|(days, _)| days).collect();
                        let files = touched.keyed.entry((*source).clone()).or_default();
                        files.first_day = files.first_day.into_iter().chain(days.iter().map(|days| days.from)).min();
                        files.new.insert(file.address.clone());
                        if has_keyless(source) {
                            touched.keyless.extend(days);
                        }
                    }
                    // Which keys a version that is gone had, nobody knows.
                    _ if is_keyed(source) => return None,
                    _ => touched.days.extend(self.of_change(source, change, incremental.sources.get(*source)).into_iter().map(|(days, _)| days)),
                }
            }
        }
        let hidden = |of: &dyn Fn(&String) -> bool| -> Vec<Days> {
            let some: BTreeSet<&String> = sources.iter().filter(|source| of(source)).copied().collect();
            self.of_as_of(Some(incremental), &some).into_iter().map(|(days, _)| days).collect()
        };
        touched.days.extend(hidden(&|source| !is_keyed(source)));
        if sources.iter().any(|source| has_keyless(source)) {
            touched.keyless.extend(hidden(&has_keyless));
        }
        if let Some((before, _)) = self.as_of.filter(|(before, now)| before < now) {
            for source in sources.iter().filter(|source| is_keyed(source)) {
                let is_hidden = |file: &&LakeFile| self.times_of(source).any(|column| self.is_hidden(file, column, before));
                let hidden: BTreeSet<String> = self.same_files(source).filter(is_hidden).map(|file| file.address.clone()).collect();
                if !hidden.is_empty() {
                    touched.keyed.entry((*source).clone()).or_default().hidden = hidden;
                }
            }
        }
        touched.days.iter().chain(&touched.keyless).all(|days| days.from != i32::MIN).then_some(touched)
    }

    /// The files that came to a source, of which all that the last run knew are there as they were.
    pub(crate) fn new_files(&self, source: &str) -> Option<BTreeSet<&'a str>> {
        let changes = self.files.get(source).into_iter().flatten();
        changes.map(|change| change.versions.first().filter(|_| change.reason == Reason::NewFile).map(|file| file.address.as_str())).collect()
    }

    /// The files of a source that are those of the last run.
    fn same_files(&self, source: &str) -> impl Iterator<Item = &LakeFile> {
        let differs = |file: &&LakeFile| self.files.get(source).into_iter().flatten().any(|change| change.versions.iter().any(|other| other.address == file.address));
        self.now.get(source).map(|frame| &frame.files).into_iter().flatten().filter(move |file| !differs(file))
    }

    fn of_change(&self, source: &str, change: &Change<'_>, reach: Option<&Reach>) -> Touched {
        let Some((reach, column)) = reach.and_then(|reach| Some((reach, reach.column.as_ref()?))) else { return vec![(Days::ALL, change.reason)] };
        let days = |file: &LakeFile| match events(&self.project.calendar, file, reach.columns()) {
            Events::None => None,
            Events::Unknown => Some((Days::ALL, change.reason)),
            Events::Between(first, last) => {
                let late = change.reason == Reason::NewFile && self.is_late(source, column, file);
                Some((reached(reach, first, last), if late { Reason::LateRows } else { change.reason }))
            }
        };
        change.versions.iter().filter_map(|file| days(file)).collect()
    }

    /// Whether a file has events from before the last ones in the files that the last run knew.
    fn is_late(&self, source: &str, column: &String, file: &LakeFile) -> bool {
        let first = if let Events::Between(first, _) = events(&self.project.calendar, file, std::iter::once(column)) { Some(first) } else { None };
        first.zip(self.latest_known(source, column)).is_some_and(|(first, latest)| first < latest)
    }

    /// The last day of events in the files that the last run knew.
    fn latest_known(&self, source: &str, column: &String) -> Option<i32> {
        let changed = self.files.get(source)?;
        let is_new = |file: &LakeFile| changed.iter().any(|change| change.reason == Reason::NewFile && change.versions.iter().any(|new| new.address == file.address));
        let known = self.now.get(source)?.files.iter().filter(|file| !is_new(file));
        known.filter_map(|file| if let Events::Between(_, last) = events(&self.project.calendar, file, std::iter::once(column)) { Some(last) } else { None }).max()
    }

    /// What a later as-of brings to light, and what changes with it alone.
    fn of_as_of(&self, incremental: Option<&Incremental>, sources: &BTreeSet<&String>) -> Touched {
        let Some((before, now)) = self.as_of.filter(|(before, now)| before != now) else { return Touched::new() };
        let Some(incremental) = incremental.filter(|_| now > before) else { return vec![(Days::ALL, Reason::AsOfMoved)] };
        let from = self.project.calendar.day_of(before).to_epoch_days();
        let Some(days) = incremental.as_of_days else { return vec![(Days::ALL, Reason::AsOfMoved)] };
        if days > 0 {
            let days = i32::try_from(days).unwrap_or(i32::MAX);
            return vec![(Days { from: from.saturating_sub(days), to: i32::MAX }, Reason::AsOfMoved)];
        }
        let mut touched = Touched::new();
        for source in sources {
            let reach = incremental.sources.get(*source);
            if reach.is_some_and(|reach| reach.column.is_none()) {
                continue;
            }
            let own = reach.filter(|reach| reach.column.is_some());
            // Of a file that differs, all events are touched already.
            for file in self.same_files(source) {
                let is_hidden = |column: &String| self.is_hidden(file, column, before);
                // A row that was unseen for another of its times may have its event on any day.
                if self.times_of(source).any(|column| own.is_none_or(|own| !own.columns().any(|own| own == column)) && is_hidden(column)) {
                    touched.push((Days::ALL, Reason::AsOfMoved));
                } else if let Some(reach) = own.filter(|own| own.columns().any(is_hidden)) {
                    touched.push((reached(reach, from, i32::MAX - 1), Reason::AsOfMoved));
                }
            }
        }
        touched
    }
}

impl Changes<'_> {
    /// Whether now is another time than at the last run.
    pub(crate) fn as_of_moved(&self) -> bool {
        self.as_of.is_some_and(|(before, now)| before != now)
    }

    /// The days from as-of of the last run to that of this one, where now is later.
    pub(crate) fn days_of_as_of(&self) -> Option<(i32, i32)> {
        let day = |instant| self.project.calendar.day_of(instant).to_epoch_days();
        self.as_of.filter(|(before, now)| before < now).map(|(before, now)| (day(before), day(now)))
    }

    /// The time columns that a source declares.
    pub(crate) fn times_of(&self, source: &str) -> impl Iterator<Item = &String> {
        let is_time = |column: &&SourceColumn| matches!(column.data_type, ColumnType::Date | ColumnType::Instant | ColumnType::Timestamp);
        self.project.sources.get(source).into_iter().flat_map(|table| &table.columns).filter(is_time).map(|column| &column.name)
    }

    /// Whether a file has an event that was not before an earlier as-of, or may have one.
    fn is_hidden(&self, file: &LakeFile, column: &String, before: DateTime<Utc>) -> bool {
        let calendar = &self.project.calendar;
        match (events(calendar, file, std::iter::once(column)), file.times.get(column)) {
            (Events::None, _) => false,
            (Events::Between(..), Some(Moments { kind: TimeKind::Instant, range: Some((_, last)) })) => *last >= before.timestamp_micros(),
            (Events::Between(_, last), _) => NaiveDate::from_epoch_days(last).is_none_or(|day| calendar.start_instant(day) >= before),
            (Events::Unknown, _) => true,
        }
    }
}

/// The days of a model that events between two days may change.
fn reached(reach: &Reach, first: i32, last: i32) -> Days {
    if reach.everywhere_until.is_some_and(|day| first <= day.to_epoch_days()) {
        return Days::ALL;
    }
    let days = |count: u32| i32::try_from(count).unwrap_or(i32::MAX);
    Days {
        from: reach.lookback.map_or(i32::MIN, |back| first.saturating_sub(days(back))),
        to: reach.lookahead.map_or(i32::MAX, |ahead| last.saturating_add(days(ahead)).saturating_add(1)),
    }
}

/// The days of the events in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Events {
    /// No row has one.
    None,
    /// The file does not say.
    Unknown,
    /// The first and the last.
    Between(i32, i32),
}

/// The days of the events of a file by some of its columns.
pub(crate) fn events<'c>(calendar: &Calendar, file: &LakeFile, columns: impl Iterator<Item = &'c String>) -> Events {
    columns.map(|column| events_by(calendar, file, column)).fold(Events::None, |all, own| match (all, own) {
        (Events::Unknown, _) | (_, Events::Unknown) => Events::Unknown,
        (Events::None, one) | (one, Events::None) => one,
        (Events::Between(a, b), Events::Between(c, d)) => Events::Between(a.min(c), b.max(d)),
    })
}

fn events_by(calendar: &Calendar, file: &LakeFile, column: &str) -> Events {
    match file.times.get(column) {
        _ if file.rows == 0 => Events::None,
        // A file without the column has no event, unless its path has it.
        None if !file.schema.fields().is_empty() && file.schema.field_with_name(column).is_err() && !file.address.contains(&format!("/{column}=")) => Events::None,
        None => Events::Unknown,
        Some(Moments { range: None, .. }) => Events::None,
        Some(Moments { kind, range: Some((first, last)) }) => {
            let day = |moment: i64| match kind {
                TimeKind::Day => i32::try_from(moment).ok(),
                TimeKind::Instant => DateTime::from_timestamp_micros(moment).map(|instant| calendar.day_of(instant).to_epoch_days()),
                TimeKind::Local => DateTime::from_timestamp_micros(moment).map(|wall| NaiveDate::from(wall.naive_utc()).to_epoch_days()),
            };
            day(*first).zip(day(*last)).map_or(Events::Unknown, |(first, last)| Events::Between(first, last))
        }
    }
}
