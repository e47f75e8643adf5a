//! When jobs run: due instants, the loop that waits for them, and the same said to other schedulers.
//!
//! In: the cron line and the policy of a job, a time zone, instants. Out: what is due, attempts, texts of crontabs and the like.
//! The clock is a trait: only `cli` has one.

mod airflow;
mod cron;
mod due;
mod export;
mod fields;
mod kubernetes;
mod quote;
mod systemd;
mod watch;

pub use due::Timetable;
pub use export::{ScheduleError, ScheduleExport, ScheduleForm};
pub use watch::{Attempt, Clock, Ended, News, Wake, Watched, Worker, watch};
