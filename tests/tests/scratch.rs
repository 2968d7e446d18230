//! Scratch of images that are too large for the conformance kit.

use scarce::{Batch, Labels, Loss, Lovasz};

/// The sort of a large image uses longer scratch if it gets it, and it was once given more than the loss asks for.
#[test]
fn a_large_image_leaves_scratch_past_its_length_alone() {
    const PIXELS: usize = 10_000;
    const BEYOND: usize = 5000;
    let scores: Vec<[f32; 2]> =
        (0..PIXELS).map(|pixel| [(pixel % 97) as f32 * 0.1 - 5.0, (pixel % 89) as f32 * 0.1]).collect();
    let labels: Vec<u8> = (0..PIXELS).map(|pixel| (pixel % 5 == 0) as u8).collect();
    let batch = Batch::new(scores.as_slice(), Labels::new(&labels)).expect("valid");
    let loss = Lovasz::new().on_sigmoid();
    let needed = loss.scratch_len(PIXELS);
    let mut gradient = vec![[0.0; 2]; PIXELS];
    let mut scratch = vec![0xAAAA_AAAA; needed + BEYOND];
    loss.value_and_grad(&batch, gradient.as_mut_slice(), &mut scratch).expect("valid");
    loss.add_grad(&batch, 1.0, gradient.as_mut_slice(), &mut scratch).expect("valid");
    loss.value(&batch, &mut scratch).expect("valid");
    assert!(scratch[needed..].iter().all(|&word| word == 0xAAAA_AAAA));
}
