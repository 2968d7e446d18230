//! Time by counting cycles.

#[cfg(target_arch = "arm")]
use cortex_m::asm::delay;
use embedded_hal::delay::DelayNs;
#[cfg(target_arch = "riscv32")]
use riscv::asm::delay;

/// The cycles of a processor of so many megahertz; those of interrupts come on top.
#[derive(Clone, Copy, Debug)]
pub struct Cycles<const MEGAHERTZ: u32>;

impl<const MEGAHERTZ: u32> DelayNs for Cycles<MEGAHERTZ> {
    fn delay_ns(&mut self, nanoseconds: u32) {
        delay((u64::from(nanoseconds) * u64::from(MEGAHERTZ)).div_ceil(1000) as u32);
    }
}
