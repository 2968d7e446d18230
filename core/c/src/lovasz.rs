//! The Lovasz extension of the Jaccard loss: softmax, and hinge.

use crate::batch::Batch;
use crate::call::{Job, Options, Results, Words, add_grad, value, value_and_grad};
use crate::memory::of_classes;
use crate::status::{Buffer, ErrorReport, Failure, one_of};
use core::ptr;
use scarce::{Heap, Lovasz, LovaszHinge, Softmax, scratch_len, scratch_len_to_write};

/// The classes that a Lovasz loss is averaged over.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Classes {
    /// Those with a true pixel.
    Present = 0,
    /// All.
    All = 1,
}

/// Options of Lovasz-softmax; 2 classes and more.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct LovaszOptions {
    /// A weight for each class, or NULL: all 1.
    pub weights: *const f32,
    /// One of `enum scarce_classes`.
    pub classes: u32,
    /// Whether each image is computed by itself: 0 or 1.
    pub per_image: u8,
}

impl LovaszOptions {
    pub(crate) const USUAL: Self = Self { weights: ptr::null(), classes: Classes::Present as u32, per_image: 0 };

    /// # Safety
    /// The array can be read.
    pub(crate) unsafe fn loss<const C: usize>(&self) -> Result<Lovasz<C>, Failure> {
        let classes = one_of([scarce::Classes::Present, scarce::Classes::All], self.classes)?;
        let mut loss = Lovasz::new().with_classes(classes);
        if let Some(weights) = of_classes(self.weights, Buffer::ClassOptions)? {
            loss = loss.with_weights(weights);
        }
        Ok(if self.per_image != 0 { loss.per_image() } else { loss })
    }
}

impl Options for LovaszOptions {
    const DEFAULT: Self = Self::USUAL;

    unsafe fn run(&self, classes: usize, job: impl Job) -> Result<f32, Failure> {
        for_softmax_classes!(classes, C => job.run::<C>(&self.loss()?))
    }
}

/// The same with the sort that needs less scratch.
#[derive(Clone, Copy)]
#[repr(transparent)]
struct ByHeap(LovaszOptions);

impl Options for ByHeap {
    const DEFAULT: Self = Self(LovaszOptions::USUAL);

    unsafe fn run(&self, classes: usize, job: impl Job) -> Result<f32, Failure> {
        for_softmax_classes!(classes, C => job.run::<C>(&self.0.loss()?.with_sort(Heap)))
    }
}

/// Options of the Lovasz hinge: one class, labels 0 and 1.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct LovaszHingeOptions {
    /// Whether each image is computed by itself: 0 or 1.
    pub per_image: u8,
    /// elu(e) + 1 in place of max(e, 0): 0 or 1.
    pub elu: u8,
}

impl LovaszHingeOptions {
    const USUAL: Self = Self { per_image: 0, elu: 0 };

    const fn loss(self) -> LovaszHinge {
        let loss = if self.per_image != 0 { LovaszHinge::new().per_image() } else { LovaszHinge::new() };
        if self.elu != 0 { loss.elu() } else { loss }
    }
}

impl Options for LovaszHingeOptions {
    const DEFAULT: Self = Self::USUAL;

    unsafe fn run(&self, classes: usize, job: impl Job) -> Result<f32, Failure> {
        if classes == 1 { job.run::<1>(&self.loss()) } else { Err(Failure::NotBuilt(classes)) }
    }
}

/// The same with the sort that needs less scratch.
#[derive(Clone, Copy)]
#[repr(transparent)]
struct HingeByHeap(LovaszHingeOptions);

impl Options for HingeByHeap {
    const DEFAULT: Self = Self(LovaszHingeOptions::USUAL);

    unsafe fn run(&self, classes: usize, job: impl Job) -> Result<f32, Failure> {
        if classes == 1 { job.run::<1>(&self.0.loss().with_sort(Heap)) } else { Err(Failure::NotBuilt(classes)) }
    }
}

/// All weights 1, the classes that are present, over the whole batch.
#[unsafe(no_mangle)]
pub extern "C" fn scarce_lovasz_default() -> LovaszOptions {
    LovaszOptions::DEFAULT
}

/// Words of scratch that `scarce_lovasz_value` and `scarce_lovasz_add_grad` need.
#[unsafe(no_mangle)]
pub extern "C" fn scarce_lovasz_scratch_len(pixels: usize) -> usize {
    scratch_len::<2, Lovasz<2>>(pixels)
}

/// Words of scratch that `scarce_lovasz_value_and_grad` needs: fewer.
#[unsafe(no_mangle)]
pub extern "C" fn scarce_lovasz_scratch_len_to_write(pixels: usize) -> usize {
    scratch_len_to_write::<2, Lovasz<2>>(pixels)
}

/// Lovasz-softmax: the loss.
///
/// `scratch` has `scarce_lovasz_scratch_len(pixels)` words of 32 bits at least.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scarce_lovasz_value(
    batch: *const Batch,
    options: *const LovaszOptions,
    scratch: *mut u32,
    scratch_len: usize,
    loss: *mut f32,
    error: *mut ErrorReport,
) -> i32 {
    value(batch, options, Words(scratch, scratch_len), Results { loss, error })
}

/// Lovasz-softmax: the loss, and `grad += scale * gradient`.
///
/// `scratch` has `scarce_lovasz_scratch_len(pixels)` words of 32 bits at least.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scarce_lovasz_add_grad(
    batch: *const Batch,
    options: *const LovaszOptions,
    scale: f32,
    grad: *mut f32,
    scratch: *mut u32,
    scratch_len: usize,
    loss: *mut f32,
    error: *mut ErrorReport,
) -> i32 {
    add_grad(batch, options, scale, grad, Words(scratch, scratch_len), Results { loss, error })
}

/// Lovasz-softmax: the loss, and `grad = gradient`.
///
/// `scratch` has `scarce_lovasz_scratch_len_to_write(pixels)` words at least.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scarce_lovasz_value_and_grad(
    batch: *const Batch,
    options: *const LovaszOptions,
    grad: *mut f32,
    scratch: *mut u32,
    scratch_len: usize,
    loss: *mut f32,
    error: *mut ErrorReport,
) -> i32 {
    value_and_grad(batch, options, grad, Words(scratch, scratch_len), Results { loss, error })
}

/// Words of scratch that `scarce_lovasz_heap_value` and `scarce_lovasz_heap_add_grad` need.
#[unsafe(no_mangle)]
pub extern "C" fn scarce_lovasz_heap_scratch_len(pixels: usize) -> usize {
    scratch_len::<2, Lovasz<2, Softmax, Heap>>(pixels)
}

/// Words of scratch that `scarce_lovasz_heap_value_and_grad` needs: fewer.
#[unsafe(no_mangle)]
pub extern "C" fn scarce_lovasz_heap_scratch_len_to_write(pixels: usize) -> usize {
    scratch_len_to_write::<2, Lovasz<2, Softmax, Heap>>(pixels)
}

/// Lovasz-softmax by a sort that is slower and needs less scratch; the same bits: the loss.
///
/// `scratch` has `scarce_lovasz_heap_scratch_len(pixels)` words of 32 bits at least.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scarce_lovasz_heap_value(
    batch: *const Batch,
    options: *const LovaszOptions,
    scratch: *mut u32,
    scratch_len: usize,
    loss: *mut f32,
    error: *mut ErrorReport,
) -> i32 {
    value(batch, options.cast::<ByHeap>(), Words(scratch, scratch_len), Results { loss, error })
}

/// Lovasz-softmax by a sort that is slower and needs less scratch; the same bits: the loss, and `grad += scale * gradient`.
///
/// `scratch` has `scarce_lovasz_heap_scratch_len(pixels)` words of 32 bits at least.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scarce_lovasz_heap_add_grad(
    batch: *const Batch,
    options: *const LovaszOptions,
    scale: f32,
    grad: *mut f32,
    scratch: *mut u32,
    scratch_len: usize,
    loss: *mut f32,
    error: *mut ErrorReport,
) -> i32 {
    add_grad(batch, options.cast::<ByHeap>(), scale, grad, Words(scratch, scratch_len), Results { loss, error })
}

/// Lovasz-softmax by a sort that is slower and needs less scratch; the same bits: the loss, and `grad = gradient`.
///
/// `scratch` has `scarce_lovasz_heap_scratch_len_to_write(pixels)` words at least.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scarce_lovasz_heap_value_and_grad(
    batch: *const Batch,
    options: *const LovaszOptions,
    grad: *mut f32,
    scratch: *mut u32,
    scratch_len: usize,
    loss: *mut f32,
    error: *mut ErrorReport,
) -> i32 {
    value_and_grad(batch, options.cast::<ByHeap>(), grad, Words(scratch, scratch_len), Results { loss, error })
}

/// max(e, 0), over the whole batch.
#[unsafe(no_mangle)]
pub extern "C" fn scarce_lovasz_hinge_default() -> LovaszHingeOptions {
    LovaszHingeOptions::DEFAULT
}

/// Words of scratch that `scarce_lovasz_hinge_value` and `scarce_lovasz_hinge_add_grad` need.
#[unsafe(no_mangle)]
pub extern "C" fn scarce_lovasz_hinge_scratch_len(pixels: usize) -> usize {
    scratch_len::<1, LovaszHinge>(pixels)
}

/// Words of scratch that `scarce_lovasz_hinge_value_and_grad` needs: fewer.
#[unsafe(no_mangle)]
pub extern "C" fn scarce_lovasz_hinge_scratch_len_to_write(pixels: usize) -> usize {
    scratch_len_to_write::<1, LovaszHinge>(pixels)
}

/// Lovasz hinge: the loss.
///
/// `scratch` has `scarce_lovasz_hinge_scratch_len(pixels)` words of 32 bits at least.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scarce_lovasz_hinge_value(
    batch: *const Batch,
    options: *const LovaszHingeOptions,
    scratch: *mut u32,
    scratch_len: usize,
    loss: *mut f32,
    error: *mut ErrorReport,
) -> i32 {
    value(batch, options, Words(scratch, scratch_len), Results { loss, error })
}

/// Lovasz hinge: the loss, and `grad += scale * gradient`.
///
/// `scratch` has `scarce_lovasz_hinge_scratch_len(pixels)` words of 32 bits at least.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scarce_lovasz_hinge_add_grad(
    batch: *const Batch,
    options: *const LovaszHingeOptions,
    scale: f32,
    grad: *mut f32,
    scratch: *mut u32,
    scratch_len: usize,
    loss: *mut f32,
    error: *mut ErrorReport,
) -> i32 {
    add_grad(batch, options, scale, grad, Words(scratch, scratch_len), Results { loss, error })
}

/// Lovasz hinge: the loss, and `grad = gradient`.
///
/// `scratch` has `scarce_lovasz_hinge_scratch_len_to_write(pixels)` words at least.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scarce_lovasz_hinge_value_and_grad(
    batch: *const Batch,
    options: *const LovaszHingeOptions,
    grad: *mut f32,
    scratch: *mut u32,
    scratch_len: usize,
    loss: *mut f32,
    error: *mut ErrorReport,
) -> i32 {
    value_and_grad(batch, options, grad, Words(scratch, scratch_len), Results { loss, error })
}

/// Words of scratch that `scarce_lovasz_hinge_heap_value` and `scarce_lovasz_hinge_heap_add_grad` need.
#[unsafe(no_mangle)]
pub extern "C" fn scarce_lovasz_hinge_heap_scratch_len(pixels: usize) -> usize {
    scratch_len::<1, LovaszHinge<Heap>>(pixels)
}

/// Words of scratch that `scarce_lovasz_hinge_heap_value_and_grad` needs: fewer.
#[unsafe(no_mangle)]
pub extern "C" fn scarce_lovasz_hinge_heap_scratch_len_to_write(pixels: usize) -> usize {
    scratch_len_to_write::<1, LovaszHinge<Heap>>(pixels)
}

/// Lovasz hinge by a sort that is slower and needs less scratch; the same bits: the loss.
///
/// `scratch` has `scarce_lovasz_hinge_heap_scratch_len(pixels)` words of 32 bits at least.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scarce_lovasz_hinge_heap_value(
    batch: *const Batch,
    options: *const LovaszHingeOptions,
    scratch: *mut u32,
    scratch_len: usize,
    loss: *mut f32,
    error: *mut ErrorReport,
) -> i32 {
    value(batch, options.cast::<HingeByHeap>(), Words(scratch, scratch_len), Results { loss, error })
}

/// Lovasz hinge by a sort that is slower and needs less scratch; the same bits: the loss, and `grad += scale * gradient`.
///
/// `scratch` has `scarce_lovasz_hinge_heap_scratch_len(pixels)` words of 32 bits at least.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scarce_lovasz_hinge_heap_add_grad(
    batch: *const Batch,
    options: *const LovaszHingeOptions,
    scale: f32,
    grad: *mut f32,
    scratch: *mut u32,
    scratch_len: usize,
    loss: *mut f32,
    error: *mut ErrorReport,
) -> i32 {
    add_grad(batch, options.cast::<HingeByHeap>(), scale, grad, Words(scratch, scratch_len), Results { loss, error })
}

/// Lovasz hinge by a sort that is slower and needs less scratch; the same bits: the loss, and `grad = gradient`.
///
/// `scratch` has `scarce_lovasz_hinge_heap_scratch_len_to_write(pixels)` words at least.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scarce_lovasz_hinge_heap_value_and_grad(
    batch: *const Batch,
    options: *const LovaszHingeOptions,
    grad: *mut f32,
    scratch: *mut u32,
    scratch_len: usize,
    loss: *mut f32,
    error: *mut ErrorReport,
) -> i32 {
    value_and_grad(batch, options.cast::<HingeByHeap>(), grad, Words(scratch, scratch_len), Results { loss, error })
}
