//! Reps and their versions: who belongs to which team, from which instant until which.

use chrono::Datelike;

use crate::calendar::date;
use crate::catalogue::{TEAMS, TERRITORIES, Team};
use crate::columns::{Column, day, instant, text};
use crate::company::Company;
use crate::dice::{Dice, Stream};
use crate::error::DemoError;
use crate::moments::at_work;
use crate::names;
use crate::request::Frame;
use crate::writer::{Record, Sink};

/// Reps with that remainder by five change team; every other of them does it twice.
const MOVERS: u64 = 3;
/// The rep whose last version has no team.
const TEAMLESS: u64 = 13;

/// A rep through time.
#[derive(Debug)]
pub(crate) struct Rep {
    /// As in every table.
    pub(crate) id: String,
    name: String,
    hired_on: i32,
    /// Deals won of a thousand, before what the deal itself adds.
    pub(crate) skill: i64,
    /// Every version, the oldest first.
    versions: Vec<Version>,
}

#[derive(Debug, Clone, Copy)]
struct Version {
    from: Option<i64>,
    to: Option<i64>,
    team: Option<usize>,
    territory: usize,
    manager: &'static str,
}

impl Rep {
    /// Whether the rep works for a territory at an instant.
    pub(crate) fn serves(&self, territory: usize, instant: i64) -> bool {
        self.versions.iter().any(|version| version.territory == territory && version.from.is_none_or(|from| from <= instant) && version.to.is_none_or(|to| instant < to))
    }

    fn hire(frame: &Frame, number: u64) -> Self {
        let mut dice = frame.dice(Stream::REP, (number, 0));
        let home = usize::try_from(number).unwrap_or(0) % TEAMS.len();
        let territory = TEAMS[home].territory;
        let hired_on = frame.first_day - dice.days(60, 2_400);
        let moves = match (number % 5 == MOVERS, number % 10 == MOVERS) {
            (true, true) => vec![(20, 45), (55, 80)],
            (true, false) => vec![(30, 70)],
            _ => vec![],
        };
        let mut versions = vec![Version::of(home)];
        let mut team = home;
        for share in moves {
            let from = Some(change(frame, territory, share, &mut dice));
            team = next_team(team, &mut dice);
            // In a range of a few weeks the second move may fall before the first: then there is none.
            if versions.last().is_some_and(|last| last.from < from) {
                versions.push(Version { from, ..Version::of(team) });
            }
        }
        if number == TEAMLESS
            && let Some(last) = versions.last_mut()
        {
            last.team = None;
        }
        for place in 1..versions.len() {
            versions[place - 1].to = versions[place].from;
        }
        Self { id: format!("R{:03}", number + 1), name: names::person(territory, &mut dice), hired_on, skill: dice.between(190, 310), versions }
    }
}

impl Version {
    fn of(team: usize) -> Self {
        let Team { territory, manager, .. } = TEAMS[team];
        Self { from: None, to: None, team: Some(team), territory, manager }
    }
}

/// Everyone who ever worked in sales.
pub(crate) fn staff(frame: &Frame) -> Vec<Rep> {
    (0..frame.headcount()).map(|number| Rep::hire(frame, number)).collect()
}

/// An instant in the middle of a working day in the middle of a month, within that share of the range in hundredths.
fn change(frame: &Frame, territory: usize, share: (i32, i32), dice: &mut Dice) -> i64 {
    let span = frame.end_day - frame.first_day;
    let at = |share: i32| i32::try_from(i64::from(span) * i64::from(share) / 100).unwrap_or(0);
    let day = frame.first_day + dice.days(at(share.0), at(share.1));
    let middle = match date(day).day() {
        early @ 1..=4 => day + 9 - i32::try_from(early).unwrap_or(0),
        late @ 27..=31 => day - i32::try_from(late).unwrap_or(0) + 22,
        _ => day,
    };
    at_work(TERRITORIES[territory].zone, middle, dice)
}

/// The other team of the territory where there is one, else any other.
fn next_team(team: usize, dice: &mut Dice) -> usize {
    let territory = TEAMS[team].territory;
    let beside = (0..TEAMS.len()).find(|&other| other != team && TEAMS[other].territory == territory);
    beside.unwrap_or_else(|| (team + 1 + dice.index(TEAMS.len() - 1)) % TEAMS.len())
}

/// A row of the table: a rep and one version.
pub(crate) struct RepVersion<'a>(&'a Rep, Version);

impl Record for RepVersion<'_> {
    const TABLE: &'static str = "reps";

    fn columns(rows: &[Self]) -> Vec<Column> {
        vec![
            text("rep_id", rows.iter().map(|row| Some(&row.0.id))),
            instant("valid_from", rows.iter().map(|row| row.1.from)),
            instant("valid_to", rows.iter().map(|row| row.1.to)),
            text("name", rows.iter().map(|row| Some(&row.0.name))),
            text("team", rows.iter().map(|row| row.1.team.map(|team| TEAMS[team].name))),
            text("manager", rows.iter().map(|row| Some(row.1.manager))),
            text("territory", rows.iter().map(|row| Some(TERRITORIES[row.1.territory].name))),
            day("hired_on", rows.iter().map(|row| Some(row.0.hired_on))),
        ]
    }
}

/// Every version of every rep.
pub(crate) fn fill<'a>(company: &'a Company, sink: &mut Sink<RepVersion<'a>>) -> Result<(), DemoError> {
    for rep in &company.reps {
        for version in &rep.versions {
            sink.push(RepVersion(rep, *version))?;
        }
    }
    Ok(())
}
