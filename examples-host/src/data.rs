//! Labelled images.

pub use scarce_mcu::IGNORED;

use scarce_mcu::Shape;

/// An image and the class of each of its pixels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// What to call it.
    pub name: String,
    /// Height and width.
    pub shape: Shape,
    /// The channels of each pixel, row after row.
    pub bytes: Vec<u8>,
    /// The class of each pixel, or [`IGNORED`].
    pub labels: Vec<u8>,
}

impl Image {
    /// Bytes of each pixel.
    #[must_use]
    pub fn channels(&self) -> usize {
        self.bytes.len() / self.shape.pixels().max(1)
    }

    /// Number of pixels of a class.
    #[must_use]
    pub fn count(&self, class: usize) -> usize {
        self.labels.iter().filter(|&&label| usize::from(label) == class).count()
    }
}

/// Images to learn from and other images to measure on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dataset {
    /// What to call it.
    pub name: String,
    /// 1 (grey) or 3 (RGB).
    pub channels: usize,
    /// The names of the classes.
    pub classes: Vec<String>,
    /// Images to learn from.
    pub train: Vec<Image>,
    /// Images to measure on.
    pub test: Vec<Image>,
}

impl Dataset {
    /// The class with the fewest pixels in the training images, of those that have any.
    #[must_use]
    pub fn rare_class(&self) -> usize {
        let counts = self.counts(&self.train);
        let present = (0..counts.len()).filter(|&class| counts[class] > 0);
        present.min_by_key(|&class| counts[class]).unwrap_or(0)
    }

    /// Number of pixels of each class in some of the images.
    #[must_use]
    pub fn counts(&self, images: &[Image]) -> Vec<usize> {
        (0..self.classes.len()).map(|class| images.iter().map(|image| image.count(class)).sum()).collect()
    }

    /// Share of each class in the labelled pixels of some of the images.
    #[must_use]
    pub fn shares(&self, images: &[Image]) -> Vec<f64> {
        let counts = self.counts(images);
        let labelled = counts.iter().sum::<usize>().max(1) as f64;
        counts.into_iter().map(|count| count as f64 / labelled).collect()
    }
}
