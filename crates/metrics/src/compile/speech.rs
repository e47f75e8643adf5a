//! Our SQL in the words of a dialect.
//!
//! In: SQL with the functions that our planner knows, names in double quotes, texts in single quotes. Out: the same for another engine.
//! What both spell alike stays as it is, comments too. Nothing is parsed beyond words, quotes, brackets and divisors.

use quotient_model::Dialect;

use super::operand::operand;

/// The functions that some dialect has under another name, or with other arguments; `local_before` is of statements only.
const FUNCTIONS: [&str; 15] = [
    "add_days",
    "add_months",
    "avg",
    "date_part",
    "days_between",
    "epoch_us",
    "instant",
    "isfinite",
    "local_before",
    "local_date",
    "local_midnight",
    "local_timestamp",
    "quantile_cont",
    "quantile_disc",
    "round_half_even",
];

/// Puts a statement into a dialect.
pub(crate) fn spoken(dialect: Dialect, sql: &str) -> String {
    let mut out = String::with_capacity(sql.len() + sql.len() / 8);
    let mut rest = sql;
    while !rest.is_empty() {
        let piece = piece(rest);
        let after = &rest[piece.len()..];
        rest = match piece.chars().next() {
            Some('\'') => {
                out.push_str(&text(dialect, piece));
                after
            }
            Some('"') => {
                out.push_str(&name(dialect, piece));
                after
            }
            Some('/' | '%') if dialect == Dialect::Spark && piece.len() == 1 => divided(piece, after, &mut out),
            Some(c) if c.is_alphabetic() => word(dialect, piece, after, &mut out),
            _ => {
                out.push_str(piece);
                after
            }
        };
    }
    out
}

/// A text in single quotes.
fn text(dialect: Dialect, quoted: &str) -> String {
    let inside = quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default();
    match dialect {
        Dialect::DuckDb => quoted.to_owned(),
        // Spark takes a backslash as the start of an escape, and two quotes as two texts.
        Dialect::Spark => format!("'{}'", inside.replace('\\', "\\\\").replace("''", "\\'")),
    }
}

/// A name in double quotes.
fn name(dialect: Dialect, quoted: &str) -> String {
    let inside = quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default();
    match dialect {
        Dialect::DuckDb => quoted.to_owned(),
        Dialect::Spark => format!("`{}`", inside.replace("\"\"", "\"").replace('`', "``")),
    }
}

/// A division, or the remainder of one. Gives what comes after it.
///
/// Spark divides decimals in decimals, and stops at a divisor of zero; ours is of doubles, and null there.
fn divided<'a>(operator: &str, after: &'a str, out: &mut String) -> &'a str {
    let operand = operand(after);
    let divisor = spoken(Dialect::Spark, operand.trim());
    let divisor = divisor.strip_prefix("NULLIF(").and_then(|inside| inside.strip_suffix(", 0)")).unwrap_or(&divisor);
    let divisor = if operator == "/" { double(divisor) } else { divisor.to_owned() };
    let division = format!("{operator} NULLIF({divisor}, 0)");
    out.push_str(&division);
    &after[operand.len()..]
}

/// A number of Spark as a double.
fn double(number: &str) -> String {
    if number.starts_with("CAST(") && number.ends_with(" AS DOUBLE)") { number.to_owned() } else { format!("CAST({number} AS DOUBLE)") }
}

/// A word: the call of a function, the name of a type, or anything else. Gives what comes after it.
fn word<'a>(dialect: Dialect, word: &str, after: &'a str, out: &mut String) -> &'a str {
    let open = after.trim_start();
    if FUNCTIONS.iter().any(|function| function.eq_ignore_ascii_case(word))
        && let Some(inside) = open.strip_prefix('(')
        && let Some((arguments, after)) = arguments(inside)
        && let Some(call) = call(dialect, &word.to_ascii_lowercase(), &arguments)
    {
        out.push_str(&call);
        return after;
    }
    if dialect == Dialect::Spark {
        match word.to_ascii_uppercase().as_str() {
            "VARCHAR" if !open.starts_with('(') => {
                out.push_str("STRING");
                return after;
            }
            "TIMESTAMPTZ" => {
                out.push_str("TIMESTAMP");
                return after;
            }
            "TIMESTAMP" => {
                out.push_str("TIMESTAMP");
                return without_words(after, &["WITH", "TIME", "ZONE"]).unwrap_or(after);
            }
            _ => {}
        }
    }
    out.push_str(word);
    after
}

/// A call of one of our functions; `None` for functions that the dialect has under the same name.
fn call(dialect: Dialect, function: &str, arguments: &[&str]) -> Option<String> {
    let spoken: Vec<String> = arguments.iter().map(|argument| spoken(dialect, argument.trim())).collect();
    let spoken: Vec<&str> = spoken.iter().map(String::as_str).collect();
    match dialect {
        Dialect::DuckDb => duckdb(function, &spoken),
        Dialect::Spark => spark(function, &spoken),
    }
}

fn duckdb(function: &str, arguments: &[&str]) -> Option<String> {
    Some(match (function, arguments) {
        ("instant", [text]) => format!("CAST({text} AS TIMESTAMP WITH TIME ZONE)"),
        ("local_date", [instant, zone]) => format!("CAST(timezone({zone}, {instant}) AS DATE)"),
        ("local_timestamp", [instant, zone]) => format!("timezone({zone}, {instant})"),
        ("local_midnight", [day, zone]) => format!("timezone({zone}, CAST({day} AS TIMESTAMP))"),
        ("local_before", [instant, zone, interval]) => format!("timezone({zone}, timezone({zone}, {instant}) - {interval})"),
        ("add_days", [day, count]) => format!("CAST(CAST({day} AS DATE) + CAST({count} AS INTEGER) AS DATE)"),
        ("add_months", [day, count]) => format!("CAST({day} + to_months(CAST({count} AS INTEGER)) AS DATE)"),
        ("days_between", [from, to]) => format!("date_diff('day', CAST({from} AS DATE), CAST({to} AS DATE))"),
        ("round_half_even", [number, digits]) => format!("round_even({number}, {digits})"),
        _ => return None,
    })
}

fn spark(function: &str, arguments: &[&str]) -> Option<String> {
    Some(match (function, arguments) {
        ("instant", [text]) => format!("CAST({text} AS TIMESTAMP)"),
        ("local_date", [instant, zone]) => format!("CAST(from_utc_timestamp({instant}, {zone}) AS DATE)"),
        ("local_timestamp", [instant, zone]) => format!("from_utc_timestamp({instant}, {zone})"),
        ("local_midnight", [day, zone]) => format!("to_utc_timestamp(CAST({day} AS TIMESTAMP), {zone})"),
        ("local_before", [instant, zone, interval]) => format!("to_utc_timestamp(from_utc_timestamp({instant}, {zone}) - {interval}, {zone})"),
        ("add_days", [day, count]) => format!("date_add({day}, CAST({count} AS INT))"),
        ("add_months", [day, count]) => format!("add_months({day}, CAST({count} AS INT))"),
        ("days_between", [from, to]) => format!("CAST(datediff({to}, {from}) AS BIGINT)"),
        ("round_half_even", [number, digits]) => format!("bround({number}, {digits})"),
        ("epoch_us", [instant]) => format!("unix_micros({instant})"),
        ("isfinite", [number]) => format!("(abs({number}) < CAST('Infinity' AS DOUBLE))"),
        ("quantile_cont", [number, rank]) => format!("percentile({number}, {rank})"),
        ("quantile_disc", [number, rank]) => format!("percentile_disc({rank}) WITHIN GROUP (ORDER BY {number})"),
        // A mean of decimals is a decimal to Spark.
        ("avg", [number]) if !number.get(..8).is_some_and(|word| word.eq_ignore_ascii_case("distinct")) => format!("avg({})", double(number)),
        ("date_part", ["'isodow'", day]) => format!("date_part('dow_iso', {day})"),
        _ => return None,
    })
}

/// The arguments up to the bracket that closes, and what comes after it; `None` where none closes.
fn arguments(inside: &str) -> Option<(Vec<&str>, &str)> {
    let mut found = Vec::new();
    let (mut start, mut at, mut depth) = (0, 0, 0);
    while at < inside.len() {
        let piece = piece(&inside[at..]);
        match piece {
            "(" => depth += 1,
            ")" if depth == 0 => {
                found.push(&inside[start..at]);
                return Some((found, &inside[at + 1..]));
            }
            ")" => depth -= 1,
            "," if depth == 0 => {
                found.push(&inside[start..at]);
                start = at + 1;
            }
            _ => {}
        }
        at += piece.len();
    }
    None
}

/// The text after some words, whatever their case; `None` where it does not start with them.
fn without_words<'a>(text: &'a str, words: &[&str]) -> Option<&'a str> {
    words.iter().try_fold(text, |rest, word| {
        let rest = rest.trim_start();
        let found = piece(rest);
        found.eq_ignore_ascii_case(word).then(|| &rest[found.len()..])
    })
}

/// The first piece of a text that is not empty: a text or a name in quotes, a comment, a word, a number, or one character.
pub(super) fn piece(text: &str) -> &str {
    let end = match text.chars().next() {
        Some(quote @ ('\'' | '"' | '`')) => quoted_end(text, quote),
        _ if text.starts_with("--") => text.find('\n').unwrap_or(text.len()),
        _ if text.starts_with("/*") => text.find("*/").map_or(text.len(), |at| at + 2),
        Some(c) if c.is_alphanumeric() || c == '_' => text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len()),
        Some(c) => c.len_utf8(),
        None => 0,
    };
    &text[..end]
}

fn quoted_end(text: &str, quote: char) -> usize {
    let mut at = 1;
    while let Some(found) = text[at..].find(quote) {
        at += found + 1;
        // Two quotes inside are one.
        if !text[at..].starts_with(quote) {
            return at;
        }
        at += 1;
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use quotient_model::Dialect;

    use super::spoken;

    #[test]
    fn functions_are_put_into_each_dialect_inside_out() {
        let sql = "add_days(date_trunc('week', add_days(\"day\", -6)), 6)";
        assert_eq!(spoken(Dialect::DuckDb, sql), "CAST(CAST(date_trunc('week', CAST(CAST(\"day\" AS DATE) + CAST(-6 AS INTEGER) AS DATE)) AS DATE) + CAST(6 AS INTEGER) AS DATE)");
        assert_eq!(spoken(Dialect::Spark, sql), "date_add(date_trunc('week', date_add(`day`, CAST(-6 AS INT))), CAST(6 AS INT))");
        assert_eq!(spoken(Dialect::Spark, "local_date(at, 'Asia/Seoul')"), "CAST(from_utc_timestamp(at, 'Asia/Seoul') AS DATE)");
        assert_eq!(spoken(Dialect::DuckDb, "local_date(at, 'Asia/Seoul')"), "CAST(timezone('Asia/Seoul', at) AS DATE)");
    }

    #[test]
    fn quotes_and_types_are_those_of_spark() {
        let sql = "CAST(\"a `b`\" AS VARCHAR) = 'it''s C:\\x' AND t < CAST('2024' AS TIMESTAMP with time zone) -- VARCHAR 'x\nOR d::VARCHAR(3) = ''";
        assert_eq!(spoken(Dialect::Spark, sql), "CAST(`a ``b``` AS STRING) = 'it\\'s C:\\\\x' AND t < CAST('2024' AS TIMESTAMP) -- VARCHAR 'x\nOR d::VARCHAR(3) = ''");
        assert_eq!(spoken(Dialect::DuckDb, sql), sql);
    }

    #[test]
    fn divisions_of_spark_are_of_doubles_and_null_for_zero() {
        let found = |sql| spoken(Dialect::Spark, sql);
        assert_eq!(found("a / \"b\" / 4 -- a / b"), "a / NULLIF(CAST(`b` AS DOUBLE), 0) / NULLIF(CAST(4 AS DOUBLE), 0) -- a / b");
        assert_eq!(found("a / NULLIF(b, 0), 'a / b'"), "a / NULLIF(CAST(b AS DOUBLE), 0), 'a / b'");
        assert_eq!(found("a/CAST(b AS DOUBLE) + 1"), "a/ NULLIF(CAST(b AS DOUBLE), 0) + 1");
        assert_eq!(found("a / (b / c)"), "a / NULLIF(CAST((b / NULLIF(CAST(c AS DOUBLE), 0)) AS DOUBLE), 0)");
        assert_eq!(found("a % b.c * 2 /* % */"), "a % NULLIF(b.c, 0) * 2 /* % */");
        assert_eq!(found("avg(a) OVER (ORDER BY b), AVG(DISTINCT a)"), "avg(CAST(a AS DOUBLE)) OVER (ORDER BY b), AVG(DISTINCT a)");
        assert_eq!(spoken(Dialect::DuckDb, "avg(a / b % c)"), "avg(a / b % c)");
    }

    #[test]
    fn words_that_are_no_call_stay() {
        let sql = "SELECT instant, x.add_days, 'add_days(1, 2)' /* instant('x') */ FROM \"t(\" -- add_days(1, 2)";
        assert_eq!(spoken(Dialect::DuckDb, sql), sql);
        assert_eq!(spoken(Dialect::DuckDb, "instant('a"), "instant('a");
    }
}
