//! The memory of training and measuring, and the passes through a network that fit in it.

use crate::error::check_length;
use crate::normalize::normalize_with;
use crate::window::Window;
use crate::{Buffer, Frame, LengthError, Moments, Network, Shape};
use core::ops::Range;

/// Buffers that the caller lends, smaller than what the activations of a whole frame take.
///
/// A frame is gone through by *strips*: rows whose logits are held at once, and over which a loss is taken. A strip is gone
/// through by *bands*, rows whose activations are held at once, with the rows around them on which their features depend.
/// The backward pass computes the activations of each band anew. All that costs time for memory and changes no bit of the
/// logits.
///
/// ```
/// use scarce_mcu::{Layout, Network};
///
/// type Model = Network<1, 8, 2, 0>;
/// const LAYOUT: Layout = Layout { width: 64, strip_rows: 16, band_rows: 4 };
/// assert_eq!(LAYOUT.strip_len(), 64 * 16); // logits, gradient: 8 KiB each
/// assert_eq!(LAYOUT.band_len::<1, 8, 2, 0>(), 64 * 6); // inputs, gradient
/// assert_eq!(LAYOUT.activations_len::<1, 8, 2, 0>(), 64 * 6); // 12 KiB, instead of 128 KiB for a frame of 64×64
/// ```
#[derive(Debug)]
pub struct Workspace<'a, const INPUTS: usize, const HIDDEN: usize, const CLASSES: usize> {
    /// The sizes of strips and bands.
    pub layout: Layout,
    /// [`Layout::band_len`] pixels.
    pub inputs: &'a mut [[f32; INPUTS]],
    /// [`Layout::activations_len`] pixels.
    pub activations: &'a mut [[f32; HIDDEN]],
    /// [`Layout::band_len`] pixels.
    pub band_gradient: &'a mut [[f32; CLASSES]],
    /// [`Layout::strip_len`] pixels.
    pub logits: &'a mut [[f32; CLASSES]],
    /// [`Layout::strip_len`] pixels.
    pub logit_gradient: &'a mut [[f32; CLASSES]],
    /// What the loss takes for [`Layout::strip_len`] pixels, to write its gradient.
    pub scratch: &'a mut [u32],
}

/// How a frame is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Pixels of a row.
    pub width: usize,
    /// Rows over which a loss is taken, and which one call trains.
    pub strip_rows: usize,
    /// Rows whose activations are held at once.
    pub band_rows: usize,
}

impl Layout {
    /// Of a [`TileWorkspace`](crate::TileWorkspace): a tile is a strip of one band.
    #[must_use]
    pub const fn of_tiles(width: usize, rows: usize) -> Self {
        Self { width, strip_rows: rows, band_rows: rows }
    }

    /// Pixels of a strip.
    #[must_use]
    pub const fn strip_len(self) -> usize {
        self.strip_rows.saturating_mul(self.width)
    }

    /// Pixels of a band and of the rows around it.
    #[must_use]
    pub const fn band_len<const I: usize, const H: usize, const C: usize, const D: usize>(self) -> usize {
        self.band_rows.saturating_add(2 * Network::<I, H, C, D>::REACH).saturating_mul(self.width)
    }

    /// Length of the buffer of activations.
    #[must_use]
    pub const fn activations_len<const I: usize, const H: usize, const C: usize, const D: usize>(self) -> usize {
        self.band_len::<I, H, C, D>().saturating_mul(D + 1)
    }

    /// The strips of a frame, as ranges of rows.
    pub(crate) fn strip(self, first: usize, shape: Shape) -> Range<usize> {
        first..first.saturating_add(self.strip_rows.max(1)).min(shape.height)
    }

    fn bands(self, strip: Range<usize>) -> impl Iterator<Item = Range<usize>> {
        let rows = self.band_rows.max(1);
        strip.clone().step_by(rows).map(move |first| first..first.saturating_add(rows).min(strip.end))
    }
}

impl<const I: usize, const H: usize, const C: usize> Workspace<'_, I, H, C> {
    /// `Err` unless the buffers have the lengths that the layout tells and a frame has its width.
    ///
    /// # Errors
    /// The buffer that has not.
    pub fn check<const D: usize>(&self, frame: Shape) -> Result<(), LengthError> {
        let layout = self.layout;
        let (strip, band) = (layout.strip_len(), layout.band_len::<I, H, C, D>());
        check_length(Buffer::Row, layout.width, frame.width)?;
        check_length(Buffer::Input, band, self.inputs.len())?;
        check_length(Buffer::Activations, layout.activations_len::<I, H, C, D>(), self.activations.len())?;
        check_length(Buffer::BandGradient, band, self.band_gradient.len())?;
        check_length(Buffer::Logits, strip, self.logits.len())?;
        check_length(Buffer::LogitGradient, strip, self.logit_gradient.len())
    }

    /// Computes the logits of a strip.
    pub(crate) fn forward<const D: usize>(
        &mut self,
        network: &Network<I, H, C, D>,
        frame: &Frame<'_, I>,
        moments: [Moments; I],
        strip: Range<usize>,
    ) -> Result<(), LengthError> {
        for rows in self.layout.bands(strip.clone()) {
            let window = self.compute_features(network, frame, moments, &rows)?;
            let logits = self.logits.get_mut(pixels_in(&strip, &rows, frame.shape())).unwrap_or_default();
            network.head.forward(self.activations.get(window.features(D)).unwrap_or_default(), logits)?;
        }
        Ok(())
    }

    /// Adds to `gradient` what the gradient of a strip's logits makes of the head's parameters, or of all.
    pub(crate) fn backward<const D: usize>(
        &mut self,
        network: &Network<I, H, C, D>,
        frame: &Frame<'_, I>,
        moments: [Moments; I],
        strip: Range<usize>,
        all_layers: bool,
        gradient: &mut Network<I, H, C, D>,
    ) -> Result<(), LengthError> {
        for rows in self.layout.bands(strip.clone()) {
            let window = self.compute_features(network, frame, moments, &rows)?;
            let of_band = self.logit_gradient.get(pixels_in(&strip, &rows, frame.shape())).unwrap_or_default();
            if !all_layers {
                let features = self.activations.get(window.features(D)).unwrap_or_default();
                network.head.backward(features, of_band, &mut gradient.head)?;
                continue;
            }
            let pixels = window.shape.pixels();
            let slopes = self.band_gradient.get_mut(..pixels).unwrap_or_default();
            slopes.fill([0.0; C]);
            for (slopes, of_band) in slopes.get_mut(window.inner).unwrap_or_default().iter_mut().zip(of_band) {
                *slopes = *of_band;
            }
            let inputs = self.inputs.get(..pixels).unwrap_or_default();
            let activations = self.activations.get_mut(..pixels.saturating_mul(D + 1)).unwrap_or_default();
            network.backward(inputs, window.shape, activations, slopes, gradient)?;
        }
        Ok(())
    }

    /// Computes the features of a band; those of the rows around it, which see only a part of what they depend on, are wrong.
    fn compute_features<const D: usize>(
        &mut self,
        network: &Network<I, H, C, D>,
        frame: &Frame<'_, I>,
        moments: [Moments; I],
        rows: &Range<usize>,
    ) -> Result<Window, LengthError> {
        let window = Window::around(rows, Network::<I, H, C, D>::REACH, frame.shape());
        let pixels = window.shape.pixels();
        let inputs = self.inputs.get_mut(..pixels).unwrap_or_default();
        let image = frame.image().get(frame.shape().pixels_of(&window.rows)).unwrap_or_default();
        normalize_with(moments, image, inputs)?;
        let activations = self.activations.get_mut(..pixels.saturating_mul(D + 1)).unwrap_or_default();
        network.forward_features(inputs, window.shape, activations)?;
        Ok(window)
    }
}

/// The pixels of a band among those of a strip.
const fn pixels_in(strip: &Range<usize>, band: &Range<usize>, frame: Shape) -> Range<usize> {
    frame.pixels_of(&(band.start.saturating_sub(strip.start)..band.end.saturating_sub(strip.start)))
}
