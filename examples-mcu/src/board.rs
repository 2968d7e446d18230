//! Boards: what a firmware needs of one, under the same names for each.
//!
//! A board is a module with the types `Uart`, `Led`, `Delay` and `Flash` over the traits of embedded-io, embedded-hal and
//! embedded-storage, and a function `take` that hands them out once. What a board lacks is [`Absent`]: it fails instead of
//! answering, and the firmware goes on without.
//!
//! [`entry`] is the start-up code's attribute of a firmware's `main`, whatever the processor.
//!
//! To port the firmware to another board: a module here and the lines that choose it, `memory/<board>.x`, a feature in
//! `Cargo.toml`, its name in `build.rs`; for one of QEMU's machines also its line in `runtime.rs`. The log and the end of the
//! program go through semihosting, which takes an emulator or a debugger: a device that runs by itself links another logger
//! of defmt and another [`exit`].

mod absent;
#[cfg(any(feature = "mps2-an386", feature = "mps2-an500", feature = "mps2-an385", feature = "mps2-an505"))]
#[path = "board/mps2.rs"]
mod chosen;
#[cfg(any(feature = "microbit", feature = "nrf52840-dk"))]
#[path = "board/nrf.rs"]
mod chosen;
#[cfg(feature = "qemu-riscv32")]
#[path = "board/qemu_riscv32.rs"]
mod chosen;
#[cfg(any(feature = "microbit", feature = "nrf52840-dk", feature = "qemu-riscv32"))]
mod cycles;
mod runtime;
#[cfg(target_arch = "arm")]
pub mod stack;

pub use absent::Absent;
pub use chosen::{Delay, Flash, Led, Uart};
#[cfg(target_arch = "arm")]
pub use cortex_m_rt::entry;
#[cfg(target_arch = "riscv32")]
pub use riscv_rt::entry;
pub use runtime::exit;

use core::cell::Cell;
use critical_section::Mutex;

/// The board's name.
pub const NAME: &str = env!("BOARD");

/// What the firmware uses of a board.
pub struct Board {
    /// Where a host sends frames.
    pub uart: Uart,
    /// Blinks while the device learns or measures.
    pub led: Led,
    /// Time.
    pub delay: Delay,
    /// Memory that outlasts power.
    pub flash: Flash,
}

impl Board {
    /// The board's parts; `None` if they were taken before.
    #[must_use]
    pub fn take() -> Option<Self> {
        static TAKEN: Mutex<Cell<bool>> = Mutex::new(Cell::new(false));
        let taken = critical_section::with(|section| TAKEN.borrow(section).replace(true));
        (!taken).then(chosen::take)
    }
}
