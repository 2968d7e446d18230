//! The network against the definition of its layers, in f64 and without any of its loops.

use rand_pcg::{
    Pcg32,
    rand_core::{Rng, SeedableRng},
};
use scarce_mcu::{Buffer, Head, LengthError, Network, Parameters, Shape};

const SHAPES: [Shape; 11] = [
    Shape::new(1, 1),
    Shape::new(1, 5),
    Shape::new(5, 1),
    Shape::new(3, 2),
    Shape::new(2, 3),
    Shape::new(4, 4),
    Shape::new(7, 9),
    Shape::new(9, 7),
    Shape::new(3, 12),
    Shape::new(12, 3),
    Shape::new(10, 13),
];

#[test]
fn logits_and_gradients_follow_the_definition() {
    // Shapes smaller than a dilation, equal to it, between it and its double, and larger; odd and even runs of columns;
    // odd and even numbers of channels.
    check::<1, 8, 2, 0>();
    check::<3, 8, 2, 0>();
    check::<2, 3, 3, 1>();
    check::<3, 8, 2, 2>();
    check::<1, 5, 4, 3>();
    check::<4, 16, 5, 1>();
}

fn check<const INPUTS: usize, const HIDDEN: usize, const CLASSES: usize, const DEEP: usize>() {
    for (seed, shape) in (0..).zip(SHAPES) {
        let case = Case::<INPUTS, HIDDEN, CLASSES, DEEP>::new(shape, seed);
        let (logits, gradient) = case.run();
        let gradient_with_features = case.gradient_with_features();
        let reference = case.reference();
        let name = format!("{INPUTS} -> {HIDDEN} x {} -> {CLASSES}, {shape:?}", DEEP + 1);

        let expected = reference.logits(&flat(&case.input), shape);
        assert_close(&flat(&logits), &expected, 2e-6, &format!("{name}: logits"));

        // The objectives, of the logits alone and of the features as well, are piecewise linear in each parameter alone, so
        // the differences are exact up to rounding.
        let dot = |values: &[f64], slopes: &[f64]| values.iter().zip(slopes).map(|(value, slope)| value * slope).sum();
        let objectives = |reference: &Reference| -> [f64; 2] {
            let (features, logits) = reference.features_and_logits(&flat(&case.input), shape);
            let of_logits: f64 = dot(&logits, &flat(&case.slopes));
            let of_features: f64 = dot(&features, &flat(&case.feature_slopes));
            [of_logits, of_logits + of_features]
        };
        let step = 1e-6;
        let (mut gradients, mut differences) = ([const { Vec::new() }; 2], [const { Vec::new() }; 2]);
        // Each parameter at one of the shapes.
        let slopes = gradient.parameters().zip(gradient_with_features.parameters());
        for (parameter, (&alone, &with_features)) in slopes.enumerate().skip(seed as usize).step_by(SHAPES.len()) {
            let [below, above] = [-step, step].map(|step| {
                let mut moved = reference.clone();
                moved.parameters[parameter] += step;
                objectives(&moved)
            });
            for (objective, slope) in [alone, with_features].into_iter().enumerate() {
                gradients[objective].push(f64::from(slope));
                differences[objective].push((above[objective] - below[objective]) / (2.0 * step));
            }
        }
        for ((gradients, differences), of) in gradients.iter().zip(&differences).zip(["logits", "logits and features"])
        {
            assert_close(gradients, differences, 2e-6, &format!("{name}: gradient of {of}"));
        }
    }
}

#[test]
fn gradients_accumulate() {
    let case = Case::<3, 8, 2, 2>::new(Shape::new(7, 9), 1);
    let other = Case { network: case.network.clone(), ..Case::new(Shape::new(7, 9), 2) };
    let (first, second) = (case.run().1, other.run().1);
    let mut both = first.clone();
    other.add_gradient(&mut both);
    for ((&sum, &first), &second) in both.parameters().zip(first.parameters()).zip(second.parameters()) {
        assert!((sum - (first + second)).abs() <= 1e-5 * (first.abs() + second.abs() + 1.0), "{sum} {first} {second}");
    }
    both.clear();
    assert_eq!(both, Network::zeros());
}

#[test]
fn head_is_trained_alone_as_with_the_network() {
    let case = Case::<3, 8, 4, 1>::new(Shape::new(11, 20), 3);
    let (logits, gradient) = case.run();
    let mut activations = case.activations();
    let features = case.network.forward_features(&case.input, case.shape, &mut activations).expect("lengths fit");
    let mut alone = Head::zeros();
    case.network.head.backward(features, &case.slopes, &mut alone).expect("lengths fit");
    assert_eq!(alone, gradient.head);
    let mut scores = vec![[0.0; 4]; case.shape.pixels()];
    case.network.head.forward(features, &mut scores).expect("lengths fit");
    assert_eq!(scores, logits);
}

#[test]
fn nan_reaches_the_logits() {
    let mut case = Case::<1, 8, 2, 1>::new(Shape::new(9, 9), 4);
    case.input[40] = [f32::NAN];
    let (logits, _) = case.run();
    // The centre and what its 3×3 neighbourhood and the dilated taps reach: all rows and columns but the outermost.
    for (pixel, scores) in logits.iter().enumerate() {
        let inside = [pixel / 9, pixel % 9].iter().all(|place| (1..=7).contains(place));
        assert_eq!(scores[0].is_nan(), inside, "pixel {pixel}");
    }
}

#[test]
fn empty_images_are_fine() {
    for shape in [Shape::new(0, 0), Shape::new(0, 5), Shape::new(5, 0)] {
        let case = Case::<3, 8, 2, 2>::new(shape, 5);
        let (logits, gradient) = case.run();
        assert!(logits.is_empty());
        assert_eq!(gradient, Network::zeros());
    }
}

#[test]
fn wrong_lengths_are_refused_before_anything_is_written() {
    type Tiny = Network<2, 3, 2, 1>;
    let shape = Shape::new(4, 5);
    let network = Tiny::new(&mut Pcg32::seed_from_u64(1));
    let right = [(Buffer::Input, 20), (Buffer::Activations, 40), (Buffer::Logits, 20), (Buffer::LogitGradient, 20)];
    for (wrong, needed) in right {
        for got in [0, needed - 1, needed + 1, needed * 2] {
            let length = |buffer, needed| if buffer == wrong { got } else { needed };
            let lengths = right.map(|(buffer, needed)| length(buffer, needed));
            let input = vec![[1.0; 2]; lengths[0]];
            let mut activations = vec![[7.0; 3]; lengths[1]];
            let mut logits = vec![[7.0; 2]; lengths[2]];
            let slopes = vec![[1.0; 2]; lengths[3]];
            let mut gradient = Tiny::zeros();
            let error = Err(LengthError { buffer: wrong, needed, got });
            if wrong != Buffer::LogitGradient {
                assert_eq!(network.forward(&input, shape, &mut activations, &mut logits), error);
            }
            if wrong != Buffer::Logits {
                assert_eq!(network.backward(&input, shape, &mut activations, &slopes, &mut gradient), error);
            }
            let feature_slopes = [[1.0; 3]; 20];
            if wrong != Buffer::Logits {
                let result = network.backward_with_features(
                    &input,
                    shape,
                    &mut activations,
                    &slopes,
                    &feature_slopes,
                    &mut gradient,
                );
                assert_eq!(result, error);
            }
            assert!(activations.iter().all(|&values| values == [7.0; 3]));
            assert!(logits.iter().all(|&scores| scores == [7.0; 2]));
            assert_eq!(gradient, Tiny::zeros());
        }
    }
    let (mut activations, mut gradient) = ([[7.0; 3]; 40], Tiny::zeros());
    for got in [0, 19, 21, 40] {
        let (input, slopes, feature_slopes) = ([[1.0; 2]; 20], [[1.0; 2]; 20], vec![[1.0; 3]; got]);
        let result =
            network.backward_with_features(&input, shape, &mut activations, &slopes, &feature_slopes, &mut gradient);
        assert_eq!(result, Err(LengthError { buffer: Buffer::FeatureGradient, needed: 20, got }));
        assert_eq!((activations, &gradient), ([[7.0; 3]; 40], &Tiny::zeros()));
    }
    let head = Head::<3, 2>::zeros();
    let error = |buffer| Err(LengthError { buffer, needed: 4, got: 5 });
    assert_eq!(head.forward(&[[1.0; 3]; 4], &mut [[0.0; 2]; 5]), error(Buffer::Logits));
    assert_eq!(head.backward(&[[1.0; 3]; 4], &[[0.0; 2]; 5], &mut Head::zeros()), error(Buffer::LogitGradient));

    // A shape without a number of pixels has no buffer that fits.
    let endless = Shape::new(usize::MAX, 2);
    let error = network.forward(&[], endless, &mut [], &mut []);
    assert_eq!(error, Err(LengthError { buffer: Buffer::Logits, needed: usize::MAX, got: 0 }));
    assert_eq!(Tiny::activations_len(endless), usize::MAX);
}

#[test]
fn errors_say_which_buffer() {
    let error = LengthError { buffer: Buffer::LogitGradient, needed: 20, got: 19 };
    assert_eq!(error.to_string(), "gradient of the logits: 20 pixels needed, got 19");
}

#[test]
fn a_seed_determines_the_network() {
    type Small = Network<3, 8, 2, 2>;
    let [one, same, other] = [1, 1, 2].map(|seed| Small::new(&mut Pcg32::seed_from_u64(seed)));
    assert_eq!(one, same);
    assert_ne!(one, other);
    assert_eq!(Small::COUNT, 9 * 3 * 8 + 8 + 2 * (9 * 8 * 8 + 8) + 8 * 2 + 2);
    assert_eq!(Network::<1, 8, 2, 0>::COUNT, 98);
    assert_eq!(one.parameters().count(), Small::COUNT);
    assert_eq!(Small::zeros().parameters_mut().count(), Small::COUNT);
}

#[test]
fn weights_fill_the_range_of_he_and_biases_are_zero() {
    let network = Network::<3, 8, 4, 2>::new(&mut Pcg32::seed_from_u64(1));
    let spread = |weights: &[f32], bound: f64| {
        let variance = weights.iter().map(|&weight| f64::from(weight).powi(2)).sum::<f64>() / weights.len() as f64;
        let largest = weights.iter().fold(0.0_f64, |largest, &weight| largest.max(f64::from(weight).abs()));
        assert!(largest <= bound * 1.000_001 && largest > 0.9 * bound, "{largest} {bound}");
        assert!((variance * 3.0 / bound.powi(2) - 1.0).abs() < 0.25, "{variance} {bound}");
    };
    spread(network.first.weights.as_flattened().as_flattened(), (6.0_f64 / 27.0).sqrt());
    for convolution in &network.deep {
        spread(convolution.weights.as_flattened().as_flattened(), (6.0_f64 / 72.0).sqrt());
        assert_eq!(convolution.bias, [0.0; 8]);
    }
    spread(network.head.weights.as_flattened(), (3.0_f64 / 8.0).sqrt());
    assert_eq!(network.first.bias, [0.0; 8]);
    assert_eq!(network.head.bias, [0.0; 4]);
    assert_ne!(network.deep[0], network.deep[1]);
}

/// A network, an image and a gradient with respect to its logits, all random.
struct Case<const INPUTS: usize, const HIDDEN: usize, const CLASSES: usize, const DEEP: usize> {
    network: Network<INPUTS, HIDDEN, CLASSES, DEEP>,
    shape: Shape,
    input: Vec<[f32; INPUTS]>,
    slopes: Vec<[f32; CLASSES]>,
    feature_slopes: Vec<[f32; HIDDEN]>,
}

impl<const INPUTS: usize, const HIDDEN: usize, const CLASSES: usize, const DEEP: usize>
    Case<INPUTS, HIDDEN, CLASSES, DEEP>
{
    fn new(shape: Shape, seed: u64) -> Self {
        let mut rng = Pcg32::seed_from_u64(seed);
        let mut network = Network::new(&mut rng);
        let mut number = || rng.next_u32() as i32 as f32 / (1_u32 << 31) as f32;
        // Biases that differ, and weights that no symmetry hides an exchange of.
        network.parameters_mut().for_each(|parameter| *parameter += 0.1 * number());
        let input = (0..shape.pixels()).map(|_| [(); INPUTS].map(|()| number())).collect();
        let slopes = (0..shape.pixels()).map(|_| [(); CLASSES].map(|()| number())).collect();
        let feature_slopes = (0..shape.pixels()).map(|_| [(); HIDDEN].map(|()| number())).collect();
        Self { network, shape, input, slopes, feature_slopes }
    }

    fn activations(&self) -> Vec<[f32; HIDDEN]> {
        vec![[f32::NAN; HIDDEN]; Network::<INPUTS, HIDDEN, CLASSES, DEEP>::activations_len(self.shape)]
    }

    /// Logits and gradient; buffers are full of NaN before.
    fn run(&self) -> (Vec<[f32; CLASSES]>, Network<INPUTS, HIDDEN, CLASSES, DEEP>) {
        let mut gradient = Network::zeros();
        let logits = self.add_gradient(&mut gradient);
        (logits, gradient)
    }

    fn add_gradient(&self, gradient: &mut Network<INPUTS, HIDDEN, CLASSES, DEEP>) -> Vec<[f32; CLASSES]> {
        let mut activations = self.activations();
        let mut logits = vec![[f32::NAN; CLASSES]; self.shape.pixels()];
        let Self { network, shape, input, slopes, .. } = self;
        network.forward(input, *shape, &mut activations, &mut logits).expect("lengths fit");
        network.backward(input, *shape, &mut activations, slopes, gradient).expect("lengths fit");
        logits
    }

    fn gradient_with_features(&self) -> Network<INPUTS, HIDDEN, CLASSES, DEEP> {
        let mut activations = self.activations();
        let mut gradient = Network::zeros();
        let Self { network, shape, input, slopes, feature_slopes } = self;
        network.forward_features(input, *shape, &mut activations).expect("lengths fit");
        network
            .backward_with_features(input, *shape, &mut activations, slopes, feature_slopes, &mut gradient)
            .expect("lengths fit");
        gradient
    }

    fn reference(&self) -> Reference {
        Reference {
            channels: [INPUTS, HIDDEN, CLASSES],
            deep: DEEP,
            parameters: self.network.parameters().copied().map(f64::from).collect(),
        }
    }
}

/// The network in f64, from the definition of convolution and the documented order of the parameters.
#[derive(Clone)]
struct Reference {
    channels: [usize; 3],
    deep: usize,
    parameters: Vec<f64>,
}

impl Reference {
    fn logits(&self, input: &[f64], shape: Shape) -> Vec<f64> {
        self.features_and_logits(input, shape).1
    }

    fn features_and_logits(&self, input: &[f64], shape: Shape) -> (Vec<f64>, Vec<f64>) {
        let [inputs, hidden, classes] = self.channels;
        let mut next = 0;
        let mut values = self.layer(&mut next, input, shape, [inputs, hidden], 3, 1);
        for layer in 0..self.deep {
            values.iter_mut().for_each(|value| *value = value.max(0.0));
            values = self.layer(&mut next, &values, shape, [hidden, hidden], 3, 2_usize.pow(layer as u32 + 1));
        }
        values.iter_mut().for_each(|value| *value = value.max(0.0));
        let logits = self.layer(&mut next, &values, shape, [hidden, classes], 1, 1);
        assert_eq!(next, self.parameters.len());
        (values, logits)
    }

    /// A convolution with a `side` × `side` kernel whose parameters begin at `next`.
    fn layer(
        &self,
        next: &mut usize,
        input: &[f64],
        shape: Shape,
        [inputs, outputs]: [usize; 2],
        side: usize,
        dilation: usize,
    ) -> Vec<f64> {
        let weights = &self.parameters[*next..][..side * side * inputs * outputs];
        *next += weights.len();
        let bias = &self.parameters[*next..][..outputs];
        *next += outputs;
        let padded = |y: i64, x: i64, channel: usize| {
            let inside = (0..shape.height as i64).contains(&y) && (0..shape.width as i64).contains(&x);
            if inside { input[(y as usize * shape.width + x as usize) * inputs + channel] } else { 0.0 }
        };
        let mut output = Vec::with_capacity(shape.pixels() * outputs);
        for y in 0..shape.height as i64 {
            for x in 0..shape.width as i64 {
                for o in 0..outputs {
                    let mut sum = bias[o];
                    for ky in 0..side {
                        for kx in 0..side {
                            let offset = |k: usize| (k as i64 - (side / 2) as i64) * dilation as i64;
                            for i in 0..inputs {
                                let weight = weights[((ky * side + kx) * inputs + i) * outputs + o];
                                sum += weight * padded(y + offset(ky), x + offset(kx), i);
                            }
                        }
                    }
                    output.push(sum);
                }
            }
        }
        output
    }
}

fn flat<const C: usize>(rows: &[[f32; C]]) -> Vec<f64> {
    rows.as_flattened().iter().copied().map(f64::from).collect()
}

/// Within `tolerance` of the largest value, which is what errors of single precision are proportional to.
fn assert_close(values: &[f64], expected: &[f64], tolerance: f64, name: &str) {
    assert_eq!(values.len(), expected.len(), "{name}");
    let largest = expected.iter().fold(0.0_f64, |largest, value| largest.max(value.abs()));
    for (index, (value, expected)) in values.iter().zip(expected).enumerate() {
        let error = (value - expected).abs();
        assert!(error <= tolerance * largest, "{name}, {index}: {value} instead of {expected} (largest {largest})");
    }
}
