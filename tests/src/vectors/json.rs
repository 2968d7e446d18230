//! The files as they are written; `tests/vectors/README.md` describes them.

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::fs;
use std::path::Path;

/// A number; a non-finite one is written as a string.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
#[serde(try_from = "Written")]
pub struct Number(pub f64);

#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Finite(f64),
    Named(String),
}

impl TryFrom<Written> for Number {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        match written {
            Written::Finite(number) => Ok(Self(number)),
            Written::Named(name) => match name.as_str() {
                "nan" => Ok(Self(f64::NAN)),
                "inf" => Ok(Self(f64::INFINITY)),
                "-inf" => Ok(Self(f64::NEG_INFINITY)),
                other => Err(format!("{other:?} is no number")),
            },
        }
    }
}

/// A file: what was computed on inputs that are written out, or on generated ones.
pub enum File {
    /// An array of cases.
    Cases(Vec<Case>),
    /// The form of `large.json`.
    Generated(Generated),
}

/// One input, and what the peers make of it.
///
/// Fields of inputs that no loss here takes (embeddings, presence logits) are not read.
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
    /// Whether the peer agrees with its own formula.
    pub check: Option<Check>,
}

/// A loss, or the losses of all pixels (reduction `none`).
#[derive(Deserialize)]
#[serde(untagged)]
pub enum LossValue {
    /// One number.
    Scalar(Number),
    /// One number a pixel.
    PerPixel(Vec<Number>),
}

/// Some entries of a gradient.
#[derive(Deserialize)]
pub struct GradSample {
    /// Flat indices.
    pub index: Vec<usize>,
    /// The entries there.
    pub value: Vec<Number>,
}

/// Whether a peer agrees with an independent restatement of its formula; `None` where that could not be told.
#[derive(Deserialize)]
pub struct Check {
    /// Of the value.
    pub value_ok: Option<bool>,
    /// Of the gradient.
    pub grad_ok: Option<bool>,
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
