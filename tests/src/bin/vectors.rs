//! `vectors DIR`: runs the library where published implementations were run, and compares values and gradients.
//!
//! Exit status 1 if a comparison failed, a file could not be read, or nothing was compared.

use scarce_tests::vectors::{files, run_file};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let (Some(directory), None) = (arguments.next(), arguments.next()) else {
        eprintln!("usage: vectors DIR");
        return ExitCode::from(2);
    };
    let files = match files(Path::new(&directory)) {
        Ok(files) => files,
        Err(error) => {
            eprintln!("{error:#}");
            return ExitCode::FAILURE;
        }
    };
    let mut reasons = BTreeMap::<String, usize>::new();
    let (mut passed, mut failed) = (0, 0);
    for report in files.iter().map(|file| run_file(file)) {
        println!("{report}");
        for failure in &report.failures {
            eprintln!("{}: {failure}", report.name);
        }
        passed += report.passed;
        failed += report.failures.len();
        for (reason, count) in report.reasons {
            *reasons.entry(reason).or_default() += count;
        }
    }
    for (reason, count) in reasons {
        println!("not_offered={count}: {reason}");
    }
    println!("{passed} passed, {failed} failed");
    if failed > 0 || passed == 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
