//! The self-check on the host.

use scarce_mcu::selfcheck::{self, Line};
use std::collections::HashSet;

#[test]
fn every_loss_answers_and_none_twice_the_same() {
    let mut lines: Vec<Line> = Vec::new();
    assert_eq!(selfcheck::run(|line| lines.push(line)), Ok(()));
    assert!(lines.len() > 70, "{}", lines.len());
    let names: HashSet<_> = lines.iter().map(|line| (line.name, line.functions)).collect();
    assert_eq!(names.len(), lines.len());
    // Both sorts must give one result; any other loss has its own.
    let by_heap = |line: &&Line| line.name.ends_with("Lovász by heap");
    let radix = |line: &Line| lines.iter().find(|other| other.name == "Lovász" && other.functions == line.functions);
    assert!(lines.iter().filter(by_heap).all(|line| radix(line).is_some_and(|other| other.hash == line.hash)));
    let others: Vec<_> = lines.iter().filter(|line| !by_heap(line)).collect();
    for (index, line) in others.iter().enumerate() {
        let twin = others[..index].iter().find(|other| other.hash == line.hash && other.name != line.name);
        assert_eq!(twin, None, "{line:?}");
    }
    assert!(lines.iter().all(|line| f32::from_bits(line.value).is_finite()));
}
