//! Customers: those from before the lake, those won from leads, and those who walked in.
//!
//! They are the one thing that is held in memory as a whole, a few dozen bytes each.

use rayon::prelude::*;

use crate::calendar::{DAY, Month};
use crate::catalogue::{FAMILIES, TERRITORIES};
use crate::columns::{Column, text};
use crate::company::Company;
use crate::dice::{Dice, Stream};
use crate::error::DemoError;
use crate::leads::{Number, cohorts};
use crate::moments::Slot;
use crate::names;
use crate::rates;
use crate::volumes::WALK_INS;
use crate::world::World;
use crate::writer::{Record, Sink};

const SEGMENTS: [(&str, u32); 3] = [("smb", 55), ("mid_market", 32), ("enterprise", 13)];
const INDUSTRIES: [(&str, u32); 6] = [("manufacturing", 26), ("logistics", 18), ("software", 20), ("energy", 10), ("retail", 16), ("health", 10)];
/// How a walk-in begins, as indexes of the families.
const FIRST_FAMILIES: [(usize, u32); 3] = [(0, 60), (1, 25), (2, 15)];
/// How long before the lake the oldest customer came.
pub(crate) const PAST_DAYS: i32 = 900;

/// How a customer came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Way {
    /// Was there before the lake.
    Founding,
    /// Through a lead and a deal.
    Lead,
    /// By themselves.
    WalkIn,
}

/// A customer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Customer {
    way: Way,
    number: Number,
    /// When they signed, ordered or subscribed first.
    pub(crate) won_at: i64,
    /// Index of the territory.
    pub(crate) territory: usize,
    /// Index of the rep.
    pub(crate) owner: usize,
    /// Index of the first service; goods are bought by everyone.
    pub(crate) product: usize,
    /// Whether they ever subscribe.
    pub(crate) subscribes: bool,
    /// Whether they signed in haste.
    pub(crate) hasty: bool,
}

impl Customer {
    /// As in every table; the same that the lead carries.
    pub(crate) fn id(&self) -> String {
        match self.way {
            Way::Founding => format!("CF-{:05}", self.number.index),
            Way::Lead => self.number.id("C"),
            Way::WalkIn => self.number.id("CW"),
        }
    }

    /// The key of its random numbers.
    pub(crate) fn key(&self) -> (u64, u64) {
        let way = match self.way {
            Way::Founding => 0,
            Way::Lead => 1,
            Way::WalkIn => 2,
        };
        let (month, index) = self.number.key();
        ((way << 32) | month, index)
    }

    fn arriving(company: &Company, way: Way, number: Number) -> Self {
        let draft = Self { way, number, won_at: 0, territory: 0, owner: 0, product: 0, subscribes: true, hasty: false };
        let mut dice = company.frame.dice(Stream::CUSTOMER, draft.key());
        let territory = Company::territory(&mut dice);
        let won_at = if way == Way::Founding {
            company.frame.start() - dice.between(1, i64::from(PAST_DAYS)) * DAY + dice.between(0, DAY - 1)
        } else {
            let count = company.frame.count(WALK_INS, number.month);
            let zone = TERRITORIES[territory].zone;
            Slot { month: number.month, index: number.index, count, zone }.instant(&mut dice)
        };
        let (first, tiers) = FAMILIES[dice.weighted(&FIRST_FAMILIES)];
        Self {
            won_at,
            territory,
            owner: company.owner(territory, won_at, &mut dice),
            product: first + dice.index(tiers).min(dice.index(tiers)),
            subscribes: !dice.happens(rates::GOODS_ONLY),
            ..draft
        }
    }
}

/// Every customer of the lake, by the instant they came.
pub(crate) fn everyone(company: &Company) -> Vec<Customer> {
    let frame = company.frame;
    let founding = (0..frame.founding_customers()).map(|index| Customer::arriving(company, Way::Founding, Number { month: frame.first_month, index }));
    let newer: Vec<Vec<Customer>> = frame.months().into_par_iter().map(|month| arrivals(company, month)).collect();
    let mut customers: Vec<Customer> = founding.chain(newer.into_iter().flatten()).collect();
    customers.sort_by_key(|customer| (customer.won_at, customer.way, customer.number));
    customers
}

/// Customers whose lead came in within a month, and those who walked in within it.
fn arrivals(company: &Company, month: Month) -> Vec<Customer> {
    let from_leads = cohorts(company, month, (0, 0)).filter_map(|lead| {
        let plan = lead.deal?;
        plan.customer.as_ref()?;
        Some(Customer {
            way: Way::Lead,
            number: lead.number,
            won_at: plan.closes_at(),
            territory: plan.territory,
            owner: plan.owner,
            product: if plan.is_service() { plan.product } else { 0 },
            subscribes: plan.is_service(),
            hasty: plan.is_hasty(),
        })
    });
    let walk_ins = (0..company.frame.count(WALK_INS, month))
        .map(|index| Customer::arriving(company, Way::WalkIn, Number { month, index }))
        .filter(|customer| company.frame.holds(customer.won_at));
    from_leads.chain(walk_ins).collect()
}

/// A row of the table.
pub(crate) struct Profile {
    id: String,
    name: String,
    segment: Option<&'static str>,
    industry: Option<&'static str>,
    territory: Option<&'static str>,
    location: &'static str,
}

impl Profile {
    fn of(customer: &Customer, dice: &mut Dice) -> Self {
        let territory = &TERRITORIES[customer.territory];
        Self {
            id: customer.id(),
            name: names::company(customer.territory, dice),
            segment: (!dice.happens(rates::MISSING_SEGMENT)).then(|| dice.weighted(&SEGMENTS)),
            industry: (!dice.happens(rates::MISSING_INDUSTRY)).then(|| dice.weighted(&INDUSTRIES)),
            territory: (!dice.happens(rates::MISSING_TERRITORY)).then_some(territory.name),
            location: dice.pick(territory.cities),
        }
    }
}

/// Every customer.
pub(crate) fn fill(world: &World, sink: &mut Sink<Profile>) -> Result<(), DemoError> {
    world.customers.iter().try_for_each(|customer| {
        let mut dice = world.company.frame.dice(Stream::PROFILE, customer.key());
        sink.push(Profile::of(customer, &mut dice))
    })
}

impl Record for Profile {
    const TABLE: &'static str = "customers";

    fn columns(rows: &[Self]) -> Vec<Column> {
        vec![
            text("customer_id", rows.iter().map(|row| Some(&row.id))),
            text("name", rows.iter().map(|row| Some(&row.name))),
            text("segment", rows.iter().map(|row| row.segment)),
            text("industry", rows.iter().map(|row| row.industry)),
            text("territory", rows.iter().map(|row| row.territory)),
            text("location", rows.iter().map(|row| Some(row.location))),
        ]
    }
}
