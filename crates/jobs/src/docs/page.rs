//! The dictionary as one HTML page: styles and script inside, no other file, no network.
//!
//! Everything that a project says is escaped; the script only hides and shows what is there.

use std::fmt::Write;

use super::{Dictionary, Entry, Fact, title_of};

const FRAME: &str = include_str!("kpis.html");
const TITLE: &str = "<!-- title -->";
const CONTENTS: &str = "<!-- contents -->";
const BODY: &str = "<!-- body -->";

/// The whole page.
pub(crate) fn write(dictionary: &Dictionary<'_>) -> String {
    let (mut contents, mut body) = (String::new(), String::new());
    for (family, entries) in &dictionary.families {
        let title = escaped(&title_of(family));
        add(&mut contents, &format!("<li><a href=\"#family-{0}\">{title}</a></li>", escaped(family)));
        add(&mut body, &format!("<section class=\"group\" aria-labelledby=\"family-{0}\">\n<h2 id=\"family-{0}\">{title}</h2>", escaped(family)));
        for entry in entries {
            metric(&mut body, entry);
        }
        add(&mut body, "</section>");
    }
    add(&mut contents, "<li><a href=\"#facts\">Facts</a></li>");
    add(&mut body, "<section class=\"group\" aria-labelledby=\"facts\">\n<h2 id=\"facts\">Facts</h2>");
    for found in &dictionary.facts {
        fact(&mut body, found);
    }
    add(&mut body, "</section>");
    exposures(&mut contents, &mut body, dictionary);
    // The frame is split before anything is put in: what a project says cannot stand for one of the marks.
    let (head, rest) = FRAME.split_once(CONTENTS).unwrap_or((FRAME, ""));
    let (middle, tail) = rest.split_once(BODY).unwrap_or((rest, ""));
    let head = head.replace(TITLE, &escaped(&format!("KPIs of {}", dictionary.project.name)));
    [head.as_str(), contents.as_str(), middle, body.as_str(), tail].concat()
}

fn metric(body: &mut String, entry: &Entry<'_>) {
    let metric = entry.metric;
    let words = [&metric.name, &metric.label, &metric.meta.label_ko, &metric.description, &metric.meta.formula].map(|text| escaped(&text.to_lowercase())).join(" ");
    add(body, &format!("<article id=\"metric-{0}\" data-words=\"{words}\">\n<h3><a href=\"#metric-{0}\">{1}</a></h3>", escaped(&metric.name), escaped(&metric.label)));
    let private = if metric.private { " <span class=\"quiet\">private</span>" } else { "" };
    add(body, &format!("<p class=\"names\"><code>{}</code> <span lang=\"ko\">{}</span>{private}</p>", escaped(&metric.name), escaped(&metric.meta.label_ko)));
    add(body, &format!("<p>{}</p>\n<dl>", escaped(&metric.description)));
    for (property, value) in entry.properties() {
        row(body, property, &escaped(&value));
    }
    row(body, "Inputs", &links("metric", entry.explained.inputs.iter().map(String::as_str)));
    row(body, "Facts", &links("fact", entry.facts.iter().copied()));
    row(body, "Slices", &code(&entry.explained.group_by));
    row(body, "Used by", &escaped(&entry.explained.used_by.join(", ")));
    row(body, "Declared in", &code(std::slice::from_ref(&metric.place.file)));
    add(body, "</dl>\n</article>");
}

fn fact(body: &mut String, fact: &Fact<'_>) {
    let model = fact.model;
    let words = [&model.name, &model.description].map(|text| escaped(&text.to_lowercase())).join(" ");
    add(body, &format!("<article id=\"fact-{0}\" data-words=\"{words}\">\n<h3><a href=\"#fact-{0}\"><code>{0}</code></a></h3>", escaped(&model.name)));
    add(body, &format!("<p>{}</p>\n<dl>", escaped(&model.description)));
    row(body, "Models", &code(&model.refs));
    row(body, "Sources", &code(&model.sources));
    row(body, "Slices", &code(&fact.slices));
    row(body, "Declared in", &code(std::slice::from_ref(&model.file)));
    add(body, &format!("</dl>\n<details><summary>SQL</summary><pre tabindex=\"0\">{}</pre></details>\n</article>", escaped(&model.template)));
}

fn exposures(contents: &mut String, body: &mut String, dictionary: &Dictionary<'_>) {
    let exposures = &dictionary.project.exposures;
    if exposures.is_empty() {
        return;
    }
    add(contents, "<li><a href=\"#used-by\">Used by</a></li>");
    add(body, "<section class=\"group\" aria-labelledby=\"used-by\">\n<h2 id=\"used-by\">Used by</h2>");
    for exposure in exposures.values() {
        let words = [&exposure.name, &exposure.label, &exposure.description].map(|text| escaped(&text.to_lowercase())).join(" ");
        add(
            body,
            &format!(
                "<article id=\"exposure-{}\" data-words=\"{words}\">\n<h3>{}</h3>\n<p>{}</p>\n<dl>",
                escaped(&exposure.name),
                escaped(&exposure.label),
                escaped(&exposure.description)
            ),
        );
        for (property, value) in [("Type", &exposure.kind), ("Maturity", &exposure.maturity), ("Owner", &exposure.owner), ("Where", &exposure.url)] {
            row(body, property, &escaped(value));
        }
        let names: Vec<String> = exposure.depends_on.iter().map(|used| used.name.clone()).collect();
        row(body, "Uses", &code(&names));
        add(body, "</dl>\n</article>");
    }
    add(body, "</section>");
}

fn add(out: &mut String, text: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(out, "{text}");
}

/// A property and its value, which is HTML already; none where there is nothing to say.
fn row(out: &mut String, property: &str, html: &str) {
    if !html.is_empty() {
        add(out, &format!("<dt>{property}</dt><dd>{html}</dd>"));
    }
}

fn links<'a>(kind: &str, names: impl Iterator<Item = &'a str>) -> String {
    let mut seen: Vec<&str> = Vec::new();
    for name in names {
        if !seen.contains(&name) {
            seen.push(name);
        }
    }
    let link = |name: &str| format!("<a href=\"#{kind}-{0}\"><code>{0}</code></a>", escaped(name));
    seen.into_iter().map(link).collect::<Vec<_>>().join(", ")
}

fn code(names: &[String]) -> String {
    names.iter().map(|name| format!("<code>{}</code>", escaped(name))).collect::<Vec<_>>().join(" ")
}

/// Text as HTML, fit for an attribute too.
fn escaped(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            other => html.push(other),
        }
    }
    html
}

#[cfg(test)]
mod tests {
    use super::{BODY, CONTENTS, FRAME, TITLE, code, escaped, links};

    #[test]
    fn what_a_project_says_is_text() {
        assert_eq!(escaped("<script>alert('a & \"b\"')</script>"), "&lt;script&gt;alert(&#39;a &amp; &quot;b&quot;&#39;)&lt;/script&gt;");
        assert_eq!(code(&["<b>".to_owned()]), "<code>&lt;b&gt;</code>");
        assert_eq!(links("metric", ["a", "a"].into_iter()), "<a href=\"#metric-a\"><code>a</code></a>");
    }

    #[test]
    fn the_frame_has_its_marks_once_and_in_order() {
        let at = [TITLE, CONTENTS, BODY].map(|mark| FRAME.find(mark).unwrap());
        assert!(at.is_sorted());
        assert_eq!(FRAME.matches(CONTENTS).count() + FRAME.matches(BODY).count(), 2);
    }
}
