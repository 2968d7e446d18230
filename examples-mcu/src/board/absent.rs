//! What a board lacks.

use core::fmt;
use embedded_hal::digital;
use embedded_storage::nor_flash;

/// A part that the board has not: reading and writing fail, a pin has no effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Absent;

/// The board lacks that part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AbsentError;

impl fmt::Display for AbsentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the board lacks that part")
    }
}

impl core::error::Error for AbsentError {}

impl embedded_io::Error for AbsentError {
    fn kind(&self) -> embedded_io::ErrorKind {
        embedded_io::ErrorKind::Unsupported
    }
}

impl nor_flash::NorFlashError for AbsentError {
    fn kind(&self) -> nor_flash::NorFlashErrorKind {
        nor_flash::NorFlashErrorKind::OutOfBounds
    }
}

impl embedded_io::ErrorType for Absent {
    type Error = AbsentError;
}

impl embedded_io::Read for Absent {
    fn read(&mut self, _: &mut [u8]) -> Result<usize, AbsentError> {
        Err(AbsentError)
    }
}

impl embedded_io::ReadReady for Absent {
    fn read_ready(&mut self) -> Result<bool, AbsentError> {
        Ok(false)
    }
}

impl embedded_io::Write for Absent {
    fn write(&mut self, _: &[u8]) -> Result<usize, AbsentError> {
        Err(AbsentError)
    }

    fn flush(&mut self) -> Result<(), AbsentError> {
        Ok(())
    }
}

impl digital::ErrorType for Absent {
    type Error = core::convert::Infallible;
}

impl digital::OutputPin for Absent {
    fn set_low(&mut self) -> Result<(), Self::Error> {
        Ok(())
    }

    fn set_high(&mut self) -> Result<(), Self::Error> {
        Ok(())
    }
}

impl nor_flash::ErrorType for Absent {
    type Error = AbsentError;
}

impl nor_flash::ReadNorFlash for Absent {
    const READ_SIZE: usize = 1;

    fn read(&mut self, _: u32, _: &mut [u8]) -> Result<(), AbsentError> {
        Err(AbsentError)
    }

    fn capacity(&self) -> usize {
        2 * <Self as nor_flash::NorFlash>::ERASE_SIZE
    }
}

impl nor_flash::NorFlash for Absent {
    const WRITE_SIZE: usize = 4;
    const ERASE_SIZE: usize = 2048;

    fn erase(&mut self, _: u32, _: u32) -> Result<(), AbsentError> {
        Err(AbsentError)
    }

    fn write(&mut self, _: u32, _: &[u8]) -> Result<(), AbsentError> {
        Err(AbsentError)
    }
}
