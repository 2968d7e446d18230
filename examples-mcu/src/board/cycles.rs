//! Time by counting cycles.

use embedded_hal::delay::DelayNs;

/// The cycles of a processor of so many megahertz; those of interrupts come on top.
#[derive(Clone, Copy, Debug)]
pub struct Cycles<const MEGAHERTZ: u32>;

impl<const MEGAHERTZ: u32> DelayNs for Cycles<MEGAHERTZ> {
    fn delay_ns(&mut self, nanoseconds: u32) {
        cortex_m::asm::delay((u64::from(nanoseconds) * u64::from(MEGAHERTZ)).div_ceil(1000) as u32);
    }
}
