//! The self-check on the host.

use std::collections::HashSet;
use std::path::Path;
use std::process::Command;

/// What the self-check prints.
struct Line<'a> {
    name: &'a str,
    functions: &'a str,
    value: f32,
    hash: &'a str,
}

impl<'a> Line<'a> {
    /// Of `name; functions: value hash`, the numbers hexadecimal.
    fn parse(line: &'a str) -> Option<Self> {
        let (of, numbers) = line.rsplit_once(": ")?;
        let (name, functions) = of.rsplit_once("; ")?;
        let (value, hash) = numbers.split_once(' ')?;
        Some(Self { name, functions, value: f32::from_bits(u32::from_str_radix(value, 16).ok()?), hash })
    }
}

#[test]
fn every_loss_answers_as_on_every_machine_and_none_twice_the_same() {
    let output = Command::new(env!("CARGO_BIN_EXE_selfcheck")).output().expect("it was built for this test");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let printed = String::from_utf8(output.stdout).expect("names are text");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/expected/bits.txt");
    let committed = std::fs::read_to_string(path).expect("tests/expected/bits.txt is committed");
    let differs = printed.lines().zip(committed.lines()).find(|(printed, committed)| printed != committed);
    assert!(
        printed == committed,
        "{differs:?}. If the numerics were changed on purpose: cargo run --release -q -p scarce-mcu --bin selfcheck > \
         tests/expected/bits.txt, and a line in the changelog"
    );

    let lines: Vec<_> = printed.lines().map(|line| Line::parse(line).unwrap_or_else(|| panic!("{line}"))).collect();
    assert!(lines.len() > 70, "{}", lines.len());
    let names: HashSet<_> = lines.iter().map(|line| (line.name, line.functions)).collect();
    assert_eq!(names.len(), lines.len());
    // Both sorts must give one result, and some functions are others' too; any other line has its own.
    let by_heap = |line: &&Line<'_>| line.name.ends_with("Lovász by heap");
    let radix =
        |line: &Line<'_>| lines.iter().find(|other| other.name == "Lovász" && other.functions == line.functions);
    assert!(lines.iter().filter(by_heap).all(|line| radix(line).is_some_and(|other| other.hash == line.hash)));
    let is_function = |line: &Line<'_>| ["exp", "ln", "ln_1p", "sqrt"].contains(&line.name);
    let others: Vec<_> = lines.iter().filter(|line| !by_heap(line) && !is_function(line)).collect();
    for (index, line) in others.iter().enumerate() {
        let twin = others[..index].iter().find(|other| other.hash == line.hash && other.name != line.name);
        assert!(twin.is_none(), "{} and {}", line.name, twin.map_or("", |twin| twin.name));
    }
    assert!(lines.iter().all(|line| line.value.is_finite()));
}
