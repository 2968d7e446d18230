//! A folder of small images, and the program.

use assert_cmd::Command;
use image::{GrayImage, Luma, RgbImage};
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Side of the training images.
pub(crate) const SIDE: u32 = 72;

/// A folder that the program can train on: two classes, a bright square on a dark ground, some pixels ignored.
pub(crate) struct Folder {
    root: TempDir,
}

impl Folder {
    pub(crate) fn grey() -> Self {
        let folder = Self::empty();
        for (split, names) in [("train", ["a", "b"]), ("test", ["c", "d"])] {
            for (number, name) in (0..).zip(names) {
                folder.save(&format!("{split}/images/{name}.png"), &grey_square(SIDE + number));
                folder.save(&format!("{split}/masks/{name}.png"), &mask_of_square(SIDE + number));
            }
        }
        folder
    }

    pub(crate) fn rgb() -> Self {
        let folder = Self::grey();
        for path in ["train/images/a.png", "train/images/b.png", "test/images/c.png", "test/images/d.png"] {
            let path = folder.path(path);
            let grey = image::open(&path).expect("just written");
            grey.to_rgb8().save(path).expect("writable");
        }
        folder
    }

    fn empty() -> Self {
        let folder = Self { root: TempDir::new().expect("writable") };
        for split in ["train", "test"] {
            for kind in ["images", "masks"] {
                fs::create_dir_all(folder.path(&format!("{split}/{kind}"))).expect("writable");
            }
        }
        folder
    }

    /// A file of the data.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.path().join("data").join(name)
    }

    pub(crate) fn save(&self, name: &str, image: &GrayImage) {
        image.save(self.path(name)).expect("writable");
    }

    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        fs::write(self.path(name), bytes).expect("writable");
    }

    pub(crate) fn remove(&self, name: &str) {
        fs::remove_file(self.path(name)).expect("it is there");
    }

    /// Where the report goes, beside the data.
    pub(crate) fn out(&self) -> PathBuf {
        self.root.path().join("report")
    }

    /// What lies beside the data.
    pub(crate) fn siblings(&self) -> Vec<String> {
        let entries = fs::read_dir(self.root.path()).expect("readable");
        let names = entries.map(|entry| entry.expect("readable").file_name().to_string_lossy().into_owned());
        names.filter(|name| name != "data").collect()
    }

    /// The program on this folder, with a tiny budget.
    pub(crate) fn program(&self) -> Command {
        let mut program = program();
        program.args(["--losses", "ce", "--steps", "1", "--data"]).arg(self.path(""));
        program.arg("--out").arg(self.out());
        program
    }
}

pub(crate) fn program() -> Command {
    Command::cargo_bin("scarce-host").expect("built with the tests")
}

/// Dark grey with a pattern, and a bright square.
pub(crate) fn grey_square(side: u32) -> GrayImage {
    GrayImage::from_fn(side, side, |x, y| Luma([if in_square(x, y) { 200 } else { 60 + (x * 7 + y * 5) as u8 % 30 }]))
}

/// Class 1 in the square; the first row is ignored.
pub(crate) fn mask_of_square(side: u32) -> GrayImage {
    GrayImage::from_fn(side, side, |x, y| Luma([if y == 0 { 255 } else { u8::from(in_square(x, y)) }]))
}

fn in_square(x: u32, y: u32) -> bool {
    (30..38).contains(&x) && (20..28).contains(&y)
}

pub(crate) fn rgb(side: u32) -> RgbImage {
    RgbImage::from_pixel(side, side, image::Rgb([90, 80, 70]))
}

pub(crate) fn read(path: &Path) -> String {
    fs::read_to_string(path).expect("readable text")
}
