//! Tests on the target: each in an emulator of its own.
//!
//! The `embedded-test` crate leaves a symbol a test, whose name is a JSON object, in the section `.embedded_test`, with the
//! address of its function; the firmware runs the test whose address it is given as an argument.

use crate::arguments::Arguments;
use crate::qemu::Firmware;
use anyhow::{Context, Result};
use libtest_mimic::Trial;
use object::{Object, ObjectSection, ObjectSymbol};
use serde::Deserialize;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

/// A test as the firmware describes it.
pub(crate) struct Test {
    description: Description,
    address: u32,
}

#[derive(Deserialize)]
struct Description {
    name: String,
    ignored: bool,
    should_panic: bool,
    timeout: Option<u64>,
}

/// The tests of a firmware, none of most.
pub(crate) fn tests(firmware: &Firmware) -> Result<Vec<Test>> {
    let file = object::File::parse(&*firmware.elf)?;
    let Some(section) = file.section_by_name(".embedded_test") else { return Ok(Vec::new()) };
    let data = section.data()?;
    let mut tests = Vec::new();
    for symbol in file.symbols().filter(|symbol| symbol.section_index() == Some(section.index())) {
        let Ok(description) = serde_json::from_str(symbol.name()?) else { continue };
        let place = usize::try_from(symbol.address() - section.address())?;
        let address = data.get(place..).and_then(|rest| rest.first_chunk()).context("a test without an address")?;
        tests.push(Test { description, address: u32::from_le_bytes(*address) });
    }
    tests.sort_by(|a, b| a.description.name.cmp(&b.description.name));
    Ok(tests)
}

/// The exit codes of a test that passes: 0; or those of a panic, where a fault or a QEMU that refuses to start is none.
const fn expected(description: &Description) -> &'static [i32] {
    if description.should_panic { &[101, 102] } else { &[0] }
}

/// Runs tests as `cargo test` does.
pub(crate) fn run(firmware: Firmware, tests: Vec<Test>, arguments: &Arguments) -> ExitCode {
    let firmware = Arc::new(firmware);
    let trials = tests.into_iter().map(|Test { description, address }| {
        let (firmware, arguments) = (Arc::clone(&firmware), arguments.clone());
        let ignored = description.ignored;
        Trial::test(description.name.clone(), move || {
            let mut log = String::new();
            let mut run = || -> Result<i32> {
                let mut options = arguments.options(&firmware)?;
                options.timeout = description.timeout.map_or(options.timeout, Duration::from_secs);
                firmware.run(&options, &["run_addr".into(), address.to_string()], |line| log += &format!("{line}\n"))
            };
            let result = run();
            match result {
                Err(error) => Err(format!("{log}{error:#}").into()),
                Ok(code) if expected(&description).contains(&code) => Ok(()),
                Ok(code) => Err(format!("{log}exit code {code}").into()),
            }
        })
        .with_ignored_flag(ignored)
    });
    let options = std::iter::once("runner".to_owned()).chain(arguments.tests.iter().cloned());
    libtest_mimic::run(&libtest_mimic::Arguments::from_iter(options), trials.collect()).exit_code()
}
