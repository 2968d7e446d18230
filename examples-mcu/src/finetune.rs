//! Fine-tuning, a strip of a frame at a time.

use crate::descent::{Descent, Recipe, Scope};
use crate::{Frame, IGNORED, LengthError, Moments, Network, Workspace};
use core::fmt;
use core::ops::Range;
use scarce::metrics::{Confusion, argmax};
use scarce::{Batch, Labels, Loss};

/// Training of a copy of a network by gradient descent with momentum.
///
/// Each step's gradient is the mean over the strips of a frame that have a label; each strip is its own batch of the loss. A
/// frame without labels counts as a step, and nothing is learnt from it. [`TiledFineTuning`](crate::TiledFineTuning) takes
/// the loss of the whole frame.
#[derive(Clone, Debug)]
pub struct FineTuning<L, const I: usize, const H: usize, const C: usize, const D: usize> {
    loss: L,
    descent: Descent<I, H, C, D>,
    /// Of the frame that is trained on.
    moments: [Moments; I],
    next_row: usize,
    strips: u16,
    losses: f32,
}

/// How far a call of [`FineTuning::train`] or [`TiledFineTuning::train`](crate::TiledFineTuning::train) got.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Slice {
    /// Strips or tiles of the frame are left.
    InFrame,
    /// The frame is done and a step was made: the frame's loss before it, or the mean of its strips' losses; 0 if it has no
    /// labels.
    Step(f32),
    /// All steps were made; nothing was trained.
    Done,
}

impl<L: Loss<C>, const I: usize, const H: usize, const C: usize, const D: usize> FineTuning<L, I, H, C, D> {
    /// Starts from a network.
    #[must_use]
    pub fn new(network: Network<I, H, C, D>, loss: L, recipe: Recipe) -> Self {
        Self {
            loss,
            descent: Descent::new(network, recipe),
            moments: [Moments { mean: 0.0, deviation: 1.0 }; I],
            next_row: 0,
            strips: 0,
            losses: 0.0,
        }
    }

    /// Trains on the next strip of the frame, and makes a step after its last one. A call takes bounded time, that of one
    /// strip, and between calls other tasks may run; until a step is made, calls must bring the same frame.
    ///
    /// # Errors
    /// If the workspace does not fit the frame or the loss, or training has diverged: the network is no longer of use then.
    pub fn train(
        &mut self,
        frame: &Frame<'_, I>,
        workspace: &mut Workspace<'_, I, H, C>,
    ) -> Result<Slice, TrainingError> {
        if self.descent.is_done() {
            return Ok(Slice::Done);
        }
        workspace.check::<D>(frame.shape())?;
        if self.next_row == 0 {
            self.moments = frame.moments();
        }
        let strip = workspace.layout.strip(self.next_row, frame.shape());
        let labels = labels(frame, &strip);
        if labels.iter().any(|&label| label != IGNORED) {
            workspace.forward(&self.descent.network, frame, self.moments, strip.clone())?;
            let logits = workspace.logits.get(..labels.len()).unwrap_or_default();
            let gradient = workspace.logit_gradient.get_mut(..labels.len()).unwrap_or_default();
            let batch = Batch::new(logits, Labels::new(labels).ignoring(IGNORED))?;
            self.losses += self.loss.value_and_grad(&batch, gradient, workspace.scratch)?;
            self.strips = self.strips.saturating_add(1);
            let Descent { network, gradient, recipe, .. } = &mut self.descent;
            let all_layers = recipe.scope == Scope::AllLayers;
            workspace.backward(network, frame, self.moments, strip.clone(), all_layers, gradient)?;
        }
        self.next_row = strip.end;
        Ok(if self.next_row < frame.shape().height { Slice::InFrame } else { Slice::Step(self.make_step()) })
    }

    fn make_step(&mut self) -> f32 {
        let share = 1.0 / f32::from(self.strips.max(1));
        if self.strips > 0 {
            self.descent.learn(share);
        }
        self.descent.count_step();
        let loss = self.losses * share;
        (self.next_row, self.strips, self.losses) = (0, 0, 0.0);
        loss
    }

    /// Whether all steps were made.
    #[must_use]
    pub const fn is_done(&self) -> bool {
        self.descent.is_done()
    }

    /// The network as trained so far.
    #[must_use]
    pub fn into_network(self) -> Network<I, H, C, D> {
        self.descent.network
    }
}

/// Predicts a frame strip by strip, and counts what its labelled pixels are and are predicted as; returns how many pixels
/// are predicted as each class, labelled or not. After each strip it calls `between`.
///
/// # Errors
/// If the workspace does not fit the frame, or logits are not finite.
pub fn measure<const I: usize, const H: usize, const C: usize, const D: usize>(
    network: &Network<I, H, C, D>,
    frame: &Frame<'_, I>,
    workspace: &mut Workspace<'_, I, H, C>,
    confusion: &mut Confusion<C>,
    mut between: impl FnMut(),
) -> Result<[u32; C], TrainingError> {
    workspace.check::<D>(frame.shape())?;
    let moments = frame.moments();
    let mut predicted = [0_u32; C];
    let mut row = 0;
    while row < frame.shape().height {
        let strip = workspace.layout.strip(row, frame.shape());
        row = strip.end;
        let labels = labels(frame, &strip);
        workspace.forward(network, frame, moments, strip)?;
        let logits = workspace.logits.get(..labels.len()).unwrap_or_default();
        confusion.observe_scores(&Batch::new(logits, Labels::new(labels).ignoring(IGNORED))?);
        for pixel in logits {
            if let Some(count) = predicted.get_mut(argmax(pixel)) {
                *count = count.saturating_add(1);
            }
        }
        between();
    }
    Ok(predicted)
}

fn labels<'a, const I: usize>(frame: &'a Frame<'_, I>, strip: &Range<usize>) -> &'a [u8] {
    frame.labels().get(frame.shape().pixels_of(strip)).unwrap_or_default()
}

/// Training or measuring cannot go on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum TrainingError {
    /// The workspace does not fit.
    Length(LengthError),
    /// The loss refuses the logits, the labels or the scratch.
    Loss(scarce::Error),
}

impl From<LengthError> for TrainingError {
    fn from(error: LengthError) -> Self {
        Self::Length(error)
    }
}

impl From<scarce::Error> for TrainingError {
    fn from(error: scarce::Error) -> Self {
        Self::Loss(error)
    }
}

impl fmt::Display for TrainingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length(error) => error.fmt(f),
            Self::Loss(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for TrainingError {}
