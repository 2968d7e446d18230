//! The library against published implementations, and the command that does so against planted errors.

use scarce_tests::vectors::{files, run_file};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

/// So many percent of the results of each file are within the library's options.
const COVERED: [(&str, usize); 13] = [
    ("bce.json", 90),
    ("ce.json", 90),
    ("dice_binary.json", 90),
    ("dice_multiclass.json", 90),
    ("focal_binary.json", 90),
    ("focal_multiclass.json", 90),
    ("large.json", 95),
    ("lovasz_hinge.json", 90),
    ("lovasz_softmax.json", 90),
    ("ohem_ce.json", 95),
    ("pixel_contrast.json", 95),
    ("pixel_contrast_sampling.json", 95),
    ("semantic_encoding.json", 95),
];

fn vectors() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors")
}

#[test]
fn the_library_agrees_with_the_peers() {
    let reports: Vec<_> = files(&vectors()).expect("part of the package").iter().map(|file| run_file(file)).collect();
    for report in &reports {
        assert!(report.failures.is_empty(), "{report}\n{}", report.failures.join("\n"));
    }
    for (name, percent) in COVERED {
        let report = reports.iter().find(|report| report.name == name).expect("part of the package");
        assert!(report.compared * 100 >= report.usable() * percent, "{report}: {:?}", report.reasons);
    }
}

/// The command, on a directory of its own.
struct Directory(TempDir);

impl Directory {
    fn empty() -> Self {
        Self(TempDir::new().expect("a temporary directory"))
    }

    /// A copy of one file, changed.
    fn with(name: &str, change: impl FnOnce(&mut Value)) -> Self {
        let directory = Self::empty();
        let text = fs::read_to_string(vectors().join(name)).expect("part of the package");
        let mut value = serde_json::from_str(&text).expect("JSON");
        change(&mut value);
        directory.write(name, &value.to_string());
        directory
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.0.path().join(name), text).expect("a file in the temporary directory");
    }

    fn run(&self) -> Output {
        Command::new(env!("CARGO_BIN_EXE_vectors")).arg(self.0.path()).output().expect("the command starts")
    }

    #[track_caller]
    fn expect(&self, code: i32, last: &str) {
        let output = self.run();
        let text = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(code), "{text}{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(text.lines().last().unwrap_or_default(), last, "{text}");
    }
}

#[test]
fn a_directory_without_errors_passes() {
    Directory::with("bce.json", |_| {}).expect(0, "51 passed, 0 failed");
}

#[test]
fn a_wrong_value_fails() {
    let directory = Directory::with("bce.json", |file| {
        let value = &mut file[1]["results"][0]["value"];
        *value = (value.as_f64().expect("a number") * 1.000_01).into();
    });
    directory.expect(1, "50 passed, 1 failed");
}

#[test]
fn a_wrong_gradient_fails() {
    let directory = Directory::with("bce.json", |file| {
        let result = &mut file[1]["results"][0];
        let largest = result["grad_max_abs"].as_f64().expect("a number");
        // The smallest element, which a bound relative to the largest catches too.
        let grad = result["grad"].as_array_mut().expect("a list");
        let size = |element: &Value| element.as_f64().expect("a number").abs();
        let smallest = grad.iter_mut().min_by(|a, b| size(a).total_cmp(&size(b))).expect("an element");
        *smallest = (smallest.as_f64().expect("a number") + 1e-5 * largest).into();
    });
    directory.expect(1, "50 passed, 1 failed");
}

#[test]
fn a_wrong_sum_of_a_sampled_gradient_fails() {
    let directory = Directory::with("large.json", |file| {
        let sum = &mut file["results"][0]["grad_sum_per_class"][18];
        *sum = (sum.as_f64().expect("a number") + 1e-4).into();
    });
    directory.expect(1, "30 passed, 1 failed");
}

#[test]
fn a_gradient_at_an_ignored_pixel_is_not_compared_away() {
    // A peer whose gradient is 0 where the label is ignored agrees; labels that are ignored no more must not.
    let directory = Directory::with("bce.json", |file| {
        let case =
            file.as_array_mut().expect("cases").iter_mut().find(|case| case["id"] == "bce-v003").expect("a case");
        let labels = case["labels"].as_array_mut().expect("labels");
        *labels.iter_mut().find(|label| **label == 255).expect("an ignored label") = 0.into();
    });
    assert_eq!(directory.run().status.code(), Some(1));
}

#[test]
fn a_wrong_gradient_of_one_head_fails() {
    for head in ["grad_logits", "grad_aux_logits", "grad_se_logits"] {
        let directory = Directory::with("semantic_encoding.json", |file| {
            let element = &mut file[10]["results"][0][head][0];
            *element = (element.as_f64().expect("a number") + 1e-5).into();
        });
        directory.expect(1, "30 passed, 1 failed");
    }
}

#[test]
fn wrong_anchors_fail() {
    for (field, index) in [("sampled_pixel", 0), ("hard_kept", 1), ("anchor_labels", 2), ("anchor_image", 3)] {
        let directory = Directory::with("pixel_contrast_sampling.json", |file| {
            let number = &mut file[0]["results"][0][field][index];
            *number = (number.as_u64().expect("an index") + 1).into();
        });
        directory.expect(1, "15 passed, 1 failed");
    }
}

#[test]
fn a_wrong_gradient_of_sampled_embeddings_fails() {
    let directory = Directory::with("pixel_contrast_sampling.json", |file| {
        // The first embedding is no anchor of this case, and its gradient is 0.
        file[0]["results"][0]["grad"][0] = 1e-4.into();
    });
    directory.expect(1, "15 passed, 1 failed");
}

#[test]
fn generated_inputs_are_checked_against_their_probe() {
    let directory = Directory::with("large.json", |file| {
        file["inputs"]["binary"]["seed_logits"] = "1".into();
    });
    assert_eq!(directory.run().status.code(), Some(1));
}

#[test]
fn nothing_compared_fails() {
    let directory = Directory::empty();
    assert_eq!(directory.run().status.code(), Some(1), "an empty directory");
    directory.write("broken.json", "[{");
    assert_eq!(directory.run().status.code(), Some(1), "a file that is no JSON");
    let untrusted = Directory::with("bce.json", |file| {
        for case in file.as_array_mut().expect("cases") {
            for result in case["results"].as_array_mut().expect("results") {
                result["check"]["value_ok"] = false.into();
            }
        }
    });
    untrusted.expect(1, "0 passed, 0 failed");
}

#[test]
fn an_unknown_parameter_is_not_passed_over() {
    let directory = Directory::with("bce.json", |file| file[1]["results"][0]["params"]["gamma"] = 2.0.into());
    let output = directory.run();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("not_offered=1: parameter gamma = 2.0 is not understood"), "{text}");
}
