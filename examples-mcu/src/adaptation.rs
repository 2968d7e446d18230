//! What a device does when the world has changed: it notices, learns, and keeps only what is better.

use crate::camera::{Camera, Purpose, Round};
use crate::descent::Recipe;
use crate::finetune::{FineTuning, Slice, TrainingError, measure};
use crate::{Frame, LengthError, Network, Workspace};
use core::fmt;
use scarce::Loss;
use scarce::metrics::Confusion;

/// Frames of a round at most: a camera whose rounds have no end is left then.
const MAX_FRAMES: u32 = 1024;

/// A network that falls short, and the best of the copies of it that were fine-tuned.
///
/// What goes wrong in one attempt, a camera that fails or training that diverges, is an error of that attempt alone: the
/// network and the best copy are as they were, and the next attempt may do better.
#[derive(Clone, Debug)]
pub struct Adaptation<'a, const I: usize, const H: usize, const C: usize, const D: usize> {
    network: &'a Network<I, H, C, D>,
    class: usize,
    before: f32,
    best: Option<(f32, Network<I, H, C, D>)>,
}

/// What an attempt came to.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict<N> {
    /// No frame for validation had a label: nothing is known of the copy, and it is dropped.
    Unknown,
    /// The copy does better than the network: its IoU on the frames for validation, and the copy.
    Better(f32, N),
    /// The copy does no better and is dropped: its IoU.
    NoBetter(f32),
}

impl<'a, const I: usize, const H: usize, const C: usize, const D: usize> Adaptation<'a, I, H, C, D> {
    /// Starts from a network, of which [`validate`] told how well it finds a class.
    #[must_use]
    pub const fn new(network: &'a Network<I, H, C, D>, class: usize, before: f32) -> Self {
        Self { network, class, before, best: None }
    }

    /// Fine-tunes a copy of the network and measures it on a round of frames for validation.
    ///
    /// `between` is called after each strip of a frame that was trained on or measured: the place to feed a watchdog and to
    /// serve other tasks.
    ///
    /// # Errors
    /// If the camera fails, or training diverges. The copy is dropped.
    pub fn attempt<K: Camera<I>>(
        &mut self,
        camera: &mut K,
        frame: &mut Frame<'_, I>,
        (loss, recipe): (impl Loss<C>, Recipe),
        workspace: &mut Workspace<'_, I, H, C>,
        mut between: impl FnMut(),
    ) -> Result<Verdict<Network<I, H, C, D>>, AdaptationError<K::Error>> {
        let mut training = FineTuning::new(self.network.clone(), loss, recipe);
        while !training.is_done() {
            camera.capture(Purpose::Adapt, frame).map_err(AdaptationError::Camera)?;
            while training.train(frame, workspace)? == Slice::InFrame {
                between();
            }
            between();
        }
        let trained = training.into_network();
        let Some(after) = validate(camera, frame, &trained, self.class, workspace, between)? else {
            return Ok(Verdict::Unknown);
        };
        if after <= self.before {
            return Ok(Verdict::NoBetter(after));
        }
        if self.best.as_ref().is_none_or(|(best, _)| after > *best) {
            self.best = Some((after, trained.clone()));
        }
        Ok(Verdict::Better(after, trained))
    }

    /// The best copy and its IoU on the frames for validation; `None` if none was better than the network.
    #[must_use]
    pub fn into_best(self) -> Option<(f32, Network<I, H, C, D>)> {
        self.best
    }
}

/// The IoU of a class on a round of frames for validation; `None` if no frame has a label: nothing is known then.
///
/// # Errors
/// If the camera fails, or logits are not finite.
pub fn validate<const I: usize, const H: usize, const C: usize, const D: usize, K: Camera<I>>(
    camera: &mut K,
    frame: &mut Frame<'_, I>,
    network: &Network<I, H, C, D>,
    class: usize,
    workspace: &mut Workspace<'_, I, H, C>,
    between: impl FnMut(),
) -> Result<Option<f32>, AdaptationError<K::Error>> {
    let confusion = measure_round(camera, Purpose::Validate, frame, network, workspace, between)?;
    let labelled = confusion.counts().as_flattened().iter().any(|&count| count > 0);
    // Not there, and predicted nowhere: nothing could be better.
    Ok(labelled.then(|| confusion.iou(class).unwrap_or(1.0)))
}

/// Measures a network on a round of frames, from its first frame on.
///
/// # Errors
/// If the camera fails, or logits are not finite.
pub fn measure_round<const I: usize, const H: usize, const C: usize, const D: usize, K: Camera<I>>(
    camera: &mut K,
    purpose: Purpose,
    frame: &mut Frame<'_, I>,
    network: &Network<I, H, C, D>,
    workspace: &mut Workspace<'_, I, H, C>,
    mut between: impl FnMut(),
) -> Result<Confusion<C>, AdaptationError<K::Error>> {
    camera.begin_round(purpose).map_err(AdaptationError::Camera)?;
    let mut confusion = Confusion::new();
    for _ in 0..MAX_FRAMES {
        let round = camera.capture(purpose, frame).map_err(AdaptationError::Camera)?;
        measure(network, frame, workspace, &mut confusion, &mut between)?;
        if round == Round::Ends {
            break;
        }
    }
    Ok(confusion)
}

/// An attempt cannot go on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum AdaptationError<E> {
    /// The camera fails.
    Camera(E),
    /// Training or measuring fails.
    Training(TrainingError),
}

impl<E> From<TrainingError> for AdaptationError<E> {
    fn from(error: TrainingError) -> Self {
        Self::Training(error)
    }
}

impl<E> From<LengthError> for AdaptationError<E> {
    fn from(error: LengthError) -> Self {
        Self::Training(error.into())
    }
}

impl<E> From<scarce::Error> for AdaptationError<E> {
    fn from(error: scarce::Error) -> Self {
        Self::Training(error.into())
    }
}

impl<E: fmt::Display> fmt::Display for AdaptationError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Camera(error) => write!(f, "camera: {error}"),
            Self::Training(error) => error.fmt(f),
        }
    }
}

impl<E: core::error::Error> core::error::Error for AdaptationError<E> {}
