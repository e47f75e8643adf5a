//! What arrives, and what is said where nothing arrives.

use std::io::{self, Read as _, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use quotient_model::{LineageTarget, OnFailure};
use serde_json::json;

use super::{Notice, NotifyError, send_lineage, tell_failure};

const NOTICE: Notice<'static> = Notice { job: "nightly", run_id: "r1", status: "failed", error: "no lake" };

/// A file of this test's own, not there yet.
fn file(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("quotient-notify-{}-{name}", std::process::id()));
    let _ = std::fs::remove_file(&path);
    path
}

fn text(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap();
    std::fs::remove_file(path).unwrap();
    text
}

fn said(errors: Vec<NotifyError>) -> Vec<String> {
    errors.into_iter().map(|error| error.to_string()).collect()
}

/// A server that takes one request and answers with a status; it gives back the request.
fn server(status: &'static str) -> (String, thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let handle = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = Vec::new();
        let mut part = [0; 4096];
        while !request.ends_with(b"}") {
            let count = stream.read(&mut part).unwrap();
            assert!(count > 0, "the request ends without a body");
            request.extend_from_slice(&part[..count]);
        }
        stream.write_all(format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").as_bytes()).unwrap();
        String::from_utf8(request).unwrap()
    });
    (address, handle)
}

#[test]
fn events_are_lines_of_a_file() {
    let path = file("lineage.jsonl");
    let target = LineageTarget { file: Some(path.display().to_string()), ..LineageTarget::default() };
    assert!(send_lineage(&target, &json!({"a": 1})).is_empty());
    assert!(send_lineage(&target, &json!({"a": "two\nlines"})).is_empty());
    assert_eq!(text(&path), "{\"a\":1}\n{\"a\":\"two\\nlines\"}\n");
}

#[test]
fn a_failure_is_posted_and_given_to_a_command() {
    let path = file("command");
    let (address, server) = server("204 No Content");
    let script = "printf '%s|' \"$QUOTIENT_JOB\" \"$QUOTIENT_RUN_ID\" \"$QUOTIENT_STATUS\" \"$QUOTIENT_ERROR\" \"$1\" > \"$2\"; echo noise";
    let command = ["sh", "-c", script, "sh", "an argument"].map(str::to_owned).into_iter().chain([path.display().to_string()]).collect();
    let to = OnFailure { command, webhook: Some(format!("http://{address}/hook?token=s3cret")) };
    assert!(tell_failure(&to, &NOTICE).is_empty());
    assert_eq!(text(&path), "nightly|r1|failed|no lake|an argument|");
    let request = server.join().unwrap();
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("POST /hook?token=s3cret HTTP/1.1\r\n"), "{head}");
    assert!(head.to_lowercase().contains("content-type: application/json"), "{head}");
    assert_eq!(body, r#"{"text":"job `nightly` failed: no lake","job":"nightly","run_id":"r1","status":"failed","error":"no lake"}"#);
}

#[test]
fn nobody_to_tell_is_no_fault() {
    assert!(tell_failure(&OnFailure::default(), &NOTICE).is_empty());
    assert!(send_lineage(&LineageTarget::default(), &json!({})).is_empty());
}

#[test]
fn an_answer_that_refuses_names_the_host_only() {
    let (address, server) = server("500 Internal Server Error");
    let to = OnFailure { webhook: Some(format!("http://user:s3cret@{address}/s3cret?token=s3cret")), ..OnFailure::default() };
    assert_eq!(said(tell_failure(&to, &NOTICE)), [format!("cannot post to `http://{address}`: expected an answer from 200 to 299, found 500")]);
    server.join().unwrap();
}

#[test]
fn a_server_that_is_not_there_names_the_host_only() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let to = LineageTarget { url: Some(format!("http://user:s3cret@{address}/s3cret?token=s3cret")), ..LineageTarget::default() };
    let said = said(send_lineage(&to, &json!({})));
    assert_eq!(said.len(), 1);
    assert!(said[0].starts_with(&format!("cannot post to `http://{address}`: ")), "{said:?}");
    assert!(!said[0].contains("s3cret"), "{said:?}");
}

#[test]
fn commands_that_fail_say_so() {
    let told = |words: &[&str]| said(tell_failure(&OnFailure { command: words.iter().map(|word| (*word).to_owned()).collect(), webhook: None }, &NOTICE));
    assert_eq!(told(&["sh", "-c", "exit 3"]), ["command `sh` failed with exit code 3"]);
    assert_eq!(told(&["sh", "-c", "kill -9 $$"]), ["command `sh` failed"]);
    assert_eq!(told(&["quotient-has-no-such-program"]), ["cannot run `quotient-has-no-such-program`: No such file or directory (os error 2)"]);
}

#[test]
fn every_message_says_what_was_being_done() {
    let file = NotifyError::File { path: PathBuf::from("lineage.jsonl"), source: io::Error::other("disk full") };
    assert_eq!(file.to_string(), "cannot write to `lineage.jsonl`: disk full");
    let url = LineageTarget { url: Some("http://".to_owned()), ..LineageTarget::default() };
    assert_eq!(said(send_lineage(&url, &json!({}))), ["cannot post to an address that is no URL: empty host"]);
    let post = NotifyError::Post { host: "https://hooks.example".to_owned(), reason: "no answer within 10 s".to_owned() };
    assert_eq!(post.to_string(), "cannot post to `https://hooks.example`: no answer within 10 s");
    let slow = NotifyError::Slow { program: "mail".to_owned(), after: Duration::from_mins(1) };
    assert_eq!(slow.to_string(), "command `mail` was stopped after 60 s");
    assert_eq!(NotifyError::Runtime(io::Error::other("no threads")).to_string(), "cannot start the I/O runtime: no threads");
}
