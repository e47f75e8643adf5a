//! A bar on a terminal's stderr while a job runs.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use quotient_jobs::Progress;

const SHAPE: &str = "{bar:30} {pos}/{len} {elapsed} {wide_msg}";
const TICK: Duration = Duration::from_millis(250);

/// The bar; it vanishes when the work ends, well or not.
pub(crate) struct Bar {
    bar: ProgressBar,
}

impl Bar {
    /// A bar that shows nothing yet.
    pub(crate) fn new() -> Self {
        let style = ProgressStyle::with_template(SHAPE).unwrap_or_else(|_| ProgressStyle::default_bar());
        Self { bar: ProgressBar::new(0).with_style(style) }
    }
}

impl Progress for Bar {
    fn begin(&self, steps: u64) {
        self.bar.set_length(steps);
        self.bar.enable_steady_tick(TICK);
    }

    fn step(&self, what: &str) {
        self.bar.set_message(what.to_owned());
        self.bar.inc(1);
    }

    fn end(&self) {
        self.bar.finish_and_clear();
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
