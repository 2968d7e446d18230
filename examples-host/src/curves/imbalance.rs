//! How strongly a loss pulls at the rare class, by how rare it is.

use super::Drawing;
use crate::auxiliary::{Auxiliary, Contrast, Encoding, Forward};
use crate::losses::table;
use crate::random::normal;
use crate::report::lines::{Axis, Lines, Series};
use crate::train::{BATCH, CROP, HIDDEN};
use anyhow::{Context, Result};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;
use scarce::weights::logit_adjustment;
use scarce::{Batch, Labels};

const PIXELS: usize = BATCH * CROP.pixels();
/// Shares of the rare class, in thousandths.
const SHARES: [usize; 9] = [500, 200, 100, 50, 20, 10, 5, 2, 1];
/// Batches of random numbers that the mean is taken over.
const DRAWS: u64 = 3;
/// The losses of the logits.
const OF_LOGITS: [&str; 6] = ["ce", "weighted-ce", "focal", "ohem", "dice", "lovasz"];
const RARE: u8 = 1;

/// What a network knows.
#[derive(Clone, Copy)]
enum Network {
    /// Nothing: the classes are as likely as each other.
    Untrained,
    /// How frequent the classes are, and nothing else.
    Prior,
}

/// What a loss asks of the network: the sizes of its gradient, summed over pixels.
#[derive(Clone, Copy, Default)]
struct Pull {
    on_rare: f64,
    on_all: f64,
}

pub(super) fn draw() -> Result<Vec<Drawing>> {
    let (mut drawings, mut measured) = (Vec::new(), Vec::new());
    for network in [Network::Untrained, Network::Prior] {
        let mut pulls: Vec<(String, Vec<Pull>)> = Vec::new();
        for share in SHARES {
            for (place, (title, pull)) in pulls_of_all(network, share)?.into_iter().enumerate() {
                match pulls.get_mut(place) {
                    Some((_, of_loss)) => of_loss.push(pull),
                    None => pulls.push((title, vec![pull])),
                }
            }
        }
        measured.push(pulls);
    }
    for (pulls, (name, network)) in measured.iter().zip([
        ("imbalance-untrained.png", "a network that knows nothing"),
        ("imbalance-prior.png", "a network that has learnt how frequent the classes are, and nothing else"),
    ]) {
        let caption = format!(
            "Sum of the gradient's magnitudes over the rare class's pixels, as a part of what it is where half of the pixels are \
             of the class: {network}"
        );
        let of_half = |of_loss: &[Pull]| of_loss.first().map_or(1.0, |pull| pull.on_rare);
        let relative = series(pulls, |of_loss, pull| (pull.on_rare / of_half(of_loss)).log10());
        drawings.push(log_lines(name, caption, "pull on the rare class / at 50 %", &relative)?);
    }
    for (pulls, (name, network)) in measured.iter().zip([
        ("imbalance-untrained-share.png", "a network that knows nothing"),
        ("imbalance-prior-share.png", "a network that has learnt how frequent the classes are, and nothing else"),
    ]) {
        let caption = format!("Share of the gradient's magnitudes that is the rare class's pixels': {network}");
        let share = series(pulls, |_, pull| (pull.on_rare / pull.on_all).log10());
        drawings.push(log_lines(name, caption, "share of the gradient", &share)?);
    }
    Ok(drawings)
}

/// Where there is no pull at all, a line ends: 0 has no logarithm.
fn series(pulls: &[(String, Vec<Pull>)], height: impl Fn(&[Pull], &Pull) -> f64) -> Vec<Series> {
    let of_loss = |(title, of_loss): &(String, Vec<Pull>)| {
        let points = SHARES.iter().zip(of_loss).map(|(&share, pull)| (rarity(share), height(of_loss, pull) as f32));
        Series { title: title.clone(), curve: points.filter(|(_, y)| y.is_finite()).collect(), thin: Vec::new() }
    };
    pulls.iter().map(of_loss).collect()
}

/// How rare the class is, as a logarithm.
fn rarity(thousandths: usize) -> f32 {
    (3.0 - (thousandths as f64).log10()) as f32
}

fn log_lines(name: &str, caption: String, title: &str, series: &[Series]) -> Result<Drawing> {
    let heights = || series.iter().flat_map(|series| &series.curve).map(|&(_, y)| y);
    let (lowest, highest) = (heights().fold(0.0, f32::min).floor(), heights().fold(0.0, f32::max));
    let number = |y: f32| ((1e4 * 10_f32.powf(y)).round() / 1e4).to_string();
    let lines = Lines {
        name,
        caption,
        x: Axis {
            title: "share of the rare class",
            range: 0.25..3.05,
            numbers: 3,
            number: &|x| format!("{} %", (1000.0 * 10_f32.powf(2.0 - x)).round() / 1000.0),
        },
        y: Axis { title, range: lowest..highest + 0.1, numbers: 1 + lowest.abs() as usize, number: &number },
        series,
        marked: 1,
    };
    let mut drawing = Drawing::of_lines(&lines)?;
    for row in &mut drawing.rows {
        (row.x, row.value) = (10_f32.powf(-row.x), 10_f32.powf(row.value));
    }
    Ok(drawing)
}

/// The mean pull of each loss over the draws.
fn pulls_of_all(network: Network, thousandths: usize) -> Result<Vec<(String, Pull)>> {
    let rare = PIXELS * thousandths / 1000;
    let counts = [PIXELS - rare, rare].map(|count| count as u32);
    let labels = labels(rare);
    let bias = match network {
        Network::Untrained => [0.0; 2],
        Network::Prior => logit_adjustment(counts, 1.0),
    };
    let choices = table::<2>();
    let mut pulls: Vec<(String, Pull)> = Vec::new();
    for draw in 0..DRAWS {
        let mut random = Pcg64::seed_from_u64(draw);
        let logits: Vec<[f32; 2]> = (0..PIXELS).map(|_| bias.map(|bias| bias + normal(&mut random))).collect();
        let features: Vec<[f32; HIDDEN]> = (0..PIXELS).map(|_| random.random()).collect();
        let batch = Batch::new(logits.as_slice(), Labels::new(&labels))?;
        let mut of_draw = Vec::new();
        for name in OF_LOGITS {
            let choice = choices.iter().find(|choice| choice.name == name).context(name)?;
            let objective = (choice.objective)(counts);
            let (mut grad, mut scratch) = (vec![[0.0; 2]; PIXELS], vec![0; objective.scratch_len(PIXELS)]);
            objective.value_and_grad(&batch, &mut grad, &mut scratch)?;
            of_draw.push((choice.title.to_owned(), Pull::new(&labels, &grad)));
        }
        let forward = Forward { labels: &labels, features: &features, logits: &logits };
        let of_features: [(&str, Box<dyn Auxiliary<2>>); 2] =
            [("encoding", Box::new(Encoding::<2>::new(draw))), ("contrast", Box::new(Contrast::new(draw)))];
        for (title, mut auxiliary) in of_features {
            let mut grad = vec![[0.0; HIDDEN]; PIXELS];
            auxiliary.add_grad(forward, &mut grad)?;
            of_draw.push((format!("{title} (features)"), Pull::new(&labels, &grad)));
        }
        if pulls.is_empty() {
            pulls = of_draw;
        } else {
            for ((_, sum), (_, pull)) in pulls.iter_mut().zip(of_draw) {
                (sum.on_rare, sum.on_all) = (sum.on_rare + pull.on_rare, sum.on_all + pull.on_all);
            }
        }
    }
    Ok(pulls)
}

/// The rare class takes every other pixel of as few crops as it needs.
fn labels(rare: usize) -> Vec<u8> {
    let mut labels = vec![0; PIXELS];
    labels.iter_mut().step_by(2).take(rare).for_each(|label| *label = RARE);
    labels
}

impl Pull {
    fn new<const N: usize>(labels: &[u8], grad: &[[f32; N]]) -> Self {
        let mut pull = Self::default();
        for (&label, slopes) in labels.iter().zip(grad) {
            let size: f64 = slopes.iter().map(|slope| f64::from(slope.abs())).sum();
            pull.on_all += size;
            pull.on_rare += if label == RARE { size } else { 0.0 };
        }
        pull
    }
}
