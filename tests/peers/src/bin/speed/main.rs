//! Times scarce beside the peers written in Rust: `speed BUILD REFERENCES`, as tab-separated values.
//!
//! `REFERENCES` is a directory with a file for each cell: f64, native order, the loss and then its gradient.

mod burn;
mod candle;

use anyhow::{Context, Result, ensure};
use cpu_time::ProcessTime;
use scarce_peers::{Cell, Job, MATHS, Pattern};
use std::path::Path;
use std::time::Duration;

const ROUNDS: usize = 15;
const FEWEST_ROUNDS: usize = 5;
/// After this much of all implementations of a cell together, the fewest rounds do.
const ENOUGH: Duration = Duration::from_secs(4);
/// A measurement takes as many calls as last this long.
const MEASUREMENT: Duration = Duration::from_millis(2);

/// Value and gradient of one cell by one implementation.
trait Implementation {
    /// One call.
    fn run(&mut self) -> Result<()>;
    /// Loss and gradient, in the cell's layout.
    fn result(&mut self) -> Result<(f32, Vec<f32>)>;
}

impl Implementation for Job {
    fn run(&mut self) -> Result<()> {
        std::hint::black_box(Job::run(self)?);
        Ok(())
    }

    fn result(&mut self) -> Result<(f32, Vec<f32>)> {
        Ok((Job::run(self)?, self.gradient().to_vec()))
    }
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [build, references] = arguments.as_slice() else { anyhow::bail!("speed BUILD REFERENCES") };
    for cell in Cell::all(65_536, 1024) {
        let mut named = Vec::new();
        for (math, name) in MATHS.iter().enumerate() {
            named.push((format!("scarce {name}"), implementation(Job::new(cell, Pattern::Random, math))));
        }
        let input = Job::new(cell, Pattern::Random, 0);
        named.push(("burn".to_owned(), implementation(burn::Burn::new(&input))));
        named.push(("candle".to_owned(), implementation(candle::Candle::new(&input)?)));
        let reference = read(&Path::new(references).join(cell.name()))?;
        measure(cell, build, &reference, &mut named)?;
    }
    Ok(())
}

fn implementation<I: Implementation + 'static>(implementation: I) -> Box<dyn Implementation> {
    Box::new(implementation)
}

fn measure(cell: Cell, build: &str, reference: &[f64], named: &mut [(String, Box<dyn Implementation>)]) -> Result<()> {
    let mut calls = Vec::new();
    for (name, implementation) in named.iter_mut() {
        let context = || format!("{name}, {}", cell.name());
        implementation.run().with_context(context)?;
        let once = time(1, implementation)?;
        calls.push((MEASUREMENT.as_secs_f64() / once).ceil().max(1.0) as u32);
    }
    let mut times = vec![Vec::new(); named.len()];
    let start = ProcessTime::now();
    for round in 0..ROUNDS {
        if round >= FEWEST_ROUNDS && start.elapsed() > ENOUGH {
            break;
        }
        for (((_, implementation), &calls), times) in named.iter_mut().zip(&calls).zip(&mut times) {
            times.push(time(calls, implementation)?);
        }
    }
    for ((name, implementation), mut times) in named.iter_mut().zip(times) {
        times.sort_by(f64::total_cmp);
        let (loss, gradient) = implementation.result()?;
        let (loss_error, gradient_error) = errors(loss, &gradient, reference)?;
        let milliseconds = times[times.len() / 2] * 1e3;
        println!("{}\t{name}\t{build}\t{milliseconds}\t{loss}\t{loss_error}\t{gradient_error}", cell.name());
    }
    Ok(())
}

/// Seconds a call.
fn time(calls: u32, implementation: &mut Box<dyn Implementation>) -> Result<f64> {
    // Of the process: candle works on a thread of its own.
    let start = ProcessTime::now();
    for _ in 0..calls {
        implementation.run()?;
    }
    Ok(start.elapsed().as_secs_f64() / f64::from(calls))
}

/// Relative error of the loss, and the gradient's relative error in the L1 norm.
fn errors(loss: f32, gradient: &[f32], reference: &[f64]) -> Result<(f64, f64)> {
    let (expected, expected_gradient) = reference.split_first().context("an empty reference")?;
    ensure!(gradient.len() == expected_gradient.len(), "{} elements of gradient", gradient.len());
    let difference: f64 = gradient.iter().zip(expected_gradient).map(|(&a, b)| (f64::from(a) - b).abs()).sum();
    let size: f64 = expected_gradient.iter().map(|element| element.abs()).sum();
    Ok(((f64::from(loss) - expected).abs() / expected.abs(), difference / size))
}

fn read(path: &Path) -> Result<Vec<f64>> {
    let bytes = std::fs::read(path).with_context(|| path.display().to_string())?;
    Ok(bytes.as_chunks::<8>().0.iter().map(|&bytes| f64::from_ne_bytes(bytes)).collect())
}
