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
#[must_use]
pub const fn tolerance(family: Family) -> Tolerance {
    match family {
        Family::CrossEntropy => Tolerance { relative: 1e-6, absolute: 1e-7, element: 1e-6, whole: 1e-6 },
        Family::BinaryCrossEntropy => Tolerance { relative: 1e-6, absolute: 1e-7, element: 1e-6, whole: 1e-6 },
        Family::Focal => Tolerance { relative: 1e-6, absolute: 1e-7, element: 1e-6, whole: 1e-6 },
        Family::SigmoidFocal => Tolerance { relative: 1e-6, absolute: 1e-7, element: 1e-6, whole: 1e-6 },
        Family::Overlap => Tolerance { relative: 1e-6, absolute: 1e-7, element: 1e-6, whole: 1e-6 },
        Family::Lovasz => Tolerance { relative: 1e-6, absolute: 1e-7, element: 1e-6, whole: 1e-6 },
        Family::LovaszHinge => Tolerance { relative: 1e-6, absolute: 1e-7, element: 1e-6, whole: 1e-6 },
    }
}
