//! A serial line that spoils what it carries, and a memory that spoils what it holds.

use crate::qemu::ERASED;
use anyhow::{Result, ensure};
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

/// Flips so many bits, one a byte, of the bytes that are not erased: at random but the same ones for the same seed.
pub(crate) fn flip_bits(content: &mut [u8], bits: u32, seed: u64) -> Result<()> {
    let mut random = Pcg32::seed_from_u64(seed);
    let mut held: Vec<&mut u8> = content.iter_mut().filter(|byte| **byte != ERASED).collect();
    ensure!(held.len() >= bits as usize, "{} bytes are held, too few to flip {bits} bits", held.len());
    for _ in 0..bits {
        let byte = held.swap_remove(random.next_u32() as usize % held.len());
        *byte ^= 1 << (random.next_u32() % 8);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_bits_of_what_is_held_are_flipped_and_the_same_ones_for_a_seed() {
        let held = [[0x5a; 100].as_slice(), &[ERASED; 900]].concat();
        let flipped = |bits, seed| {
            let mut content = held.clone();
            flip_bits(&mut content, bits, seed).map(|()| content)
        };
        let seven = flipped(7, 1).expect("100 bytes are held");
        let differing: u32 = seven.iter().zip(&held).map(|(new, old)| (new ^ old).count_ones()).sum();
        assert_eq!(differing, 7);
        assert!(seven[100..].iter().all(|&byte| byte == ERASED));
        assert_eq!(seven, flipped(7, 1).expect("100 bytes are held"));
        assert_ne!(seven, flipped(7, 2).expect("100 bytes are held"));
        assert!(flipped(101, 1).is_err());
    }

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
