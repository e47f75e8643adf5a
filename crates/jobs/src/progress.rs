//! How a long command tells how far it is, and how long its steps take.

use std::sync::Mutex;
use std::time::Duration;

use quotient_report::{Step, Timing};

use crate::side_by_side::locked;

/// Listens to the steps of a run.
pub trait Progress: Sync {
    /// So many steps will come.
    fn begin(&self, steps: u64);
    /// A step is done.
    fn step(&self, what: &str);
    /// All steps are done.
    fn end(&self);
    /// How long the listener has been there; `None` where it has no clock.
    fn elapsed(&self) -> Option<Duration> {
        None
    }
}

/// Tells nobody.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {
    fn begin(&self, _steps: u64) {}
    fn step(&self, _what: &str) {}
    fn end(&self) {}
}

/// Tells nobody, and has the clock of another listener.
pub(crate) struct Untold<'a>(pub(crate) &'a dyn Progress);

impl Progress for Untold<'_> {
    fn begin(&self, _steps: u64) {}
    fn step(&self, _what: &str) {}
    fn end(&self) {}
    fn elapsed(&self) -> Option<Duration> {
        self.0.elapsed()
    }
}

/// The steps of one run, told and timed.
pub(crate) struct Laps<'a> {
    progress: &'a dyn Progress,
    timed: Mutex<Timed>,
}

/// When the last step was done, and how long each took.
struct Timed {
    begun: Option<Duration>,
    timings: Vec<Timing>,
}

impl<'a> Laps<'a> {
    /// A run that begins.
    pub(crate) fn begin(progress: &'a dyn Progress, steps: usize) -> Self {
        progress.begin(count(steps));
        Self { progress, timed: Mutex::new(Timed { begun: progress.elapsed(), timings: Vec::new() }) }
    }

    /// So many steps will be told, which is known before the first is.
    pub(crate) fn expect(&self, steps: usize) {
        self.progress.begin(count(steps));
    }

    /// A step is done, for a table or a model where it was for one. Of steps at the same time each takes what passed since the one before.
    pub(crate) fn done(&self, step: Step, table: Option<&str>) {
        self.time(step, table);
        let told = match (step, table) {
            (Step::Test, None) => "tested the data".to_owned(),
            (Step::Test, Some(model)) => format!("gathered {model}"),
            (Step::Aggregate, Some(table)) => format!("aggregated {table}"),
            (Step::Derive, Some(table)) => format!("computed {table}"),
            (Step::Write, Some(table)) => format!("wrote {table}"),
            (_, _) => return,
        };
        self.progress.step(&told);
    }

    /// All steps are done.
    pub(crate) fn end(&self) {
        self.progress.end();
    }

    /// How long the steps until now took.
    pub(crate) fn timings(&self) -> Vec<Timing> {
        locked(&self.timed).timings.clone()
    }

    fn time(&self, step: Step, table: Option<&str>) {
        let mut timed = locked(&self.timed);
        let now = self.progress.elapsed();
        let begun = std::mem::replace(&mut timed.begun, now);
        if let Some((begun, now)) = begun.zip(now) {
            let milliseconds = i64::try_from(now.saturating_sub(begun).as_millis()).unwrap_or(i64::MAX);
            timed.timings.push(Timing { step, table: table.map(str::to_owned), milliseconds });
        }
    }
}

fn count(steps: usize) -> u64 {
    u64::try_from(steps).unwrap_or(u64::MAX)
}
