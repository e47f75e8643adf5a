//! The stages of a deal: in order, some at the same instant, and some anew after the deal was lost.

use crate::calendar::{DAY, Month, SECOND};
use crate::columns::{Column, instant, int, text};
use crate::deals::{Plan, touching};
use crate::dice::Dice;
use crate::error::DemoError;
use crate::rates;
use crate::world::World;
use crate::writer::{Record, Sink};

const PIPELINE: [&str; 4] = ["qualification", "discovery", "proposal", "negotiation"];
/// Where lost deals are lost, as the number of stages they saw.
const LOST_AFTER: [(usize, u32); 4] = [(1, 34), (2, 28), (3, 22), (4, 16)];
const CLOSED: i32 = 5;

/// A stage and when it was entered.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step {
    stage: &'static str,
    /// When it was entered.
    pub(crate) at: i64,
    /// Place in the pipeline, from 1; of two stages entered at one instant the lower came first.
    order: i32,
}

/// The steps of a deal in order, and whether it was lost and is open again at `end`.
pub(crate) fn course(plan: &Plan, end: i64, dice: &mut Dice) -> (Vec<Step>, bool) {
    let count = if plan.won { PIPELINE.len() } else { dice.weighted(&LOST_AFTER) };
    let weights: Vec<i64> = (0..count).map(|_| dice.between(2, 10)).collect();
    let total: i64 = weights.iter().sum();
    let mut steps: Vec<Step> = Vec::with_capacity(count + 3);
    let mut passed = 0;
    for (place, weight) in weights.into_iter().enumerate() {
        let natural = plan.created_at + plan.cycle / SECOND * passed / total * SECOND;
        let before = steps.last().map_or(natural, |step| step.at);
        let tied = dice.happens(rates::STAGE_TIE);
        steps.push(step(place, if tied { before } else { natural }));
        passed += weight;
    }
    let stage = if plan.won { "closed_won" } else { "closed_lost" };
    steps.push(Step { stage, at: plan.closes_at(), order: CLOSED });
    let again = plan.closes_at() + dice.between(3 * 86_400, 20 * 86_400) * SECOND;
    let onwards = again + dice.between(1, 15) * DAY;
    let reopened = !plan.won && dice.happens(rates::REOPENED) && again < end;
    if reopened {
        steps.extend([step(1, again), step(2, onwards)]);
    }
    (steps, reopened)
}

fn step(place: usize, at: i64) -> Step {
    Step { stage: PIPELINE[place], at, order: i32::try_from(place).unwrap_or(0) + 1 }
}

/// A row of the table.
pub(crate) struct StageChange {
    deal: String,
    step: Step,
}

/// The changes of stage in a month.
pub(crate) fn fill(world: &World, month: Month, sink: &mut Sink<StageChange>) -> Result<(), DemoError> {
    for deal in touching(world, month) {
        for step in deal.stages.iter().filter(|step| (month.start()..month.end()).contains(&step.at)) {
            sink.push(StageChange { deal: deal.plan.id.clone(), step: *step })?;
        }
    }
    Ok(())
}

impl Record for StageChange {
    const TABLE: &'static str = "stage_changes";

    fn order(&self) -> i64 {
        self.step.at
    }

    fn columns(rows: &[Self]) -> Vec<Column> {
        vec![
            text("opportunity_id", rows.iter().map(|row| Some(&row.deal))),
            text("stage", rows.iter().map(|row| Some(row.step.stage))),
            instant("entered_at", rows.iter().map(|row| Some(row.step.at))),
            int("stage_order", rows.iter().map(|row| Some(row.step.order))),
        ]
    }
}
