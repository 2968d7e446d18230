//! What the losses cost, by themselves: `cost list`, `cost instructions` (under callgrind) or `cost growth`.

use anyhow::{Result, bail};
use cpu_time::ThreadTime;
use scarce_peers::{Cell, DIMENSIONS, Job, LOSSES, Layout, Loss, MATHS, Pattern};
use std::hint::black_box;

fn main() -> Result<()> {
    match std::env::args().nth(1).as_deref() {
        Some("list") => list(),
        Some("instructions") => instructions()?,
        Some("growth") => growth()?,
        _ => bail!("cost list|instructions|growth"),
    }
    Ok(())
}

/// The cells of [`instructions`], and their shapes.
fn cells() -> impl Iterator<Item = (Cell, usize)> {
    let all = Cell::all(16_384, 256);
    (0..MATHS.len()).flat_map(move |math| all.clone().into_iter().map(move |cell| (cell, math)))
}

/// Name, elementary functions and number of elements of each cell, in the order in which they are run.
fn list() {
    for (cell, math) in cells() {
        let elements = cell.pixels * if cell.loss == Loss::Contrast { cell.pixels * DIMENSIONS } else { cell.classes };
        println!("{}\t{}\t{elements}", cell.name(), MATHS[math]);
    }
}

fn instructions() -> Result<()> {
    for (cell, math) in cells() {
        let mut job = Job::new(cell, Pattern::Random, math);
        job.run()?; // allocates
        peers_measured(&mut job);
    }
    Ok(())
}

/// Callgrind counts from entry to return, by this name.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn peers_measured(job: &mut Job) {
    black_box(job.run()).ok();
}

fn growth() -> Result<()> {
    for (math, functions) in MATHS.iter().enumerate() {
        println!("## {functions}: nanoseconds a pixel and class by the number of pixels\n");
        let sizes = [10, 12, 14, 16, 18, 20].map(|power| 1_usize << power);
        heading(&sizes.map(|size| size.to_string()));
        for (name, loss) in of_scores() {
            row(name, sizes.map(|pixels| both_layouts(loss, pixels, Pattern::Random, math)))?;
        }

        println!("\n## {functions}: nanoseconds a pixel and class by the errors, 65536 pixels\n");
        heading(&Pattern::ALL.map(|(name, _)| name.to_owned()));
        for (name, loss) in of_scores() {
            row(name, Pattern::ALL.map(|(_, pattern)| both_layouts(loss, 65_536, pattern, math)))?;
        }

        println!("\n## {functions}: nanoseconds a pair of anchors by the number of anchors, {DIMENSIONS} dimensions\n");
        let sizes = [64, 128, 256, 512, 1024];
        heading(&sizes.map(|size| size.to_string()));
        let of_pair = |anchors| Ok(time(Cell::contrast(anchors), Pattern::Random, math)? / (anchors * anchors) as f64);
        row("contrast", sizes.map(|anchors| [of_pair(anchors)]))?;
        println!();
    }
    Ok(())
}

/// The losses of scores.
fn of_scores() -> impl Iterator<Item = (&'static str, Loss)> {
    LOSSES.into_iter().filter(|&(_, loss)| loss != Loss::Contrast)
}

/// Nanoseconds a pixel and class, of 4.
fn both_layouts(loss: Loss, pixels: usize, pattern: Pattern, math: usize) -> [Result<f64>; 2] {
    [Layout::PixelMajor, Layout::ClassMajor].map(|layout| {
        let cell = Cell { loss, layout, classes: 4, pixels };
        Ok(time(cell, pattern, math)? / (4 * pixels) as f64)
    })
}

fn heading(columns: &[String]) {
    println!("| loss | {} |", columns.join(" | "));
    println!("|---|{}", "--:|".repeat(columns.len()));
}

fn row<const N: usize, const M: usize>(name: &str, columns: [[Result<f64>; M]; N]) -> Result<()> {
    print!("| {name} |");
    for column in columns {
        let column = column.into_iter().map(|time| Ok(format!("{:.2}", time?))).collect::<Result<Vec<_>>>()?;
        print!(" {} |", column.join(" / "));
    }
    println!();
    Ok(())
}

/// Nanoseconds a call: the median of seven measurements.
fn time(cell: Cell, pattern: Pattern, math: usize) -> Result<f64> {
    let mut job = Job::new(cell, pattern, math);
    job.run()?;
    let once = measure(&mut job, 1)?;
    let calls = (1e6 / once).ceil().max(1.0) as u32;
    let mut times = (0..7).map(|_| measure(&mut job, calls)).collect::<Result<Vec<_>>>()?;
    times.sort_by(f64::total_cmp);
    Ok(times[times.len() / 2])
}

/// Nanoseconds a call.
fn measure(job: &mut Job, calls: u32) -> Result<f64> {
    let start = ThreadTime::now();
    for _ in 0..calls {
        black_box(job.run()?);
    }
    Ok(start.elapsed().as_secs_f64() * 1e9 / f64::from(calls))
}
