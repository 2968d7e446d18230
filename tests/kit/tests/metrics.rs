//! Confusion matrices against counting by hand.

use proptest::collection::vec;
use proptest::prelude::*;
use scarce::metrics::{Confusion, argmax};
use scarce::{Batch, Buffer, Error, Labels};

fn confusion(labels: &[u8], predictions: &[u8]) -> Confusion<3> {
    let mut confusion = Confusion::new();
    confusion.observe(Labels::new(labels).ignoring(255), predictions).expect("classes");
    confusion
}

#[test]
fn ties_go_to_the_first_channel() {
    assert_eq!(argmax(&[0.0, 0.0, 0.0]), 0);
    assert_eq!(argmax(&[-1.0, 2.0, 2.0]), 1);
    assert_eq!(argmax(&[-0.0, 0.0]), 0);
    assert_eq!(argmax(&[0.0, -0.0]), 0);
    assert_eq!(argmax(&[f32::MIN, f32::MAX]), 1);
    assert_eq!(argmax(&[f32::MIN, f32::MIN]), 0);
    assert_eq!(argmax(&[f32::NEG_INFINITY, -1.0]), 1);
    assert_eq!(argmax(&[7.0]), 0);
}

#[test]
fn a_matrix_by_hand() {
    let confusion = confusion(&[0, 0, 0, 1, 1, 2, 255], &[0, 0, 1, 1, 2, 2, 9]);
    assert_eq!(confusion.counts(), &[[2, 1, 0], [0, 1, 1], [0, 0, 1]]);
    assert_eq!([0, 1, 2].map(|class| confusion.iou(class)), [Some(2.0 / 3.0), Some(1.0 / 3.0), Some(0.5)]);
    assert_eq!([0, 1, 2].map(|class| confusion.dice(class)), [Some(0.8), Some(0.5), Some(2.0 / 3.0)]);
    assert_eq!(confusion.mean_iou(), Some(0.5));
    assert_eq!(confusion.pixel_accuracy(), Some(4.0 / 6.0));
}

#[test]
fn one_logit_is_above_0_or_not() {
    let logits = [[1e-30], [0.0], [-0.0], [-5.0], [7.0], [f32::NAN]];
    let batch = Batch::new(&logits, Labels::new(&[1, 0, 1, 0, 0, 255]).ignoring(255)).expect("valid");
    let mut confusion = Confusion::<2>::new();
    confusion.observe_logits(&batch);
    assert_eq!(confusion.counts(), &[[2, 1], [1, 1]]);
}

#[test]
fn what_is_not_there_does_not_count() {
    let empty = Confusion::<3>::new();
    assert_eq!((empty.mean_iou(), empty.pixel_accuracy(), empty.iou(0), empty.dice(0)), (None, None, None, None));
    assert_eq!(empty.iou(3), None);
    let confusion = confusion(&[0, 0], &[0, 2]);
    assert_eq!((confusion.iou(1), confusion.iou(2)), (None, Some(0.0)));
    assert_eq!(confusion.mean_iou(), Some(0.25));
}

#[test]
fn bad_predictions_count_nothing() {
    let mut confusion = confusion(&[0, 1], &[0, 1]);
    let before = confusion;
    let observe = |confusion: &mut Confusion<3>, labels: &[u8], predictions: &[u8]| {
        confusion.observe(Labels::new(labels).ignoring(255), predictions).expect_err("bad")
    };
    let error = observe(&mut confusion, &[0, 255, 1, 3], &[0, 3, 2, 0]);
    assert_eq!(error, Error::Label { pixel: 3, label: 3 });
    assert_eq!(observe(&mut confusion, &[0, 1], &[0, 7]), Error::Label { pixel: 1, label: 7 });
    let error = observe(&mut confusion, &[0, 1], &[0]);
    assert_eq!(error, Error::Length { buffer: Buffer::Predictions, needed: 2, got: 1 });
    assert_eq!(confusion, before);
}

#[test]
fn counts_saturate() {
    let mut confusion = confusion(&[0, 1, 1], &[0, 0, 1]);
    for _ in 0..40 {
        let same = confusion;
        confusion.merge(&same);
    }
    assert_eq!(confusion.counts()[0][0], u32::MAX);
    assert_eq!(confusion.iou(0), Some(0.5));
    confusion.observe(Labels::new(&[0]), &[0]).expect("classes");
    assert_eq!(confusion.counts()[0][0], u32::MAX);
}

fn pixels() -> impl Strategy<Value = Vec<([f32; 3], u8)>> {
    let score = (-3_i8..3).prop_map(f32::from);
    vec((prop::array::uniform3(score), prop_oneof![0_u8..3, Just(255)]), 0..100)
}

/// A logit of 0 is no foreground.
#[test]
fn one_logit_is_compared_with_0() {
    let mut confusion = Confusion::<2>::new();
    let logits = [[0.5], [0.0], [-0.0], [-1.0], [3.0], [9.0]];
    confusion.observe_logits(&Batch::new(&logits, Labels::new(&[1, 1, 0, 0, 0, 255]).ignoring(255)).expect("valid"));
    assert_eq!(confusion.iou(1), Some(1.0 / 3.0));
    assert_eq!(confusion.iou(0), Some(0.5));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn merging_is_observing_both(first in pixels(), second in pixels()) {
        let observe = |confusion: &mut Confusion<3>, pixels: &[([f32; 3], u8)]| {
            let (rows, labels): (Vec<_>, Vec<_>) = pixels.iter().copied().unzip();
            let batch = Batch::new(rows.as_slice(), Labels::new(&labels).ignoring(255)).expect("valid");
            confusion.observe_scores(&batch);
        };
        let (mut one, mut other, mut both) = (Confusion::new(), Confusion::new(), Confusion::new());
        observe(&mut one, &first);
        observe(&mut other, &second);
        observe(&mut both, &first);
        observe(&mut both, &second);
        one.merge(&other);
        prop_assert_eq!(one, both);

        // Sets of pixels, by their definition.
        let all: Vec<_> = first.iter().chain(&second).filter(|(_, label)| *label != 255).collect();
        let predicted = |row: &[f32; 3]| (0..3).rev().max_by(|&a, &b| row[a].total_cmp(&row[b])).expect("three");
        let mut ious = Vec::new();
        for class in 0..3 {
            let count = |test: &dyn Fn(bool, bool) -> bool| {
                all.iter().filter(|(row, label)| test(usize::from(*label) == class, predicted(row) == class)).count()
            };
            let (hits, union) = (count(&|truth, found| truth && found), count(&|truth, found| truth || found));
            prop_assert_eq!(both.iou(class), (union > 0).then(|| hits as f32 / union as f32));
            prop_assert_eq!(both.dice(class), (union > 0).then(|| 2.0 * hits as f32 / (hits + union) as f32));
            ious.extend(both.iou(class));
        }
        let mean = (!ious.is_empty()).then(|| ious.iter().sum::<f32>() / ious.len() as f32);
        prop_assert_eq!(both.mean_iou(), mean);
        let right = all.iter().filter(|(row, label)| usize::from(*label) == predicted(row)).count();
        prop_assert_eq!(both.pixel_accuracy(), (!all.is_empty()).then(|| right as f32 / all.len() as f32));
    }
}
