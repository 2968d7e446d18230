//! Inputs, the same in every process: from a seed, by arithmetic alone.

use crate::{Cell, DIMENSIONS, EMBEDDING_CLASSES, Layout, Loss};

/// How the scores are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// Normal with deviation 1.5; the label's score of 85 % of the pixels is higher by 3.
    Random,
    /// All scores equal, so that all errors of a class are.
    Tied,
    /// The margin of the label falls from pixel to pixel: the errors come in ascending order.
    Ascending,
    /// The errors come in descending order.
    Descending,
    /// Every error is 0 or 1.
    Saturated,
}

impl Pattern {
    /// All of them, with their names.
    pub const ALL: [(&str, Self); 5] = [
        ("random", Self::Random),
        ("tied", Self::Tied),
        ("ascending", Self::Ascending),
        ("descending", Self::Descending),
        ("saturated", Self::Saturated),
    ];
}

/// Scores, in the layout of the cell, and labels.
pub(crate) fn make(cell: Cell, pattern: Pattern) -> (Vec<f32>, Vec<u8>) {
    let mut random = SplitMix(1);
    if cell.loss == Loss::Contrast {
        return embeddings(cell.pixels, &mut random);
    }
    let Cell { layout, classes, pixels, .. } = cell;
    let mut scores = vec![0.0; pixels * classes];
    let mut labels = vec![0; pixels];
    for (pixel, label) in labels.iter_mut().enumerate() {
        if random.uniform() >= 0.9 {
            *label = 1 + (random.uniform() * (classes - 1) as f64) as u8;
        }
        let mut row: Vec<f64> = (0..classes).map(|_| 1.5 * random.normal()).collect();
        let (chance, place) = (random.uniform(), pixel as f64 / pixels as f64);
        let margin = match pattern {
            Pattern::Random => None,
            Pattern::Tied => Some(0.0),
            Pattern::Ascending => Some(8.0 - 16.0 * place),
            Pattern::Descending => Some(-8.0 + 16.0 * place),
            Pattern::Saturated => Some(if chance < 0.85 { 200.0 } else { -200.0 }),
        };
        if let Some(margin) = margin {
            row.fill(0.0);
            row[usize::from(*label)] = margin;
        } else if chance < 0.85 {
            row[usize::from(*label)] += 3.0;
        }
        for (class, score) in row.into_iter().enumerate() {
            let place = match layout {
                Layout::PixelMajor => pixel * classes + class,
                Layout::ClassMajor => class * pixels + pixel,
            };
            scores[place] = score as f32;
        }
    }
    (scores, labels)
}

/// Embeddings of length 1, scattered around the centres of their classes.
fn embeddings(number: usize, random: &mut SplitMix) -> (Vec<f32>, Vec<u8>) {
    let centres: Vec<f64> = (0..EMBEDDING_CLASSES * DIMENSIONS).map(|_| random.normal()).collect();
    let labels: Vec<u8> = (0..number).map(|anchor| (anchor % EMBEDDING_CLASSES) as u8).collect();
    let rows = labels.iter().flat_map(|&label| {
        let centre = &centres[usize::from(label) * DIMENSIONS..][..DIMENSIONS];
        let row: Vec<f64> = centre.iter().map(|component| component + 2.0 * random.normal()).collect();
        let length = row.iter().map(|component| component * component).sum::<f64>().sqrt();
        row.into_iter().map(move |component| (component / length) as f32)
    });
    (rows.collect(), labels)
}

/// The generator of Steele, Lea and Flood 2014.
struct SplitMix(u64);

impl SplitMix {
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Standard normal, by Box and Muller.
    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }
}
