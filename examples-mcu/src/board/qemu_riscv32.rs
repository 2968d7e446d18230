//! QEMU's machine `virt` with an RV32IMC: for what needs a processor only.

use super::cycles::Cycles;
use super::{Absent, Board};

/// None is used.
pub type Uart = Absent;
/// There is none.
pub type Led = Absent;
/// None is used.
pub type Flash = Absent;
/// An emulated processor has no clock of its own: as if it had 100 MHz.
pub type Delay = Cycles<100>;

pub(super) fn take() -> Board {
    Board { uart: Absent, led: Absent, delay: Cycles, flash: Absent }
}
