//! Views of scores and of their gradients: the memory layouts.
//!
//! A kernel asks a view for pixels in order, or for one element to change; which layout lies behind it never leaks into a loss.

use crate::kernel::softmax::Steps;
use crate::kernel::tile::IGNORED;
use crate::{Buffer, Error, Labels, Math};
use core::ops::Range;

pub(crate) mod sealed {
    pub trait Sealed {}
}

/// Scores to read: `C` numbers a pixel, logits or probabilities.
///
/// Implemented for pixel-major slices and arrays of `[f32; C]` (HWC, what a kernel on a microcontroller produces) and for
/// class-major [`Planes`] and [`PlanesMut`] (NCHW, what PyTorch dumps); and for [`Quantized`](crate::Quantized) scores. Sealed:
/// layouts come with this crate.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no view of scores over {C} channels",
    note = "`Vec<[f32; C]>`: `.as_slice()`; a flat buffer, pixel by pixel: `.as_chunks().0`, class by class: `Planes`"
)]
pub trait Scores<const C: usize>: sealed::Sealed {
    /// Whether a pixel's scores lie side by side.
    #[doc(hidden)]
    const PIXEL_MAJOR: bool;

    /// Whether no score can be NaN or infinite.
    #[doc(hidden)]
    const FINITE: bool = false;

    /// Whether there may be [`steps`](Self::steps).
    #[doc(hidden)]
    const KNOWS_SOFTMAX: bool = false;

    /// Number of pixels, of all images together.
    fn pixels(&self) -> usize;

    /// Number of images, where the layout knows it.
    #[doc(hidden)]
    fn images(&self) -> usize {
        1
    }

    /// The pixels of a range, in order; none if it does not lie within.
    #[doc(hidden)]
    fn rows(&self, range: Range<usize>) -> impl Iterator<Item = [f32; C]> + '_;

    /// Adds the scores of the up to `L` pixels from `start` on; without those that are ignored, if labels are given.
    #[doc(hidden)]
    fn add_to<const L: usize>(&self, zeros: &mut Zeros, start: usize, labels: Option<Labels<'_>>);

    /// A range of pixels, if each pixel's scores lie side by side.
    #[doc(hidden)]
    fn rows_slice(&self, _: Range<usize>) -> Option<&[[f32; C]]> {
        None
    }

    /// One pixel as a tile, where its scores lie side by side.
    #[doc(hidden)]
    fn pixel<const L: usize>(&self, _: usize) -> Option<&[[f32; L]; C]> {
        None
    }

    /// Writes the pixels from `start` on, as many as there are, side by side; leaves the rest.
    #[doc(hidden)]
    fn read<const L: usize>(&self, start: usize, tile: &mut [[f32; L]; C]);

    /// The up to `L` pixels from `start` on as steps, where their exponentials are known.
    #[doc(hidden)]
    #[inline(always)]
    fn steps<M: Math, const L: usize>(&self, _: usize) -> Option<Steps<'_, C>> {
        None
    }
}

/// Scores to change: a gradient to write or to add to.
///
/// Implemented for what [`Scores`] is, where it can be written; [`QuantizedMut`](crate::QuantizedMut) can be written,
/// not added to. Sealed.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no gradient over {C} channels",
    note = "`Vec<[f32; C]>`: `.as_mut_slice()`; a flat buffer, pixel by pixel: `.as_chunks_mut().0`, class by class: `PlanesMut`"
)]
pub trait ScoresMut<const C: usize>: Scores<C> {
    /// Whether what is written can be read again, and added to, as it was.
    #[doc(hidden)]
    const KEEPS: bool = true;

    /// Adds one row to each pixel from `start` on, as long as both last; a `None` leaves its pixel untouched.
    #[doc(hidden)]
    fn add_rows(&mut self, start: usize, rows: impl Iterator<Item = Option<[f32; C]>>);

    /// A range of pixels, if each pixel's elements lie side by side.
    #[doc(hidden)]
    fn rows_mut(&mut self, _: Range<usize>) -> Option<&mut [[f32; C]]> {
        None
    }

    /// One pixel as a tile, where its elements lie side by side.
    #[doc(hidden)]
    fn view<const L: usize>(&mut self, _: usize) -> Option<&mut [[f32; L]; C]> {
        None
    }

    /// Writes pixels from `start` on, as many as there are, ignored ones included.
    #[doc(hidden)]
    fn write<const L: usize>(&mut self, start: usize, tile: &[[f32; L]; C]);

    /// Adds to the pixels from `start` on whose label is not [`IGNORED`](crate::kernel::tile::IGNORED).
    #[doc(hidden)]
    fn add<const L: usize>(&mut self, start: usize, tile: &[[f32; L]; C], labels: &[u32; L]);

    /// Reads one channel of a range.
    #[doc(hidden)]
    fn read_channel(&self, range: Range<usize>, channel: usize, words: &mut [u32], word: impl Fn(f32) -> u32);

    /// One element; 0 outside.
    #[doc(hidden)]
    fn element(&self, pixel: usize, channel: usize) -> f32;

    /// Changes one channel of a range, given the place in it and what is there.
    #[doc(hidden)]
    fn fill_channel(&mut self, range: Range<usize>, channel: usize, value: impl FnMut(usize, f32) -> f32);

    /// One element, or `None` outside.
    #[doc(hidden)]
    fn element_mut(&mut self, pixel: usize, channel: usize) -> Option<&mut f32>;

    /// Sets everything to zero.
    #[doc(hidden)]
    fn clear(&mut self);
}

impl<const C: usize> sealed::Sealed for [[f32; C]] {}
impl<const C: usize, const P: usize> sealed::Sealed for [[f32; C]; P] {}

impl<const C: usize> Scores<C> for [[f32; C]] {
    const PIXEL_MAJOR: bool = true;

    fn pixels(&self) -> usize {
        self.len()
    }

    #[inline]
    fn rows(&self, range: Range<usize>) -> impl Iterator<Item = [f32; C]> + '_ {
        self.get(range).unwrap_or_default().iter().copied()
    }

    #[inline(always)]
    fn add_to<const L: usize>(&self, zeros: &mut Zeros, start: usize, labels: Option<Labels<'_>>) {
        let rows = self.get(start..).unwrap_or_default();
        let rows = rows.get(..L).unwrap_or(rows);
        let Some(labels) = labels else { return zeros.add(rows.as_flattened()) };
        for (row, label) in rows.iter().zip(labels.from(start)) {
            if label.is_some() {
                zeros.add(row);
            }
        }
    }

    #[inline(always)]
    fn rows_slice(&self, range: Range<usize>) -> Option<&[[f32; C]]> {
        self.get(range)
    }

    #[inline(always)]
    fn pixel<const L: usize>(&self, pixel: usize) -> Option<&[[f32; L]; C]> {
        self.get(pixel)?.as_chunks::<L>().0.first_chunk::<C>()
    }

    #[inline(always)]
    fn read<const L: usize>(&self, start: usize, tile: &mut [[f32; L]; C]) {
        let rows = self.get(start..).unwrap_or_default();
        if let Some(rows) = rows.first_chunk::<L>() {
            for (lane, row) in rows.iter().enumerate() {
                for (scores, score) in tile.iter_mut().zip(row) {
                    scores[lane] = *score;
                }
            }
            return;
        }
        for (row, lane) in rows.iter().zip(0..L) {
            for (scores, score) in tile.iter_mut().zip(row) {
                scores[lane] = *score;
            }
        }
    }
}

impl<const C: usize> ScoresMut<C> for [[f32; C]] {
    #[inline]
    fn add_rows(&mut self, start: usize, rows: impl Iterator<Item = Option<[f32; C]>>) {
        let target = self.get_mut(start..).unwrap_or_default();
        for (pixel, row) in target.iter_mut().zip(rows) {
            if let Some(row) = row {
                for (element, addend) in pixel.iter_mut().zip(row) {
                    *element += addend;
                }
            }
        }
    }

    #[inline(always)]
    fn rows_mut(&mut self, range: Range<usize>) -> Option<&mut [[f32; C]]> {
        self.get_mut(range)
    }

    #[inline(always)]
    fn view<const L: usize>(&mut self, pixel: usize) -> Option<&mut [[f32; L]; C]> {
        self.get_mut(pixel)?.as_chunks_mut::<L>().0.first_chunk_mut::<C>()
    }

    #[inline(always)]
    fn write<const L: usize>(&mut self, start: usize, tile: &[[f32; L]; C]) {
        let rows = self.get_mut(start..).unwrap_or_default();
        if let Some(rows) = rows.first_chunk_mut::<L>() {
            for (lane, row) in rows.iter_mut().enumerate() {
                for (element, values) in row.iter_mut().zip(tile) {
                    *element = values[lane];
                }
            }
            return;
        }
        for (row, lane) in rows.iter_mut().zip(0..L) {
            for (element, values) in row.iter_mut().zip(tile) {
                *element = values[lane];
            }
        }
    }

    #[inline(always)]
    fn add<const L: usize>(&mut self, start: usize, tile: &[[f32; L]; C], labels: &[u32; L]) {
        let rows = self.get_mut(start..).unwrap_or_default();
        for ((row, label), lane) in rows.iter_mut().zip(labels).zip(0..L) {
            if *label != IGNORED {
                for (element, values) in row.iter_mut().zip(tile) {
                    *element += values[lane];
                }
            }
        }
    }

    #[inline(always)]
    fn read_channel(&self, range: Range<usize>, channel: usize, words: &mut [u32], word: impl Fn(f32) -> u32) {
        for (row, slot) in self.get(range).unwrap_or_default().iter().zip(words) {
            *slot = row.get(channel).map_or(0, |element| word(*element));
        }
    }

    #[inline(always)]
    fn element(&self, pixel: usize, channel: usize) -> f32 {
        self.get(pixel).and_then(|row| row.get(channel)).copied().unwrap_or(0.0)
    }

    #[inline(always)]
    fn fill_channel(&mut self, range: Range<usize>, channel: usize, mut value: impl FnMut(usize, f32) -> f32) {
        for (row, place) in self.get_mut(range).unwrap_or_default().iter_mut().zip(0..) {
            if let Some(element) = row.get_mut(channel) {
                *element = value(place, *element);
            }
        }
    }

    #[inline]
    fn element_mut(&mut self, pixel: usize, channel: usize) -> Option<&mut f32> {
        self.get_mut(pixel)?.get_mut(channel)
    }

    fn clear(&mut self) {
        self.as_flattened_mut().fill(0.0);
    }
}

impl<const C: usize, const P: usize> Scores<C> for [[f32; C]; P] {
    const PIXEL_MAJOR: bool = true;

    fn pixels(&self) -> usize {
        P
    }

    #[inline]
    fn rows(&self, range: Range<usize>) -> impl Iterator<Item = [f32; C]> + '_ {
        self.as_slice().rows(range)
    }

    #[inline(always)]
    fn add_to<const L: usize>(&self, zeros: &mut Zeros, start: usize, labels: Option<Labels<'_>>) {
        self.as_slice().add_to::<L>(zeros, start, labels);
    }

    #[inline(always)]
    fn rows_slice(&self, range: Range<usize>) -> Option<&[[f32; C]]> {
        self.get(range)
    }

    #[inline(always)]
    fn pixel<const L: usize>(&self, pixel: usize) -> Option<&[[f32; L]; C]> {
        self.as_slice().pixel(pixel)
    }

    #[inline(always)]
    fn read<const L: usize>(&self, start: usize, tile: &mut [[f32; L]; C]) {
        self.as_slice().read(start, tile);
    }
}

impl<const C: usize, const P: usize> ScoresMut<C> for [[f32; C]; P] {
    #[inline]
    fn add_rows(&mut self, start: usize, rows: impl Iterator<Item = Option<[f32; C]>>) {
        self.as_mut_slice().add_rows(start, rows);
    }

    #[inline(always)]
    fn rows_mut(&mut self, range: Range<usize>) -> Option<&mut [[f32; C]]> {
        self.get_mut(range)
    }

    #[inline(always)]
    fn view<const L: usize>(&mut self, pixel: usize) -> Option<&mut [[f32; L]; C]> {
        self.as_mut_slice().view(pixel)
    }

    #[inline(always)]
    fn write<const L: usize>(&mut self, start: usize, tile: &[[f32; L]; C]) {
        self.as_mut_slice().write(start, tile);
    }

    #[inline(always)]
    fn add<const L: usize>(&mut self, start: usize, tile: &[[f32; L]; C], labels: &[u32; L]) {
        self.as_mut_slice().add(start, tile, labels);
    }

    #[inline(always)]
    fn read_channel(&self, range: Range<usize>, channel: usize, words: &mut [u32], word: impl Fn(f32) -> u32) {
        self.as_slice().read_channel(range, channel, words, word);
    }

    #[inline(always)]
    fn element(&self, pixel: usize, channel: usize) -> f32 {
        self.as_slice().element(pixel, channel)
    }

    #[inline(always)]
    fn fill_channel(&mut self, range: Range<usize>, channel: usize, value: impl FnMut(usize, f32) -> f32) {
        self.as_mut_slice().fill_channel(range, channel, value);
    }

    #[inline]
    fn element_mut(&mut self, pixel: usize, channel: usize) -> Option<&mut f32> {
        self.as_mut_slice().element_mut(pixel, channel)
    }

    fn clear(&mut self) {
        self.as_mut_slice().clear();
    }
}

/// Where the scores of an NCHW buffer lie: the number of pixels of one image is all that is needed.
#[derive(Clone, Copy, Debug)]
struct Planar<const C: usize> {
    images: usize,
    image_pixels: usize,
    pixels: usize,
}

impl<const C: usize> Planar<C> {
    fn new(elements: usize, images: usize) -> Result<Self, Error> {
        let error = Error::Images { images, pixels: elements };
        if elements == 0 && images == 0 {
            return Ok(Self { images: 1, image_pixels: 0, pixels: 0 });
        }
        let planes = images.checked_mul(C).filter(|&planes| planes != 0).ok_or(error)?;
        if elements.checked_rem(planes) != Some(0) {
            return Err(error);
        }
        let image_pixels = elements.checked_div(planes).unwrap_or_default();
        Ok(Self { images, image_pixels, pixels: image_pixels.saturating_mul(images) })
    }

    /// The image that holds a pixel, and the pixel's place in it.
    fn locate(&self, pixel: usize) -> (usize, usize) {
        let image = pixel.checked_div(self.image_pixels).unwrap_or_default();
        (image, pixel.wrapping_sub(image.wrapping_mul(self.image_pixels)))
    }

    /// Index of an element.
    fn element(&self, image: usize, channel: usize, place: usize) -> usize {
        image.wrapping_mul(C).wrapping_add(channel).wrapping_mul(self.image_pixels).wrapping_add(place)
    }

    fn pixel(&self, data: &[f32], image: usize, place: usize) -> Option<[f32; C]> {
        let mut row = [0.0; C];
        for (channel, score) in row.iter_mut().enumerate() {
            *score = *data.get(self.element(image, channel, place))?;
        }
        Some(row)
    }

    /// Steps to the next pixel without a division.
    fn next(&self, image: &mut usize, place: &mut usize) {
        *place = place.wrapping_add(1);
        if *place >= self.image_pixels {
            *place = 0;
            *image = image.wrapping_add(1);
        }
    }

    /// `L` pixels from `start` on of one plane after the other: in one piece each if they lie in one image.
    #[inline(always)]
    fn pieces<const L: usize>(&self, start: usize) -> Option<impl Iterator<Item = usize> + use<C, L>> {
        let (image, place) = self.locate(start);
        let planar = *self;
        (place.wrapping_add(L) <= self.image_pixels && start.wrapping_add(L) <= self.pixels)
            .then(|| (0..C).map(move |channel| planar.element(image, channel, place)))
    }

    #[inline(always)]
    fn read<const L: usize>(&self, data: &[f32], start: usize, tile: &mut [[f32; L]; C]) {
        if let Some(pieces) = self.pieces::<L>(start) {
            for (scores, piece) in tile.iter_mut().zip(pieces) {
                if let Some(plane) = data.get(piece..).and_then(|plane| plane.first_chunk::<L>()) {
                    *scores = *plane;
                }
            }
            return;
        }
        let (mut image, mut place) = self.locate(start);
        for (_, lane) in (start..self.pixels).zip(0..L) {
            for (channel, scores) in tile.iter_mut().enumerate() {
                if let Some(score) = data.get(self.element(image, channel, place)) {
                    scores[lane] = *score;
                }
            }
            self.next(&mut image, &mut place);
        }
    }

    /// The pieces, one an image, that one channel of a range consists of; each with its first place in the range.
    #[inline(always)]
    fn pieces_of(&self, range: Range<usize>, channel: usize, mut visit: impl FnMut(usize, Range<usize>)) {
        let (mut image, mut place) = self.locate(range.start);
        let (mut first, length) = (0_usize, range.len());
        while first < length && place < self.image_pixels {
            let piece = self.image_pixels.wrapping_sub(place).min(length.wrapping_sub(first));
            let element = self.element(image, channel, place);
            visit(first, element..element.wrapping_add(piece));
            first = first.wrapping_add(piece);
            (image, place) = (image.wrapping_add(1), 0);
        }
    }

    #[inline(always)]
    fn add_to<const L: usize>(&self, data: &[f32], zeros: &mut Zeros, start: usize, labels: Option<Labels<'_>>) {
        if let (Some(pieces), None) = (self.pieces::<L>(start), labels) {
            for plane in pieces.filter_map(|piece| data.get(piece..)?.first_chunk::<L>()) {
                zeros.add(plane);
            }
            return;
        }
        let labels = labels.unwrap_or(Labels::new(&[]));
        let rows = self.rows(data, start..self.pixels.min(start.wrapping_add(L)));
        for (row, pixel) in rows.zip(start..) {
            if !labels.is_ignored(pixel) {
                zeros.add(&row);
            }
        }
    }

    fn rows(self, data: &[f32], range: Range<usize>) -> impl Iterator<Item = [f32; C]> + '_ {
        let range = if range.end <= self.pixels { range } else { 0..0 };
        let (mut image, mut place) = self.locate(range.start);
        range.map_while(move |_| {
            let row = self.pixel(data, image, place);
            self.next(&mut image, &mut place);
            row
        })
    }
}

/// Class-major scores to read: `[images, C, height · width]`, flat, as PyTorch's NCHW.
///
/// ```
/// use scarce::{Batch, CrossEntropy, Labels, Loss, Planes};
///
/// // One image of two pixels, three classes: plane 0, plane 1, plane 2.
/// let logits = [0.1, 2.0, /**/ 1.5, -1.0, /**/ 0.0, 0.5];
/// let planes = Planes::<3>::new(&logits, 1)?;
/// let batch = Batch::new(&planes, Labels::new(&[1, 0]))?;
/// assert!(CrossEntropy::new().value(&batch, &mut [])? < 0.5);
/// # Ok::<(), scarce::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Planes<'a, const C: usize> {
    data: &'a [f32],
    planar: Planar<C>,
}

impl<'a, const C: usize> Planes<'a, C> {
    /// Takes `images` images of `C` planes each.
    ///
    /// # Errors
    /// [`Error::Images`] if `data.len()` is no multiple of `images · C`.
    pub fn new(data: &'a [f32], images: usize) -> Result<Self, Error> {
        Ok(Self { data, planar: Planar::new(data.len(), images)? })
    }
}

/// Class-major scores to change: `[images, C, height · width]`, flat, as PyTorch's NCHW.
#[derive(Debug)]
pub struct PlanesMut<'a, const C: usize> {
    data: &'a mut [f32],
    planar: Planar<C>,
}

impl<'a, const C: usize> PlanesMut<'a, C> {
    /// Takes `images` images of `C` planes each.
    ///
    /// # Errors
    /// [`Error::Images`] if `data.len()` is no multiple of `images · C`.
    pub fn new(data: &'a mut [f32], images: usize) -> Result<Self, Error> {
        let planar = Planar::new(data.len(), images)?;
        Ok(Self { data, planar })
    }
}

impl<const C: usize> PlanesMut<'_, C> {
    /// Every element of the pixels from `start` on whose label is not ignored, with its channel and its place among them.
    fn each<const L: usize>(&mut self, start: usize, mut visit: impl FnMut(&mut f32, usize, usize), labels: [u32; L]) {
        let (mut image, mut place) = self.planar.locate(start);
        for ((_, lane), label) in (start..self.planar.pixels).zip(0..L).zip(labels) {
            if label != IGNORED {
                for channel in 0..C {
                    if let Some(element) = self.data.get_mut(self.planar.element(image, channel, place)) {
                        visit(element, channel, lane);
                    }
                }
            }
            self.planar.next(&mut image, &mut place);
        }
    }
}

impl<const C: usize> sealed::Sealed for Planes<'_, C> {}
impl<const C: usize> sealed::Sealed for PlanesMut<'_, C> {}

impl<const C: usize> Scores<C> for Planes<'_, C> {
    const PIXEL_MAJOR: bool = false;

    fn pixels(&self) -> usize {
        self.planar.pixels
    }

    fn images(&self) -> usize {
        self.planar.images
    }

    #[inline]
    fn rows(&self, range: Range<usize>) -> impl Iterator<Item = [f32; C]> + '_ {
        self.planar.rows(self.data, range)
    }

    #[inline(always)]
    fn add_to<const L: usize>(&self, zeros: &mut Zeros, start: usize, labels: Option<Labels<'_>>) {
        self.planar.add_to::<L>(self.data, zeros, start, labels);
    }

    #[inline(always)]
    fn read<const L: usize>(&self, start: usize, tile: &mut [[f32; L]; C]) {
        self.planar.read(self.data, start, tile);
    }
}

impl<const C: usize> Scores<C> for PlanesMut<'_, C> {
    const PIXEL_MAJOR: bool = false;

    fn pixels(&self) -> usize {
        self.planar.pixels
    }

    fn images(&self) -> usize {
        self.planar.images
    }

    #[inline]
    fn rows(&self, range: Range<usize>) -> impl Iterator<Item = [f32; C]> + '_ {
        self.planar.rows(self.data, range)
    }

    #[inline(always)]
    fn add_to<const L: usize>(&self, zeros: &mut Zeros, start: usize, labels: Option<Labels<'_>>) {
        self.planar.add_to::<L>(self.data, zeros, start, labels);
    }

    #[inline(always)]
    fn read<const L: usize>(&self, start: usize, tile: &mut [[f32; L]; C]) {
        self.planar.read(self.data, start, tile);
    }
}

impl<const C: usize> ScoresMut<C> for PlanesMut<'_, C> {
    #[inline]
    fn add_rows(&mut self, start: usize, rows: impl Iterator<Item = Option<[f32; C]>>) {
        let (mut image, mut place) = self.planar.locate(start);
        for row in rows {
            if let Some(row) = row {
                for (channel, addend) in row.into_iter().enumerate() {
                    if let Some(element) = self.data.get_mut(self.planar.element(image, channel, place)) {
                        *element += addend;
                    }
                }
            }
            self.planar.next(&mut image, &mut place);
        }
    }

    #[inline(always)]
    fn write<const L: usize>(&mut self, start: usize, tile: &[[f32; L]; C]) {
        if let Some(pieces) = self.planar.pieces::<L>(start) {
            for (values, piece) in tile.iter().zip(pieces) {
                if let Some(plane) = self.data.get_mut(piece..).and_then(|plane| plane.first_chunk_mut::<L>()) {
                    *plane = *values;
                }
            }
            return;
        }
        self.each(start, |element, channel, lane| *element = tile[channel][lane], [0; L]);
    }

    #[inline(always)]
    fn add<const L: usize>(&mut self, start: usize, tile: &[[f32; L]; C], labels: &[u32; L]) {
        if let Some(pieces) = self.planar.pieces::<L>(start) {
            for (values, piece) in tile.iter().zip(pieces) {
                if let Some(plane) = self.data.get_mut(piece..).and_then(|plane| plane.first_chunk_mut::<L>()) {
                    for ((element, value), label) in plane.iter_mut().zip(values).zip(labels) {
                        *element = if *label == IGNORED { *element } else { *element + *value };
                    }
                }
            }
            return;
        }
        self.each(start, |element, channel, lane| *element += tile[channel][lane], *labels);
    }

    #[inline(always)]
    fn read_channel(&self, range: Range<usize>, channel: usize, words: &mut [u32], word: impl Fn(f32) -> u32) {
        let mut words = words.iter_mut();
        self.planar.pieces_of(range, channel, |_, piece| {
            for (element, slot) in self.data.get(piece).unwrap_or_default().iter().zip(words.by_ref()) {
                *slot = word(*element);
            }
        });
    }

    #[inline(always)]
    fn element(&self, pixel: usize, channel: usize) -> f32 {
        let (image, place) = self.planar.locate(pixel);
        self.data.get(self.planar.element(image, channel, place)).copied().unwrap_or(0.0)
    }

    #[inline(always)]
    fn fill_channel(&mut self, range: Range<usize>, channel: usize, mut value: impl FnMut(usize, f32) -> f32) {
        self.planar.pieces_of(range, channel, |first, piece| {
            for (element, place) in self.data.get_mut(piece).unwrap_or_default().iter_mut().zip(first..) {
                *element = value(place, *element);
            }
        });
    }

    #[inline]
    fn element_mut(&mut self, pixel: usize, channel: usize) -> Option<&mut f32> {
        let (image, place) = self.planar.locate(pixel);
        self.data.get_mut(self.planar.element(image, channel, place))
    }

    fn clear(&mut self) {
        self.data.fill(0.0);
    }
}

/// Whether scores are finite: a score times 0 is 0, or NaN where the score is not finite. Two operations for each, and a
/// single comparison in the end.
#[doc(hidden)]
#[derive(Debug)]
pub struct Zeros([f32; Zeros::SUMS]);

impl Zeros {
    /// Sums that run side by side.
    const SUMS: usize = 16;

    pub(crate) const fn new() -> Self {
        Self([0.0; Self::SUMS])
    }

    // Inlined, the sums are numbers like any others, and not added up side by side.
    #[inline(never)]
    fn add(&mut self, scores: &[f32]) {
        let (chunks, rest) = scores.as_chunks();
        let mut sums = self.0;
        for chunk in chunks {
            for (sum, score) in sums.iter_mut().zip::<&[f32; Self::SUMS]>(chunk) {
                *sum += *score * 0.0;
            }
        }
        for (sum, score) in sums.iter_mut().zip(rest) {
            *sum += *score * 0.0;
        }
        self.0 = sums;
    }

    pub(crate) fn are(&self) -> bool {
        self.0.iter().all(|zero| *zero == 0.0)
    }
}

/// `Ok` if the gradient has as many pixels as the batch.
pub(crate) fn check_grad<const C: usize, G: ScoresMut<C> + ?Sized>(grad: &G, needed: usize) -> Result<(), Error> {
    let got = grad.pixels();
    if got == needed { Ok(()) } else { Err(Error::Length { buffer: Buffer::Grad, needed, got }) }
}

/// Sets the gradient of a range to zero.
pub(crate) fn clear<const C: usize, G: ScoresMut<C> + ?Sized>(grad: &mut G, range: &Range<usize>) {
    for channel in 0..C {
        grad.fill_channel(range.clone(), channel, |_, _| 0.0);
    }
}
