//! A serial line that spoils what it carries.

use rand_pcg::Pcg32;
use rand_pcg::rand_core::{Rng as _, SeedableRng as _};
use std::io::{self, Read, Write};

/// A link on which one in so many bytes that are written is lost, sent twice, or has a bit flipped, at random but the same
/// for the same seed.
pub(crate) struct Faulty<L> {
    link: L,
    one_in: u64,
    random: Pcg32,
    spoilt: u64,
}

impl<L> Faulty<L> {
    /// A link without faults if `one_in` is 0.
    pub(crate) fn new(link: L, one_in: u64, seed: u64) -> Self {
        Self { link, one_in, random: Pcg32::seed_from_u64(seed), spoilt: 0 }
    }

    /// How many bytes were spoilt so far.
    pub(crate) const fn spoilt(&self) -> u64 {
        self.spoilt
    }
}

impl<L: Read> Read for Faulty<L> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.link.read(buffer)
    }
}

impl<L: Write> Write for Faulty<L> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut sent = Vec::with_capacity(bytes.len());
        for &byte in bytes {
            if self.one_in == 0 || !self.random.next_u64().is_multiple_of(self.one_in) {
                sent.push(byte);
                continue;
            }
            self.spoilt += 1;
            match self.random.next_u32() % 16 {
                0..4 => {}
                4..8 => sent.extend([byte, byte]),
                bit => sent.push(byte ^ (1 << (bit % 8))),
            }
        }
        self.link.write_all(&sent)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.link.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(one_in: u64, seed: u64) -> (Vec<u8>, u64) {
        let mut link = Faulty::new(Vec::new(), one_in, seed);
        link.write_all(&[0; 100_000]).expect("a vector takes all");
        let spoilt = link.spoilt();
        (link.link, spoilt)
    }

    #[test]
    fn without_faults_all_arrives() {
        assert_eq!(sent(0, 1), (vec![0; 100_000], 0));
    }

    #[test]
    fn about_one_in_so_many_is_spoilt_and_the_same_ones_for_a_seed() {
        let (bytes, spoilt) = sent(1000, 1);
        assert!((60..140).contains(&spoilt), "{spoilt}");
        let flipped = bytes.iter().filter(|byte| byte.count_ones() == 1).count() as u64;
        assert!((spoilt / 4..spoilt * 3 / 4).contains(&flipped), "{flipped} of {spoilt}");
        assert!(bytes.iter().all(|byte| byte.count_ones() <= 1));
        assert_eq!((bytes.clone(), spoilt), sent(1000, 1));
        assert_ne!((bytes, spoilt), sent(1000, 2));
    }
}
