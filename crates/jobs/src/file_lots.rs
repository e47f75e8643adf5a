//! Rows of many files in lots: what would fill the memory at once is read some files at a time.
//!
//! In: a source or a model, and opened sources. Out: lots of the files, and of the known rows, that decide how many rows there are, and engines
//! over these. Rows that look at each other do not come in lots, but for groups that add up.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use indexmap::IndexMap;
use quotient_ingest::SourceFrame;
use quotient_metrics::sql::Relation;
use quotient_metrics::{FirstRows, Keys, MetricsError, PolarsEngine};
use quotient_model::{DataTest, Model, Rule};

use crate::incremental_engine::inner;
use crate::source_rows::{part_of, relation_of};
use crate::workspace::Workspace;

/// As many first rows stay in memory, in lots of those that are made at once.
const LOTS_OF_FIRST_ROWS: u64 = 4;

/// Lots of the rows of some sources and models, which are read one after the other: each has some rows of all of them.
pub(crate) struct Lots {
    /// Of sources the addresses of files, by lot.
    files: BTreeMap<String, Vec<BTreeSet<String>>>,
    /// Of models whose rows are known some of these, by lot.
    known: BTreeMap<String, Vec<Vec<Relation>>>,
    /// Models that are made of none of these.
    apart: BTreeSet<String>,
    /// How many lots there are.
    pub(crate) count: usize,
    /// How many rows are in all of them, about.
    pub(crate) rows: u64,
}

impl Lots {
    /// Whether all that comes in lots is among these sources.
    pub(crate) fn are_of(&self, sources: &BTreeMap<&str, &str>) -> bool {
        self.known.is_empty() && self.files.keys().all(|name| sources.contains_key(name.as_str()))
    }
}

/// Things that follow each other in so many lots with about as many rows each.
pub(crate) fn lots_of<T>(things: Vec<(T, u64)>, lots: usize) -> Vec<Vec<T>> {
    let all: u64 = things.iter().map(|(_, rows)| rows).sum();
    let mut found: Vec<Vec<T>> = (0..lots).map(|_| Vec::new()).collect();
    let mut before: u128 = 0;
    for (thing, rows) in things {
        let lot = usize::try_from(before * lots as u128 / u128::from(all.max(1))).unwrap_or(usize::MAX);
        found[lot.min(lots - 1)].push(thing);
        before += u128::from(rows);
    }
    found
}

/// The lots that so many rows are put in, where so many are made at once.
pub(crate) fn count_of_lots(rows: u64, at_once: u64) -> usize {
    usize::try_from(rows.div_ceil(at_once)).unwrap_or(usize::MAX).max(1)
}

/// Which rows of sources are seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seen {
    /// All of them.
    All,
    /// Those that no test keeps out.
    Clean,
}

/// Sources, and an engine over all of their rows.
#[derive(Clone, Copy)]
pub(crate) struct Rows<'e, 'a> {
    pub(crate) workspace: &'a Workspace,
    pub(crate) sources: &'e IndexMap<String, SourceFrame>,
    pub(crate) whole: &'e Arc<PolarsEngine<'a>>,
    pub(crate) seen: Seen,
}

impl<'a> Rows<'_, 'a> {
    /// The lots of a model or a source; `None` where its rows are few, are known already, or where more than one row makes one.
    pub(crate) fn lots(&self, name: &str) -> Result<Option<Lots>, MetricsError> {
        if self.whole.has_rows(name) {
            return Ok(None);
        }
        self.lots_of_sets(self.whole.row_by_row(name)?)
    }

    /// The rows of a model that groups many rows, made lot by lot; `None` where that cannot be, or they are few.
    pub(crate) fn grouped(&self, name: &str) -> Result<Option<Relation>, MetricsError> {
        let Some((sets, merges)) = self.whole.grouped(name)? else { return Ok(None) };
        let Some(lots) = self.lots_of_sets(sets)? else { return Ok(None) };
        let mut groups: Option<Relation> = None;
        for lot in 0..lots.count {
            let of_lot = self.engine(&lots, lot)?.relation(name)?;
            let schema = of_lot.schema.clone();
            let both: Vec<Relation> = groups.into_iter().chain([of_lot]).collect();
            groups = Some(Relation::together(&schema, &both, name)?.merged(&merges, name)?.rows(name)?.relation());
        }
        Ok(groups)
    }

    /// The rows of a model that takes first rows of many, found lot by lot; `None` where that cannot be, or they are few, or many are first.
    pub(crate) fn firsts(&self, model: &Model) -> Result<Option<Relation>, MetricsError> {
        let at_once = self.workspace.rows_at_once;
        let Some((sets, beside)) = self.whole.firsts(&model.name)? else { return Ok(None) };
        let Some(lots) = self.lots_of_sets(sets)? else { return Ok(None) };
        if self.rows_of_all(&beside)? > at_once || self.look_at_more_beside(&lots, &model.name)? {
            return Ok(None);
        }
        let mut firsts = FirstRows::default();
        for lot in 0..lots.count {
            firsts = self.engine(&lots, lot)?.first_rows(&model.name, firsts)?;
            if firsts.count() > at_once.saturating_mul(LOTS_OF_FIRST_ROWS) {
                return Ok(None);
            }
        }
        self.whole.over_firsts(model, firsts).map(Some)
    }

    /// Of some models of many rows these lot by lot, for all who ask the engine over all rows for facts: they are never all in memory.
    ///
    /// Of one whose lots look at many other rows, or which another one reads, all rows are made once.
    pub(crate) fn put_in_lots(&self, models: &BTreeSet<String>) -> Result<(), MetricsError> {
        let is_read = |name: &str| models.iter().any(|other| other != name && self.workspace.project.upstream(other).iter().any(|model| model.name == name));
        for model in models.iter().filter(|model| !is_read(model)) {
            if let Some(lots) = self.lots(model)?
                && !self.look_often(&lots, model)?
            {
                let relations = (0..lots.count).map(|lot| self.engine(&lots, lot)?.lowered(model));
                self.whole.put_lots(model, relations.collect::<Result<_, _>>()?)?;
            }
        }
        Ok(())
    }

    /// Lots of what has the most rows, if these are many.
    fn lots_of_sets(&self, sets: Vec<BTreeSet<String>>) -> Result<Option<Lots>, MetricsError> {
        let at_once = self.workspace.rows_at_once;
        let mut largest = (at_once, BTreeSet::new());
        for set in sets {
            let rows = self.rows_of_all(&set)?;
            if rows > largest.0 {
                largest = (rows, set);
            }
        }
        let (rows, set) = largest;
        if set.is_empty() {
            return Ok(None);
        }
        let count = count_of_lots(rows, at_once);
        let apart = self.whole.made_of_none(&set.iter().map(String::as_str).collect());
        let mut lots = Lots { files: BTreeMap::new(), known: BTreeMap::new(), apart, count, rows };
        for name in set {
            if let Some(source) = self.sources.get(&name) {
                let files = lots_of(source.files.iter().map(|file| (file.address.clone(), file.rows)).collect(), count);
                lots.files.insert(name, files.into_iter().map(BTreeSet::from_iter).collect());
            } else {
                let known = self.whole.known_lots(&name)?.into_iter().map(|lot| (lot, 1)).collect();
                lots.known.insert(name, lots_of(known, count));
            }
        }
        Ok(Some(lots))
    }

    /// Whether a lot of a model looks at more rows that do not come in lots than there are in all lots.
    pub(crate) fn look_at_more_beside(&self, lots: &Lots, model: &str) -> Result<bool, MetricsError> {
        Ok(self.rows_beside(lots, model)? > lots.rows)
    }

    fn rows_beside(&self, lots: &Lots, model: &str) -> Result<u64, MetricsError> {
        Ok(self.rows_of_all(&self.whole.made_of(model))?.saturating_sub(lots.rows))
    }

    fn rows_of_all(&self, names: &BTreeSet<String>) -> Result<u64, MetricsError> {
        names.iter().map(|name| self.rows_of(name)).sum()
    }

    /// How many rows a source has; or a model whose rows are known, about.
    fn rows_of(&self, name: &str) -> Result<u64, MetricsError> {
        if let Some(source) = self.sources.get(name) {
            return Ok(count(source));
        }
        let lots = if self.whole.has_rows(name) { self.whole.known_lots(name)?.len() } else { 0 };
        Ok(self.workspace.rows_at_once.saturating_mul(u64::try_from(lots.saturating_sub(1)).unwrap_or(u64::MAX)))
    }

    /// Whether lots have all that a test looks for in another table: all rows of another source.
    pub(crate) fn have_what_is_looked_for(&self, lots: &Lots, test: &DataTest) -> bool {
        let Rule::Relationships { to, .. } = &test.rule else { return true };
        !lots.files.contains_key(to) && self.sources.contains_key(to)
    }

    /// Does something with an engine over each lot of the rows of a model that are known; with one over all, where they did not come in lots.
    pub(crate) fn each_known_lot(&self, model: &str, mut work: impl FnMut(&PolarsEngine<'_>) -> Result<(), MetricsError>) -> Result<(), MetricsError> {
        if !self.whole.has_rows(model) {
            return work(self.whole);
        }
        self.whole.known_lots(model)?.into_iter().try_for_each(|lot| {
            let engine = self.workspace.engine(&IndexMap::new());
            engine.put(model, lot);
            work(&engine)
        })
    }

    /// An engine over one of some lots, and all rows of what does not come in lots.
    pub(crate) fn engine(&self, lots: &Lots, lot: usize) -> Result<PolarsEngine<'a>, MetricsError> {
        self.engine_beside(&self.parts(lots, lot)?, lots, lot, lots.apart.clone())
    }

    /// The same for a model whose rows hang on rows of the same key: of other sources with a key, by their columns, it has those rows alone that
    /// have a key of the lot, or none. All that comes in lots is sources with a key.
    pub(crate) fn engine_by_key(&self, lots: &Lots, lot: usize, columns: &BTreeMap<&str, &str>) -> Result<PolarsEngine<'a>, MetricsError> {
        let parts = self.parts(lots, lot)?;
        let mut keys = Keys::none();
        for name in lots.files.keys() {
            if let Some((frame, column)) = parts.get(name).zip(columns.get(name.as_str())) {
                keys = keys.and(&Keys::of(&relation_of(frame), column, name)?, name)?;
            }
        }
        let others: Vec<(&str, &str)> = columns.iter().filter(|(name, _)| !lots.files.contains_key(**name)).map(|(name, column)| (*name, *column)).collect();
        let apart = self.whole.made_of_none(&lots.files.keys().map(String::as_str).chain(others.iter().map(|(name, _)| *name)).collect());
        let engine = self.engine_beside(&parts, lots, lot, apart)?;
        for (name, column) in others {
            engine.put(name, keys.of_rows(&engine.relation(name)?, column));
        }
        Ok(engine)
    }

    /// Whether it pays to look for what has the keys of each lot, before it is looked at: all lots together look at more than there is.
    pub(crate) fn look_often(&self, lots: &Lots, model: &str) -> Result<bool, MetricsError> {
        let beside = self.rows_beside(lots, model)?;
        Ok(beside.saturating_mul(lots.count as u64) > beside.saturating_add(lots.rows))
    }

    /// The files of a lot, and all of the sources that do not come in lots.
    fn parts(&self, lots: &Lots, lot: usize) -> Result<IndexMap<String, SourceFrame>, MetricsError> {
        let mut parts = self.sources.clone();
        for (name, files) in &lots.files {
            if let Some(frame) = parts.get_mut(name) {
                *frame = part_of(name, frame, &|file| files[lot].contains(&file.address))?;
            }
        }
        if self.seen == Seen::Clean { self.workspace.without_bad_rows(parts).map_err(inner) } else { Ok(parts) }
    }

    fn engine_beside(&self, parts: &IndexMap<String, SourceFrame>, lots: &Lots, lot: usize, apart: BTreeSet<String>) -> Result<PolarsEngine<'a>, MetricsError> {
        let engine = self.workspace.engine(parts).with_models_of(self.whole, apart);
        for (name, known) in &lots.known {
            let schema = self.whole.relation(name)?.schema;
            engine.put(name, Relation::together(&schema, &known[lot], name)?);
        }
        Ok(engine)
    }
}

/// How many rows the files of a source have.
pub(crate) fn count(source: &SourceFrame) -> u64 {
    source.files.iter().map(|file| file.rows).sum()
}

#[cfg(test)]
mod tests {
    use super::{count_of_lots, lots_of};

    #[test]
    fn lots_have_about_as_many_rows_and_no_thing_is_cut() {
        let lots = |counts: &[u64], lots| lots_of(counts.iter().map(|count| (*count, *count)).collect(), lots);
        assert_eq!(lots(&[4, 6, 1, 0, 9, 20, 3, 3], 4), [vec![4, 6, 1, 0, 9], vec![20], vec![], vec![3, 3]]);
        assert_eq!(lots(&[11], 2), [vec![11], vec![]]);
        assert_eq!(lots(&[0, 0], 1), [vec![0, 0]]);
        assert_eq!(lots(&[], 1), [vec![0; 0]]);
    }

    #[test]
    fn there_is_a_lot_for_what_is_made_at_once() {
        assert_eq!([0, 1, 10, 11].map(|rows| count_of_lots(rows, 10)), [1, 1, 1, 2]);
    }
}
