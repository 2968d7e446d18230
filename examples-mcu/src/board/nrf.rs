//! Boards with an nRF of Nordic: the micro:bit (nRF51822, Cortex-M0, QEMU models it) and the nRF52840-DK (Cortex-M4F).
//!
//! The nRF52840-DK shows what a port takes. It is built by the tests, and was never run on the board itself.

#![allow(unsafe_code, reason = "registers of the pins, owned by one value that is handed out once")]

use super::cycles::Cycles;
use super::{Absent, Board};
use core::convert::Infallible;
use core::ptr::{with_exposed_provenance_mut, write_volatile};
use embedded_hal::digital;

/// None is used.
pub type Uart = Absent;
/// None is used.
pub type Flash = Absent;
/// At 16 MHz or 64 MHz.
pub type Delay = Cycles<{ if cfg!(feature = "microbit") { 16 } else { 64 } }>;

/// The pin of the LED on both, which is lit by low on the nRF52840-DK and by high in the matrix of the micro:bit.
const PIN: u32 = 13;
/// The column of the matrix in which the LED is: an output, low as it is after a reset.
const COLUMN: u32 = if cfg!(feature = "microbit") { 1 << 4 } else { 0 };
const LIT_BY_HIGH: bool = cfg!(feature = "microbit");

const GPIO: usize = 0x5000_0000;
const OUT_SET: usize = GPIO + 0x508;
const OUT_CLEAR: usize = GPIO + 0x50c;
const DIRECTION_SET: usize = GPIO + 0x518;

pub(super) fn take() -> Board {
    let mut led = Led(());
    let Ok(()) = digital::OutputPin::set_low(&mut led);
    write(DIRECTION_SET, 1 << PIN | COLUMN);
    Board { uart: Absent, led, delay: Cycles, flash: Absent }
}

fn write(register: usize, value: u32) {
    // SAFETY: the callers name registers of the pins only.
    unsafe { write_volatile(with_exposed_provenance_mut(register), value) }
}

/// LED 1.
pub struct Led(());

impl digital::ErrorType for Led {
    type Error = Infallible;
}

impl digital::OutputPin for Led {
    fn set_low(&mut self) -> Result<(), Infallible> {
        write(if LIT_BY_HIGH { OUT_CLEAR } else { OUT_SET }, 1 << PIN);
        Ok(())
    }

    fn set_high(&mut self) -> Result<(), Infallible> {
        write(if LIT_BY_HIGH { OUT_SET } else { OUT_CLEAR }, 1 << PIN);
        Ok(())
    }
}
