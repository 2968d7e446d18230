//! Writing a folder all at once.

use super::File;
use anyhow::{Context, Result, bail, ensure};
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Finds out, before there is anything to write, whether the folder could be written. Leaves nothing behind.
///
/// # Errors
/// If its parent is missing or cannot be written, or if there is something at its place that has no such page, or that holds
/// what no report does.
pub fn check(out: &Path, page: &str) -> Result<()> {
    let out = &resolved(out)?;
    if out.exists() {
        let replaceable = out.is_dir() && (out.join(page).is_file() || is_empty(out)?);
        ensure!(replaceable, "{}: there is something else than a folder with {page} already", out.display());
        if let Some(other) = foreign(out)? {
            bail!("{}: is in a folder that would be replaced; move it, or name another folder", other.display());
        }
    }
    beside(out).map(drop)
}

/// Writes the folder under another name and moves it into place, where one with such a page is replaced.
///
/// # Errors
/// If anything cannot be written; what was there before is left as it was.
pub fn write(out: &Path, page: &str, files: &[File]) -> Result<()> {
    check(out, page)?;
    let out = &resolved(out)?;
    let new = beside(out)?;
    for file in files {
        let path = new.path().join(&file.name);
        fs::write(&path, &file.bytes).with_context(|| path.display().to_string())?;
    }
    let old = beside(out)?;
    let kept = old.path().join("report");
    if out.exists() {
        fs::rename(out, &kept).with_context(|| out.display().to_string())?;
    }
    if let Err(error) = fs::rename(new.path(), out) {
        if kept.exists() {
            // Where it cannot be moved back, either, it stays.
            let folder = old.keep();
            fs::rename(&kept, out).with_context(|| format!("{}: is now {}", out.display(), kept.display()))?;
            fs::remove_dir(&folder).with_context(|| folder.display().to_string())?;
        }
        return Err(error).with_context(|| out.display().to_string());
    }
    Ok(())
}

/// Where a link or a relative path leads.
fn resolved(out: &Path) -> Result<PathBuf> {
    if out.exists() {
        return fs::canonicalize(out).with_context(|| out.display().to_string());
    }
    ensure!(fs::symlink_metadata(out).is_err(), "{}: a link that leads nowhere", out.display());
    Ok(out.to_owned())
}

/// What the folder holds that no report has.
fn foreign(folder: &Path) -> Result<Option<PathBuf>> {
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry.with_context(|| folder.display().to_string())?.path();
        let of_report = |extension: &OsStr| ["html", "png", "csv", "json"].iter().any(|known| extension == *known);
        // What file managers leave wherever they were.
        let is_trace = path.file_name().is_some_and(|name| name == ".DS_Store" || name == "Thumbs.db");
        if !path.is_file() || !(is_trace || path.extension().is_some_and(of_report)) {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

fn is_empty(folder: &Path) -> Result<bool> {
    Ok(fs::read_dir(folder).with_context(|| folder.display().to_string())?.next().is_none())
}

/// An empty folder in the same place, which vanishes unless it is renamed.
fn beside(out: &Path) -> Result<TempDir> {
    let parent = match out.parent() {
        Some(parent) if parent != Path::new("") => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    let folder = tempfile::Builder::new().prefix(".report-").tempdir_in(&parent);
    folder.with_context(|| format!("{}: a folder cannot be made in {}", out.display(), parent.display()))
}
