//! What is linked with the library: `libm` alone, and with each feature the crate of its name and what that needs.

use std::process::Command;

/// Names of the crates that are linked into a program with these features, the library's own left out.
fn linked(features: &str) -> Vec<String> {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--locked", "--package", "scarce", "--edges", "normal,no-proc-macro", "--prefix", "none"])
        .args(["--format", "{lib}", "--target", "all", "--features", features])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let tree = String::from_utf8(output.stdout).expect("names are text");
    let mut names: Vec<String> = tree.lines().map(|line| line.trim_end_matches(" (*)").into()).collect();
    names.sort();
    names.dedup();
    assert!(names.iter().any(|name| name == "scarce"), "{names:?}");
    names.retain(|name| name != "scarce");
    names
}

#[test]
fn by_default_it_is_libm_alone() {
    assert_eq!(linked(""), ["libm"]);
}

#[test]
fn a_feature_adds_the_crate_of_its_name_and_what_that_needs() {
    assert_eq!(linked("micromath"), ["libm", "micromath"]);
    assert_eq!(linked("rand_core"), ["libm", "rand_core"]);
    assert_eq!(linked("defmt"), ["bitflags", "defmt", "libm"]);
}
