//! Whatever errors are sorted by, and however many they are, the bits are those of the heap sort.

use scarce::{Batch, Classes, CrossEntropy, Heap, Labels, Loss, Lovasz, LovaszHinge, Planes, PlanesMut, Sum};

/// Around the numbers of pixels from which on another kind of sort is taken.
const PIXELS: [usize; 9] = [1, 63, 1000, 12_031, 12_032, 40_001, 65_535, 65_536, 65_537];

/// Scores of many ties and of none, and labels of which one in 16 is ignored and few are class 1.
fn data<const C: usize>(pixels: usize) -> (Vec<[f32; C]>, Vec<u8>) {
    let mut state = 2_463_534_242_u32;
    let mut random = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state
    };
    let scores = (0..pixels).map(|pixel| {
        let steps = if pixel % 2 == 0 { 4.0 } else { 4e6 };
        [(); C].map(|()| ((random() as f32 / u32::MAX as f32 - 0.5) * steps).round() / steps * 12.0)
    });
    let scores = scores.collect();
    let labels = (0..pixels).map(|_| match random() % 16 {
        0 => 255,
        1 => 1,
        _ => 0,
    });
    (scores, labels.collect())
}

fn bits(slopes: &[f32]) -> Vec<u32> {
    slopes.iter().map(|slope| slope.to_bits()).collect()
}

/// The loss and the gradient that is written, in scratch of just the length that this needs.
fn write<const C: usize>(loss: &impl Loss<C>, scores: &[[f32; C]], labels: &[u8], images: usize) -> (u32, Vec<u32>) {
    let batch = Batch::new(scores, Labels::new(labels).ignoring(255)).expect("good data");
    let batch = batch.with_images(images).expect("images of one size");
    let mut scratch = vec![u32::MAX; loss.scratch_len_to_write(labels.len())];
    let mut written = vec![[f32::NAN; C]; labels.len()];
    let value = loss.value_and_grad(&batch, written.as_mut_slice(), &mut scratch).expect("good data");
    (value.to_bits(), bits(written.as_flattened()))
}

/// The same, and the same of the loss alone and of a gradient that is added to zero.
fn run<const C: usize>(loss: &impl Loss<C>, scores: &[[f32; C]], labels: &[u8]) -> (u32, Vec<u32>) {
    let batch = Batch::new(scores, Labels::new(labels).ignoring(255)).expect("good data");
    let mut scratch = vec![0; loss.scratch_len(labels.len())];
    let (value, written) = write(loss, scores, labels, 1);
    let mut added = vec![[0.0; C]; labels.len()];
    assert_eq!(value, loss.value(&batch, &mut scratch).expect("good data").to_bits());
    let same = loss.add_grad(&batch, 1.0, added.as_mut_slice(), &mut scratch).expect("good data");
    assert_eq!(value, same.to_bits());
    assert!(written == bits(added.as_flattened()), "{} pixels: written and added differ", labels.len());
    (value, written)
}

#[test]
fn every_sort_gives_the_same_bits() {
    for pixels in PIXELS {
        let (scores, labels) = data::<2>(pixels);
        let lovasz = Lovasz::new();
        assert!(run(&lovasz, &scores, &labels) == run(&lovasz.with_sort(Heap), &scores, &labels), "{pixels} pixels");
        let (scores, labels) = data::<1>(pixels);
        let hinge = LovaszHinge::new();
        for hinge in [hinge, hinge.elu()] {
            assert!(run(&hinge, &scores, &labels) == run(&hinge.with_sort(Heap), &scores, &labels), "{pixels} pixels");
        }
    }
}

/// Images of which some lack a class, of a size above which, in one batch, an index has more than 16 bits.
#[test]
fn every_sort_gives_the_same_bits_image_by_image() {
    let (scores, mut labels) = data::<2>(65_538);
    labels[..32_769].iter_mut().filter(|label| **label == 1).for_each(|label| *label = 0);
    for lovasz in [Lovasz::new(), Lovasz::new().with_classes(Classes::All)].map(Lovasz::per_image) {
        let by_radix = write(&lovasz, &scores, &labels, 2);
        assert!(by_radix == write(&lovasz.with_sort(Heap), &scores, &labels, 2));
    }
}

/// Errors that all tie: the order is that of the pixels, and the gradient that of the formula.
#[test]
fn ties_are_in_order_of_pixels() {
    for pixels in [5, 65_536, 65_537] {
        let scores = vec![[0.0]; pixels];
        let labels: Vec<u8> = (0..pixels).map(|pixel| u8::from(pixel % 5 == 1)).collect();
        let (foreground, mut hits) = (labels.iter().filter(|&&label| label == 1).count(), 0);
        let expected = (0..pixels).map(|pixel| {
            let union = (foreground + pixel - hits) as f32;
            if labels[pixel] == 1 {
                hits += 1;
                -1.0 / union
            } else {
                (foreground - hits) as f32 / (union * (union + 1.0))
            }
        });
        let expected = bits(&expected.map(|slope| slope + 0.0).collect::<Vec<_>>());
        assert!(write(&LovaszHinge::new(), &scores, &labels, 1).1 == expected, "{pixels} pixels");
        assert!(write(&LovaszHinge::new().with_sort(Heap), &scores, &labels, 1).1 == expected, "{pixels} pixels, Heap");
    }
}

/// A gradient of two planar images, which a group of pixels lies across, as one of rows.
#[test]
fn a_planar_gradient_has_the_same_bits() {
    fn planar<const C: usize>(loss: &impl Loss<C>, scores: &[[f32; C]], labels: &[u8]) -> (u32, Vec<u32>) {
        let size = labels.len() / 2;
        let place = |element: usize| (element / (C * size) * size + element % size, element / size % C);
        let data: Vec<f32> = (0..labels.len() * C).map(|element| scores[place(element).0][place(element).1]).collect();
        let planes = Planes::<C>::new(&data, 2).expect("two images");
        let batch = Batch::new(&planes, Labels::new(labels).ignoring(255)).expect("good data");
        let mut gradient = vec![f32::NAN; data.len()];
        let mut view = PlanesMut::<C>::new(&mut gradient, 2).expect("two images");
        let mut scratch = vec![u32::MAX; loss.scratch_len_to_write(labels.len())];
        let value = loss.value_and_grad(&batch, &mut view, &mut scratch).expect("good data");
        let mut rows = vec![0; data.len()];
        for (element, slope) in gradient.iter().enumerate() {
            rows[place(element).0 * C + place(element).1] = slope.to_bits();
        }
        (value.to_bits(), rows)
    }
    for pixels in [1000, 65_538] {
        let (scores, labels) = data::<2>(pixels);
        let lovasz = Lovasz::new();
        let expected = write(&lovasz, &scores, &labels, 1);
        assert!(planar(&lovasz, &scores, &labels) == expected, "{pixels} pixels");
        assert!(planar(&lovasz.with_sort(Heap), &scores, &labels) == expected, "{pixels} pixels, Heap");
        let (scores, labels) = data::<1>(pixels);
        let hinge = LovaszHinge::new().elu();
        let expected = write(&hinge, &scores, &labels, 1);
        assert!(planar(&hinge, &scores, &labels) == expected, "{pixels} pixels, hinge");
        assert!(planar(&hinge.with_sort(Heap), &scores, &labels) == expected, "{pixels} pixels, hinge, Heap");
    }
}

#[test]
fn a_sum_has_the_same_bits_in_either_order() {
    let (scores, labels) = data::<2>(1000);
    let (entropy, lovasz) = ((1.0, CrossEntropy::new()), (0.5, Lovasz::new()));
    assert!(run(&Sum(entropy, lovasz), &scores, &labels) == run(&Sum(lovasz, entropy), &scores, &labels));
}

/// The loss of an absent class is its largest error, and only that pixel gets a gradient: of those that are left the first, also
/// where every error is 0.
#[test]
fn an_absent_class_without_an_error_pulls_at_its_first_pixel() {
    fn pulls_at_its_first(loss: &impl Loss<2>) {
        let batch = Batch::new(&[[0.0, 1.0], [1.0, 0.0], [1.0, 0.0]], Labels::new(&[255, 0, 0]).ignoring(255));
        let (batch, mut scratch) = (batch.expect("valid"), vec![0; loss.scratch_len(3)]);
        let (mut written, mut added) = ([[9.0; 2]; 3], [[0.0; 2]; 3]);
        assert_eq!(loss.value_and_grad(&batch, &mut written, &mut scratch), Ok(0.0));
        assert_eq!(loss.add_grad(&batch, 1.0, &mut added, &mut scratch), Ok(0.0));
        assert_eq!(written.map(|[_, of_absent]| of_absent), [0.0, 0.5, 0.0]);
        assert_eq!(added, written);
    }
    let loss = Lovasz::new().on_probabilities().with_classes(Classes::All);
    pulls_at_its_first(&loss);
    pulls_at_its_first(&loss.with_sort(Heap));
}
