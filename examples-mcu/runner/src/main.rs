//! Cargo's runner for bare metal: starts the firmware in QEMU, prints its log, and exits as it does.
//!
//! A firmware with on-target tests is run once a test. What does not end by itself with code 0 is a failure: a time-out, a
//! locked-up processor, a panic.

mod arguments;
mod faults;
mod on_target;
mod power_cuts;
mod qemu;

use anyhow::{Context, Result};
use arguments::Arguments;
use clap::Parser;
use qemu::Firmware;
use std::process::ExitCode;

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<ExitCode> {
    let firmware = Firmware::load(&arguments.firmware)?;
    let tests = on_target::tests(&firmware)?;
    if !tests.is_empty() {
        return Ok(on_target::run(firmware, tests, arguments));
    }
    let options = arguments.options(&firmware)?;
    if arguments.power_cuts > 0 {
        power_cuts::run(&firmware, &options, arguments.power_cuts)?;
    }
    let code = firmware.run(&options, &[], |line| println!("{line}"))?;
    Ok(ExitCode::from(u8::try_from(code).context("QEMU's exit code")?))
}
