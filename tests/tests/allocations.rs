//! No call of the library allocates.

use allocation_counter::{AllocationInfo, measure};
use scarce::metrics::Confusion;
use scarce::sample::{Hardest, SemiHard, Stride, segmentation_aware};
use scarce::{
    Batch, Embeddings, ExpTable, Fast, Focal, Labels, Loss, Memory, Overlap, PixelContrast, Planes, PlanesMut,
    Quantized, QuantizedMut, Rounding, SemanticEncoding, Tiled, Tiles, Within, scratch_len, weights,
};
use scarce_kit::conformance::catalogue::{self, Entry, Visitor};
use scarce_kit::conformance::contract::to_planes;
use scarce_kit::conformance::samples::Sample;
use scarce_kit::patterns::{Random, Scores, random_labels};
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

    fn visit_tiled<L: Tiled<C> + Copy>(&mut self, entry: &Entry, loss: L) {
        self.visit(entry, loss);
        let sample = if entry.takes_probabilities { &self.probabilities } else { &self.logits };
        let mut rows = sample.rows.clone();
        let mut grad = vec![[0.0; C]; sample.pixels()];
        let labels = sample.library_labels();
        let allocations = measure(|| {
            let mut tiles = Tiles::<C, L>::new();
            loop {
                loss.observe(&mut tiles, &sample.batch()).expect("valid");
                if loss.settle(&mut tiles).expect("valid").is_some() {
                    break;
                }
            }
            loss.add_tile_grad(&tiles, &sample.batch(), 0.5, grad.as_mut_slice()).expect("valid");
            loss.tile_grad_in_place(&tiles, 0.5, rows.as_mut_slice(), labels).expect("valid");
        });
        assert_eq!(allocations, AllocationInfo::default(), "{} tile by tile", entry.name);
    }
}

#[test]
fn losses_do_not_allocate() {
    catalogue::one_channel(Fast, &mut Counter::<1>::new());
    catalogue::many_channels(Fast, &mut Counter::<3>::new());
}

#[test]
fn scores_of_8_bits_do_not_allocate() {
    let (rows, labels) = ([[3_i8, -7, 90]; 150], [2_u8; 150]);
    let (mut words, mut bytes) = ([[0_i16; 3]; 150], [[0_i8; 3]; 150]);
    let allocations = measure(|| {
        let table = ExpTable::new(0.1).expect("valid");
        let scores = Quantized::tabled(&rows, &table, 3);
        let batch = Batch::new(&scores, Labels::new(&labels)).expect("valid");
        let mut grad = QuantizedMut::new(&mut words, 1e-4).expect("valid");
        Focal::new(2.0).value_and_grad(&batch, &mut grad, &mut []).expect("valid");
        let grad = QuantizedMut::new(&mut bytes, 1e-2).expect("valid");
        let mut grad = grad.with_rounding(Rounding::Stochastic { seed: 1 });
        Overlap::dice().value_and_grad(&batch, &mut grad, &mut []).expect("valid");
    });
    assert_eq!(allocations, AllocationInfo::default());
}

#[test]
fn losses_of_features_do_not_allocate() {
    let (rows, labels) = ([[0.5, -1.0, 2.0, 0.25]; 60], [0_u8, 1, 2, 1, 0].repeat(12));
    let (mut anchors, mut scratch) = ([0; 12], vec![0; 4096]);
    let (mut grad, mut presence) = ([[0.0; 4]; 60], [[0.0; 3]; 2]);
    let labels = Labels::new(&labels);
    let allocations = measure(|| {
        let predictions = [1; 60];
        let number = segmentation_aware(labels, &predictions, 2, 12, 2, &mut Stride, &mut anchors, &mut scratch);
        let embeddings = Embeddings::at(&rows, labels, &anchors[..number.expect("valid")]).expect("valid");
        let mut memory = Memory::<3, 4, 4, i8>::new();
        memory.push_anchors(&embeddings);
        let loss = PixelContrast::new().normalizing();
        let mut hardest = Hardest { positives: 2, negatives: 3 };
        loss.value_and_grad(&embeddings, Within, &mut hardest, &mut grad, &mut scratch).expect("valid");
        let mut semi_hard = SemiHard::new(2, 3, Stride);
        loss.add_grad(&embeddings, &memory, &mut semi_hard, 0.5, &mut grad, &mut scratch).expect("valid");
        let encoding = SemanticEncoding::new();
        encoding.value_and_grad(&[[0.5, -1.0, 2.0]; 2], labels, &mut presence).expect("valid");
    });
    assert_eq!(allocations, AllocationInfo::default());
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
