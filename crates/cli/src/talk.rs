//! Talk on stderr: what a person wants to know beside the data.

use std::fmt::Display;
use std::io::Write as _;

use serde_json::json;

/// Whether the program says anything, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Talk {
    /// What is said.
    pub(crate) level: Level,
    /// Its form.
    pub(crate) form: LogForm,
}

/// What is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    /// Everything.
    Open,
    /// Errors only.
    Quiet,
}

/// The form of what is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogForm {
    /// For people.
    Text,
    /// A JSON object a line, for programs.
    Json,
}

impl Talk {
    /// Says a line or more; a closed stderr is no reason to stop.
    pub(crate) fn say(self, text: &str) {
        if self.level == Level::Open {
            self.line("info", text);
        }
    }

    /// Tells of a failure, even where only errors are said. In: a text that begins with `error: `, as [`crate::complaint`] makes it.
    pub(crate) fn fail(self, text: &str) {
        self.line("error", text.trim_end());
    }

    fn line(self, level: &str, text: &str) {
        let _ = match self.form {
            LogForm::Text => writeln!(std::io::stderr(), "{text}"),
            LogForm::Json => writeln!(std::io::stderr(), "{}", json!({"level": level, "message": text.strip_prefix("error: ").unwrap_or(text)})),
        };
    }
}

/// `1 row`, `2 rows`.
pub(crate) fn counted(count: &impl Display, noun: &str) -> String {
    let count = count.to_string();
    let plural = if count == "1" { "" } else { "s" };
    format!("{count} {noun}{plural}")
}

/// A path as one word of a shell.
pub(crate) fn word(path: &std::path::Path) -> String {
    let text = path.display().to_string();
    let is_plain = |c: char| c.is_alphanumeric() || "/._-+:@".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{counted, word};

    #[test]
    fn counts_are_in_the_right_number() {
        assert_eq!(counted(&0, "row"), "0 rows");
        assert_eq!(counted(&1, "row"), "1 row");
        assert_eq!(counted(&2, "row"), "2 rows");
    }

    #[test]
    fn paths_with_spaces_are_quoted() {
        assert_eq!(word(Path::new("kpis/nightly.yml")), "kpis/nightly.yml");
        assert_eq!(word(Path::new("my kpis")), "'my kpis'");
        assert_eq!(word(Path::new("it's")), r"'it'\''s'");
    }
}
