//! Losses that are a sum over pixels: what they share.

use super::bounded;
use crate::error::{check_parameter, positive};
use crate::kernel::sum::Sums;
use crate::{Batch, Buffer, Error, Loss, Parameter, Scores, ScoresMut};

/// What the sum over pixels is divided by.
///
/// If the divisor is 0 (no valid pixel, or none with a weight) the loss and its gradient are 0, where PyTorch gives NaN.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Reduction {
    /// The weights of the valid pixels: Σ w ℓ / Σ w, as PyTorch's `mean`.
    #[default]
    Mean,
    /// The number of valid pixels (mmsegmentation's `avg_non_ignore`).
    MeanValid,
    /// The number of all pixels, ignored ones included (mmsegmentation's default).
    MeanAll,
    /// The number of all scores, `C` a pixel, ignored pixels included (MONAI's and Kornia's focal loss).
    MeanAllElements,
    /// The number of pixels whose label is not 0, at least 1: the positives, as RetinaNet.
    Positives,
    /// A number of the caller's, such as the number of positives of several devices.
    Divisor(f32),
    /// Nothing: the plain sum.
    Sum,
}

/// A loss that is a sum over pixels, each with its own label: cross entropy, focal loss.
///
/// Implement it to get a [`Loss`] of your own with all reductions, layouts and checks:
///
/// ```
/// use scarce::{Batch, Error, Labels, Loss, PixelLoss, Reduction};
///
/// /// ½ Σ_c z_c² of the pixels of class 1.
/// struct Decay;
///
/// impl PixelLoss<2> for Decay {
///     fn check_parameters(&self) -> Result<(), Error> {
///         Ok(())
///     }
///     fn reduction(&self) -> Reduction {
///         Reduction::Sum
///     }
///     fn weight(&self, label: u8) -> f32 {
///         f32::from(label)
///     }
///     fn confidence(&self, _: [f32; 2], _: u8) -> (f32, f32) {
///         (0.5, 0.5)
///     }
///     fn pixel(&self, [a, b]: [f32; 2], label: u8) -> f32 {
///         0.5 * (a * a + b * b) * f32::from(label)
///     }
///     fn pixel_grad(&self, row: [f32; 2], label: u8, scale: f32) -> (f32, [f32; 2]) {
///         (self.pixel(row, label), row.map(|score| score * scale * f32::from(label)))
///     }
/// }
///
/// let batch = Batch::new(&[[3.0, 4.0], [1.0, 1.0]], Labels::new(&[1, 0]))?;
/// let mut grad = [[0.0; 2]; 2];
/// assert_eq!(Decay.value_and_grad(&batch, &mut grad, &mut [])?, 12.5);
/// assert_eq!(grad, [[3.0, 4.0], [0.0, 0.0]]);
/// # Ok::<(), Error>(())
/// ```
pub trait PixelLoss<const C: usize> {
    /// Refuses bad parameters.
    ///
    /// # Errors
    /// [`Error::Parameter`].
    fn check_parameters(&self) -> Result<(), Error>;

    /// What the sum is divided by.
    fn reduction(&self) -> Reduction;

    /// What a valid pixel of this label adds to the divisor of [`Reduction::Mean`].
    fn weight(&self, label: u8) -> f32;

    /// The probability p that the scores give the label, and 1 − p to full relative accuracy: what hard example mining goes
    /// by.
    fn confidence(&self, row: [f32; C], label: u8) -> (f32, f32);

    /// The weighted loss of one pixel. The label is a class, the scores are finite.
    fn pixel(&self, row: [f32; C], label: u8) -> f32;

    /// The weighted loss of one pixel, and `scale` times its gradient.
    fn pixel_grad(&self, row: [f32; C], label: u8, scale: f32) -> (f32, [f32; C]);

    /// The weighted loss of each pixel, undivided; 0 where ignored. What others call reduction `none`.
    ///
    /// # Errors
    /// [`Error::Length`] if `output` has not the length of the batch, [`Error::Parameter`].
    fn per_pixel<S: Scores<C> + ?Sized>(&self, batch: &Batch<'_, S, C>, output: &mut [f32]) -> Result<(), Error> {
        check(self, batch)?;
        let (needed, got) = (batch.pixels(), output.len());
        if needed != got {
            return Err(Error::Length { buffer: Buffer::Output, needed, got });
        }
        for (value, sample) in output.iter_mut().zip(batch.samples(0..needed)) {
            *value = sample.map_or(0.0, |(row, label)| self.pixel(row, label));
        }
        Ok(())
    }
}

impl<const C: usize, L: PixelLoss<C>> Loss<C> for L {
    fn check<S: Scores<C> + ?Sized>(&self, batch: &Batch<'_, S, C>) -> Result<(), Error> {
        check(self, batch)
    }

    fn evaluate<S: Scores<C> + ?Sized>(&self, batch: &Batch<'_, S, C>, _: &mut [u32]) -> f32 {
        let divisor = divisor(self, batch);
        if divisor <= 0.0 {
            return 0.0;
        }
        let mut total = Sums::ZERO;
        for (row, label) in batch.samples(0..batch.pixels()).flatten() {
            total.add([self.pixel(row, label)]);
        }
        let [total] = total.total();
        (total / divisor).clamp(f32::MIN, f32::MAX)
    }

    fn accumulate<S: Scores<C> + ?Sized, G: ScoresMut<C> + ?Sized>(
        &self,
        batch: &Batch<'_, S, C>,
        scale: f32,
        grad: &mut G,
        _: &mut [u32],
    ) -> f32 {
        let divisor = divisor(self, batch);
        if divisor <= 0.0 {
            return 0.0;
        }
        let scale = bounded(scale / divisor);
        let mut total = Sums::ZERO;
        let samples = batch.samples(0..batch.pixels());
        grad.add_rows(
            0,
            samples.map(|sample| {
                sample.map(|(row, label)| {
                    let (value, row) = self.pixel_grad(row, label, scale);
                    total.add([value]);
                    row
                })
            }),
        );
        let [total] = total.total();
        (total / divisor).clamp(f32::MIN, f32::MAX)
    }
}

fn check<const C: usize, S: ?Sized>(loss: &(impl PixelLoss<C> + ?Sized), _: &Batch<'_, S, C>) -> Result<(), Error> {
    loss.check_parameters()?;
    if let Reduction::Divisor(divisor) = loss.reduction() {
        check_parameter(Parameter::Divisor, &[divisor], positive)?;
    }
    Ok(())
}

fn divisor<const C: usize, S: ?Sized>(loss: &(impl PixelLoss<C> + ?Sized), batch: &Batch<'_, S, C>) -> f32 {
    let valid = batch.valid();
    if valid == 0 {
        return 0.0;
    }
    let counts = batch.counts();
    match loss.reduction() {
        Reduction::Mean => {
            // With one channel the counts hold label 1 only, and the rest is label 0.
            let first = if C == 1 { 1 } else { 0 };
            let foreground = counts.iter().fold(0_u32, |sum, &count| sum.wrapping_add(count));
            let mut total = valid.wrapping_sub(foreground) as f32 * loss.weight(0);
            for (label, &count) in (first..=u8::MAX).zip(&counts) {
                total += count as f32 * loss.weight(label);
            }
            total
        }
        Reduction::MeanValid => valid as f32,
        Reduction::MeanAll => batch.pixels() as f32,
        Reduction::MeanAllElements => batch.pixels() as f32 * C as f32,
        Reduction::Positives => {
            let background = if C == 1 { 0 } else { counts.first().copied().unwrap_or_default() };
            let positives = counts.iter().fold(0_u32, |sum, &count| sum.wrapping_add(count)).wrapping_sub(background);
            positives.max(1) as f32
        }
        Reduction::Divisor(divisor) => divisor,
        Reduction::Sum => 1.0,
    }
}
