//! Work that is done several pieces at once, on threads of its own: it may wait for a store, and use rayon's threads for what it computes.
//!
//! Rayon's own threads would not do: one that waits inside a piece may be given another piece, and wait within the wait.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// What becomes of each of some pieces of work, in their order; each thread takes the next one that nobody has.
pub(crate) fn side_by_side<T: Send, R: Send>(pieces: impl IntoIterator<Item = T>, threads: usize, work: impl Fn(usize, T) -> R + Sync) -> Vec<R> {
    let pieces: Vec<T> = pieces.into_iter().collect();
    let threads = threads.min(pieces.len());
    let (waiting, done) = (Mutex::new(pieces.into_iter().enumerate()), Mutex::new(Vec::new()));
    let next = || locked(&waiting).next();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some((place, piece)) = next() {
                    let result = work(place, piece);
                    locked(&done).push((place, result));
                }
            });
        }
    });
    let mut done = taken(done);
    done.sort_by_key(|(place, _)| *place);
    done.into_iter().map(|(_, result)| result).collect()
}

/// Pieces of work of which some wait for others before them, several at once; the first of those that need not wait is taken next.
///
/// After a fault nothing is begun any more; of several the one of the first piece is given.
pub(crate) fn in_turn<E: Send>(pieces: usize, threads: usize, waits_for: &(dyn Fn(usize, usize) -> bool + Sync), work: impl Fn(usize) -> Result<(), E> + Sync) -> Result<(), E> {
    let (turns, changed) = (Mutex::new(Turns { waiting: (0..pieces).collect(), running: BTreeSet::new(), faults: BTreeMap::new() }), Condvar::new());
    let next = || {
        let mut turns = locked(&turns);
        while turns.faults.is_empty() && !turns.waiting.is_empty() {
            // The first of all waits for nobody but those that are worked at.
            let is_ready = |piece: &usize| !turns.waiting.range(..*piece).chain(&turns.running).any(|other| waits_for(*piece, *other));
            if let Some(piece) = turns.waiting.iter().copied().find(|piece| is_ready(piece)) {
                turns.waiting.remove(&piece);
                turns.running.insert(piece);
                return Some(piece);
            }
            turns = changed.wait(turns).unwrap_or_else(PoisonError::into_inner);
        }
        None
    };
    std::thread::scope(|scope| {
        for _ in 0..threads.min(pieces) {
            scope.spawn(|| {
                while let Some(piece) = next() {
                    let running = Running { piece, turns: &turns, changed: &changed };
                    if let Err(fault) = work(piece) {
                        locked(running.turns).faults.insert(piece, fault);
                    }
                }
            });
        }
    });
    taken(turns).faults.into_values().next().map_or(Ok(()), Err)
}

/// How far pieces of work are.
struct Turns<E> {
    waiting: BTreeSet<usize>,
    running: BTreeSet<usize>,
    faults: BTreeMap<usize, E>,
}

/// A piece that is worked at, until it is dropped: one that panics holds nobody up.
struct Running<'t, E> {
    piece: usize,
    turns: &'t Mutex<Turns<E>>,
    changed: &'t Condvar,
}

impl<E> Drop for Running<'_, E> {
    fn drop(&mut self) {
        locked(self.turns).running.remove(&self.piece);
        self.changed.notify_all();
    }
}

/// Two things at once: the first on a thread of its own, the second on this one.
pub(crate) fn beside<A: Send, B>(other: impl FnOnce() -> A + Send, here: impl FnOnce() -> B) -> (A, B) {
    std::thread::scope(|scope| {
        let other = scope.spawn(other);
        let here = here();
        (other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)), here)
    })
}

/// What a lock held.
pub(crate) fn taken<T>(mutex: Mutex<T>) -> T {
    mutex.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// What a lock holds: nothing that may panic happens while it is changed.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::{Barrier, Mutex};
    use std::time::Duration;

    use super::{beside, in_turn, locked, side_by_side};

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

    #[test]
    fn two_things_are_done_at_once_and_one_may_stay_on_its_thread() {
        let both = Barrier::new(2);
        let stays = std::rc::Rc::new(2);
        let here = || {
            both.wait();
            *stays
        };
        assert_eq!(beside(|| both.wait().is_leader(), here).1, 2);
    }

    #[test]
    fn who_waits_for_others_comes_after_them() {
        // 2 waits for 0, 3 for 2 and 1; 0 and 1 are worked at together.
        let (both, order) = (Barrier::new(2), Mutex::new(Vec::new()));
        let waits_for = |piece: usize, other: usize| [(2, 0), (3, 2), (3, 1)].contains(&(piece, other));
        let done: Result<(), String> = in_turn(4, 3, &waits_for, |piece| {
            if piece < 2 {
                both.wait();
            }
            locked(&order).push(piece);
            Ok(())
        });
        let order = order.into_inner().unwrap();
        let place = |piece: usize| order.iter().position(|done| *done == piece).unwrap();
        assert_eq!((done, order.len()), (Ok(()), 4));
        assert!(place(0) < place(2) && place(2) < place(3) && place(1) < place(3), "{order:?}");
    }

    #[test]
    fn after_a_fault_nothing_is_begun() {
        let begun = Mutex::new(Vec::new());
        let done = in_turn(3, 1, &|_, _| false, |piece| {
            locked(&begun).push(piece);
            if piece == 1 { Err(piece) } else { Ok(()) }
        });
        assert_eq!((done, begun.into_inner().unwrap()), (Err(1), vec![0, 1]));
        assert_eq!(in_turn(0, 2, &|_, _| false, |_| Err(())), Ok(()));
    }
}
