//! Multiply-adds a second of the passes over 64×64 crops, on one core.
//!
//! `cargo run --release -p scarce-mcu --example throughput`

use rand_pcg::{Pcg32, rand_core::SeedableRng};
use scarce_mcu::{Network, Parameters, Shape};
use std::{hint::black_box, time::Instant};

const SHAPE: Shape = Shape::new(64, 64);
const PIXELS: usize = SHAPE.pixels();
const REPEATS: usize = 200;

fn main() {
    measure::<1, 8, 2, 0>();
    measure::<3, 8, 2, 0>();
    measure::<3, 8, 2, 2>();
    measure::<3, 16, 4, 2>();
}

fn measure<const INPUTS: usize, const HIDDEN: usize, const CLASSES: usize, const DEEP: usize>() {
    type Pixels<const C: usize> = Vec<[f32; C]>;
    let mut rng = Pcg32::seed_from_u64(1);
    let network = Network::<INPUTS, HIDDEN, CLASSES, DEEP>::new(&mut rng);
    let mut gradient = Network::zeros();
    let input: Pixels<INPUTS> = (0..PIXELS).map(|i| [(i % 13) as f32 / 13.0 - 0.5; INPUTS]).collect();
    let slopes: Pixels<CLASSES> = (0..PIXELS).map(|i| [(i % 7) as f32 / 7.0 - 0.5; CLASSES]).collect();
    let mut activations = vec![[0.0; HIDDEN]; PIXELS * (DEEP + 1)];
    let mut logits = vec![[0.0; CLASSES]; PIXELS];

    // Multiply-adds a pixel. Backward: the weights' gradients of all layers, the inputs' of all but the first.
    let (first, deep, head) = (9 * INPUTS * HIDDEN, 9 * HIDDEN * HIDDEN * DEEP, HIDDEN * CLASSES);
    let (forward_work, backward_work) = (first + deep + head, first + 2 * deep + 2 * head);

    let (mut forward, mut backward) = (f64::INFINITY, f64::INFINITY); // the fastest of all repeats: others use the machine, too
    for _ in 0..REPEATS {
        let start = Instant::now();
        network.forward(black_box(&input), SHAPE, &mut activations, &mut logits).expect("lengths fit");
        let middle = Instant::now();
        network.backward(&input, SHAPE, &mut activations, black_box(&slopes), &mut gradient).expect("lengths fit");
        forward = forward.min((middle - start).as_secs_f64());
        backward = backward.min(middle.elapsed().as_secs_f64());
    }
    black_box((&logits, &gradient));
    let report = |name, seconds: f64, work| {
        println!(
            "{INPUTS} -> {HIDDEN} x {} -> {CLASSES} {name:8} {:6.1} us an image, {:5.2} G multiply-adds/s",
            DEEP + 1,
            1e6 * seconds,
            1e-9 * (PIXELS * work) as f64 / seconds,
        );
    };
    report("forward", forward, forward_work);
    report("backward", backward, backward_work);
}
