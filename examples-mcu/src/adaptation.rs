//! What a device does when the world has changed: it notices, learns, and keeps only what is better.

use crate::camera::{Camera, Purpose, Round};
use crate::finetune::{FineTuning, Recipe, Slice, TrainingError, measure};
use crate::{Frame, Network, Workspace};
use core::fmt;
use scarce::Loss;
use scarce::metrics::Confusion;

/// Frames of a round at most: a camera whose rounds have no end is left then.
const MAX_FRAMES: u32 = 1024;

/// What has become of a network.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict<N> {
    /// No frame for validation has a label: nothing is known, and nothing was trained.
    Unknown,
    /// It does well as it is: its IoU on the frames for validation.
    GoodEnough(f32),
    /// A fine-tuned copy does better: the IoU before and after, and the copy.
    Better(f32, f32, N),
    /// A fine-tuned copy does no better and is dropped: the IoU before and after.
    NoBetter(f32, f32),
}

/// What is sought, and how much of it is enough.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Goal {
    /// The class that matters.
    pub class: usize,
    /// The IoU at which nothing needs to be learnt.
    pub iou: f32,
}

/// Measures a network on the frames for validation and, if it falls short of the goal, fine-tunes a copy and measures that.
///
/// `between` is called after each strip of a frame that was trained on or measured: the place to feed a watchdog and to serve
/// other tasks.
///
/// # Errors
/// If the camera fails, or training diverges. The network is as it was.
pub fn adapt<const I: usize, const H: usize, const C: usize, const D: usize, K: Camera<I>>(
    camera: &mut K,
    frame: &mut Frame<'_, I>,
    network: &Network<I, H, C, D>,
    goal: Goal,
    (loss, recipe): (impl Loss<C>, Recipe),
    workspace: &mut Workspace<'_, I, H, C>,
    mut between: impl FnMut(),
) -> Result<Verdict<Network<I, H, C, D>>, AdaptationError<K::Error>> {
    let iou = |confusion: Confusion<C>| {
        let labelled = confusion.counts().as_flattened().iter().any(|&count| count > 0);
        // Not there, and predicted nowhere: nothing could be better.
        labelled.then(|| confusion.iou(goal.class).unwrap_or(1.0))
    };
    let Some(before) = iou(measure_round(camera, Purpose::Validate, frame, network, workspace, &mut between)?) else {
        return Ok(Verdict::Unknown);
    };
    if before >= goal.iou {
        return Ok(Verdict::GoodEnough(before));
    }
    let mut training = FineTuning::new(network.clone(), loss, recipe);
    while !training.is_done() {
        camera.capture(Purpose::Adapt, frame).map_err(AdaptationError::Camera)?;
        while training.train(frame, workspace)? == Slice::InFrame {
            between();
        }
        between();
    }
    let trained = training.into_network();
    let Some(after) = iou(measure_round(camera, Purpose::Validate, frame, &trained, workspace, &mut between)?) else {
        return Ok(Verdict::Unknown);
    };
    Ok(if after > before { Verdict::Better(before, after, trained) } else { Verdict::NoBetter(before, after) })
}

/// Measures a network on a round of frames.
///
/// # Errors
/// If the camera fails, or logits are not finite.
pub fn measure_round<const I: usize, const H: usize, const C: usize, const D: usize, K: Camera<I>>(
    camera: &mut K,
    purpose: Purpose,
    frame: &mut Frame<'_, I>,
    network: &Network<I, H, C, D>,
    workspace: &mut Workspace<'_, I, H, C>,
    between: &mut impl FnMut(),
) -> Result<Confusion<C>, AdaptationError<K::Error>> {
    let mut confusion = Confusion::new();
    for _ in 0..MAX_FRAMES {
        let round = camera.capture(purpose, frame).map_err(AdaptationError::Camera)?;
        measure(network, frame, workspace, &mut confusion, &mut *between)?;
        if round == Round::Ends {
            break;
        }
    }
    Ok(confusion)
}

/// Adaptation cannot go on.
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

impl<E: fmt::Display> fmt::Display for AdaptationError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Camera(error) => write!(f, "camera: {error}"),
            Self::Training(error) => error.fmt(f),
        }
    }
}

impl<E: core::error::Error> core::error::Error for AdaptationError<E> {}
