//! `runs`: what runs of a job did, what lies between two of them, and which days none has computed.

use std::path::Path;

use quotient_jobs::{Format, Gap, PastRun, PastTable, RunDifference};
use serde::Serialize;

use crate::data_out::DataOut;
use crate::error::CliError;
use crate::listing::{Listing, pretty};
use crate::session::Session;

/// Prints the runs of a job, the latest first.
///
/// # Errors
/// Results that cannot be read.
pub(crate) fn list(job: &Path, session: &Session, out: &mut DataOut<'_>) -> Result<(), CliError> {
    let workspace = session.open()?;
    let job = workspace.job(job).map_err(CliError::job)?;
    let runs = workspace.runs(&job).map_err(CliError::job)?;
    print(&runs, runs_listing(&runs), session, out)
}

/// Prints one run: why it computed, what it read and wrote.
///
/// # Errors
/// A run that is not there, with the nearest one.
pub(crate) fn show(job: &Path, id: &str, session: &Session, out: &mut DataOut<'_>) -> Result<(), CliError> {
    let workspace = session.open()?;
    let job = workspace.job(job).map_err(CliError::job)?;
    let run = workspace.past_run(&job, id).map_err(CliError::job)?;
    let tables = Listing::default()
        .text("table", run.tables.iter().map(|table| &table.name))
        .numbers("version", run.tables.iter().map(|table| table.version))
        .flags("changed", run.tables.iter().map(|table| table.changed))
        .numbers("rows", run.tables.iter().map(|table| table.rows))
        .some_numbers("aggregate_ms", run.tables.iter().map(|table| table.aggregate_ms))
        .some_numbers("derive_ms", run.tables.iter().map(|table| table.derive_ms))
        .some_numbers("write_ms", run.tables.iter().map(|table| table.write_ms));
    match session.format {
        Format::Table => {
            let head = format!(
                "run {}, as of {}: {}\nreasons: {}\nread: {} files, {} bytes\nfindings: {}\nrestated: {} cells\ntook: {}\n\n",
                run.run_id,
                run.as_of,
                run.status,
                run.reasons,
                run.files,
                run.bytes,
                run.findings,
                run.restated,
                took(&run)
            );
            out.write(head + &tables.print(Format::Table)?)
        }
        _ => print(&run, tables, session, out),
    }
}

/// Prints what differs in `kpi_values` between two runs, by metric.
///
/// # Errors
/// A run that is not there; versions that a vacuum took away.
pub(crate) fn diff(job: &Path, first: &str, second: &str, session: &Session, out: &mut DataOut<'_>) -> Result<(), CliError> {
    let workspace = session.open()?;
    let job = workspace.job(job).map_err(CliError::job)?;
    let found: Vec<RunDifference> = workspace.diff_runs(&job, first, second).map_err(CliError::job)?;
    let listing = Listing::default()
        .text("metric", found.iter().map(|difference| &difference.metric))
        .counts("added", found.iter().map(|difference| difference.added))
        .counts("removed", found.iter().map(|difference| difference.removed))
        .counts("changed", found.iter().map(|difference| difference.changed));
    print(&found, listing, session, out)
}

/// Prints the days that no run has computed.
///
/// # Errors
/// Results that cannot be read.
pub(crate) fn gaps(job: &Path, session: &Session, out: &mut DataOut<'_>) -> Result<(), CliError> {
    let workspace = session.open()?;
    let job = workspace.job(job).map_err(CliError::job)?;
    let gaps: Vec<Gap> = workspace.gaps(&job).map_err(CliError::job)?;
    let listing = Listing::default()
        .text("table", gaps.iter().map(|gap| &gap.table))
        .text("from", gaps.iter().map(|gap| gap.from.to_string()))
        .text("to", gaps.iter().map(|gap| gap.to.to_string()));
    print(&gaps, listing, session, out)?;
    if gaps.is_empty() {
        session.talk.say("no gap: every day is computed");
    }
    Ok(())
}

/// How long a run took, in seconds, and how long its steps.
fn took(run: &PastRun) -> String {
    let Some(elapsed) = run.elapsed_ms else { return "not measured".to_owned() };
    let of_tables = |of: fn(&PastTable) -> Option<i64>| run.tables.iter().filter_map(of).sum::<i64>();
    let (open, test) = (run.open_ms.unwrap_or(0), run.test_ms.unwrap_or(0));
    let (aggregate, derive) = (of_tables(|table| table.aggregate_ms), of_tables(|table| table.derive_ms));
    let seconds = |milliseconds: i64| format!("{}.{:03} s", milliseconds / 1000, milliseconds % 1000);
    let [took, open, test, aggregate, derive, write] = [elapsed, open, test, aggregate, derive, elapsed - open - test - aggregate - derive].map(seconds);
    format!("{took}, of it {open} to look at the lake, {test} to test, {aggregate} to aggregate, {derive} to derive, {write} to write")
}

fn runs_listing(runs: &[PastRun]) -> Listing {
    let changed = |run: &PastRun| u64::try_from(run.tables.iter().filter(|table| table.changed).count()).unwrap_or(u64::MAX);
    Listing::default()
        .text("run", runs.iter().map(|run| &run.run_id))
        .text("as_of", runs.iter().map(|run| &run.as_of))
        .text("status", runs.iter().map(|run| &run.status))
        .text("reasons", runs.iter().map(|run| &run.reasons))
        .numbers("files", runs.iter().map(|run| run.files))
        .numbers("bytes", runs.iter().map(|run| run.bytes))
        .counts("changed", runs.iter().map(changed))
        .numbers("restated", runs.iter().map(|run| run.restated))
        .some_numbers("elapsed_ms", runs.iter().map(|run| run.elapsed_ms))
}

fn print<T: Serialize>(data: &T, listing: Listing, session: &Session, out: &mut DataOut<'_>) -> Result<(), CliError> {
    out.write(match session.format {
        Format::Json => pretty(&serde_json::to_value(data).map_err(CliError::json)?)?,
        format => listing.print(format)?,
    })
}

#[cfg(test)]
mod tests {
    use quotient_jobs::{PastRun, PastTable};

    use super::took;

    fn run() -> PastRun {
        let table = |aggregate_ms, write_ms| PastTable { name: "t".to_owned(), version: 0, rows: 1, changed: true, aggregate_ms, derive_ms: None, write_ms };
        PastRun {
            run_id: "r".to_owned(),
            as_of: "2024-05-01T00:00:00Z".to_owned(),
            status: "done".to_owned(),
            reasons: "new file".to_owned(),
            files: 1,
            bytes: 2,
            restated: 0,
            findings: 0,
            elapsed_ms: Some(3_450),
            open_ms: Some(50),
            test_ms: Some(1_000),
            tables: vec![table(Some(700), Some(300)), table(None, Some(20))],
        }
    }

    #[test]
    fn what_no_other_step_took_was_to_write() {
        assert_eq!(took(&run()), "3.450 s, of it 0.050 s to look at the lake, 1.000 s to test, 0.700 s to aggregate, 0.000 s to derive, 1.700 s to write");
    }

    #[test]
    fn a_run_of_earlier_versions_was_not_measured() {
        assert_eq!(took(&PastRun { elapsed_ms: None, ..run() }), "not measured");
    }
}
