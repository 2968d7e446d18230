//! What the losses are evaluated on.

use super::json::{Case, floats};
use anyhow::{Context as _, Result, ensure};

/// Scores and labels of a case.
pub struct Input {
    /// Number of images.
    pub images: usize,
    /// Number of channels.
    pub classes: usize,
    /// Logits or probabilities, pixel-major.
    pub scores: Vec<f64>,
    /// Whether the scores are probabilities.
    pub on_probabilities: bool,
    /// The class of each pixel, or what the peer's parameters may say is ignored.
    pub labels: Vec<i64>,
    /// Whether the losses are differentiable here.
    pub gradient_unique: bool,
}

impl Input {
    /// The input of a case.
    ///
    /// # Errors
    /// If a field is missing or has another length than the others say.
    pub fn of(case: &Case) -> Result<Self> {
        let images = case.images.context("no images")?;
        let classes = case.classes.context("no classes")?;
        let pixels = case.pixels.context("no pixels")?;
        let labels = case.labels.clone().context("no labels")?;
        let (written, on_probabilities) = match (&case.logits, &case.probs) {
            (Some(logits), None) => (logits, false),
            (None, Some(probabilities)) => (probabilities, true),
            _ => anyhow::bail!("neither logits nor probs, or both"),
        };
        let scores = floats(written);
        ensure!(classes > 0 && images > 0 && pixels % images == 0, "{pixels} pixels in {images} images");
        ensure!(labels.len() == pixels, "{} labels for {pixels} pixels", labels.len());
        ensure!(scores.len() == pixels * classes, "{} scores for {pixels} pixels", scores.len());
        Ok(Self {
            images,
            classes,
            scores,
            on_probabilities,
            labels,
            gradient_unique: case.gradient_unique.unwrap_or(true),
        })
    }

    /// Number of pixels.
    #[must_use]
    pub fn pixels(&self) -> usize {
        self.labels.len()
    }

    /// Number of pixels of one image.
    #[must_use]
    pub fn image_pixels(&self) -> usize {
        self.pixels() / self.images
    }
}
