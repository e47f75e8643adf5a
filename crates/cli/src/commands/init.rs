//! `init`: the packaged project, written into an empty folder.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::args::{DEMO_END, PROJECT};
use crate::error::CliError;
use crate::packaged;
use crate::session::Session;
use crate::talk::{counted, word};

/// Writes the project, and says what to do next.
///
/// # Errors
/// [`CliError::NotEmpty`], a folder that cannot be listed, a file that cannot be written.
pub(crate) fn run(directory: &Path, session: &Session) -> Result<(), CliError> {
    let written = write(directory)?;
    session.talk.say(&format!("wrote {} to `{}`\n\n{}", counted(&written, "file"), directory.display(), next(directory)));
    Ok(())
}

fn write(directory: &Path) -> Result<usize, CliError> {
    if !is_empty(directory)? {
        return Err(CliError::NotEmpty { path: directory.to_owned() });
    }
    let files = packaged::files();
    for file in &files {
        let path = directory.join(&file.path);
        let parent = path.parent().unwrap_or(directory);
        let written = fs::create_dir_all(parent).and_then(|()| fs::write(&path, file.contents));
        written.map_err(|source| CliError::Write { path, source })?;
    }
    Ok(files.len())
}

/// Whether the folder has nothing in it, or is not there.
fn is_empty(directory: &Path) -> Result<bool, CliError> {
    match fs::read_dir(directory) {
        Ok(mut entries) => Ok(entries.next().is_none()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(source) => Err(CliError::Look { path: directory.to_owned(), source }),
    }
}

/// The two commands from a fresh project to its first results.
fn next(directory: &Path) -> String {
    let project = if directory == Path::new(PROJECT) { String::new() } else { format!(" --project {}", word(directory)) };
    format!("next:\n  quotient demo --out {}\n  quotient run {}{project} --as-of {DEMO_END}", word(&lake_of(directory)), word(&directory.join("nightly.yml")))
}

/// Where the packaged project looks for its lake: `data`, beside the project.
fn lake_of(directory: &Path) -> PathBuf {
    match (directory.file_name(), directory.parent()) {
        (Some(_), Some(parent)) => parent.join("data"),
        _ => directory.join("../data"),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::{next, write};
    use crate::packaged;

    #[test]
    fn the_project_goes_to_a_new_folder_and_not_over_another() {
        let scratch = tempfile::tempdir().unwrap();
        let directory = scratch.path().join("a/jobs");
        assert_eq!(write(&directory).unwrap(), packaged::files().len());
        assert!(directory.join("dbt_project.yml").is_file());
        assert!(directory.join("models/sources.yml").is_file());
        let error = write(&directory).unwrap_err();
        assert_eq!(error.to_string(), format!("folder `{}` is not empty, expected an empty one or none\n\nhint: name another folder: `quotient init DIR`", directory.display()));
    }

    #[test]
    fn a_file_is_no_folder() {
        let scratch = tempfile::tempdir().unwrap();
        let file = scratch.path().join("jobs");
        fs::write(&file, "").unwrap();
        let error = write(&file).unwrap_err();
        assert_eq!(error.to_string(), format!("cannot look into folder `{}`", file.display()));
    }

    #[test]
    fn the_next_commands_fit_the_folder() {
        assert_eq!(next(Path::new("jobs")), "next:\n  quotient demo --out data\n  quotient run jobs/nightly.yml --as-of 2026-01-01");
        assert_eq!(
            next(Path::new("/srv/my kpis")),
            "next:\n  quotient demo --out /srv/data\n  quotient run '/srv/my kpis/nightly.yml' --project '/srv/my kpis' --as-of 2026-01-01"
        );
        assert_eq!(next(Path::new(".")), "next:\n  quotient demo --out ./../data\n  quotient run ./nightly.yml --project . --as-of 2026-01-01");
    }
}
