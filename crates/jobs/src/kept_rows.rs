//! Rows of models that are kept from run to run: what may have changed of them is remade, the rest is read where it lies.
//!
//! In: what a ledger says of kept rows, and what changed since. Out: of each such model its rows of now, and the days on which they differ
//! from those of before. A model says by `config.meta.incremental` that its rows are kept, and whether they are remade by days or by keys.

use std::collections::{BTreeMap, BTreeSet};

use arrow::array::RecordBatch;
use arrow::datatypes::{Schema, SchemaRef};
use indexmap::IndexMap;
use quotient_ingest::{SourceFrame, scan_rows};
use quotient_metrics::sql::Relation;
use quotient_metrics::{Chosen, ColumnsRead, DAY, KeyRange, Keys, MetricsError, ModelRows, PartSpan, PolarsEngine};
use quotient_model::{Incremental, Model, model_hash, nearest, quoted, short_hash};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::days::{Days, joined, pairs};
use crate::error::JobError;
use crate::file_lots::{Lots, Rows, Seen, count, count_of_lots, lots_of};
use crate::incremental_engine::{IncrementalEngine, inner};
use crate::ledger::{KeptPart, KeptRows};
use crate::shelf::Shelf;
use crate::source_rows::rows_of;
use crate::touched::RowsTouched;
use crate::work::Worklist;
use crate::workspace::Workspace;

/// Rows up to which a model has a part for each year, beyond it one for each month; and of which no more wait in memory for the end of a run.
const ROWS_BY_YEAR: u64 = 200_000;

/// As many ranges have no more rows than are made at once, further ones twice as many: each range reads the keys of all rows.
const FEW_RANGES: usize = 4;

/// There are no more ranges than these.
const MOST_RANGES: usize = 32;

/// Files of which keys are looked at before they are put in ranges.
const FILES_OF_A_SAMPLE: usize = 12;

/// Where the kept rows of a job lie, and under which names a run puts new ones.
pub(crate) struct RowShelf<'a> {
    pub(crate) shelf: &'a Shelf,
    /// The folder of all of them.
    pub(crate) folder: String,
    pub(crate) run_id: String,
    /// The objects that are there, and may be read.
    pub(crate) paths: BTreeSet<String>,
    /// The columns of models that somebody reads: rows that are made anew have no others.
    pub(crate) columns: ColumnsRead,
}

impl RowShelf<'_> {
    /// Puts rows of a model that were made anew where they stay, of the parts that are meant: they are not in memory any more.
    ///
    /// Nobody refers to them before the ledger does.
    pub(crate) fn put(&self, model: &str, held: &mut HeldRows, is_meant: &dyn Fn(&str) -> bool) -> Result<(), JobError> {
        let (folder, run_id, once) = (&self.folder, &self.run_id, Uuid::new_v4());
        let path_of = |part: &str| is_meant(part).then(|| format!("{folder}/{model}/{part}-{run_id}-{once}.parquet"));
        let objects = held.named(&path_of).map_err(JobError::Metrics)?;
        self.shelf.keep(objects)
    }
}

/// The rows of a model as they are now.
pub(crate) struct HeldRows {
    hash: String,
    /// The keys of rows that differ from what was kept, of a model whose rows are remade by them.
    differing: DifferingKeys,
    schema: SchemaRef,
    span: PartSpan,
    parts: BTreeMap<String, Part>,
}

/// The rows of all models that keep them.
pub(crate) struct HeldModels<'a> {
    pub(crate) rows: BTreeMap<String, HeldRows>,
    /// Where they lie; `None` where no rows are kept.
    pub(crate) shelf: Option<RowShelf<'a>>,
}

/// Rows of one month or year.
enum Part {
    /// As they were kept.
    Kept(KeptPart),
    /// Made anew.
    Remade(ModelRows),
}

/// How all rows of a model are made.
enum Way<'m> {
    /// Row by row, of some of the rows that it reads after the other.
    Lots(Lots),
    /// By one range of its key after the other.
    Ranges(&'m String, Vec<KeyRange>),
    /// In one piece, maybe of what lots of rows came to.
    AtOnce(Option<Box<Relation>>),
}

/// The rows of a model, and the days on which they differ from what was kept; `None` where that is not known.
struct Remade {
    rows: HeldRows,
    differing: Option<Vec<Days>>,
}

/// The key column of a model, and its values in rows that differ from what was kept.
type DifferingKeys = Option<(String, Keys)>;

impl Part {
    fn count(&self) -> u64 {
        match self {
            Self::Kept(part) => part.rows,
            Self::Remade(rows) => rows.count(),
        }
    }
}

impl HeldRows {
    /// Whether more of the rows are in memory than shall stay there.
    pub(crate) fn are_many(&self) -> bool {
        let in_memory = self.parts.values().filter(|part| matches!(part, Part::Remade(_)));
        in_memory.map(Part::count).sum::<u64>() > ROWS_BY_YEAR
    }

    /// Rows of the model in the columns of these.
    fn in_columns(&self, dated: &Relation) -> Relation {
        dated.with_columns(|name| self.schema.field_with_name(name).is_ok())
    }

    /// The parts in which rows of some days can be; all where no days are given.
    fn parts_of(&self, days: Option<&[Days]>) -> impl Iterator<Item = &Part> {
        let days = days.map(pairs);
        self.parts.iter().filter(move |(name, _)| days.as_ref().is_none_or(|days| self.span.meets(name, days))).map(|(_, part)| part)
    }

    /// Names parts that were made anew by paths, and gives their rows: they are let go of.
    fn named(&mut self, path_of: &dyn Fn(&str) -> Option<String>) -> Result<Vec<(String, RecordBatch)>, MetricsError> {
        let mut objects = Vec::new();
        for (name, part) in &mut self.parts {
            if let (Part::Remade(rows), Some(path)) = (&*part, path_of(name)) {
                objects.push((path.clone(), rows.batch()?));
                *part = Part::Kept(KeptPart { path, rows: rows.count() });
            }
        }
        Ok(objects)
    }

    /// What a ledger says of rows all of whose parts have paths.
    fn into_kept(self) -> KeptRows {
        let kept = |(name, part): (String, Part)| if let Part::Kept(part) = part { Some((name, part)) } else { None };
        let columns = self.schema.fields().iter().map(|field| field.name().clone()).collect();
        KeptRows { hash: self.hash, columns, parts: self.parts.into_iter().filter_map(kept).collect() }
    }
}

impl HeldModels<'_> {
    /// Puts those that are in memory where they stay; gives what the next ledger says of all of them.
    pub(crate) fn put(self) -> Result<BTreeMap<String, KeptRows>, JobError> {
        let Self { rows, shelf } = self;
        let put = |(model, mut held): (String, HeldRows)| {
            shelf.as_ref().map_or(Ok(()), |shelf| shelf.put(&model, &mut held, &|_| true))?;
            Ok((model, held.into_kept()))
        };
        rows.into_iter().map(put).collect()
    }
}

/// The hash of all that decides the rows of a model beside the lake and as-of.
fn hash_of(workspace: &Workspace, model: &str) -> String {
    short_hash(Sha256::new_with_prefix(format!("{}{:?}{}", env!("CARGO_PKG_VERSION"), workspace.project.calendar, model_hash(&workspace.project, model))))
}

/// Keeps the rows of models.
pub(crate) struct RowKeeper<'e, 'a> {
    pub(crate) workspace: &'a Workspace,
    pub(crate) worklist: &'e Worklist<'a>,
    pub(crate) engine: &'e IncrementalEngine<'a>,
    pub(crate) shelf: &'e RowShelf<'a>,
}

impl<'a> RowKeeper<'_, 'a> {
    /// Brings the rows of a model up to date; `None` of a model whose rows are not kept.
    ///
    /// What was found of its days takes the place of what it declares.
    pub(crate) fn hold(&self, model: &Model) -> Result<Option<HeldRows>, MetricsError> {
        let Some(incremental) = model.incremental.as_ref().filter(|incremental| incremental.keep_rows) else { return Ok(None) };
        let Some(Remade { rows, differing }) = self.remade(model, incremental)? else { return Ok(None) };
        if let Some(differing) = differing {
            self.worklist.observe(&model.name, &differing);
        }
        Ok(Some(rows))
    }

    fn remade(&self, model: &Model, incremental: &Incremental) -> Result<Option<Remade>, MetricsError> {
        let hash = hash_of(self.workspace, &model.name);
        let all = self.engine.whole()?.dated(&model.name)?;
        check_key(model, &all.schema)?;
        // Of a model whose rows are only counted, no column is read; but rows without one are none.
        let read = self.shelf.columns.get(&model.name).filter(|read| !read.is_empty());
        let is_key = |name: &str| incremental.key.as_deref() == Some(name);
        let needed = all.with_columns(|name| name == DAY || is_key(name) || read.is_none_or(|read| read.contains(name))).schema;
        let is_there = |kept: &&KeptRows| kept.hash == hash && kept.parts.values().all(|part| self.shelf.paths.contains(&part.path));
        let Some(kept) = self.worklist.ledger.rows.get(&model.name).filter(is_there) else {
            // A run of some days does not compute all rows for later ones; but where they were kept, and lack a column, it does.
            return if self.worklist.is_limited() { Ok(None) } else { self.anew(model, incremental, hash, needed).map(Some) };
        };
        let has_all = needed.fields().iter().all(|field| kept.columns.contains(field.name()));
        let Some(touched) = self.worklist.rows_touched(&model.name).filter(|_| has_all) else { return self.anew(model, incremental, hash, needed).map(Some) };
        // Among the columns that are kept may be some that nobody reads any more.
        let schema = all.with_columns(|name| kept.columns.contains(name)).schema;
        let span = PartSpan::of_names(kept.parts.keys());
        let parts = kept.parts.iter().map(|(name, part)| (name.clone(), Part::Kept(part.clone()))).collect();
        let rows = HeldRows { hash, differing: incremental.key.clone().map(|key| (key, Keys::none())), schema, span, parts };
        match &incremental.key {
            Some(key) => self.by_key(model, incremental, key, &touched, rows),
            None => self.by_days(model, &touched, rows),
        }
        .map(Some)
    }

    /// All rows, as if none were kept.
    fn anew(&self, model: &Model, incremental: &Incremental, hash: String, schema: SchemaRef) -> Result<Remade, MetricsError> {
        let whole = self.engine.whole()?;
        let mut held = HeldRows { hash, differing: None, schema, span: PartSpan::Month, parts: BTreeMap::new() };
        let rows = Rows { workspace: self.workspace, sources: self.worklist.sources(), whole: &whole, seen: Seen::Clean };
        match self.way(model, incremental, &rows)? {
            Way::Lots(lots) => {
                // A model may name sources that this project has not.
                let is_there = |name: &String| self.worklist.sources().contains_key(name);
                let keyed = incremental.sources.iter().filter(|(name, _)| is_there(name));
                let columns: BTreeMap<&str, &str> = keyed.filter_map(|(name, reach)| Some((name.as_str(), reach.key.as_deref()?))).collect();
                let by_key = incremental.key.is_some() && lots.are_of(&columns) && rows.look_often(&lots, &model.name)?;
                for lot in 0..lots.count {
                    let engine = if by_key { rows.engine_by_key(&lots, lot, &columns) } else { rows.engine(&lots, lot) }?;
                    let rows = held.in_columns(&engine.dated(&model.name)?).rows(&model.name)?;
                    self.add(&mut held, &model.name, &rows)?;
                }
            }
            Way::Ranges(key, ranges) => {
                let _alone = self.engine.alone();
                for range in ranges {
                    let dated = held.in_columns(&self.between_keys(model, incremental, &range)?.dated(&model.name)?);
                    let rows = range.of(&dated, key).rows(&model.name)?;
                    self.add(&mut held, &model.name, &rows)?;
                }
            }
            Way::AtOnce(found) => {
                let dated = found.map_or_else(|| whole.dated(&model.name), |found| whole.with_days(&model.name, &found))?;
                let rows = held.in_columns(&dated).rows(&model.name)?;
                held.span = if rows.count() > ROWS_BY_YEAR { PartSpan::Month } else { PartSpan::Year };
                held.parts = rows.parts(held.span, &model.name)?.into_iter().map(|(name, rows)| (name, Part::Remade(rows))).collect();
            }
        }
        Ok(Remade { rows: held, differing: None })
    }

    /// How all rows of a model are made: those of many rows would fill the memory.
    fn way<'m>(&self, model: &Model, incremental: &'m Incremental, rows: &Rows<'_, '_>) -> Result<Way<'m>, MetricsError> {
        let lots = rows.lots(&model.name)?;
        if let Some(lots) = lots {
            // Each lot would look at all of the others again.
            let ranges = if rows.look_at_more_beside(&lots, &model.name)? { self.key_ranges(model, incremental)? } else { None };
            return Ok(ranges.unwrap_or(Way::Lots(lots)));
        }
        if let Some(found) = rows.firsts(model)? {
            return Ok(Way::AtOnce(Some(Box::new(found))));
        }
        self.key_ranges(model, incremental)?.map_or_else(|| Ok(Way::AtOnce(rows.grouped(&model.name)?.map(Box::new))), Ok)
    }

    /// Ranges of the key of a model by which its rows are made of sources of many rows, one range after the other.
    ///
    /// A row of such a model hangs on rows of the same key alone; a model that it reads must keep its rows by this key too.
    fn key_ranges<'m>(&self, model: &Model, incremental: &'m Incremental) -> Result<Option<Way<'m>>, MetricsError> {
        let Some(key) = &incremental.key else { return Ok(None) };
        let keeps_otherwise = |other: &&Model| other.name != model.name && other.incremental.as_ref().is_some_and(|other| other.keep_rows && other.key.as_ref() != Some(key));
        if self.workspace.project.upstream(&model.name).iter().any(keeps_otherwise) {
            return Ok(None);
        }
        let keyed = incremental.sources.iter().filter_map(|(name, reach)| Some((name, self.worklist.sources().get(name)?, reach.key.as_ref()?)));
        let keyed: Vec<(&String, &SourceFrame, &String)> = keyed.collect();
        let rows = keyed.iter().map(|(_, source, _)| count(source)).sum();
        let at_once = self.workspace.rows_at_once;
        let ranges = count_of_lots(rows, at_once).min(FEW_RANGES).max(count_of_lots(rows, at_once.saturating_mul(2))).min(MOST_RANGES);
        let Some((name, source, column)) = keyed.into_iter().max_by_key(|(_, source, _)| count(source)).filter(|_| ranges > 1) else { return Ok(None) };
        // Keys may come in the order of time: files of all times are asked.
        let step = source.files.len().div_ceil(FILES_OF_A_SAMPLE).max(1);
        let sample: BTreeSet<&String> = source.files.iter().step_by(step).map(|file| &file.address).collect();
        let known = Keys::of(&rows_of(name, source, &|file| sample.contains(&file.address))?, column, name)?;
        Ok(Some(Way::Ranges(key, known.ranges(ranges))))
    }

    /// Adds rows to those that are held; parts of which there are none among them are put where they stay: files follow each other in time.
    fn add(&self, held: &mut HeldRows, name: &str, rows: &ModelRows) -> Result<(), MetricsError> {
        let mut added = BTreeSet::new();
        for (part, rows) in rows.parts(held.span, name)? {
            let rows = match held.parts.remove(&part) {
                Some(before) => {
                    let before = self.relation_of(name, &held.schema, std::iter::once(&before))?;
                    Relation::together(&held.schema, &[before, rows.relation()], name)?.rows(name)?
                }
                None => rows,
            };
            held.parts.insert(part.clone(), Part::Remade(rows));
            added.insert(part);
        }
        self.shelf.put(name, held, &|part| !added.contains(part)).map_err(inner)
    }

    /// The days of rows of a model that are joined by a column with rows of another one that differ; `None` where that is not known.
    pub(crate) fn joined_days(&self, (model, rows): (&str, &HeldRows), other: &HeldRows, (from, to): &(String, String)) -> Result<Option<Vec<Days>>, MetricsError> {
        let Some((_, keys)) = other.differing.as_ref().filter(|(key, _)| column_named(&other.schema, to) == Some(key)) else { return Ok(None) };
        let Some(column) = column_named(&rows.schema, from) else { return Ok(None) };
        let found = Chosen::Keys(column.to_owned(), keys.clone(), Vec::new()).of(&self.relation(model, rows, None)?).day_alone().rows(model)?;
        let days = found.days(model)?.into_iter().flatten().map(|day| Days { from: day, to: day.saturating_add(1) });
        Ok(Some(joined(days)))
    }

    fn by_days(&self, model: &Model, touched: &RowsTouched, kept: HeldRows) -> Result<Remade, MetricsError> {
        let days = joined(touched.days.iter().copied());
        let mut fresh = Vec::new();
        for stretch in &days {
            let dated = kept.in_columns(&self.of_stretch(model, *stretch)?);
            fresh.push(Chosen::Days(pairs(&[*stretch])).of(&dated));
        }
        let fresh = Relation::together(&kept.schema, &fresh, &model.name)?;
        self.exchanged(model, kept, &Chosen::Days(pairs(&days)), &fresh, Some(&days))
    }

    fn by_key(&self, model: &Model, incremental: &Incremental, key: &str, touched: &RowsTouched, kept: HeldRows) -> Result<Remade, MetricsError> {
        let (mut new_keys, mut hidden_keys) = (Keys::none(), Keys::none());
        for (name, files) in &touched.keyed {
            let (Some(source), Some(column)) = (self.worklist.sources().get(name), incremental.sources.get(name).and_then(|reach| reach.key.as_ref())) else { continue };
            let new = rows_of(name, source, &|file| files.new.contains(&file.address))?;
            new_keys = new_keys.and(&Keys::of(&new, column, name)?, name)?;
            if let Some((from, to)) = self.worklist.days_of_as_of().filter(|_| !files.hidden.is_empty()) {
                let hidden = rows_of(name, source, &|file| files.hidden.contains(&file.address))?;
                let times: Vec<String> = self.worklist.times_of(name);
                hidden_keys = hidden_keys.and(&Keys::of(&hidden.between(&times, from, to), column, name)?, name)?;
            }
        }
        let mut keys = self.without_settled(model, touched, &kept, new_keys)?.and(&hidden_keys, &model.name)?;
        if !touched.days.is_empty() {
            let of_days = Chosen::Days(pairs(&touched.days)).of(&self.relation(&model.name, &kept, Some(&touched.days))?);
            keys = keys.and(&Keys::of(&of_days, key, &model.name)?, &model.name)?;
        }
        let keyless = joined(touched.keyless.iter().copied());
        if keys.is_empty() && keyless.is_empty() {
            return Ok(Remade { rows: kept, differing: Some(Vec::new()) });
        }
        let dated = kept.in_columns(&self.keyed(incremental, &keys)?.dated(&model.name)?);
        let only = |keys: Keys, keyless: &[Days]| Chosen::Keys(key.to_owned(), keys, pairs(keyless));
        let mut fresh = vec![only(keys.clone(), &[]).of(&dated)];
        for stretch in &keyless {
            let dated = kept.in_columns(&self.of_stretch(model, *stretch)?);
            fresh.push(only(Keys::none(), &[*stretch]).of(&dated));
        }
        let fresh = Relation::together(&kept.schema, &fresh, &model.name)?;
        self.exchanged(model, kept, &only(keys, &keyless), &fresh, None)
    }

    /// Keys of new files without those whose row is settled: it is of before the days that events of these files reach.
    fn without_settled(&self, model: &Model, touched: &RowsTouched, kept: &HeldRows, keys: Keys) -> Result<Keys, MetricsError> {
        let first_day = touched.keyed.values().filter_map(|files| files.first_day).min().unwrap_or(i32::MAX);
        let settles = model.incremental.as_ref().filter(|incremental| incremental.settled_rows && first_day > i32::MIN && !keys.is_empty());
        let Some(key) = settles.and_then(|incremental| incremental.key.as_ref()) else { return Ok(keys) };
        let before = [Days { from: i32::MIN, to: first_day }];
        let rows = Chosen::Days(pairs(&before)).of(&self.relation(&model.name, kept, Some(&before))?);
        let settled = Chosen::Keys(key.clone(), keys.clone(), Vec::new()).of(&rows);
        keys.but(&Keys::of(&settled, key, &model.name)?, &model.name)
    }

    /// The rows of a model over the files that rows of some days can come from.
    fn of_stretch(&self, model: &Model, days: Days) -> Result<Relation, MetricsError> {
        let own = self.workspace.project.sources_behind(&model.name);
        self.engine.limited(&model.name, &own, days)?.dated(&model.name)
    }

    /// An engine over the rows of sources that have some keys, maybe others too, and over all rows of those without a key.
    fn keyed(&self, incremental: &Incremental, keys: &Keys) -> Result<PolarsEngine<'a>, MetricsError> {
        self.by_rows(incremental, &|name, relation, column| self.engine.with_keys(name, relation, column, keys))
    }

    /// The same for a range of keys; models that keep their rows by the key are not made once more.
    fn between_keys(&self, model: &Model, incremental: &Incremental, range: &KeyRange) -> Result<PolarsEngine<'a>, MetricsError> {
        let engine = self.by_rows(incremental, &|_, relation, column| Ok(range.of(relation, column)))?;
        for (name, held) in self.engine.rows_held().iter().filter(|(name, _)| **name != model.name) {
            let key = self.workspace.project.models.get(name).and_then(|model| model.incremental.as_ref()?.key.as_ref());
            if let Some(key) = key.filter(|key| incremental.key.as_ref() == Some(*key)) {
                engine.put(name, range.of(&self.relation(name, held, None)?.undated(), key));
            }
        }
        Ok(engine)
    }

    /// An engine over some rows of sources with a key, and over all rows of the others.
    fn by_rows(&self, incremental: &Incremental, some: &dyn Fn(&str, &Relation, &str) -> Result<Relation, MetricsError>) -> Result<PolarsEngine<'a>, MetricsError> {
        let column_of = |source: &String| incremental.sources.get(source).and_then(|reach| reach.key.clone());
        let whole = self.engine.whole()?;
        let mut relations = IndexMap::new();
        for name in self.worklist.sources().keys() {
            let mut relation = whole.relation(name)?;
            if let Some(column) = column_of(name) {
                relation = some(name, &relation, &column)?;
            }
            relations.insert(name.clone(), relation);
        }
        let engine = PolarsEngine::new(&self.workspace.project, relations, self.workspace.as_of);
        self.engine.beside_whole(engine, &|source| column_of(source).is_some())
    }

    /// Kept rows with fresh ones in the place of those that were chosen.
    fn exchanged(&self, model: &Model, mut kept: HeldRows, chosen: &Chosen, fresh: &Relation, days: Option<&[Days]>) -> Result<Remade, MetricsError> {
        let name = &model.name;
        let gone = {
            let _alone = self.engine.alone();
            chosen.of(&self.relation(name, &kept, days)?).rows(name)?
        };
        let fresh = fresh.rows(name)?;
        let differing = fresh.differing_days(&gone, name)?;
        // Rows without a day are of no period: whoever sees them sees all.
        let stretch = |day: &Option<i32>| day.map_or(Days::ALL, |day| Days { from: day, to: day.saturating_add(1) });
        let days_that_differ = joined(differing.iter().map(stretch));
        kept.differing = match kept.differing.take().filter(|_| !differing.contains(&None)) {
            Some((key, mut keys)) => {
                for rows in [&gone, &fresh] {
                    keys = keys.and(&Keys::of(&Chosen::Days(pairs(&days_that_differ)).of(&rows.relation()), &key, name)?, name)?;
                }
                Some((key, keys))
            }
            None => None,
        };
        let touched: BTreeSet<String> = differing.iter().map(|day| kept.span.part_of(*day)).collect();
        let mut come = fresh.parts(kept.span, name)?;
        for part in touched {
            let mut lots = Vec::new();
            if let Some(before) = kept.parts.get(&part) {
                lots.push(chosen.but(&self.relation_of(name, &kept.schema, std::iter::once(before))?));
            }
            lots.extend(come.remove(&part).map(|rows| rows.relation()));
            let rows = Relation::together(&kept.schema, &lots, name)?.rows(name)?;
            if rows.count() > 0 { drop(kept.parts.insert(part, Part::Remade(rows))) } else { drop(kept.parts.remove(&part)) }
        }
        Ok(Remade { rows: kept, differing: Some(days_that_differ) })
    }

    /// The rows of a model with their days; where days are given, those of parts in which these can be.
    pub(crate) fn relation(&self, model: &str, rows: &HeldRows, days: Option<&[Days]>) -> Result<Relation, MetricsError> {
        self.relation_of(model, &rows.schema, rows.parts_of(days))
    }

    /// The rows of a model without their days, in lots of about so many as are made at once, one of none where there is no row; where days are
    /// given, those of parts in which these can be.
    pub(crate) fn in_lots(&self, model: &str, held: &HeldRows, days: Option<&[Days]>) -> Result<Vec<Relation>, MetricsError> {
        let parts: Vec<(&Part, u64)> = held.parts_of(days).map(|part| (part, part.count())).collect();
        let lots = count_of_lots(parts.iter().map(|(_, rows)| rows).sum(), self.workspace.rows_at_once);
        let lots = lots_of(parts, lots);
        lots.into_iter().map(|lot| Ok(self.relation_of(model, &held.schema, lot.into_iter())?.undated())).collect()
    }

    fn relation_of<'p>(&self, model: &str, schema: &SchemaRef, parts: impl Iterator<Item = &'p Part>) -> Result<Relation, MetricsError> {
        let (mut paths, mut lots) = (Vec::new(), Vec::new());
        for part in parts {
            match part {
                Part::Kept(part) => paths.push(part.path.clone()),
                Part::Remade(rows) => lots.push(rows.relation()),
            }
        }
        if !paths.is_empty() {
            let frame = scan_rows(self.shelf.shelf.location(), &paths, &self.workspace.env).map_err(|error| inner(JobError::Input(error)))?;
            lots.push(Relation::read_back(schema, frame, model)?);
        }
        Relation::together(schema, &lots, model)
    }
}

/// A model whose rows are remade by a key has a column of that name.
pub(crate) fn check_key(model: &Model, schema: &Schema) -> Result<(), MetricsError> {
    let Some(key) = model.incremental.as_ref().and_then(|incremental| incremental.key.as_ref()) else { return Ok(()) };
    if schema.field_with_name(key).is_ok() {
        return Ok(());
    }
    let near = nearest(key, schema.fields().iter().map(|field| field.name().as_str())).map(str::to_owned);
    Err(MetricsError::Unknown { what: "key column", name: format!("{}.{key}", model.name), near })
}

/// The column that an expression is and nothing else.
fn column_named<'s>(schema: &'s Schema, sql: &str) -> Option<&'s str> {
    schema.fields().iter().map(|field| field.name().as_str()).find(|name| sql == *name || sql == quoted(name))
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::{DataType, Field, Schema};
    use quotient_model::{Project, ProjectFiles, Settings, resolve_item};

    use super::column_named;

    #[test]
    fn the_keys_of_a_join_are_columns_by_their_names() {
        let model = |name: &str, entity: &str, column: &str| {
            format!(
                "  - name: {name}\n    semantic_model: {{enabled: true}}\n    columns:\n      - {{name: lead_id, entity: {{type: {entity}, name: lead}}}}\n      - {{name: {column}, dimension: {{type: categorical}}}}\n"
            )
        };
        let models = format!("models:\n{}{}", model("touches", "foreign", "kind"), model("leads", "primary", "source"));
        let files = [("models/touches.sql", "SELECT 1".to_owned()), ("models/leads.sql", "SELECT 1".to_owned()), ("models/shop.yml", models)];
        let models = files.map(|(name, text)| (name.to_owned(), text)).into();
        let files = ProjectFiles { project: "name: shop\n".to_owned(), models, ..ProjectFiles::default() };
        let project = Project::parse(&files, &Settings::default()).unwrap();
        let found = resolve_item(&project, "touches", "lead__source").unwrap();
        let schema = Schema::new(vec![Field::new("touch_id", DataType::Utf8, true), Field::new("lead_id", DataType::Utf8, true)]);
        assert_eq!(found.path.iter().map(|hop| column_named(&schema, &hop.from.expr)).collect::<Vec<_>>(), [Some("lead_id")]);
        assert_eq!(column_named(&schema, "lead_id"), Some("lead_id"));
        assert_eq!(column_named(&schema, "lead_id || '#'"), None);
    }
}
