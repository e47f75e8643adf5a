//! Subscriptions, as the lives of customers bring them.

use crate::catalogue::PRODUCTS;
use crate::columns::{Column, day, money, text};
use crate::error::DemoError;
use crate::lives::Life;
use crate::world::World;
use crate::writer::{Record, Sink};

/// A subscription: serves its customer from `started_on` until the day before `ended_on`.
#[derive(Debug)]
pub(crate) struct Service {
    /// As in the table.
    pub(crate) id: String,
    /// Whom it serves.
    pub(crate) customer: String,
    /// Index of the product.
    pub(crate) product: usize,
    /// As recorded.
    pub(crate) rep: Option<String>,
    /// First day of service.
    pub(crate) started_on: i32,
    /// First day without service.
    pub(crate) ended_on: Option<i32>,
    /// Price of a month in hundredths.
    pub(crate) mrr: i64,
    /// Of the price.
    pub(crate) currency: Option<&'static str>,
    /// Of the end.
    pub(crate) reason: Option<&'static str>,
}

/// Every subscription, customer by customer.
pub(crate) fn fill(world: &World, sink: &mut Sink<Service>) -> Result<(), DemoError> {
    for customer in &world.customers {
        for service in Life::of(&world.company, customer).services {
            sink.push(service)?;
        }
    }
    Ok(())
}

impl Record for Service {
    const TABLE: &'static str = "subscriptions";

    fn columns(rows: &[Self]) -> Vec<Column> {
        vec![
            text("subscription_id", rows.iter().map(|row| Some(&row.id))),
            text("customer_id", rows.iter().map(|row| Some(&row.customer))),
            text("product_id", rows.iter().map(|row| Some(PRODUCTS[row.product].id))),
            text("rep_id", rows.iter().map(|row| row.rep.as_deref())),
            day("started_on", rows.iter().map(|row| Some(row.started_on))),
            day("ended_on", rows.iter().map(|row| row.ended_on)),
            money("mrr", rows.iter().map(|row| Some(row.mrr))),
            text("currency", rows.iter().map(|row| row.currency)),
            text("end_reason", rows.iter().map(|row| row.reason)),
        ]
    }
}
