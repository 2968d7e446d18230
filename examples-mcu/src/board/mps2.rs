//! The MPS2 boards of Arm as QEMU models them: AN385 (Cortex-M3), AN386 (M4F), AN500 (M7), AN505 (M33).
//!
//! Registers as the application notes tell: the UARTs of the CMSDK, the FPGA's I/O block, and the SBCon two-wire interface,
//! of which software drives each edge. QEMU puts an AT24C EEPROM on the last
//! of these interfaces.

#![allow(unsafe_code, reason = "registers of the peripherals, each owned by one value that is handed out once")]

use super::Board;
use crate::EepromFlash;
use core::convert::Infallible;
use core::ptr::{read_volatile, with_exposed_provenance_mut, write_volatile};
use eeprom24x::{Eeprom24x, SlaveAddr, addr_size, page_size, unique_serial};
use embedded_hal::i2c::{self, ErrorKind, NoAcknowledgeSource, Operation};
use embedded_hal::{delay, digital};

#[cfg(not(feature = "mps2-an505"))]
mod map {
    pub(super) const UART1: usize = 0x4000_5000;
    pub(super) const IO: usize = 0x4002_8000;
    pub(super) const TWO_WIRE: usize = 0x4002_a000;
    pub(super) const MEGAHERTZ: u32 = 25;
}

/// The addresses that secure code uses.
#[cfg(feature = "mps2-an505")]
mod map {
    pub(super) const UART1: usize = 0x5020_1000;
    pub(super) const IO: usize = 0x5030_2000;
    pub(super) const TWO_WIRE: usize = 0x5020_d000;
    pub(super) const MEGAHERTZ: u32 = 20;
}

use map::{IO, MEGAHERTZ, TWO_WIRE, UART1};

const LEDS: usize = IO;
const COUNTER: usize = IO + 0x18;

/// The EEPROM as flash.
pub type Flash =
    EepromFlash<eeprom24x::Storage<TwoWire, page_size::B64, addr_size::TwoBytes, unique_serial::No, Delay>>;

pub(super) fn take() -> Board {
    let eeprom = Eeprom24x::new_24x256(TwoWire::new(), SlaveAddr::default());
    let flash = EepromFlash::new(eeprom24x::Storage::new(eeprom, Delay));
    Board { uart: Uart::new(), led: Led, delay: Delay, flash }
}

fn read(register: usize) -> u32 {
    // SAFETY: the callers name registers of this board only.
    unsafe { read_volatile(with_exposed_provenance_mut(register)) }
}

fn write(register: usize, value: u32) {
    // SAFETY: the callers name registers of this board only.
    unsafe { write_volatile(with_exposed_provenance_mut(register), value) }
}

/// UART 1.
pub struct Uart(());

impl Uart {
    const STATE: usize = UART1 + 4;
    const TRANSMIT_FULL: u32 = 1;
    const RECEIVE_FULL: u32 = 2;

    fn new() -> Self {
        write(UART1 + 0x10, 16); // the fastest rate
        write(UART1 + 8, 3); // transmit and receive
        Self(())
    }
}

impl embedded_io::ErrorType for Uart {
    type Error = Infallible;
}

impl embedded_io::ReadReady for Uart {
    fn read_ready(&mut self) -> Result<bool, Infallible> {
        Ok(read(Self::STATE) & Self::RECEIVE_FULL != 0)
    }
}

impl embedded_io::Read for Uart {
    fn read(&mut self, bytes: &mut [u8]) -> Result<usize, Infallible> {
        let mut number = 0;
        for byte in bytes {
            let ready = || read(Self::STATE) & Self::RECEIVE_FULL != 0;
            if number > 0 && !ready() {
                break;
            }
            while !ready() {}
            *byte = read(UART1) as u8;
            number += 1;
        }
        Ok(number)
    }
}

impl embedded_io::Write for Uart {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        for &byte in bytes {
            self.flush()?;
            write(UART1, byte.into());
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        while read(Self::STATE) & Self::TRANSMIT_FULL != 0 {}
        Ok(())
    }
}

/// LED 0.
pub struct Led;

impl digital::ErrorType for Led {
    type Error = Infallible;
}

impl digital::OutputPin for Led {
    fn set_low(&mut self) -> Result<(), Infallible> {
        write(LEDS, read(LEDS) & !1);
        Ok(())
    }

    fn set_high(&mut self) -> Result<(), Infallible> {
        write(LEDS, read(LEDS) | 1);
        Ok(())
    }
}

/// The counter of the system's clock.
#[derive(Clone, Copy)]
pub struct Delay;

impl Delay {
    const NANOSECONDS: u32 = 1000 / MEGAHERTZ;
}

impl delay::DelayNs for Delay {
    fn delay_ns(&mut self, nanoseconds: u32) {
        let (start, ticks) = (read(COUNTER), nanoseconds.div_ceil(Self::NANOSECONDS));
        while read(COUNTER).wrapping_sub(start) < ticks {
            // An emulator reads a register slowly: with no pause, a hundred power cuts take 35 s instead of 22.
            cortex_m::asm::delay(200);
        }
    }
}

/// The two-wire interface, driven bit by bit.
pub struct TwoWire(());

const CLOCK: u32 = 1;
const DATA: u32 = 2;

impl TwoWire {
    fn new() -> Self {
        let mut bus = Self(());
        bus.raise(CLOCK | DATA);
        bus
    }

    fn raise(&mut self, lines: u32) {
        write(TWO_WIRE, lines);
    }

    fn lower(&mut self, lines: u32) {
        write(TWO_WIRE + 4, lines);
    }

    fn set_data(&mut self, high: bool) {
        if high { self.raise(DATA) } else { self.lower(DATA) }
    }

    fn start(&mut self) {
        self.raise(DATA);
        self.raise(CLOCK);
        self.lower(DATA);
        self.lower(CLOCK);
    }

    fn stop(&mut self) {
        self.lower(DATA);
        self.raise(CLOCK);
        self.raise(DATA);
    }

    /// Whether the byte was acknowledged.
    fn send(&mut self, byte: u8) -> bool {
        for bit in (0..8).rev() {
            self.set_data(byte >> bit & 1 != 0);
            self.raise(CLOCK);
            self.lower(CLOCK);
        }
        self.raise(DATA);
        self.raise(CLOCK);
        let acknowledged = read(TWO_WIRE) & DATA == 0;
        self.lower(CLOCK);
        acknowledged
    }

    fn receive(&mut self, acknowledge: bool) -> u8 {
        self.raise(DATA);
        let mut byte = 0;
        for _ in 0..8 {
            self.raise(CLOCK);
            byte = byte << 1 | u8::from(read(TWO_WIRE) & DATA != 0);
            self.lower(CLOCK);
        }
        self.set_data(!acknowledge);
        self.raise(CLOCK);
        self.lower(CLOCK);
        self.raise(DATA);
        byte
    }

    fn transfer(&mut self, address: u8, operations: &mut [Operation<'_>]) -> Result<(), TwoWireError> {
        let mut reading = None;
        for index in 0..operations.len() {
            let read_follows = matches!(operations.get(index + 1), Some(Operation::Read(_)));
            let Some(operation) = operations.get_mut(index) else { break };
            let reads = matches!(operation, Operation::Read(_));
            if reading != Some(reads) {
                self.start();
                if !self.send(address << 1 | u8::from(reads)) {
                    return Err(TwoWireError(NoAcknowledgeSource::Address));
                }
                reading = Some(reads);
            }
            match operation {
                Operation::Write(bytes) => {
                    if !bytes.iter().all(|&byte| self.send(byte)) {
                        return Err(TwoWireError(NoAcknowledgeSource::Data));
                    }
                }
                Operation::Read(bytes) => {
                    let last = bytes.len().saturating_sub(1);
                    for (place, byte) in bytes.iter_mut().enumerate() {
                        *byte = self.receive(place < last || read_follows);
                    }
                }
            }
        }
        Ok(())
    }
}

/// Nobody acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TwoWireError(NoAcknowledgeSource);

impl i2c::Error for TwoWireError {
    fn kind(&self) -> ErrorKind {
        ErrorKind::NoAcknowledge(self.0)
    }
}

impl i2c::ErrorType for TwoWire {
    type Error = TwoWireError;
}

impl i2c::I2c for TwoWire {
    fn transaction(&mut self, address: u8, operations: &mut [Operation<'_>]) -> Result<(), TwoWireError> {
        let result = self.transfer(address, operations);
        self.stop();
        result
    }
}
