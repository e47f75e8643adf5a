//! Calls that are wrong by themselves, and those that only ask for help: the whole text of both streams, and the exit code.
//!
//! The calls are `tests/cli/usage/*.txt`: the call, the exit code, stdout, stderr. A line that ends with `[..]` stands for any line
//! that starts alike. With `QUOTIENT_BLESS=1` the files are written anew: read the change before it is committed.

use std::fs;

use harness::{Call, files_below, root};

#[test]
fn every_call_says_what_its_file_says() {
    let files = files_below(&root().join("tests/cli/usage"));
    assert!(files.len() >= 18, "found {} calls", files.len());
    let mut wrong = Vec::new();
    for (_, file) in files {
        let expected = fs::read_to_string(&file).unwrap();
        let (call, _) = expected.split_once('\n').unwrap();
        let arguments = arguments_of(call.strip_prefix("$ quotient").unwrap());
        let said = Call::new(&arguments.iter().map(String::as_str).collect::<Vec<_>>()).run();
        let found = format!("{call}\nexit code: {}\n--- stdout\n{}--- stderr\n{}", said.code.unwrap(), said.stdout, said.stderr);
        if alike(&expected, &found) {
            continue;
        }
        if std::env::var_os("QUOTIENT_BLESS").is_some() {
            fs::write(&file, &found).unwrap();
        }
        wrong.push(format!("{}\nexpected:\n{expected}\nfound:\n{found}", file.display()));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// Words between spaces; a word in double quotes may hold spaces, or nothing.
fn arguments_of(call: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = call.trim();
    while !rest.is_empty() {
        let (word, tail) = match rest.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap(),
            None => rest.split_once(' ').unwrap_or((rest, "")),
        };
        words.push(word.to_owned());
        rest = tail.trim_start();
    }
    words
}

fn alike(expected: &str, found: &str) -> bool {
    let same = |(e, f): (&str, &str)| e.strip_suffix("[..]").map_or(e == f, |start| f.starts_with(start));
    if let Some((start, _)) = expected.split_once("\n...\n") {
        return found.starts_with(start);
    }
    expected.lines().count() == found.lines().count() && expected.lines().zip(found.lines()).all(same)
}
