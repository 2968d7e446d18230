//! No call of the library allocates.

use allocation_counter::{AllocationInfo, measure};
use scarce::metrics::Confusion;
use scarce::{Batch, Labels, Libm, Loss, Planes, PlanesMut, scratch_len, weights};
use scarce_tests::conformance::catalogue::{self, Entry, Visitor};
use scarce_tests::conformance::contract::to_planes;
use scarce_tests::conformance::samples::Sample;
use scarce_tests::patterns::{Random, Scores, random_labels};
use std::hint::black_box;

struct Counter<const C: usize> {
    logits: Sample<C>,
    probabilities: Sample<C>,
}

impl<const C: usize> Counter<C> {
    fn new() -> Self {
        let mut random = Random::new(3);
        let map = random_labels(C, 150, &mut random);
        Self {
            logits: Sample::new(Scores::Ordinary, map.clone(), 3, &mut random),
            probabilities: Sample::new(Scores::Probabilities, map, 3, &mut random),
        }
    }
}

impl<const C: usize> Visitor<C> for Counter<C> {
    fn visit<L: Loss<C> + Copy>(&mut self, entry: &Entry, loss: L) {
        let sample = if entry.takes_probabilities { &self.probabilities } else { &self.logits };
        let mut scratch = vec![0; scratch_len::<C, L>(sample.pixels())];
        let mut grad = vec![[0.0; C]; sample.pixels()];
        let (scores, mut planar_grad) = (to_planes(&sample.rows, 3), to_planes(&grad, 3));
        let allocations = measure(|| {
            let batch = sample.batch();
            loss.value(&batch, &mut scratch).expect("valid");
            loss.add_grad(&batch, 0.5, grad.as_mut_slice(), &mut scratch).expect("valid");
            loss.add_grad(&batch, f32::NAN, grad.as_mut_slice(), &mut scratch).expect_err("a bad scale");
            let planes = Planes::<C>::new(&scores, 3).expect("valid");
            let batch = Batch::new(&planes, sample.library_labels()).expect("valid").with_images(3).expect("valid");
            let mut planes = PlanesMut::<C>::new(&mut planar_grad, 3).expect("valid");
            loss.value_and_grad(&batch, &mut planes, &mut scratch).expect("valid");
        });
        assert_eq!(allocations, AllocationInfo::default(), "{}", entry.name);
    }
}

#[test]
fn losses_do_not_allocate() {
    catalogue::one_channel(Libm, &mut Counter::<1>::new());
    catalogue::many_channels(Libm, &mut Counter::<3>::new());
}

#[test]
fn helpers_do_not_allocate() {
    let (logits, labels) = ([[0.5, 1.0], [2.0, 0.0]], [1, 0]);
    let allocations = measure(|| {
        let batch = Batch::new(&logits, Labels::new(&labels)).expect("valid");
        let counts = batch.counts();
        let balanced = weights::median_frequency(counts);
        assert_eq!(weights::normalize_mean(balanced), [1.0, 1.0]);
        let mut confusion = Confusion::<2>::new();
        confusion.observe_scores(&batch);
        confusion.observe(Labels::new(&labels), &[1, 1]).expect("valid");
        assert!(confusion.mean_iou() > Some(0.5));
    });
    assert_eq!(allocations, AllocationInfo::default());
}

#[test]
fn the_counter_counts() {
    assert_eq!(measure(|| drop(black_box(vec![0_u32; 100]))).count_total, 1);
}
