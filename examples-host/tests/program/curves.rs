//! The pictures that explain the losses.

use crate::folder::{Folder, program, read};
use assert_cmd::Command;
use predicates::prelude::*;
use scarce::{Batch, Classes, Focal, Labels, Loss, Lovasz, Overlap};
use std::fs;
use std::path::Path;

const PICTURES: [&str; 13] = [
    "ce+contrast-features.png",
    "ce-features.png",
    "dice-gradient-logit.png",
    "dice-gradient.png",
    "focal-gradient.png",
    "focal.png",
    "imbalance-prior-share.png",
    "imbalance-prior.png",
    "imbalance-untrained-share.png",
    "imbalance-untrained.png",
    "lovasz.png",
    "ohem.png",
    "predictions.png",
];

fn curves(folder: &Folder, steps: &str, out: &Path) -> Command {
    let mut program = program();
    program.args(["curves", "--steps", steps, "--data"]).arg(folder.path("")).arg("--out").arg(out);
    program
}

/// The value of a point of `curves.csv`.
fn value(csv: &str, picture: &str, series: &str, x: f32, y: Option<f32>) -> f32 {
    let numbers = |row: &csv::StringRecord| -> Option<[f32; 2]> { Some([row[2].parse().ok()?, row[4].parse().ok()?]) };
    let mut rows = csv::Reader::from_reader(csv.as_bytes());
    let mut rows = rows.records().map(|row| row.expect("CSV"));
    let row = rows.find(|row| {
        let at_y = row[3].parse().ok() == y;
        &row[0] == picture && &row[1] == series && at_y && numbers(row).is_some_and(|[at, _]| (at - x).abs() < 1e-6)
    });
    let row = row.unwrap_or_else(|| panic!("{picture}, {series}, {x}, {y:?} is missing"));
    numbers(&row).expect("numbers")[1]
}

#[test]
fn page_has_every_picture_and_the_numbers_are_those_of_the_library() {
    let folder = Folder::grey();
    curves(&folder, "2", &folder.out()).assert().success().stdout(predicate::str::contains("curves.html"));
    let mut files: Vec<_> = fs::read_dir(folder.out())
        .expect("readable")
        .map(|entry| entry.expect("readable").file_name().to_string_lossy().into_owned())
        .filter(|name| name.ends_with(".png"))
        .collect();
    files.sort();
    assert_eq!(files, PICTURES);
    for name in PICTURES {
        image::open(folder.out().join(name)).expect("a picture");
    }
    let page = read(&folder.out().join("curves.html"));
    assert_eq!(page.matches("src=\"data:image/png;base64,").count(), PICTURES.len());
    assert_eq!(page.matches("<img ").count(), PICTURES.len());
    assert!(page.contains("name=\"viewport\""));
    for word in ["http", "//", "@import", "url("] {
        let outside = page.split("base64,").map(|part| part.split_once('"').map_or(part, |(_, after)| after));
        assert!(outside.into_iter().all(|part| !part.contains(word)), "the page needs a network: {word}");
    }

    let csv = read(&folder.out().join("curves.csv"));
    let half = Batch::new(&[[0.0, 0.0]], Labels::new(&[1])).expect("valid");
    for gamma in [0.5, 1.0, 2.0, 5.0] {
        let mut grad = [[0.0; 2]];
        let loss = Focal::new(gamma).value_and_grad(&half, &mut grad, &mut []).expect("valid");
        let series = format!("γ = {gamma}");
        assert_eq!(value(&csv, "focal.png", &series, 0.5, None), loss);
        assert_eq!(value(&csv, "focal-gradient.png", &series, 0.5, None), -grad[0][1]);
    }
    // ½² ln 2, and ln 2.
    assert!((value(&csv, "focal.png", "γ = 2", 0.5, None) - 0.173_286_8).abs() < 1e-6);
    assert!((value(&csv, "focal.png", "γ = 0: cross entropy", 0.5, None) - std::f32::consts::LN_2).abs() < 1e-6);

    for (target, smoothing, expected) in [(1, 0.0, -8.0 / 9.0), (1, 1.0, -0.48), (0, 0.0, 0.0), (0, 1.0, 4.0 / 9.0)] {
        let dice = Overlap::<1>::dice().with_smoothing(smoothing, smoothing);
        let (label, mut grad) = ([target], [[0.0]]);
        let batch = Batch::new(&[[0.5]], Labels::new(&label)).expect("valid");
        dice.on_probabilities().value_and_grad(&batch, &mut grad, &mut []).expect("valid");
        let drawn = value(&csv, "dice-gradient.png", &format!("target {target}, smoothing {smoothing}"), 0.5, None);
        assert_eq!(drawn, grad[0][0]);
        assert!((drawn - expected).abs() < 1e-6, "{drawn} instead of {expected}");
        let of_logit =
            value(&csv, "dice-gradient-logit.png", &format!("target {target}, smoothing {smoothing}"), 0.5, None);
        assert!((of_logit - drawn / 4.0).abs() < 1e-6, "{of_logit}: the slope of a sigmoid at 0 is ¼");
    }

    let lovasz = |series, x, y| value(&csv, "lovasz.png", series, x, Some(y));
    // 1 − IoU at the corners.
    for (series, corners) in [
        ("both of the class", [0.0, 0.5, 0.5, 1.0]),
        ("pixel 1 of the class", [0.0, 1.0, 0.5, 1.0]),
        ("none of the class", [0.0, 1.0, 1.0, 1.0]),
    ] {
        let drawn = [(0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0)].map(|(x, y)| lovasz(series, x, y));
        assert_eq!(drawn, corners, "{series}");
    }
    let batch = Batch::new(&[[0.5], [0.8]], Labels::new(&[1, 0])).expect("valid");
    let loss = Lovasz::<1>::new().with_classes(Classes::All).on_probabilities();
    let between = loss.value(&batch, &mut [0; 1024]).expect("valid");
    assert!((lovasz("pixel 1 of the class", 0.5, 0.8) - between).abs() < 1e-6);

    // Half of the pixels: half of the gradient; all of it is at its reference.
    for series in ["CE", "weighted CE", "focal", "Dice", "Lovász"] {
        let share = value(&csv, "imbalance-untrained-share.png", series, 0.5, None);
        assert!((share - 0.5).abs() < 0.01, "{series}: {share}");
        assert!((value(&csv, "imbalance-untrained.png", series, 0.5, None) - 1.0).abs() < 1e-6);
    }
    // Plain cross entropy counts pixels; weighted, classes.
    assert!((value(&csv, "imbalance-untrained.png", "CE", 0.01, None) - 0.02).abs() < 0.002);
    assert!((value(&csv, "imbalance-untrained.png", "weighted CE", 0.01, None) - 1.0).abs() < 0.1);
}

#[test]
fn a_place_that_cannot_be_written_is_named_before_anything_is_drawn() {
    let folder = Folder::grey();
    let refuse = |out: &Path, words: &str| {
        let named = predicate::str::contains(out.display().to_string()).and(predicate::str::contains(words));
        curves(&folder, "100000", out).assert().code(2).stdout("").stderr(named);
    };
    refuse(&folder.out().join("no parent"), "a folder cannot be made");
    fs::write(folder.out(), "").expect("writable");
    refuse(&folder.out(), "there is something else");
    fs::remove_file(folder.out()).expect("it is there");
    fs::create_dir(folder.out()).expect("writable");
    for name in ["curves.html", "notes.txt"] {
        fs::write(folder.out().join(name), "").expect("writable");
    }
    refuse(&folder.out(), "notes.txt: is in a folder that would be replaced");
    #[cfg(unix)]
    {
        let link = folder.out().join("link");
        std::os::unix::fs::symlink(folder.out().join("nowhere"), &link).expect("writable");
        refuse(&link, "a link that leads nowhere");
    }
    assert_eq!(folder.siblings(), ["report"], "something was written");
}

#[test]
fn the_picture_of_the_readme_is_small_and_wide() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("predictions.png");
    assert!(fs::metadata(&file).expect("committed").len() < 150_000);
    let picture = image::open(file).expect("a picture");
    assert!(picture.width() >= 800, "{}", picture.width());
}

#[test]
fn help_of_curves_explains_everything() {
    let mut text = predicate::str::contains("curves.csv").boxed();
    for word in ["--data", "--steps", "--seed", "--out", "focal", "Dice", "Lovász", "OHEM", "contrast"] {
        text = text.and(predicate::str::contains(word)).boxed();
    }
    program().args(["curves", "--help"]).assert().success().stdout(text);
}
