//! Where a table lies: a folder or bucket, and a pattern for the files below it.

use std::path::{Path, PathBuf};

use globset::{GlobBuilder, GlobMatcher};
use url::Url;

use crate::error::IngestError;

/// A place in a store, with an optional pattern.
#[derive(Debug, Clone)]
pub struct Location {
    /// The store: `file:///` or `s3://bucket/`.
    pub root: Url,
    /// Key prefix below the root that holds every match; no leading slash.
    pub prefix: String,
    /// As written, for messages.
    pub text: String,
    matcher: Option<GlobMatcher>,
}

impl Location {
    /// Reads a path (relative ones against `base`) or a URL, with `*`, `?`, `[..]` and `**` in its path.
    ///
    /// # Errors
    /// [`IngestError::Location`] for an unknown scheme or a bad pattern.
    pub fn parse(text: &str, base: &Path) -> Result<Self, IngestError> {
        let wrong = |message: String| IngestError::Location { location: text.to_owned(), message };
        let (root, key) = match text.split_once("://") {
            Some(("s3" | "s3a", rest)) => {
                let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
                (format!("s3://{bucket}/"), key.to_owned())
            }
            Some(("file", rest)) => ("file:///".to_owned(), rest.trim_start_matches('/').to_owned()),
            Some((scheme, _)) => return Err(wrong(format!("expected a path or an `s3://` URL, found scheme `{scheme}`"))),
            None => ("file:///".to_owned(), absolute(base, text).trim_start_matches('/').to_owned()),
        };
        let root = Url::parse(&root).map_err(|e| wrong(e.to_string()))?;
        let pattern_at = key.find(['*', '?', '[', '{']);
        let prefix = match pattern_at {
            None => key.clone(),
            Some(at) => key[..at].rsplit_once('/').map_or(String::new(), |(folder, _)| folder.to_owned()),
        };
        let matcher = if pattern_at.is_none() {
            None
        } else {
            let glob = GlobBuilder::new(&key).literal_separator(true).build().map_err(|e| wrong(e.to_string()))?;
            Some(glob.compile_matcher())
        };
        Ok(Self { root, prefix, text: text.to_owned(), matcher })
    }

    /// Whether the location names one file rather than a pattern or a folder.
    #[must_use]
    pub fn is_file(&self) -> bool {
        self.matcher.is_none() && is_parquet(&self.prefix)
    }

    /// Whether a key belongs to the location; without a pattern, every Parquet file below the folder does.
    #[must_use]
    pub fn matches(&self, key: &str) -> bool {
        match &self.matcher {
            Some(matcher) => matcher.is_match(key),
            None => is_parquet(key),
        }
    }

    /// What another reader opens all files of the location as: an absolute path or a URL, with `*` and `**`.
    ///
    /// A folder becomes the pattern of every Parquet file below it.
    #[must_use]
    pub fn pattern(&self) -> String {
        match &self.matcher {
            Some(matcher) => self.address(matcher.glob().glob()),
            None if self.is_file() => self.address(&self.prefix),
            None => self.address(&format!("{}/**/*.parquet", self.prefix.trim_end_matches('/'))),
        }
    }

    /// What Polars opens a key as: a path on local disk, a URL elsewhere.
    #[must_use]
    pub fn address(&self, key: &str) -> String {
        match self.root.scheme() {
            "file" => format!("/{key}"),
            _ => format!("{}{key}", self.root),
        }
    }
}

fn is_parquet(key: &str) -> bool {
    Path::new(key).extension().is_some_and(|e| e.eq_ignore_ascii_case("parquet"))
}

/// An absolute path without `.` and `..`, so that object keys and patterns can be compared with it.
fn absolute(base: &Path, text: &str) -> String {
    let joined = base.join(text);
    let whole = std::path::absolute(&joined).unwrap_or(joined);
    let mut clean = PathBuf::new();
    for part in whole.components() {
        match part {
            std::path::Component::ParentDir => {
                clean.pop();
            }
            std::path::Component::CurDir => {}
            other => clean.push(other),
        }
    }
    clean.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::Location;
    use std::path::Path;

    #[test]
    fn relative_paths_start_at_the_base() {
        let location = Location::parse("../data/leads/**/*.parquet", Path::new("/p/jobs")).unwrap();
        assert_eq!(location.prefix, "p/data/leads");
        assert!(location.matches("p/data/leads/month=2024-01/part-0.parquet"));
        assert!(location.matches("p/data/leads/part-0.parquet"));
        assert!(!location.matches("p/data/leads2/part-0.parquet"));
        assert_eq!(location.address("p/data/x.parquet"), "/p/data/x.parquet");
        assert_eq!(location.pattern(), "/p/data/leads/**/*.parquet");
    }

    #[test]
    fn s3_urls_keep_their_bucket() {
        let location = Location::parse("s3://lake/crm/leads/*.parquet", Path::new("/")).unwrap();
        assert_eq!((location.root.as_str(), location.prefix.as_str()), ("s3://lake/", "crm/leads"));
        assert!(!location.matches("crm/leads/deep/x.parquet"));
        assert_eq!(location.address("crm/leads/x.parquet"), "s3://lake/crm/leads/x.parquet");
        assert_eq!(location.pattern(), "s3://lake/crm/leads/*.parquet");
        assert_eq!(Location::parse("s3://lake/crm/reps/", Path::new("/")).unwrap().pattern(), "s3://lake/crm/reps/**/*.parquet");
        assert_eq!(Location::parse("reps.parquet", Path::new("/p")).unwrap().pattern(), "/p/reps.parquet");
    }

    #[test]
    fn unknown_schemes_are_refused() {
        let error = Location::parse("ftp://x/y", Path::new("/")).unwrap_err();
        assert_eq!(error.to_string(), "location `ftp://x/y`: expected a path or an `s3://` URL, found scheme `ftp`");
    }
}
