//! Semantic encoding loss: which classes are in the image at all.

use crate::error::{check_parameter, signed, weight};
use crate::kernel::sigmoid::{sigmoid, softplus};
use crate::kernel::softmax::sum;
use crate::kernel::sum::Sums;
use crate::labels::{channel, is_class};
use crate::math::{Fast, Math};
use crate::scores::check_grad;
use crate::{Error, Labels, Parameter};
use core::marker::PhantomData;

/// Semantic encoding loss: binary cross entropy between presence logits of an image and the classes that its labels hold.
///
/// ```text
/// s_nc = [some valid pixel of image n has class c]
/// L    = Σ_nc w_c BCE(σ(z_nc), s_nc) / (N C)
/// ```
///
/// It takes one row of `C` logits an image, not one a pixel, so it is no [`Loss`](crate::Loss); it has the same verbs, and
/// keeps the same contract, but that images count here and not pixels.
///
/// # Gradient
///
/// ```text
/// ∂L/∂z_nc = w_c (σ(z_nc) − s_nc) / (N C)
/// ```
///
/// # Shapes
///
/// Presence logits and gradient `[f32; C]` an image; labels a multiple of the number of images. With one channel its class
/// is label 1. No scratch.
///
/// # When to use it
///
/// As an auxiliary loss of features that see the whole image: every class weighs the same however few pixels it has, which
/// helps small objects (Zhang et al. 2018, §3.1). Where nearly every image holds all classes it is no help: beside cross
/// entropy it came to an IoU of 0.58 to 0.63 of a rare precipitate, cross entropy alone to 0.60 to 0.63, and on cracks to
/// less, too (`cargo run --release -- --seed 2 --seeds 3 --losses ce,ce+se --data examples-host/data/alloy`, or `…/crack`,
/// in the repository). The usual whole is CE(logits) + 0.4 CE(auxiliary logits) + 0.2 SE(presence logits), as below.
///
/// # Pitfalls
///
/// * One pixel is enough for a class to be present, a wrong one too.
/// * Ignored pixels mark no class. An image without a valid pixel is skipped, and N counts the others; with
///   [`counting_empty_images`](Self::counting_empty_images) it has the target 0 in every class, and pushes all logits down.
/// * Weights multiply and are not normalised.
///
/// # Other libraries
///
/// PaddleSeg's `SECrossEntropyLoss` counts an image without a valid pixel:
/// [`counting_empty_images`](Self::counting_empty_images). It takes no ignored label: what lies outside of the classes is
/// dropped, and a number among them counts as present. With one class its histogram takes any label for that class.
/// PyTorch-Encoding's takes the logarithm of a sigmoid: beyond logits of about 28 its gradient is wrong, and 0 at last. Row
/// by row: [`migration`](crate::migration).
///
/// # Source
///
/// Zhang et al. 2018 (EncNet), §3.1.
///
/// # Example
///
/// ```
/// use scarce::{Batch, CrossEntropy, Labels, Loss, SemanticEncoding};
///
/// let labels = Labels::new(&[0, 0, 2, 255]).ignoring(255); // one image of four pixels
/// let (logits, auxiliary) = ([[1.0, 0.0, 0.5]; 4], [[0.2, 0.1, 0.0]; 4]);
/// let presence = [[2.0, -1.0, 0.0]];
///
/// let (mut grad, mut auxiliary_grad, mut presence_grad) = ([[0.0; 3]; 4], [[0.0; 3]; 4], [[0.0; 3]; 1]);
/// let ce = CrossEntropy::new();
/// let loss = ce.add_grad(&Batch::new(&logits, labels)?, 1.0, &mut grad, &mut [])?
///     + 0.4 * ce.add_grad(&Batch::new(&auxiliary, labels)?, 0.4, &mut auxiliary_grad, &mut [])?
///     + 0.2 * SemanticEncoding::new().add_grad(&presence, labels, 0.2, &mut presence_grad)?;
/// assert!(loss > 0.0);
/// assert!(presence_grad[0][2] < 0.0); // class 2 is there: up
/// assert!(presence_grad[0][1] > 0.0); // class 1 is not: down
/// # Ok::<(), scarce::Error>(())
/// ```
#[doc(alias = "SELoss")]
#[doc(alias = "SECrossEntropyLoss")]
#[doc(alias = "SegmentationLosses")]
#[doc(alias = "EncNet")]
#[doc(alias = "presence")]
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SemanticEncoding<const C: usize, M = Fast> {
    weights: [f32; C],
    counting_empty_images: bool,
    math: PhantomData<M>,
}

impl<const C: usize> SemanticEncoding<C> {
    /// All weights 1; images without a valid pixel are skipped.
    #[must_use]
    pub const fn new() -> Self {
        Self { weights: [1.0; C], counting_empty_images: false, math: PhantomData }
    }
}

impl<const C: usize> Default for SemanticEncoding<C> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const C: usize, M> SemanticEncoding<C, M> {
    /// A weight ≥ 0 for each class.
    #[must_use]
    pub const fn with_weights(self, weights: [f32; C]) -> Self {
        Self { weights, ..self }
    }

    /// Counts an image without a valid pixel as one in which every class is absent (PaddleSeg).
    #[doc(alias = "paddle")]
    #[must_use]
    pub const fn counting_empty_images(self) -> Self {
        Self { counting_empty_images: true, ..self }
    }

    /// Other elementary functions.
    #[must_use]
    pub const fn with_math<N: Math>(self, _: N) -> SemanticEncoding<C, N> {
        SemanticEncoding { weights: self.weights, counting_empty_images: self.counting_empty_images, math: PhantomData }
    }
}

impl<const C: usize, M: Math> SemanticEncoding<C, M> {
    /// The loss.
    ///
    /// # Errors
    /// [`Error::Images`] if the labels cannot be divided among the rows of logits, [`Error::Label`],
    /// [`Error::NonFinite`] naming the image, [`Error::Parameter`].
    pub fn value(&self, presence_logits: &[[f32; C]], labels: Labels<'_>) -> Result<f32, Error> {
        let images = self.check(presence_logits, labels)?;
        Ok(self.accumulate(presence_logits, labels, images, |_, _| {}))
    }

    /// The loss; and `grad += scale · ∂loss/∂logits`.
    ///
    /// # Errors
    /// As [`value`](Self::value); [`Error::Length`] if the gradient has not one row an image.
    pub fn add_grad(
        &self,
        presence_logits: &[[f32; C]],
        labels: Labels<'_>,
        scale: f32,
        grad: &mut [[f32; C]],
    ) -> Result<f32, Error> {
        check_parameter(Parameter::Scale, &[scale], signed)?;
        let images = self.check(presence_logits, labels)?;
        check_grad(grad, presence_logits.len())?;
        Ok(self.accumulate(presence_logits, labels, images, add_to(grad, scale)))
    }

    /// The loss; and `grad = ∂loss/∂logits`.
    ///
    /// # Errors
    /// As [`add_grad`](Self::add_grad).
    pub fn value_and_grad(
        &self,
        presence_logits: &[[f32; C]],
        labels: Labels<'_>,
        grad: &mut [[f32; C]],
    ) -> Result<f32, Error> {
        let images = self.check(presence_logits, labels)?;
        check_grad(grad, presence_logits.len())?;
        grad.as_flattened_mut().fill(0.0);
        Ok(self.accumulate(presence_logits, labels, images, add_to(grad, 1.0)))
    }

    /// The classes of one image; `None` if it is to be skipped.
    fn presence(&self, labels: Labels<'_>, image: usize, image_pixels: usize) -> Option<[bool; C]> {
        let mut present = [false; C];
        let mut empty = true;
        for label in labels.from(image.wrapping_mul(image_pixels)).take(image_pixels).flatten() {
            empty = false;
            if let Some(present) = present.get_mut(channel::<C>(label)) {
                *present = true;
            }
        }
        (!empty || self.counting_empty_images).then_some(present)
    }

    /// The number of images that count.
    fn check(&self, presence_logits: &[[f32; C]], labels: Labels<'_>) -> Result<usize, Error> {
        check_parameter(Parameter::Weight, &self.weights, weight)?;
        let (images, pixels) = (presence_logits.len(), labels.len());
        if (images == 0 && pixels != 0) || pixels.checked_rem(images).unwrap_or(0) != 0 {
            return Err(Error::Images { images, pixels });
        }
        for (pixel, label) in labels.from(0).enumerate() {
            if let Some(label) = label.filter(|&label| !is_class::<C>(label)) {
                return Err(Error::Label { pixel, label });
            }
        }
        let image_pixels = pixels.checked_div(images).unwrap_or(0);
        let mut counted = 0_usize;
        for (image, row) in presence_logits.iter().enumerate() {
            if self.presence(labels, image, image_pixels).is_some() {
                counted = counted.wrapping_add(1);
                if !row.iter().all(|logit| logit.is_finite()) {
                    return Err(Error::NonFinite { pixel: image });
                }
            }
        }
        Ok(counted)
    }

    /// The loss over the `images` that count; `visit` gets each one's number and gradient.
    fn accumulate(
        &self,
        presence_logits: &[[f32; C]],
        labels: Labels<'_>,
        images: usize,
        mut visit: impl FnMut(usize, [f32; C]),
    ) -> f32 {
        if images == 0 {
            return 0.0;
        }
        let divisor = images as f32 * C as f32;
        let image_pixels = labels.len().checked_div(presence_logits.len()).unwrap_or(0);
        let mut total = Sums::ZERO;
        for (image, row) in presence_logits.iter().enumerate() {
            let Some(present) = self.presence(labels, image, image_pixels) else { continue };
            let (mut grad, mut losses) = ([0.0; C], [0.0; C]);
            let outputs = grad.iter_mut().zip(&mut losses);
            for (((grad, loss), (&logit, weight)), present) in outputs.zip(row.iter().zip(self.weights)).zip(present) {
                let (probability, complement) = sigmoid::<M>(logit);
                let (surprise, slope) =
                    if present { (softplus::<M>(-logit), -complement) } else { (softplus::<M>(logit), probability) };
                *loss = weight * surprise;
                *grad = weight * slope / divisor;
            }
            total.add(losses);
            visit(image, grad);
        }
        sum(total.total()) / divisor
    }
}

fn add_to<const C: usize>(grad: &mut [[f32; C]], scale: f32) -> impl FnMut(usize, [f32; C]) {
    move |image, row| {
        for (element, addend) in grad.get_mut(image).into_iter().flatten().zip(row) {
            *element += scale * addend;
        }
    }
}
