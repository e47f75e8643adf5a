//! Leads: where they come from, how fast they are answered, and whether they become a deal.
//!
//! The whole life of a lead follows from its number, so that the leads, their activities, their deals and the customers
//! they become can be made apart, and fit.

use crate::calendar::{DAY, HOUR, MINUTE, Month, SECOND, midnight};
use crate::catalogue::TERRITORIES;
use crate::columns::{Column, instant, text};
use crate::company::Company;
use crate::deals::Plan;
use crate::dice::{Dice, Stream};
use crate::error::DemoError;
use crate::moments::Slot;
use crate::rates;
use crate::temperatures;
use crate::touches::Touch;
use crate::volumes::LEADS;
use crate::writer::{Record, Sink};

const SOURCES: [(Option<&str>, u32); 7] =
    [(Some("web"), 34), (Some("paid_search"), 20), (Some("event"), 14), (Some("referral"), 13), (Some("partner"), 10), (Some("cold_list"), 6), (None, 3)];
const OFFERS: [(Option<&str>, u32); 6] = [(Some("demo_request"), 24), (Some("contact_form"), 26), (Some("whitepaper"), 20), (Some("ebook"), 14), (Some("webinar"), 11), (None, 5)];
/// How long it takes until a human answers: from, to, share.
const RESPONSES: [((i64, i64), u32); 5] = [((2 * MINUTE, 15 * MINUTE), 14), ((15 * MINUTE, HOUR), 20), ((HOUR, 8 * HOUR), 28), ((8 * HOUR, 2 * DAY), 24), ((2 * DAY, 9 * DAY), 14)];
/// Days from creation to closing of a deal: from, to, what it adds to the won of a thousand; share.
const CYCLES: [((i64, i64, i64), u32); 4] = [((6, 14, 20), 15), ((15, 30, 70), 30), ((31, 55, 20), 32), ((56, 94, -70), 23)];
/// What new customers are offered first, as indexes of products.
const FIRST_OFFERS: [(usize, u32); 8] = [(0, 30), (1, 24), (2, 8), (3, 12), (4, 6), (5, 4), (7, 9), (9, 7)];
/// Around the instant at which clocks change in Europe, some leads come in whatever the scale.
const AROUND_CLOCK_CHANGE: [i64; 5] = [-150 * MINUTE, -90 * MINUTE, -SECOND, 0, 30 * MINUTE];

/// Which thing of which month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Number {
    /// The month it belongs to.
    pub(crate) month: Month,
    /// Which of the month, from 0.
    pub(crate) index: u64,
}

impl Number {
    /// `L2403-00017`.
    pub(crate) fn id(&self, prefix: &str) -> String {
        format!("{prefix}{}-{:05}", self.month.tag(), self.index)
    }

    /// The key of its random numbers.
    pub(crate) fn key(&self) -> (u64, u64) {
        (self.month.key(), self.index)
    }
}

/// A lead and all that becomes of it.
#[derive(Debug)]
pub(crate) struct Lead {
    /// Which one.
    pub(crate) number: Number,
    /// As in every table.
    pub(crate) id: String,
    /// When it came in.
    pub(crate) created_at: i64,
    source: Option<&'static str>,
    offer: Option<&'static str>,
    temperature: Option<&'static str>,
    /// As recorded.
    pub(crate) rep: Option<String>,
    territory: usize,
    /// Temperatures and the instants from which they hold, in order; some lie after the end of the lake.
    pub(crate) history: Vec<(&'static str, i64)>,
    /// Contacts, in no order; some lie outside the lake.
    pub(crate) touches: Vec<Touch>,
    /// The deal it leads to.
    pub(crate) deal: Option<Plan>,
    /// The customer it became within the time of the lake, and when.
    converted: Option<(String, i64)>,
}

impl Lead {
    /// The lead of that number.
    pub(crate) fn live(company: &Company, number: Number) -> Self {
        let mut dice = company.frame.dice(Stream::LEAD, number.key());
        let territory = Company::territory(&mut dice);
        let around = around_clock_change(number);
        let slot = Slot { month: number.month, index: number.index, count: company.frame.count(LEADS, number.month), zone: TERRITORIES[territory].zone };
        let usual = slot.instant(&mut dice);
        let (created_at, answering) = around.map_or((usual, Answering::Usual), |at| (at, Answering::Certain));
        let owner = company.owner(territory, created_at, &mut dice);
        let history = temperatures::history(created_at, &mut dice);
        let (touches, answered) = conversation(created_at, answering, &mut dice);
        let deal = deal(company, number, &Opening { territory, owner, created_at, answered }, &mut dice);
        let end = company.frame.end();
        let converted = deal.as_ref().and_then(|plan| Some((plan.customer.clone()?, plan.closes_at())));
        Self {
            number,
            id: number.id("L"),
            created_at,
            source: dice.weighted(&SOURCES),
            offer: dice.weighted(&OFFERS),
            temperature: temperatures::current(&history, end, &mut dice),
            rep: company.recorded(owner, &mut dice),
            territory,
            history,
            touches,
            deal,
            converted,
        }
    }
}

/// The leads that came in from `before` months before a month to `after` months after it, within the lake.
pub(crate) fn cohorts(company: &Company, month: Month, span: (i32, i32)) -> impl Iterator<Item = Lead> {
    let frame = company.frame;
    (span.0..=span.1)
        .map(move |n| month.plus(n))
        .filter(move |cohort| (frame.first_month..=frame.last_month).contains(cohort))
        .flat_map(move |cohort| (0..frame.count(LEADS, cohort)).map(move |index| Number { month: cohort, index }))
        .map(move |number| Lead::live(company, number))
        .filter(move |lead| frame.holds(lead.created_at))
}

/// The leads of a month.
pub(crate) fn fill(company: &Company, month: Month, sink: &mut Sink<Lead>) -> Result<(), DemoError> {
    cohorts(company, month, (0, 0)).try_for_each(|lead| sink.push(lead))
}

fn around_clock_change(number: Number) -> Option<i64> {
    let change = midnight(number.month.clock_change()?) + HOUR;
    let offset = AROUND_CLOCK_CHANGE.get(usize::try_from(number.index).ok()?)?;
    Some(change + offset)
}

/// Contacts of a lead, and after what delay a human answered it.
fn conversation(created_at: i64, answering: Answering, dice: &mut Dice) -> (Vec<Touch>, Option<i64>) {
    let mut touches = Vec::new();
    if answering == Answering::Certain || dice.happens(rates::AUTOMATED_REPLY) {
        touches.push(Touch::reply_of_machine(created_at + dice.between(20, 600) * SECOND));
    }
    if dice.happens(rates::INBOUND_CALL) {
        let at = created_at + dice.between(300, 20_000) * SECOND;
        touches.push(Touch::call_from_outside(at, dice));
    }
    if dice.happens(rates::IMPORTED) {
        for _ in 0..dice.between(1, 2) {
            let at = created_at - dice.between(3_600, 25 * 86_400) * SECOND;
            touches.push(Touch::answer(at, dice));
        }
    }
    if answering == Answering::Usual && dice.happens(rates::NEVER_CONTACTED) {
        return (touches, None);
    }
    let (low, high) = if answering == Answering::Certain { (MINUTE, 30 * MINUTE) } else { dice.weighted(&RESPONSES) };
    let delay = dice.between(low / SECOND, high / SECOND) * SECOND;
    let mut at = created_at + delay;
    touches.push(Touch::answer(at, dice));
    for _ in 0..dice.between(0, 5) {
        at += dice.between(4 * 3_600, 6 * 86_400) * SECOND;
        touches.push(Touch::any(at, dice));
    }
    (touches, Some(delay))
}

/// How a lead is looked after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answering {
    /// As reps do.
    Usual,
    /// By a machine and by a human within half an hour.
    Certain,
}

/// What a deal may come from.
struct Opening {
    territory: usize,
    owner: usize,
    created_at: i64,
    answered: Option<i64>,
}

fn deal(company: &Company, number: Number, opening: &Opening, dice: &mut Dice) -> Option<Plan> {
    let &Opening { territory, owner, created_at, answered } = opening;
    let likely = match answered {
        None => 15,
        Some(delay) if delay <= HOUR => 420,
        Some(delay) if delay <= DAY => 340,
        Some(_) => 250,
    };
    if !dice.happens(rates::PerMille(likely)) {
        return None;
    }
    let opened_at = created_at + answered.unwrap_or(0) + dice.between(3_600, 24 * 86_400) * SECOND;
    let (low, high, bonus) = dice.weighted(&CYCLES);
    let cycle = dice.between(low * 86_400, (high + 1) * 86_400) * SECOND;
    let chance = company.reps.get(owner).map_or(250, |rep| rep.skill) + bonus;
    let won = dice.between(0, 999) < chance;
    let product = dice.weighted(&FIRST_OFFERS);
    let becomes_customer = won && opened_at + cycle < company.frame.end();
    Some(Plan {
        id: number.id("D"),
        streams: (Stream::DEAL, Stream::DEAL_TOUCH),
        key: number.key(),
        created_at: opened_at,
        cycle,
        won,
        kind: "new_business",
        territory,
        owner,
        product,
        lead: Some(number.id("L")),
        customer: becomes_customer.then(|| number.id("C")),
    })
}

impl Record for Lead {
    const TABLE: &'static str = "leads";

    fn order(&self) -> i64 {
        self.created_at
    }

    fn columns(rows: &[Self]) -> Vec<Column> {
        vec![
            text("lead_id", rows.iter().map(|row| Some(&row.id))),
            instant("created_at", rows.iter().map(|row| Some(row.created_at))),
            text("source", rows.iter().map(|row| row.source)),
            text("offer", rows.iter().map(|row| row.offer)),
            text("temperature", rows.iter().map(|row| row.temperature)),
            text("rep_id", rows.iter().map(|row| row.rep.as_deref())),
            text("territory", rows.iter().map(|row| Some(TERRITORIES[row.territory].name))),
            text("customer_id", rows.iter().map(|row| row.converted.as_ref().map(|(customer, _)| customer))),
            instant("converted_at", rows.iter().map(|row| row.converted.as_ref().map(|(_, at)| *at))),
        ]
    }
}
