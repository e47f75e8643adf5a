//! The fields of a cron line, as other schedulers need them: numbers only, and no more than they can say.
//!
//! In: a cron line. Out: its five fields with their numbers, or the field that the other scheduler cannot say.

use std::str::FromStr as _;

use croner::{Cron, CronComponent};

use super::export::{ScheduleError, ScheduleForm};

/// The fields of a cron line.
#[derive(Debug)]
pub(super) struct Fields {
    pub(super) minute: Field,
    pub(super) hour: Field,
    pub(super) day: Field,
    pub(super) month: Field,
    pub(super) weekday: Field,
}

/// A field of a cron line.
#[derive(Debug)]
pub(super) struct Field {
    /// What people call it.
    pub(super) name: &'static str,
    /// As written.
    pub(super) text: String,
    /// Its numbers, in order; Sunday is 0.
    pub(super) values: Vec<u16>,
    /// Whether it has signs that depend on the month: `L`, `W`, `#`.
    pub(super) depends_on_month: bool,
}

impl Fields {
    /// Takes a cron line apart.
    ///
    /// # Errors
    /// [`ScheduleError::Line`].
    pub(super) fn read(line: &str) -> Result<Self, ScheduleError> {
        let wrong = || ScheduleError::Line { line: line.to_owned() };
        let pattern = Cron::from_str(line).map_err(|_| wrong())?.pattern;
        let texts = <[&str; 5]>::try_from(line.split_whitespace().collect::<Vec<&str>>()).map_err(|_| wrong())?;
        let field = |name, text: &str, component: &CronComponent| Field { name, text: text.to_owned(), values: component.values(), depends_on_month: component.has_modifiers() };
        Ok(Self {
            minute: field("minute", texts[0], &pattern.minutes),
            hour: field("hour", texts[1], &pattern.hours),
            day: field("day of month", texts[2], &pattern.days),
            month: field("month", texts[3], &pattern.months),
            weekday: field("day of week", texts[4], &pattern.days_of_week),
        })
    }

    /// The line for a scheduler that reads cron lines: with numbers for names, and 0 for Sunday.
    ///
    /// # Errors
    /// [`ScheduleError::Field`] for signs that not every cron has;
    /// [`ScheduleError::Days`] where a step in one of the day fields makes crons disagree whether both or either must fit.
    pub(super) fn plain_line(&self, form: ScheduleForm) -> Result<String, ScheduleError> {
        let all = [&self.minute, &self.hour, &self.day, &self.month, &self.weekday];
        if let Some(field) = all.iter().find(|field| field.depends_on_month) {
            return Err(field.unsayable(form));
        }
        let has_both = self.day.text != "*" && self.weekday.text != "*";
        if has_both && (self.day.text.starts_with('*') || self.weekday.text.starts_with('*')) {
            return Err(ScheduleError::Days { form, day: self.day.text.clone(), weekday: self.weekday.text.clone() });
        }
        Ok(all.map(Field::plain).join(" "))
    }
}

impl Field {
    /// That a scheduler cannot say it.
    pub(super) fn unsayable(&self, form: ScheduleForm) -> ScheduleError {
        ScheduleError::Field { form, field: self.name, found: self.text.clone() }
    }

    /// As written where that is stars and numbers, else its numbers.
    fn plain(&self) -> String {
        let has_names = self.text.chars().any(|c| c.is_ascii_alphabetic());
        // Not every cron knows Sunday by both of its numbers.
        let has_seven = self.name == "day of week" && self.text.contains('7');
        if has_names || has_seven { runs(&self.values, "-").join(",") } else { self.text.clone() }
    }
}

/// Numbers in order as runs: single ones, and the ends of three or more neighbours.
pub(super) fn runs(values: &[u16], between: &str) -> Vec<String> {
    let mut runs: Vec<(u16, u16)> = Vec::new();
    for value in values {
        match runs.last_mut() {
            Some((_, end)) if *end + 1 == *value => *end = *value,
            _ => runs.push((*value, *value)),
        }
    }
    let texts = runs.into_iter().flat_map(|(start, end)| match end - start {
        0 => vec![start.to_string()],
        1 => vec![start.to_string(), end.to_string()],
        _ => vec![format!("{start}{between}{end}")],
    });
    texts.collect()
}

#[cfg(test)]
mod tests {
    use super::{Fields, runs};
    use crate::schedule::ScheduleForm;

    fn plain(line: &str) -> String {
        let line = Fields::read(line).and_then(|fields| fields.plain_line(ScheduleForm::Kubernetes));
        line.unwrap_or_else(|error| error.to_string())
    }

    #[test]
    fn names_become_numbers_and_the_rest_stays() {
        assert_eq!(plain("*/15 2,14 * * *"), "*/15 2,14 * * *");
        assert_eq!(plain("0 2 1-7 jan,Jul mon-fri"), "0 2 1-7 1,7 1-5");
        assert_eq!(plain("0 2 * * 5-7"), "0 2 * * 0,5,6");
        assert_eq!(plain("0 2 * * sun"), "0 2 * * 0");
    }

    #[test]
    fn what_crons_read_differently_is_refused() {
        assert_eq!(plain("0 2 L * *"), "field `day of month` of the schedule is `L`, which Kubernetes cannot say");
        assert_eq!(plain("0 2 * * 5#2"), "field `day of week` of the schedule is `5#2`, which Kubernetes cannot say");
        assert_eq!(
            plain("0 2 */2 * mon"),
            "the schedule has `*/2` as day of month and `mon` as day of week, and Kubernetes may want both where Quotient takes either\n\n\
             hint: write the days of a step as a list"
        );
        assert_eq!(plain("daily"), "schedule `daily` is no cron line");
    }

    #[test]
    fn neighbours_become_runs() {
        assert_eq!(runs(&[0, 1, 2, 5, 8, 9], ".."), ["0..2", "5", "8", "9"]);
        assert!(runs(&[], "-").is_empty());
    }
}
