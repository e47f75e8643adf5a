//! Words of a command in the languages of other schedulers.

/// A word of a POSIX shell: as it is where nothing in it means anything to a shell, else in single quotes.
///
/// ```text
/// kpis/nightly.yml   kpis/nightly.yml
/// it's               'it'\''s'
/// ```
pub(super) fn shell(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@=,".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

/// Words of a POSIX shell, with spaces between them.
pub(super) fn shell_line(words: &[String]) -> String {
    words.iter().map(|word| shell(word)).collect::<Vec<String>>().join(" ")
}

/// A word of a systemd unit: specifiers and variables stay as they are written, and the rest is quoted where it has to be.
pub(super) fn systemd(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@=,".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    let mut quoted = String::from("\"");
    for letter in word.chars() {
        match letter {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '%' => quoted.push_str("%%"),
            '$' => quoted.push_str("$$"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            '\r' => quoted.push_str("\\r"),
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

/// A text in double quotes, as JSON, YAML and Python read it alike.
pub(super) fn text(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A name on a line of its own comment: line breaks would end it.
pub(super) fn comment(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// A name of lower-case letters, digits and hyphens, at most 52 of them, as Kubernetes, systemd and Airflow take it.
pub(super) fn unit_name(name: &str) -> String {
    let letters: String = format!("quotient-{name}").chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).take(52).collect();
    letters.trim_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::{comment, shell, shell_line, systemd, text, unit_name};

    #[test]
    fn words_of_a_shell_are_quoted_where_they_have_to_be() {
        assert_eq!(shell("kpis/nightly.yml"), "kpis/nightly.yml");
        assert_eq!(shell(""), "''");
        assert_eq!(shell("it's $HOME"), r"'it'\''s $HOME'");
        assert_eq!(shell_line(&["run".to_owned(), "my job".to_owned()]), "run 'my job'");
    }

    #[test]
    fn words_of_a_unit_keep_percent_and_dollar() {
        assert_eq!(systemd("kpis/nightly.yml"), "kpis/nightly.yml");
        assert_eq!(systemd("50% of \"$x\" \\ y\nz"), r#""50%% of \"$$x\" \\ y\nz""#);
    }

    #[test]
    fn texts_and_comments_stay_on_their_line() {
        assert_eq!(text("a \"b\"\n매출"), r#""a \"b\"\n매출""#);
        assert_eq!(comment("a\nb"), "a b");
    }

    #[test]
    fn names_of_units_have_plain_letters() {
        assert_eq!(unit_name("Month_End (EU)"), "quotient-month-end--eu");
        assert_eq!(unit_name("매출"), "quotient");
        assert_eq!(unit_name(&"x".repeat(60)).len(), 52);
    }
}
