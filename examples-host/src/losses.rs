//! The losses to choose from: one table.

use crate::auxiliary::{Auxiliary, Contrast, Encoding};
use scarce::{Batch, CrossEntropy, Error, Focal, Loss, Lovasz, LovaszHistogram, Ohem, Overlap, Sum, weights};

/// What is trained unless other losses are asked for.
pub const DEFAULT: &str = "ce,weighted-ce,focal,ohem,dice,ce+dice,ce+lovasz";

/// A loss to choose from.
#[derive(Clone, Copy)]
pub struct Choice<const C: usize> {
    /// Its name on the command line.
    pub name: &'static str,
    /// Its name in the report.
    pub title: &'static str,
    /// What it is.
    pub description: &'static str,
    /// Makes it, given the number of training pixels of each class.
    pub objective: fn([u32; C]) -> Box<dyn Objective<C>>,
    /// Makes the loss of the features that is added to it, given the run's seed.
    pub auxiliary: Option<fn(u64) -> Box<dyn Auxiliary<C>>>,
}

/// All losses. The overlap losses take their sums over the whole batch, with the smoothing 1 unless said otherwise.
#[must_use]
pub fn table<const C: usize>() -> [Choice<C>; 21] {
    [
        Choice {
            name: "ce",
            title: "CE",
            description: "cross entropy",
            objective: |_| Box::new(CrossEntropy::new()),
            auxiliary: None,
        },
        Choice {
            name: "weighted-ce",
            title: "weighted CE",
            description: "cross entropy weighted by the classes' inverse frequencies",
            objective: |counts| Box::new(CrossEntropy::new().with_weights(weights::inverse_frequency(counts))),
            auxiliary: None,
        },
        Choice {
            name: "sqrt-ce",
            title: "sqrt-weighted CE",
            description: "cross entropy weighted by the square roots of the inverse frequencies",
            objective: |counts| Box::new(CrossEntropy::new().with_weights(weights::sqrt_inverse_frequency(counts))),
            auxiliary: None,
        },
        Choice {
            name: "adjusted-ce",
            title: "logit-adjusted CE",
            description: "cross entropy of the logits plus the logarithms of the classes' frequencies",
            objective: |counts| {
                Box::new(CrossEntropy::new().with_logit_adjustment(weights::logit_adjustment(counts, 1.0)))
            },
            auxiliary: None,
        },
        Choice {
            name: "focal",
            title: "focal",
            description: "focal loss, gamma 2",
            objective: |_| Box::new(Focal::new(2.0)),
            auxiliary: None,
        },
        Choice {
            name: "ohem",
            title: "OHEM",
            description: "cross entropy of the pixels whose class has a probability below 0.7; of 1/16 of all at least",
            objective: |_| Box::new(Ohem::new(CrossEntropy::new())),
            auxiliary: None,
        },
        Choice {
            name: "dice",
            title: "Dice",
            description: "soft Dice over the batch, mean over classes",
            objective: |_| Box::new(Overlap::dice().per_batch()),
            auxiliary: None,
        },
        Choice {
            name: "generalized-dice",
            title: "generalised Dice",
            description: "generalised Dice: one index, classes weighted by 1/volume squared",
            objective: |_| Box::new(Overlap::generalized_dice().per_batch()),
            auxiliary: None,
        },
        Choice {
            name: "jaccard",
            title: "Jaccard",
            description: "soft Jaccard (IoU) over the batch, mean over classes",
            objective: |_| Box::new(Overlap::jaccard().per_batch()),
            auxiliary: None,
        },
        Choice {
            name: "tversky",
            title: "Tversky",
            description: "Tversky, 0.3 FP + 0.7 FN, mean over classes",
            objective: |_| Box::new(Overlap::tversky(0.3, 0.7).per_batch()),
            auxiliary: None,
        },
        Choice {
            name: "focal-tversky",
            title: "focal Tversky",
            description: "focal Tversky: (1 - Tversky) to the power of 0.75, mean over classes",
            objective: |_| Box::new(Overlap::focal_tversky(0.3, 0.7, 0.75).per_batch()),
            auxiliary: None,
        },
        Choice {
            name: "lovasz",
            title: "Lovász",
            description: "Lovász-softmax over the classes present in the batch",
            objective: |_| Box::new(Lovasz::new()),
            auxiliary: None,
        },
        Choice {
            name: "ce+dice",
            title: "CE + Dice",
            description: "cross entropy plus soft Dice",
            objective: |_| Box::new(Sum((1.0, CrossEntropy::new()), (1.0, Overlap::dice().per_batch()))),
            auxiliary: None,
        },
        Choice {
            name: "focal+dice",
            title: "focal + Dice",
            description: "focal loss, gamma 2, plus soft Dice",
            objective: |_| Box::new(Sum((1.0, Focal::new(2.0)), (1.0, Overlap::dice().per_batch()))),
            auxiliary: None,
        },
        Choice {
            name: "ce+focal-tversky",
            title: "CE + focal Tversky",
            description: "cross entropy plus focal Tversky",
            objective: |_| {
                Box::new(Sum((1.0, CrossEntropy::new()), (1.0, Overlap::focal_tversky(0.3, 0.7, 0.75).per_batch())))
            },
            auxiliary: None,
        },
        Choice {
            name: "ce+lovasz",
            title: "CE + Lovász",
            description: "cross entropy plus Lovász-softmax",
            objective: |_| Box::new(Sum((1.0, CrossEntropy::new()), (1.0, Lovasz::new()))),
            auxiliary: None,
        },
        Choice {
            name: "ce+lovasz256",
            title: "CE + Lovász, 256 bins",
            description: "cross entropy plus Lovász-softmax of errors counted in 256 bins",
            objective: |_| Box::new(Sum((1.0, CrossEntropy::new()), (1.0, LovaszHistogram::<C, 256>::new()))),
            auxiliary: None,
        },
        Choice {
            name: "ce+lovasz64",
            title: "CE + Lovász, 64 bins",
            description: "cross entropy plus Lovász-softmax of errors counted in 64 bins",
            objective: |_| Box::new(Sum((1.0, CrossEntropy::new()), (1.0, LovaszHistogram::<C, 64>::new()))),
            auxiliary: None,
        },
        Choice {
            name: "ce+lovasz16",
            title: "CE + Lovász, 16 bins",
            description: "cross entropy plus Lovász-softmax of errors counted in 16 bins",
            objective: |_| Box::new(Sum((1.0, CrossEntropy::new()), (1.0, LovaszHistogram::<C, 16>::new()))),
            auxiliary: None,
        },
        Choice {
            name: "ce+se",
            title: "CE + encoding",
            description: "cross entropy plus 0.2 semantic encoding: which classes a crop holds, told from its mean features",
            objective: |_| Box::new(CrossEntropy::new()),
            auxiliary: Some(|seed| Box::new(Encoding::<C>::new(seed))),
        },
        Choice {
            name: "ce+contrast",
            title: "CE + contrast",
            description: "cross entropy plus pixel contrast of the features, at up to 256 hard and easy pixels",
            objective: |_| Box::new(CrossEntropy::new()),
            auxiliary: Some(|seed| Box::new(Contrast::new(seed))),
        },
    ]
}

/// A [`Loss`] chosen at run time.
pub trait Objective<const C: usize>: Send + Sync {
    /// Words of scratch for this many pixels.
    fn scratch_len(&self, pixels: usize) -> usize;

    /// The loss and its gradient, as [`Loss::value_and_grad`].
    ///
    /// # Errors
    /// As [`Loss::value_and_grad`].
    fn value_and_grad(
        &self,
        batch: &Batch<'_, [[f32; C]], C>,
        grad: &mut [[f32; C]],
        scratch: &mut [u32],
    ) -> Result<f32, Error>;
}

impl<const C: usize, L: Loss<C> + Send + Sync> Objective<C> for L {
    fn scratch_len(&self, pixels: usize) -> usize {
        Loss::scratch_len(self, pixels)
    }

    fn value_and_grad(
        &self,
        batch: &Batch<'_, [[f32; C]], C>,
        grad: &mut [[f32; C]],
        scratch: &mut [u32],
    ) -> Result<f32, Error> {
        Loss::value_and_grad(self, batch, grad, scratch)
    }
}

/// The names of all losses, in the order of the table.
#[must_use]
pub fn names() -> Vec<&'static str> {
    table::<2>().map(|choice| choice.name).to_vec()
}

/// The list of losses for the command line's help.
#[must_use]
pub fn help() -> String {
    let lines = table::<2>().map(|choice| format!("  {:<17} {}", choice.name, choice.description));
    format!("Losses:\n{}", lines.join("\n"))
}
