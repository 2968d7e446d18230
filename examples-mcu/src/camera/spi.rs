//! The Arducam Mega, a camera that speaks only SPI: mode 0, 8 MHz.
//!
//! ```text
//! read a register    address, any byte; its value
//! write a register   address | 0x80, value
//! read the picture   0x3c, and any byte the first time; its bytes
//! ```
//!
//! Registers and sequences are those of Arducam's own driver, `src/Arducam/ArducamCamera.c` of
//! <https://github.com/ArduCAM/Arducam_Mega>, and of Arducam's application note "Mega SPI Camera Series" (2023); that luma
//! comes first in a pair of bytes is said by `drivers/video/arducam_mega.c` of <https://github.com/zephyrproject-rtos/zephyr>.
//! Tested against recorded sequences, not yet on a camera.

use super::{Camera, Purpose, Round};
use crate::{Frame, IGNORED, Shape};
use core::fmt;
use embedded_hal::delay::DelayNs;
use embedded_hal::spi::{Operation, SpiDevice};

/// How long the camera may take to configure itself, or to take a picture.
pub const PATIENCE_MILLISECONDS: u32 = 3000;

/// How often the camera is asked whether it is done.
const POLL_MILLISECONDS: u32 = 2;
/// How long a register takes to be written.
const WRITE_MILLISECONDS: u32 = 1;

mod register {
    pub(super) const PICTURE_CONTROL: u8 = 0x04;
    pub(super) const RESET: u8 = 0x07;
    pub(super) const SENSOR_ADDRESS: u8 = 0x0a;
    pub(super) const FORMAT: u8 = 0x20;
    pub(super) const RESOLUTION: u8 = 0x21;
    pub(super) const PICTURE: u8 = 0x3c;
    pub(super) const SENSOR: u8 = 0x40;
    pub(super) const STATE: u8 = 0x44;
    /// Low, middle and high byte.
    pub(super) const PICTURE_LENGTH: [u8; 3] = [0x45, 0x46, 0x47];
    pub(super) const WRITE: u8 = 0x80;
}

const RESET_ALL: u8 = 1 << 6;
const SENSOR_ADDRESS_ON_ITS_BUS: u8 = 0x78;
/// Luma and, alternately, the two chroma channels: two bytes a pixel.
const YUYV: u8 = 3;
const CLEAR_DONE: u8 = 1;
const TAKE_PICTURE: u8 = 1 << 1;
/// State: the sensor's bus.
const BUS: u8 = 0b11;
const BUS_IDLE: u8 = 0b10;
/// State: the picture is there.
const PICTURE_DONE: u8 = 1 << 2;
/// Numbers of the sensors: both generations with 5 and with 3 megapixels.
const SENSORS: core::ops::RangeInclusive<u8> = 0x81..=0x84;

const BYTES_PER_PIXEL: usize = 2;
/// Rows and columns of the square pictures that are used, and their numbers; the preferred one first.
const RESOLUTIONS: [(usize, u8); 2] = [(WIDEST, 0x0b), (96, 0x0a)];
const WIDEST: usize = 128;

/// An Arducam Mega as a camera of grey frames without labels.
///
/// Each pixel is the mean of a square block of the picture: square frames whose side divides 128 or 96 can be had, 64×64
/// from blocks of 2×2. The camera is set up by the first capture, and anew by the one after an error. Exposure adjusts
/// itself from picture to picture: the first few after that are better thrown away.
///
/// Needs about 1 KiB of stack.
#[derive(Debug)]
pub struct ArducamMega<S, D> {
    spi: S,
    delay: D,
    /// Number of the resolution, once the camera is set up.
    resolution: Option<u8>,
}

impl<S: SpiDevice, D: DelayNs> ArducamMega<S, D> {
    /// Does not speak to the camera yet.
    pub const fn new(spi: S, delay: D) -> Self {
        Self { spi, delay, resolution: None }
    }

    /// Gives back the bus and the timer.
    pub fn release(self) -> (S, D) {
        (self.spi, self.delay)
    }

    fn read(&mut self, register: u8) -> Result<u8, ArducamError<S::Error>> {
        let mut value = [0];
        let mut operations = [Operation::Write(&[register, 0]), Operation::Read(&mut value)];
        self.spi.transaction(&mut operations).map_err(ArducamError::Spi)?;
        let [value] = value;
        Ok(value)
    }

    fn write(&mut self, register: u8, value: u8) -> Result<(), ArducamError<S::Error>> {
        self.spi.write(&[register | register::WRITE, value]).map_err(ArducamError::Spi)?;
        self.delay.delay_ms(WRITE_MILLISECONDS);
        Ok(())
    }

    fn wait(&mut self, state: u8, mask: u8) -> Result<(), ArducamError<S::Error>> {
        for _ in 0..PATIENCE_MILLISECONDS / POLL_MILLISECONDS {
            if self.read(register::STATE)? & mask == state {
                return Ok(());
            }
            self.delay.delay_ms(POLL_MILLISECONDS);
        }
        Err(if mask == PICTURE_DONE { ArducamError::NoPicture } else { ArducamError::Busy })
    }

    /// Writes what the camera passes on to its sensor.
    fn configure(&mut self, register: u8, value: u8) -> Result<(), ArducamError<S::Error>> {
        self.write(register, value)?;
        self.wait(BUS_IDLE, BUS)
    }

    fn set_up(&mut self, resolution: u8) -> Result<(), ArducamError<S::Error>> {
        self.configure(register::RESET, RESET_ALL)?;
        let sensor = self.read(register::SENSOR)?;
        if !SENSORS.contains(&sensor) {
            return Err(ArducamError::Sensor(sensor));
        }
        self.configure(register::SENSOR_ADDRESS, SENSOR_ADDRESS_ON_ITS_BUS)?;
        self.configure(register::FORMAT, YUYV)?;
        self.configure(register::RESOLUTION, resolution)
    }

    fn take_picture(&mut self, bytes: usize) -> Result<(), ArducamError<S::Error>> {
        self.write(register::PICTURE_CONTROL, CLEAR_DONE)?;
        self.write(register::PICTURE_CONTROL, TAKE_PICTURE)?;
        self.wait(PICTURE_DONE, PICTURE_DONE)?;
        let [low, middle, high] = register::PICTURE_LENGTH;
        let length = u32::from_le_bytes([self.read(low)?, self.read(middle)?, self.read(high)?, 0]);
        if length as usize == bytes { Ok(()) } else { Err(ArducamError::Length { needed: bytes, got: length }) }
    }

    /// Reads the next bytes of the picture.
    fn read_picture(&mut self, first: bool, bytes: &mut [u8]) -> Result<(), ArducamError<S::Error>> {
        let command: &[u8] = if first { &[register::PICTURE, 0] } else { &[register::PICTURE] };
        self.spi.transaction(&mut [Operation::Write(command), Operation::Read(bytes)]).map_err(ArducamError::Spi)
    }

    fn try_capture(&mut self, frame: &mut Frame<'_, 1>) -> Result<(), ArducamError<S::Error>> {
        let shape = frame.shape();
        let (side, block, resolution) = picture_for(shape).ok_or(ArducamError::Shape(shape))?;
        if self.resolution != Some(resolution) {
            self.set_up(resolution)?;
            self.resolution = Some(resolution);
        }
        self.take_picture(side * side * BYTES_PER_PIXEL)?;

        let (mut row, mut sums) = ([[0; BYTES_PER_PIXEL]; WIDEST], [0; WIDEST]);
        let (row, area) = (row.get_mut(..side).unwrap_or_default(), (block * block) as u32);
        let mut first = true;
        for pixels in frame.image_mut().chunks_exact_mut(shape.width) {
            sums.fill(0);
            for _ in 0..block {
                self.read_picture(first, row.as_flattened_mut())?;
                first = false;
                for (sum, luma) in sums.iter_mut().zip(row.chunks_exact(block)) {
                    *sum += luma.iter().map(|&[luma, _chroma]| u32::from(luma)).sum::<u32>();
                }
            }
            for ([pixel], sum) in pixels.iter_mut().zip(sums) {
                *pixel = ((sum + area / 2) / area) as u8;
            }
        }
        Ok(())
    }
}

/// Side of the picture and of its blocks, and the number of its resolution.
fn picture_for(shape: Shape) -> Option<(usize, usize, u8)> {
    let Shape { height, width } = shape;
    let blocks = |(side, number): (usize, u8)| {
        let (block, rest) = (side.checked_div(width)?, side.checked_rem(width)?);
        (height == width && rest == 0).then_some((side, block, number))
    };
    RESOLUTIONS.into_iter().find_map(blocks)
}

impl<S: SpiDevice, D: DelayNs> Camera<1> for ArducamMega<S, D> {
    type Error = ArducamError<S::Error>;

    /// Nothing is to be done: each frame is a round of its own.
    fn begin_round(&mut self, _: Purpose) -> Result<(), Self::Error> {
        Ok(())
    }

    /// There is nobody to tell labels: all are [`IGNORED`].
    fn capture(&mut self, _: Purpose, frame: &mut Frame<'_, 1>) -> Result<Round, Self::Error> {
        frame.labels_mut().fill(IGNORED);
        frame.set_field(None);
        if let Err(error) = self.try_capture(frame) {
            self.resolution = None;
            return Err(error);
        }
        Ok(Round::Ends)
    }
}

/// No picture could be had from an [`ArducamMega`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArducamError<E> {
    /// Frames of this shape cannot be made.
    Shape(Shape),
    /// The camera does not become ready, or there is none.
    Busy,
    /// This is not the number of a known sensor.
    Sensor(u8),
    /// The picture does not get done.
    NoPicture,
    /// The picture has another length, in bytes.
    Length {
        /// The length that is needed.
        needed: usize,
        /// The length that the camera tells.
        got: u32,
    },
    /// The bus fails.
    Spi(E),
}

impl<E: fmt::Debug> fmt::Display for ArducamError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shape(Shape { height, width }) => {
                write!(f, "no frame of {height} rows and {width} columns: a square whose side divides 128 or 96 can be")
            }
            Self::Busy => f.write_str("the camera does not become ready"),
            Self::Sensor(number) => write!(f, "no known sensor: number {number:#04x}"),
            Self::NoPicture => f.write_str("the picture does not get done"),
            Self::Length { needed, got } => write!(f, "a picture of {got} bytes, not {needed}"),
            Self::Spi(error) => write!(f, "{error:?}"),
        }
    }
}

impl<E: fmt::Debug> core::error::Error for ArducamError<E> {}
