//! Reads the texts of a project from its folder.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use quotient_model::{ProjectFiles, ProjectPaths};

use crate::error::JobError;

/// Every file that `dbt_project.yml` points to, by path relative to the project.
pub(crate) fn read(folder: &Path) -> Result<ProjectFiles, JobError> {
    let project = match read_text(&folder.join("dbt_project.yml")) {
        Err(JobError::ProjectFile { source, .. }) if source.kind() == io::ErrorKind::NotFound => return Err(JobError::NoProject { folder: folder.to_owned() }),
        read => read?,
    };
    let paths = ProjectPaths::read(&project);
    let mut files = ProjectFiles { project, ..ProjectFiles::default() };
    for path in &paths.models {
        add(folder, path, &["sql", "yml", "yaml", "md"], &mut files.models)?;
    }
    for path in &paths.macros {
        add(folder, path, &["sql"], &mut files.macros)?;
    }
    Ok(files)
}

/// A text file of the project.
pub(crate) fn read_text(path: &Path) -> Result<String, JobError> {
    std::fs::read_to_string(path).map_err(|source| failed(path, source))
}

fn add(folder: &Path, path: &str, extensions: &[&str], files: &mut BTreeMap<String, String>) -> Result<(), JobError> {
    let root = folder.join(path);
    let entries = match std::fs::read_dir(&root) {
        Ok(entries) => entries,
        // A project without macros has no folder of them.
        Err(error) if error.kind() == io::ErrorKind::NotFound && path == "macros" => return Ok(()),
        Err(source) => return Err(failed(&root, source)),
    };
    for entry in entries {
        let entry = entry.map_err(|source| failed(&root, source))?;
        let Some(name) = entry.file_name().to_str().map(str::to_owned) else { continue };
        let inner = format!("{path}/{name}");
        if entry.path().is_dir() {
            add(folder, &inner, extensions, files)?;
        } else if Path::new(&name).extension().and_then(|e| e.to_str()).is_some_and(|e| extensions.contains(&e)) {
            files.insert(inner, read_text(&entry.path())?);
        }
    }
    Ok(())
}

fn failed(path: &Path, source: io::Error) -> JobError {
    JobError::ProjectFile { path: path.to_owned(), source }
}
