//! What the functions of all losses over a batch share.

#![deny(unsafe_op_in_unsafe_fn)]

use crate::batch::{Batch, Checked, Layout, labels};
use crate::memory::{Region, one, put};
use crate::status::{Buffer, ErrorReport, Failure, Status};
use core::ptr;
use scarce::{Error, Loss, Planes, PlanesMut, Scores, ScoresMut};

/// The options of a loss.
pub(crate) trait Options: Copy {
    /// What a null pointer stands for.
    const DEFAULT: Self;

    /// Runs a job with the loss of so many classes.
    ///
    /// # Safety
    /// The arrays among the options can be read; the job's own contract.
    unsafe fn run(&self, classes: usize, job: impl Job) -> Result<f32, Failure>;
}

/// What is done with a loss, once its classes are known.
pub(crate) trait Job {
    /// # Safety
    /// What the job has been given can be read, or written, and nobody else writes it.
    unsafe fn run<const C: usize>(self, loss: &impl Loss<C>) -> Result<f32, Failure>;
}

/// What becomes of the gradient, as C says it.
#[derive(Clone, Copy)]
pub(crate) enum Gradient {
    /// Nothing.
    None,
    /// So many times the gradient is added.
    Add(f32, *mut f32),
    /// It is written.
    Write(*mut f32),
}

impl Gradient {
    /// Where it is: so many elements, or none.
    pub(crate) fn region(self, len: usize) -> Result<Region<f32>, Failure> {
        match self {
            Self::None => Region::new(ptr::null(), 0, Buffer::Grad),
            Self::Add(_, grad) | Self::Write(grad) => Region::new(grad, len, Buffer::Grad),
        }
    }
}

/// A [`Gradient`] whose variant the compiler knows, so that a function for C holds the code of one method of a loss.
trait Verb: Copy {
    fn gradient(self) -> Gradient;
}

#[derive(Clone, Copy)]
struct Compute;
#[derive(Clone, Copy)]
struct Add(f32, *mut f32);
#[derive(Clone, Copy)]
struct Write(*mut f32);

impl Verb for Compute {
    #[inline]
    fn gradient(self) -> Gradient {
        Gradient::None
    }
}

impl Verb for Add {
    #[inline]
    fn gradient(self) -> Gradient {
        Gradient::Add(self.0, self.1)
    }
}

impl Verb for Write {
    #[inline]
    fn gradient(self) -> Gradient {
        Gradient::Write(self.0)
    }
}

/// The method of a loss that the verb names; `grad` lies where the verb says.
#[inline]
fn call<const C: usize, S: Scores<C> + ?Sized, G: ScoresMut<C> + ?Sized>(
    verb: impl Verb,
    loss: &impl Loss<C>,
    batch: &scarce::Batch<'_, S, C>,
    grad: &mut G,
    scratch: &mut [u32],
) -> Result<f32, Error> {
    match verb.gradient() {
        Gradient::None => loss.value(batch, scratch),
        Gradient::Add(scale, _) => loss.add_grad(batch, scale, grad, scratch),
        Gradient::Write(_) => loss.value_and_grad(batch, grad, scratch),
    }
}

/// One method of a loss over a batch.
struct OverBatch<V> {
    verb: V,
    batch: Checked,
    grad: Region<f32>,
    scratch: Region<u32>,
}

impl<V: Verb> Job for OverBatch<V> {
    unsafe fn run<const C: usize>(self, loss: &impl Loss<C>) -> Result<f32, Failure> {
        let Checked { logits, labels: data, images, layout, ignore, .. } = self.batch;
        // SAFETY: by the caller; that what is written lies apart from all else has been checked.
        let (logits, data) = unsafe { (logits.read(), data.read()) };
        // SAFETY: as above.
        let (grad, scratch) = unsafe { (self.grad.write(), self.scratch.write()) };
        let labels = labels(data, ignore);
        let loss = match layout {
            Layout::Rows if cfg!(feature = "rows") => {
                let ((rows, _), (grad, _)) = (logits.as_chunks::<C>(), grad.as_chunks_mut::<C>());
                let batch = scarce::Batch::new(rows, labels)?.with_images(images)?;
                call(self.verb, loss, &batch, grad, scratch)
            }
            Layout::Planes if cfg!(feature = "planes") => {
                let (planes, mut grad) = (Planes::<C>::new(logits, images)?, PlanesMut::<C>::new(grad, images)?);
                call(self.verb, loss, &scarce::Batch::new(&planes, labels)?, &mut grad, scratch)
            }
            Layout::Rows | Layout::Planes => return Err(Failure::LayoutNotBuilt(layout)),
        };
        Ok(loss?)
    }
}

/// Where the results of a call go.
#[derive(Clone, Copy)]
pub(crate) struct Results {
    pub(crate) loss: *mut f32,
    pub(crate) error: *mut ErrorReport,
}

impl Results {
    /// Computes a loss and writes it; or, if that fails, tells why.
    ///
    /// # Safety
    /// What is not null can be written.
    pub(crate) unsafe fn of(self, compute: impl FnOnce() -> Result<f32, Failure>) -> i32 {
        let result = Region::new(self.loss, 1, Buffer::Loss).and_then(|region| Ok((region, compute()?)));
        match result {
            Ok((region, loss)) => {
                // SAFETY: by the caller.
                unsafe { put(region, loss) };
                Status::Ok as i32
            }
            Err(failure) => {
                let report = failure.report();
                if let Ok(region) = Region::new(self.error, 1, Buffer::None) {
                    // SAFETY: by the caller.
                    unsafe { put(region, report) };
                }
                report.status
            }
        }
    }
}

/// Scratch, as C hands it over.
#[derive(Clone, Copy)]
pub(crate) struct Words(pub(crate) *mut u32, pub(crate) usize);

impl Words {
    /// For a loss that needs none.
    pub(crate) const NONE: Self = Self(ptr::null_mut(), 0);

    pub(crate) fn region(self) -> Result<Region<u32>, Failure> {
        Region::new(self.0, self.1, Buffer::Scratch)
    }
}

/// The loss.
///
/// # Safety
/// What every exported function asks for: see the crate's documentation.
pub(crate) unsafe fn value<O: Options>(
    batch: *const Batch,
    options: *const O,
    scratch: Words,
    results: Results,
) -> i32 {
    // SAFETY: by the caller.
    unsafe { results.of(|| over_batch(batch, options, Compute, scratch)) }
}

/// The loss; adds `scale` times its gradient.
///
/// # Safety
/// As [`value`].
pub(crate) unsafe fn add_grad<O: Options>(
    batch: *const Batch,
    options: *const O,
    scale: f32,
    grad: *mut f32,
    scratch: Words,
    results: Results,
) -> i32 {
    // SAFETY: by the caller.
    unsafe { results.of(|| over_batch(batch, options, Add(scale, grad), scratch)) }
}

/// The loss; writes its gradient.
///
/// # Safety
/// As [`value`].
pub(crate) unsafe fn value_and_grad<O: Options>(
    batch: *const Batch,
    options: *const O,
    grad: *mut f32,
    scratch: Words,
    results: Results,
) -> i32 {
    // SAFETY: by the caller.
    unsafe { results.of(|| over_batch(batch, options, Write(grad), scratch)) }
}

/// # Safety
/// As [`value`].
unsafe fn over_batch<O: Options>(
    batch: *const Batch,
    options: *const O,
    verb: impl Verb,
    scratch: Words,
) -> Result<f32, Failure> {
    // SAFETY: by the caller.
    let batch = unsafe { Checked::new(batch) }?;
    // SAFETY: by the caller.
    let options = unsafe { options_or(options, O::DEFAULT) }?;
    let (grad, scratch) = (verb.gradient().region(batch.logits.len())?, scratch.region()?);
    grad.apart_from(&scratch)?;
    grad.apart_from(&batch.logits)?;
    grad.apart_from(&batch.labels)?;
    scratch.apart_from(&batch.logits)?;
    scratch.apart_from(&batch.labels)?;
    // SAFETY: by the caller; the options' arrays are read before anything is written.
    unsafe { options.run(batch.classes, OverBatch { verb, batch, grad, scratch }) }
}

/// The options, or the defaults for a null pointer.
///
/// # Safety
/// If it is not null, it can be read.
pub(crate) unsafe fn options_or<O: Copy>(options: *const O, default: O) -> Result<O, Failure> {
    // SAFETY: by the caller.
    if options.is_null() { Ok(default) } else { unsafe { one(options, Buffer::Options) } }
}
