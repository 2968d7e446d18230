//! The losses measured, through the library's safe public interface.

use crate::{DIMENSIONS, EMBEDDING_CLASSES, Pattern, inputs};
use scarce::sample::All;
use scarce::{
    Batch, CrossEntropy, Embeddings, Error, Focal, Labels, Lovasz, Math, MinKept, Ohem, Overlap, PixelContrast, Planes,
    PlanesMut, Within,
};

/// Calls `$run` with the `$index`-th of the elementary functions; their names are [`MATHS`].
macro_rules! maths {
    ($($name:literal => $math:expr,)*) => {
        /// The elementary functions that each loss is measured with.
        pub const MATHS: &[&str] = &[$($name),*];

        fn run(job: &mut Job) -> Result<f32, Error> {
            let functions: &[fn(&mut Job) -> Result<f32, Error>] = &[$(|job| with_math(job, $math)),*];
            functions[job.math](job)
        }
    };
}

// One line for each.
maths! {
    "fast" => scarce::Fast,
    "libm" => scarce::Libm,
}

/// A loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// Weighted cross entropy.
    CrossEntropy,
    /// Focal loss, γ = 2.
    Focal,
    /// Soft Dice.
    Dice,
    /// Cross entropy of the hard pixels: p < 0.7, at least a sixteenth.
    Ohem,
    /// Lovász-softmax over the classes present.
    Lovasz,
    /// Pixel contrast within the batch, τ = 0.1, on embeddings in place of scores.
    Contrast,
}

/// All losses, with their names.
pub const LOSSES: [(&str, Loss); 6] = [
    ("ce", Loss::CrossEntropy),
    ("focal", Loss::Focal),
    ("dice", Loss::Dice),
    ("ohem", Loss::Ohem),
    ("lovasz", Loss::Lovasz),
    ("contrast", Loss::Contrast),
];

/// How scores lie in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// `[pixels, classes]`.
    PixelMajor,
    /// `[classes, pixels]`.
    ClassMajor,
}

/// A loss and the shape of its input.
#[derive(Clone, Copy, Debug)]
pub struct Cell {
    /// The loss.
    pub loss: Loss,
    /// The layout; embeddings are pixel-major.
    pub layout: Layout,
    /// The number of classes: 2, 4 or 21, of embeddings 16.
    pub classes: usize,
    /// The number of pixels or of anchors.
    pub pixels: usize,
}

impl Cell {
    /// All cells of the tables: each loss in both layouts for each number of classes, and pixel contrast.
    pub fn all(pixels: usize, anchors: usize) -> Vec<Self> {
        let mut cells = Vec::new();
        for (_, loss) in LOSSES.into_iter().filter(|&(_, loss)| loss != Loss::Contrast) {
            for layout in [Layout::PixelMajor, Layout::ClassMajor] {
                for classes in [2, 4, 21] {
                    cells.push(Self { loss, layout, classes, pixels });
                }
            }
        }
        cells.push(Self::contrast(anchors));
        cells
    }

    /// Pixel contrast of so many anchors.
    pub fn contrast(anchors: usize) -> Self {
        let (loss, layout) = (Loss::Contrast, Layout::PixelMajor);
        Self { loss, layout, classes: EMBEDDING_CLASSES, pixels: anchors }
    }

    /// What the cell is called in tables and names of files.
    pub fn name(self) -> String {
        let loss = LOSSES.iter().find(|&&(_, loss)| loss == self.loss).map_or("", |&(name, _)| name);
        let layout = if self.layout == Layout::PixelMajor { "pixel" } else { "class" };
        format!("{loss}-{layout}-{}", self.classes)
    }
}

/// A cell with its buffers.
#[derive(Debug)]
pub struct Job {
    cell: Cell,
    math: usize,
    scores: Vec<f32>,
    labels: Vec<u8>,
    gradient: Vec<f32>,
    scratch: Vec<u32>,
}

impl Job {
    /// Makes the input; `math` is an index into [`MATHS`].
    pub fn new(cell: Cell, pattern: Pattern, math: usize) -> Self {
        let (scores, labels) = inputs::make(cell, pattern);
        Self { cell, math, gradient: vec![0.0; scores.len()], scores, labels, scratch: Vec::new() }
    }

    /// Checks the input and computes the loss and its gradient; the first call allocates the scratch.
    pub fn run(&mut self) -> Result<f32, Error> {
        run(self)
    }

    /// The shape.
    pub fn cell(&self) -> Cell {
        self.cell
    }

    /// The scores, or the embeddings.
    pub fn scores(&self) -> &[f32] {
        &self.scores
    }

    /// The labels.
    pub fn labels(&self) -> &[u8] {
        &self.labels
    }

    /// The gradient that the last run left.
    pub fn gradient(&self) -> &[f32] {
        &self.gradient
    }
}

fn with_math<M: Math>(job: &mut Job, math: M) -> Result<f32, Error> {
    match (job.cell.loss, job.cell.classes) {
        (Loss::Contrast, _) => contrast(job, math),
        (_, 2) => with_classes::<2, M>(job, math),
        (_, 4) => with_classes::<4, M>(job, math),
        (_, 21) => with_classes::<21, M>(job, math),
        (_, other) => unimplemented!("{other} classes"),
    }
}

fn with_classes<const C: usize, M: Math>(job: &mut Job, math: M) -> Result<f32, Error> {
    match job.cell.loss {
        Loss::CrossEntropy => {
            with_loss(job, CrossEntropy::<C>::new().with_weights(std::array::from_fn(weight)).with_math(math))
        }
        Loss::Focal => with_loss(job, Focal::<C>::new(2.0).with_math(math)),
        Loss::Dice => with_loss(job, Overlap::<C>::dice().with_math(math)),
        Loss::Ohem => {
            let loss = Ohem::new(CrossEntropy::<C>::new().with_math(math));
            with_loss(job, loss.with_thresh(0.7).with_min_kept(MinKept::Fraction(1.0 / 16.0)))
        }
        Loss::Lovasz => with_loss(job, Lovasz::<C>::new().with_math(math)),
        Loss::Contrast => unreachable!("takes no scores"),
    }
}

/// The weight of a class in the cross entropy: ¼ of class 0, 1 + c/16 of the others.
pub fn weight(class: usize) -> f32 {
    if class == 0 { 0.25 } else { 1.0 + class as f32 / 16.0 }
}

fn with_loss<const C: usize, L: scarce::Loss<C>>(job: &mut Job, loss: L) -> Result<f32, Error> {
    let Job { cell, scores, labels, gradient, scratch, .. } = job;
    scratch.resize(loss.scratch_len(cell.pixels), 0);
    let labels = Labels::new(labels);
    match cell.layout {
        Layout::PixelMajor => {
            let batch = Batch::new(scores.as_chunks::<C>().0, labels)?;
            loss.value_and_grad(&batch, gradient.as_chunks_mut::<C>().0, scratch)
        }
        Layout::ClassMajor => {
            let planes = Planes::<C>::new(scores, 1)?;
            let batch = Batch::new(&planes, labels)?;
            loss.value_and_grad(&batch, &mut PlanesMut::<C>::new(gradient, 1)?, scratch)
        }
    }
}

fn contrast<M: Math>(job: &mut Job, math: M) -> Result<f32, Error> {
    let Job { cell, scores, labels, gradient, scratch, .. } = job;
    scratch.resize(PixelContrast::scratch_len(cell.pixels), 0);
    let embeddings = Embeddings::new(scores.as_chunks::<DIMENSIONS>().0, Labels::new(labels))?;
    let gradient = gradient.as_chunks_mut::<DIMENSIONS>().0;
    PixelContrast::new().with_math(math).value_and_grad(&embeddings, Within, &mut All, gradient, scratch)
}
