//! Losses beside each other: the table, and the one that is committed.

use crate::folder::{Folder, program, read};
use predicates::prelude::*;
use scarce_host::compare::{BASELINE, DEFAULT, FOLDERS};
use scarce_host::losses::table;
use std::fs;
use std::path::Path;

/// The rows of the tables of a chapter, as cells.
fn rows<'a>(text: &'a str, chapter: &str) -> Vec<Vec<&'a str>> {
    let chapter = text.split("\n## ").find(|part| part.starts_with(chapter)).expect("the chapter is there");
    let rows = chapter.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| loss |"));
    rows.map(|row| row.trim_matches('|').split('|').map(str::trim).collect()).collect()
}

/// The titles of losses, in the order of the table of losses.
fn titles(names: &str) -> Vec<&'static str> {
    let wanted: Vec<&str> = names.split(',').collect();
    table::<2>().into_iter().filter(|choice| wanted.contains(&choice.name)).map(|choice| choice.title).collect()
}

fn sorted<'a>(titles: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let mut titles: Vec<&str> = titles.into_iter().collect();
    titles.sort_unstable();
    titles
}

fn mean(cell: &str) -> f64 {
    let cell = cell.trim_matches('*');
    cell.split_once(" ± ").map_or(cell, |(mean, _)| mean).parse().expect("a number")
}

/// Expects a row for each loss, the best first, and its difference to plain cross entropy.
#[track_caller]
fn is_ranked(rows: &[Vec<&str>], losses: &str, seeds: i32) {
    assert_eq!(sorted(rows.iter().map(|row| row[0])), sorted(titles(losses)));
    assert!(rows.windows(2).all(|pair| mean(pair[0][1]) >= mean(pair[1][1])), "{rows:?}");
    let baseline = rows.iter().find(|row| row[0] == titles(BASELINE)[0]).expect("the baseline");
    assert_eq!(baseline[3..], ["–"; 3]);
    for row in rows.iter().filter(|row| row[0] != baseline[0]) {
        assert!((mean(row[3]) - (mean(row[1]) - mean(baseline[1]))).abs() < 0.0016, "{row:?}");
        let p: f64 = row[5].parse().expect("a probability");
        assert!((2.0_f64.powi(1 - seeds)..=1.0).contains(&p), "{row:?}");
        if row[4] == format!("{seeds} of {seeds}") {
            assert!((p - 2.0_f64.powi(1 - seeds)).abs() < 1e-4, "{row:?}");
        }
    }
}

#[test]
fn losses_are_ranked_and_the_plain_one_is_always_among_them() {
    let folder = Folder::grey();
    let compare = |threads: &str| {
        let mut program = program();
        program.args(["compare", "--losses", "dice,ce+lovasz", "--steps", "4", "--seeds", "3", "--threads", threads]);
        let output = program.arg("--data").arg(folder.path("")).output().expect("it runs");
        String::from_utf8(output.stdout).expect("text")
    };
    let text = compare("1");
    is_ranked(&rows(&text, "data: class 1, 1.2 % of the training pixels"), "ce,dice,ce+lovasz", 3);
    assert!(text.contains("With 3 pairs it cannot fall below 0.2500"), "{text}");
    assert!(text.contains("sign-flip test"), "{text}");
    assert_eq!(text, compare("2"), "threads change a number");
}

#[test]
fn several_sets_are_tested_together() {
    let folder = Folder::grey();
    let mut program = program();
    program.args(["compare", "--losses", "dice", "--steps", "4", "--seeds", "2", "--data"]);
    let output = program.arg(folder.path("")).arg(folder.path("")).output().expect("it runs");
    let text = String::from_utf8(output.stdout).expect("text");
    let together = rows(&text, "All 2 sets together");
    let [row] = together.as_slice() else { panic!("{text}") };
    assert_eq!((row[0], row[1]), ("Dice", row[2]), "the same set twice: {text}");
    assert_eq!((mean(row[1]), row[4]), (mean(row[3]), row[5]), "one loss needs no correction: {text}");
}

#[test]
fn the_table_goes_to_a_file_that_can_be_written() {
    let folder = Folder::grey();
    let compare = |out: &Path, steps: &str| {
        let mut program = program();
        program.args(["compare", "--losses", "ce", "--steps", steps, "--seeds", "1", "--data"]);
        program.arg(folder.path("")).arg("--out").arg(out).assert()
    };
    let file = folder.out();
    compare(&file, "1").success().stdout(predicate::str::contains(file.display().to_string()));
    let text = read(&file);
    assert!(text.contains("--losses ce --seeds 1 --steps 1 --out "), "{text}");

    // So many steps would take hours: it is refused before the first.
    let nowhere = folder.out().join("a file is no folder");
    let named = predicate::str::contains(nowhere.display().to_string());
    compare(&nowhere, "100000").code(2).stdout("").stderr(named);
    assert_eq!(read(&file), text);
}

#[test]
fn what_is_committed_has_all_losses_and_all_sets() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = read(&root.join("../tests/expected/compare.md"));
    let mut there: Vec<String> = fs::read_dir(root.join("data"))
        .expect("readable")
        .map(|entry| entry.expect("readable"))
        .filter(|entry| entry.path().join("train").is_dir())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    there.sort();
    assert_eq!(there, sorted(FOLDERS));
    for set in ["beans"].into_iter().chain(FOLDERS) {
        is_ranked(&rows(&text, &format!("{set}: ")), DEFAULT, 5);
    }

    let others: Vec<&str> = titles(DEFAULT).into_iter().filter(|title| *title != titles(BASELINE)[0]).collect();
    let together = rows(&text, &format!("All {} sets together", FOLDERS.len() + 1));
    assert_eq!(sorted(together.iter().map(|row| row[0])), sorted(others));
    assert!(together.iter().all(|row| row.len() == FOLDERS.len() + 5), "{together:?}");

    let sweep = rows(&text, "By imbalance");
    assert_eq!(sweep.iter().map(|row| row[0]).collect::<Vec<_>>(), titles(DEFAULT));
    for column in 1..sweep[0].len() {
        let highest = sweep.iter().map(|row| mean(row[column])).fold(0.0, f64::max);
        let bold: Vec<_> = sweep.iter().filter(|row| row[column].starts_with("**")).collect();
        assert_eq!(bold.len(), 1, "column {column}");
        assert_eq!(mean(bold[0][column]), highest);
    }
    // The built-in beans are one of the degrees.
    for row in rows(&text, "beans: ") {
        assert!(sweep.iter().any(|of_sweep| of_sweep[0] == row[0] && of_sweep[3].trim_matches('*') == row[1]));
    }
}

#[test]
fn help_of_compare_explains_everything() {
    let words = [
        "--data",
        "--imbalance",
        "--all",
        "--losses",
        "--seeds",
        "--steps",
        "--out",
        "--threads",
        "sign-flip",
        "0.0625",
        "ce+lovasz",
        "focal+dice",
    ];
    let help = program().args(["compare", "--help"]).output().expect("it runs");
    let help = String::from_utf8(help.stdout).expect("text");
    for word in words {
        assert!(help.contains(word), "{word} is missing: {help}");
    }
}
