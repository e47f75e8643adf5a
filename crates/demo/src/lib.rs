//! A deterministic lake of a fictional technology company: all source tables, at any scale, with the faults that real
//! lakes have.
//!
//! In: a [`DemoRequest`] (folder, scale, seed, range of days). Out: Parquet files, and a [`DemoTable`] per table.
//! The same request gives the same bytes, whatever the number of threads.
//! How often each fault occurs is written in one place, `rates.rs`.
//! It reads nothing, and looks at no clock.

mod activities;
mod calendar;
mod catalogue;
mod columns;
mod company;
mod customers;
mod deals;
mod dice;
mod error;
mod expenses;
mod feedback;
mod fx_rates;
mod generate;
mod holidays;
mod leads;
mod lives;
mod moments;
mod names;
mod orders;
mod products;
mod rates;
mod reps;
mod request;
mod stages;
mod subscriptions;
mod targets;
mod temperatures;
mod touches;
mod volumes;
mod world;
mod writer;

#[cfg(test)]
mod tests;

pub use error::DemoError;
pub use generate::{DemoTable, generate};
pub use request::DemoRequest;
