//! `query`: metrics computed now, or the SQL behind them.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use quotient_jobs::{Format, QueryRequest, Workspace, render};
use quotient_model::{MetricKind, Model, Project, inputs_of};

use crate::data_out::DataOut;
use crate::error::CliError;
use crate::listing::Listing;
use crate::resolve::{Answer, Question};
use crate::session::Session;
use crate::talk::counted;

/// Answers the question, on stdout or in a file.
///
/// # Errors
/// A project or a lake that is not as it should be, a name that the project does not have, a file that cannot be written.
pub(crate) fn run(question: &Question, session: &Session, out: &mut DataOut<'_>) -> Result<(), CliError> {
    let workspace = session.open()?;
    let request = match &question.saved {
        Some(name) => workspace.saved_query(name, &question.request).map_err(CliError::job)?,
        None => question.request.clone(),
    };
    match &question.answer {
        Answer::Sql => out.write(sql(&workspace, &request.metrics, session.format)?),
        Answer::Rows => {
            let rows = workspace.query(&request).map_err(CliError::job)?;
            out.write(render(&rows, session.format).map_err(CliError::render)?)
        }
        Answer::Csv(file) => {
            let written = write(&workspace, &request, file)?;
            session.talk.say(&format!("wrote {} to `{}`", counted(&written, "row"), file.display()));
            Ok(())
        }
    }
}

/// Writes the rows to a CSV file; gives their number.
fn write(workspace: &Workspace, request: &QueryRequest, file: &Path) -> Result<usize, CliError> {
    let rows = workspace.query(request).map_err(CliError::job)?;
    let text = render(&rows, Format::Csv).map_err(CliError::render)?;
    fs::write(file, text).map_err(|source| CliError::Write { path: file.to_owned(), source })?;
    Ok(rows.num_rows())
}

/// The SQL of the models behind metrics, each after those it reads.
fn sql(workspace: &Workspace, metrics: &[String], format: Format) -> Result<String, CliError> {
    for metric in metrics {
        workspace.explain(metric).map_err(CliError::job)?;
    }
    let models = models_behind(&workspace.project, metrics);
    if format == Format::Table {
        let texts = models.iter().map(|model| format!("-- model `{}`, {}\n{}\n", model.name, model.file, model.sql.trim()));
        return Ok(texts.collect::<Vec<_>>().join("\n"));
    }
    let listing = Listing::default()
        .text("model", models.iter().map(|model| &model.name))
        .text("file", models.iter().map(|model| &model.file))
        .text("sql", models.iter().map(|model| model.sql.trim()));
    listing.print(format)
}

fn models_behind<'a>(project: &'a Project, metrics: &[String]) -> Vec<&'a Model> {
    let mut names = BTreeSet::new();
    let mut seen = BTreeSet::new();
    let mut wanted = metrics.to_vec();
    while let Some(name) = wanted.pop() {
        let Some(metric) = project.metrics.get(&name) else { continue };
        if !seen.insert(name) {
            continue;
        }
        if let MetricKind::Simple(simple) = &metric.kind {
            names.extend(project.upstream(&simple.model).into_iter().map(|model| model.name.as_str()));
        }
        wanted.extend(inputs_of(metric).into_iter().map(|input| input.metric.clone()));
    }
    project.models.values().filter(|model| names.contains(model.name.as_str())).collect()
}
