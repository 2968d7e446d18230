//! The runner as its user meets it.

use std::process::{Command, Output};

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_scarce-mcu-runner")).args(arguments).output().expect("it was built for this test")
}

fn complaint(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_firmware_that_is_not_there_is_named() {
    let output = run(&["nowhere.elf"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(complaint(&output).contains("nowhere.elf"), "{}", complaint(&output));
}

#[test]
fn what_is_no_firmware_is_named() {
    let output = run(&[concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")]);
    assert_eq!(output.status.code(), Some(1));
    assert!(complaint(&output).contains("Cargo.toml"), "{}", complaint(&output));
}

#[test]
fn a_line_is_spoilt_only_if_there_is_one() {
    let output = run(&["firmware.elf", "--spoil", "1000"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(complaint(&output).contains("--data"), "{}", complaint(&output));
}
