//! Opens object stores: local disk, and S3 with the options that the environment gives.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey, S3ConditionalPut};
use object_store::local::LocalFileSystem;
use object_store::prefix::PrefixStore;
use object_store::{BackoffConfig, ClientOptions, ObjectStore, RetryConfig};
use url::Url;

use crate::error::IngestError;
use crate::location::Location;

/// A store rooted at a folder, with the URL of that folder.
#[derive(Debug, Clone)]
pub struct OpenedStore {
    /// The store; keys are relative to the folder.
    pub store: Arc<dyn ObjectStore>,
    /// The folder, ending with a slash.
    pub url: Url,
}

/// Opens a folder for reading; `None` where a local one is not there.
///
/// # Errors
/// [`IngestError::Location`] where the location cannot be opened.
pub fn existing_store(text: &str, base: &Path, env: &BTreeMap<String, String>) -> Result<Option<OpenedStore>, IngestError> {
    let location = Location::parse(text, base)?;
    if location.root.scheme() == "file" && !Path::new(&format!("/{}", location.prefix)).is_dir() {
        return Ok(None);
    }
    open_store(text, base, env).map(Some)
}

/// Opens a folder for reading and writing; a local one is created.
///
/// # Errors
/// [`IngestError::Location`] where the location cannot be opened.
pub fn open_store(text: &str, base: &Path, env: &BTreeMap<String, String>) -> Result<OpenedStore, IngestError> {
    let location = Location::parse(text, base)?;
    let wrong = |message: String| IngestError::Location { location: text.to_owned(), message };
    let prefix = location.prefix.trim_end_matches('/');
    let mut url = location.root.clone();
    if !prefix.is_empty() {
        url.set_path(&format!("/{prefix}/"));
    }
    if location.root.scheme() == "file" {
        let folder = format!("/{prefix}");
        std::fs::create_dir_all(&folder).map_err(|e| wrong(format!("cannot create the folder: {e}")))?;
        let store = LocalFileSystem::new_with_prefix(&folder).map_err(|e| wrong(e.to_string()))?;
        return Ok(OpenedStore { store: Arc::new(store), url });
    }
    let store = root_store(&location, env)?;
    let store: Arc<dyn ObjectStore> = if prefix.is_empty() { store } else { Arc::new(PrefixStore::new(store, prefix)) };
    Ok(OpenedStore { store, url })
}

/// The store that a location's keys are relative to.
pub(crate) fn root_store(location: &Location, env: &BTreeMap<String, String>) -> Result<Arc<dyn ObjectStore>, IngestError> {
    if location.root.scheme() == "file" {
        return Ok(Arc::new(LocalFileSystem::new()));
    }
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(location.root.host_str().unwrap_or_default())
        .with_conditional_put(S3ConditionalPut::ETagMatch)
        .with_client_options(ClientOptions::new().with_connect_timeout(Duration::from_secs(5)).with_timeout(Duration::from_mins(1)))
        .with_retry(RetryConfig { backoff: BackoffConfig::default(), max_retries: 4, retry_timeout: Duration::from_mins(1) });
    for (key, value) in s3_options(env) {
        builder = builder.with_config(key, value);
    }
    let store = builder.build().map_err(|e| IngestError::Location { location: location.text.clone(), message: e.to_string() })?;
    Ok(Arc::new(store))
}

/// The `AWS_*` variables that S3 clients know: credentials, region, endpoint, path style.
pub(crate) fn s3_options(env: &BTreeMap<String, String>) -> Vec<(AmazonS3ConfigKey, String)> {
    env.iter().filter(|(name, _)| name.starts_with("AWS_")).filter_map(|(name, value)| Some((name.to_ascii_lowercase().parse().ok()?, value.clone()))).collect()
}

#[cfg(test)]
mod tests {
    use super::s3_options;
    use object_store::aws::AmazonS3ConfigKey;

    #[test]
    fn s3_options_come_from_the_environment() {
        let env =
            [("AWS_ENDPOINT_URL", "http://127.0.0.1:5000"), ("AWS_VIRTUAL_HOSTED_STYLE_REQUEST", "false"), ("AWS_ALLOW_HTTP", "true"), ("AWS_EXECUTION_ENV", "x"), ("HOME", "/")]
                .map(|(k, v)| (k.to_owned(), v.to_owned()))
                .into();
        let options = s3_options(&env);
        assert!(options.contains(&(AmazonS3ConfigKey::Endpoint, "http://127.0.0.1:5000".to_owned())));
        assert!(options.contains(&(AmazonS3ConfigKey::VirtualHostedStyleRequest, "false".to_owned())));
        assert_eq!(options.len(), 3);
    }
}
