//! A gradient that is written holds nothing of what was there before, and has the bits of one that is added to zeros.

use scarce::{Batch, Classes, CrossEntropy, Labels, Loss, Lovasz, Overlap, Planes, PlanesMut, Sum};

const IGNORED: u8 = 255;
/// Scratch and gradients hold it beforehand.
const STALE: f32 = f32::NAN;

/// Pixels with scores, of which only the first few are not ignored.
fn mostly_ignored<const C: usize>(pixels: usize) -> (Vec<[f32; C]>, Vec<u8>) {
    let row = |pixel: usize| std::array::from_fn(|class| ((pixel * 7 + class * 3) % 11) as f32 - 5.0);
    let label = |pixel: usize| if pixel < 3 { (pixel % C) as u8 } else { IGNORED };
    ((0..pixels).map(row).collect(), (0..pixels).map(label).collect())
}

#[track_caller]
fn assert_written_is_added<const C: usize>(loss: &impl Loss<C>, pixels: usize, images: usize) {
    let (rows, labels) = mostly_ignored::<C>(pixels);
    let batch = Batch::new(&rows[..], Labels::new(&labels).ignoring(IGNORED)).expect("good data");
    let batch = batch.with_images(images).expect("images of equal size");
    let mut scratch = vec![STALE.to_bits(); loss.scratch_len(pixels)];
    let (mut written, mut added) = (vec![[STALE; C]; pixels], vec![[0.0; C]; pixels]);
    let value = loss.value_and_grad(&batch, &mut written[..], &mut scratch).expect("enough scratch");
    let same = loss.add_grad(&batch, 1.0, &mut added[..], &mut scratch).expect("enough scratch");
    assert_eq!(value.to_bits(), same.to_bits());
    let bits = |rows: &[[f32; C]]| rows.as_flattened().iter().map(|element| element.to_bits()).collect::<Vec<_>>();
    assert_eq!(bits(&written), bits(&added), "{pixels} pixels, {images} images");
    assert!(written[3..].as_flattened().iter().all(|element| element.to_bits() == 0), "an ignored pixel");
}

#[test]
fn of_lovasz_without_a_class() {
    for (pixels, images) in [(4, 1), (64, 1), (130, 1), (130, 2), (300, 3)] {
        assert_written_is_added(&Lovasz::<2>::new().with_classes(Classes::Listed([false; 2])), pixels, images);
        assert_written_is_added(
            &Lovasz::<9>::new().with_classes(Classes::Listed([false; 9])).per_image(),
            pixels,
            images,
        );
    }
}

#[test]
fn of_a_term_with_a_negative_weight() {
    for (pixels, images) in [(4, 1), (64, 1), (130, 1), (130, 2), (300, 3)] {
        let lovasz = Lovasz::<2>::new();
        assert_written_is_added(&Sum((1.0, CrossEntropy::new()), (-1.0, lovasz)), pixels, images);
        assert_written_is_added(&Sum((-0.0, lovasz.on_sigmoid()), (1.0, CrossEntropy::new())), pixels, images);
        assert_written_is_added(&Sum((-1.0, Overlap::<2>::dice()), (1.0, lovasz.per_image())), pixels, images);
    }
}

#[test]
fn in_planes_without_a_valid_pixel() {
    fn check<const C: usize>(loss: &impl Loss<C>) {
        let data = vec![STALE; 6 * C];
        let planes = Planes::<C>::new(&data, 2).expect("two images");
        let batch = Batch::new(&planes, Labels::new(&[IGNORED; 6]).ignoring(IGNORED)).expect("nothing is looked at");
        let mut gradient = vec![STALE; 6 * C];
        let mut view = PlanesMut::<C>::new(&mut gradient, 2).expect("two images");
        let mut scratch = vec![STALE.to_bits(); loss.scratch_len(6)];
        assert_eq!(loss.value_and_grad(&batch, &mut view, &mut scratch), Ok(0.0));
        assert!(gradient.iter().all(|element| element.to_bits() == 0));
    }
    check::<2>(&Overlap::dice());
    check::<3>(&Overlap::dice().per_batch().squared());
    check::<2>(&Overlap::dice().on_sigmoid());
    check::<2>(&Lovasz::new().per_image());
}
