//! From a folder of images to a report.

use crate::folder::{Folder, program, read};
use predicates::prelude::*;
use std::fs;
use std::path::Path;

/// `results.csv` without its last column, the seconds.
fn scores(csv: &str) -> Vec<&str> {
    csv.lines().map(|line| line.rsplit_once(',').expect("several columns").0).collect()
}

#[test]
fn report_is_complete() {
    let folder = Folder::rgb();
    folder.write("meta.json", r#"{"classes": ["ground", "bright square"], "ignore": 255}"#);
    let mut program = program();
    program.args(["--losses", "ce+lovasz,ce", "--steps", "3", "--seeds", "2", "--seed", "5", "--data"]);
    program.arg(folder.path("")).arg("--out").arg(folder.out());
    let columns = predicate::str::contains("IoU bright square (rare)").and(predicate::str::contains("CE + Lovász"));
    program.assert().success().stdout(columns);

    let mut files: Vec<_> =
        fs::read_dir(folder.out()).expect("readable").map(|e| e.expect("readable").file_name()).collect();
    files.sort();
    let expected =
        ["ce+lovasz.png", "ce.png", "rare-iou.png", "report.html", "results.csv", "results.json", "training-loss.png"];
    assert_eq!(files, expected);
    assert_eq!(folder.siblings(), ["report"], "a temporary folder was left");

    let page = read(&folder.out().join("report.html"));
    assert_eq!(page.matches("src=\"data:image/png;base64,").count(), 4);
    assert!(!page.contains("http"), "the page needs a network");
    assert!(page.contains("Seeds 5, 6."));

    let csv = read(&folder.out().join("results.csv"));
    let head = "loss,seed,steps,pixel_accuracy,mean_iou,iou ground,iou bright square,rare_iou,rare_recall,rare_precision,\
         separation_before,separation_after";
    assert_eq!(scores(&csv)[0], head);
    let runs: Vec<_> = csv.lines().skip(1).map(|line| line.splitn(4, ',').take(3).collect::<Vec<_>>()).collect();
    assert_eq!(runs, [["ce", "5", "3"], ["ce", "6", "3"], ["ce+lovasz", "5", "3"], ["ce+lovasz", "6", "3"]]);

    let json: serde_json::Value =
        serde_json::from_str(&read(&folder.out().join("results.json"))).expect("results.json is JSON");
    assert_eq!(json["rare_class"], 1);
    assert_eq!(json["classes"][1]["name"], "bright square");
    assert_eq!(json["classes"][1]["test_pixels"], 128);
    assert_eq!(json["runs"].as_array().map(Vec::len), Some(4));
    assert_eq!(json["runs"][3]["curve"][2]["step"], 3);

    // Three panels of 72 pixels magnified four times, and two gaps; two images of 72 and 73 rows, and one gap.
    let picture = image::open(folder.out().join("ce.png")).expect("a picture");
    assert_eq!((picture.width(), picture.height()), (3 * 73 * 4 + 16, (72 + 73) * 4 + 8));
}

#[test]
fn the_weights_of_the_firmware_are_what_their_command_makes() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (folder, committed) = (Folder::grey(), root.join("../examples-mcu/weights/nuclei.bin"));
    let mut program = program();
    program.args(["export", "--data"]).arg(root.join("data/nuclei")).arg("--out").arg(folder.out());
    program.assert().success();
    assert!(
        fs::read(folder.out()).expect("written") == fs::read(committed).expect("committed"),
        "if they should be otherwise: cargo run --release -- export --data examples-host/data/nuclei --out \
         examples-mcu/weights/nuclei.bin"
    );
}

#[test]
fn auxiliary_losses_are_added_to_the_cross_entropy_of_the_same_crops() {
    let folder = Folder::grey();
    let mut program = program();
    program.args(["--losses", "ce,ce+se,ce+contrast", "--steps", "1", "--data"]).arg(folder.path(""));
    program.arg("--out").arg(folder.out()).assert().success();
    let json: serde_json::Value =
        serde_json::from_str(&read(&folder.out().join("results.json"))).expect("results.json is JSON");
    let first_loss = |run: usize| json["runs"][run]["curve"][0]["training_loss"].as_f64().expect("a number");
    let [encoding, contrast] = [1, 2].map(|run| first_loss(run) - first_loss(0));
    // 0.2 times the surprise at two answers; at most the logarithm of 128 negatives plus 1 / temperature.
    assert!((0.02..0.5).contains(&encoding), "{encoding}");
    assert!((0.2..15.0).contains(&contrast), "{contrast}");
    assert_eq!(json["runs"][0]["separation_before"], json["runs"][2]["separation_before"]);

    for name in ["ce-features.png", "ce+contrast-features.png"] {
        let picture = image::open(folder.out().join(name)).expect("a picture");
        assert_eq!((picture.width(), picture.height()), (1120, 610));
    }
    assert!(!folder.out().join("ce+se-features.png").exists());
}

#[test]
fn a_square_is_learnt() {
    let folder = Folder::grey();
    let mut program = program();
    program.args(["--losses", "ce+lovasz", "--steps", "60", "--data"]).arg(folder.path(""));
    program.arg("--out").arg(folder.out()).assert().success();
    let json: serde_json::Value =
        serde_json::from_str(&read(&folder.out().join("results.json"))).expect("results.json is JSON");
    let iou = json["runs"][0]["iou"][1].as_f64().expect("the square is there");
    assert!(iou > 0.9, "IoU {iou}");
}

#[test]
fn bins_are_compared_with_the_exact_loss() {
    let folder = Folder::grey();
    let mut program = program();
    program.args(["bins", "--steps", "2", "--seeds", "2", "--data"]).arg(folder.path("")).arg(folder.path(""));
    let output = program.assert().success();
    let text = String::from_utf8_lossy(&output.get_output().stdout);
    let cells = |row: &str| -> Vec<Vec<String>> {
        let rows = text.lines().filter(|line| line.starts_with(&format!("| {row} |")));
        rows.map(|row| row.split('|').map(|cell| cell.trim().to_owned()).collect()).collect()
    };
    assert_eq!(text.matches("IoU of class 1 on the test images, seeds 0, 1:").count(), 2, "{text}");
    for row in ["CE + Lovász", "CE + Lovász, 256 bins", "CE + Lovász, 64 bins", "CE + Lovász, 16 bins"] {
        assert_eq!(cells(row).len(), 2, "{row}: {text}");
        assert!(cells(row).iter().all(|row| row[2].split(" · ").count() == 2), "{row}: {text}");
    }
    // Of both folders, of the first step and the last: the fewer bins, the farther, but not far.
    let [of_256, of_64, of_16] = ["256", "64", "16"].map(|bins| cells(bins)[0].clone());
    assert_eq!(cells("256"), [of_256.clone(), of_256.clone()]);
    for column in [3, 5] {
        let [of_256, of_64, of_16] = [&of_256, &of_64, &of_16].map(|row| row[column].parse::<f64>().expect("a number"));
        assert!(0.0 < of_256 && of_256 < of_64 && of_64 < of_16 && of_16 < 100.0, "{text}");
    }
}

#[test]
fn threads_change_no_number() {
    let folder = Folder::grey();
    let run = |threads: &str, name: &str| {
        let out = folder.out().with_file_name(name);
        let mut program = program();
        program.args([
            "--steps",
            "3",
            "--seeds",
            "2",
            "--losses",
            "lovasz,ce+contrast",
            "--threads",
            threads,
            "--data",
        ]);
        program.arg(folder.path("")).arg("--out").arg(&out).assert().success();
        read(&out.join("results.csv"))
    };
    let (one, two, again) = (run("1", "one"), run("2", "two"), run("2", "again"));
    assert_eq!(scores(&one).len(), 5);
    assert_eq!(scores(&one), scores(&two));
    assert_eq!(scores(&two), scores(&again));
}

#[test]
fn seeds_change_numbers() {
    let folder = Folder::grey();
    folder.program().args(["--seeds", "2"]).assert().success();
    let csv = read(&folder.out().join("results.csv"));
    let of_seed = |row: usize| csv.lines().nth(row).and_then(|line| line.split(',').nth(3)).expect("a pixel accuracy");
    assert_ne!(of_seed(1), of_seed(2));
}

#[test]
fn an_earlier_report_is_replaced_only_by_a_new_one() {
    let folder = Folder::grey();
    folder.program().assert().success();
    let stale = folder.out().join("stale.png");
    fs::write(&stale, "").expect("writable");

    folder.remove("test/masks/c.png");
    folder.program().assert().code(2);
    assert!(stale.exists(), "a failed run has touched the earlier report");

    folder.save("test/masks/c.png", &crate::folder::mask_of_square(crate::folder::SIDE));
    folder.program().assert().success();
    assert!(!stale.exists());
    assert!(folder.out().join("report.html").exists());
    assert_eq!(folder.siblings(), ["report"]);
}

#[test]
fn help_explains_everything() {
    let mut text = predicate::str::contains("mung bean").boxed();
    for word in [
        "--data",
        "--losses",
        "--steps",
        "--seed ",
        "--seeds",
        "--out",
        "--threads",
        "ce+lovasz",
        "ce+lovasz64 ",
        "ohem",
        "ce+se",
        "ce+contrast",
        "meta.json",
    ] {
        text = text.and(predicate::str::contains(word)).boxed();
    }
    program().arg("--help").assert().success().stdout(text);
}
