//! Rows of models that are kept from run to run: what may have changed of them is remade, the rest is read where it lies.
//!
//! In: what a ledger says of kept rows, and what changed since. Out: of each such model its rows of now, and the days on which they differ
//! from those of before. A model says by `config.meta.incremental` that its rows are kept, and whether they are remade by days or by keys.

use std::collections::{BTreeMap, BTreeSet};

use arrow::array::RecordBatch;
use arrow::datatypes::{Schema, SchemaRef};
use indexmap::IndexMap;
use quotient_ingest::{LakeFile, SourceFrame, scan_rows};
use quotient_metrics::sql::Relation;
use quotient_metrics::{Chosen, Keys, MetricsError, ModelRows, PartSpan, PolarsEngine};
use quotient_model::{Incremental, Model, model_hash, nearest, short_hash};
use sha2::{Digest, Sha256};

use crate::days::{Days, joined, pairs};
use crate::error::JobError;
use crate::incremental_engine::{IncrementalEngine, inner};
use crate::ledger::KeptRows;
use crate::touched::RowsTouched;
use crate::work::Worklist;
use crate::workspace::Workspace;

/// Rows up to which a model has a part for each year, beyond it one for each month.
const ROWS_BY_YEAR: usize = 200_000;

/// Where kept rows lie.
#[derive(Debug, Clone, Default)]
pub(crate) struct RowShelf {
    /// The results.
    pub(crate) location: String,
    /// The objects that are there.
    pub(crate) paths: BTreeSet<String>,
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

/// Rows of one month or year.
enum Part {
    /// As they were kept, under a path of the results.
    Kept(String),
    /// Made anew.
    Remade(ModelRows),
}

/// The rows of a model, and the days on which they differ from what was kept; `None` where that is not known.
struct Remade {
    rows: HeldRows,
    differing: Option<Vec<Days>>,
}

/// The key column of a model, and its values in rows that differ from what was kept.
type DifferingKeys = Option<(String, Keys)>;

impl HeldRows {
    /// Names the parts that were made anew by paths, and gives their rows: they are let go of.
    pub(crate) fn named(&mut self, path_of: &dyn Fn(&str) -> String) -> Result<Vec<(String, RecordBatch)>, MetricsError> {
        let mut objects = Vec::new();
        for (name, part) in &mut self.parts {
            if let Part::Remade(rows) = part {
                objects.push((path_of(name), rows.batch()?));
                *part = Part::Kept(path_of(name));
            }
        }
        Ok(objects)
    }

    /// What a ledger says of rows all of whose parts have paths.
    pub(crate) fn into_kept(self) -> KeptRows {
        let path = |(name, part): (String, Part)| if let Part::Kept(path) = part { Some((name, path)) } else { None };
        KeptRows { hash: self.hash, parts: self.parts.into_iter().filter_map(path).collect() }
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
    pub(crate) shelf: &'e RowShelf,
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
        let whole = self.engine.whole()?;
        let schema = whole.dated(&model.name)?.schema;
        check_key(model, &schema)?;
        let is_there = |kept: &&KeptRows| kept.hash == hash && kept.parts.values().all(|path| self.shelf.paths.contains(path));
        let Some(kept) = self.worklist.ledger.rows.get(&model.name).filter(is_there) else {
            // A run of some days does not compute all rows for later ones.
            return if self.worklist.is_limited() { Ok(None) } else { anew(model, hash, &whole).map(Some) };
        };
        let Some(touched) = self.worklist.rows_touched(&model.name) else { return anew(model, hash, &whole).map(Some) };
        let span = PartSpan::of_names(kept.parts.keys());
        let parts = kept.parts.iter().map(|(name, path)| (name.clone(), Part::Kept(path.clone()))).collect();
        let rows = HeldRows { hash, differing: incremental.key.clone().map(|key| (key, Keys::none())), schema, span, parts };
        match &incremental.key {
            Some(key) => self.by_key(model, incremental, key, &touched, rows),
            None => self.by_days(model, &touched, rows),
        }
        .map(Some)
    }

    /// The days of rows of a model that are joined by a column with rows of another one that differ; `None` where that is not known.
    pub(crate) fn joined_days(&self, (model, rows): (&str, &HeldRows), other: &HeldRows, (from, to): &(String, String)) -> Result<Option<Vec<Days>>, MetricsError> {
        let Some((_, keys)) = other.differing.as_ref().filter(|(key, _)| key == to) else { return Ok(None) };
        if rows.schema.field_with_name(from).is_err() {
            return Ok(None);
        }
        let found = Chosen::Keys(from.clone(), keys.clone(), Vec::new()).of(&self.relation(model, rows, None)?).day_alone().rows(model)?;
        let days = found.days(model)?.into_iter().flatten().map(|day| Days { from: day, to: day.saturating_add(1) });
        Ok(Some(joined(days)))
    }

    fn by_days(&self, model: &Model, touched: &RowsTouched, kept: HeldRows) -> Result<Remade, MetricsError> {
        let days = joined(touched.days.iter().copied());
        let mut fresh = Vec::new();
        for stretch in &days {
            let dated = self.of_stretch(model, *stretch)?;
            fresh.push(Chosen::Days(pairs(&[*stretch])).of(&dated));
        }
        let fresh = Relation::together(&kept.schema, &fresh, &model.name)?;
        self.exchanged(model, kept, &Chosen::Days(pairs(&days)), &fresh, Some(&days))
    }

    fn by_key(&self, model: &Model, incremental: &Incremental, key: &str, touched: &RowsTouched, kept: HeldRows) -> Result<Remade, MetricsError> {
        let mut keys = Keys::none();
        for (name, files) in &touched.keyed {
            let (Some(source), Some(column)) = (self.worklist.sources().get(name), incremental.sources.get(name).and_then(|reach| reach.key.as_ref())) else { continue };
            let new = part_of(name, source, &|file| files.new.contains(&file.address))?;
            keys = keys.and(&Keys::of(&new, column, name)?, name)?;
            if let Some((from, to)) = self.worklist.days_of_as_of().filter(|_| !files.hidden.is_empty()) {
                let hidden = part_of(name, source, &|file| files.hidden.contains(&file.address))?;
                let times: Vec<String> = self.worklist.times_of(name);
                keys = keys.and(&Keys::of(&hidden.between(&times, from, to), column, name)?, name)?;
            }
        }
        if !touched.days.is_empty() {
            let of_days = Chosen::Days(pairs(&touched.days)).of(&self.relation(&model.name, &kept, Some(&touched.days))?);
            keys = keys.and(&Keys::of(&of_days, key, &model.name)?, &model.name)?;
        }
        let keyless = joined(touched.keyless.iter().copied());
        if keys.is_empty() && keyless.is_empty() {
            return Ok(Remade { rows: kept, differing: Some(Vec::new()) });
        }
        let dated = self.keyed(incremental, &keys)?.dated(&model.name)?;
        let only = |keys: Keys, keyless: &[Days]| Chosen::Keys(key.to_owned(), keys, pairs(keyless));
        let mut fresh = vec![only(keys.clone(), &[]).of(&dated)];
        for stretch in &keyless {
            let dated = self.of_stretch(model, *stretch)?;
            fresh.push(only(Keys::none(), &[*stretch]).of(&dated));
        }
        let fresh = Relation::together(&kept.schema, &fresh, &model.name)?;
        self.exchanged(model, kept, &only(keys, &keyless), &fresh, None)
    }

    /// The rows of a model over the files that rows of some days can come from.
    fn of_stretch(&self, model: &Model, days: Days) -> Result<Relation, MetricsError> {
        let own = self.workspace.project.sources_behind(&model.name);
        self.engine.limited(&model.name, &own, days)?.dated(&model.name)
    }

    /// An engine over the rows of sources that have some keys, and over all rows of those without a key.
    fn keyed(&self, incremental: &Incremental, keys: &Keys) -> Result<PolarsEngine<'a>, MetricsError> {
        let column_of = |source: &String| incremental.sources.get(source).and_then(|reach| reach.key.clone());
        let whole = self.engine.whole()?;
        let mut relations = IndexMap::new();
        for name in self.worklist.sources().keys() {
            let mut relation = whole.relation(name)?;
            if let Some(column) = column_of(name) {
                relation = Chosen::Keys(column, keys.clone(), Vec::new()).of(&relation).rows(name)?.relation();
            }
            relations.insert(name.clone(), relation);
        }
        let engine = PolarsEngine::new(&self.workspace.project, relations, self.workspace.as_of);
        self.engine.beside_whole(engine, &|source| column_of(source).is_some())
    }

    /// Kept rows with fresh ones in the place of those that were chosen.
    fn exchanged(&self, model: &Model, mut kept: HeldRows, chosen: &Chosen, fresh: &Relation, days: Option<&[Days]>) -> Result<Remade, MetricsError> {
        let name = &model.name;
        let gone = chosen.of(&self.relation(name, &kept, days)?).rows(name)?;
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
        let days = days.map(pairs);
        let parts = rows.parts.iter().filter(|(name, _)| days.as_ref().is_none_or(|days| rows.span.meets(name, days)));
        self.relation_of(model, &rows.schema, parts.map(|(_, part)| part))
    }

    fn relation_of<'p>(&self, model: &str, schema: &SchemaRef, parts: impl Iterator<Item = &'p Part>) -> Result<Relation, MetricsError> {
        let (mut paths, mut lots) = (Vec::new(), Vec::new());
        for part in parts {
            match part {
                Part::Kept(path) => paths.push(path.clone()),
                Part::Remade(rows) => lots.push(rows.relation()),
            }
        }
        if !paths.is_empty() {
            let frame = scan_rows(&self.shelf.location, &paths, &self.workspace.env).map_err(|error| inner(JobError::Input(error)))?;
            lots.push(Relation::read_back(schema, frame, model)?);
        }
        Relation::together(schema, &lots, model)
    }
}

/// All rows, as if none were kept.
fn anew(model: &Model, hash: String, whole: &PolarsEngine<'_>) -> Result<Remade, MetricsError> {
    let dated = whole.dated(&model.name)?;
    let rows = dated.rows(&model.name)?;
    let span = if rows.count() > ROWS_BY_YEAR { PartSpan::Month } else { PartSpan::Year };
    let parts = rows.parts(span, &model.name)?.into_iter().map(|(name, rows)| (name, Part::Remade(rows))).collect();
    Ok(Remade { rows: HeldRows { hash, differing: None, schema: dated.schema, span, parts }, differing: None })
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

/// A source with some of its files.
fn part_of(name: &str, source: &SourceFrame, keep: &dyn Fn(&LakeFile) -> bool) -> Result<Relation, MetricsError> {
    let part = source.part(keep).map_err(|error| MetricsError::Bridge { column: name.to_owned(), reason: error.to_string() })?;
    Ok(Relation { schema: part.schema, frame: part.frame })
}
