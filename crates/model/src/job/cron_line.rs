//! The cron line of a job: five fields, each checked on its own, and together a day that comes.
//!
//! In: the key `schedule`. Out: the line with single spaces, or every field that is wrong.
//! It finds no due instant: that takes a time zone and a clock.

use std::str::FromStr as _;

use chrono::NaiveDateTime;
use croner::Cron;

use crate::reader::MapReader;

/// What a field of a cron line may have beside numbers.
struct Field {
    name: &'static str,
    expected: &'static str,
    /// Words, in upper case.
    words: &'static [&'static str],
    /// Signs within an item of a list.
    signs: &'static str,
}

const FIELDS: [Field; 5] = [
    Field { name: "minute", expected: "numbers from 0 to 59", words: &[], signs: "*-/" },
    Field { name: "hour", expected: "numbers from 0 to 23", words: &[], signs: "*-/" },
    Field { name: "day of month", expected: "numbers from 1 to 31", words: &["L", "W", "LW"], signs: "*-/" },
    Field {
        name: "month",
        expected: "numbers from 1 to 12 or names such as `jan`",
        words: &["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"],
        signs: "*-/",
    },
    Field { name: "day of week", expected: "numbers from 0 to 7 or names such as `mon`", words: &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT", "L"], signs: "*-/#" },
];

/// Reads the cron line of a job; what is none is a fault, and reads as no schedule.
pub(super) fn read_schedule(reader: &MapReader<'_>) -> Option<String> {
    let text = reader.text("schedule")?;
    let fault = |message: String| reader.fault(reader.place_of("schedule").line, format!("{}: key `schedule`: {message}", reader.what()));
    let Ok(parts) = <[&str; 5]>::try_from(text.split_whitespace().collect::<Vec<&str>>()) else {
        fault(format!("expected five fields (minute, hour, day of month, month, day of week), found `{text}`"));
        return None;
    };
    let mut is_right = true;
    for (at, (field, part)) in FIELDS.iter().zip(parts).enumerate() {
        if !field.takes(part, at) {
            fault(format!("expected {} as {}, found `{part}`", field.expected, field.name));
            is_right = false;
        }
    }
    if !is_right {
        return None;
    }
    let line = parts.join(" ");
    if Cron::from_str(&line).and_then(|cron| cron.find_next_occurrence(&NaiveDateTime::default(), true)).is_err() {
        fault(format!("expected a day that comes, found `{line}`"));
        return None;
    }
    Some(line)
}

impl Field {
    /// Whether a text can stand in the field: only words and signs that it knows, and numbers in its range.
    fn takes(&self, text: &str, at: usize) -> bool {
        let text = text.to_ascii_uppercase();
        let is_known = |word: &str| word.is_empty() || self.words.contains(&word);
        let is_spelled = |item: &str| {
            let has_signs = item.chars().all(|c| c.is_ascii_alphanumeric() || self.signs.contains(c));
            !item.is_empty() && has_signs && item.split(|c: char| !c.is_ascii_alphabetic()).all(is_known)
        };
        let mut alone = ["*"; 5];
        alone[at] = &text;
        text.split(',').all(is_spelled) && Cron::from_str(&alone.join(" ")).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::FIELDS;

    #[test]
    fn fields_take_what_cron_has_and_nothing_beside() {
        let cases = [
            (0, "0,15-45/5", true),
            (0, "*/10", true),
            (0, "60", false),
            (0, "5/10", false),
            (0, "1,,2", false),
            (0, "MON", false),
            (1, "23", true),
            (1, "24", false),
            (2, "L", true),
            (2, "15W", true),
            (2, "0", false),
            (2, "?", false),
            (3, "jan-Mar,12", true),
            (3, "mon", false),
            (4, "mon-fri", true),
            (4, "sat-sun", true),
            (4, "7", true),
            (4, "5#2", true),
            (4, "+5", false),
            (4, "8", false),
            (4, "월", false),
        ];
        for (at, text, takes) in cases {
            assert_eq!(FIELDS[at].takes(text, at), takes, "{text} as {}", FIELDS[at].name);
        }
    }
}
