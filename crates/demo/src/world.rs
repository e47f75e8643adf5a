//! The company and its customers: all that generators of events look things up in.

use crate::company::Company;
use crate::customers::{Customer, everyone};
use crate::request::Frame;

/// What is held in memory while the lake is written.
#[derive(Debug)]
pub(crate) struct World {
    /// Frame and staff.
    pub(crate) company: Company,
    /// Every customer, by the instant they came.
    pub(crate) customers: Vec<Customer>,
}

impl World {
    /// The world of a request.
    pub(crate) fn build(frame: Frame) -> Self {
        let company = Company::found(frame);
        let customers = everyone(&company);
        Self { company, customers }
    }

    /// Customers who came before an instant.
    pub(crate) fn customers_before(&self, instant: i64) -> &[Customer] {
        &self.customers[..self.customers.partition_point(|customer| customer.won_at < instant)]
    }
}
