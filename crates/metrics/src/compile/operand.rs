//! Where the operand after an operator ends.
//!
//! In: the text after it. Out: the start of that text: a number, a name, a call, a `CASE` or brackets, with the sign before it and the casts after it.
//! What is no operand is not told from one: the text is SQL that our planner has bound.

use super::speech::piece;

/// The operand that a text starts with, with the blanks and comments before it.
pub(crate) fn operand(text: &str) -> &str {
    let mut at = blanks(text);
    while matches!(piece(&text[at..]), "-" | "+") {
        at += 1;
        at += blanks(&text[at..]);
    }
    at += match piece(&text[at..]) {
        "(" => nested(&text[at..], "(", ")"),
        word if word.eq_ignore_ascii_case("case") => nested(&text[at..], "case", "end"),
        number if number.starts_with(|c: char| c.is_ascii_digit()) => number_end(&text[at..]),
        _ => call(&text[at..]),
    };
    &text[..at + casts(&text[at..])]
}

/// The length of the blanks and comments at the start.
fn blanks(text: &str) -> usize {
    let mut at = 0;
    loop {
        let piece = piece(&text[at..]);
        if piece.is_empty() || !(piece.trim().is_empty() || piece.starts_with("--") || piece.starts_with("/*")) {
            return at;
        }
        at += piece.len();
    }
}

/// The length up to the word that closes the one at the start.
fn nested(text: &str, open: &str, close: &str) -> usize {
    let (mut at, mut depth) = (0, 0);
    while at < text.len() {
        let piece = piece(&text[at..]);
        at += piece.len();
        if piece.eq_ignore_ascii_case(open) {
            depth += 1;
        } else if piece.eq_ignore_ascii_case(close) {
            depth -= 1;
        }
        if depth == 0 {
            return at;
        }
    }
    text.len()
}

/// The length of a number, which may have a fraction and an exponent.
fn number_end(text: &str) -> usize {
    let mut at = piece(text).len();
    if text[at..].starts_with('.') {
        at += 1;
        at += text[at..].find(|c: char| !c.is_alphanumeric()).unwrap_or(text.len() - at);
    }
    if text[..at].ends_with(['e', 'E']) && text[at..].starts_with(['-', '+']) {
        at += 1 + piece(&text[at + 1..]).len();
    }
    at
}

/// The length of a name, which may have a table before it, or of a call with its clauses.
fn call(text: &str) -> usize {
    let mut at = piece(text).len();
    while text[at..].starts_with('.') {
        at += 1;
        at += piece(&text[at..]).len();
    }
    loop {
        let next = at + blanks(&text[at..]);
        match piece(&text[next..]) {
            "(" => at = next + nested(&text[next..], "(", ")"),
            word if ["filter", "over", "within", "group"].iter().any(|clause| word.eq_ignore_ascii_case(clause)) && is_clause(&text[next + word.len()..]) => at = next + word.len(),
            _ => return at,
        }
    }
}

/// Whether a word of a clause is one: `GROUP` may also begin what comes after the expression.
fn is_clause(after: &str) -> bool {
    let next = piece(&after[blanks(after)..]);
    next == "(" || next.eq_ignore_ascii_case("group")
}

/// The length of casts such as `::DECIMAL(10, 2)`.
fn casts(text: &str) -> usize {
    let mut at = 0;
    while text[at..].trim_start().starts_with("::") {
        at = text.len() - text[at..].trim_start().len() + 2;
        at += call(&text[at..]);
    }
    at
}

#[cfg(test)]
mod tests {
    use super::operand;

    #[test]
    fn an_operand_ends_where_the_next_operator_starts() {
        let found = [
            (" 4 + 1", " 4"),
            ("1.5e-3*x", "1.5e-3"),
            (" - \"own\".\"amount\" - 1", " - \"own\".\"amount\""),
            ("(a + (b)) / c", "(a + (b))"),
            (" NULLIF(b, 0) AS ratio", " NULLIF(b, 0)"),
            (" CASE WHEN a THEN CASE b WHEN 1 THEN 2 END END > 1", " CASE WHEN a THEN CASE b WHEN 1 THEN 2 END END"),
            (" sum(a) FILTER (WHERE b) OVER (PARTITION BY c) * 2", " sum(a) FILTER (WHERE b) OVER (PARTITION BY c)"),
            (" b GROUP BY 1", " b"),
            (" b::DECIMAL(10, 2)::DOUBLE, c", " b::DECIMAL(10, 2)::DOUBLE"),
            (" -- why )\n b -- then\n", " -- why )\n b"),
            (" b", " b"),
            ("", ""),
        ];
        for (text, expected) in found {
            assert_eq!(operand(text), expected, "{text}");
        }
    }
}
