//! Answers to surveys; some customers answer twice in a month.

use crate::catalogue::TERRITORIES;
use crate::columns::{Column, instant, int, text};
use crate::dice::Stream;
use crate::error::DemoError;
use crate::leads::Number;
use crate::moments::Slot;
use crate::rates;
use crate::volumes::ANSWERS;
use crate::world::World;
use crate::writer::{Record, Sink};

/// Every so many answers, one is by the customer of the answer before, to the same question.
const REPEATED: u64 = 9;
/// Scores of satisfied customers, and of those who signed in haste.
const NPS: [[(i32, u32); 8]; 2] = [[(10, 24), (9, 26), (8, 20), (7, 12), (6, 6), (5, 5), (3, 4), (0, 3)], [(10, 12), (9, 16), (8, 16), (7, 14), (6, 14), (5, 12), (3, 9), (0, 7)]];
const CSAT: [[(i32, u32); 5]; 2] = [[(5, 44), (4, 34), (3, 12), (2, 6), (1, 4)], [(5, 24), (4, 28), (3, 22), (2, 14), (1, 12)]];

/// An answer.
pub(crate) struct Answer {
    id: String,
    at: i64,
    customer: Option<String>,
    rep: Option<String>,
    kind: &'static str,
    score: i32,
}

/// Every answer.
pub(crate) fn fill(world: &World, sink: &mut Sink<Answer>) -> Result<(), DemoError> {
    let frame = &world.company.frame;
    for month in frame.months() {
        let count = frame.count(ANSWERS, month);
        for index in 0..count {
            let answer = answer(world, Number { month, index }, count);
            if frame.holds(answer.at) {
                sink.push(answer)?;
            }
        }
    }
    Ok(())
}

fn answer(world: &World, number: Number, count: u64) -> Answer {
    let Number { month, index } = number;
    let asked = if index % REPEATED == REPEATED - 1 { index - 1 } else { index };
    let mut who = world.company.frame.dice(Stream::RESPONDENT, (month.key(), asked));
    let known = world.customers_before(month.start().max(world.company.frame.start()));
    let customer = known.get(who.index(known.len()));
    let kind = who.pick(&["nps", "csat"]);
    let mut dice = world.company.frame.dice(Stream::ANSWER, number.key());
    let zone = TERRITORIES[customer.map_or(0, |customer| customer.territory)].zone;
    let mood = usize::from(customer.is_some_and(|customer| customer.hasty));
    Answer {
        id: number.id("F"),
        at: Slot { month, index, count, zone }.instant(&mut dice),
        customer: customer.filter(|_| !dice.happens(rates::ANONYMOUS)).map(crate::customers::Customer::id),
        rep: customer.and_then(|customer| world.company.recorded(customer.owner, &mut dice)),
        kind,
        score: if kind == "nps" { dice.weighted(&NPS[mood]) } else { dice.weighted(&CSAT[mood]) },
    }
}

impl Record for Answer {
    const TABLE: &'static str = "feedback";

    fn order(&self) -> i64 {
        self.at
    }

    fn columns(rows: &[Self]) -> Vec<Column> {
        vec![
            text("feedback_id", rows.iter().map(|row| Some(&row.id))),
            instant("submitted_at", rows.iter().map(|row| Some(row.at))),
            text("customer_id", rows.iter().map(|row| row.customer.as_deref())),
            text("rep_id", rows.iter().map(|row| row.rep.as_deref())),
            text("kind", rows.iter().map(|row| Some(row.kind))),
            int("score", rows.iter().map(|row| Some(row.score))),
        ]
    }
}
