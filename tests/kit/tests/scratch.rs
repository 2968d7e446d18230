//! Scratch of images that are too large for the conformance kit.

use scarce::{Batch, Heap, Labels, Loss, Lovasz, Scratch, scratch_len, scratch_len_to_write};

/// The sort of a large image uses longer scratch if it gets it, and it was once given more than the loss asks for.
#[test]
fn a_large_image_leaves_scratch_past_its_length_alone() {
    for pixels in [10_000, 12_031, 12_032] {
        leaves_alone(pixels);
    }
}

fn leaves_alone(pixels: usize) {
    const BEYOND: usize = 15_000;
    let scores: Vec<[f32; 2]> =
        (0..pixels).map(|pixel| [(pixel % 97) as f32 * 0.1 - 5.0, (pixel % 89) as f32 * 0.1]).collect();
    let labels: Vec<u8> = (0..pixels).map(|pixel| (pixel % 5 == 0) as u8).collect();
    let batch = Batch::new(scores.as_slice(), Labels::new(&labels)).expect("valid");
    let loss = Lovasz::new().on_sigmoid();
    let (needed, to_write) = (loss.scratch_len(pixels), loss.scratch_len_to_write(pixels));
    let mut gradient = vec![[0.0; 2]; pixels];
    let mut scratch = vec![0xAAAA_AAAA; needed + BEYOND];
    loss.value_and_grad(&batch, gradient.as_mut_slice(), &mut scratch).expect("valid");
    assert!(scratch[to_write..].iter().all(|&word| word == 0xAAAA_AAAA));
    loss.add_grad(&batch, 1.0, gradient.as_mut_slice(), &mut scratch).expect("valid");
    loss.value(&batch, &mut scratch).expect("valid");
    assert!(scratch[needed..].iter().all(|&word| word == 0xAAAA_AAAA));
}

/// What Lovász needs to write its gradient: with one of the sorts two words a pixel, with the other one.
#[test]
fn lovasz_writes_in_two_words_a_pixel_or_in_one() {
    type Gentle = Lovasz<2, scarce::Sigmoid, Heap>;
    for pixels in [0, 1, 1000, 12_031, 12_032, 65_535, 65_536, 65_537, 1 << 20] {
        let counters = if pixels < 12_032 || cfg!(scarce_one_lane) { 256 } else { 12_288 };
        assert_eq!(scratch_len_to_write::<2, Lovasz<2>>(pixels), counters + 2 * pixels);
        let words = if pixels <= 65_536 { 1 } else { 2 };
        assert_eq!(scratch_len_to_write::<2, Gentle>(pixels), words * pixels);
        assert!(scratch_len_to_write::<2, Lovasz<2>>(pixels) <= scratch_len::<2, Lovasz<2>>(pixels));
    }
}

/// Whatever is combined, no number of pixels gets less than it needs, nor less than a smaller one.
#[test]
fn scratch_that_is_combined_is_enough() {
    let kinds = [
        Scratch::NONE,
        Scratch::new(7, 1),
        Scratch::new(3, 2).and_beyond(10, Scratch::new(100, 0)),
        Scratch::new(0, 1).and_beyond(20, Scratch::new(0, 1)),
        Scratch::new(usize::MAX, 1).and_beyond(1, Scratch::new(1, usize::MAX)),
    ];
    for one in kinds {
        for other in kinds {
            for pixels in 0..30 {
                let (a, b) = (one.words(pixels), other.words(pixels));
                assert!(one.or(other).words(pixels) >= a.max(b));
                assert!(one.and(other).words(pixels) >= a.saturating_add(b));
                assert!(one.and(other).words(pixels) <= one.and(other).words(pixels + 1));
                assert!(one.or(other).words(pixels) <= one.or(other).words(pixels + 1));
            }
            // Of one kind no more than that.
            assert_eq!(one.or(one), one);
        }
    }
    let [.., stepped, _, _] = kinds;
    assert_eq!([10, 11].map(|pixels| stepped.words(pixels)), [23, 125]);
}
