//! `PixelContrast` against its f64 reference, and its contract.

use rand_core::Rng as _;
use rand_pcg::Pcg32;
use scarce::sample::{All, Draw, Hardest, Pairs, SemiHard, Stride};
use scarce::{Buffer, Component, Contrast, Embeddings, Error, Labels, Memory, Parameter, PixelContrast, Within};
use scarce_kit::reference;
use scarce_kit::tolerance::{Family, tolerance};

const IGNORED: u8 = 255;

/// Embeddings of 23 pixels, some of which are ignored. Class 9 has one pixel, and so no positive.
#[derive(Clone)]
struct Data<const D: usize> {
    rows: Vec<[f32; D]>,
    labels: [u8; 23],
}

fn random(seed: u64) -> Pcg32 {
    Pcg32::new(seed, 1)
}

/// Components in steps of 2⁻¹⁰ from −1 to 1, which both precisions hold.
fn row<const D: usize>(random: &mut Pcg32) -> [f32; D] {
    std::array::from_fn(|_| ((random.next_u32() >> 21) as f32 - 1023.5) / 1024.0)
}

impl<const D: usize> Data<D> {
    fn new(seed: u64) -> Self {
        let mut random = random(seed);
        let labels = [0, 1, 0, IGNORED, 2, 2, 0, 9, 1, 1, IGNORED, 0, 2, 7, 7, 0, IGNORED, 1, 0, 7, 2, IGNORED, 0];
        Self { rows: labels.map(|_| row(&mut random)).to_vec(), labels }
    }

    fn labels(&self) -> Labels<'_> {
        Labels::new(&self.labels).ignoring(IGNORED)
    }

    fn embeddings(&self) -> Embeddings<'_, D> {
        Embeddings::new(&self.rows, self.labels()).expect("finite")
    }

    /// Indices and classes of those that are not ignored.
    fn anchors(&self) -> Vec<(usize, u8)> {
        self.labels.iter().copied().enumerate().filter(|&(_, label)| label != IGNORED).collect()
    }

    fn exact(&self) -> Vec<f64> {
        self.rows.iter().flatten().map(|&component| f64::from(component)).collect()
    }
}

/// Which pairs count.
#[derive(Clone, Copy, Debug)]
enum Sampler {
    All,
    Hardest(usize, usize),
    SemiHard(usize, usize, f32),
}

const SAMPLERS: [Sampler; 7] = [
    Sampler::All,
    Sampler::Hardest(1, 1),
    Sampler::Hardest(2, 5),
    Sampler::Hardest(100, 3),
    Sampler::SemiHard(2, 3, 0.5),
    Sampler::SemiHard(1, 2, 0.1),
    Sampler::SemiHard(3, 100, 1.0),
];

impl Sampler {
    /// What the library makes of it.
    fn with<T>(self, visit: impl SamplerVisitor<T>) -> T {
        match self {
            Self::All => visit.visit(&mut All),
            Self::Hardest(positives, negatives) => visit.visit(&mut Hardest { positives, negatives }),
            Self::SemiHard(positives, negatives, share) => {
                visit.visit(&mut SemiHard::new(positives, negatives, Stride).with_share(share))
            }
        }
    }

    /// What the definition makes of it.
    fn pairs(
        self,
        loss: &reference::PixelContrast,
        anchors: &reference::Anchors<'_>,
        contrast: &reference::Contrast,
    ) -> Vec<reference::Pairs> {
        match self {
            Self::All => loss.all(anchors, contrast),
            Self::Hardest(positives, negatives) => loss.hardest(anchors, contrast, [&|_| positives, &|_| negatives]),
            Self::SemiHard(positives, negatives, share) => {
                let share = |all: usize| ((f64::from(share) * all as f64).ceil() as usize).max(1);
                let mut pairs = loss.hardest(anchors, contrast, [&share, &share]);
                let stride = |columns: &mut Vec<usize>, number: usize| {
                    if number < columns.len() {
                        *columns = (0..number).map(|j| columns[j * columns.len() / number]).collect();
                    }
                };
                for pairs in &mut pairs {
                    stride(&mut pairs.positives, positives);
                    stride(&mut pairs.negatives, negatives);
                }
                pairs
            }
        }
    }
}

trait SamplerVisitor<T> {
    fn visit(self, pairs: &mut impl Pairs) -> T;
}

/// One evaluation with all its buffers.
struct Run<'a, const D: usize, S> {
    loss: PixelContrast,
    embeddings: &'a Embeddings<'a, D>,
    contrast: S,
    grad: &'a mut [[f32; D]],
    scratch: &'a mut [u32],
    call: Call,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Call {
    Value,
    AddGrad(f32),
    ValueAndGrad,
}

impl<const D: usize, S: Contrast<D>> SamplerVisitor<Result<f32, Error>> for Run<'_, D, S> {
    fn visit(self, pairs: &mut impl Pairs) -> Result<f32, Error> {
        let Self { loss, embeddings, contrast, grad, scratch, call } = self;
        match call {
            Call::Value => loss.value(embeddings, contrast, pairs, scratch),
            Call::AddGrad(scale) => loss.add_grad(embeddings, contrast, pairs, scale, grad, scratch),
            Call::ValueAndGrad => loss.value_and_grad(embeddings, contrast, pairs, grad, scratch),
        }
    }
}

/// A loss on data, against each other or a memory.
#[derive(Clone, Copy)]
struct Problem<'a, const D: usize, S> {
    loss: PixelContrast,
    embeddings: &'a Embeddings<'a, D>,
    contrast: S,
    sampler: Sampler,
    words: usize,
}

impl<const D: usize, S: Contrast<D> + Copy> Problem<'_, D, S> {
    fn call(&self, call: Call, grad: &mut [[f32; D]], scratch: &mut [u32]) -> Result<f32, Error> {
        let Self { loss, embeddings, contrast, .. } = *self;
        self.sampler.with(Run { loss, embeddings, contrast, grad, scratch, call })
    }

    fn value_and_grad(&self) -> (f32, Vec<[f32; D]>) {
        let mut grad = vec![[f32::NAN; D]; self.embeddings.rows()];
        let value = self.call(Call::ValueAndGrad, &mut grad, &mut vec![0xdead_beef; self.words]).expect("valid");
        (value, grad)
    }
}

fn within<'a, const D: usize>(loss: PixelContrast, embeddings: &'a Embeddings<'a, D>) -> Problem<'a, D, Within> {
    let words = PixelContrast::scratch_len(embeddings.anchors());
    Problem { loss, embeddings, contrast: Within, sampler: Sampler::All, words }
}

const CLASSES: usize = 10;
const SLOTS: usize = 3;

/// A memory, and its entries: classes 0 to 2 and 7 partly, entirely and more than once filled, the others empty.
fn memory<const D: usize, E: Component>(seed: u64, stored: fn(f64) -> f64) -> (Memory<CLASSES, SLOTS, D, E>, Entries) {
    let mut random = random(seed);
    let mut memory = Memory::new();
    let mut entries = Vec::new();
    for (class, pushes) in [(0, 2), (1, 3), (2, 5), (7, 1)] {
        let mut slots = [const { None }; SLOTS];
        for push in 0..pushes {
            let embedding = std::iter::repeat_with(|| row::<D>(&mut random)).find(is_far_from_rounding).expect("many");
            memory.push(class, &embedding).expect("finite and not 0");
            slots[push % SLOTS] = Some(unit(&embedding).into_iter().map(stored).collect::<Vec<f64>>());
        }
        entries.extend(slots.into_iter().flatten().map(|entry| (entry, class)));
    }
    (memory, entries)
}

type Entries = Vec<(Vec<f64>, u8)>;

fn unit<const D: usize>(embedding: &[f32; D]) -> Vec<f64> {
    let components = embedding.map(f64::from);
    let length = components.iter().map(|x| x * x).sum::<f64>().sqrt();
    components.map(|x| x / length).to_vec()
}

/// Whether f32 and f64 agree on the step that each component is rounded to.
fn is_far_from_rounding<const D: usize>(embedding: &[f32; D]) -> bool {
    unit(embedding).iter().all(|x| ((x * 127.0).abs().fract() - 0.5).abs() > 1e-3)
}

fn in_steps(component: f64) -> f64 {
    (component * 127.0).round() / 127.0
}

fn exactly(component: f64) -> f64 {
    component
}

/// Compares value and gradient with the definition and its central differences, where the pairs are fixed.
fn check<const D: usize, S: Contrast<D> + Copy>(
    problem: &Problem<'_, D, S>,
    data: &Data<D>,
    loss: &reference::PixelContrast,
    contrast: &reference::Contrast,
) {
    let bounds = tolerance(Family::PixelContrast);
    let (anchors, exact) = (data.anchors(), data.exact());
    let at = reference::Anchors { rows: &exact, dimension: D, anchors: &anchors };
    let name = format!("{D} components, {:?}, {loss:?}", problem.sampler);
    let pairs = problem.sampler.pairs(loss, &at, contrast);
    let (value, grad) = problem.value_and_grad();
    let truth = loss.value(&at, contrast, &pairs);
    let error = (f64::from(value) - truth).abs();
    assert!(error <= bounds.relative * truth.abs() + bounds.absolute, "{name}: {value}, truth {truth}");
    let value_of = |rows: &[f64]| loss.value(&reference::Anchors { rows, ..at }, contrast, &pairs);
    let sample = (0..exact.len()).step_by(exact.len().div_ceil(70));
    let slopes: Vec<(usize, f64)> =
        sample.map(|element| (element, reference::slope(&value_of, &exact, element, 1e-4))).collect();
    let largest = slopes.iter().fold(1e-3, |largest: f64, (_, slope)| largest.max(slope.abs()));
    for (element, truth) in slopes {
        // Along an embedding that is normalised terms of this size cancel.
        let length = data.rows[element / D].iter().map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt();
        let term = 1.0 / (loss.base_temperature.unwrap_or(loss.temperature) * anchors.len() as f64 * length);
        let scale = if loss.normalizing { largest.max(term) } else { largest };
        let found = grad.as_flattened()[element];
        let error = (f64::from(found) - truth).abs();
        assert!(error <= bounds.element * scale, "{name}: ∂ {element}: {found}, truth {truth}, scale {scale}");
    }
}

fn agrees_with_its_definition<const D: usize>() {
    let data = Data::<D>::new(D as u64);
    let embeddings = data.embeddings();
    let (floats, float_entries) = memory::<D, f32>(90 + D as u64, exactly);
    let (bytes, byte_entries) = memory::<D, i8>(70 + D as u64, in_steps);
    for sampler in SAMPLERS {
        for (temperature, base_temperature, normalizing) in
            [(0.5, None, false), (0.125, None, true), (0.25, Some(0.0625), true), (2.0, Some(0.5), false)]
        {
            if D == 1 && normalizing && matches!(sampler, Sampler::SemiHard(..)) {
                continue; // All unit vectors are ±1: which of them are hardest is up to rounding.
            }
            let exact = reference::PixelContrast {
                temperature: f64::from(temperature),
                base_temperature: base_temperature.map(f64::from),
                normalizing,
            };
            let mut loss = PixelContrast::new().with_temperature(temperature);
            if let Some(base_temperature) = base_temperature {
                loss = loss.with_base_temperature(base_temperature);
            }
            if normalizing {
                loss = loss.normalizing();
            }
            check(&Problem { sampler, ..within(loss, &embeddings) }, &data, &exact, &reference::Contrast::Within);
            let words = PixelContrast::memory_scratch_len(embeddings.anchors(), CLASSES * SLOTS);
            let embeddings = &embeddings;
            let problem = Problem { loss, embeddings, contrast: &floats, sampler, words };
            check(&problem, &data, &exact, &reference::Contrast::Constants(float_entries.clone()));
            let problem = Problem { loss, embeddings, contrast: &bytes, sampler, words };
            check(&problem, &data, &exact, &reference::Contrast::Constants(byte_entries.clone()));
        }
    }
}

#[test]
fn agrees_with_its_definition_in_1_dimension() {
    agrees_with_its_definition::<1>();
}

#[test]
fn agrees_with_its_definition_in_2_dimensions() {
    agrees_with_its_definition::<2>();
}

#[test]
fn agrees_with_its_definition_in_3_dimensions() {
    agrees_with_its_definition::<3>();
}

#[test]
fn agrees_with_its_definition_in_8_dimensions() {
    agrees_with_its_definition::<8>();
}

#[test]
fn agrees_with_its_definition_in_17_dimensions() {
    agrees_with_its_definition::<17>();
}

#[test]
fn agrees_with_its_definition_in_64_dimensions() {
    agrees_with_its_definition::<64>();
}

/// Compares all ways to the same bits, on scratch and gradients that hold other things, too short or too long.
fn keeps_the_contract<const D: usize, S: Contrast<D> + Copy>(problem: &Problem<'_, D, S>, labels: &[u8]) {
    const CANARY: f32 = 12345.678;
    let bits = |grad: &[[f32; D]]| grad.as_flattened().iter().map(|element| element.to_bits()).collect::<Vec<_>>();
    let name = format!("{:?} {:?}", problem.sampler, problem.loss);
    let number = problem.embeddings.rows();
    let (value, grad) = problem.value_and_grad();
    assert!(value.is_finite() && grad.as_flattened().iter().all(|element| element.is_finite()), "{name}");
    for (row, &label) in grad.iter().zip(labels) {
        assert!(label != IGNORED || row.iter().all(|&element| element.to_bits() == 0), "{name}: an ignored row");
    }

    for dirt in [0, u32::MAX, f32::NAN.to_bits(), 0x3f80_0000] {
        let mut scratch = vec![dirt; problem.words + 5];
        let mut found = vec![[0.0; D]; number];
        for call in [Call::AddGrad(1.0), Call::ValueAndGrad, Call::Value] {
            let found_value = problem.call(call, &mut found, &mut scratch).expect("valid");
            assert_eq!(found_value.to_bits(), value.to_bits(), "{name}: {call:?}");
            assert_eq!(bits(&found), bits(&grad), "{name}: {call:?}");
        }
        assert!(scratch[problem.words..].iter().all(|&word| word == dirt), "{name}: wrote past its scratch");
    }

    let mut sum = vec![[CANARY; D]; number];
    problem.call(Call::AddGrad(-2.0), &mut sum, &mut vec![7; problem.words]).expect("valid");
    for ((sum, grad), &label) in sum.iter().zip(&grad).zip(labels) {
        for (sum, grad) in sum.iter().zip(grad) {
            // A few additions of each pair, each rounded to the size of the canary.
            assert!((sum - (CANARY - 2.0 * grad)).abs() <= 0.05, "{name}: {sum}");
            assert!(label != IGNORED || sum.to_bits() == CANARY.to_bits(), "{name}: an ignored row");
        }
    }

    let refuses = |call: Call, rows: usize, words: usize, error: Error| {
        let mut found = vec![[CANARY; D]; rows];
        let mut scratch = vec![0xaaaa_aaaa; words];
        assert_eq!(problem.call(call, &mut found, &mut scratch), Err(error), "{name}: {call:?}");
        assert!(found.as_flattened().iter().all(|&element| element == CANARY), "{name}: wrote to the gradient");
        assert!(scratch.iter().all(|&word| word == 0xaaaa_aaaa), "{name}: wrote to scratch");
    };
    let short = problem.words - 1;
    let error = Error::Length { buffer: Buffer::Scratch, needed: problem.words, got: short };
    for call in [Call::Value, Call::AddGrad(1.0), Call::ValueAndGrad] {
        refuses(call, number, short, error);
        if call != Call::Value {
            for got in [number - 1, number + 1, 0] {
                let error = Error::Length { buffer: Buffer::Grad, needed: number, got };
                refuses(call, got, problem.words, error);
            }
        }
    }
    for scale in [f32::NAN, f32::INFINITY, -1.1e12] {
        refuses(Call::AddGrad(scale), number, problem.words, Error::Parameter(Parameter::Scale));
    }
}

#[test]
fn the_contract_holds() {
    let data = Data::<8>::new(3);
    let embeddings = data.embeddings();
    let (floats, _) = memory::<8, f32>(4, exactly);
    let (bytes, _) = memory::<8, i8>(5, in_steps);
    for sampler in SAMPLERS {
        for loss in [PixelContrast::new(), PixelContrast::new().normalizing().with_base_temperature(0.07)] {
            keeps_the_contract(&Problem { sampler, ..within(loss, &embeddings) }, &data.labels);
            let words = PixelContrast::memory_scratch_len(embeddings.anchors(), CLASSES * SLOTS);
            let embeddings = &embeddings;
            let problem = Problem { loss, embeddings, contrast: &floats, sampler, words };
            keeps_the_contract(&problem, &data.labels);
            let problem = Problem { loss, embeddings, contrast: &bytes, sampler, words };
            keeps_the_contract(&problem, &data.labels);
        }
    }
}

#[test]
fn ignored_embeddings_are_never_read() {
    let data = Data::<3>::new(6);
    let embeddings = data.embeddings();
    let expected = within(PixelContrast::new().normalizing(), &embeddings).value_and_grad();
    for junk in [f32::NAN, f32::INFINITY, 3e38, 0.0] {
        let mut data = data.clone();
        for (row, label) in data.rows.iter_mut().zip(data.labels) {
            if label == IGNORED {
                *row = [junk; 3];
            }
        }
        let embeddings = data.embeddings();
        assert_eq!(within(PixelContrast::new().normalizing(), &embeddings).value_and_grad(), expected);
    }
}

/// A list of anchors is as good as a batch of these embeddings alone; the others are neither read nor moved.
#[test]
fn anchors_are_all_that_counts() {
    let data = Data::<8>::new(8);
    let chosen: Vec<u32> = vec![22, 0, 5, 4, 8, 1, 13, 14, 7];
    let mut rows = vec![[f32::NAN; 8]; data.rows.len()];
    for &index in &chosen {
        rows[index as usize] = data.rows[index as usize];
    }
    let embeddings = Embeddings::at(&rows, data.labels(), &chosen).expect("valid");
    let alone: Vec<[f32; 8]> = chosen.iter().map(|&index| data.rows[index as usize]).collect();
    let labels: Vec<u8> = chosen.iter().map(|&index| data.labels[index as usize]).collect();
    let alone = Embeddings::new(&alone, Labels::new(&labels)).expect("valid");
    for sampler in SAMPLERS {
        let (value, grad) = Problem { sampler, ..within(PixelContrast::new(), &embeddings) }.value_and_grad();
        let (expected, expected_grad) = Problem { sampler, ..within(PixelContrast::new(), &alone) }.value_and_grad();
        assert_eq!(value, expected);
        for (index, row) in grad.iter().enumerate() {
            let place = chosen.iter().position(|&anchor| anchor as usize == index);
            assert_eq!(*row, place.map_or([0.0; 8], |place| expected_grad[place]));
        }
    }
}

/// An index that stands in the list twice is two anchors, each the positive of the other.
#[test]
fn an_anchor_may_stand_twice() {
    let rows = [[0.5, 0.25], [0.25, 1.0]];
    let labels = [0, 1];
    let twice = Embeddings::at(&rows, Labels::new(&labels), &[0, 0, 1]).expect("valid");
    let written = [rows[0], rows[0], rows[1]];
    let written = Embeddings::new(&written, Labels::new(&[0, 0, 1])).expect("valid");
    let (value, grad) = within(PixelContrast::new(), &twice).value_and_grad();
    let (expected, expected_grad) = within(PixelContrast::new(), &written).value_and_grad();
    assert_eq!(value, expected);
    assert!(value > 0.0);
    for channel in 0..2 {
        let sum = expected_grad[0][channel] + expected_grad[1][channel];
        assert!((grad[0][channel] - sum).abs() <= 1e-6 * sum.abs());
        assert_eq!(grad[1][channel], expected_grad[2][channel]);
    }
}

#[test]
fn bad_parameters_are_refused() {
    let data = Data::<2>::new(1);
    let embeddings = data.embeddings();
    let refuses = |loss: PixelContrast, pairs: &mut dyn FnMut(Bad<'_>) -> Result<f32, Error>, parameter: Parameter| {
        let mut grad = vec![[3.0; 2]; 23];
        let mut scratch = vec![9; PixelContrast::scratch_len(23)];
        for call in 0..3 {
            let bad = Bad { loss, embeddings: &embeddings, grad: &mut grad, scratch: &mut scratch, call };
            assert_eq!(pairs(bad), Err(Error::Parameter(parameter)), "{loss:?}");
        }
        assert!(grad.as_flattened().iter().all(|&element| element == 3.0));
        assert!(scratch.iter().all(|&word| word == 9));
    };
    for bad in [0.0, -0.0, -1.0, 9e-7, 1.1e6, f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        refuses(PixelContrast::new().with_temperature(bad), &mut |bad| bad.run(All), Parameter::Temperature);
        refuses(PixelContrast::new().with_base_temperature(bad), &mut |bad| bad.run(All), Parameter::Temperature);
    }
    for [positives, negatives] in [[0, 1], [1, 0], [0, 0]] {
        let hardest = Hardest { positives, negatives };
        refuses(PixelContrast::new(), &mut |bad| bad.run(hardest), Parameter::Pairs);
        let semi_hard = SemiHard::new(positives, negatives, Stride);
        refuses(PixelContrast::new(), &mut |bad| bad.run(semi_hard), Parameter::Pairs);
    }
    for share in [-1e-9, 1.000_001, f32::NAN, f32::INFINITY] {
        let semi_hard = SemiHard::new(1, 1, Stride).with_share(share);
        refuses(PixelContrast::new(), &mut |bad| bad.run(semi_hard), Parameter::Pairs);
    }
}

struct Bad<'a> {
    loss: PixelContrast,
    embeddings: &'a Embeddings<'a, 2>,
    grad: &'a mut [[f32; 2]],
    scratch: &'a mut [u32],
    call: usize,
}

impl Bad<'_> {
    fn run(self, mut pairs: impl Pairs) -> Result<f32, Error> {
        let call = [Call::Value, Call::AddGrad(1.0), Call::ValueAndGrad][self.call];
        let Self { loss, embeddings, grad, scratch, .. } = self;
        Run { loss, embeddings, contrast: Within, grad, scratch, call }.visit(&mut pairs)
    }
}

#[test]
fn the_ends_of_the_domains_are_accepted() {
    let data = Data::<2>::new(1);
    let embeddings = data.embeddings();
    for temperature in [1e-6, 1e6] {
        let loss = PixelContrast::new().with_temperature(temperature).with_base_temperature(temperature);
        let (value, grad) = within(loss, &embeddings).value_and_grad();
        assert!(value.is_finite() && grad.as_flattened().iter().all(|element| element.is_finite()));
    }
    for share in [0.0, 1.0] {
        let sampler = Sampler::SemiHard(1, 1, share);
        assert!(Problem { sampler, ..within(PixelContrast::new(), &embeddings) }.value_and_grad().0 > 0.0);
    }
}

#[test]
fn bad_embeddings_are_refused() {
    let labels = [0, 0, IGNORED, 1];
    let labels = Labels::new(&labels).ignoring(IGNORED);
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1.1e12, -1.1e12] {
        let rows = [[0.0, 1.0], [1.0, bad], [bad, bad], [1.0, 1.0]];
        assert_eq!(Embeddings::new(&rows, labels).map(|_| ()), Err(Error::Embedding { pixel: 1 }));
        assert_eq!(Embeddings::at(&rows, labels, &[3, 1]).map(|_| ()), Err(Error::Embedding { pixel: 1 }));
        assert!(Embeddings::at(&rows, labels, &[3, 0]).is_ok());
    }
    let rows = [[1.0, 1.0]; 4];
    for (anchors, anchor) in [(vec![4], 0), (vec![0, u32::MAX], 1), (vec![0, 1, 2], 2), (vec![3, 4, 2], 1)] {
        let error = Error::Anchor { anchor };
        assert_eq!(Embeddings::at(&rows, labels, &anchors).map(|_| ()), Err(error));
        let all = Embeddings::new(&rows, labels).expect("finite");
        assert_eq!(all.with_anchors(&anchors).map(|_| ()), Err(error));
    }
    for got in [3, 5] {
        let error = Error::Length { buffer: Buffer::Labels, needed: 4, got };
        assert_eq!(Embeddings::new(&rows, Labels::new(&vec![0; got])).map(|_| ()), Err(error));
        assert_eq!(Embeddings::at(&rows, Labels::new(&vec![0; got]), &[0]).map(|_| ()), Err(error));
    }
}

#[test]
fn a_vector_of_length_0_cannot_be_normalised() {
    let rows = [[1.0, 0.0], [0.5, 0.5], [0.0, -0.0], [0.0, 1.0], [0.0, 0.0]];
    let labels = Labels::new(&[0, 0, 1, 1, IGNORED]).ignoring(IGNORED);
    let embeddings = Embeddings::new(&rows, labels).expect("finite");
    let problem = within(PixelContrast::new().normalizing(), &embeddings);
    let (mut grad, mut scratch) = ([[5.0; 2]; 5], vec![6; problem.words]);
    for call in [Call::Value, Call::AddGrad(1.0), Call::ValueAndGrad] {
        assert_eq!(problem.call(call, &mut grad, &mut scratch), Err(Error::Embedding { pixel: 2 }));
    }
    assert_eq!(grad, [[5.0; 2]; 5]);
    assert!(scratch.iter().all(|&word| word == 6));
    let value = within(PixelContrast::new(), &embeddings).value_and_grad().0;
    assert!(value.is_finite(), "taken as it is: {value}");
    let others = embeddings.with_anchors(&[0, 1, 3]).expect("valid");
    assert!(within(PixelContrast::new().normalizing(), &others).value_and_grad().0 > 0.0, "no anchor of length 0");
}

/// Nothing to pull together, or nothing to push apart.
#[test]
fn without_a_pair_the_loss_is_0() {
    let zero = (0.0, vec![[0.0; 2]; 4]);
    let rows = [[1.0, 0.5], [0.25, 1.0], [-1.0, 0.75], [0.5, 0.5]];
    for labels in [[3; 4], [0, 1, 2, 3], [IGNORED; 4], [IGNORED, 4, IGNORED, IGNORED], [IGNORED, 4, 4, IGNORED]] {
        let labels = Labels::new(&labels).ignoring(IGNORED);
        let embeddings = Embeddings::new(&rows, labels).expect("finite");
        for sampler in SAMPLERS {
            for loss in [PixelContrast::new(), PixelContrast::new().normalizing()] {
                assert_eq!(Problem { sampler, ..within(loss, &embeddings) }.value_and_grad(), zero, "{labels:?}");
            }
        }
    }
    let none = Embeddings::at(&rows, Labels::new(&[0; 4]), &[]).expect("valid");
    assert_eq!(within(PixelContrast::new(), &none).value_and_grad(), zero);
    let nothing = Embeddings::<2>::new(&[], Labels::new(&[])).expect("valid");
    assert_eq!(within(PixelContrast::new(), &nothing).value_and_grad(), (0.0, vec![]));
}

#[test]
fn an_empty_memory_is_no_contrast() {
    let data = Data::<2>::new(2);
    let embeddings = &data.embeddings();
    let words = PixelContrast::memory_scratch_len(23, CLASSES * SLOTS);
    let (loss, sampler) = (PixelContrast::new(), Sampler::All);
    let mut memory = Memory::<CLASSES, SLOTS, 2>::new();
    let run = |memory: &Memory<CLASSES, SLOTS, 2>| {
        Problem { loss, embeddings, contrast: memory, sampler, words }.value_and_grad()
    };
    assert_eq!(run(&memory), (0.0, vec![[0.0; 2]; 23]));
    memory.push(9, &[1.0, 1.0]).expect("finite");
    assert_eq!(run(&memory), (0.0, vec![[0.0; 2]; 23]), "a positive and nothing to push from");
    memory.push(3, &[-1.0, 0.5]).expect("finite");
    let (value, grad) = run(&memory);
    assert!(value > 0.0, "the anchor of class 9 has a positive and a negative");
    for (row, label) in grad.iter().zip(data.labels) {
        assert_eq!(row.iter().all(|&element| element == 0.0), label != 9, "no other anchor has a positive");
    }
}

/// Whatever the size of embeddings, temperatures and scale, nothing becomes NaN.
#[test]
fn nothing_becomes_nan() {
    for size in [1e-44, 1e-37, 1e-30, 1e-20, 1e-12, 1.0, 1e6, 1e12_f32] {
        let mut data = Data::<3>::new(11);
        for component in data.rows.as_flattened_mut() {
            *component *= size;
        }
        let embeddings = data.embeddings();
        for [temperature, base] in [[1e-6, 1e-6], [1e-6, 1e6], [0.1, 0.07], [1e6, 1e-6], [1e6, 1e6]] {
            let loss = PixelContrast::new().with_temperature(temperature).with_base_temperature(base);
            for sampler in SAMPLERS {
                let problem = Problem { sampler, ..within(loss, &embeddings) };
                let (value, grad) = problem.value_and_grad();
                assert!(value.is_finite(), "size {size}, τ {temperature}, τ_b {base}: {value}");
                assert!(grad.as_flattened().iter().all(|element| element.is_finite()));
            }
        }
    }
}

/// The gradient through the length of an embedding grows as this shrinks, until it counts as 0.
#[test]
fn short_embeddings_are_normalised_or_refused() {
    let data = Data::<3>::new(12);
    let embeddings = data.embeddings();
    let loss = PixelContrast::new().normalizing();
    let (value, grad) = within(loss, &embeddings).value_and_grad();
    for exponent in [-126, -100, -70, -30, 30] {
        let factor = 2.0_f32.powi(exponent);
        let mut scaled = data.clone();
        for component in scaled.rows.as_flattened_mut() {
            *component *= factor;
        }
        let embeddings = scaled.embeddings();
        let problem = within(loss, &embeddings);
        let mut found = vec![[0.0; 3]; 23];
        match problem.call(Call::ValueAndGrad, &mut found, &mut vec![0; problem.words]) {
            Ok(found) => assert_eq!(found, value, "2^{exponent}"),
            Err(error) => {
                assert!(exponent < -30 && matches!(error, Error::Embedding { .. }), "2^{exponent}: {error}");
                continue;
            }
        }
        for (found, &expected) in found.as_flattened().iter().zip(grad.as_flattened()) {
            let found = found * factor;
            assert!((found - expected).abs() <= 1e-5, "2^{exponent}: {found}, not {expected}");
        }
    }
}

/// A draw that keeps no promise harms no one but the loss.
#[test]
fn a_draw_of_nonsense_does_not_panic() {
    struct Nonsense;
    impl Draw for Nonsense {
        fn draw(&mut self, candidates: &mut [u32], number: usize) {
            candidates.fill(u32::MAX - number as u32);
        }
    }
    let data = Data::<3>::new(1);
    let embeddings = data.embeddings();
    let mut grad = [[0.0; 3]; 23];
    let mut scratch = vec![0; PixelContrast::scratch_len(23)];
    let mut pairs = SemiHard::new(1, 1, Nonsense).with_share(1.0);
    let value = PixelContrast::new().value_and_grad(&embeddings, Within, &mut pairs, &mut grad, &mut scratch);
    assert!(value.is_ok_and(f32::is_finite));
}

/// ContrastiveSeg and PaddleSeg divide by the number of positives of every anchor: with one view a group, a class that is
/// seen once makes the whole loss NaN.
#[test]
fn contrastiveseg_an_anchor_without_positive_is_nan() {
    let rows = [[1.0, 0.0], [0.0, 1.0], [0.6, 0.8]];
    let embeddings = Embeddings::new(&rows, Labels::new(&[0, 1, 0])).expect("finite");
    let (value, grad) = within(PixelContrast::new(), &embeddings).value_and_grad();
    // Of anchors 0 and 2 each has the other as its positive and anchor 1 as its negative.
    let loss = |negative: f64, positive: f64| ((negative - positive) / 0.1).exp().ln_1p();
    let truth = (loss(0.0, 0.6) + loss(0.8, 0.6)) / 2.0;
    assert!((f64::from(value) - truth).abs() <= 1e-6 * truth, "{value}, truth {truth}");
    assert!(grad.as_flattened().iter().all(|element| element.is_finite()));
    assert!(grad[1] != [0.0; 2], "it is a negative of the others");
}

/// ContrastiveSeg subtracts the largest similarity, the anchor's own, so that every exponential underflows and ln 0 is NaN
/// where embeddings are not normalised: 32 components of unit variance at τ = 0.1 are enough.
#[test]
fn contrastiveseg_unnormalised_embeddings_are_nan() {
    let mut random = random(5);
    // A sum of twelve uniform numbers has unit variance.
    let normal = |random: &mut Pcg32| (0..12).map(|_| row::<1>(random)[0]).sum::<f32>() / 2.0;
    let rows: Vec<[f32; 32]> = (0..64).map(|_| std::array::from_fn(|_| normal(&mut random))).collect();
    let labels: Vec<u8> = (0..64).map(|pixel| pixel % 4).collect();
    let embeddings = Embeddings::new(&rows, Labels::new(&labels)).expect("finite");
    let (value, grad) = within(PixelContrast::new(), &embeddings).value_and_grad();
    assert!(grad.as_flattened().iter().all(|element| element.is_finite()));

    let exact: Vec<f64> = rows.iter().flatten().map(|&component| f64::from(component)).collect();
    let anchors: Vec<(usize, u8)> = labels.iter().copied().enumerate().collect();
    let anchors = reference::Anchors { rows: &exact, dimension: 32, anchors: &anchors };
    let loss = reference::PixelContrast { temperature: f64::from(0.1_f32), base_temperature: None, normalizing: false };
    let similarities = loss.similarities(&anchors, &reference::Contrast::Within);
    let underflows = |anchor: usize| {
        let others = (0..64).filter(|&column| labels[column] != labels[anchor]);
        others
            .map(|column| (similarities[anchor][column] - similarities[anchor][anchor]) as f32)
            .all(|s| s.exp() == 0.0)
    };
    assert!((0..64).any(underflows), "the usual code fails here");
    let truth = loss.value(&anchors, &reference::Contrast::Within, &loss.all(&anchors, &reference::Contrast::Within));
    assert!((f64::from(value) - truth).abs() <= 1e-6 * truth, "{value}, truth {truth}");
}

/// The paper's expectation: embeddings at random are told apart from N negatives by chance, τ/τ_b · ln (1 + N).
#[test]
fn equal_embeddings_have_the_loss_of_chance() {
    let rows = [[0.6, 0.8]; 12];
    let embeddings = Embeddings::new(&rows, Labels::new(&[0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3])).expect("finite");
    let loss = PixelContrast::new().with_base_temperature(0.05);
    let value = within(loss, &embeddings).value_and_grad().0;
    assert!((f64::from(value) - 2.0 * 10.0_f64.ln()).abs() <= 1e-6, "{value}");
    let sampler = Sampler::Hardest(1, 4);
    let value = Problem { sampler, ..within(loss, &embeddings) }.value_and_grad().0;
    assert!((f64::from(value) - 2.0 * 5.0_f64.ln()).abs() <= 1e-6, "{value}");
}
