//! What a job says about being run: missed runs, time-outs, retries, and who is told.
//!
//! In: the keys `catch_up`, `timeout`, `retries`, `on_failure` and `openlineage`. Out: a [`Policy`], its texts rendered.
//! It runs, waits and sends nothing.

use std::time::Duration;

use crate::jinja::Renderer;
use crate::reader::MapReader;

/// How many retries a job may ask for.
const MOST_RETRIES: u32 = 100;

/// How a job is run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Policy {
    /// What is done about missed runs.
    pub catch_up: CatchUp,
    /// How long one attempt may take; without it, as long as it takes.
    pub timeout: Option<Duration>,
    /// Attempts after the first.
    pub retries: Retries,
    /// Who is told of a run that failed for good.
    pub on_failure: OnFailure,
    /// Where the lineage of every run goes.
    pub openlineage: Option<LineageTarget>,
}

/// What is done about runs that were due while nobody could run them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CatchUp {
    /// One run makes up for all of them, as of the last.
    #[default]
    One,
    /// Nothing.
    Nothing,
}

/// Attempts after the first, for failures that may pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retries {
    /// How many.
    pub times: u32,
    /// The time between the end of one attempt and the start of the next.
    pub wait: Duration,
}

impl Default for Retries {
    /// None, and a minute between them where only their number is given.
    fn default() -> Self {
        Self { times: 0, wait: Duration::from_mins(1) }
    }
}

/// Who is told of a run that failed for good.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OnFailure {
    /// A program and its arguments; empty for none.
    pub command: Vec<String>,
    /// A URL that a JSON text is posted to.
    pub webhook: Option<String>,
}

/// Where `OpenLineage` events go.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LineageTarget {
    /// A file that gets one event on a line.
    pub file: Option<String>,
    /// A URL that each event is posted to.
    pub url: Option<String>,
    /// The namespace of the job; without it, the project's name.
    pub namespace: Option<String>,
}

/// Reads the policy of a job; what cannot be read is a fault, and reads as its default.
pub(super) fn read_policy(reader: &MapReader<'_>, renderer: &Renderer<'_>) -> Policy {
    let catch_up = match reader.text("catch_up").as_deref() {
        None | Some("one") => CatchUp::One,
        Some("none") => CatchUp::Nothing,
        Some(other) => {
            reader.unknown("catch_up", "way to catch up", other, ["one", "none"]);
            CatchUp::One
        }
    };
    Policy {
        catch_up,
        timeout: read_duration(reader, "timeout"),
        retries: reader.map("retries").map(|retries| read_retries(&retries)).unwrap_or_default(),
        on_failure: reader.map("on_failure").map(|reader| Templates { reader, renderer }.on_failure()).unwrap_or_default(),
        openlineage: reader.map("openlineage").map(|reader| Templates { reader, renderer }.lineage()),
    }
}

fn read_retries(reader: &MapReader<'_>) -> Retries {
    let mut retries = Retries::default();
    if let Some(text) = reader.required("times") {
        match text.parse::<u32>().ok().filter(|times| *times <= MOST_RETRIES) {
            Some(times) => retries.times = times,
            None => reader.fault(reader.place_of("times").line, format!("{}: key `times`: expected a whole number from 0 to {MOST_RETRIES}, found `{text}`", reader.what())),
        }
    }
    retries.wait = read_duration(reader, "wait").unwrap_or(retries.wait);
    reader.finish();
    retries
}

/// A count and a unit, such as `2 hours`.
fn read_duration(reader: &MapReader<'_>, key: &'static str) -> Option<Duration> {
    let text = reader.text(key)?;
    let duration = parse_duration(&text);
    if duration.is_none() {
        let message = format!("{}: key `{key}`: expected a number of `seconds`, `minutes` or `hours`, found `{text}`", reader.what());
        reader.fault_with_hint(reader.place_of(key).line, message, "write it as `90 minutes`");
    }
    duration
}

fn parse_duration(text: &str) -> Option<Duration> {
    let mut words = text.split_whitespace();
    let (count, unit) = (words.next()?.parse::<u32>().ok()?, words.next()?);
    let seconds = match unit {
        "second" | "seconds" => 1,
        "minute" | "minutes" => 60,
        "hour" | "hours" => 3_600,
        _ => return None,
    };
    let duration = Duration::from_secs(u64::from(count) * seconds);
    (words.next().is_none() && count > 0).then_some(duration)
}

/// A mapping whose texts are templates, so that secrets come from the environment.
struct Templates<'a> {
    reader: MapReader<'a>,
    renderer: &'a Renderer<'a>,
}

impl Templates<'_> {
    fn on_failure(&self) -> OnFailure {
        let reader = &self.reader;
        let words = reader.texts("command");
        if words.is_empty() && reader.node("command").is_some() {
            reader.fault(reader.place_of("command").line, format!("{}: key `command`: expected a program and its arguments, found an empty list", reader.what()));
        }
        let command = words.iter().filter_map(|(word, line)| self.rendered("command", word, *line)).collect();
        let webhook = self.url("webhook");
        reader.finish();
        OnFailure { command, webhook }
    }

    fn lineage(&self) -> LineageTarget {
        let target = LineageTarget { file: self.text("file"), url: self.url("url"), namespace: self.text("namespace") };
        if self.reader.node("file").is_none() && self.reader.node("url").is_none() {
            self.reader.fault(self.reader.place().line, format!("{}: expected `file` or `url`, found neither", self.reader.what()));
        }
        self.reader.finish();
        target
    }

    /// A URL; the fault does not show it, because it may be a secret.
    fn url(&self, key: &'static str) -> Option<String> {
        let text = self.text(key)?;
        if text.starts_with("https://") || text.starts_with("http://") {
            return Some(text);
        }
        self.reader.fault(self.reader.place_of(key).line, format!("{}: key `{key}`: expected a URL that starts with `https://` or `http://`", self.reader.what()));
        None
    }

    fn text(&self, key: &'static str) -> Option<String> {
        let template = self.reader.text(key)?;
        self.rendered(key, &template, self.reader.place_of(key).line)
    }

    fn rendered(&self, key: &str, template: &str, line: usize) -> Option<String> {
        let rendered = self.renderer.text(template);
        rendered.map_err(|message| self.reader.fault(line, format!("{} `{key}`: {message}", self.reader.what()))).ok()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::parse_duration;

    #[test]
    fn durations_are_a_count_and_a_unit() {
        assert_eq!(parse_duration("2 hours"), Some(Duration::from_hours(2)));
        assert_eq!(parse_duration("1 minute"), Some(Duration::from_mins(1)));
        assert_eq!(parse_duration("90  seconds"), Some(Duration::from_secs(90)));
        for text in ["", "2", "hours", "0 minutes", "-1 hours", "2 days", "1.5 hours", "2 hours 5 minutes", "2h"] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
    }
}
