//! Runs as `OpenLineage` events: what read what, and wrote what.
//!
//! In: a run, what has become of it, an instant. Out: `RunEvent`s of version 2-0-2 as JSON.
//! It sends nothing, and nothing in it is random: the same run gives the same text.

use std::fmt::Write as _;

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

const EVENT: &str = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent";
const NOMINAL_TIME: &str = "https://openlineage.io/spec/facets/1-0-1/NominalTimeRunFacet.json#/$defs/NominalTimeRunFacet";
const ERROR_MESSAGE: &str = "https://openlineage.io/spec/facets/1-0-1/ErrorMessageRunFacet.json#/$defs/ErrorMessageRunFacet";
const OUTPUT_STATISTICS: &str = "https://openlineage.io/spec/facets/1-0-2/OutputStatisticsOutputDatasetFacet.json#/$defs/OutputStatisticsOutputDatasetFacet";

/// A run, as `OpenLineage` knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineageRun {
    /// The namespace of the job.
    pub namespace: String,
    /// The job.
    pub job: String,
    /// Our name of the run; the event has a UUID made of it.
    pub run_id: String,
    /// The instant taken for now.
    pub as_of: DateTime<Utc>,
    /// The version of this program.
    pub quotient_version: String,
    /// What is read.
    pub inputs: Vec<Dataset>,
    /// What is written, with its rows where they are known.
    pub outputs: Vec<(Dataset, Option<u64>)>,
}

/// A dataset by the naming rules of `OpenLineage`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Dataset {
    /// The store: `s3://bucket`, or `file`.
    pub namespace: String,
    /// The path in it.
    pub name: String,
}

/// What has become of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunState<'a> {
    /// It has begun.
    Start,
    /// It has done what it was asked.
    Complete,
    /// It has failed, with what it said.
    Fail(&'a str),
}

impl Dataset {
    /// The dataset of an absolute path or a URL: up to the first part with a pattern, and without what a URL may say of its user.
    ///
    /// ```
    /// let leads = quotient_jobs::Dataset::at("s3a://key:secret@lake/crm/leads/**/*.parquet");
    /// assert_eq!((leads.namespace.as_str(), leads.name.as_str()), ("s3://lake", "crm/leads"));
    /// ```
    #[must_use]
    pub fn at(location: &str) -> Self {
        let (scheme, rest) = location.split_once("://").unwrap_or(("file", location));
        let fixed = match rest.find(['*', '?', '[', '{']) {
            Some(at) => rest[..at].rsplit_once('/').map_or("", |(folder, _)| folder),
            None => rest,
        };
        if scheme == "file" {
            return Self { namespace: "file".to_owned(), name: format!("/{}", fixed.trim_matches('/')) };
        }
        let (authority, path) = fixed.split_once('/').unwrap_or((fixed, ""));
        let store = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        let scheme = if scheme == "s3a" { "s3" } else { scheme };
        Self { namespace: format!("{scheme}://{store}"), name: path.trim_matches('/').to_owned() }
    }

    /// A dataset below this one.
    #[must_use]
    pub fn below(&self, name: &str) -> Self {
        let name = format!("{}/{name}", self.name.trim_end_matches('/'));
        let name = if self.namespace == "file" { name } else { name.trim_start_matches('/').to_owned() };
        Self { namespace: self.namespace.clone(), name }
    }
}

/// The event that says what has become of a run at an instant.
///
/// Rows are said of a complete run only.
#[must_use]
pub fn lineage_event(run: &LineageRun, state: RunState<'_>, at: DateTime<Utc>) -> Value {
    let producer = format!("urn:quotient:{}", run.quotient_version);
    let facet = |schema: &str, mut fields: Value| {
        fields["_producer"] = json!(producer);
        fields["_schemaURL"] = json!(schema);
        fields
    };
    let mut facets = json!({"nominalTime": facet(NOMINAL_TIME, json!({"nominalStartTime": instant(run.as_of)}))});
    let kind = match state {
        RunState::Start => "START",
        RunState::Complete => "COMPLETE",
        RunState::Fail(message) => {
            facets["errorMessage"] = facet(ERROR_MESSAGE, json!({"message": message, "programmingLanguage": "Rust"}));
            "FAIL"
        }
    };
    let output = |(dataset, rows): &(Dataset, Option<u64>)| {
        let mut output = json!({"namespace": dataset.namespace, "name": dataset.name});
        if let (Some(rows), RunState::Complete) = (rows, state) {
            output["outputFacets"] = json!({"outputStatistics": facet(OUTPUT_STATISTICS, json!({"rowCount": rows}))});
        }
        output
    };
    json!({
        "eventType": kind,
        "eventTime": instant(at),
        "producer": producer,
        "schemaURL": EVENT,
        "run": {"runId": uuid_of(&run.run_id), "facets": facets},
        "job": {"namespace": run.namespace, "name": run.job},
        "inputs": run.inputs.iter().map(|dataset| json!({"namespace": dataset.namespace, "name": dataset.name})).collect::<Vec<Value>>(),
        "outputs": run.outputs.iter().map(output).collect::<Vec<Value>>(),
    })
}

fn instant(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

/// A UUID made of a name: version 8, which RFC 9562 leaves to hashes such as SHA-256.
fn uuid_of(name: &str) -> String {
    let mut bytes: Vec<u8> = Sha256::digest(format!("quotient run {name}")).iter().take(16).copied().collect();
    bytes[6] = (bytes[6] & 0x0f) | 0x80;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    bytes.iter().enumerate().fold(String::new(), |mut text, (at, byte)| {
        let hyphen = if [4, 6, 8, 10].contains(&at) { "-" } else { "" };
        // Writing to a string cannot fail.
        let _ = write!(text, "{hyphen}{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests;
