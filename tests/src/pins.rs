//! The bits of every loss on fixed data: they change only if somebody changes the numerics, on whatever machine and profile.

use scarce::{Fast, Libm, Loss};
use scarce_kit::conformance::catalogue::{self, Entry, Visitor};
use scarce_kit::conformance::contract::{Bits, written};
use scarce_kit::conformance::samples::Sample;
use scarce_kit::patterns::{Random, Scores, random_labels};
use std::fmt::Write as _;

/// One line for each loss, functions, data and layout, sorted: the value's bits and a hash of all bits.
#[must_use]
pub fn pins() -> String {
    let mut lines = Vec::new();
    let mut pin = Pins { functions: "Libm", samples: samples(), lines: &mut lines };
    catalogue::one_channel(Libm, &mut pin);
    pin.functions = "Fast";
    catalogue::one_channel(Fast, &mut pin);
    let mut pin = Pins::<3> { functions: "Libm", samples: samples(), lines: &mut lines };
    catalogue::many_channels(Libm, &mut pin);
    pin.functions = "Fast";
    catalogue::many_channels(Fast, &mut pin);
    lines.sort();
    lines.iter().fold(String::new(), |mut text, line| {
        writeln!(text, "{line}").expect("a string takes everything");
        text
    })
}

/// Images of the data, and of its planes.
const IMAGES: usize = 3;

fn samples<const C: usize>() -> Vec<Sample<C>> {
    let mut random = Random::new(2024);
    let kinds = [Scores::Ordinary, Scores::Tied, Scores::Saturated, Scores::Probabilities, Scores::Quarters];
    let sample = |kind| {
        let labels = random_labels(C, 210, &mut random);
        Sample::new(kind, labels, IMAGES, &mut random)
    };
    kinds.into_iter().map(sample).collect()
}

struct Pins<'a, const C: usize> {
    functions: &'static str,
    samples: Vec<Sample<C>>,
    lines: &'a mut Vec<String>,
}

impl<const C: usize> Visitor<C> for Pins<'_, C> {
    fn visit<L: Loss<C> + Copy>(&mut self, entry: &Entry, loss: L) {
        for sample in &self.samples {
            if Scores::PROBABILITIES.contains(&sample.kind) != entry.takes_probabilities {
                continue;
            }
            for (layout, images) in [("rows", 0), ("planes", IMAGES)] {
                let bits = written(&loss, sample, images);
                let (Entry { name, .. }, kind, functions) = (entry, sample.kind, self.functions);
                self.lines.push(format!(
                    "{name}; {C} channel(s), {kind:?}, {functions}, {layout}: {:08x} {:016x}",
                    bits.value,
                    hash(&bits)
                ));
            }
        }
    }
}

/// FNV-1a, of the little-endian bytes.
fn hash(bits: &Bits) -> u64 {
    let bytes = std::iter::once(&bits.value).chain(&bits.grad).flat_map(|word| word.to_le_bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}
