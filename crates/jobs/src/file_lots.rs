//! Rows of many files in lots: what would fill the memory at once is read file by file.
//!
//! In: a source or a model, and opened sources. Out: lots of the files of the one source that decides how many rows there are, and engines over
//! these. Only rows that are made row by row from that source come in lots.

use indexmap::IndexMap;
use quotient_ingest::SourceFrame;
use quotient_metrics::{MetricsError, PolarsEngine};
use quotient_model::{DataTest, Rule};

use crate::incremental_engine::{inner, part_of};
use crate::workspace::Workspace;

/// Files of a source by their addresses, in lots that are read one after the other.
pub(crate) struct FileLots {
    pub(crate) source: String,
    pub(crate) lots: Vec<Vec<String>>,
}

/// Things that follow each other in lots of no more than so many rows, unless one alone has more.
pub(crate) fn lots_of<T>(things: impl Iterator<Item = (T, u64)>, at_once: u64) -> Vec<Vec<T>> {
    let mut lots: Vec<Vec<T>> = Vec::new();
    let mut rows = 0;
    for (thing, count) in things {
        let fits = rows + count <= at_once;
        rows = if fits { rows + count } else { count };
        match lots.last_mut().filter(|_| fits) {
            Some(lot) => lot.push(thing),
            None => lots.push(vec![thing]),
        }
    }
    lots
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
pub(crate) struct Rows<'e, 'a> {
    pub(crate) workspace: &'a Workspace,
    pub(crate) sources: &'e IndexMap<String, SourceFrame>,
    pub(crate) whole: &'e PolarsEngine<'a>,
    pub(crate) seen: Seen,
}

impl<'a> Rows<'_, 'a> {
    /// The lots of a model or a source; `None` where its rows are few, are known already, or where more than one row makes one.
    pub(crate) fn lots(&self, name: &str) -> Result<Option<FileLots>, MetricsError> {
        if self.whole.has_rows(name) {
            return Ok(None);
        }
        let read = self.whole.row_by_row(name)?;
        let largest = read.into_iter().filter_map(|name| Some((self.sources.get(&name)?, name))).max_by_key(|(source, _)| count(source));
        let at_once = self.workspace.rows_at_once;
        let Some((source, name)) = largest.filter(|(source, _)| count(source) > at_once) else { return Ok(None) };
        Ok(Some(FileLots { lots: lots_of(source.files.iter().map(|file| (file.address.clone(), file.rows)), at_once), source: name }))
    }

    /// Whether lots of a source have all that a test looks for in another table: all rows of another source, of which there are few, since each
    /// lot looks through them.
    pub(crate) fn have_what_is_looked_for(&self, source: &str, test: &DataTest) -> bool {
        let Rule::Relationships { to, .. } = &test.rule else { return true };
        let own = self.sources.get(source).map_or(0, count);
        to != source && self.sources.get(to).is_some_and(|parents| count(parents).saturating_mul(4) <= own)
    }

    /// An engine over a lot of the files of a source, and all of the others.
    pub(crate) fn engine(&self, source: &str, lot: &[String]) -> Result<PolarsEngine<'a>, MetricsError> {
        let mut parts = self.sources.clone();
        if let Some(frame) = parts.get_mut(source) {
            *frame = part_of(source, frame, &|file| lot.contains(&file.address))?;
        }
        let parts = if self.seen == Seen::Clean { self.workspace.without_bad_rows(parts).map_err(inner)? } else { parts };
        Ok(self.workspace.engine(&parts))
    }
}

/// How many rows the files of a source have.
pub(crate) fn count(source: &SourceFrame) -> u64 {
    source.files.iter().map(|file| file.rows).sum()
}

#[cfg(test)]
mod tests {
    use super::lots_of;

    #[test]
    fn lots_are_full_and_no_thing_is_cut() {
        let lots = |counts: &[u64]| lots_of(counts.iter().map(|count| (*count, *count)), 10);
        assert_eq!(lots(&[4, 6, 1, 0, 9, 20, 3, 3]), [vec![4, 6], vec![1, 0, 9], vec![20], vec![3, 3]]);
        assert_eq!(lots(&[11]), [vec![11]]);
        assert!(lots(&[]).is_empty());
    }
}
