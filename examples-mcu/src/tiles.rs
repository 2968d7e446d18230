//! The memory of training and measuring where the loss is taken tile by tile.

use crate::adaptation::AdaptationError;
use crate::descent::Scope;
use crate::error::check_length;
use crate::normalize::normalize_with;
use crate::window::Window;
use crate::{Buffer, IGNORED, Layout, LengthError, Moments, Network, Rows, Shape};
use core::ops::Range;
use scarce::Labels;

/// Buffers that the caller lends, of the size of a tile: some rows of a frame, and those around them on which their features
/// depend.
///
/// There is none for the gradient of the logits, which takes the place of the logits, nor scratch for a loss, nor a frame: its
/// [`Rows`] are read as they are needed.
///
/// ```
/// use scarce_mcu::Layout;
///
/// const LAYOUT: Layout = Layout::of_tiles(160, 4);
/// assert_eq!(LAYOUT.strip_len(), 160 * 4); // labels
/// assert_eq!(LAYOUT.band_len::<1, 8, 5, 0>(), 160 * 6); // image, inputs, logits
/// assert_eq!(LAYOUT.activations_len::<1, 8, 5, 0>(), 160 * 6);
/// ```
#[derive(Debug)]
pub struct TileWorkspace<'a, const INPUTS: usize, const HIDDEN: usize, const CLASSES: usize> {
    /// Of [tiles](Layout::of_tiles).
    pub layout: Layout,
    /// [`Layout::band_len`] pixels.
    pub image: &'a mut [[u8; INPUTS]],
    /// [`Layout::strip_len`] pixels.
    pub labels: &'a mut [u8],
    /// [`Layout::band_len`] pixels.
    pub inputs: &'a mut [[f32; INPUTS]],
    /// [`Layout::activations_len`] pixels.
    pub activations: &'a mut [[f32; HIDDEN]],
    /// [`Layout::band_len`] pixels.
    pub logits: &'a mut [[f32; CLASSES]],
}

impl<const I: usize, const H: usize, const C: usize> TileWorkspace<'_, I, H, C> {
    /// `Err` unless the buffers have the lengths that the layout tells and a frame has its width.
    ///
    /// # Errors
    /// The buffer that has not.
    pub fn check<const D: usize>(&self, frame: Shape) -> Result<(), LengthError> {
        let (layout, window) = (self.layout, self.layout.band_len::<I, H, C, D>());
        check_length(Buffer::Row, layout.width, frame.width)?;
        check_length(Buffer::Image, window, self.image.len())?;
        check_length(Buffer::Labels, layout.strip_len(), self.labels.len())?;
        check_length(Buffer::Input, window, self.inputs.len())?;
        check_length(Buffer::Activations, layout.activations_len::<I, H, C, D>(), self.activations.len())?;
        check_length(Buffer::Logits, window, self.logits.len())
    }

    /// Reads the labels of a tile, and tells whether there is one.
    pub(crate) fn read_labels<R: Rows<I>>(&mut self, frame: &mut R, rows: Range<usize>) -> Result<bool, R::Error> {
        let pixels = frame.shape().pixels_of(&rows).len();
        let labels = self.labels.get_mut(..pixels).unwrap_or_default();
        frame.read_labels(rows, labels)?;
        Ok(labels.iter().any(|&label| label != IGNORED))
    }

    /// Computes the logits of a tile, which [`logits_and_labels`](Self::logits_and_labels) gives.
    pub(crate) fn forward<const D: usize, R: Rows<I>>(
        &mut self,
        network: &Network<I, H, C, D>,
        frame: &mut R,
        moments: [Moments; I],
        window: &Window,
    ) -> Result<(), AdaptationError<R::Error>> {
        let pixels = window.shape.pixels();
        let image = self.image.get_mut(..pixels).unwrap_or_default();
        let inputs = self.inputs.get_mut(..pixels).unwrap_or_default();
        let activations = self.activations.get_mut(..pixels.saturating_mul(D + 1)).unwrap_or_default();
        let logits = self.logits.get_mut(window.inner.clone()).unwrap_or_default();
        frame.read_image(window.rows.clone(), image).map_err(AdaptationError::Camera)?;
        normalize_with(moments, image, inputs)?;
        network.forward_features(inputs, window.shape, activations)?;
        network.head.forward(activations.get(window.features(D)).unwrap_or_default(), logits)?;
        Ok(())
    }

    /// Of the tile, without the rows around it.
    pub(crate) fn logits_and_labels(&mut self, window: &Window) -> (&mut [[f32; C]], Labels<'_>) {
        let labels = self.labels.get(..window.inner.len()).unwrap_or_default();
        (self.logits.get_mut(window.inner.clone()).unwrap_or_default(), Labels::new(labels).ignoring(IGNORED))
    }

    /// Adds to `gradient` what the gradient that has taken the place of a tile's logits makes of the head's parameters, or of
    /// all.
    pub(crate) fn backward<const D: usize>(
        &mut self,
        network: &Network<I, H, C, D>,
        window: &Window,
        scope: Scope,
        gradient: &mut Network<I, H, C, D>,
    ) -> Result<(), LengthError> {
        let pixels = window.shape.pixels();
        let (inputs, slopes) = (self.inputs.get(..pixels).unwrap_or_default(), &mut *self.logits);
        let activations = self.activations.get_mut(..pixels.saturating_mul(D + 1)).unwrap_or_default();
        match scope {
            Scope::Head => {
                let features = activations.get(window.features(D)).unwrap_or_default();
                let slopes = slopes.get(window.inner.clone()).unwrap_or_default();
                network.head.backward(features, slopes, &mut gradient.head)
            }
            Scope::AllLayers => {
                // The rows around the tile are other tiles'.
                for around in [0..window.inner.start, window.inner.end..pixels] {
                    slopes.get_mut(around).unwrap_or_default().fill([0.0; C]);
                }
                let slopes = slopes.get(..pixels).unwrap_or_default();
                network.backward(inputs, window.shape, activations, slopes, gradient)
            }
        }
    }
}
