//! Gradient descent over the parameters of a network.

use crate::{Momentum, Network, Parameters, schedule};

/// Which parameters are trained.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Those of the head: the features stay as they are, and so does what other heads make of them.
    Head,
    /// All.
    AllLayers,
}

/// How to train.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Recipe {
    /// Which parameters.
    pub scope: Scope,
    /// Steps of the optimiser, each with the gradient of one frame.
    pub steps: u32,
    /// The rate of the first step; it falls to zero in a straight line.
    pub rate: f32,
    /// Gradients of a larger Euclidean norm are scaled down to it.
    pub largest_norm: f32,
}

/// A network in training, however its gradient comes about.
#[derive(Clone, Debug)]
pub(crate) struct Descent<const I: usize, const H: usize, const C: usize, const D: usize> {
    pub(crate) recipe: Recipe,
    pub(crate) network: Network<I, H, C, D>,
    /// Of the frame that is trained on, so far.
    pub(crate) gradient: Network<I, H, C, D>,
    momentum: Momentum<Network<I, H, C, D>>,
    step: u32,
}

impl<const I: usize, const H: usize, const C: usize, const D: usize> Descent<I, H, C, D> {
    pub(crate) fn new(network: Network<I, H, C, D>, recipe: Recipe) -> Self {
        let momentum = Momentum::new().with_clipping(recipe.largest_norm);
        Self { recipe, network, gradient: Network::zeros(), momentum, step: 0 }
    }

    /// Whether all steps were made.
    pub(crate) const fn is_done(&self) -> bool {
        self.step >= self.recipe.steps
    }

    /// Moves the parameters by `share` times the gradient, and begins a new one.
    pub(crate) fn learn(&mut self, share: f32) {
        self.gradient.parameters_mut().for_each(|slope| *slope *= share);
        let rate = schedule::linear(self.step, self.recipe.steps, self.recipe.rate);
        self.momentum.step(&mut self.network, &self.gradient, rate);
        self.gradient.clear();
    }

    pub(crate) const fn count_step(&mut self) {
        self.step = self.step.saturating_add(1);
    }
}
