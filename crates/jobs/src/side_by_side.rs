//! Work that is done several pieces at once, on threads of its own: it may wait for a store, and use rayon's threads for what it computes.
//!
//! Rayon's own threads would not do: one that waits inside a piece may be given another piece, and wait within the wait.

use std::sync::{Mutex, PoisonError};

/// What becomes of each of some pieces of work, in their order; each thread takes the next one that nobody has.
pub(crate) fn side_by_side<T: Send, R: Send>(pieces: impl IntoIterator<Item = T>, threads: usize, work: impl Fn(usize, T) -> R + Sync) -> Vec<R> {
    let pieces: Vec<T> = pieces.into_iter().collect();
    let threads = threads.min(pieces.len());
    let (waiting, done) = (Mutex::new(pieces.into_iter().enumerate()), Mutex::new(Vec::new()));
    let next = || waiting.lock().unwrap_or_else(PoisonError::into_inner).next();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some((place, piece)) = next() {
                    let result = work(place, piece);
                    done.lock().unwrap_or_else(PoisonError::into_inner).push((place, result));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(place, _)| *place);
    done.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::time::Duration;

    use super::side_by_side;

    #[test]
    fn results_are_in_the_order_of_the_pieces() {
        // The first piece is done last.
        let slow_first = |place: usize, piece: u64| {
            std::thread::sleep(Duration::from_millis(if place == 0 { 20 } else { 0 }));
            piece * 2
        };
        assert_eq!(side_by_side([1, 2, 3, 4, 5], 3, slow_first), [2, 4, 6, 8, 10]);
        assert_eq!(side_by_side([1, 2], 8, slow_first), [2, 4]);
        assert!(side_by_side([], 3, slow_first).is_empty());
    }

    #[test]
    fn as_many_are_at_work_as_there_are_threads() {
        // Nobody passes before three have come.
        let three = Barrier::new(3);
        let met = side_by_side([(); 3], 3, |_, ()| three.wait().is_leader());
        assert_eq!(met.into_iter().filter(|is_leader| *is_leader).count(), 1);
    }
}
