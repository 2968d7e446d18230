//! Power cuts at many moments of what a firmware does.

use crate::qemu::{Firmware, Options};
use anyhow::{Context, Result, ensure};
use std::time::{Duration, Instant};

/// Runs the firmware so many times, and each time cuts its power at another moment. What is stored outlasts the cuts; a
/// boot that finds it spoilt is an error.
pub(crate) fn run(firmware: &Firmware, options: &Options, cuts: u32) -> Result<()> {
    let start = Instant::now();
    let boot = |power_cut: Option<Duration>| -> Result<Vec<String>> {
        let mut log = Vec::new();
        let code = firmware.run(&Options { power_cut, ..options.clone() }, &[], |line| log.push(line))?;
        ensure!(code == 0, "exit code {code} after:\n{}", log.join("\n"));
        Ok(log)
    };
    let number = |line: &String, what| line.split_once(what).and_then(|(_, number)| number.trim().parse().ok());
    let saved = |log: &[String]| log.iter().filter_map(|line| number(line, "saved ")).next_back();
    let uncut = boot(None).context("without a power cut")?;
    let mut last_saved: u32 = saved(&uncut).context("nothing was saved")?;
    let whole = start.elapsed();

    let mut cut_while_saving = 0;
    for cut in 0..cuts {
        // Steps of the golden ratio: the moments lie apart from each other, however many they are.
        let share = (f64::from(cut) * 0.618_033_988_749_895).fract();
        let log = boot(Some(whole.mul_f64(share))).with_context(|| format!("power cut {cut}"))?;
        let Some(booted) = log.iter().find_map(|line| number(line, "boot ")) else { continue };
        ensure!(booted >= last_saved, "power cut {cut}: generation {booted} after {last_saved} was saved");
        last_saved = saved(&log).unwrap_or(booted);
        cut_while_saving += u32::from(log.len() < uncut.len());
    }
    println!("{cuts} power cuts, {cut_while_saving} of them between two saves; generation {last_saved} is whole");
    ensure!(cut_while_saving * 4 > cuts, "too few of the cuts fell into what the firmware saves");
    Ok(())
}
