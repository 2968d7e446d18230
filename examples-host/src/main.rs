//! `cargo run --release`: see `--help`.

use clap::Parser;
use scarce_host::cli::Arguments;
use std::process::ExitCode;

fn main() -> ExitCode {
    match scarce_host::run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}
