//! What the program says of faulty projects and jobs: every text of `tests/cli/faults`, whole.
//!
//! A file is a project of small files, each after a line `--- PATH`, and after `===` the faults, as they are printed.
//! `dbt_project.yml` has a name where the file gives none; `job.yml` is a job, read where the project itself has no fault.
//! `QUOTIENT_BLESS=1` writes what was found behind `===`.

use std::path::Path;

use harness::{assert_none, check_all, files_below, root};
use quotient_model::{Fault, Job, Project, ProjectFiles, Settings};

/// Texts with spaces in the source that nobody is shown as a fault: SQL, a type as projects write it, and the heading, which pages leave out.
const NO_MESSAGES: [&str; 12] = [
    "({sql}) IS NOT NULL",
    "(({sql}) IS NULL OR ({sql}) IN ({}))",
    "({sql} {expression}\n) IS NOT FALSE",
    "date_trunc('{part}', {expression})",
    "days_between(CAST({from} AS DATE), CAST({to} AS DATE))",
    "add_days({expression}, {count})",
    "add_months({expression}, {count})",
    "TRY_CAST({expression} AS {kind})",
    "DECIMAL(28, 6)",
    "timestamp without time zone",
    "1 fault in the project",
    "{n} faults in the project",
];

#[test]
fn every_fault_is_said_as_its_page_says() {
    let pages = files_below(&root().join("tests/cli/faults"));
    assert!(pages.len() > 5, "there are {} pages of faults", pages.len());
    let bless = std::env::var_os("QUOTIENT_BLESS").is_some();
    assert_none(&check_all(&pages, |path| page(path, bless)));
}

fn page(path: &Path, bless: bool) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap();
    let (project, wanted) = text.split_once("===\n").unwrap_or((&text, ""));
    let found = faults(project);
    if bless {
        std::fs::write(path, format!("{project}===\n{found}")).unwrap();
        return Vec::new();
    }
    let lines = wanted.lines().zip(found.lines()).find(|(wanted, found)| wanted != found);
    if wanted == found { Vec::new() } else { vec![format!("expected {} lines, found {}; first difference: {lines:?}", wanted.lines().count(), found.lines().count())] }
}

/// The faults of a project in one text, one after the other.
fn faults(text: &str) -> String {
    let mut files = ProjectFiles { project: "name: shop\n".to_owned(), ..ProjectFiles::default() };
    let mut job = None;
    for part in text.split("--- ").skip(1) {
        let (path, text) = part.split_once('\n').unwrap();
        match path {
            "dbt_project.yml" => text.clone_into(&mut files.project),
            "job.yml" => job = Some(text.to_owned()),
            path if path.starts_with("macros/") => _ = files.macros.insert(path.to_owned(), text.to_owned()),
            path => _ = files.models.insert(path.to_owned(), text.to_owned()),
        }
    }
    let said = |faults: &[Fault]| faults.iter().map(|fault| format!("{fault}\n")).collect::<Vec<String>>().concat();
    match (Project::parse(&files, &Settings::default()), job) {
        (Err(error), _) => said(&error.faults),
        (Ok(project), Some(job)) => Job::parse("job.yml", &job, &project).map_or_else(|error| said(&error.faults), |_| String::new()),
        (Ok(_), None) => String::new(),
    }
}

#[test]
fn every_message_of_the_source_is_on_the_page() {
    let page: Vec<String> = files_below(&root().join("tests/cli/faults")).iter().flat_map(|(_, file)| said_by(file)).collect();
    let mut wrong = Vec::new();
    let mut exempt = Vec::new();
    for (path, file) in files_below(&root().join("crates/model/src")).into_iter().filter(|(path, _)| !path.ends_with("tests.rs")) {
        let text = std::fs::read_to_string(&file).unwrap();
        let source = text.split("#[cfg(test)]").next().unwrap();
        for message in messages(source) {
            if NO_MESSAGES.contains(&message.as_str()) {
                exempt.push(message);
            } else if !page.iter().any(|line| shows(line, &message)) {
                wrong.push(format!("{path}: no project of tests/cli/faults shows `{message}`"));
            }
        }
    }
    let stale = NO_MESSAGES.iter().filter(|text| !exempt.iter().any(|found| found == *text));
    wrong.extend(stale.map(|text| format!("`{text}` is in the source no more")));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn literals_and_their_fixed_words_are_found() {
    let source = "// \"no\"\nlet q = ['\"', '\\'', 'a'];\nfn f<'a>(x: &'a str) { g(\"two words\"); h(\"`{x}`: \\\"{{y}}\\\" of {:?}\") }\n#[expect(x, reason = \"none of it\")]";
    assert_eq!(literals(source), ["two words", "`{x}`: \"{{y}}\" of {:?}"]);
    assert_eq!(fixed_words("`{x}`: \"{{y}}\" of {:?}"), ["`", "`: \"{y}\" of ", ""]);
    assert!(shows("a.yml:1: `b`: \"{y}\" of c", "`{x}`: \"{{y}}\" of {:?}"));
    assert!(!shows("a.yml:1: `b`: of c", "`{x}`: \"{{y}}\" of {:?}"));
    assert_eq!(
        messages("r.unknown(\"agg\", \"aggregate\", x); r.required(\"expr\"); f.unknown(&p, \"share\", x);"),
        ["unknown aggregate `", "unknown share `", "missing key `expr`"]
    );
}

/// The lines that a page expects.
fn said_by(page: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(page).unwrap();
    text.split_once("===\n").map_or("", |(_, wanted)| wanted).lines().map(str::to_owned).collect()
}

/// What Rust source may say to people: literals of several words, the nouns of unknown names, the keys that must be there.
fn messages(source: &str) -> Vec<String> {
    let has_letters = |literal: &str| fixed_words(literal).iter().any(|words| words.chars().any(char::is_alphabetic));
    let mut messages: Vec<String> = literals(source).into_iter().filter(|literal| literal.contains(' ') && has_letters(literal)).collect();
    for call in source.split(".unknown(").skip(1) {
        let given = literals(call.split(';').next().unwrap());
        // A reader is told the key before the noun.
        let noun = given.get(usize::from(call.starts_with('"')));
        messages.extend(noun.map(|noun| format!("unknown {noun} `")));
    }
    for call in source.split(".required(\"").skip(1) {
        messages.extend(call.split_once('"').map(|(key, _)| format!("missing key `{key}`")));
    }
    messages
}

/// The literals of Rust source, without those in comments and reasons of lints.
fn literals(source: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = source;
    while let Some(at) = rest.find(['"', '\'', '/']) {
        let (before, tail) = rest.split_at(at);
        if tail.starts_with("//") {
            rest = tail.split_once('\n').map_or("", |(_, after)| after);
        } else if let Some(text) = tail.strip_prefix('"') {
            let (literal, after) = literal(text);
            if !before.ends_with("reason = ") {
                found.push(literal);
            }
            rest = after;
        } else {
            // A quote that starts no character starts a lifetime.
            rest = after_character(tail).unwrap_or(&tail[1..]);
        }
    }
    found
}

/// The literal whose opening quote has been read, and the text behind it.
fn literal(text: &str) -> (String, &str) {
    let mut found = String::new();
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '"' => break,
            '\\' => found.extend(letters.next().map(|escaped| if escaped == 'n' { '\n' } else { escaped })),
            other => found.push(other),
        }
    }
    (found, letters.as_str())
}

/// The text behind a character in single quotes.
fn after_character(text: &str) -> Option<&str> {
    let mut letters = text.strip_prefix('\'')?.chars();
    if letters.next()? == '\\' {
        letters.next();
    }
    letters.as_str().strip_prefix('\'')
}

/// Whether a line has the words of a literal that are no placeholders, in their order; or the literal as it stands.
fn shows(line: &str, literal: &str) -> bool {
    let mut rest = line;
    let in_order = fixed_words(literal.trim()).iter().all(|words| {
        let found = rest.split_once(words.as_str());
        rest = found.map_or(rest, |(_, after)| after);
        found.is_some()
    });
    in_order || line.contains(literal)
}

/// The stretches of a format string between its placeholders.
fn fixed_words(format: &str) -> Vec<String> {
    let mut all = Vec::new();
    let mut words = String::new();
    let mut letters = format.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '{' | '}' if letters.next_if_eq(&letter).is_some() => words.push(letter),
            '{' => {
                all.push(std::mem::take(&mut words));
                for inside in letters.by_ref() {
                    if inside == '}' {
                        break;
                    }
                }
            }
            other => words.push(other),
        }
    }
    all.push(words);
    all
}
