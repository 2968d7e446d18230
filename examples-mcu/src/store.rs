//! Weights in memory that outlasts power.
//!
//! Two slots take turns: saving erases and writes the slot that does not hold the newest weights, and only what is whole,
//! by its checksum, is ever loaded. So a power cut at any moment leaves the weights of before or those of after.
//!
//! If the newest are spoilt later, by a flipped bit, or their slot cannot be read, as flash with error correction answers,
//! they look like a save that was cut: the weights of before are loaded, with their own generation, and the next save
//! writes over the spoilt ones.
//!
//! The store counts generations itself: what is saved is newer than whatever is held, and is what the next boot loads. So to
//! reset a device to its factory weights, save those.

use crate::{Network, Parameters, WeightsError, encoded_len};
use core::fmt;
use embedded_storage::nor_flash::NorFlash;

/// A store of one network's weights at the start of a flash memory.
///
/// Each slot takes whole pages, so the flash wears evenly: a page is erased every second time that weights are saved.
#[derive(Debug)]
pub struct Store<F> {
    flash: F,
}

/// The store cannot give or take weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreError<E> {
    /// The flash fails.
    Flash(E),
    /// What is stored is no weights of this network.
    Weights(WeightsError),
    /// What was written is not what was read back: the flash is worn out, or protected.
    Worn,
    /// The flash has fewer bytes than two slots take.
    Capacity {
        /// Bytes that are needed.
        needed: usize,
        /// Bytes that the flash has.
        got: usize,
    },
    /// The buffer has fewer bytes than a slot's content.
    Buffer {
        /// Bytes that are needed.
        needed: usize,
        /// Bytes that were given.
        got: usize,
    },
}

/// What a slot holds.
enum Slot<N, E> {
    Empty,
    Weights(N, u32),
    Spoilt(StoreError<E>),
}

impl<F: NorFlash> Store<F> {
    /// A store at the start of the flash, whatever that holds.
    pub const fn new(flash: F) -> Self {
        Self { flash }
    }

    /// Length of the buffer that loading and saving need: that of the encoded weights, in whole words of the flash.
    #[must_use]
    pub const fn buffer_len<N: Parameters>() -> usize {
        encoded_len::<N>().next_multiple_of(F::WRITE_SIZE)
    }

    /// The newest weights that are whole, and their generation; `None` if nothing was ever saved.
    ///
    /// # Errors
    /// If nothing is whole weights of this network: the reason why the first slot that is not empty holds none. Or if the
    /// buffer or the flash is too small.
    pub fn load<const I: usize, const H: usize, const C: usize, const D: usize>(
        &mut self,
        buffer: &mut [u8],
    ) -> Result<Option<(Network<I, H, C, D>, u32)>, StoreError<F::Error>> {
        let content = self.content::<Network<I, H, C, D>>(buffer)?;
        match [0, 1].map(|slot| self.read(slot, content)) {
            [Slot::Weights(first, older), Slot::Weights(second, newer)] => {
                Ok(Some(if is_newer(newer, older) { (second, newer) } else { (first, older) }))
            }
            [Slot::Weights(network, generation), _] | [_, Slot::Weights(network, generation)] => {
                Ok(Some((network, generation)))
            }
            [Slot::Spoilt(error), _] | [_, Slot::Spoilt(error)] => Err(error),
            [Slot::Empty, Slot::Empty] => Ok(None),
        }
    }

    /// Saves weights in the slot that does not hold the newest ones, reads them back, and returns their generation: the one
    /// after that of the newest weights, or 1.
    ///
    /// # Errors
    /// If a parameter is not finite, the buffer or the flash is too small, or the flash fails. The newest weights that were
    /// there can still be loaded.
    pub fn save<const I: usize, const H: usize, const C: usize, const D: usize>(
        &mut self,
        network: &Network<I, H, C, D>,
        buffer: &mut [u8],
    ) -> Result<u32, StoreError<F::Error>> {
        let content = self.content::<Network<I, H, C, D>>(buffer)?;
        let (slot, newest) = match [0, 1].map(|slot| self.read::<I, H, C, D>(slot, content)) {
            [Slot::Weights(_, first), Slot::Weights(_, second)] if is_newer(second, first) => (0, second),
            [Slot::Weights(_, first), _] => (1, first),
            [_, Slot::Weights(_, second)] => (0, second),
            _ => (0, 0),
        };
        let generation = newest.wrapping_add(1);
        content.fill(0xff);
        network.encode(generation, content).map_err(StoreError::Weights)?;
        let length = Self::slot_len::<Network<I, H, C, D>>();
        let start = slot * length;
        self.flash.erase(start, start + length).map_err(StoreError::Flash)?;
        self.flash.write(start, content).map_err(StoreError::Flash)?;
        match self.read::<I, H, C, D>(slot, content) {
            Slot::Weights(stored, of) if of == generation && stored == *network => Ok(generation),
            Slot::Spoilt(StoreError::Flash(error)) => Err(StoreError::Flash(error)),
            _ => Err(StoreError::Worn),
        }
    }

    /// Bytes of a slot.
    const fn slot_len<N: Parameters>() -> u32 {
        Self::buffer_len::<N>().next_multiple_of(F::ERASE_SIZE) as u32
    }

    fn content<'a, N: Parameters>(&self, buffer: &'a mut [u8]) -> Result<&'a mut [u8], StoreError<F::Error>> {
        let (needed, got) = (2 * Self::slot_len::<N>() as usize, self.flash.capacity());
        if got < needed {
            return Err(StoreError::Capacity { needed, got });
        }
        let (needed, got) = (Self::buffer_len::<N>(), buffer.len());
        buffer.get_mut(..needed).ok_or(StoreError::Buffer { needed, got })
    }

    fn read<const I: usize, const H: usize, const C: usize, const D: usize>(
        &mut self,
        slot: u32,
        content: &mut [u8],
    ) -> Slot<Network<I, H, C, D>, F::Error> {
        if let Err(error) = self.flash.read(slot * Self::slot_len::<Network<I, H, C, D>>(), content) {
            return Slot::Spoilt(StoreError::Flash(error));
        }
        if content.iter().all(|&byte| byte == 0xff) {
            return Slot::Empty;
        }
        let encoded = content.get(..encoded_len::<Network<I, H, C, D>>()).unwrap_or_default();
        match Network::decode(encoded) {
            Ok((network, generation)) => Slot::Weights(network, generation),
            Err(error) => Slot::Spoilt(StoreError::Weights(error)),
        }
    }
}

/// Whether a generation is newer than another, also where the count has begun anew.
const fn is_newer(generation: u32, than: u32) -> bool {
    generation.wrapping_sub(than).cast_signed() > 0
}

impl<E: fmt::Debug> fmt::Display for StoreError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flash(error) => write!(f, "the flash fails: {error:?}"),
            Self::Weights(error) => error.fmt(f),
            Self::Worn => f.write_str("what was written is not what is read: the flash is worn out, or protected"),
            Self::Capacity { needed, got } => write!(f, "a flash of {needed} bytes is needed, this one has {got}"),
            Self::Buffer { needed, got } => write!(f, "a buffer of {needed} bytes is needed, got {got}"),
        }
    }
}

impl<E: fmt::Debug> core::error::Error for StoreError<E> {}
