//! The vars of `dbt_project.yml` that make the calendar.

use std::cell::RefCell;

use chrono::Weekday;

use super::{Calendar, RetailPattern, RetailYearEnd};
use crate::fault::{Faults, Place};
use crate::jinja::Context;
use crate::yaml::Node;

/// Reads the calendar; a var that is not there keeps its default, one that cannot be read is a fault.
pub(crate) fn read_calendar(context: &Context, vars: Option<&Node>, faults: &RefCell<Faults>) -> Calendar {
    let mut calendar = Calendar::default();
    let reader = Vars { context, declared: vars, faults };
    reader.read("time_zone", "an IANA time zone such as `Europe/Berlin`", &mut calendar.zone, |text| text.parse().ok());
    reader.read("week_start", "a day of the week", &mut calendar.week_start, weekday);
    reader.read("fiscal_year_start_month", "a month from 1 to 12", &mut calendar.fiscal_year_start, month);
    let retail = &mut calendar.retail;
    reader.read("retail_calendar", "`4-4-5`, `4-5-4` or `5-4-4`", &mut retail.pattern, RetailPattern::parse);
    reader.read("retail_year_end_month", "a month from 1 to 12", &mut retail.year_end_month, month);
    reader.read("retail_year_end_rule", "`nearest` or `last`", &mut retail.year_end, RetailYearEnd::parse);
    reader.read("retail_week_start", "a day of the week", &mut retail.week_start, weekday);
    calendar
}

struct Vars<'a> {
    context: &'a Context,
    /// Where the project declares them, for the lines of faults.
    declared: Option<&'a Node>,
    faults: &'a RefCell<Faults>,
}

impl Vars<'_> {
    fn read<T>(&self, name: &str, expected: &str, place: &mut T, parse: impl Fn(&str) -> Option<T>) {
        let Some(text) = self.context.vars.get(name).and_then(Node::text) else { return };
        match parse(&text) {
            Some(value) => *place = value,
            None => self.wrong(name, expected, &text),
        }
    }

    fn wrong(&self, name: &str, expected: &str, found: &str) {
        let place = Place { file: "dbt_project.yml".to_owned(), line: self.declared.and_then(|v| v.get(name)).map_or(1, |n| n.line) };
        self.faults.borrow_mut().add(&place, format!("var `{name}`: expected {expected}, found `{found}`"));
    }
}

fn weekday(text: &str) -> Option<Weekday> {
    text.parse().ok()
}

fn month(text: &str) -> Option<u32> {
    text.parse().ok().filter(|month| (1..=12).contains(month))
}
