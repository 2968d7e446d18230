//! What the firmware's network, with weights from a file, makes of an image, against what PyTorch makes of it.
//!
//! `cargo run --release -p scarce-host --example logits -- WEIGHTS IMAGE.png LOGITS`, with the files that
//! `examples-host/python/export.py` writes.

use anyhow::{Context, Result, ensure};
use scarce_host::export::FirmwareNetwork;
use scarce_host::folder::load_image;
use scarce_host::train::{Sample, logits};
use std::path::Path;
use std::{env, fs};

/// How far sums in another order may carry a logit, relative to the largest.
const NEAR: f32 = 2e-6;

fn main() -> Result<()> {
    let arguments: Vec<_> = env::args_os().skip(1).collect();
    let [weights, image, expected] = &*arguments else { anyhow::bail!("usage: logits WEIGHTS IMAGE.png LOGITS") };
    let named = |path| move || Path::new(path).display().to_string();
    let file = |path| fs::read(path).with_context(named(path));

    let (network, _) = FirmwareNetwork::decode(&file(weights)?).with_context(named(weights))?;
    let found = logits(&network, &Sample::new(&load_image(Path::new(image))?)?)?;
    let bytes = file(expected)?;
    ensure!(
        bytes.len() == size_of_val(&*found),
        "{}: {} bytes; {} pixels have logits of {}",
        named(expected)(),
        bytes.len(),
        found.len(),
        size_of_val(&*found)
    );
    let expected = bytes.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes));
    let (mut largest, mut difference) = (0.0_f32, 0.0_f32);
    for (found, expected) in found.as_flattened().iter().zip(expected) {
        ensure!(found.is_finite() && expected.is_finite(), "a logit is not finite");
        (largest, difference) = (largest.max(expected.abs()), difference.max((found - expected).abs()));
    }
    println!("{} pixels: logits up to {largest:.3}, the largest difference {difference:.1e}", found.len());
    ensure!(difference <= NEAR * largest, "these are not the logits of these weights and this image");
    Ok(())
}
