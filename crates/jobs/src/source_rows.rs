//! Rows of opened sources: all of them, or those of some files.

use quotient_ingest::{LakeFile, SourceFrame};
use quotient_metrics::MetricsError;
use quotient_metrics::sql::Relation;

/// The rows of a source.
pub(crate) fn relation_of(source: &SourceFrame) -> Relation {
    Relation { schema: source.schema.clone(), frame: source.frame.clone() }
}

/// A source with some of its files.
pub(crate) fn part_of(name: &str, source: &SourceFrame, keep: &dyn Fn(&LakeFile) -> bool) -> Result<SourceFrame, MetricsError> {
    source.part(keep).map_err(|error| MetricsError::Bridge { column: name.to_owned(), reason: error.to_string() })
}

/// The rows of some files of a source.
pub(crate) fn rows_of(name: &str, source: &SourceFrame, keep: &dyn Fn(&LakeFile) -> bool) -> Result<Relation, MetricsError> {
    Ok(relation_of(&part_of(name, source, keep)?))
}
