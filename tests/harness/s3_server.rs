//! A local S3-compatible server, `tests/s3/server.py`.
//!
//! In: a Python with its modules, a lake. Out: an endpoint on the loopback interface, for as long as the value lives.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::place::root;

/// A server that ends with the test.
#[derive(Debug)]
pub struct S3Server {
    process: Child,
    port: u16,
}

impl S3Server {
    /// Starts it with the files of a lake in the bucket `lake`, and an empty bucket `results`.
    #[must_use]
    pub fn start(python: &Path, lake: &Path) -> Self {
        let mut process = Command::new(python).arg(root().join("tests/s3/server.py")).arg(lake).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let port = line.trim().parse().unwrap_or_else(|_| panic!("the S3 server gave no port, but `{line}`"));
        Self { process, port }
    }

    /// How an S3 client reaches it.
    #[must_use]
    pub fn env(&self) -> BTreeMap<String, String> {
        let pairs = [
            ("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{}", self.port)),
            ("AWS_ALLOW_HTTP", "true".to_owned()),
            ("AWS_VIRTUAL_HOSTED_STYLE_REQUEST", "false".to_owned()),
            ("AWS_REGION", "us-east-1".to_owned()),
            ("AWS_ACCESS_KEY_ID", "test".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "test".to_owned()),
        ];
        pairs.map(|(name, value)| (name.to_owned(), value)).into()
    }
}

impl Drop for S3Server {
    fn drop(&mut self) {
        // It ends when its stdin is closed; if it does not, it is none of our business any more.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
