//! Deals: planned by a lead or by the life of a customer, played out stage by stage.

use crate::calendar::{DAY, HOUR, Month, SECOND};
use crate::catalogue::PRODUCTS;
use crate::columns::{Column, instant, money, text};
use crate::company::{Company, recorded_price};
use crate::dice::{Dice, Stream};
use crate::error::DemoError;
use crate::leads::cohorts;
use crate::lives::Life;
use crate::rates;
use crate::stages::{self, Step};
use crate::touches::Touch;
use crate::world::World;
use crate::writer::{Record, Sink};

/// A lead's deal has its last event at most this many months after the lead.
pub(crate) const LOOKBACK: i32 = 6;
/// What a re-opened deal adds after its first closing.
const AFTERMATH: i64 = 36 * DAY;
/// Deals closed faster than this have customers who leave sooner.
const HASTE: i64 = 15 * DAY;
const CHANNELS: [(Option<&str>, u32); 4] = [(Some("direct"), 52), (Some("partner"), 24), (Some("online"), 18), (None, 6)];

/// What is decided about a deal before it begins.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// As in every table.
    pub(crate) id: String,
    /// Streams of its course and of its contacts.
    pub(crate) streams: (Stream, Stream),
    /// Key in these streams.
    pub(crate) key: (u64, u64),
    /// When it begins.
    pub(crate) created_at: i64,
    /// How long until it is closed for the first time.
    pub(crate) cycle: i64,
    /// How it ends then.
    pub(crate) won: bool,
    /// `new_business`, upsell, `cross_sell` or renewal.
    pub(crate) kind: &'static str,
    /// Index of the territory.
    pub(crate) territory: usize,
    /// Index of the rep.
    pub(crate) owner: usize,
    /// Index of the product.
    pub(crate) product: usize,
    /// The lead it comes from.
    pub(crate) lead: Option<String>,
    /// The customer it is with, if there is one by the end of the lake.
    pub(crate) customer: Option<String>,
}

impl Plan {
    /// When it is closed for the first time.
    pub(crate) fn closes_at(&self) -> i64 {
        self.created_at + self.cycle
    }

    /// Whether the customer signed before knowing what they bought.
    pub(crate) fn is_hasty(&self) -> bool {
        self.cycle < HASTE
    }

    /// Whether the product is paid by the month.
    pub(crate) fn is_service(&self) -> bool {
        PRODUCTS[self.product].month > 0
    }
}

/// A deal as the lake knows it.
#[derive(Debug)]
pub(crate) struct Deal {
    /// What was decided before.
    pub(crate) plan: Plan,
    status: &'static str,
    closed_at: Option<i64>,
    /// Stages entered before the end of the lake, in order.
    pub(crate) stages: Vec<Step>,
    /// As recorded.
    pub(crate) rep: Option<String>,
    product: Option<&'static str>,
    channel: Option<&'static str>,
    amount: Option<i64>,
    currency: Option<&'static str>,
}

impl Deal {
    fn play(company: &Company, plan: Plan) -> Self {
        let mut dice = company.frame.dice(plan.streams.0, plan.key);
        let end = company.frame.end();
        let (mut stages, reopened) = stages::course(&plan, end, &mut dice);
        stages.retain(|step| step.at < end);
        let closed = plan.closes_at() < end && !reopened;
        let early = dice.happens(rates::CLOSED_BEFORE_CREATED);
        let closing = if early { (plan.created_at - dice.between(1, 60) * HOUR).max(company.frame.start()) } else { plan.closes_at() };
        let (amount, currency) = recorded_price(plan.territory, worth(&plan, &mut dice), &mut dice);
        let amount = if dice.happens(rates::ZERO_AMOUNT) { 0 } else { amount };
        Self {
            status: match (closed, plan.won) {
                (false, _) => "open",
                (true, true) => "won",
                (true, false) => "lost",
            },
            closed_at: closed.then_some(closing),
            stages,
            rep: company.recorded(plan.owner, &mut dice),
            product: (!dice.happens(rates::MISSING_PRODUCT)).then_some(PRODUCTS[plan.product].id),
            channel: dice.weighted(&CHANNELS),
            amount: (!dice.happens(rates::MISSING_AMOUNT)).then_some(amount),
            currency,
            plan,
        }
    }

    /// Contacts from its beginning to its closing; some lie after the end of the lake.
    pub(crate) fn touches(&self, company: &Company) -> Vec<Touch> {
        let mut dice = company.frame.dice(self.plan.streams.1, self.plan.key);
        let count = dice.between(1, 5);
        (0..count)
            .map(|_| {
                let passed = dice.between(0, self.plan.cycle / SECOND) * SECOND;
                Touch::any(self.plan.created_at + passed, &mut dice)
            })
            .collect()
    }
}

/// Every deal of the lake that may have an event in a month.
pub(crate) fn touching(world: &World, month: Month) -> impl Iterator<Item = Deal> {
    let company = &world.company;
    let of_leads = cohorts(company, month, (-LOOKBACK, 0)).filter_map(|lead| lead.deal);
    let known = world.customers_before(month.end());
    let of_customers = known.iter().flat_map(move |customer| Life::of(company, customer).deals);
    of_leads
        .chain(of_customers)
        .filter(move |plan| company.frame.holds(plan.created_at))
        .filter(move |plan| plan.created_at < month.end() && month.start() <= plan.closes_at() + AFTERMATH)
        .map(move |plan| Deal::play(company, plan))
}

/// The deals that begin in a month.
pub(crate) fn fill(world: &World, month: Month, sink: &mut Sink<Deal>) -> Result<(), DemoError> {
    touching(world, month).filter(|deal| (month.start()..month.end()).contains(&deal.plan.created_at)).try_for_each(|deal| sink.push(deal))
}

/// Value of a deal in cents of euros: a year of a service, or a lot of goods.
fn worth(plan: &Plan, dice: &mut Dice) -> i64 {
    let product = &PRODUCTS[plan.product];
    let list = if product.month > 0 { product.month * 12 } else { product.piece * dice.between(10, 80) };
    dice.percent(list, 70, 170)
}

impl Record for Deal {
    const TABLE: &'static str = "opportunities";

    fn order(&self) -> i64 {
        self.plan.created_at
    }

    fn columns(rows: &[Self]) -> Vec<Column> {
        vec![
            text("opportunity_id", rows.iter().map(|row| Some(&row.plan.id))),
            instant("created_at", rows.iter().map(|row| Some(row.plan.created_at))),
            text("status", rows.iter().map(|row| Some(row.status))),
            instant("closed_at", rows.iter().map(|row| row.closed_at)),
            text("customer_id", rows.iter().map(|row| row.plan.customer.as_deref())),
            text("lead_id", rows.iter().map(|row| row.plan.lead.as_deref())),
            text("rep_id", rows.iter().map(|row| row.rep.as_deref())),
            text("product_id", rows.iter().map(|row| row.product)),
            text("channel", rows.iter().map(|row| row.channel)),
            text("kind", rows.iter().map(|row| Some(row.plan.kind))),
            money("amount", rows.iter().map(|row| row.amount)),
            text("currency", rows.iter().map(|row| row.currency)),
        ]
    }
}
