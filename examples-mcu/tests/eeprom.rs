//! The EEPROM as flash, over an EEPROM in memory.

use embedded_storage::nor_flash::{NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash};
use embedded_storage::{ReadStorage, Storage};
use scarce_mcu::{EepromError, EepromFlash};

const CAPACITY: usize = 3 * 2048 + 100; // not a whole number of pages

/// Bytes that remember how often they were written; writing fails once `writes_left` is used up.
struct Memory {
    bytes: [u8; CAPACITY],
    writes: [u32; CAPACITY],
    writes_left: usize,
}

impl ReadStorage for Memory {
    type Error = &'static str;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), Self::Error> {
        bytes.copy_from_slice(&self.bytes[offset as usize..][..bytes.len()]);
        Ok(())
    }

    fn capacity(&self) -> usize {
        CAPACITY
    }
}

impl Storage for Memory {
    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Self::Error> {
        self.writes_left = self.writes_left.checked_sub(1).ok_or("worn out")?;
        let range = offset as usize..offset as usize + bytes.len();
        self.bytes[range.clone()].copy_from_slice(bytes);
        self.writes[range].iter_mut().for_each(|count| *count += 1);
        Ok(())
    }
}

fn flash() -> EepromFlash<Memory> {
    EepromFlash::new(Memory { bytes: [0; CAPACITY], writes: [0; CAPACITY], writes_left: usize::MAX })
}

#[test]
fn reads_what_was_written() {
    let mut flash = flash();
    flash.write(2040, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]).expect("in range and aligned");
    let mut read = [0; 5];
    flash.read(2045, &mut read).expect("in range");
    assert_eq!(read, [6, 7, 8, 9, 10]);
}

#[test]
fn erases_its_pages_once_each_and_nothing_else() {
    let mut flash = flash();
    flash.erase(2048, 3 * 2048).expect("whole pages");
    let memory = flash.into_inner();
    for (place, (byte, writes)) in memory.bytes.iter().zip(memory.writes).enumerate() {
        let inside = (2048..3 * 2048).contains(&place);
        assert_eq!((*byte, writes), if inside { (0xFF, 1) } else { (0, 0) }, "byte {place}");
    }
}

#[test]
fn refuses_what_is_not_aligned_or_outside_and_writes_nothing() {
    let mut flash = flash();
    assert_eq!(flash.capacity(), 3 * 2048);
    let end = 3 * 2048;
    for (result, kind) in [
        (flash.write(2, &[0xAA; 4]), NorFlashErrorKind::NotAligned),
        (flash.write(4, &[0xAA; 3]), NorFlashErrorKind::NotAligned),
        (flash.write(end, &[0xAA; 4]), NorFlashErrorKind::OutOfBounds),
        (flash.write(u32::MAX - 3, &[0xAA; 4]), NorFlashErrorKind::OutOfBounds),
        (flash.read(end - 1, &mut [0; 2]), NorFlashErrorKind::OutOfBounds),
        (flash.erase(1024, 2048), NorFlashErrorKind::NotAligned),
        (flash.erase(2048, end + 2048), NorFlashErrorKind::OutOfBounds),
        (flash.erase(2048, 0), NorFlashErrorKind::OutOfBounds),
    ] {
        assert_eq!(result, Err(EepromError::Range(kind)));
    }
    assert!(flash.into_inner().writes.iter().all(|&count| count == 0));
}

#[test]
fn tells_that_the_eeprom_failed() {
    let mut flash = flash();
    flash.write(0, &[1; 4]).expect("works yet");
    let mut memory = flash.into_inner();
    memory.writes_left = 3;
    let mut flash = EepromFlash::new(memory);
    let error = flash.erase(0, 2048).expect_err("worn out after three writes");
    assert_eq!((error, error.kind()), (EepromError::Eeprom("worn out"), NorFlashErrorKind::Other));
}
