//! `Memory`: what it holds, and the defects of ContrastiveSeg's queue that it does not have.

use rand_core::Rng as _;
use rand_pcg::Pcg32;
use scarce::sample::All;
use scarce::{Component, Embeddings, Error, Labels, Memory, PixelContrast};
use scarce_kit::reference::{self, Anchors, Contrast};

const CLASSES: usize = 4;
const SLOTS: usize = 5;
const D: usize = 3;

type Queue = Memory<CLASSES, SLOTS, D>;
type Bytes = Memory<CLASSES, SLOTS, D, i8>;

/// Embeddings at random, of which no two are alike.
fn rows(seed: u64, number: usize) -> Vec<[f32; D]> {
    let mut random = Pcg32::new(seed, 1);
    (0..number).map(|_| std::array::from_fn(|_| (random.next_u32() >> 8) as f32 / 8_388_608.0 - 1.0)).collect()
}

/// Anchors of every class and of one that no memory has, to probe a memory with.
fn probe() -> (Vec<[f32; D]>, [u8; 12]) {
    (rows(1000, 12), [0, 1, 2, 3, 9, 0, 1, 2, 3, 9, 2, 0])
}

/// The loss of the probe against a memory, and its gradient.
fn contrast<const C: usize, const S: usize, E: Component>(memory: &Memory<C, S, D, E>) -> (f64, Vec<[f32; D]>) {
    let (rows, labels) = probe();
    let embeddings = Embeddings::new(&rows, Labels::new(&labels)).expect("finite");
    let mut scratch = vec![0; PixelContrast::memory_scratch_len(rows.len(), C * S)];
    let mut grad = vec![[0.0; D]; rows.len()];
    let loss = PixelContrast::new().with_temperature(0.5);
    let value = loss.value_and_grad(&embeddings, memory, &mut All, &mut grad, &mut scratch).expect("valid");
    (f64::from(value), grad)
}

fn unit(row: &[f32; D]) -> Vec<f64> {
    let row = row.map(f64::from);
    let length = row.iter().map(|x| x * x).sum::<f64>().sqrt();
    row.map(|x| x / length).to_vec()
}

/// The loss of the probe against these embeddings and their classes.
fn expected(entries: &[([f32; D], u8)]) -> f64 {
    let (rows, labels) = probe();
    let exact: Vec<f64> = rows.iter().flatten().map(|&component| f64::from(component)).collect();
    let anchors: Vec<(usize, u8)> = labels.iter().copied().enumerate().collect();
    let anchors = Anchors { rows: &exact, dimension: D, anchors: &anchors };
    let loss = reference::PixelContrast { temperature: 0.5, base_temperature: None, normalizing: false };
    let contrast = Contrast::Constants(entries.iter().map(|(row, class)| (unit(row), *class)).collect());
    loss.value(&anchors, &contrast, &loss.all(&anchors, &contrast))
}

/// A memory holds just these: any other set has another loss.
#[track_caller]
fn holds(memory: &Queue, entries: &[([f32; D], u8)]) {
    let (found, truth) = (contrast(memory).0, expected(entries));
    assert!((found - truth).abs() <= 1e-6 * truth.max(0.1), "{found}, not {truth}");
    for class in 0..CLASSES as u8 {
        assert_eq!(memory.filled(class), entries.iter().filter(|&&(_, other)| other == class).count());
    }
    for left_out in 0..entries.len() {
        let mut fewer = entries.to_vec();
        fewer.remove(left_out);
        assert!((expected(&fewer) - found).abs() > 1e-4, "the probe does not tell entry {left_out}");
    }
}

fn embeddings<'a>(rows: &'a [[f32; D]], labels: &'a [u8]) -> Embeddings<'a, D> {
    Embeddings::new(rows, Labels::new(labels).ignoring(255)).expect("finite")
}

/// `_sample_negative` skips class 0 but leaves room for it: the last rows are zero vectors labelled 0, positives of all
/// anchors of class 0 and negatives of all others.
#[test]
fn contrastiveseg_1_zero_vectors_labelled_0() {
    let rows = rows(1, 3);
    let mut memory = Queue::new();
    memory.push(1, &rows[0]).expect("finite");
    memory.push(2, &rows[1]).expect("finite");
    holds(&memory, &[(rows[0], 1), (rows[1], 2)]);
    let (_, grad) = contrast(&memory);
    for (row, label) in grad.iter().zip(probe().1) {
        assert_eq!(*row == [0.0; D], label != 1 && label != 2, "class {label} has no positive");
    }
    memory.push(0, &rows[2]).expect("finite");
    holds(&memory, &[(rows[0], 1), (rows[1], 2), (rows[2], 0)]);
}

/// The diagonal is masked although the columns are entries of the queue: an arbitrary positive is lost, and more anchors
/// than columns are an index error.
#[test]
fn contrastiveseg_2_a_self_mask_over_the_queue() {
    let rows = rows(2, 3);
    let mut memory = Queue::new();
    // Column 0 is of anchor 0's class: the mask would take its only positive.
    memory.push(0, &rows[0]).expect("finite");
    memory.push(1, &rows[1]).expect("finite");
    holds(&memory, &[(rows[0], 0), (rows[1], 1)]);
    assert!(contrast(&memory).1[0] != [0.0; D]);

    let mut small = Memory::<2, 1, D>::new();
    small.push(0, &rows[0]).expect("finite");
    small.push(1, &rows[1]).expect("finite");
    let truth = expected(&[(rows[0], 0), (rows[1], 1)]);
    let found = contrast(&small).0;
    assert!((found - truth).abs() <= 1e-6 * truth, "12 anchors, 2 columns: {found}, not {truth}");
}

/// The pointer into the pixel queue moves by 1 whatever the number of entries, so that the next ones overwrite them.
#[test]
fn contrastiveseg_3_the_pointer_advances_by_1() {
    let rows = rows(3, 5);
    let mut memory = Queue::new();
    memory.push_anchors(&embeddings(&rows[..3], &[2; 3]));
    memory.push_anchors(&embeddings(&rows[3..], &[2; 2]));
    memory.push(1, &rows[0]).expect("finite");
    let mut entries: Vec<_> = rows.iter().map(|&row| (row, 2)).collect();
    entries.push((rows[0], 1));
    holds(&memory, &entries);
}

/// Where the entries do not fit behind the pointer the last slots are written and the pointer is set to 0: the newest are
/// overwritten, and not the oldest.
#[test]
fn contrastiveseg_4_an_overflow_overwrites_the_newest() {
    let rows = rows(4, 9);
    let mut memory = Queue::new();
    memory.push(0, &rows[8]).expect("finite");
    memory.push_anchors(&embeddings(&rows[..4], &[3; 4]));
    memory.push_anchors(&embeddings(&rows[4..7], &[3; 3]));
    let mut entries: Vec<_> = rows[2..7].iter().map(|&row| (row, 3)).collect();
    entries.push((rows[8], 0));
    holds(&memory, &entries);
    memory.push(3, &rows[7]).expect("finite");
    entries[0].0 = rows[7];
    holds(&memory, &entries);
}

/// A permutation of the pixels of one class is taken for one of all pixels: those of other classes enter the class's queue.
#[test]
fn contrastiveseg_5_pixels_of_other_classes() {
    let rows = rows(5, 7);
    let labels = [0, 0, 0, 3, 0, 3, 255];
    let mut memory = Queue::new();
    memory.push_anchors(&embeddings(&rows, &labels));
    let entries: Vec<_> = rows.iter().copied().zip(labels).take(6).collect();
    holds(&memory, &entries);

    let mut chosen = Queue::new();
    let anchors = Embeddings::at(&rows, Labels::new(&labels).ignoring(255), &[5, 1]).expect("valid");
    chosen.push_anchors(&anchors);
    holds(&chosen, &[(rows[5], 3), (rows[1], 0)]);
}

/// Only labels above 0 are remembered.
#[test]
fn contrastiveseg_6_class_0_is_not_remembered() {
    let rows = rows(6, 4);
    let mut memory = Queue::new();
    memory.push_means(&embeddings(&rows[..2], &[0, 1]));
    holds(&memory, &[(rows[0], 0), (rows[1], 1)]);
    memory.push_anchors(&embeddings(&rows[2..], &[0, 1]));
    holds(&memory, &[(rows[0], 0), (rows[1], 1), (rows[2], 0), (rows[3], 1)]);
}

/// The queues are filled at random before anything is known, and that enters the loss.
#[test]
fn contrastiveseg_unfilled_slots_enter_the_loss() {
    assert_eq!(contrast(&Queue::new()), (0.0, vec![[0.0; D]; 12]));
    let mut memory = Queue::new();
    memory.push(1, &rows(7, 1)[0]).expect("finite");
    assert_eq!(contrast(&memory), (0.0, vec![[0.0; D]; 12]), "a positive, and no negative");
}

#[test]
fn means_are_normalised_one_a_class_in_ascending_order() {
    let rows = [[3.0, 0.0, 0.0], [0.0, 4.0, 0.0], [0.0, 0.0, -2.0], [1.0, 0.0, 1.0], [2.0, 2.0, 2.0], [9.0, 9.0, 9.0]];
    let mut memory = Queue::new();
    memory.push_means(&embeddings(&rows, &[2, 2, 1, 1, 7, 255]));
    // The sum of a class has the direction of its mean. Class 7 is not remembered here, and what is ignored nowhere.
    holds(&memory, &[([3.0, 4.0, 0.0], 2), ([1.0, 0.0, -1.0], 1)]);
    let before = memory.clone();
    memory.push_means(&embeddings(&[[1.0, -2.0, 0.5], [-1.0, 2.0, -0.5]], &[0, 0]));
    assert_eq!(memory, before, "a mean of length 0 is left out");
    memory.push_means(&embeddings(&[], &[]));
    assert_eq!(memory, before);
}

#[test]
fn what_is_pushed_is_normalised() {
    let [row] = rows(8, 1)[..] else { unreachable!("one row") };
    let mut memory = Queue::new();
    memory.push(1, &row).expect("finite");
    for exponent in [-20, 30, 100] {
        let mut scaled = Queue::new();
        scaled.push(1, &row.map(|component| component * 2.0_f32.powi(exponent))).expect("finite");
        assert_eq!(scaled, memory, "2^{exponent}");
    }
}

#[test]
fn on_an_error_nothing_is_remembered() {
    let mut memory = Queue::new();
    memory.push(1, &[1.0, 2.0, 3.0]).expect("finite");
    let before = memory.clone();
    for class in [4, 5, 255] {
        assert_eq!(memory.push(class, &[1.0, 0.0, 0.0]), Err(Error::Label { pixel: 0, label: class }));
    }
    for bad in [[f32::NAN, 1.0, 1.0], [1.0, f32::INFINITY, 1.0], [1.0, 1.0, f32::NEG_INFINITY], [0.0, -0.0, 0.0]] {
        assert_eq!(memory.push(1, &bad), Err(Error::Embedding { pixel: 0 }), "{bad:?}");
    }
    assert_eq!(memory, before);
    memory.push_anchors(&embeddings(&[[0.0; D], [1.0; D], [1.0; D]], &[1, 4, 255]));
    assert_eq!(memory, before, "length 0, no class of the memory, ignored");
}

#[test]
fn clearing_forgets() {
    let rows = rows(9, 9);
    let mut memory = Queue::new();
    memory.push_anchors(&embeddings(&rows[..7], &[1; 7]));
    memory.clear();
    assert_eq!([0, 1, 2, 3, 4, 255].map(|class| memory.filled(class)), [0; 6]);
    assert_eq!(contrast(&memory), contrast(&Queue::new()));
    memory.push(1, &rows[7]).expect("finite");
    memory.push(2, &rows[8]).expect("finite");
    holds(&memory, &[(rows[7], 1), (rows[8], 2)]);
    assert_eq!(Queue::default(), Queue::new());
}

#[test]
fn one_slot_holds_the_newest() {
    let rows = rows(10, 4);
    let mut memory = Memory::<2, 1, D>::new();
    for row in &rows[..3] {
        memory.push(0, row).expect("finite");
    }
    memory.push(1, &rows[3]).expect("finite");
    assert_eq!((memory.filled(0), memory.filled(1)), (1, 1));
    let truth = expected(&[(rows[2], 0), (rows[3], 1)]);
    assert!((contrast(&memory).0 - truth).abs() <= 1e-6 * truth);
}

#[test]
fn there_may_be_as_many_classes_as_labels() {
    let mut memory = Memory::<256, 1, D>::new();
    for class in 0..=255 {
        memory.push(class, &[1.0, 1.0, 1.0]).expect("a class");
    }
    assert!((0..=255).all(|class| memory.filled(class) == 1));
    let rows = rows(11, 2);
    memory.clear();
    memory.push_means(&Embeddings::new(&rows, Labels::new(&[255, 0])).expect("finite"));
    assert_eq!((memory.filled(0), memory.filled(255), memory.filled(1)), (1, 1, 0));
}

/// A component in steps of 1/127 errs by up to 1/254, and a similarity by √D times that.
#[test]
fn bytes_are_near() {
    let rows = rows(12, 40);
    let labels: Vec<u8> = (0..40).map(|pixel| pixel % 4).collect();
    let (mut floats, mut bytes) = (Queue::new(), Bytes::new());
    floats.push_anchors(&embeddings(&rows, &labels));
    bytes.push_anchors(&embeddings(&rows, &labels));
    let (exact, near) = (contrast(&floats).0, contrast(&bytes).0);
    // The loss moves by no more than twice the largest similarity of an anchor (length ≤ √D) over τ.
    let bound = 2.0 * (D as f64).sqrt() * (D as f64).sqrt() / 254.0 / 0.5;
    assert!((exact - near).abs() <= bound, "{near}, exact {exact}");
    assert!(exact != near);
}

/// The largest components reach the ends of a byte and do not wrap.
#[test]
fn bytes_hold_unit_vectors_along_the_axes() {
    for sign in [1.0, -1.0] {
        let (mut floats, mut bytes) = (Queue::new(), Bytes::new());
        for (axis, class) in [(0, 0), (1, 1), (2, 2)] {
            let mut row = [0.0; D];
            row[axis] = sign * 7.0;
            floats.push(class, &row).expect("finite");
            bytes.push(class, &row).expect("finite");
        }
        assert_eq!(contrast(&floats), contrast(&bytes), "±1 and 0 are exact");
    }
}
