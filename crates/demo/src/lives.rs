//! What a customer subscribes to through the years, and the deals around it.
//!
//! A life is walked month by month of service: it ends, pauses, moves a tier, changes its price or is renewed.
//! Everything follows from the customer's own stream; what lies after the end of the lake is cut off.

use crate::calendar::{HOUR, SECOND, local_day};
use crate::catalogue::{FAMILIES, PRODUCTS, TERRITORIES, family_of};
use crate::company::Company;
use crate::customers::Customer;
use crate::deals::Plan;
use crate::dice::{Dice, Stream};
use crate::moments::at_work;
use crate::rates;
use crate::subscriptions::Service;

/// An end of service that is announced, at most this many days after the end of the lake, is known to it.
const NOTICE_DAYS: i32 = 30;
const REASONS: [(Option<&str>, u32); 5] = [(Some("price"), 30), (Some("competitor"), 22), (Some("no_need"), 26), (Some("insolvency"), 8), (None, 14)];

/// Subscriptions of a customer and the deals they are worked with.
#[derive(Debug)]
pub(crate) struct Life {
    /// In the order in which they end.
    pub(crate) services: Vec<Service>,
    /// In no order; some begin before the lake.
    pub(crate) deals: Vec<Plan>,
}

/// What a month of service brings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    Churn,
    ShortGap,
    LongGap,
    Upgrade,
    Downgrade,
    Price,
    Renewal,
    Nothing,
}

/// A subscription that runs.
#[derive(Debug, Clone, Copy)]
struct Running {
    product: usize,
    since: i32,
    /// Price of a month in cents of euros.
    cents: i64,
}

/// How a deal around a subscription ends.
struct Outcome {
    kind: &'static str,
    won: bool,
    product: usize,
    day: i32,
}

struct Walk<'a> {
    company: &'a Company,
    customer: &'a Customer,
    dice: Dice,
    id: String,
    rep: Option<String>,
    /// Whether invoices say in what currency they are.
    priced: bool,
    life: Life,
}

impl Life {
    /// The life of a customer.
    pub(crate) fn of(company: &Company, customer: &Customer) -> Self {
        let mut dice = company.frame.dice(Stream::LIFE, customer.key());
        let rep = company.recorded(customer.owner, &mut dice);
        let priced = !dice.happens(rates::MISSING_CURRENCY);
        let life = Self { services: Vec::new(), deals: Vec::new() };
        let mut walk = Walk { company, customer, dice, id: customer.id(), rep, priced, life };
        if customer.subscribes {
            walk.both_families();
        }
        walk.life
    }
}

impl Walk<'_> {
    fn both_families(&mut self) {
        let zone = TERRITORIES[self.customer.territory].zone;
        let start = local_day(zone, self.customer.won_at) + self.dice.days(0, 10);
        let gone = self.first_family(start);
        let bundled = self.dice.happens(rates::BUNDLE);
        let later = self.dice.happens(rates::CROSS_SELL);
        if bundled {
            self.second_family(start, gone);
        } else if later {
            let day = start + self.dice.days(20, 500);
            if gone.is_none_or(|gone| day < gone) && day < self.end() {
                let product = self.second_family(day, gone);
                self.work(&Outcome { kind: "cross_sell", won: true, product, day });
            }
        }
    }

    /// The first family from its start; gives the day of its end if it is known.
    fn first_family(&mut self, start: i32) -> Option<i32> {
        let mut running = self.begin(self.customer.product, start);
        let mut day = start;
        for month in 1.. {
            day += self.dice.days(26, 34);
            let turn = self.turn(running.product);
            if day >= self.end() {
                let leaves = self.dice.happens(rates::NOTICE) || turn == Turn::Churn;
                let known = (leaves && day < self.end() + NOTICE_DAYS).then_some(day);
                let reason = self.dice.weighted(&REASONS);
                self.close(running, known, reason);
                return known;
            }
            if month % 12 == 0 && self.dice.happens(rates::RENEWAL_DEAL) {
                let won = turn != Turn::Churn;
                self.plan(&Outcome { kind: "renewal", won, product: running.product, day });
            }
            if turn == Turn::Churn {
                let reason = self.dice.weighted(&REASONS);
                self.close(running, Some(day), reason);
                return Some(day);
            }
            if self.dice.happens(rates::FAILED_UPSELL) {
                let product = above(running.product).unwrap_or(running.product);
                self.plan(&Outcome { kind: "upsell", won: false, product, day });
            }
            (running, day) = self.take(running, turn, day);
        }
        None
    }

    /// The subscription after a turn that is no end, and the day from which it runs.
    fn take(&mut self, running: Running, turn: Turn, day: i32) -> (Running, i32) {
        let (reason, next) = match turn {
            Turn::Nothing | Turn::Churn => return (running, day),
            Turn::ShortGap => {
                let back = day + self.dice.days(1, 30);
                ("payment_failed", Running { since: back, ..running })
            }
            Turn::LongGap => {
                let back = day + self.dice.days(31, 160);
                ("budget", self.begin(running.product, back))
            }
            Turn::Upgrade => {
                let product = above(running.product).unwrap_or(running.product);
                self.work(&Outcome { kind: "upsell", won: true, product, day });
                let dearer = self.begin(product, day);
                ("upgrade", Running { cents: dearer.cents.max(running.cents * 11 / 10), ..dearer })
            }
            Turn::Downgrade => {
                let product = below(running.product).unwrap_or(running.product);
                let cheaper = self.begin(product, day);
                ("downgrade", Running { cents: cheaper.cents.min(running.cents * 9 / 10), ..cheaper })
            }
            Turn::Price => {
                let cents = self.dice.percent(running.cents, 88, 118);
                ("price_change", Running { cents, since: day, ..running })
            }
            Turn::Renewal => ("renewal", Running { since: day, ..running }),
        };
        self.close(running, Some(day), Some(reason));
        (next, next.since)
    }

    /// One service of another family; gives the product.
    fn second_family(&mut self, start: i32, gone: Option<i32>) -> usize {
        let own = family_of(self.customer.product);
        let (first, tiers) = FAMILIES[(own + 1 + self.dice.index(FAMILIES.len() - 1)) % FAMILIES.len()];
        let product = first + self.dice.index(tiers).min(self.dice.index(tiers));
        let running = self.begin(product, start);
        let together = self.dice.below(100) < 70;
        let mut day = start;
        let mut last = None;
        while last.is_none() && day < self.end() {
            day += self.dice.days(26, 34);
            if self.dice.happens(rates::CHURN) && day < self.end() {
                last = Some(day);
            }
        }
        let last = match gone.filter(|gone| together && *gone > start) {
            Some(gone) => Some(last.map_or(gone, |day| day.min(gone))),
            None => last,
        };
        let reason = self.dice.weighted(&REASONS);
        self.close(running, last, reason);
        product
    }

    fn turn(&mut self, product: usize) -> Turn {
        let churn = if self.customer.hasty { rates::HASTY_CHURN } else { rates::CHURN };
        let up = if above(product).is_some() { rates::UPGRADE.0 } else { 0 };
        let down = if below(product).is_some() { rates::DOWNGRADE.0 } else { 0 };
        let mut turns = [
            (Turn::Nothing, 0),
            (Turn::Churn, churn.0),
            (Turn::ShortGap, rates::SHORT_GAP.0),
            (Turn::LongGap, rates::LONG_GAP.0),
            (Turn::Upgrade, up),
            (Turn::Downgrade, down),
            (Turn::Price, rates::PRICE_CHANGE.0),
            (Turn::Renewal, rates::RENEWED.0),
        ];
        let eventful: u32 = turns.iter().map(|(_, weight)| weight).sum();
        turns[0].1 = 1_000_u32.saturating_sub(eventful);
        self.dice.weighted(&turns)
    }

    fn begin(&mut self, product: usize, since: i32) -> Running {
        Running { product, since, cents: self.dice.percent(PRODUCTS[product].month, 80, 140) }
    }

    fn close(&mut self, running: Running, ended_on: Option<i32>, reason: Option<&'static str>) {
        if running.since >= self.end() {
            return;
        }
        let currency = &TERRITORIES[self.customer.territory].currency;
        self.life.services.push(Service {
            id: format!("S{}-{}", self.id, self.life.services.len() + 1),
            customer: self.id.clone(),
            product: running.product,
            rep: self.rep.clone(),
            started_on: running.since,
            ended_on,
            mrr: if self.priced { currency.price(running.cents) } else { running.cents },
            currency: self.priced.then_some(currency.code),
            reason: reason.filter(|_| ended_on.is_some()),
        });
    }

    /// A deal, unless the customer helped themselves.
    fn work(&mut self, outcome: &Outcome) {
        if self.dice.happens(rates::WORKED) {
            self.plan(outcome);
        }
    }

    fn plan(&mut self, outcome: &Outcome) {
        let territory = self.customer.territory;
        let closes_at = at_work(TERRITORIES[territory].zone, outcome.day, &mut self.dice);
        let wanted = closes_at - self.dice.between(8 * 86_400, 60 * 86_400) * SECOND;
        // Nobody sells more to a customer who is none yet.
        let created_at = wanted.max(self.customer.won_at + HOUR);
        let number = self.life.deals.len();
        let (way, index) = self.customer.key();
        self.life.deals.push(Plan {
            id: format!("D{}-{}", self.id, number + 1),
            streams: (Stream::EXPANSION, Stream::EXPANSION_TOUCH),
            key: (way, (index << 16) | u64::try_from(number).unwrap_or(0)),
            created_at,
            cycle: closes_at - created_at,
            won: outcome.won,
            kind: outcome.kind,
            territory,
            owner: self.customer.owner,
            product: outcome.product,
            lead: None,
            customer: Some(self.id.clone()),
        });
    }

    fn end(&self) -> i32 {
        self.company.frame.end_day
    }
}

/// The next tier of the family.
fn above(product: usize) -> Option<usize> {
    let (first, tiers) = FAMILIES[family_of(product)];
    (product + 1 < first + tiers).then_some(product + 1)
}

/// The tier below of the family.
fn below(product: usize) -> Option<usize> {
    (product > FAMILIES[family_of(product)].0).then(|| product - 1)
}
