//! Weights in memory that outlasts power.
//!
//! Two slots take turns: saving erases and writes the slot that does not hold the newest weights, and only what is whole,
//! by its checksum, is ever loaded. So a power cut at any moment leaves the weights of before or those of after. If the
//! newest are spoilt later, they look like a save that was cut, and those of before are loaded.

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
    /// What is stored is no weights of this network; of the first slot that is not empty.
    Weights(WeightsError),
    /// What was written is not what was read back: the flash is worn out.
    Worn,
    /// The weights are not newer than those of this generation, which are held: they would never be loaded.
    Stale {
        /// The generation that is held.
        held: u32,
    },
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
enum Slot<N> {
    Empty,
    Weights(N, u32),
    Spoilt(WeightsError),
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
    /// If there is something and none of it is whole weights of this network, or the flash fails.
    pub fn load<const I: usize, const H: usize, const C: usize, const D: usize>(
        &mut self,
        buffer: &mut [u8],
    ) -> Result<Option<(Network<I, H, C, D>, u32)>, StoreError<F::Error>> {
        match self.read_both(buffer)? {
            [Slot::Weights(first, older), Slot::Weights(second, newer)] => {
                Ok(Some(if is_newer(newer, older) { (second, newer) } else { (first, older) }))
            }
            [Slot::Weights(network, generation), _] | [_, Slot::Weights(network, generation)] => {
                Ok(Some((network, generation)))
            }
            [Slot::Spoilt(error), _] | [_, Slot::Spoilt(error)] => Err(StoreError::Weights(error)),
            [Slot::Empty, Slot::Empty] => Ok(None),
        }
    }

    /// Saves weights in the slot that does not hold the newest ones, and reads them back.
    ///
    /// # Errors
    /// If a parameter is not finite, the generation is not newer than the one held, the buffer or the flash is too small,
    /// or the flash fails. The newest weights that were there can still be loaded.
    pub fn save<const I: usize, const H: usize, const C: usize, const D: usize>(
        &mut self,
        network: &Network<I, H, C, D>,
        generation: u32,
        buffer: &mut [u8],
    ) -> Result<(), StoreError<F::Error>> {
        let (slot, held) = match self.read_both::<I, H, C, D>(buffer)? {
            [Slot::Weights(_, first), Slot::Weights(_, second)] if is_newer(second, first) => (0, Some(second)),
            [Slot::Weights(_, first), _] => (1, Some(first)),
            [_, Slot::Weights(_, second)] => (0, Some(second)),
            _ => (0, None),
        };
        if let Some(held) = held.filter(|&held| !is_newer(generation, held)) {
            return Err(StoreError::Stale { held });
        }
        let content = self.content::<Network<I, H, C, D>>(buffer)?;
        content.fill(0xff);
        network.encode(generation, content).map_err(StoreError::Weights)?;
        let length = Self::slot_len::<Network<I, H, C, D>>();
        let start = slot * length;
        self.flash.erase(start, start + length).map_err(StoreError::Flash)?;
        self.flash.write(start, content).map_err(StoreError::Flash)?;
        match self.read::<I, H, C, D>(slot, buffer)? {
            Slot::Weights(stored, of) if of == generation && stored == *network => Ok(()),
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

    fn read_both<const I: usize, const H: usize, const C: usize, const D: usize>(
        &mut self,
        buffer: &mut [u8],
    ) -> Result<[Slot<Network<I, H, C, D>>; 2], StoreError<F::Error>> {
        Ok([self.read(0, buffer)?, self.read(1, buffer)?])
    }

    fn read<const I: usize, const H: usize, const C: usize, const D: usize>(
        &mut self,
        slot: u32,
        buffer: &mut [u8],
    ) -> Result<Slot<Network<I, H, C, D>>, StoreError<F::Error>> {
        let content = self.content::<Network<I, H, C, D>>(buffer)?;
        self.flash.read(slot * Self::slot_len::<Network<I, H, C, D>>(), content).map_err(StoreError::Flash)?;
        if content.iter().all(|&byte| byte == 0xff) {
            return Ok(Slot::Empty);
        }
        let encoded = content.get(..encoded_len::<Network<I, H, C, D>>()).unwrap_or_default();
        Ok(match Network::decode(encoded) {
            Ok((network, generation)) => Slot::Weights(network, generation),
            Err(error) => Slot::Spoilt(error),
        })
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
            Self::Worn => f.write_str("what was written is not what is read: the flash is worn out"),
            Self::Stale { held } => write!(f, "generation {held} is held, and is as new"),
            Self::Capacity { needed, got } => write!(f, "a flash of {needed} bytes is needed, this one has {got}"),
            Self::Buffer { needed, got } => write!(f, "a buffer of {needed} bytes is needed, got {got}"),
        }
    }
}

impl<E: fmt::Debug> core::error::Error for StoreError<E> {}
