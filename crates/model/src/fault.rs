//! Faults of a project: what is wrong, in which file, at which line.
//!
//! Validation collects faults and reports them together; nothing here stops at the first.

use std::fmt;

/// One thing that is wrong in a project or job file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    /// File, relative to the project's root.
    pub file: String,
    /// Line from 1; 0 where the fault concerns the whole file.
    pub line: usize,
    /// What is wrong: lower case, names in backticks, expected before found.
    pub message: String,
    /// What may help, if there is something to say.
    pub hint: Option<String>,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line == 0 {
            write!(f, "{}: {}", self.file, self.message)?;
        } else {
            write!(f, "{}:{}: {}", self.file, self.line, self.message)?;
        }
        match &self.hint {
            Some(hint) => write!(f, "\n  hint: {hint}"),
            None => Ok(()),
        }
    }
}

/// A place in a project: what a fault or a definition points to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Place {
    /// File, relative to the project's root.
    pub file: String,
    /// Line from 1.
    pub line: usize,
}

/// A growing list of faults.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    list: Vec<Fault>,
}

impl Faults {
    /// Adds a fault at a place.
    pub(crate) fn add(&mut self, place: &Place, message: impl Into<String>) {
        self.push(place, message.into(), None);
    }

    /// Adds a fault with a hint.
    pub(crate) fn add_with_hint(&mut self, place: &Place, message: impl Into<String>, hint: impl Into<String>) {
        self.push(place, message.into(), Some(hint.into()));
    }

    /// Adds a fault about an unknown name, with the nearest valid one.
    pub(crate) fn unknown<'a>(&mut self, place: &Place, what: &str, name: &str, valid: impl IntoIterator<Item = &'a str>) {
        let hint = crate::nearest::nearest(name, valid).map(|near| format!("did you mean `{near}`?"));
        self.push(place, format!("unknown {what} `{name}`"), hint);
    }

    fn push(&mut self, place: &Place, message: String, hint: Option<String>) {
        self.list.push(Fault { file: place.file.clone(), line: place.line, message, hint });
    }

    /// The faults by file and line, each once.
    pub(crate) fn into_sorted(mut self) -> Vec<Fault> {
        self.list.sort();
        self.list.dedup();
        self.list
    }
}

/// A project that cannot be used, with every fault found in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", Self::render(.faults))]
pub struct ProjectError {
    /// The faults, by file and line.
    pub faults: Vec<Fault>,
}

impl ProjectError {
    fn render(faults: &[Fault]) -> String {
        let list: Vec<String> = faults.iter().map(ToString::to_string).collect();
        let count = match faults.len() {
            1 => "1 fault in the project".to_owned(),
            n => format!("{n} faults in the project"),
        };
        format!("{count}\n\n{}", list.join("\n"))
    }
}
