//! What is written of bad input is what becomes of it.

#[test]
fn the_table_is_current() {
    let table = scarce_tests::bad_input::table();
    assert!(
        table == include_str!("../expected/bad_input.md"),
        "if it should be otherwise: cargo run -p scarce-tests --bin bad_input > tests/expected/bad_input.md\n{table}"
    );
}

/// An error that no row has would be one that nobody has seen.
#[test]
fn every_error_is_in_the_table() {
    let table = include_str!("../expected/bad_input.md");
    let source = include_str!("../../core/src/error.rs");
    let start = source.find("pub enum Error {").expect("the errors are there");
    let body = &source[start..start + source[start..].find("\n}").expect("an end")];
    let variants = body.lines().filter_map(|line| line.strip_prefix("    ")).filter(|line| {
        line.starts_with(char::is_uppercase) && !line.starts_with("TooManyPixels") // takes 2³² pixels
    });
    let names: Vec<&str> = variants.map(|line| line.split([' ', '(', ',']).next().unwrap_or_default()).collect();
    assert!(names.len() >= 10, "{names:?}");
    let missing: Vec<_> = names.iter().filter(|name| !table.contains(&format!("Error::{name}`"))).collect();
    assert!(missing.is_empty(), "no row has {missing:?}");
}

/// Nor a parameter.
#[test]
fn every_parameter_is_in_the_table() {
    let table = include_str!("../expected/bad_input.md");
    let source = include_str!("../../core/src/error.rs");
    let start = source.find("fmt::Display for Parameter").expect("the parameters are there");
    let lines = source[start..].lines().take_while(|line| *line != "}");
    let names: Vec<&str> =
        lines.filter(|line| line.contains(" => ")).filter_map(|line| line.split('"').nth(1)).collect();
    assert!(names.len() >= 16, "{names:?}");
    let missing: Vec<_> =
        names.iter().filter(|name| !table.contains(&format!("`Error::Parameter`: {name} |"))).collect();
    assert!(missing.is_empty(), "no row has {missing:?}");
}
