//! A fast hash of keys: multiply to 128 bits, fold the halves together.
//!
//! Only for tables that live inside one aggregation and are never iterated; it does not resist chosen keys.

use std::hash::Hasher;

const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;
const OFFSET: u64 = 0xd1b5_4a32_d192_ed03;

/// Hasher state: everything written so far, folded into 64 bits.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct FoldHasher {
    state: u64,
}

impl Hasher for FoldHasher {
    fn finish(&self) -> u64 {
        self.state
    }

    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.write_u64(u64::from_le_bytes(*word));
        }
        if !rest.is_empty() {
            let mut last = [0; 8];
            last[..rest.len()].copy_from_slice(rest);
            self.write_u64(u64::from_le_bytes(last));
        }
    }

    fn write_u8(&mut self, value: u8) {
        self.write_u64(u64::from(value));
    }

    fn write_u32(&mut self, value: u32) {
        self.write_u64(u64::from(value));
    }

    #[expect(clippy::cast_possible_truncation, reason = "the low half is meant, the high half is folded in beside it")]
    fn write_u64(&mut self, value: u64) {
        let product = u128::from(self.state ^ value ^ OFFSET) * u128::from(MULTIPLIER);
        self.state = (product as u64) ^ ((product >> 64) as u64);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::hash::{BuildHasher, BuildHasherDefault};

    use super::*;

    #[test]
    fn small_integers_and_prefixes_get_different_hashes() {
        let build = BuildHasherDefault::<FoldHasher>::default();
        let numbers: BTreeSet<u64> = (0..10_000_u64).map(|n| build.hash_one(n)).collect();
        assert_eq!(numbers.len(), 10_000);
        let texts: BTreeSet<u64> = ["", "a", "aa", "aaaaaaaa", "aaaaaaaaa", "서울"].iter().map(|text| build.hash_one(text)).collect();
        assert_eq!(texts.len(), 6);
    }
}
