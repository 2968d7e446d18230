//! A byte EEPROM as the flash that a store of weights expects.

use core::fmt::Debug;

use embedded_storage::Storage;
use embedded_storage::nor_flash::{
    ErrorType, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash, check_erase, check_read, check_write,
};

const PAGE: usize = 2048;
const WORD: usize = 4;

/// A byte EEPROM (or any other [`Storage`]) behind the interface of NOR flash: erasing a page writes 0xFF all over it.
///
/// Pages have 2048 bytes, so that the weights of a small network fit in one; what is left behind the last whole page is
/// not used.
#[derive(Clone, Copy, Debug)]
pub struct EepromFlash<S> {
    eeprom: S,
}

impl<S> EepromFlash<S> {
    /// The EEPROM, seen as flash.
    pub const fn new(eeprom: S) -> Self {
        Self { eeprom }
    }

    /// The EEPROM itself.
    pub fn into_inner(self) -> S {
        self.eeprom
    }
}

/// What can go wrong with an EEPROM as flash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EepromError<E> {
    /// The range lies outside the EEPROM, or not on the bounds of words or pages; nothing was written.
    Range(NorFlashErrorKind),
    /// The EEPROM itself failed.
    Eeprom(E),
}

impl<E: Debug> NorFlashError for EepromError<E> {
    fn kind(&self) -> NorFlashErrorKind {
        match self {
            Self::Range(kind) => *kind,
            Self::Eeprom(_) => NorFlashErrorKind::Other,
        }
    }
}

impl<S: Storage<Error: Debug>> ErrorType for EepromFlash<S> {
    type Error = EepromError<S::Error>;
}

impl<S: Storage<Error: Debug>> ReadNorFlash for EepromFlash<S> {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), Self::Error> {
        check_read(self, offset, bytes.len()).map_err(EepromError::Range)?;
        self.eeprom.read(offset, bytes).map_err(EepromError::Eeprom)
    }

    fn capacity(&self) -> usize {
        self.eeprom.capacity() / PAGE * PAGE
    }
}

impl<S: Storage<Error: Debug>> NorFlash for EepromFlash<S> {
    const WRITE_SIZE: usize = WORD;
    const ERASE_SIZE: usize = PAGE;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), Self::Error> {
        const ERASED: [u8; 64] = [0xFF; 64]; // as much as common parts write at once
        check_erase(self, from, to).map_err(EepromError::Range)?;
        (from..to)
            .step_by(ERASED.len())
            .try_for_each(|offset| self.eeprom.write(offset, &ERASED).map_err(EepromError::Eeprom))
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Self::Error> {
        check_write(self, offset, bytes.len()).map_err(EepromError::Range)?;
        self.eeprom.write(offset, bytes).map_err(EepromError::Eeprom)
    }
}
