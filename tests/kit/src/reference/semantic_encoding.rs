//! Semantic encoding: which classes are in the image at all.

use super::probabilities::softplus;
use super::weight;

/// Mean over images and classes of w_c BCE(σ(z_nc), s_nc), s_nc = 1 if some valid pixel of image n has class c.
#[derive(Clone, Debug, Default)]
pub struct SemanticEncoding {
    /// w, all 1 if `None`.
    pub weights: Option<Vec<f64>>,
    /// An image without a valid pixel has the target 0 in every class, and is not left out.
    pub counting_empty_images: bool,
}

impl SemanticEncoding {
    /// The classes of each image; `None` if it is left out.
    #[must_use]
    pub fn presence(&self, images: usize, classes: usize, labels: &[u8], ignore: Option<u8>) -> Vec<Option<Vec<bool>>> {
        let size = labels.len() / images;
        let of_image = |image: usize| {
            let labels = &labels[image * size..(image + 1) * size];
            let valid: Vec<u8> = labels.iter().copied().filter(|&label| Some(label) != ignore).collect();
            let label = |channel: usize| if classes == 1 { 1 } else { channel };
            let has = |channel: usize| valid.iter().any(|&other| usize::from(other) == label(channel));
            (!valid.is_empty() || self.counting_empty_images).then(|| (0..classes).map(has).collect())
        };
        (0..images).map(of_image).collect()
    }

    /// The loss; the number of classes is that of logits an image.
    #[must_use]
    pub fn value(&self, presence_logits: &[f64], images: usize, labels: &[u8], ignore: Option<u8>) -> f64 {
        let classes = presence_logits.len() / images;
        let mut terms = Vec::new();
        for (image, presence) in self.presence(images, classes, labels, ignore).into_iter().enumerate() {
            for (class, present) in presence.into_iter().flatten().enumerate() {
                let logit = presence_logits[image * classes + class];
                let surprise = softplus(if present { -logit } else { logit });
                terms.push(weight(self.weights.as_deref(), class) * surprise);
            }
        }
        if terms.is_empty() { 0.0 } else { terms.iter().sum::<f64>() / terms.len() as f64 }
    }
}
