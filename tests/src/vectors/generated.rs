//! The inputs that are generated instead of written out.

use super::input::Input;
use super::json::{Generator, Probe};
use anyhow::{Context as _, Result, ensure};

/// The ignored label of generated inputs.
const IGNORED: u8 = 255;

/// SplitMix64 (Steele, Lea and Flood 2014).
struct SplitMix64(u64);

impl SplitMix64 {
    fn new(seed: &str) -> Result<Self> {
        Ok(Self(seed.parse().with_context(|| format!("seed {seed:?}"))?))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = self.0;
        let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// The upper bits of the next number, as a float: exact up to 53 of them.
    fn next_bits(&mut self, bits: u32) -> f64 {
        (self.next() >> (64 - bits)) as f64
    }
}

/// Makes the input and checks it against the generator's probe.
///
/// # Errors
/// If the parameters make no sense or the data differ from the probe.
pub(super) fn generate(generator: &Generator) -> Result<Input> {
    let labels = labels(generator)?;
    let scores = logits(generator, &labels)?;
    check(&generator.probe, &labels, &scores)?;
    Ok(Input {
        images: generator.images,
        classes: generator.classes,
        scores,
        on_probabilities: false,
        labels: labels.into_iter().map(i64::from).collect(),
        gradient_unique: true,
    })
}

fn labels(generator: &Generator) -> Result<Vec<u8>> {
    let mut random = SplitMix64::new(&generator.seed_labels)?;
    let pixels = generator.images * generator.height * generator.width;
    let mut label = || {
        let (class, ignored) = (random.next() >> 40, random.next() >> 40);
        if ignored < generator.ignore24 {
            return Some(IGNORED);
        }
        let label = generator.class_cum24.iter().position(|&bound| class < bound)?;
        u8::try_from(label).ok()
    };
    (0..pixels).map(|_| label().context("class_cum24 does not end with 2^24")).collect()
}

fn logits(generator: &Generator, labels: &[u8]) -> Result<Vec<f64>> {
    let mut random = SplitMix64::new(&generator.seed_logits)?;
    let mut logits = Vec::with_capacity(labels.len() * generator.classes);
    for &label in labels {
        for channel in 0..generator.classes {
            let sum: f64 = (0..4).map(|_| random.next_bits(20)).sum();
            let mut logit = (sum - 2_097_152.0) / f64::from(1 << 18);
            if generator.distinct_bits {
                logit += random.next_bits(20) * 2.0_f64.powi(-40);
            }
            logits.push(logit + bonus(generator, label, channel));
        }
    }
    Ok(logits)
}

fn bonus(generator: &Generator, label: u8, channel: usize) -> f64 {
    if label == IGNORED {
        0.0
    } else if generator.classes == 1 {
        if label == 1 { generator.bonus } else { -generator.bonus }
    } else if usize::from(label) == channel {
        generator.bonus
    } else {
        0.0
    }
}

fn check(probe: &Probe, labels: &[u8], logits: &[f64]) -> Result<()> {
    ensure!(labels.starts_with(&probe.labels_first_16), "the first labels differ from the probe");
    ensure!(labels.ends_with(&probe.labels_last_4), "the last labels differ from the probe");
    for (&label, &count) in &probe.label_counts {
        let counted = labels.iter().filter(|&&other| other == label).count();
        ensure!(counted == count, "label {label} occurs {counted} times, the probe says {count}");
    }
    ensure!(probe.label_counts.values().sum::<usize>() == labels.len(), "the probe counts another number of labels");
    ensure!(logits.starts_with(&probe.logits_first_8), "the first logits differ from the probe");
    ensure!(logits.ends_with(&probe.logits_last_4), "the last logits differ from the probe");
    // All logits are multiples of 2⁻⁴⁰ below 2⁷, so their sum is exact in integers.
    let unit = 2.0_f64.powi(40);
    let sum: i128 = logits.iter().map(|logit| (logit * unit) as i128).sum();
    ensure!(sum as f64 / unit == probe.logits_sum, "the logits do not sum to the probe's sum");
    Ok(())
}
