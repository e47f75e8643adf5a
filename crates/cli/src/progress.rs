//! How far a job is: a bar on a terminal's stderr, JSON lines, or nothing but the time it takes.

use std::io::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use quotient_jobs::Progress;
use serde_json::json;

const SHAPE: &str = "{bar:30} {pos}/{len} {elapsed}, {eta} to go: {wide_msg}";
const TICK: Duration = Duration::from_millis(250);

/// Shows nothing, and has the clock.
pub(crate) struct Clock {
    begun: Instant,
}

impl Clock {
    /// A clock that starts now.
    pub(crate) fn new() -> Self {
        Self { begun: Instant::now() }
    }
}

impl Progress for Clock {
    fn begin(&self, _steps: u64) {}
    fn step(&self, _what: &str) {}
    fn end(&self) {}
    fn elapsed(&self) -> Option<Duration> {
        Some(self.begun.elapsed())
    }
}

/// The bar; it vanishes when the work ends, well or not.
pub(crate) struct Bar {
    bar: ProgressBar,
    clock: Clock,
}

impl Bar {
    /// A bar that shows nothing yet.
    pub(crate) fn new() -> Self {
        let style = ProgressStyle::with_template(SHAPE).unwrap_or_else(|_| ProgressStyle::default_bar());
        Self { bar: ProgressBar::new(0).with_style(style), clock: Clock::new() }
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

    fn elapsed(&self) -> Option<Duration> {
        self.clock.elapsed()
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// A JSON object for each step.
pub(crate) struct Lines {
    done: AtomicU64,
    of: AtomicU64,
    clock: Clock,
}

impl Lines {
    /// No line yet.
    pub(crate) fn new() -> Self {
        Self { done: AtomicU64::new(0), of: AtomicU64::new(0), clock: Clock::new() }
    }
}

impl Progress for Lines {
    fn begin(&self, steps: u64) {
        self.done.store(0, Ordering::Relaxed);
        self.of.store(steps, Ordering::Relaxed);
    }

    fn step(&self, what: &str) {
        // Numbered by who writes: steps of several threads come in the order of their numbers.
        let mut stderr = std::io::stderr().lock();
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        let line = json!({"level": "info", "message": what, "step": done, "of": self.of.load(Ordering::Relaxed)});
        // A closed stderr is no reason to stop.
        let _ = writeln!(stderr, "{line}");
    }

    fn end(&self) {}

    fn elapsed(&self) -> Option<Duration> {
        self.clock.elapsed()
    }
}
