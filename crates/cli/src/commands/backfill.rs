//! `backfill`: cells of a stretch of days, chunk by chunk.

use std::path::Path;

use chrono::SecondsFormat;
use quotient_jobs::{BackfillRequest, Chunk, ChunkState, Format, Workspace};

use super::run::page;
use crate::data_out::DataOut;
use crate::error::CliError;
use crate::listing::{Listing, pretty};
use crate::session::{AsOf, Session};

/// Runs a backfill, and prints the tables as its last chunk left them. One that was interrupted goes on, with the as-of of its first start.
///
/// # Errors
/// A project, a job file, a lake or a results folder that is not as it should be; the chunks before stay done.
pub(crate) fn run(job: &Path, request: &BackfillRequest, session: &Session, out: &mut DataOut<'_>) -> Result<(), CliError> {
    let workspace = resumed(job, request, session)?;
    let job = workspace.job(job).map_err(CliError::job)?;
    let summary = workspace.backfill(&job, request, session.progress().as_ref()).map_err(CliError::job)?;
    if let Some(summary) = summary {
        return out.write(page(&summary, session.format)?);
    }
    session.talk.say("nothing to do: every chunk is done");
    Ok(())
}

/// Prints the chunks that a backfill will run, and computes nothing.
///
/// # Errors
/// As a run, up to the first row read.
pub(crate) fn plan(job: &Path, request: &BackfillRequest, session: &Session, out: &mut DataOut<'_>) -> Result<(), CliError> {
    let workspace = resumed(job, request, session)?;
    let job = workspace.job(job).map_err(CliError::job)?;
    let chunks = workspace.plan_backfill(&job, request).map_err(CliError::job)?;
    out.write(match session.format {
        Format::Json => pretty(&serde_json::to_value(&chunks).map_err(CliError::json)?)?,
        format => listing(&chunks).print(format)?,
    })
}

fn listing(chunks: &[Chunk]) -> Listing {
    let state = |chunk: &Chunk| match chunk.state {
        ChunkState::Done => "done",
        ChunkState::ToDo => "to do",
    };
    Listing::default()
        .text("from", chunks.iter().map(|chunk| chunk.from.to_string()))
        .text("to", chunks.iter().map(|chunk| chunk.to.to_string()))
        .text("state", chunks.iter().map(state))
        .counts("files", chunks.iter().map(|chunk| chunk.files))
        .counts("bytes", chunks.iter().map(|chunk| chunk.bytes))
}

/// The project, with the as-of of a backfill that has begun where none is given.
fn resumed(job: &Path, request: &BackfillRequest, session: &Session) -> Result<Workspace, CliError> {
    let workspace = session.open()?;
    if session.as_of_is == AsOf::Given {
        return Ok(workspace);
    }
    let begun = workspace.job(job).and_then(|job| workspace.backfill_as_of(&job, request)).map_err(CliError::job)?;
    match begun {
        None => Ok(workspace),
        Some(as_of) => {
            session.talk.say(&format!("going on with the backfill that began as of {}", as_of.to_rfc3339_opts(SecondsFormat::AutoSi, true)));
            session.open_at(as_of)
        }
    }
}
