//! What a sum over pixels is divided by.

use crate::status::{Failure, one_of};

/// What the sum over pixels is divided by. If that is 0, the loss and its gradient are 0.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reduction {
    /// The weights of the pixels that are not ignored, as PyTorch.
    Mean = 0,
    /// The number of pixels that are not ignored.
    MeanValid = 1,
    /// The number of all pixels.
    MeanAll = 2,
    /// The number of all scores.
    MeanAllElements = 3,
    /// The number of pixels whose label is not 0, at least 1.
    Positives = 4,
    /// The number in the field `divisor`.
    Divisor = 5,
    /// Nothing: the plain sum.
    Sum = 6,
}

/// The reduction of an enumerator.
pub(crate) fn reduction(number: u32, divisor: f32) -> Result<scarce::Reduction, Failure> {
    use scarce::Reduction::{Divisor, Mean, MeanAll, MeanAllElements, MeanValid, Positives, Sum};
    one_of([Mean, MeanValid, MeanAll, MeanAllElements, Positives, Divisor(divisor), Sum], number)
}
