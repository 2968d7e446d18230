//! Views of scores and of their gradients: the memory layouts.
//!
//! A kernel asks a view for pixels in order, or for one element to change; which layout lies behind it never leaks into a loss.

use crate::{Buffer, Error};
use core::ops::Range;

mod sealed {
    pub trait Sealed {}
}

/// Scores to read: `C` numbers a pixel, logits or probabilities.
///
/// Implemented for pixel-major slices and arrays of `[f32; C]` (HWC, what a kernel on a microcontroller produces) and for
/// class-major [`Planes`] and [`PlanesMut`] (NCHW, what PyTorch dumps). Sealed: layouts come with this crate.
pub trait Scores<const C: usize>: sealed::Sealed {
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
}

/// Scores to change: a gradient to add to.
///
/// Implemented for what [`Scores`] is, where it can be written. Sealed.
pub trait ScoresMut<const C: usize>: sealed::Sealed {
    /// Number of pixels, of all images together.
    fn pixels(&self) -> usize;

    /// Adds one row to each pixel from `start` on, as long as both last; a `None` leaves its pixel untouched.
    #[doc(hidden)]
    fn add_rows(&mut self, start: usize, rows: impl Iterator<Item = Option<[f32; C]>>);

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
    fn pixels(&self) -> usize {
        self.len()
    }

    #[inline]
    fn rows(&self, range: Range<usize>) -> impl Iterator<Item = [f32; C]> + '_ {
        self.get(range).unwrap_or_default().iter().copied()
    }
}

impl<const C: usize> ScoresMut<C> for [[f32; C]] {
    fn pixels(&self) -> usize {
        self.len()
    }

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

    #[inline]
    fn element_mut(&mut self, pixel: usize, channel: usize) -> Option<&mut f32> {
        self.get_mut(pixel)?.get_mut(channel)
    }

    fn clear(&mut self) {
        self.as_flattened_mut().fill(0.0);
    }
}

impl<const C: usize, const P: usize> Scores<C> for [[f32; C]; P] {
    fn pixels(&self) -> usize {
        P
    }

    #[inline]
    fn rows(&self, range: Range<usize>) -> impl Iterator<Item = [f32; C]> + '_ {
        self.as_slice().rows(range)
    }
}

impl<const C: usize, const P: usize> ScoresMut<C> for [[f32; C]; P] {
    fn pixels(&self) -> usize {
        P
    }

    #[inline]
    fn add_rows(&mut self, start: usize, rows: impl Iterator<Item = Option<[f32; C]>>) {
        self.as_mut_slice().add_rows(start, rows);
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

impl<const C: usize> sealed::Sealed for Planes<'_, C> {}
impl<const C: usize> sealed::Sealed for PlanesMut<'_, C> {}

impl<const C: usize> Scores<C> for Planes<'_, C> {
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
}

impl<const C: usize> Scores<C> for PlanesMut<'_, C> {
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
}

impl<const C: usize> ScoresMut<C> for PlanesMut<'_, C> {
    fn pixels(&self) -> usize {
        self.planar.pixels
    }

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

    #[inline]
    fn element_mut(&mut self, pixel: usize, channel: usize) -> Option<&mut f32> {
        let (image, place) = self.planar.locate(pixel);
        self.data.get_mut(self.planar.element(image, channel, place))
    }

    fn clear(&mut self) {
        self.data.fill(0.0);
    }
}

/// `Ok` if the gradient has as many pixels as the batch.
pub(crate) fn check_grad<const C: usize, G: ScoresMut<C> + ?Sized>(grad: &G, needed: usize) -> Result<(), Error> {
    let got = grad.pixels();
    if got == needed { Ok(()) } else { Err(Error::Length { buffer: Buffer::Grad, needed, got }) }
}
