//! The one place where pointers become slices.

#![deny(unsafe_op_in_unsafe_fn)]

use crate::status::{Buffer, Failure};
use core::slice;

/// Where the caller says that `len` elements are; neither null, if there are any, nor misaligned, nor too large.
pub(crate) struct Region<T> {
    data: *mut T,
    len: usize,
    buffer: Buffer,
}

impl<T: Copy> Region<T> {
    /// Checks what can be checked of a pointer.
    pub(crate) fn new(data: *const T, len: usize, buffer: Buffer) -> Result<Self, Failure> {
        let bytes = len.checked_mul(size_of::<T>());
        if bytes.is_none_or(|bytes| isize::try_from(bytes).is_err()) {
            return Err(Failure::TooLong(buffer));
        }
        if len > 0 && data.is_null() {
            return Err(Failure::Null(buffer));
        }
        if len > 0 && !data.is_aligned() {
            return Err(Failure::Misaligned(buffer));
        }
        Ok(Self { data: data.cast_mut(), len, buffer })
    }

    /// As [`new`](Self::new), of rows of `width` elements.
    pub(crate) fn of_rows(data: *const T, rows: usize, width: usize, buffer: Buffer) -> Result<Self, Failure> {
        Self::new(data, rows.checked_mul(width).ok_or(Failure::TooLong(buffer))?, buffer)
    }

    /// Number of elements.
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// That this region, which is to be written, has no byte of another.
    pub(crate) fn apart_from<U: Copy>(&self, other: &Region<U>) -> Result<(), Failure> {
        let (start, other_start) = (self.data.addr(), other.data.addr());
        // No overflow: both products have been checked, and no object wraps around the end of memory.
        let end = start.wrapping_add(self.len.wrapping_mul(size_of::<T>()));
        let other_end = other_start.wrapping_add(other.len.wrapping_mul(size_of::<U>()));
        let is_apart = self.len == 0 || other.len == 0 || end <= other_start || other_end <= start;
        if is_apart { Ok(()) } else { Err(Failure::Overlap(self.buffer)) }
    }

    /// The elements, to be read.
    ///
    /// # Safety
    /// They can be read, and nobody writes them, while the slice lives.
    pub(crate) unsafe fn read<'a>(self) -> &'a [T] {
        if self.len == 0 {
            return &[];
        }
        // SAFETY: not null, aligned, and not more than `isize::MAX` bytes, by `new`; readable and not written, by the caller.
        unsafe { slice::from_raw_parts(self.data, self.len) }
    }

    /// The elements, to be written.
    ///
    /// # Safety
    /// They can be read and written, and nobody else does either, while the slice lives. Each is initialised, as far as the
    /// compiler of this crate can know.
    pub(crate) unsafe fn write<'a>(self) -> &'a mut [T] {
        if self.len == 0 {
            return &mut [];
        }
        // SAFETY: as in `read`; they are the slice's alone, by the caller. Memory that C has never written is nothing
        // uninitialised here: C is compiled apart, so that the compiler cannot know, and takes it to hold some bits; any are a
        // value of `f32` and of `u32`, which are the types of what is written. Whom it does know, callers in Rust and in C
        // that is optimised together with this crate, the crate's documentation asks to initialise it.
        unsafe { slice::from_raw_parts_mut(self.data, self.len) }
    }
}

/// What a pointer to one value points to.
///
/// # Safety
/// It can be read.
pub(crate) unsafe fn one<T: Copy>(data: *const T, buffer: Buffer) -> Result<T, Failure> {
    let region = Region::new(data, 1, buffer)?;
    // SAFETY: by the caller; the slice is gone before anything is written.
    unsafe { region.read() }.first().copied().ok_or(Failure::Null(buffer))
}

/// One value for each class; `None` for a null pointer.
///
/// # Safety
/// If it is not null, so many values can be read.
pub(crate) unsafe fn of_classes<const C: usize>(data: *const f32, buffer: Buffer) -> Result<Option<[f32; C]>, Failure> {
    if data.is_null() {
        return Ok(None);
    }
    let region = Region::new(data, C, buffer)?;
    // SAFETY: by the caller; the slice is gone before anything is written.
    Ok(unsafe { region.read() }.first_chunk().copied())
}

/// Writes one value, over what need not have been one: there is no reference to the place.
///
/// # Safety
/// The region is of one value, which can be written, and no slice of it lives.
pub(crate) unsafe fn put<T: Copy>(region: Region<T>, value: T) {
    // SAFETY: not null and aligned, by `new`; of one value, and writable, by the caller.
    unsafe { region.data.write(value) };
}
