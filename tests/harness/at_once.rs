//! Runs many checks, and reports everything that failed at once.
//!
//! In: items and a check that returns what is wrong with one. Out: all of it, in the order of the items.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How many checks run at once.
const THREADS: usize = 2;

/// Checks every item in two threads; a check that panics is a fault of its item.
///
/// Each item has a name, which stands before each of its faults.
#[must_use]
pub fn check_all<T: Sync>(items: &[(String, T)], check: impl Fn(&T) -> Vec<String> + Sync) -> Vec<String> {
    let next = AtomicUsize::new(0);
    let found: Mutex<Vec<(usize, String)>> = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while let Some((place, (name, item))) = taken(items, &next) {
                    let faults = catch_unwind(AssertUnwindSafe(|| check(item))).unwrap_or_else(|panic| vec![message_of(panic.as_ref())]);
                    found.lock().unwrap().extend(faults.into_iter().map(|fault| (place, format!("{name}: {fault}"))));
                }
            });
        }
    });
    let mut found = found.into_inner().unwrap();
    // Stable: the faults of one item keep their order.
    found.sort_by_key(|(place, _)| *place);
    found.into_iter().map(|(_, fault)| fault).collect()
}

/// Fails with all faults, one per line.
pub fn assert_none(faults: &[String]) {
    assert!(faults.is_empty(), "{} differences\n\n{}\n", faults.len(), faults.join("\n"));
}

fn taken<'a, T>(items: &'a [T], next: &AtomicUsize) -> Option<(usize, &'a T)> {
    let place = next.fetch_add(1, Ordering::Relaxed);
    items.get(place).map(|item| (place, item))
}

fn message_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    format!("panicked: {}", text.unwrap_or("without a message"))
}
