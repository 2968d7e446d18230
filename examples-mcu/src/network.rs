//! The network: convolutions and a head.

use crate::error::check_length;
use crate::{Buffer, Convolution, Head, LengthError, Parameters, Shape};
use core::{array, iter};
use rand_core::Rng;

/// A fully convolutional segmentation network.
///
/// A 3×3 convolution from `INPUTS` to `HIDDEN` channels, `DEEP` more with dilations 2, 4, 8, …, each followed by a ReLU
/// and padded with zeros to keep the size of the image, and a 1×1 [`Head`] that gives the logits of `CLASSES` classes.
///
/// Order of the parameters: `first`, `deep` in order, `head`; each in the order its type documents.
#[derive(Clone, Debug, PartialEq)]
pub struct Network<const INPUTS: usize, const HIDDEN: usize, const CLASSES: usize, const DEEP: usize> {
    /// The convolution that sees the image.
    pub first: Convolution<INPUTS, HIDDEN>,
    /// The dilated convolutions.
    pub deep: [Convolution<HIDDEN, HIDDEN>; DEEP],
    /// The scores of each pixel's classes.
    pub head: Head<HIDDEN, CLASSES>,
}

impl<const INPUTS: usize, const HIDDEN: usize, const CLASSES: usize, const DEEP: usize>
    Network<INPUTS, HIDDEN, CLASSES, DEEP>
{
    /// A network to be trained from scratch, as [`Convolution::new`] and [`Head::new`] draw it.
    #[must_use]
    pub fn new(rng: &mut impl Rng) -> Self {
        Self { first: Convolution::new(rng), deep: array::from_fn(|_| Convolution::new(rng)), head: Head::new(rng) }
    }

    /// How many rows, or columns, away a pixel may lie on which the features of a pixel depend: 1, 3, 7, … with 0, 1, 2, …
    /// dilated convolutions.
    pub const REACH: usize = (2_usize << DEEP) - 1;

    /// Length of the buffer of activations, in pixels: one layer after the other.
    #[must_use]
    pub const fn activations_len(shape: Shape) -> usize {
        shape.pixels().saturating_mul(DEEP + 1)
    }

    /// Computes the logits of an image, keeping the activations of each layer for [`backward`](Self::backward).
    ///
    /// # Errors
    /// If `input` and `logits` have not one element a pixel or `activations` is not
    /// [`activations_len`](Self::activations_len) long.
    pub fn forward(
        &self,
        input: &[[f32; INPUTS]],
        shape: Shape,
        activations: &mut [[f32; HIDDEN]],
        logits: &mut [[f32; CLASSES]],
    ) -> Result<(), LengthError> {
        check_length(Buffer::Logits, shape.pixels(), logits.len())?;
        let features = self.forward_features(input, shape, activations)?;
        self.head.forward(features, logits)
    }

    /// Computes the activations of each layer and returns the last one's, the features that the [`Head`] takes.
    ///
    /// # Errors
    /// If `input` has not one element a pixel or `activations` is not [`activations_len`](Self::activations_len) long.
    pub fn forward_features<'a>(
        &self,
        input: &[[f32; INPUTS]],
        shape: Shape,
        activations: &'a mut [[f32; HIDDEN]],
    ) -> Result<&'a [[f32; HIDDEN]], LengthError> {
        check_length(Buffer::Input, shape.pixels(), input.len())?;
        check_length(Buffer::Activations, Self::activations_len(shape), activations.len())?;
        let (mut layer, mut rest) = split(activations, shape);
        self.first.forward(input, shape, 1, layer);
        for (convolution, dilation) in self.deep.iter().zip(dilations::<DEEP>()) {
            let (output, after) = split(rest, shape);
            convolution.forward(layer, shape, dilation, output);
            (layer, rest) = (output, after);
        }
        Ok(layer)
    }

    /// Adds the gradient of an image to `gradient`: given `logit_gradient`, the gradient with respect to the logits, the
    /// one with respect to the parameters.
    ///
    /// `input` and `activations` are as [`forward`](Self::forward) got and left them. The activations are overwritten,
    /// layer by layer, by the gradients with respect to what their ReLUs took: backpropagation needs no other memory.
    ///
    /// # Errors
    /// If `input` and `logit_gradient` have not one element a pixel or `activations` is not
    /// [`activations_len`](Self::activations_len) long.
    pub fn backward(
        &self,
        input: &[[f32; INPUTS]],
        shape: Shape,
        activations: &mut [[f32; HIDDEN]],
        logit_gradient: &[[f32; CLASSES]],
        gradient: &mut Self,
    ) -> Result<(), LengthError> {
        self.backpropagate(input, shape, activations, logit_gradient, iter::repeat([0.0; HIDDEN]), gradient)
    }

    /// As [`backward`](Self::backward), of an objective that depends on the features of
    /// [`forward_features`](Self::forward_features) in another way too than through the logits: `feature_gradient` is the
    /// gradient of that part, with respect to the features.
    ///
    /// # Errors
    /// As [`backward`](Self::backward), and if `feature_gradient` has not one element a pixel.
    pub fn backward_with_features(
        &self,
        input: &[[f32; INPUTS]],
        shape: Shape,
        activations: &mut [[f32; HIDDEN]],
        logit_gradient: &[[f32; CLASSES]],
        feature_gradient: &[[f32; HIDDEN]],
        gradient: &mut Self,
    ) -> Result<(), LengthError> {
        check_length(Buffer::FeatureGradient, shape.pixels(), feature_gradient.len())?;
        self.backpropagate(input, shape, activations, logit_gradient, feature_gradient.iter().copied(), gradient)
    }

    fn backpropagate(
        &self,
        input: &[[f32; INPUTS]],
        shape: Shape,
        activations: &mut [[f32; HIDDEN]],
        logit_gradient: &[[f32; CLASSES]],
        feature_gradient: impl Iterator<Item = [f32; HIDDEN]>,
        gradient: &mut Self,
    ) -> Result<(), LengthError> {
        check_length(Buffer::Input, shape.pixels(), input.len())?;
        check_length(Buffer::Activations, Self::activations_len(shape), activations.len())?;
        check_length(Buffer::LogitGradient, shape.pixels(), logit_gradient.len())?;
        let (mut rest, mut layer) = split_last(activations, shape);
        self.head.backward(layer, logit_gradient, &mut gradient.head)?;
        self.head.backpropagate(logit_gradient, feature_gradient, layer);
        let dilations = dilations::<DEEP>();
        let deep = self.deep.iter().zip(&mut gradient.deep).zip(&dilations);
        for ((convolution, gradient), &dilation) in deep.rev() {
            let (before, source) = split_last(rest, shape);
            Convolution::backward(source, shape, dilation, layer, gradient);
            convolution.backpropagate(layer, shape, dilation, source);
            (rest, layer) = (before, source);
        }
        Convolution::backward(input, shape, 1, layer, &mut gradient.first);
        Ok(())
    }
}

impl<const INPUTS: usize, const HIDDEN: usize, const CLASSES: usize, const DEEP: usize> Parameters
    for Network<INPUTS, HIDDEN, CLASSES, DEEP>
{
    const COUNT: usize = Convolution::<INPUTS, HIDDEN>::COUNT
        + Convolution::<HIDDEN, HIDDEN>::COUNT * DEEP
        + Head::<HIDDEN, CLASSES>::COUNT;

    fn zeros() -> Self {
        Self { first: Convolution::zeros(), deep: array::from_fn(|_| Convolution::zeros()), head: Head::zeros() }
    }

    fn parameters(&self) -> impl Iterator<Item = &f32> {
        let deep = self.deep.iter().flat_map(Parameters::parameters);
        self.first.parameters().chain(deep).chain(self.head.parameters())
    }

    fn parameters_mut(&mut self) -> impl Iterator<Item = &mut f32> {
        let deep = self.deep.iter_mut().flat_map(Parameters::parameters_mut);
        self.first.parameters_mut().chain(deep).chain(self.head.parameters_mut())
    }
}

/// The dilations of the convolutions after the first: 2, 4, 8, …
fn dilations<const DEEP: usize>() -> [usize; DEEP] {
    array::from_fn(|layer| 2_usize.saturating_pow(layer as u32 + 1))
}

/// Activations as their first layer and the rest.
fn split<const HIDDEN: usize>(
    activations: &mut [[f32; HIDDEN]],
    shape: Shape,
) -> (&mut [[f32; HIDDEN]], &mut [[f32; HIDDEN]]) {
    activations.split_at_mut_checked(shape.pixels()).unwrap_or_default()
}

/// Activations as all but their last layer and that layer.
fn split_last<const HIDDEN: usize>(
    activations: &mut [[f32; HIDDEN]],
    shape: Shape,
) -> (&mut [[f32; HIDDEN]], &mut [[f32; HIDDEN]]) {
    let before = activations.len().saturating_sub(shape.pixels());
    activations.split_at_mut_checked(before).unwrap_or_default()
}
