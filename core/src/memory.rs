//! Embeddings of the past, for contrast across images.

use crate::embeddings::inverse_norm;
use crate::kernel::dot::{add_scaled, dot};
use crate::{Embeddings, Error, Libm};

mod sealed {
    pub trait Sealed {}
}

/// How a [`Memory`] stores a component of a unit vector: `f32`, or `i8` in steps of 1/127; sealed.
pub trait Component: sealed::Sealed + Copy + 'static {
    #[doc(hidden)]
    const ZERO: Self;
    /// The stored component of a number in `-1..=1`.
    #[doc(hidden)]
    fn store(value: f32) -> Self;
    #[doc(hidden)]
    fn load(self) -> f32;
}

impl sealed::Sealed for f32 {}
impl sealed::Sealed for i8 {}

impl Component for f32 {
    const ZERO: Self = 0.0;

    #[inline]
    fn store(value: f32) -> Self {
        value
    }

    #[inline]
    fn load(self) -> f32 {
        self
    }
}

impl Component for i8 {
    const ZERO: Self = 0;

    #[inline]
    fn store(value: f32) -> Self {
        // Rounds half away from zero; a conversion saturates.
        (value * 127.0 + if value < 0.0 { -0.5 } else { 0.5 }) as Self
    }

    #[inline]
    fn load(self) -> f32 {
        f32::from(self) / 127.0
    }
}

/// A ring of past embeddings for each class: caller-owned, of fixed size; the oldest makes room for the newest.
///
/// Entries are unit vectors; what is pushed is normalised. Only slots that have been filled take part in a contrast. With
/// `E = i8` a component takes a byte and errs by up to 1/254.
///
/// ```
/// use scarce::{Embeddings, Labels, Memory};
///
/// let mut memory = Memory::<2, 3, 2>::new(); // 2 classes, 3 slots each, 2 components
/// for step in 0..4_u8 {
///     memory.push(1, &[f32::from(step), 1.0])?;
/// }
/// assert_eq!((memory.filled(0), memory.filled(1)), (0, 3)); // the oldest of four was overwritten
///
/// // The mean embedding of each class that an image holds:
/// let rows = [[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]];
/// memory.push_means(&Embeddings::new(&rows, Labels::new(&[0, 0, 1]))?);
/// assert_eq!(memory.filled(0), 1);
/// # Ok::<(), scarce::Error>(())
/// ```
#[doc(alias = "queue")]
#[derive(Clone, Debug, PartialEq)]
pub struct Memory<const C: usize, const SLOTS: usize, const D: usize, E = f32> {
    entries: [[[E; D]; SLOTS]; C],
    next: [usize; C],
    filled: [usize; C],
}

impl<const C: usize, const SLOTS: usize, const D: usize, E: Component> Memory<C, SLOTS, D, E> {
    /// Nothing remembered yet.
    #[must_use]
    pub const fn new() -> Self {
        const { assert!(SLOTS > 0, "a memory needs at least one slot a class") };
        Self { entries: [[[E::ZERO; D]; SLOTS]; C], next: [0; C], filled: [0; C] }
    }

    /// Remembers an embedding of a class, normalised.
    ///
    /// # Errors
    /// [`Error::Label`] if the class is not below `C`; [`Error::Embedding`] if it is not finite or shorter than 10⁻¹². Both name
    /// pixel 0. Nothing is remembered then.
    pub fn push(&mut self, class: u8, embedding: &[f32; D]) -> Result<(), Error> {
        let ring = usize::from(class);
        let places = self.entries.get_mut(ring).zip(self.next.get_mut(ring)).zip(self.filled.get_mut(ring));
        let Some(((entries, next), filled)) = places else { return Err(Error::Label { pixel: 0, label: class }) };
        let finite = embedding.iter().all(|component| component.is_finite());
        let inverse = inverse_norm::<Libm, D>(embedding).filter(|_| finite).ok_or(Error::Embedding { pixel: 0 })?;
        if let Some(entry) = entries.get_mut(*next) {
            *entry = embedding.map(|component| E::store(component * inverse));
        }
        *next = next.wrapping_add(1);
        if *next >= SLOTS {
            *next = 0;
        }
        *filled = filled.saturating_add(1).min(SLOTS);
        Ok(())
    }

    /// Remembers each anchor under its class, in order. Anchors of classes not below `C`, and those shorter
    /// than 10⁻¹², are left out.
    pub fn push_anchors(&mut self, embeddings: &Embeddings<'_, D>) {
        for (_, row, class) in embeddings.iter() {
            // An error here means just what is left out.
            let _left_out = self.push(class, row);
        }
    }

    /// Remembers, for each class below `C` that has anchors, the mean of their embeddings: one entry a class, in ascending
    /// order. A sum shorter than 10⁻¹² is left out.
    pub fn push_means(&mut self, embeddings: &Embeddings<'_, D>) {
        for class in (0..=u8::MAX).take(C) {
            let mut sum = [0.0; D];
            for (_, row, _) in embeddings.iter().filter(|&(_, _, label)| label == class) {
                add_scaled(&mut sum, 1.0, row);
            }
            // The mean's length does not matter; a class without anchors has the length 0.
            let _left_out = self.push(class, &sum);
        }
    }

    /// Number of embeddings of a class that are remembered; 0 for a class not below `C`.
    #[must_use]
    pub fn filled(&self, class: u8) -> usize {
        self.filled.get(usize::from(class)).copied().unwrap_or(0)
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.next = [0; C];
        self.filled = [0; C];
    }

    /// Class and entry of a column; `None` at a slot that has not been filled.
    #[inline]
    fn column(&self, column: usize) -> Option<(u8, &[E; D])> {
        let ring = column.checked_div(SLOTS)?;
        let slot = column.wrapping_sub(ring.wrapping_mul(SLOTS));
        let class = u8::try_from(ring).ok()?;
        if slot >= self.filled(class) {
            return None;
        }
        Some((class, self.entries.get(ring)?.get(slot)?))
    }

    pub(crate) fn class(&self, column: usize) -> Option<u8> {
        self.column(column).map(|(class, _)| class)
    }

    pub(crate) fn dot(&self, column: usize, row: &[f32; D]) -> f32 {
        self.column(column).map_or(0.0, |(_, entry)| dot(row, &entry.map(E::load)))
    }

    pub(crate) fn add_to(&self, column: usize, factor: f32, target: &mut [f32; D]) {
        if let Some((_, entry)) = self.column(column) {
            add_scaled(target, factor, &entry.map(E::load));
        }
    }
}

impl<const C: usize, const SLOTS: usize, const D: usize, E: Component> Default for Memory<C, SLOTS, D, E> {
    fn default() -> Self {
        Self::new()
    }
}
