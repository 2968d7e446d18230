//! Images and masks from a folder.

use crate::data::{Dataset, IGNORED, Image};
use crate::train::CROP;
use anyhow::{Context, Result, bail, ensure};
use png::{BitDepth, ColorType, Transformations};
use scarce_mcu::Shape;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fs;
use std::io::BufReader;
use std::path::{Path, PathBuf};

/// The largest number of classes.
const MAX_CLASSES: usize = 8;

/// What `meta.json` may tell.
#[derive(Deserialize)]
struct Meta {
    classes: Vec<String>,
}

/// Loads `{train,test}/{images,masks}/NAME.png` and, if it is there, `meta.json`.
///
/// # Errors
/// If anything in the folder cannot be used; the message names the file.
pub fn load(folder: &Path) -> Result<Dataset> {
    ensure!(folder.is_dir(), "{}: no such folder", folder.display());
    let named = class_names(&folder.join("meta.json"))?;
    let most = named.as_ref().map_or(MAX_CLASSES, Vec::len);
    let train = load_split(&folder.join("train"), most)?;
    let test = load_split(&folder.join("test"), most)?;
    for image in &train {
        let Shape { height, width } = image.shape;
        let fits = height >= CROP.height && width >= CROP.width;
        ensure!(fits, "{}: {width}×{height} pixels, {}×{} are needed", image.name, CROP.width, CROP.height);
    }
    let channels = train[0].channels();
    for image in train.iter().chain(&test) {
        let kind = |channels| if channels == 1 { "grey" } else { "RGB" };
        let (this, first) = (kind(image.channels()), kind(channels));
        ensure!(image.channels() == channels, "{}: {this}, but {} is {first}", image.name, train[0].name);
    }
    let classes = match named {
        Some(names) => names,
        None => unnamed_classes(folder, train.iter().chain(&test))?,
    };
    Ok(Dataset { name: name_of(folder), channels, classes, train, test })
}

/// How many classes `meta.json` names; as many as there can be without it.
///
/// # Errors
/// If the file is there and cannot be used.
pub fn class_count(folder: &Path) -> Result<usize> {
    Ok(class_names(&folder.join("meta.json"))?.map_or(MAX_CLASSES, |names| names.len()))
}

fn class_names(file: &Path) -> Result<Option<Vec<String>>> {
    if !file.exists() {
        return Ok(None);
    }
    let read = || -> Result<Vec<String>> {
        let Meta { classes } = serde_json::from_str(&fs::read_to_string(file)?)?;
        ensure!((2..=MAX_CLASSES).contains(&classes.len()), "{} classes; 2 to {MAX_CLASSES} can be", classes.len());
        Ok(classes)
    };
    read().map(Some).with_context(|| file.display().to_string())
}

/// Numbers for names, as many as the labels need.
fn unnamed_classes<'a>(folder: &Path, images: impl Iterator<Item = &'a Image>) -> Result<Vec<String>> {
    let (mut largest, mut note) = (0, String::new());
    for &label in images.flat_map(|image| &image.labels) {
        match label {
            IGNORED => note = format!("; {IGNORED} is for pixels to ignore, and no class"),
            class => largest = largest.max(class),
        }
    }
    ensure!(largest > 0, "{}: all masks hold class 0 only; 2 classes are needed{note}", folder.display());
    Ok((0..=largest).map(|class| format!("class {class}")).collect())
}

/// Loads `{images,masks}/NAME.png` of one split, in the order of their names.
///
/// # Errors
/// If anything in the folder cannot be used; the message names the file.
pub fn load_split(folder: &Path, classes: usize) -> Result<Vec<Image>> {
    let (images, mut masks) = (list(&folder.join("images"))?, list(&folder.join("masks"))?);
    ensure!(!images.is_empty(), "{}: no PNG file", folder.join("images").display());
    let mut loaded = Vec::new();
    for (name, image) in images {
        let Some(mask) = masks.remove(&name) else {
            bail!("{}: no mask {}", image.display(), folder.join("masks").join(&name).display());
        };
        loaded.push(load_pair(&image, &mask, classes)?);
    }
    if let Some(mask) = masks.values().next() {
        bail!("{}: a mask without an image", mask.display());
    }
    let labelled = loaded.iter().flat_map(|image| &image.labels).any(|&label| label != IGNORED);
    ensure!(labelled, "{}: every pixel of every mask is ignored ({IGNORED})", folder.join("masks").display());
    Ok(loaded)
}

/// The PNG files of a folder by name.
fn list(folder: &Path) -> Result<BTreeMap<String, PathBuf>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry.with_context(|| folder.display().to_string())?.path();
        if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("png")) {
            files.insert(name_of(&path), path);
        }
    }
    Ok(files)
}

fn name_of(path: &Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str());
    name.to_string_lossy().into_owned()
}

fn load_pair(image: &Path, mask: &Path, classes: usize) -> Result<Image> {
    let (picture, labels) = (load_image(image)?, load_image(mask)?);
    ensure!(labels.channels() == 1, "{}: RGB, but a mask is 8-bit grey, a class number each pixel", mask.display());
    let [size, mask_size] = [picture.shape, labels.shape].map(|shape| format!("{}×{}", shape.width, shape.height));
    ensure!(size == mask_size, "{}: {mask_size} pixels, but {} has {size}", mask.display(), image.display());
    let invalid = |&&label: &&u8| label != IGNORED && usize::from(label) >= classes;
    if let Some(label) = labels.bytes.iter().find(invalid) {
        let last = classes - 1;
        bail!("{}: class {label}; only 0 to {last}, and {IGNORED} for pixels to ignore, can be", mask.display());
    }
    Ok(Image { labels: labels.bytes, ..picture })
}

/// Loads an image without labels from a PNG file, as it is: nothing is scaled, no palette looked up, so that a label stays the
/// number in the file.
///
/// # Errors
/// If it cannot be used; the message names the file.
pub fn load_image(path: &Path) -> Result<Image> {
    let image = read_png(path).with_context(|| path.display().to_string())?;
    Ok(Image { name: path.display().to_string(), ..image })
}

fn read_png(path: &Path) -> Result<Image> {
    let mut decoder = png::Decoder::new(BufReader::new(fs::File::open(path)?));
    decoder.set_transformations(Transformations::IDENTITY);
    let mut reader = decoder.read_info()?;
    let (color, depth) = reader.output_color_type();
    let readable = depth == BitDepth::Eight && matches!(color, ColorType::Grayscale | ColorType::Rgb);
    ensure!(readable, "a PNG of {color:?} at {} bits; 8-bit grey or RGB is needed", depth as u8);
    let mut bytes = vec![0; reader.output_buffer_size().context("too large")?];
    let info = reader.next_frame(&mut bytes)?;
    bytes.truncate(info.buffer_size());
    let shape = Shape::new(info.height as usize, info.width as usize);
    Ok(Image { name: String::new(), shape, bytes, labels: Vec::new() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_is_named_without_its_parents() {
        assert_eq!(name_of(Path::new("data/crack/")), "crack");
        assert_eq!(name_of(Path::new("..")), "..");
    }
}
