//! The table of products.

use crate::catalogue::{PRODUCTS, Product};
use crate::columns::{Column, int, text};
use crate::error::DemoError;
use crate::writer::{Record, Sink};

/// Every product.
pub(crate) fn fill(sink: &mut Sink<&'static Product>) -> Result<(), DemoError> {
    PRODUCTS.iter().try_for_each(|product| sink.push(product))
}

impl Record for &'static Product {
    const TABLE: &'static str = "products";

    fn columns(rows: &[Self]) -> Vec<Column> {
        vec![
            text("product_id", rows.iter().map(|row| Some(row.id))),
            text("name", rows.iter().map(|row| Some(row.name))),
            text("family", rows.iter().map(|row| Some(row.family))),
            int("tier", rows.iter().map(|row| row.tier)),
        ]
    }
}
