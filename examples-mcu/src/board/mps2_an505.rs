//! The MPS2 board AN505 (Cortex-M33) as QEMU models it: for what needs a processor only.

use super::{Absent, Board};
use embedded_hal::delay;

/// None is used.
pub type Uart = Absent;
/// None is used.
pub type Led = Absent;
/// None is used.
pub type Flash = Absent;

pub(super) fn take() -> Board {
    Board { uart: Absent, led: Absent, delay: Delay, flash: Absent }
}

/// Counts cycles of 20 MHz.
#[derive(Clone, Copy)]
pub struct Delay;

impl delay::DelayNs for Delay {
    fn delay_ns(&mut self, nanoseconds: u32) {
        cortex_m::asm::delay(nanoseconds.div_ceil(50));
    }
}
