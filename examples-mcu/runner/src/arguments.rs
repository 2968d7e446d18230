//! The command line.

use crate::faults::flip_bits;
use crate::qemu::{EEPROM_LEN, ERASED, Firmware, Options};
use anyhow::{Context, Result, ensure};
use clap::{ArgGroup, Parser};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Runs a firmware in QEMU.
#[derive(Clone, Debug, Parser)]
#[command(name = "runner", version, group = ArgGroup::new("faults").multiple(true))]
pub(crate) struct Arguments {
    /// The firmware, an ELF file
    pub(crate) firmware: PathBuf,

    /// Seconds after which the firmware is taken to hang
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    pub(crate) timeout: u64,

    /// Folder with images to send to the firmware over its UART: {shift_adapt,shift_test}/{images,masks}/NAME.png
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,

    /// File that the EEPROM lives in, made if it is not there; without one it is forgotten in the end
    #[arg(long, value_name = "FILE")]
    pub(crate) eeprom: Option<PathBuf>,

    /// Erase the EEPROM first
    #[arg(long)]
    pub(crate) fresh: bool,

    /// Count instructions: one takes 2^N ns of the emulated time, which no longer depends on the host's
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(..=10))]
    pub(crate) icount: Option<u8>,

    /// Cut the power so many times, each time at another moment of what the firmware does, before it runs to its end
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) power_cuts: u32,

    /// Spoil one in so many of the bytes that the UART carries to the firmware, none if 0: lost, sent twice, or a bit flipped
    #[arg(long, value_name = "N", default_value_t = 0, requires = "data", group = "faults")]
    pub(crate) spoil: u64,

    /// Flip so many bits of what the EEPROM holds first, as if it were worn or hit by radiation
    #[arg(long, value_name = "N", default_value_t = 0, requires = "eeprom", group = "faults")]
    pub(crate) spoil_eeprom: u32,

    /// Which bytes or bits to spoil, and how
    #[arg(long, value_name = "N", default_value_t = 0, requires = "faults")]
    pub(crate) seed: u64,

    /// Cut the power after so many seconds, whatever the firmware does
    #[arg(long, value_name = "SECONDS", conflicts_with = "power_cuts")]
    pub(crate) cut_after: Option<u64>,

    /// Which on-target tests to run, as for any Rust test
    #[arg(trailing_var_arg = true)]
    pub(crate) tests: Vec<String>,
}

impl Arguments {
    /// What to start QEMU with.
    pub(crate) fn options(&self, firmware: &Firmware) -> Result<Options> {
        let eeprom = match &self.eeprom {
            Some(file) if firmware.has_peripherals() => {
                prepare_eeprom(file, self.fresh).with_context(|| file.display().to_string())?;
                if self.spoil_eeprom > 0 {
                    let mut content = fs::read(file)?;
                    flip_bits(&mut content, self.spoil_eeprom, self.seed)
                        .with_context(|| file.display().to_string())?;
                    fs::write(file, content)?;
                }
                Some(file.clone())
            }
            Some(_) => anyhow::bail!("{} has no EEPROM", firmware.machine()),
            None => None,
        };
        if self.data.is_some() {
            ensure!(firmware.has_peripherals(), "{} has no UART for images", firmware.machine());
        }
        Ok(Options {
            timeout: Duration::from_secs(self.timeout),
            data: self.data.clone(),
            eeprom,
            icount: self.icount,
            spoil: self.spoil,
            seed: self.seed,
            power_cut: self.cut_after.map(Duration::from_secs),
        })
    }
}

/// A file of the right size.
fn prepare_eeprom(file: &Path, fresh: bool) -> Result<()> {
    if fresh || !file.exists() {
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(file, [ERASED; EEPROM_LEN])?;
    }
    let length = fs::metadata(file)?.len();
    ensure!(length == EEPROM_LEN as u64, "{length} bytes; an image of the EEPROM has {EEPROM_LEN}");
    Ok(())
}
