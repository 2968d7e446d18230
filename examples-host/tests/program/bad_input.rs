//! Whatever is wrong with the input: exit status 2, a line that names the culprit, and nothing written.

use crate::folder::{Folder, SIDE, grey_square, mask_of_square, program, rgb};
use image::{GrayImage, ImageBuffer, Luma, Rgba, RgbaImage};
use predicates::prelude::*;
use std::fs;

/// Breaks a good folder and expects the program to blame the file, in the given words.
#[track_caller]
fn refuses(break_it: impl FnOnce(&Folder), culprit: &str, words: &str) {
    let folder = Folder::grey();
    break_it(&folder);
    let culprit = folder.path(culprit).display().to_string();
    let one_line = predicate::function(|text: &str| text.lines().count() == 1 && text.ends_with('\n'));
    folder
        .program()
        .assert()
        .code(2)
        .stdout("")
        .stderr(predicate::str::contains(culprit.trim_end_matches('/')))
        .stderr(predicate::str::contains(words))
        .stderr(one_line);
    assert_eq!(folder.siblings(), [""; 0], "something was written");
}

#[test]
fn good_folder_is_accepted() {
    Folder::grey().program().assert().success();
}

#[test]
fn missing_folder() {
    refuses(|folder| fs::remove_dir_all(folder.path("")).expect("removable"), "", "no such folder");
}

#[test]
fn missing_split() {
    refuses(|folder| fs::remove_dir_all(folder.path("test")).expect("removable"), "test/images", "No such file");
}

#[test]
fn empty_split() {
    let empty = |folder: &Folder| {
        for name in ["test/images/c.png", "test/images/d.png", "test/masks/c.png", "test/masks/d.png"] {
            folder.remove(name);
        }
    };
    refuses(empty, "test/images", "no PNG file");
}

#[test]
fn image_without_mask() {
    refuses(|folder| folder.remove("train/masks/b.png"), "train/masks/b.png", "no mask");
}

#[test]
fn mask_without_image() {
    refuses(|folder| folder.remove("train/images/b.png"), "train/masks/b.png", "without an image");
}

#[test]
fn mask_of_another_size() {
    refuses(|folder| folder.save("test/masks/c.png", &mask_of_square(SIDE - 1)), "test/masks/c.png", "71×71");
}

#[test]
fn class_beyond_those_named() {
    let name = |folder: &Folder| {
        folder.write("meta.json", r#"{"classes": ["ground", "square"]}"#);
        folder.save("test/masks/d.png", &GrayImage::from_pixel(SIDE + 1, SIDE + 1, Luma([2])));
    };
    refuses(name, "test/masks/d.png", "class 2");
}

#[test]
fn more_classes_than_supported() {
    let ninth = GrayImage::from_pixel(SIDE, SIDE, Luma([8]));
    refuses(|folder| folder.save("train/masks/a.png", &ninth), "train/masks/a.png", "class 8");
}

#[test]
fn more_names_than_supported() {
    let names = r#"{"classes": ["0", "1", "2", "3", "4", "5", "6", "7", "8"]}"#;
    refuses(|folder| folder.write("meta.json", names), "meta.json", "9 classes");
}

#[test]
fn a_single_class() {
    refuses(|folder| folder.write("meta.json", r#"{"classes": ["ground"]}"#), "meta.json", "1 classes");
}

/// Makes all pixels of all masks but one class 0.
fn flatten(folder: &Folder, first: u8) {
    for (split, names) in [("train", ["a", "b"]), ("test", ["c", "d"])] {
        for (number, name) in (0..).zip(names) {
            let mut mask = GrayImage::new(SIDE + number, SIDE + number);
            mask.put_pixel(0, 0, Luma([first]));
            folder.save(&format!("{split}/masks/{name}.png"), &mask);
        }
    }
}

#[test]
fn nothing_but_class_0() {
    refuses(|folder| flatten(folder, 0), "", "class 0 only");
}

#[test]
fn a_class_that_is_255() {
    refuses(|folder| flatten(folder, 255), "", "255 is for pixels to ignore");
}

#[test]
fn names_that_are_no_json() {
    refuses(|folder| folder.write("meta.json", "classes: [ground, square]"), "meta.json", "line 1");
}

#[test]
fn everything_ignored() {
    let ignore = |folder: &Folder| {
        folder.save("test/masks/c.png", &GrayImage::from_pixel(SIDE, SIDE, Luma([255])));
        folder.save("test/masks/d.png", &GrayImage::from_pixel(SIDE + 1, SIDE + 1, Luma([255])));
    };
    refuses(ignore, "test/masks", "ignored");
}

#[test]
fn not_a_png() {
    refuses(|folder| folder.write("train/images/a.png", "GIF89a"), "train/images/a.png", "");
}

#[test]
fn truncated_png() {
    let truncate = |folder: &Folder| {
        let bytes = fs::read(folder.path("train/images/a.png")).expect("readable");
        folder.write("train/images/a.png", &bytes[..bytes.len() / 2]);
    };
    refuses(truncate, "train/images/a.png", "");
}

#[test]
fn damaged_png() {
    let damage = |folder: &Folder| {
        let mut bytes = fs::read(folder.path("test/masks/d.png")).expect("readable");
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0x55;
        folder.write("test/masks/d.png", bytes);
    };
    refuses(damage, "test/masks/d.png", "");
}

#[test]
fn sixteen_bits() {
    let deep = ImageBuffer::<Luma<u16>, _>::from_pixel(SIDE, SIDE, Luma([1]));
    let save = |folder: &Folder| deep.save(folder.path("train/images/a.png")).expect("writable");
    refuses(save, "train/images/a.png", "16 bits");
}

#[test]
fn transparency() {
    let clear = RgbaImage::from_pixel(SIDE, SIDE, Rgba([1, 2, 3, 4]));
    let save = |folder: &Folder| clear.save(folder.path("train/images/a.png")).expect("writable");
    refuses(save, "train/images/a.png", "Rgba");
}

/// Scaled to 8 bits, its ones would be 255 and silently ignored.
#[test]
fn one_bit_mask() {
    let save = |folder: &Folder| {
        let file = fs::File::create(folder.path("train/masks/a.png")).expect("writable");
        let mut encoder = png::Encoder::new(file, SIDE, SIDE);
        encoder.set_color(png::ColorType::Grayscale);
        encoder.set_depth(png::BitDepth::One);
        let mut writer = encoder.write_header().expect("writable");
        writer.write_image_data(&vec![0xff; (SIDE.div_ceil(8) * SIDE) as usize]).expect("writable");
    };
    refuses(save, "train/masks/a.png", "1 bits");
}

#[test]
fn coloured_mask() {
    let save = |folder: &Folder| rgb(SIDE).save(folder.path("test/masks/c.png")).expect("writable");
    refuses(save, "test/masks/c.png", "RGB");
}

#[test]
fn colour_among_grey() {
    let save = |folder: &Folder| rgb(SIDE).save(folder.path("test/images/c.png")).expect("writable");
    refuses(save, "test/images/c.png", "RGB");
}

#[test]
fn smaller_than_a_crop() {
    let shrink = |folder: &Folder| {
        folder.save("train/images/b.png", &grey_square(63));
        folder.save("train/masks/b.png", &mask_of_square(63));
    };
    refuses(shrink, "train/images/b.png", "63×63");
}

/// Refuses arguments and expects the message to hold the words.
#[track_caller]
fn refuses_arguments(arguments: &[&str], words: &str) {
    let folder = Folder::grey();
    folder.program().args(arguments).assert().code(2).stdout("").stderr(predicate::str::contains(words));
    assert_eq!(folder.siblings(), [""; 0], "something was written");
}

#[test]
fn unknown_loss() {
    let folder = Folder::grey();
    let mut program = program();
    program.args(["--losses", "ce,hinge", "--out"]).arg(folder.out());
    program.assert().code(2).stdout("").stderr(predicate::str::contains("hinge"));
    assert_eq!(folder.siblings(), [""; 0], "something was written");
}

#[test]
fn no_steps() {
    let folder = Folder::grey();
    let mut program = program();
    program.args(["--steps", "0", "--out"]).arg(folder.out());
    program.assert().code(2).stdout("").stderr(predicate::str::contains("--steps"));
    assert_eq!(folder.siblings(), [""; 0], "something was written");
}

#[test]
fn no_seeds() {
    refuses_arguments(&["--seeds", "0"], "--seeds");
}

#[test]
fn out_in_a_missing_folder() {
    let folder = Folder::grey();
    let out = folder.out().join("missing").join("report");
    let mut program = program();
    program.args(["--losses", "ce", "--steps", "1", "--out"]).arg(&out);
    program.assert().code(2).stdout("").stderr(predicate::str::contains(out.display().to_string()));
    assert_eq!(folder.siblings(), [""; 0], "something was written");
}

#[test]
fn out_is_something_else() {
    let folder = Folder::grey();
    fs::create_dir(folder.out()).expect("writable");
    fs::write(folder.out().join("thesis.tex"), "precious").expect("writable");
    folder.program().assert().code(2).stdout("").stderr(predicate::str::contains(folder.out().display().to_string()));
    let left: Vec<_> = fs::read_dir(folder.out()).expect("readable").collect();
    assert_eq!(left.len(), 1);
    assert_eq!(folder.siblings(), ["report"]);
}
