//! The firmware whose linking proves that no panic is reachable calls every public function.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Names of the functions that a user can call: public ones, and those of public traits, hidden ones left out.
fn public_functions(source: &str) -> BTreeSet<String> {
    let (mut names, mut in_trait, mut hidden) = (BTreeSet::new(), false, false);
    for line in source.lines() {
        let text = line.trim_start();
        if text.starts_with("///") || text.starts_with("//") || text.is_empty() {
            continue;
        }
        if text.starts_with("#[") {
            hidden |= text.contains("doc(hidden)");
            continue;
        }
        if line.starts_with("pub trait ") {
            in_trait = !hidden;
        } else if line == "}" {
            in_trait = false;
        }
        let signature = text.strip_prefix("pub ").or(in_trait.then_some(text));
        let signature = signature.map(|text| text.strip_prefix("const ").unwrap_or(text));
        if let Some(name) = signature.and_then(|text| text.strip_prefix("fn ")).filter(|_| !hidden) {
            names.insert(name.chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect());
        }
        hidden = false;
    }
    names
}

fn read_all(folder: &Path, text: &mut String) {
    for entry in fs::read_dir(folder).expect("a folder of the repository") {
        let path = entry.expect("a folder can be read").path();
        if path.is_dir() {
            read_all(&path, text);
        } else {
            text.push_str(&fs::read_to_string(path).expect("source is text"));
        }
    }
}

/// Code without comments, and without what strings hold.
fn code(source: &str) -> String {
    let lines = source.lines().map(|line| line.split("//").next().unwrap_or_default());
    lines.flat_map(|line| line.split('"').step_by(2)).collect::<Vec<_>>().join(" ")
}

/// The functions that are called nowhere.
fn missing(functions: &BTreeSet<String>, proof: &str) -> Vec<String> {
    let code = code(proof);
    let is_called = |name: &&String| {
        code.match_indices(name.as_str()).any(|(place, _)| {
            let is_whole = !code[..place].ends_with(|letter: char| letter.is_alphanumeric() || letter == '_');
            let rest = &code[place + name.len()..];
            is_whole && (rest.starts_with('(') || rest.starts_with("::<")) && !code[..place].ends_with("fn ")
        })
    };
    functions.iter().filter(|name| !is_called(name)).cloned().collect()
}

#[test]
fn every_public_function_is_linked() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut source = String::new();
    read_all(&root.join("core/src"), &mut source);
    let mut functions = public_functions(&source);
    // What losses call of elementary functions and of a loss per pixel.
    for hook in
        ["exp", "ln", "ln_1p", "sqrt", "check_parameters", "weight", "reduction", "confidence", "pixel", "pixel_grad"]
    {
        assert!(functions.remove(hook), "{hook} is no function any more");
    }
    assert!(functions.len() > 100, "only {functions:?} found: did the sources move?");
    let proof = fs::read_to_string(root.join("examples-mcu/src/bin/link_proof.rs")).expect("the proof's source");
    assert_eq!(missing(&functions, &proof), [""; 0], "add them to examples-mcu/src/bin/link_proof.rs");
}

#[test]
fn a_new_function_would_be_noticed() {
    let source = "
impl Loss {
    /// New.
    #[must_use]
    pub const fn with_new_option(self) -> Self {}
    pub(crate) fn inner() {}
    #[doc(hidden)]
    pub fn hidden() {}
    fn private() {}
}
pub trait Visible {
    fn of_trait(&self);
    #[doc(hidden)]
    fn hidden_of_trait(&self);
}
fn after() {}";
    let functions = public_functions(source);
    assert_eq!(functions.iter().collect::<Vec<_>>(), ["of_trait", "with_new_option"]);
    let calls = "loss.with_new_option_too().of_trait() // with_new_option()
        \"with_new_option()\"; fn with_new_option() {} let with_new_option = 1;";
    assert_eq!(missing(&functions, calls), ["with_new_option"]);
}
