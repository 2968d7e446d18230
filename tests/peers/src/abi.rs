//! Jobs for other languages.
#![allow(clippy::missing_safety_doc, reason = "for one caller, the Python script beside this package")]

use crate::{Cell, Job, LOSSES, Layout, MATHS, Pattern};
use std::ffi::{CString, c_char};

/// Names of the elementary functions, with commas between.
#[unsafe(no_mangle)]
extern "C" fn peers_maths() -> *mut c_char {
    CString::new(MATHS.join(",")).expect("no NUL").into_raw()
}

/// A job on random input; the loss is an index into [`LOSSES`].
#[unsafe(no_mangle)]
extern "C" fn peers_job(loss: usize, class_major: bool, classes: usize, pixels: usize, math: usize) -> *mut Job {
    let layout = if class_major { Layout::ClassMajor } else { Layout::PixelMajor };
    let cell = Cell { loss: LOSSES[loss].1, layout, classes, pixels };
    Box::into_raw(Box::new(Job::new(cell, Pattern::Random, math)))
}

/// Frees a job.
#[unsafe(no_mangle)]
unsafe extern "C" fn peers_drop(job: *mut Job) {
    // SAFETY: the caller had it from `peers_job`, and uses it no more.
    drop(unsafe { Box::from_raw(job) });
}

/// The scores.
#[unsafe(no_mangle)]
unsafe extern "C" fn peers_scores(job: *const Job) -> *const f32 {
    // SAFETY: the caller had it from `peers_job`.
    unsafe { &*job }.scores().as_ptr()
}

/// The labels.
#[unsafe(no_mangle)]
unsafe extern "C" fn peers_labels(job: *const Job) -> *const u8 {
    // SAFETY: the caller had it from `peers_job`.
    unsafe { &*job }.labels().as_ptr()
}

/// The gradient that the last run left.
#[unsafe(no_mangle)]
unsafe extern "C" fn peers_gradient(job: *const Job) -> *const f32 {
    // SAFETY: the caller had it from `peers_job`.
    unsafe { &*job }.gradient().as_ptr()
}

/// Runs a job; NaN on an error.
#[unsafe(no_mangle)]
unsafe extern "C" fn peers_run(job: *mut Job) -> f32 {
    // SAFETY: the caller had it from `peers_job`, and has one thread.
    unsafe { &mut *job }.run().unwrap_or(f32::NAN)
}
