//! Orders of goods, line by line, and returns of the month before.

use crate::calendar::Month;
use crate::catalogue::{PRODUCTS, TERRITORIES};
use crate::columns::{Column, instant, int, long, money, text};
use crate::company::{Company, recorded_price};
use crate::dice::{Dice, Stream};
use crate::error::DemoError;
use crate::leads::Number;
use crate::moments::Slot;
use crate::rates;
use crate::volumes::ORDERS;
use crate::world::World;
use crate::writer::{Record, Sink};

const CHANNELS: [(Option<&str>, u32); 4] = [(Some("online"), 50), (Some("store"), 26), (Some("partner"), 21), (None, 3)];
const LINES: [(i32, u32); 4] = [(1, 40), (2, 30), (3, 18), (4, 12)];
/// Pieces of a line: from, to, share.
const QUANTITIES: [((i64, i64), u32); 4] = [((1, 1), 40), ((2, 4), 36), ((5, 10), 20), ((11, 60), 4)];

/// A line of an order or of a return.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    order: String,
    number: i32,
    ordered_at: i64,
    customer: Option<String>,
    product: &'static str,
    rep: Option<String>,
    location: Option<&'static str>,
    channel: Option<&'static str>,
    quantity: i64,
    amount: i64,
    currency: Option<&'static str>,
}

/// The order lines of a month, returns among them.
pub(crate) fn fill(world: &World, month: Month, sink: &mut Sink<Line>) -> Result<(), DemoError> {
    let frame = &world.company.frame;
    for index in 0..frame.count(ORDERS, month) {
        let number = Number { month, index };
        let lines = returned(world, number).unwrap_or_else(|| ordered(world, number));
        for line in lines.into_iter().filter(|line| frame.holds(line.ordered_at)) {
            sink.push(line)?;
        }
    }
    Ok(())
}

/// The lines of an order.
fn ordered(world: &World, number: Number) -> Vec<Line> {
    let company = &world.company;
    let mut dice = company.frame.dice(Stream::ORDER, number.key());
    let somewhere = Company::territory(&mut dice);
    let ordered_at = moment(world, number, somewhere, &mut dice);
    let known = world.customers_before(ordered_at);
    let customer = known.get(dice.index(known.len())).filter(|_| !dice.happens(rates::ANONYMOUS));
    let territory = customer.map_or(somewhere, |customer| customer.territory);
    let channel = dice.weighted(&CHANNELS);
    let place = &TERRITORIES[territory];
    let location = match channel {
        Some("store") => Some(dice.pick(place.stores)),
        _ => (!dice.happens(rates::MISSING_LOCATION)).then(|| dice.pick(place.cities)),
    };
    let owner = company.owner(territory, ordered_at, &mut dice);
    let unattended = channel == Some("online") && dice.happens(rates::UNATTENDED_ORDER);
    let rep = company.recorded(owner, &mut dice).filter(|_| !unattended);
    let goods = PRODUCTS.each_ref().map(|product| (product, product.orders));
    let customer = customer.map(crate::customers::Customer::id);
    (1..=dice.weighted(&LINES))
        .map(|line| {
            let product = dice.weighted(&goods);
            let (low, high) = dice.weighted(&QUANTITIES);
            let quantity = dice.between(low, high);
            let list = dice.percent(product.piece * quantity, 82, 104);
            let (amount, currency) = recorded_price(territory, list, &mut dice);
            Line {
                order: number.id("O"),
                number: line,
                ordered_at,
                customer: customer.clone(),
                product: product.id,
                rep: rep.clone(),
                location,
                channel,
                quantity,
                amount,
                currency,
            }
        })
        .collect()
}

/// The lines of a return, if this number is one: what the order of the same number in the month before sold.
fn returned(world: &World, number: Number) -> Option<Vec<Line>> {
    let frame = &world.company.frame;
    let before = Number { month: number.month.plus(-1), index: number.index };
    let mut dice = is_return(world, number)?;
    if before.index >= frame.count(ORDERS, before.month) || is_return(world, before).is_some() {
        return None;
    }
    let sold = ordered(world, before);
    let territory = Company::territory(&mut dice);
    let ordered_at = moment(world, number, territory, &mut dice);
    let count = if dice.happens(rates::RETURNED_WHOLE) { sold.len() } else { 1 };
    let back = |line: Line| {
        let pieces = dice.between(1, line.quantity);
        Line { order: number.id("R"), ordered_at, quantity: -pieces, amount: -(line.amount * pieces / line.quantity.max(1)), ..line }
    };
    Some(sold.into_iter().take(count).map(back).collect())
}

/// The stream of a return; none if the number is an order.
fn is_return(world: &World, number: Number) -> Option<Dice> {
    let mut dice = world.company.frame.dice(Stream::RETURN, number.key());
    dice.happens(rates::RETURNED).then_some(dice)
}

fn moment(world: &World, number: Number, territory: usize, dice: &mut Dice) -> i64 {
    let count = world.company.frame.count(ORDERS, number.month);
    let zone = TERRITORIES[territory].zone;
    Slot { month: number.month, index: number.index, count, zone }.instant(dice)
}

impl Record for Line {
    const TABLE: &'static str = "order_lines";

    fn order(&self) -> i64 {
        self.ordered_at
    }

    fn columns(rows: &[Self]) -> Vec<Column> {
        vec![
            text("order_id", rows.iter().map(|row| Some(&row.order))),
            int("line_number", rows.iter().map(|row| Some(row.number))),
            instant("ordered_at", rows.iter().map(|row| Some(row.ordered_at))),
            text("customer_id", rows.iter().map(|row| row.customer.as_deref())),
            text("product_id", rows.iter().map(|row| Some(row.product))),
            text("rep_id", rows.iter().map(|row| row.rep.as_deref())),
            text("location", rows.iter().map(|row| row.location)),
            text("channel", rows.iter().map(|row| row.channel)),
            long("quantity", rows.iter().map(|row| Some(row.quantity))),
            money("amount", rows.iter().map(|row| Some(row.amount))),
            text("currency", rows.iter().map(|row| row.currency)),
        ]
    }
}
