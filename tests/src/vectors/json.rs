//! The files as they are written; `tests/vectors/README.md` describes them.

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::fs;
use std::path::Path;

/// A number; a non-finite one is written as a string.
///
/// Read by way of `Value`, since an untagged enum has no number where another package of the build turns on
/// `serde_json/arbitrary_precision`, as defmt-decoder does.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
#[serde(try_from = "Value")]
pub struct Number(pub f64);

impl TryFrom<Value> for Number {
    type Error = String;

    fn try_from(written: Value) -> Result<Self, String> {
        let number = match written.as_str() {
            Some("nan") => Some(f64::NAN),
            Some("inf") => Some(f64::INFINITY),
            Some("-inf") => Some(f64::NEG_INFINITY),
            Some(_) => None,
            None => written.as_f64(),
        };
        number.map(Self).ok_or_else(|| format!("{written} is no number"))
    }
}

/// A file: what was computed on inputs that are written out, or on generated ones.
pub enum File {
    /// An array of cases.
    Cases(Vec<Case>),
    /// The form of `large.json`.
    Generated(Generated),
}

/// One input, and what the peers make of it. Which fields there are depends on the loss.
#[derive(Deserialize)]
pub struct Case {
    /// Unique name.
    pub id: String,
    /// Number of images.
    pub images: Option<usize>,
    /// Number of channels.
    pub classes: Option<usize>,
    /// Number of pixels of all images.
    pub pixels: Option<usize>,
    /// Logits, pixel-major.
    pub logits: Option<Vec<Number>>,
    /// Probabilities, pixel-major, instead of logits.
    pub probs: Option<Vec<Number>>,
    /// The class of each pixel, or the ignored label.
    pub labels: Option<Vec<i64>>,
    /// Logits of the presence of each class in each image.
    pub se_logits: Option<Vec<Number>>,
    /// Whether each class is present in each image.
    pub presence: Option<Vec<u8>>,
    /// Logits of an auxiliary head, pixel-major.
    pub aux_logits: Option<Vec<Number>>,
    /// Embeddings, one after the other.
    pub feats: Option<Vec<Number>>,
    /// Components of an embedding.
    pub dim: Option<usize>,
    /// Groups of embeddings of one class.
    pub anchors: Option<usize>,
    /// Embeddings of a group.
    pub views: Option<usize>,
    /// The class of each group.
    pub anchor_labels: Option<Vec<i64>>,
    /// Embeddings of an image of which some are sampled.
    pub pixels_per_image: Option<usize>,
    /// The class that a segmentation predicts, of each pixel.
    pub predictions: Option<Vec<i64>>,
    /// What stands for the peers' random permutations.
    pub permutation: Option<String>,
    /// `false` where the gradient depends on how ties are broken.
    pub gradient_unique: Option<bool>,
    /// One entry a peer and parameter set.
    pub results: Vec<Outcome>,
}

/// What one peer computed.
#[derive(Deserialize)]
pub struct Outcome {
    /// Name of a generated input.
    pub inputs: Option<String>,
    /// The implementation.
    pub peer: String,
    /// The peer's own parameters.
    #[serde(default)]
    pub params: Map<String, Value>,
    /// The loss; missing if the peer failed.
    pub value: Option<LossValue>,
    /// Its gradient.
    pub grad: Option<Vec<Number>>,
    /// Part of the gradient.
    pub grad_sample: Option<GradSample>,
    /// The gradient with respect to logits, where there are also those of other heads.
    pub grad_logits: Option<Vec<Number>>,
    /// The gradient with respect to the logits of the auxiliary head.
    pub grad_aux_logits: Option<Vec<Number>>,
    /// The gradient with respect to presence logits.
    pub grad_se_logits: Option<Vec<Number>>,
    /// Sum of the gradient.
    pub grad_sum: Option<Number>,
    /// Sum of the gradient over pixels, for each channel.
    pub grad_sum_per_class: Option<Vec<Number>>,
    /// Sum of the magnitudes of the gradient.
    pub grad_abs_sum: Option<Number>,
    /// Sum of the squares of the gradient.
    pub grad_square_sum: Option<Number>,
    /// Largest magnitude of the gradient.
    pub grad_max_abs: Option<Number>,
    /// Pixels that the gradient moves.
    pub pixels_with_nonzero_grad: Option<usize>,
    /// Groups of sampled anchors.
    pub anchors: Option<usize>,
    /// Anchors of each group.
    pub views: Option<usize>,
    /// The image of each group.
    pub anchor_image: Option<Vec<usize>>,
    /// The class of each group.
    pub anchor_labels: Option<Vec<i64>>,
    /// The pixels of each group, within their image, hard ones first.
    pub sampled_pixel: Option<Vec<usize>>,
    /// How many of each group are hard.
    pub hard_kept: Option<Vec<usize>>,
    /// How many of each group are easy.
    pub easy_kept: Option<Vec<usize>>,
    /// How far the peer is from its own formula.
    #[serde(default)]
    check: Map<String, Value>,
}

impl Outcome {
    /// Whether the value agrees with an independent statement of the peer's formula. Where the file does not say, the
    /// difference does, by the rule that the files describe.
    #[must_use]
    pub fn trusts_value(&self) -> bool {
        match (self.check.get("value_ok"), self.check.get("value_abs_err").and_then(Value::as_f64), &self.value) {
            (Some(said), ..) => said == true,
            (None, Some(error), Some(LossValue::Scalar(value))) => error <= 1e-10 * value.0.abs().max(1e-3),
            _ => false,
        }
    }

    /// Whether the gradient does. Where the file does not say, it is the automatic derivative of a value that does.
    #[must_use]
    pub fn trusts_gradient(&self) -> bool {
        self.check.get("grad_ok").map_or_else(|| self.trusts_value(), |said| said == true)
    }
}

/// A loss, or the losses of all pixels (reduction `none`).
#[derive(Deserialize)]
#[serde(try_from = "Value")]
pub enum LossValue {
    /// One number.
    Scalar(Number),
    /// One number a pixel.
    PerPixel(Vec<Number>),
}

impl TryFrom<Value> for LossValue {
    type Error = String;

    fn try_from(written: Value) -> Result<Self, String> {
        match written {
            Value::Array(numbers) => {
                numbers.into_iter().map(Number::try_from).collect::<Result<_, _>>().map(Self::PerPixel)
            }
            number => Number::try_from(number).map(Self::Scalar),
        }
    }
}

impl LossValue {
    /// The numbers.
    #[must_use]
    pub fn numbers(&self) -> Vec<f64> {
        match self {
            Self::Scalar(number) => vec![number.0],
            Self::PerPixel(numbers) => floats(numbers),
        }
    }
}

/// The numbers of a list.
pub(super) fn floats(numbers: &[Number]) -> Vec<f64> {
    numbers.iter().map(|number| number.0).collect()
}

/// Some entries of a gradient.
#[derive(Deserialize)]
pub struct GradSample {
    /// Flat indices.
    pub index: Vec<usize>,
    /// The entries there.
    pub value: Vec<Number>,
}

/// Generated inputs and the results on them.
#[derive(Deserialize)]
pub struct Generated {
    /// The generators, by name.
    pub inputs: std::collections::BTreeMap<String, Generator>,
    /// One entry a peer, parameter set and input.
    pub results: Vec<Outcome>,
}

/// The parameters of a generator.
#[derive(Deserialize)]
pub struct Generator {
    /// Number of images.
    pub images: usize,
    /// Rows of an image.
    pub height: usize,
    /// Columns of an image.
    pub width: usize,
    /// Number of channels.
    pub classes: usize,
    /// Initial state of the stream of labels, in decimal.
    pub seed_labels: String,
    /// Initial state of the stream of logits, in decimal.
    pub seed_logits: String,
    /// Cumulative frequencies of the labels, in units of 2⁻²⁴.
    pub class_cum24: Vec<u64>,
    /// Frequency of the ignored label, in units of 2⁻²⁴.
    pub ignore24: u64,
    /// What the logit of the label is raised by.
    pub bonus: f64,
    /// Whether the logits have bits below binary32's, so that no two are equal.
    pub distinct_bits: bool,
    /// What the generated data must look like.
    pub probe: Probe,
}

/// Parts and sums of generated data.
#[derive(Deserialize)]
pub struct Probe {
    /// The first labels.
    pub labels_first_16: Vec<u8>,
    /// The last labels.
    pub labels_last_4: Vec<u8>,
    /// How often each label occurs.
    pub label_counts: std::collections::BTreeMap<u8, usize>,
    /// The first logits.
    pub logits_first_8: Vec<f64>,
    /// The last logits.
    pub logits_last_4: Vec<f64>,
    /// The sum of all logits, correctly rounded.
    pub logits_sum: f64,
}

/// Reads a file.
///
/// # Errors
/// If it cannot be read or does not have the form described.
pub fn read(path: &Path) -> Result<File> {
    let text = fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    let parse = || match text.trim_start().chars().next() {
        Some('[') => serde_json::from_str(&text).map(File::Cases),
        _ => serde_json::from_str(&text).map(File::Generated),
    };
    let file = parse().with_context(|| format!("parsing {}", path.display()))?;
    if matches!(&file, File::Cases(cases) if cases.is_empty()) {
        bail!("{} holds no case", path.display());
    }
    Ok(file)
}
