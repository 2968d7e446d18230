//! How far apart the classes lie in the space of the features.

use crate::train::HIDDEN;
use scarce::sample::{Draw, Stride};

/// Pixels of each class that are looked at.
const PIXELS_OF_CLASS: usize = 300;

/// A vector in the space of the features.
pub type Vector = [f64; HIDDEN];

/// A pixel: its class, and the direction of its features.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Embedding {
    /// The class.
    pub class: u8,
    /// The features divided by their length; `None` if they are all zero.
    pub direction: Option<Vector>,
}

impl Embedding {
    /// Normalises features.
    #[must_use]
    pub fn new(class: u8, features: &[f32; HIDDEN]) -> Self {
        Self { class, direction: direction(&features.map(f64::from)) }
    }
}

/// Of each image the pixels to look at: 300 of each class, or all, spread evenly over the images.
#[must_use]
pub fn places(labels: &[&[u8]], classes: usize) -> Vec<Vec<usize>> {
    let mut places = vec![Vec::new(); labels.len()];
    for class in 0..classes {
        let of_class = |image: usize| {
            let pixels = labels[image].iter().enumerate().filter(move |&(_, &label)| usize::from(label) == class);
            pixels.map(move |(pixel, _)| (image, pixel))
        };
        let all: Vec<(usize, usize)> = (0..labels.len()).flat_map(of_class).collect();
        let mut chosen: Vec<u32> = (0..all.len() as u32).collect();
        Stride.draw(&mut chosen, PIXELS_OF_CLASS);
        for index in chosen.into_iter().take(PIXELS_OF_CLASS) {
            let (image, pixel) = all[index as usize];
            places[image].push(pixel);
        }
    }
    places
}

/// Mean cosine similarity of two pixels of one class, minus that of two pixels of different classes: the mean over the
/// classes and the mean over the pairs of classes. Pixels without features do not count.
///
/// Directions are seen from their centre, the mean of the classes' mean directions: the features of a ReLU have no negative
/// entries, so all of them share a direction, which tells nothing of classes. At most 2, for two classes that lie opposite to
/// each other. `None` without two classes of at least two pixels.
#[must_use]
pub fn separation(embeddings: &[Embedding]) -> Option<f64> {
    let mut classes: Vec<Vec<Vector>> = Vec::new();
    for class in 0..=u8::MAX {
        let of_class = embeddings.iter().filter(|embedding| embedding.class == class);
        let directions: Vec<Vector> = of_class.filter_map(|embedding| embedding.direction).collect();
        if directions.len() > 1 {
            classes.push(directions);
        }
    }
    let means: Vec<Vector> = classes.iter().map(|class| sum(class).map(|sum| sum / class.len() as f64)).collect();
    let centre = sum(&means).map(|sum| sum / means.len() as f64);
    let classes: Vec<(f64, Vector)> = classes
        .iter()
        .map(|class| class.iter().filter_map(|vector| direction(&difference(vector, &centre))).collect::<Vec<_>>())
        .map(|directions| (directions.len() as f64, sum(&directions)))
        .filter(|&(number, _)| number > 1.0)
        .collect();
    // The sum of the cosines of all pairs is the inner product of the sums of the vectors.
    let within = classes.iter().map(|&(number, sum)| (dot(&sum, &sum) - number) / (number * (number - 1.0)));
    let pairs = (0..classes.len()).flat_map(|first| (0..first).map(move |second| [first, second]));
    let between = pairs.map(|pair| pair.map(|class| classes[class])).map(|[(m, a), (n, b)]| dot(&a, &b) / (m * n));
    Some(mean(within)? - mean(between)?)
}

/// A vector divided by its length; `None` if that is zero.
fn direction(vector: &Vector) -> Option<Vector> {
    let length = dot(vector, vector).sqrt();
    (length > 0.0).then(|| vector.map(|component| component / length))
}

/// `a` − `b`.
#[must_use]
pub fn difference(a: &Vector, b: &Vector) -> Vector {
    std::array::from_fn(|axis| a[axis] - b[axis])
}

/// Inner product.
#[must_use]
pub fn dot(a: &Vector, b: &Vector) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Sum of vectors.
#[must_use]
pub fn sum(vectors: &[Vector]) -> Vector {
    vectors.iter().fold([0.0; HIDDEN], |sum, vector| std::array::from_fn(|axis| sum[axis] + vector[axis]))
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let values: Vec<f64> = values.collect();
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn embedding(class: u8, x: f32, y: f32) -> Embedding {
        Embedding::new(class, &[x, y, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0])
    }

    #[test]
    fn separation_is_the_difference_of_the_mean_cosines() {
        let apart = [embedding(0, 1.0, 0.0), embedding(0, 5.0, 0.0), embedding(1, 0.0, 2.0), embedding(1, 0.0, 0.1)];
        assert!((separation(&apart).expect("two classes") - 2.0).abs() < 1e-12);
        // The centre is (0.85, 0.35). Within: -0.994779 and -0.978549; between: 1, -0.978549, -0.994779, 0.952424.
        let near = [embedding(0, 1.0, 0.0), embedding(0, 3.0, 4.0), embedding(3, 2.0, 0.0), embedding(3, 4.0, 3.0)];
        let separation = separation(&near).expect("two classes");
        assert!((separation - (-0.986664 + 0.005226)).abs() < 1e-5, "{separation}");
    }

    #[test]
    fn a_direction_that_all_features_share_tells_nothing() {
        let near = |class, x| embedding(class, x, 100.0);
        let separated = [near(0, 1.0), near(0, 1.1), near(1, 3.0), near(1, 3.1)];
        assert!(separation(&separated).expect("two classes") > 1.99);
    }

    #[test]
    fn pixels_without_features_do_not_count() {
        let lone = [embedding(0, 1.0, 0.0), embedding(0, 5.0, 0.0), embedding(1, 0.0, 2.0), embedding(1, 0.0, 0.0)];
        assert_eq!(lone[3].direction, None);
        assert_eq!(separation(&lone), None);
        assert_eq!(separation(&[]), None);
    }

    #[test]
    fn places_are_spread_over_the_images() {
        let (first, second) = ([0; 1200], [[1; 10], [0; 10], [255; 10]].concat());
        let places = places(&[&first, &second], 2);
        assert_eq!(places[0].len() + places[1].len(), 310);
        assert!(places[0].windows(2).all(|pair| (4..=5).contains(&(pair[1] - pair[0]))));
        assert_eq!(places[1].iter().filter(|&&pixel| second[pixel] == 1).count(), 10);
        assert!(places[1].iter().all(|&pixel| pixel < 20));
    }
}
