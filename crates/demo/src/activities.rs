//! Activities: contacts with leads and contacts around deals.

use crate::calendar::Month;
use crate::columns::{Column, flag, instant, int, text};
use crate::deals::{self, LOOKBACK};
use crate::error::DemoError;
use crate::leads::cohorts;
use crate::touches::Touch;
use crate::world::World;
use crate::writer::{Record, Sink};

/// A row of the table.
pub(crate) struct Activity {
    id: String,
    touch: Touch,
    lead: Option<String>,
    deal: Option<String>,
    customer: Option<String>,
    rep: Option<String>,
}

/// The activities of a month.
pub(crate) fn fill(world: &World, month: Month, sink: &mut Sink<Activity>) -> Result<(), DemoError> {
    let company = &world.company;
    let inside = |touch: &Touch| (month.start()..month.end()).contains(&touch.at) && company.frame.holds(touch.at);
    // An imported lead was talked to before it was created: up to a month later.
    for lead in cohorts(company, month, (-LOOKBACK, 1)) {
        for (n, touch) in lead.touches.into_iter().enumerate().filter(|(_, touch)| inside(touch)) {
            let rep = if touch.automated == Some(true) { None } else { lead.rep.clone() };
            let id = format!("A{}-{n}", lead.id);
            sink.push(Activity { id, touch, lead: Some(lead.id.clone()), deal: None, customer: None, rep })?;
        }
    }
    for deal in deals::touching(world, month) {
        for (n, touch) in deal.touches(company).into_iter().enumerate().filter(|(_, touch)| inside(touch)) {
            // Every other activity of a deal names the lead or the customer too.
            let named = n.is_multiple_of(2);
            sink.push(Activity {
                id: format!("A{}-{n}", deal.plan.id),
                touch,
                lead: deal.plan.lead.clone().filter(|_| named),
                deal: Some(deal.plan.id.clone()),
                customer: deal.plan.customer.clone().filter(|_| named && deal.plan.lead.is_none()),
                rep: deal.rep.clone(),
            })?;
        }
    }
    Ok(())
}

impl Record for Activity {
    const TABLE: &'static str = "activities";

    fn order(&self) -> i64 {
        self.touch.at
    }

    fn columns(rows: &[Self]) -> Vec<Column> {
        vec![
            text("activity_id", rows.iter().map(|row| Some(&row.id))),
            instant("occurred_at", rows.iter().map(|row| Some(row.touch.at))),
            text("kind", rows.iter().map(|row| Some(row.touch.kind))),
            text("direction", rows.iter().map(|row| Some(row.touch.direction))),
            flag("is_automated", rows.iter().map(|row| row.touch.automated)),
            text("lead_id", rows.iter().map(|row| row.lead.as_deref())),
            text("opportunity_id", rows.iter().map(|row| row.deal.as_deref())),
            text("customer_id", rows.iter().map(|row| row.customer.as_deref())),
            text("rep_id", rows.iter().map(|row| row.rep.as_deref())),
            flag("reached", rows.iter().map(|row| row.touch.reached)),
            int("personalized_elements", rows.iter().map(|row| row.touch.elements)),
            int("duration_seconds", rows.iter().map(|row| row.touch.seconds)),
        ]
    }
}
