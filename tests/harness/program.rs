//! The `quotient` program as a process.
//!
//! In: arguments, environment, folder. Out: what it said, and its exit code.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::place::root;

/// A call of the program. Its environment has nothing but what is said here.
#[derive(Debug, Clone)]
pub struct Call {
    arguments: Vec<String>,
    env: BTreeMap<String, String>,
    folder: PathBuf,
}

/// What the program said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// Data.
    pub stdout: String,
    /// Talk.
    pub stderr: String,
    /// The exit code.
    pub code: Option<i32>,
}

impl Call {
    /// A call in the folder of the repository.
    #[must_use]
    pub fn new(arguments: &[&str]) -> Self {
        Self { arguments: arguments.iter().map(|argument| (*argument).to_owned()).collect(), env: BTreeMap::from([("NO_COLOR".to_owned(), "1".to_owned())]), folder: root() }
    }

    /// With an environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl AsRef<Path>) -> Self {
        self.env.insert(name.to_owned(), value.as_ref().to_str().unwrap().to_owned());
        self
    }

    /// In another folder.
    #[must_use]
    pub fn inside(mut self, folder: &Path) -> Self {
        folder.clone_into(&mut self.folder);
        self
    }

    /// Starts the program, and leaves it alone; its data go nowhere.
    #[must_use]
    pub fn start(&self) -> Child {
        self.command().stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap_or_else(|error| panic!("{}: {error}", program().display()))
    }

    /// Runs the program to its end.
    #[must_use]
    pub fn run(&self) -> Said {
        let output = self.command().output().unwrap_or_else(|error| panic!("{}: {error}", program().display()));
        Said { stdout: String::from_utf8(output.stdout).unwrap(), stderr: String::from_utf8(output.stderr).unwrap(), code: output.status.code() }
    }

    fn command(&self) -> Command {
        let mut command = Command::new(program());
        command.args(&self.arguments).env_clear().envs(&self.env).current_dir(&self.folder);
        // Where the platform keeps temporary files and home folders is no part of a call.
        for name in ["PATH", "HOME", "TMPDIR"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command
    }

    /// Runs the program, which must end well, and returns its data.
    #[must_use]
    pub fn data(&self) -> String {
        let said = self.run();
        assert_eq!(said.code, Some(0), "quotient {}\n{}{}", self.arguments.join(" "), said.stderr, said.stdout);
        said.stdout
    }
}

/// The program beside this test's own binary: `cargo test --workspace` builds it.
fn program() -> PathBuf {
    let own = std::env::current_exe().unwrap();
    own.parent().unwrap().parent().unwrap().join(format!("quotient{}", std::env::consts::EXE_SUFFIX))
}
