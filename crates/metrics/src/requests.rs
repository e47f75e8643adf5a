//! The questions that a list of metrics puts to an engine, for those who plan before they ask.

use quotient_model::Project;

use crate::engine::{BaseRequest, ConversionRequest};
use crate::error::MetricsError;
use crate::needs::{CellRequest, needs_of};

/// What [`crate::cells`] will ask an engine, in its order.
#[derive(Debug, Default)]
pub struct Requests<'a> {
    /// Base cells.
    pub base: Vec<BaseRequest<'a>>,
    /// Conversions.
    pub conversions: Vec<ConversionRequest<'a>>,
}

impl<'a> Requests<'a> {
    /// What is asked of the rows of one model each: base cells, and both sides of conversions.
    pub fn of_rows(&self) -> impl Iterator<Item = &BaseRequest<'a>> {
        self.base.iter().chain(self.conversions.iter().flat_map(|conversion| [&conversion.base, &conversion.conversion]))
    }
}

/// The requests behind the cells of metrics; nothing is asked yet.
///
/// # Errors
/// Unknown names, and definitions without meaning at a grouping.
pub fn requests_of<'a>(project: &'a Project, request: &'a CellRequest) -> Result<Requests<'a>, MetricsError> {
    let needs = needs_of(project, request)?;
    Ok(Requests { base: needs.base.into_values().collect(), conversions: needs.conversions.into_values().collect() })
}
