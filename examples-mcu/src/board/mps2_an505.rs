//! The MPS2 board AN505 (Cortex-M33) as QEMU models it: for what needs a processor only.

use super::cycles::Cycles;
use super::{Absent, Board};

/// None is used.
pub type Uart = Absent;
/// None is used.
pub type Led = Absent;
/// None is used.
pub type Flash = Absent;
/// At 20 MHz.
pub type Delay = Cycles<20>;

pub(super) fn take() -> Board {
    Board { uart: Absent, led: Absent, delay: Cycles, flash: Absent }
}
