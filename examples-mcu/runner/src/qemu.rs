//! One run of a firmware in QEMU.

use crate::faults::Faulty;
use anyhow::{Context, Result, bail};
use defmt_decoder::{DecodeError, Table};
use object::{Architecture, Object, ObjectSymbol};
use scarce_host::frames::Frames;
use scarce_mcu::Shape;
use std::io::Read;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};
use std::{env, fs, io};

/// Bytes of the EEPROM that QEMU models.
pub(crate) const EEPROM_LEN: usize = 32 * 1024;
/// What a byte of an EEPROM holds that was never written.
pub(crate) const ERASED: u8 = 0xff;
/// The size of the frames that are sent.
const FRAME: Shape = Shape::new(64, 64);

/// A firmware, and what it says of itself.
pub(crate) struct Firmware {
    path: PathBuf,
    pub(crate) elf: Vec<u8>,
    architecture: Architecture,
    machine: String,
    log: Option<Table>,
}

/// What to run a firmware with.
#[derive(Clone)]
pub(crate) struct Options {
    pub(crate) timeout: Duration,
    pub(crate) data: Option<PathBuf>,
    pub(crate) eeprom: Option<PathBuf>,
    pub(crate) icount: Option<u8>,
    /// One in so many bytes on the UART is spoilt.
    pub(crate) spoil: u64,
    /// Which ones.
    pub(crate) seed: u64,
    /// When to cut the power.
    pub(crate) power_cut: Option<Duration>,
}

impl Firmware {
    /// Reads the file, which names its machine by a symbol.
    pub(crate) fn load(path: &Path) -> Result<Self> {
        let name = path.display();
        let elf = fs::read(path).with_context(|| name.to_string())?;
        let file = object::File::parse(&*elf).with_context(|| name.to_string())?;
        let mut names = file.symbols().filter_map(|symbol| symbol.name().ok()?.strip_prefix("qemu_machine="));
        let machine = names.next().with_context(|| format!("{name}: for a board that QEMU does not model"))?.to_owned();
        drop(names);
        let architecture = file.architecture();
        let log = Table::parse(&elf).with_context(|| name.to_string())?;
        Ok(Self { path: path.to_owned(), elf, architecture, machine, log })
    }

    pub(crate) fn machine(&self) -> &str {
        &self.machine
    }

    /// Whether the firmware uses the UART and the EEPROM that QEMU models.
    pub(crate) fn has_peripherals(&self) -> bool {
        self.machine().starts_with("mps2-")
    }

    /// Runs the firmware, hands each line of its log to `print`, and returns its exit code, 0 if the power was cut.
    ///
    /// An error if QEMU cannot be started, if the firmware does not end in time, or if QEMU dies, as it does when the
    /// processor locks up.
    pub(crate) fn run(&self, options: &Options, arguments: &[String], mut print: impl FnMut(String)) -> Result<i32> {
        let folder = tempfile::tempdir()?;
        // Of RISC-V, the instructions RV32IMC alone, and no firmware of QEMU's own before ours.
        let (program, package, its_arguments): (_, _, &[_]) = match self.architecture {
            Architecture::Riscv32 => {
                ("qemu-system-riscv32", "qemu-system-misc", &["-cpu", "rv32,a=false,f=false,d=false", "-bios", "none"])
            }
            _ => ("qemu-system-arm", "qemu-system-arm", &[]),
        };
        let program = env::var_os("QEMU").unwrap_or_else(|| program.into());
        let mut qemu = Command::new(&program);
        qemu.args(["-machine", self.machine(), "-display", "none", "-monitor", "none", "-serial", "null"]);
        qemu.args(its_arguments);
        qemu.arg("-semihosting-config");
        qemu.arg(arguments.iter().fold("enable=on,target=native".into(), |all: String, a| format!("{all},arg={a}")));
        if let Some(shift) = options.icount {
            qemu.args(["-icount", &format!("shift={shift}")]);
        }
        if self.has_peripherals() {
            let temporary = folder.path().join("eeprom");
            if options.eeprom.is_none() {
                fs::write(&temporary, [ERASED; EEPROM_LEN])?;
            }
            let file = options.eeprom.as_ref().unwrap_or(&temporary);
            qemu.args(["-drive", &format!("if=none,id=eeprom,format=raw,file={}", file.display())]);
            let device = format!("at24c-eeprom,bus=i2c,address=0x50,rom-size={EEPROM_LEN},drive=eeprom");
            qemu.args(["-device", &device]);
        }
        let mut served = None;
        if let Some(data) = &options.data {
            let (mut frames, spoil, seed) = (Frames::load(data, FRAME)?, options.spoil, options.seed);
            let socket = folder.path().join("uart");
            let listener = UnixListener::bind(&socket)?;
            let line = format!("socket,id=frames,path={}", socket.display());
            qemu.args(["-chardev", &line, "-serial", "chardev:frames"]);
            served = Some(thread::spawn(move || -> io::Result<u64> {
                let mut link = Faulty::new(listener.accept()?.0, spoil, seed);
                frames.serve(&mut link)?;
                Ok(link.spoilt())
            }));
        }
        let complaints = folder.path().join("complaints");
        qemu.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(fs::File::create(&complaints)?);
        qemu.arg("-kernel").arg(&self.path);
        let mut child = qemu.spawn().with_context(|| {
            format!("{} cannot be started (on Debian: apt-get install {package})", program.display())
        })?;

        let (mut output, (sender, chunks)) = (child.stdout.take().context("QEMU's output")?, mpsc::channel());
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(length @ 1..) = output.read(&mut buffer) {
                if sender.send(buffer[..length].to_vec()).is_err() {
                    break;
                }
            }
        });
        let end = Instant::now() + options.power_cut.unwrap_or(options.timeout);
        let result = self.print_log(&chunks, end, &mut print);
        // That the log is closed does not mean that QEMU ends.
        let is_late = !matches!(result, Ok(Log::Ended)) || !ends_before(&mut child, end)?;
        if is_late {
            child.kill()?;
        }
        let status = child.wait()?;
        let complaints = fs::read_to_string(complaints)?;
        eprint!("{complaints}");
        if let Some(spoilt) = served.filter(|_| options.spoil > 0).and_then(|served| served.join().ok()) {
            eprintln!("{} bytes were spoilt", spoilt?);
        }
        result?;
        match (is_late, options.power_cut) {
            (true, Some(_)) => Ok(0),
            (true, None) => bail!("the firmware did not end in {} s", options.timeout.as_secs()),
            // QEMU ends with code 0 when it is told to.
            (false, _) if complaints.contains("terminating on signal") => bail!("QEMU was told to end: {complaints}"),
            (false, _) => exit_code(status),
        }
    }

    /// Decodes the log until QEMU closes it, or until the end.
    fn print_log(&self, chunks: &mpsc::Receiver<Vec<u8>>, end: Instant, print: &mut impl FnMut(String)) -> Result<Log> {
        let table = self.log.as_ref().context("the firmware has no log")?;
        let mut decoder = table.new_stream_decoder();
        loop {
            if Instant::now() >= end {
                return Ok(Log::Late);
            }
            match chunks.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(bytes) => decoder.received(&bytes),
                Err(mpsc::RecvTimeoutError::Disconnected) => return Ok(Log::Ended),
                Err(mpsc::RecvTimeoutError::Timeout) => return Ok(Log::Late),
            }
            loop {
                match decoder.decode() {
                    Ok(frame) => print(frame.display(false).to_string()),
                    Err(DecodeError::UnexpectedEof) => break,
                    Err(DecodeError::Malformed) => bail!("the log is malformed"),
                }
            }
        }
    }
}

/// How reading a log ended.
enum Log {
    Ended,
    Late,
}

/// Whether a process ends by itself before that time.
fn ends_before(child: &mut Child, end: Instant) -> io::Result<bool> {
    while child.try_wait()?.is_none() {
        if Instant::now() >= end {
            return Ok(false);
        }
        thread::sleep(Duration::from_millis(1));
    }
    Ok(true)
}

fn exit_code(status: ExitStatus) -> Result<i32> {
    status.code().with_context(|| format!("QEMU died ({status}): did the processor lock up?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_not_waited_for_without_limit() {
        let after = |milliseconds| Instant::now() + Duration::from_millis(milliseconds);
        let mut hanging = Command::new("sleep").arg("600").spawn().expect("a shell's tool");
        assert!(!ends_before(&mut hanging, after(50)).expect("a child of ours"));
        hanging.kill().expect("it runs");
        assert!(ends_before(&mut hanging, after(60_000)).expect("a child of ours"));
    }
}
