//! Random numbers that belong to a thing, not to a moment of the program: each thing has a stream of its own, found
//! from the seed, the kind of thing and its key, so that any thread can make any thing at any time.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::rates::PerMille;

/// The kind of thing that a stream is for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stream(u64);

impl Stream {
    pub(crate) const REP: Self = Self(1);
    pub(crate) const LEAD: Self = Self(2);
    pub(crate) const DEAL: Self = Self(3);
    pub(crate) const EXPANSION: Self = Self(4);
    pub(crate) const DEAL_TOUCH: Self = Self(5);
    pub(crate) const EXPANSION_TOUCH: Self = Self(6);
    pub(crate) const CUSTOMER: Self = Self(7);
    pub(crate) const PROFILE: Self = Self(8);
    pub(crate) const LIFE: Self = Self(9);
    pub(crate) const ORDER: Self = Self(10);
    pub(crate) const RETURN: Self = Self(11);
    pub(crate) const ANSWER: Self = Self(12);
    pub(crate) const RESPONDENT: Self = Self(13);
    pub(crate) const EXPENSE: Self = Self(14);
    pub(crate) const FX: Self = Self(15);
}

/// A stream of random numbers.
#[derive(Debug)]
pub(crate) struct Dice(ChaCha8Rng);

impl Dice {
    /// The stream of one thing, from its beginning.
    pub(crate) fn new(seed: u64, stream: Stream, key: (u64, u64)) -> Self {
        let mut bytes = [0; 32];
        for (slot, part) in bytes.chunks_exact_mut(8).zip([seed, stream.0, key.0, key.1]) {
            slot.copy_from_slice(&part.to_le_bytes());
        }
        Self(ChaCha8Rng::from_seed(bytes))
    }

    /// A number from 0 and below `end`; 0 if `end` is 0.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        if end == 0 { 0 } else { self.0.random_range(0..end) }
    }

    /// A number from `low` to `high`, both possible; `low` if `high` is not above it.
    pub(crate) fn between(&mut self, low: i64, high: i64) -> i64 {
        if high <= low { low } else { self.0.random_range(low..=high) }
    }

    /// The same for days.
    pub(crate) fn days(&mut self, low: i32, high: i32) -> i32 {
        if high <= low { low } else { self.0.random_range(low..=high) }
    }

    /// Whether a thing of that rate happens.
    pub(crate) fn happens(&mut self, rate: PerMille) -> bool {
        self.0.random_range(0..1_000) < rate.0
    }

    /// An index below `len`; 0 if `len` is 0.
    pub(crate) fn index(&mut self, len: usize) -> usize {
        if len == 0 { 0 } else { self.0.random_range(0..len) }
    }

    /// One of a list that is not empty.
    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.index(from.len())]
    }

    /// One of a list that is not empty, by weight; the last if all weights are 0.
    pub(crate) fn weighted<T: Copy>(&mut self, from: &[(T, u32)]) -> T {
        let total: u32 = from.iter().map(|(_, weight)| weight).sum();
        let mut left = if total == 0 { 0 } else { self.0.random_range(0..total) };
        for (value, weight) in from {
            if left < *weight {
                return *value;
            }
            left -= weight;
        }
        from[from.len() - 1].0
    }

    /// `amount` by a random number of hundredths from `low` to `high`.
    pub(crate) fn percent(&mut self, amount: i64, low: i64, high: i64) -> i64 {
        amount * self.between(low, high) / 100
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_its_own_and_starts_anew() {
        let roll = |stream, key| Dice::new(7, stream, key).below(u64::MAX);
        assert_eq!(roll(Stream::LEAD, (1, 2)), roll(Stream::LEAD, (1, 2)));
        assert_ne!(roll(Stream::LEAD, (1, 2)), roll(Stream::LEAD, (2, 1)));
        assert_ne!(roll(Stream::LEAD, (1, 2)), roll(Stream::DEAL, (1, 2)));
    }

    #[test]
    fn weights_of_zero_are_never_drawn() {
        let mut dice = Dice::new(7, Stream::LEAD, (0, 0));
        assert!((0..200).all(|_| dice.weighted(&[("never", 0), ("always", 3), ("nor", 0)]) == "always"));
    }
}
