//! Writes the macros that choose a number of classes, or of dimensions, at run time: among those that the environment
//! variables `SCARCE_CLASSES` and `SCARCE_DIMENSIONS` list, and no others, so that no others take flash.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::{env, fs, io};

/// Labels are bytes.
const MOST_CLASSES: usize = 256;
const MOST_DIMENSIONS: usize = 1024;

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(planted_panic)"); // examples-mcu/c/run plants it
    let (Some(classes), Some(dimensions)) =
        (listed("SCARCE_CLASSES", "1 2 3 4", MOST_CLASSES), listed("SCARCE_DIMENSIONS", "8 16", MOST_DIMENSIONS))
    else {
        return Ok(());
    };
    let mut text = String::new();
    let from_two = classes.iter().copied().filter(|&number| number > 1).collect();
    for (name, numbers) in
        [("for_classes", &classes), ("for_softmax_classes", &from_two), ("for_dimensions", &dimensions)]
    {
        write_macro(&mut text, name, numbers);
    }
    let output = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    fs::write(output.join("choices.rs"), text)
}

/// The numbers in an environment variable, or else the usual ones; tells Cargo of a word that is none.
fn listed(variable: &str, usual: &str, most: usize) -> Option<BTreeSet<usize>> {
    println!("cargo::rerun-if-env-changed={variable}");
    let text = env::var(variable).unwrap_or_else(|_| usual.to_owned());
    let number = |word: &str| word.parse().ok().filter(|number| (1..=most).contains(number));
    let numbers: Option<BTreeSet<usize>> = text.split_whitespace().map(number).collect();
    let numbers = numbers.filter(|numbers| !numbers.is_empty());
    if numbers.is_none() {
        println!("cargo::error={variable} lists numbers from 1 to {most}, such as `{usual}`, not `{text}`");
    }
    numbers
}

/// `name!(number, N => expression)`: the expression with the constant `N`, `Err(Failure::NotBuilt)` for a number not listed.
fn write_macro(text: &mut String, name: &str, numbers: &BTreeSet<usize>) {
    let mut arms = String::new();
    if numbers.is_empty() {
        // The expression is compiled all the same, so that nothing in it counts as unused.
        arms.push_str("            2 if false => { const $constant: usize = 2; $run }\n");
    }
    for number in numbers {
        let _ = writeln!(arms, "            {number} => {{ const $constant: usize = {number}; $run }}");
    }
    let _ = write!(
        text,
        "macro_rules! {name} {{
    ($number:expr, $constant:ident => $run:expr) => {{
        match $number {{
{arms}            number => Err(crate::status::Failure::NotBuilt(number)),
        }}
    }};
}}
"
    );
}
