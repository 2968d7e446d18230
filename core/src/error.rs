//! The one error type.

use core::fmt;

/// Why a call was refused; nothing was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Error {
    /// A buffer has the wrong length, in elements of that buffer (pixels, or words of scratch).
    Length {
        /// Which buffer.
        buffer: Buffer,
        /// The length that is needed; scratch and anchors may be longer, everything else must match.
        needed: usize,
        /// The length that was given.
        got: usize,
    },
    /// The label of this pixel is neither a class nor the ignored label.
    Label {
        /// Index of the first such pixel.
        pixel: usize,
        /// The label found there.
        label: u8,
    },
    /// A score of this pixel, which is not ignored, is NaN or infinite.
    NonFinite {
        /// Index of the first such pixel; of the image, where there is one row of scores an image.
        pixel: usize,
    },
    /// An embedding that takes part is NaN, beyond 10¹² in a component, or shorter than 10⁻¹² where it is to be normalised.
    Embedding {
        /// Index of the embedding.
        pixel: usize,
    },
    /// An anchor is not the index of an embedding, or that of an ignored one.
    Anchor {
        /// Position of the first such anchor in the list.
        anchor: usize,
    },
    /// A score of this pixel was to be a probability and lies outside `0..=1`.
    Probability {
        /// Index of the first such pixel.
        pixel: usize,
    },
    /// The pixels cannot be divided into this many images of one size.
    Images {
        /// The number of images asked for.
        images: usize,
        /// The number of pixels (or, where planes are built, of scores) at hand.
        pixels: usize,
    },
    /// More pixels than the counters hold (2³² − 1).
    TooManyPixels,
    /// The tiles have been settled; another image begins with new [`Tiles`](crate::Tiles).
    Settled,
    /// The tiles are yet to be settled, perhaps after another pass; or two are not in the same pass.
    Unsettled,
    /// A parameter is NaN or outside its domain.
    Parameter(Parameter),
}

/// A buffer that the caller lends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Buffer {
    /// The class of each pixel.
    Labels,
    /// The gradient.
    Grad,
    /// Working memory, in words of 32 bits.
    Scratch,
    /// One output value a pixel.
    Output,
    /// One predicted class a pixel.
    Predictions,
    /// Indices of embeddings.
    Anchors,
    /// All tiles of an image.
    Tiles,
}

/// A parameter of a loss, and its domain.
///
/// Magnitudes are bounded by 10¹² (and weights that are not 0 by 10⁻¹² from below), so that a product of a count, a weight
/// and a scale does not overflow: with logits up to 10²⁰ none of these gives a NaN later, unless several are at their bounds
/// at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Parameter {
    /// A class, label or channel weight: 0, or in `1e-12..=1e12`.
    Weight,
    /// The weight of a term of a sum: in `-1e12..=1e12`.
    TermWeight,
    /// The weight of the positive label: 0, or in `1e-12..=1e12`.
    PosWeight,
    /// The label smoothing: in `0..=1`.
    LabelSmoothing,
    /// An addend of the logits: in `-1e12..=1e12`.
    LogitAdjustment,
    /// The divisor of [`Reduction::Divisor`](crate::Reduction::Divisor): in `1e-12..=1e12`.
    Divisor,
    /// The focusing exponent: in `0..=1e12`.
    Gamma,
    /// The balance of the focal loss: 0, or in `1e-12..=1e12`; where it is two-sided, in `0..=1`.
    Alpha,
    /// The weights of false positives and false negatives: 0, or in `1e-12..=1e12`.
    FalseWeight,
    /// A smoothing constant of an overlap index: 0, or in `1e-12..=1e12`.
    Smoothing,
    /// The threshold of hard example mining: of a probability in `0..=1`, of a loss in `0..=1e12`.
    Thresh,
    /// The share of pixels to keep: in `0..=1`.
    MinKept,
    /// The temperature of a contrast, or its base temperature: in `1e-6..=1e6`.
    Temperature,
    /// How many pairs a sampler keeps: at least 1; of what share of the hardest: in `0..=1`.
    Pairs,
    /// The factor of the gradient: in `-1e12..=1e12`.
    Scale,
    /// The scale of quantised scores, or of a quantised gradient: in `1e-12..=1e12`.
    QuantizationScale,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Length { buffer, needed, got } => write!(f, "{buffer}: length {needed} needed, got {got}"),
            Self::Label { pixel, label } => write!(f, "pixel {pixel}: label {label} is neither a class nor ignored"),
            Self::NonFinite { pixel } => write!(f, "pixel {pixel}: a score is NaN or infinite"),
            Self::Embedding { pixel } => write!(f, "embedding {pixel}: NaN, too large, or too short to be normalised"),
            Self::Anchor { anchor } => write!(f, "anchor {anchor}: no embedding, or an ignored one"),
            Self::Probability { pixel } => write!(f, "pixel {pixel}: a probability lies outside 0..=1"),
            Self::Images { images, pixels } => write!(f, "{pixels} elements cannot be divided into {images} images"),
            Self::TooManyPixels => f.write_str("more than 2^32 - 1 pixels"),
            Self::Settled => f.write_str("the tiles are settled; begin with new ones"),
            Self::Unsettled => f.write_str("the tiles are not settled, or not in the same pass"),
            Self::Parameter(parameter) => write!(f, "{parameter}: NaN or outside its domain"),
        }
    }
}

impl fmt::Display for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Labels => "labels",
            Self::Grad => "gradient",
            Self::Scratch => "scratch",
            Self::Output => "output",
            Self::Predictions => "predictions",
            Self::Anchors => "anchors",
            Self::Tiles => "tiles",
        })
    }
}

impl fmt::Display for Parameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Weight => "weight",
            Self::TermWeight => "weight of a term",
            Self::PosWeight => "weight of the positive label",
            Self::LabelSmoothing => "label smoothing",
            Self::LogitAdjustment => "logit adjustment",
            Self::Divisor => "divisor",
            Self::Gamma => "gamma",
            Self::Alpha => "alpha",
            Self::FalseWeight => "weight of false positives or negatives",
            Self::Smoothing => "smoothing",
            Self::Thresh => "threshold",
            Self::MinKept => "share of pixels to keep",
            Self::Temperature => "temperature",
            Self::Pairs => "number or share of pairs",
            Self::Scale => "scale",
            Self::QuantizationScale => "scale of a quantisation",
        })
    }
}

impl core::error::Error for Error {}

/// `Err` unless all values satisfy `domain`: the shape of every parameter check.
pub(crate) fn check_parameter(parameter: Parameter, values: &[f32], domain: impl Fn(f32) -> bool) -> Result<(), Error> {
    if values.iter().all(|&value| domain(value)) { Ok(()) } else { Err(Error::Parameter(parameter)) }
}

const LARGEST: f32 = 1e12;
const SMALLEST: f32 = 1e-12;

/// 0, or a positive number of sane size.
pub(crate) fn weight(value: f32) -> bool {
    value == 0.0 || positive(value)
}

/// A positive number of sane size.
pub(crate) fn positive(value: f32) -> bool {
    (SMALLEST..=LARGEST).contains(&value)
}

/// Not negative, and of sane size.
pub(crate) fn exponent(value: f32) -> bool {
    (0.0..=LARGEST).contains(&value)
}

/// Of either sign, and of sane size.
pub(crate) fn signed(value: f32) -> bool {
    (-LARGEST..=LARGEST).contains(&value)
}

/// In `0..=1`.
pub(crate) fn unit(value: f32) -> bool {
    (0.0..=1.0).contains(&value)
}
