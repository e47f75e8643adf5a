//! The packaged project inside the binary: its files as they are in `jobs/`.
//!
//! Only what belongs to a project is embedded: models, macros and the files named here, never what dbt leaves behind.

use std::path::{Path, PathBuf};

use include_dir::{Dir, DirEntry, include_dir};

static MODELS: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/../../jobs/models");
static MACROS: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/../../jobs/macros");
/// Files beside the folders.
const ROOT: [(&str, &str); 3] = [
    ("dbt_project.yml", include_str!("../../../jobs/dbt_project.yml")),
    ("nightly.yml", include_str!("../../../jobs/nightly.yml")),
    ("profiles.yml", include_str!("../../../jobs/profiles.yml")),
];

/// One file of the project.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PackagedFile {
    /// Relative to the project.
    pub(crate) path: PathBuf,
    /// What is in it.
    pub(crate) contents: &'static [u8],
}

/// Every file of the project, by path.
pub(crate) fn files() -> Vec<PackagedFile> {
    let mut files: Vec<PackagedFile> = ROOT.into_iter().map(|(path, text)| PackagedFile { path: PathBuf::from(path), contents: text.as_bytes() }).collect();
    collect(&MODELS, Path::new("models"), &mut files);
    collect(&MACROS, Path::new("macros"), &mut files);
    files.sort();
    files
}

/// The `.sql`, `.yml` and `.md` files of a folder and those below it.
fn collect(folder: &'static Dir<'static>, root: &Path, files: &mut Vec<PackagedFile>) {
    for entry in folder.entries() {
        match entry {
            DirEntry::Dir(inner) => collect(inner, root, files),
            DirEntry::File(file) if belongs(file.path()) => files.push(PackagedFile { path: root.join(file.path()), contents: file.contents() }),
            DirEntry::File(_) => {}
        }
    }
}

fn belongs(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "sql" || extension == "yml" || extension == "md")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{ROOT, files};

    const JOBS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../jobs");

    #[test]
    fn every_file_beside_the_folders_is_named() {
        let mut found: Vec<String> = std::fs::read_dir(JOBS)
            .unwrap()
            .map(|entry| entry.unwrap())
            .filter(|entry| entry.file_type().unwrap().is_file())
            .map(|entry| entry.file_name().into_string().unwrap())
            .filter(|name| !name.starts_with('.') && Path::new(name).extension().is_some_and(|e| e == "yml"))
            .collect();
        found.sort();
        assert_eq!(found, ROOT.map(|(name, _)| name));
    }

    #[test]
    fn files_are_those_of_the_folder_in_order() {
        let files = files();
        assert!(files.is_sorted());
        assert!(files.len() > 20);
        for file in files {
            assert_eq!(std::fs::read(Path::new(JOBS).join(&file.path)).unwrap(), file.contents, "{}", file.path.display());
        }
    }
}
