//! The one error: a buffer of the wrong length.

use core::fmt;

/// A buffer has the wrong length, in pixels; nothing was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LengthError {
    /// Which buffer.
    pub buffer: Buffer,
    /// The length that is needed.
    pub needed: usize,
    /// The length that was given.
    pub got: usize,
}

/// A buffer that the caller lends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Buffer {
    /// The image that a network takes.
    Input,
    /// The outputs of all convolutions, one after the other.
    Activations,
    /// The scores of each pixel.
    Logits,
    /// The gradient with respect to the logits.
    LogitGradient,
    /// The gradient with respect to the features, of losses that take those and not the logits.
    FeatureGradient,
    /// The normalised image.
    Normalized,
    /// The bytes of a frame.
    Image,
    /// The labels of a frame.
    Labels,
    /// A row of a frame.
    Row,
    /// The gradient with respect to the logits of a band.
    BandGradient,
}

impl fmt::Display for LengthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} pixels needed, got {}", self.buffer, self.needed, self.got)
    }
}

impl fmt::Display for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Input => "input",
            Self::Activations => "activations",
            Self::Logits => "logits",
            Self::LogitGradient => "gradient of the logits",
            Self::FeatureGradient => "gradient of the features",
            Self::Normalized => "normalised image",
            Self::Image => "image",
            Self::Labels => "labels",
            Self::Row => "row",
            Self::BandGradient => "gradient of a band's logits",
        })
    }
}

impl core::error::Error for LengthError {}

/// `Err` unless the buffer has exactly the length that is needed.
pub(crate) const fn check_length(buffer: Buffer, needed: usize, got: usize) -> Result<(), LengthError> {
    if needed == got { Ok(()) } else { Err(LengthError { buffer, needed, got }) }
}
