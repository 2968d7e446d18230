//! How much memory the firmware takes.

#![allow(unsafe_code, reason = "the linker's symbols, and memory below the stack")]

use core::ptr;

/// What the start-up code of cortex-m-rt paints the stack with.
const PAINT: u32 = 0xcccc_cccc;

unsafe extern "C" {
    static __sdata: u32;
    static _stack_start: u32;
    static _stack_end: u32;
}

/// Bytes of all static variables.
#[must_use]
pub fn static_bytes() -> usize {
    (&raw const _stack_end).addr() - (&raw const __sdata).addr()
}

/// Bytes of stack that were used at the deepest since the start, or since [`paint`].
#[must_use]
pub fn deepest() -> usize {
    let top = (&raw const _stack_start).addr();
    let mut word = &raw const _stack_end;
    // SAFETY: from the end of the static variables to the top of the stack all is memory, and aligned to words.
    while word.addr() < top && unsafe { ptr::read_volatile(word) } == PAINT {
        word = word.wrapping_add(1);
    }
    top - word.addr()
}

/// Logs how much RAM was taken: static variables, of which `buffers` bytes are the firmware's own, and stack.
pub fn report(buffers: usize) {
    let (fixed, deepest) = (static_bytes(), deepest());
    defmt::println!(
        "RAM: {=usize} bytes = {=usize} static (buffers {=usize}) + {=usize} of stack at the deepest",
        fixed + deepest,
        fixed,
        buffers,
        deepest
    );
}

/// Paints what lies below the stack anew, and returns the bytes of stack in use now.
#[inline(never)]
#[must_use]
pub fn paint() -> usize {
    let in_use = (&raw const _stack_start).addr() - stack_pointer();
    let mut word = (&raw const _stack_end).cast_mut();
    while word.addr() + 64 < stack_pointer() {
        // SAFETY: below the stack pointer, of which this function's frame takes less than 64 bytes, nothing is kept.
        unsafe { ptr::write_volatile(word, PAINT) };
        word = word.wrapping_add(1);
    }
    in_use
}

fn stack_pointer() -> usize {
    usize::try_from(cortex_m::register::msp::read()).unwrap_or(usize::MAX)
}
