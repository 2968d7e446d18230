//! How far the library may be from the truth: one table.
//!
//! A value v is right if |v − truth| ≤ `relative` · max(|v|, |truth|) + `absolute`. A gradient is right if no element is
//! further from the truth than `element` times the largest element of the true gradient, and if the whole is no further
//! than `whole` times its norm.

/// What a tolerance belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Softmax cross entropy.
    CrossEntropy,
    /// Binary cross entropy.
    BinaryCrossEntropy,
    /// Softmax focal loss.
    Focal,
    /// Sigmoid focal loss.
    SigmoidFocal,
    /// Dice and its relatives.
    Overlap,
    /// Lovász-softmax.
    Lovasz,
    /// Lovász hinge.
    LovaszHinge,
    /// Pixel contrast.
    PixelContrast,
}

/// Bounds of the errors of a loss and its gradient.
#[derive(Clone, Copy, Debug)]
pub struct Tolerance {
    /// Of the value, relative to it.
    pub relative: f64,
    /// Of the value, where it is near 0.
    pub absolute: f64,
    /// Of an element of the gradient, relative to the largest.
    pub element: f64,
    /// Of the gradient as a whole, in the Euclidean norm, relative to it.
    pub whole: f64,
}

/// The bounds for a family, with the functions of `scarce::Libm`.
///
/// Each is two to four times the worst error over the peers' vectors, which is given beside it as value, element, whole; 2⁻²⁴
/// is 6·10⁻⁸. Values of sums over pixels have more, for pixels that are all alike: 64 equal terms are added up plainly
/// between two compensated steps, and round alike (5·10⁻⁷ measured).
#[must_use]
pub const fn tolerance(family: Family) -> Tolerance {
    match family {
        // 2.7e-7, 3.5e-7, 1.5e-7. An exponential, a sum and a logarithm, each good to an ulp; a divisor that is a sum.
        Family::CrossEntropy => Tolerance { relative: 1e-6, absolute: 1e-7, element: 1e-6, whole: 6e-7 },
        // 1.2e-7, 1.5e-7, 1.1e-7. As before, without a sum over classes.
        Family::BinaryCrossEntropy => Tolerance { relative: 1e-6, absolute: 1e-7, element: 5e-7, whole: 4e-7 },
        // 1.0e-7, 4.9e-7, 3.6e-7. A power multiplies the relative error of 1 − p by γ, here up to 5.
        Family::Focal => Tolerance { relative: 1e-6, absolute: 1e-7, element: 1.5e-6, whole: 1.2e-6 },
        // 1.8e-7, 3.8e-7, 1.9e-7. The same.
        Family::SigmoidFocal => Tolerance { relative: 1e-6, absolute: 1e-7, element: 1.2e-6, whole: 6e-7 },
        // 1.9e-7, 7.0e-7, 3.6e-7. Sums over all pixels enter the gradient squared. The logarithmic form of an index near 1 has
        // the rounding of the index, a few 2⁻²⁴, however small the loss is.
        Family::Overlap => Tolerance { relative: 6e-7, absolute: 2e-7, element: 2e-6, whole: 1.2e-6 },
        // 1.8e-7, 2.2e-7, 2.2e-7. Increments exact to an ulp, probabilities to three.
        Family::Lovasz => Tolerance { relative: 6e-7, absolute: 6e-8, element: 8e-7, whole: 8e-7 },
        // 1.2e-7, 8.3e-8, 7.9e-8. Increments exact to an ulp, and nothing else in the gradient.
        Family::LovaszHinge => Tolerance { relative: 4e-7, absolute: 4e-8, element: 3e-7, whole: 3e-7 },
        // 1.8e-7, 5.1e-7, 3.8e-7. Inner products divided by a temperature of 0.07, then exponentials of them.
        Family::PixelContrast => Tolerance { relative: 6e-7, absolute: 6e-8, element: 2e-6, whole: 1.5e-6 },
    }
}
