//! How a long command tells how far it is.

/// Listens to the steps of a run.
pub trait Progress: Sync {
    /// So many steps will come.
    fn begin(&self, steps: u64);
    /// A step is done.
    fn step(&self, what: &str);
    /// All steps are done.
    fn end(&self);
}

/// Tells nobody.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {
    fn begin(&self, _steps: u64) {}
    fn step(&self, _what: &str) {}
    fn end(&self) {}
}
