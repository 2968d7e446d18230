//! Frames that a host sends over a serial line.
//!
//! The device asks, so that nothing overflows while it computes:
//!
//! ```text
//! device → host   "B": begin the round anew, which is not answered; "F": the next frame; "A": the last one again
//!                 purpose: 0 adapt, 1 validate, 2 test
//! host → device   "SCRF", version 1, purpose, channels, flags (bit 0: the last frame of the round)
//!                 height, width: u16 each
//!                 of each channel of the field of view: mean, standard deviation: u16 each, in 1/256 grey levels
//!                 the image: a byte a channel, pixel by pixel
//!                 the labels in runs of one to 256 equal ones: the label, 255 for none, and the length less one
//!                 CRC-32 (ISO-HDLC) of all of the answer before it
//! ```
//!
//! Numbers are little-endian. Each purpose has its own round of frames; "A" before any "F" is for the first of them.

use super::{Camera, Purpose, Round};
use crate::{Frame, IGNORED, Moments, Shape};
use core::fmt;
use crc::{CRC_32_ISO_HDLC, Crc, Digest, Table};
use embedded_hal::delay::DelayNs;
use embedded_io::{Read, ReadReady, Write};

/// The first bytes of an answer.
pub const MAGIC: [u8; 4] = *b"SCRF";
/// The version of the protocol.
pub const VERSION: u8 = 1;
/// The first byte of a request to begin a round anew.
pub const BEGIN: u8 = b'B';
/// The first byte of a request for the next frame.
pub const NEXT: u8 = b'F';
/// The first byte of a request for the frame that was sent last: it came spoilt.
pub const AGAIN: u8 = b'A';
/// The checksum of an answer.
pub const CHECKSUM: Crc<u32, Table<1>> = Crc::<u32, Table<1>>::new(&CRC_32_ISO_HDLC);

/// How often a frame is asked for when it comes spoilt.
const ATTEMPTS: usize = 3;
/// Bytes before an answer that are skipped at most.
const MAX_NOISE: u32 = 1 << 20;
/// How often the line is looked at while it is silent.
const POLL_MICROSECONDS: u32 = 10;
/// How long a host may think before it is taken to be absent.
const SILENCE_MILLISECONDS: u32 = 2000;

impl Purpose {
    /// The byte that stands for it.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Adapt => 0,
            Self::Validate => 1,
            Self::Test => 2,
        }
    }
}

/// A camera at the other end of a serial line.
#[derive(Debug)]
pub struct UartCamera<U, D> {
    uart: U,
    delay: D,
    classes: u8,
    silence: u32,
}

impl<U: Read + ReadReady + Write, D: DelayNs> UartCamera<U, D> {
    /// Takes labels below `classes`.
    pub const fn new(uart: U, delay: D, classes: u8) -> Self {
        Self { uart, delay, classes, silence: SILENCE_MILLISECONDS }
    }

    /// How long the line may be silent before the host is taken to be absent.
    #[must_use]
    pub fn with_silence(self, milliseconds: u32) -> Self {
        Self { silence: milliseconds, ..self }
    }

    fn request(&mut self, request: u8, purpose: Purpose) -> Result<(), UartError<U::Error>> {
        self.uart.write_all(&[request, purpose.code()]).map_err(UartError::Uart)?;
        self.uart.flush().map_err(UartError::Uart)
    }

    fn byte(&mut self) -> Result<u8, UartError<U::Error>> {
        let polls = self.silence.saturating_mul(1000 / POLL_MICROSECONDS);
        for _ in 0..polls.max(1) {
            if self.uart.read_ready().map_err(UartError::Uart)? {
                let mut byte = [0];
                if self.uart.read(&mut byte).map_err(UartError::Uart)? == 1 {
                    return Ok(byte[0]);
                }
            }
            self.delay.delay_us(POLL_MICROSECONDS);
        }
        Err(UartError::Silence)
    }

    fn fill(&mut self, bytes: &mut [u8], digest: &mut Digest<'_, u32, Table<1>>) -> Result<(), UartError<U::Error>> {
        for byte in bytes.iter_mut() {
            *byte = match self.byte() {
                Err(UartError::Silence) => return Err(UartError::BreaksOff),
                byte => byte?,
            };
        }
        digest.update(bytes);
        Ok(())
    }

    fn fill_labels(
        &mut self,
        mut labels: &mut [u8],
        digest: &mut Digest<'_, u32, Table<1>>,
    ) -> Result<(), UartError<U::Error>> {
        while !labels.is_empty() {
            let mut run = [0; 2];
            self.fill(&mut run, digest)?;
            let [label, length] = run;
            let (equal, rest) = labels.split_at_mut_checked(usize::from(length) + 1).ok_or(UartError::Run)?;
            equal.fill(label);
            labels = rest;
        }
        Ok(())
    }

    fn half(&mut self, digest: &mut Digest<'_, u32, Table<1>>) -> Result<u16, UartError<U::Error>> {
        let mut bytes = [0; 2];
        self.fill(&mut bytes, digest)?;
        Ok(u16::from_le_bytes(bytes))
    }

    /// Skips what comes before an answer.
    fn skip_noise(&mut self) -> Result<(), UartError<U::Error>> {
        let mut last = [0; MAGIC.len()];
        for count in 0..MAX_NOISE {
            last.rotate_left(1);
            if let Some(newest) = last.last_mut() {
                *newest = match self.byte() {
                    Err(UartError::Silence) if count > 0 => return Err(UartError::Noise),
                    byte => byte?,
                };
            }
            if last == MAGIC {
                return Ok(());
            }
        }
        Err(UartError::Noise)
    }

    fn receive<const CHANNELS: usize>(
        &mut self,
        request: u8,
        purpose: Purpose,
        frame: &mut Frame<'_, CHANNELS>,
    ) -> Result<Round, UartError<U::Error>> {
        self.request(request, purpose)?;
        self.skip_noise()?;
        let mut digest = CHECKSUM.digest();
        digest.update(&MAGIC);

        let mut header = [0; 4];
        self.fill(&mut header, &mut digest)?;
        let [version, answered, channels, flags] = header;
        let (height, width) = (self.half(&mut digest)?, self.half(&mut digest)?);
        let shape = frame.shape();
        if version != VERSION {
            return Err(UartError::Version(version));
        }
        if answered != purpose.code() {
            return Err(UartError::Purpose(answered));
        }
        if usize::from(channels) != CHANNELS {
            return Err(UartError::Channels(channels));
        }
        if Shape::new(height.into(), width.into()) != shape {
            return Err(UartError::Shape { height, width });
        }
        let mut field = [Moments { mean: 0.0, deviation: 1.0 }; CHANNELS];
        for moments in &mut field {
            let (mean, deviation) = (self.half(&mut digest)?, self.half(&mut digest)?);
            *moments = Moments { mean: f32::from(mean) / 256.0, deviation: f32::from(deviation) / 256.0 };
        }
        self.fill(frame.image_mut().as_flattened_mut(), &mut digest)?;
        self.fill_labels(frame.labels_mut(), &mut digest)?;
        frame.set_field(Some(field));

        let computed = digest.finalize();
        let mut checksum = [0; 4];
        self.fill(&mut checksum, &mut CHECKSUM.digest())?;
        if u32::from_le_bytes(checksum) != computed {
            return Err(UartError::Checksum);
        }
        let strange = |&label: &u8| label != IGNORED && label >= self.classes;
        if let Some(pixel) = frame.labels().iter().position(strange) {
            return Err(UartError::Label { pixel });
        }
        Ok(if flags & 1 == 0 { Round::Continues } else { Round::Ends })
    }
}

impl<U: Read + ReadReady + Write, D: DelayNs, const CHANNELS: usize> Camera<CHANNELS> for UartCamera<U, D> {
    type Error = UartError<U::Error>;

    fn begin_round(&mut self, purpose: Purpose) -> Result<(), Self::Error> {
        self.request(BEGIN, purpose)
    }

    fn capture(&mut self, purpose: Purpose, frame: &mut Frame<'_, CHANNELS>) -> Result<Round, Self::Error> {
        let (mut request, mut result) = (NEXT, Err(UartError::Silence));
        for _ in 0..ATTEMPTS {
            result = self.receive(request, purpose, frame);
            request = AGAIN;
            // Whatever came may have been spoilt by noise on the line, the header too.
            if matches!(result, Ok(_) | Err(UartError::Silence | UartError::Uart(_))) {
                break;
            }
        }
        if result.is_err() {
            frame.labels_mut().fill(IGNORED);
        }
        result
    }
}

/// No frame came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UartError<E> {
    /// Nobody answers.
    Silence,
    /// What comes is no answer.
    Noise,
    /// The answer breaks off.
    BreaksOff,
    /// The answer is of another version of the protocol.
    Version(u8),
    /// The frame is for another purpose.
    Purpose(u8),
    /// The frame has another number of channels.
    Channels(u8),
    /// The frame has another size.
    Shape {
        /// Its rows.
        height: u16,
        /// Its columns.
        width: u16,
    },
    /// The label of this pixel is no class.
    Label {
        /// The pixel.
        pixel: usize,
    },
    /// A run of labels goes beyond the frame.
    Run,
    /// The answer was spoilt on its way, each time.
    Checksum,
    /// The line fails.
    Uart(E),
}

impl<E: fmt::Debug> fmt::Display for UartError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Silence => f.write_str("no host answers"),
            Self::Noise => f.write_str("what comes is no frame"),
            Self::BreaksOff => f.write_str("the frame breaks off"),
            Self::Version(version) => write!(f, "version {version} of the protocol, not {VERSION}"),
            Self::Purpose(purpose) => write!(f, "a frame for another purpose: {purpose}"),
            Self::Channels(channels) => write!(f, "a frame of {channels} channels"),
            Self::Shape { height, width } => write!(f, "a frame of {height} rows and {width} columns"),
            Self::Label { pixel } => write!(f, "the label of pixel {pixel} is no class"),
            Self::Run => f.write_str("the labels go beyond the frame"),
            Self::Checksum => f.write_str("the frame was spoilt on its way"),
            Self::Uart(error) => write!(f, "{error:?}"),
        }
    }
}

impl<E: fmt::Debug> core::error::Error for UartError<E> {}
