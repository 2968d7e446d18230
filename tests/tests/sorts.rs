//! Whatever errors are sorted by, and however many they are, the bits are those of the heap sort.

use scarce::{Batch, CrossEntropy, Heap, Labels, Loss, Lovasz, LovaszHinge, Sum};

/// Around the numbers of pixels from which on another kind of radix sort is taken.
const PIXELS: [usize; 8] = [1, 63, 1000, 12_031, 12_032, 40_001, 65_536, 65_537];

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

/// The loss, and the gradients written and added to zero.
fn run<const C: usize>(loss: &impl Loss<C>, scores: &[[f32; C]], labels: &[u8]) -> (u32, Vec<u32>) {
    let batch = Batch::new(scores, Labels::new(labels).ignoring(255)).expect("good data");
    let mut scratch = vec![0; loss.scratch_len(labels.len())];
    let bits = |grad: &[[f32; C]]| grad.as_flattened().iter().map(|slope| slope.to_bits()).collect::<Vec<_>>();
    let (mut written, mut added) = (vec![[f32::NAN; C]; labels.len()], vec![[0.0; C]; labels.len()]);
    let value = loss.value(&batch, &mut scratch).expect("good data");
    assert_eq!(value, loss.value_and_grad(&batch, written.as_mut_slice(), &mut scratch).expect("good data"));
    assert_eq!(value, loss.add_grad(&batch, 1.0, added.as_mut_slice(), &mut scratch).expect("good data"));
    assert!(bits(&written) == bits(&added), "{} pixels: written and added differ", labels.len());
    (value.to_bits(), bits(&written))
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

#[test]
fn a_sum_has_the_same_bits_in_either_order() {
    let (scores, labels) = data::<2>(1000);
    let (entropy, lovasz) = ((1.0, CrossEntropy::new()), (0.5, Lovasz::new()));
    assert!(run(&Sum(entropy, lovasz), &scores, &labels) == run(&Sum(lovasz, entropy), &scores, &labels));
}
