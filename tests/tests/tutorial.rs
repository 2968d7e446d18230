//! The tutorial is one program: what a step shows is what later steps run, in lines that the page hides.

use std::fs;
use std::path::Path;

/// The code of one step: what the page shows of it, and what it hides before that.
struct Step {
    visible: String,
    before: String,
}

fn steps() -> Vec<Step> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../core/src/tutorial.rs");
    let page = fs::read_to_string(path).expect("the tutorial is there");
    let lines: Vec<_> = page.lines().filter_map(|line| line.strip_prefix("//!")).collect();
    let blocks = lines.split(|line| line.trim_start().starts_with("```"));
    // Text and code take turns.
    let code = blocks.skip(1).step_by(2).filter(|block| block.iter().any(|line| line.contains("const ")));
    let step = |block: &[&str]| {
        let (mut visible, mut before) = (String::new(), String::new());
        for line in block.iter().map(|line| line.strip_prefix(' ').unwrap_or(line)) {
            match line.strip_prefix('#') {
                // Hidden after the first line that is shown are checks.
                Some(line) if visible.is_empty() => before += &format!("{}\n", line.strip_prefix(' ').unwrap_or(line)),
                Some(_) => {}
                None => visible += &format!("{line}\n"),
            }
        }
        Step { visible, before }
    };
    code.map(step).collect()
}

#[test]
fn later_steps_run_what_earlier_ones_show() {
    let steps = steps();
    assert!(steps.len() >= 6, "{} steps", steps.len());
    let mut repeated = vec![0; steps.len()];
    for (number, step) in steps.iter().enumerate() {
        let earlier = &steps[..number];
        for line in step.before.lines().filter(|line| !line.is_empty()) {
            let is_shown = earlier.iter().any(|earlier| earlier.visible.lines().any(|shown| shown == line));
            assert!(is_shown, "step {} hides what no step before it shows: {line}", number + 1);
        }
        for (shown, repeated) in earlier.iter().zip(&mut repeated) {
            *repeated += usize::from(step.before.contains(&shown.visible));
        }
    }
    let (_, earlier) = repeated.split_last().expect("there are steps");
    assert!(earlier.iter().all(|&times| times > 0), "the last step hides another version of one: {repeated:?}");
}
