//! The built binary from outside: its arguments, its streams, its exit codes.
//! What needs a project or a lake is tested in the `integration` package.
#![expect(clippy::unwrap_used, reason = "a test that is set up wrongly should fail at once")]

use std::process::{Command, Output, Stdio};

fn quotient(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_quotient"));
    command.args(arguments).env_remove("QUOTIENT_PROJECT").stdin(Stdio::null());
    command
}

fn output(arguments: &[&str]) -> Output {
    quotient(arguments).output().unwrap()
}

fn stdout(arguments: &[&str]) -> String {
    let output = output(arguments);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.stderr.is_empty());
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn version_is_that_of_the_package() {
    assert_eq!(stdout(&["--version"]), format!("quotient {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn help_lists_each_command_and_each_exit_code() {
    let help = stdout(&["--help"]);
    for command in ["init", "demo", "check", "plan", "run", "query", "explain", "completions", "man"] {
        assert!(help.lines().any(|line| line.split_whitespace().next() == Some(command)), "{command} in\n{help}");
    }
    for code in ["0", "1", "2", "3", "4", "5", "70"] {
        assert!(help.lines().any(|line| line.split_whitespace().next() == Some(code)), "{code} in\n{help}");
    }
}

#[test]
fn wrong_usage_is_told_on_stderr_and_exits_2() {
    let nothing: &[&str] = &[];
    for arguments in [nothing, &["frobnicate"], &["run"], &["check", "--as-of", "yesterday"], &["query"]] {
        let output = output(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
        assert!(!output.stderr.is_empty(), "{arguments:?}");
    }
}

#[test]
fn every_shell_has_completions() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        assert!(stdout(&["completions", shell]).contains("quotient"), "{shell}");
    }
}

#[test]
fn the_man_page_is_roff() {
    for arguments in [&["man"][..], &["man", "run"]] {
        let page = stdout(arguments);
        assert!(page.lines().take(3).any(|line| line.starts_with(".TH quotient")), "{page}");
    }
}

#[test]
fn init_writes_a_project_once() {
    let scratch = tempfile::tempdir().unwrap();
    let first = quotient(&["init", "kpis"]).current_dir(scratch.path()).output().unwrap();
    assert_eq!(first.status.code(), Some(0));
    assert!(first.stdout.is_empty());
    let talk = String::from_utf8(first.stderr).unwrap();
    assert!(talk.ends_with("next:\n  quotient demo --out data\n  quotient run kpis/nightly.yml --project kpis --as-of 2026-01-01\n"), "{talk}");
    assert!(scratch.path().join("kpis/dbt_project.yml").is_file());
    let second = quotient(&["init", "kpis", "--quiet"]).current_dir(scratch.path()).output().unwrap();
    assert_eq!(second.status.code(), Some(5));
    assert_eq!(String::from_utf8(second.stderr).unwrap(), "error: folder `kpis` is not empty, expected an empty one or none\n\nhint: name another folder: `quotient init DIR`\n");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let mut child = quotient(&["completions", "zsh"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(output.stderr.is_empty());
}
