//! The Python that other readers and the S3-compatible server run in.
//!
//! `QUOTIENT_PYTHON` names the interpreter (default `python3`); with `QUOTIENT_REQUIRE_PYTHON=1` a test that lacks it fails.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::place::skip;

/// The interpreter, if it has the modules; else says that the test is skipped.
#[must_use]
pub fn python_with(modules: &[&str], test: &str) -> Option<PathBuf> {
    let python = std::env::var_os("QUOTIENT_PYTHON").map_or_else(|| PathBuf::from("python3"), PathBuf::from);
    let import = format!("import {}", modules.join(", "));
    let status = Command::new(&python).args(["-c", &import]).stdout(Stdio::null()).stderr(Stdio::null()).status();
    if status.is_ok_and(|status| status.success()) {
        return Some(python);
    }
    let why = format!("`{}` cannot `{import}`; set QUOTIENT_PYTHON", python.display());
    assert!(std::env::var("QUOTIENT_REQUIRE_PYTHON").as_deref() != Ok("1"), "{test}: {why}");
    skip(test, &why);
    None
}
