//! A loss of this project as data: what a peer's parameters are translated to.

use scarce_kit::reference::{self, Activation, Batch, Mining};
use scarce_kit::tolerance::Family;

/// A configured loss. The library's loss and its f64 reference are both made from it.
pub enum Options {
    /// Softmax cross entropy.
    CrossEntropy(reference::CrossEntropy),
    /// Binary cross entropy.
    BinaryCrossEntropy(reference::BinaryCrossEntropy),
    /// Softmax focal loss.
    Focal(reference::Focal),
    /// Sigmoid focal loss.
    SigmoidFocal(reference::SigmoidFocal),
    /// Dice and its relatives.
    Overlap(reference::Overlap),
    /// Lovász-softmax, or on probabilities of another kind.
    Lovasz(reference::Lovasz),
    /// Lovász hinge.
    LovaszHinge(reference::LovaszHinge),
    /// Cross entropy of the hardest pixels.
    Ohem(Mining),
}

impl Options {
    /// The f64 reference.
    #[must_use]
    pub fn reference(&self) -> &dyn reference::Loss {
        match self {
            Self::CrossEntropy(loss) => loss,
            Self::BinaryCrossEntropy(loss) => loss,
            Self::Focal(loss) => loss,
            Self::SigmoidFocal(loss) => loss,
            Self::Overlap(loss) => loss,
            Self::Lovasz(loss) => loss,
            Self::LovaszHinge(loss) => loss,
            Self::Ohem(loss) => loss,
        }
    }

    /// The family whose tolerance applies.
    #[must_use]
    pub fn family(&self) -> Family {
        match self {
            // A selection of pixels is a cross entropy of these.
            Self::CrossEntropy(_) | Self::Ohem(_) => Family::CrossEntropy,
            Self::BinaryCrossEntropy(_) => Family::BinaryCrossEntropy,
            Self::Focal(_) => Family::Focal,
            Self::SigmoidFocal(_) => Family::SigmoidFocal,
            Self::Overlap(_) => Family::Overlap,
            Self::Lovasz(_) => Family::Lovasz,
            Self::LovaszHinge(_) => Family::LovaszHinge,
        }
    }

    /// The f64 reference of each pixel's loss, if the loss is a sum over pixels.
    #[must_use]
    pub fn pixel_reference(&self) -> Option<&dyn reference::PixelLoss> {
        match self {
            Self::CrossEntropy(loss) => Some(loss),
            Self::BinaryCrossEntropy(loss) => Some(loss),
            Self::Focal(loss) => Some(loss),
            Self::SigmoidFocal(loss) => Some(loss),
            Self::Overlap(_) | Self::Lovasz(_) | Self::LovaszHinge(_) | Self::Ohem(_) => None,
        }
    }

    /// Whether the scores go through a softmax over the channels.
    #[must_use]
    pub fn has_softmax(&self) -> bool {
        match self {
            Self::CrossEntropy(_) | Self::Focal(_) | Self::Ohem(_) => true,
            Self::Overlap(loss) => loss.activation == Activation::Softmax,
            Self::Lovasz(loss) => loss.activation == Activation::Softmax,
            Self::BinaryCrossEntropy(_) | Self::SigmoidFocal(_) | Self::LovaszHinge(_) => false,
        }
    }

    /// Whether the loss depends on the order of pixels, so that it has kinks or jumps where that changes.
    #[must_use]
    pub fn is_sorted(&self) -> bool {
        matches!(self, Self::Lovasz(_) | Self::LovaszHinge(_) | Self::Ohem(_))
    }

    /// By how much the elements of the gradient depend on the order of errors that f32 cannot tell apart: each order has
    /// its own subgradient.
    #[must_use]
    pub fn order_slack(&self, batch: &Batch<'_>) -> Vec<f64> {
        const ULP: f64 = f32::EPSILON as f64;
        match self {
            Self::Lovasz(loss) => {
                // Errors are probabilities of a few operations on differences of logits as large as their spread.
                let largest = batch.scores.iter().fold(0.0, |largest: f64, score| largest.max(score.abs()));
                loss.order_slack(batch, ULP * (4.0 + largest))
            }
            Self::LovaszHinge(loss) => loss.order_slack(batch, ULP),
            _ => vec![0.0; batch.scores.len()],
        }
    }
}
