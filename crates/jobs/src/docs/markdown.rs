//! The dictionary as Markdown: a section per family, a table per metric, the facts at the end.

use std::fmt::Write;

use super::{Dictionary, Entry, title_of};

/// The whole text.
pub(crate) fn write(dictionary: &Dictionary<'_>) -> String {
    let mut out = String::from("# KPIs\n\n<!-- Written by `quotient docs`: change the YAML of the metric, not this file. -->\n\n");
    let count = dictionary.project.metrics.len();
    line(&mut out, &format!("{count} metrics in {} families, each with what it says, how it is computed and when it is null.", dictionary.families.len()));
    line(&mut out, "");
    for (family, entries) in &dictionary.families {
        let names: Vec<String> = entries.iter().map(|entry| link(&entry.metric.name)).collect();
        line(&mut out, &format!("- [{}](#{}): {}", title_of(family), family.replace('_', "-"), names.join(", ")));
    }
    line(&mut out, "- [Facts](#facts)");
    for (family, entries) in &dictionary.families {
        line(&mut out, &format!("\n## {}", title_of(family)));
        for entry in entries {
            metric(&mut out, entry);
        }
    }
    facts(&mut out, dictionary);
    exposures(&mut out, dictionary);
    out
}

fn metric(out: &mut String, entry: &Entry<'_>) {
    let metric = entry.metric;
    let korean = if metric.meta.label_ko.is_empty() { String::new() } else { format!(" · {}", text(&metric.meta.label_ko)) };
    let private = if metric.private { " (private: other metrics read it)" } else { "" };
    line(out, &format!("\n### {}\n\n**{}**{korean}{private}\n\n{}\n\n| | |\n|---|---|", metric.name, text(&metric.label), text(&metric.description)));
    for (property, value) in entry.properties() {
        row(out, property, &text(&value));
    }
    row(out, "Inputs", &links(entry.explained.inputs.iter().map(String::as_str)));
    row(out, "Facts", &links(entry.facts.iter().copied()));
    if entry.facts.len() > 1 {
        row(out, "Slices", &code(&entry.explained.group_by));
    }
    row(out, "Used by", &text(&entry.explained.used_by.join(", ")));
    row(out, "Declared in", &format!("`{}`", metric.place.file));
}

fn facts(out: &mut String, dictionary: &Dictionary<'_>) {
    line(out, "\n## Facts\n\nThe models whose rows metrics count; a metric of one fact has all its slices, a metric of several those that they share.");
    for fact in &dictionary.facts {
        line(out, &format!("\n### {}\n\n{}\n\n| | |\n|---|---|", fact.model.name, text(&fact.model.description)));
        row(out, "Reads", &text(&fact.model.refs.iter().chain(&fact.model.sources).cloned().collect::<Vec<_>>().join(", ")));
        row(out, "Slices", &code(&fact.slices));
        row(out, "Declared in", &format!("`{}`", fact.model.file));
    }
}

fn exposures(out: &mut String, dictionary: &Dictionary<'_>) {
    if dictionary.project.exposures.is_empty() {
        return;
    }
    line(out, "\n## Used by");
    for exposure in dictionary.project.exposures.values() {
        line(out, &format!("\n### {}\n\n{}\n\n| | |\n|---|---|", text(&exposure.label), text(&exposure.description)));
        row(out, "Type", &text(&exposure.kind));
        row(out, "Maturity", &text(&exposure.maturity));
        row(out, "Owner", &text(&exposure.owner));
        row(out, "Where", &text(&exposure.url));
        let names: Vec<String> = exposure.depends_on.iter().map(|used| used.name.clone()).collect();
        row(out, "Uses", &code(&names));
    }
}

fn line(out: &mut String, text: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(out, "{text}");
}

/// A row of a table; none where there is nothing to say.
fn row(out: &mut String, property: &str, value: &str) {
    if !value.is_empty() {
        line(out, &format!("| {property} | {value} |"));
    }
}

fn link(name: &str) -> String {
    format!("[`{name}`](#{name})")
}

fn links<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let mut seen: Vec<&str> = Vec::new();
    for name in names {
        if !seen.contains(&name) {
            seen.push(name);
        }
    }
    seen.into_iter().map(link).collect::<Vec<_>>().join(", ")
}

fn code(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// Text that Markdown would take for something else, on one line.
fn text(plain: &str) -> String {
    let mut escaped = String::new();
    for word in plain.split_whitespace() {
        if !escaped.is_empty() {
            escaped.push(' ');
        }
        for letter in word.chars() {
            match letter {
                '<' => escaped.push_str("&lt;"),
                '&' => escaped.push_str("&amp;"),
                '|' | '*' | '[' | ']' => {
                    escaped.push('\\');
                    escaped.push(letter);
                }
                other => escaped.push(other),
            }
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::{links, row, text};

    #[test]
    fn marks_of_markdown_are_text() {
        assert_eq!(text("a | b\n  <c> * [d] & 매출"), "a \\| b &lt;c> \\* \\[d\\] &amp; 매출");
        assert_eq!(links(["a", "b", "a"].into_iter()), "[`a`](#a), [`b`](#b)");
        let mut out = String::new();
        row(&mut out, "Unit", "");
        assert_eq!(out, "");
    }
}
