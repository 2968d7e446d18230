//! Weights as bytes: one format for the file that the host exports and for what the device stores.
//!
//! ```text
//! offset  bytes
//!      0      4  "SCRW"
//!      4      1  version: 1
//!      5      4  architecture: input channels, hidden channels, classes, deep convolutions
//!      9      3  reserved: zero
//!     12      4  generation: 0 as exported, counted up by each save on a device
//!     16      4  number of parameters
//!     20    4·n  parameters in the order of `Parameters`, f32
//!  20+4n      4  CRC-32 (ISO-HDLC) of all before it
//! ```
//!
//! Numbers are little-endian. Bytes are believed only whole: each change of up to 32 bits in a row fails the checksum.

use crate::{Network, Parameters};
use core::fmt;
use crc::{CRC_32_ISO_HDLC, Crc, NoTable};

const MAGIC: [u8; 4] = *b"SCRW";
const VERSION: u8 = 1;
const RESERVED: [u8; 3] = [0; 3];
const HEADER_LEN: usize = 20;
const CHECKSUM_LEN: usize = 4;

/// Without a table: 1 KiB of flash is worth more here than the time of a checksum a boot.
const CHECKSUM: Crc<u32, NoTable> = Crc::<u32, NoTable>::new(&CRC_32_ISO_HDLC);

/// Number of bytes of encoded weights.
#[must_use]
pub const fn encoded_len<P: Parameters>() -> usize {
    HEADER_LEN + size_of::<f32>() * P::COUNT + CHECKSUM_LEN
}

impl<const INPUTS: usize, const HIDDEN: usize, const CLASSES: usize, const DEEP: usize>
    Network<INPUTS, HIDDEN, CLASSES, DEEP>
{
    const ARCHITECTURE: Architecture = {
        assert!(INPUTS < 256 && HIDDEN < 256 && CLASSES < 256 && DEEP < 256, "the format has a byte for each");
        Architecture { inputs: INPUTS as u8, hidden: HIDDEN as u8, classes: CLASSES as u8, deep: DEEP as u8 }
    };

    /// Writes the weights to the start of `bytes` and returns their length, [`encoded_len`].
    ///
    /// # Errors
    /// If `bytes` is shorter than that or a parameter is not finite; nothing was written.
    pub fn encode(&self, generation: u32, bytes: &mut [u8]) -> Result<usize, WeightsError> {
        let (needed, got) = (encoded_len::<Self>(), bytes.len());
        let too_short = WeightsError::Length { needed, got };
        check_finite(self.parameters())?;
        let encoded = bytes.get_mut(..needed).ok_or(too_short)?;
        let (covered, checksum) = encoded.split_last_chunk_mut::<CHECKSUM_LEN>().ok_or(too_short)?;
        let (header, parameters) = covered.split_first_chunk_mut::<HEADER_LEN>().ok_or(too_short)?;

        let [m0, m1, m2, m3] = MAGIC;
        let Architecture { inputs, hidden, classes, deep } = Self::ARCHITECTURE;
        let [r0, r1, r2] = RESERVED;
        let [g0, g1, g2, g3] = generation.to_le_bytes();
        let [c0, c1, c2, c3] = (Self::COUNT as u32).to_le_bytes();
        *header = [m0, m1, m2, m3, VERSION, inputs, hidden, classes, deep, r0, r1, r2, g0, g1, g2, g3, c0, c1, c2, c3];
        for (bytes, parameter) in parameters.as_chunks_mut().0.iter_mut().zip(self.parameters()) {
            *bytes = parameter.to_le_bytes();
        }
        *checksum = CHECKSUM.checksum(covered).to_le_bytes();
        Ok(needed)
    }

    /// The weights that `bytes` hold, exactly, and their generation.
    ///
    /// # Errors
    /// Whatever the bytes are: if they are not wholly what [`encode`](Self::encode) writes of a network of this
    /// architecture.
    pub fn decode(bytes: &[u8]) -> Result<(Self, u32), WeightsError> {
        let got = bytes.len();
        let too_short = WeightsError::Length { needed: encoded_len::<Self>(), got };
        let (header, body) = bytes.split_first_chunk::<HEADER_LEN>().ok_or(too_short)?;
        let &[m0, m1, m2, m3, version, inputs, hidden, classes, deep, r0, r1, r2, g0, g1, g2, g3, c0, c1, c2, c3] =
            header;

        let magic = [m0, m1, m2, m3];
        if magic != MAGIC {
            return Err(WeightsError::Magic { found: magic });
        }
        if version != VERSION {
            return Err(WeightsError::Version { found: version });
        }
        let count = u32::from_le_bytes([c0, c1, c2, c3]);
        let needed = (count as usize).saturating_mul(size_of::<f32>()).saturating_add(HEADER_LEN + CHECKSUM_LEN);
        if got != needed {
            return Err(WeightsError::Length { needed, got });
        }
        let (covered, &checksum) = bytes.split_last_chunk::<CHECKSUM_LEN>().ok_or(too_short)?;
        let (stored, computed) = (u32::from_le_bytes(checksum), CHECKSUM.checksum(covered));
        if stored != computed {
            return Err(WeightsError::Checksum { stored, computed });
        }

        // From here on the bytes are as somebody wrote them.
        if [r0, r1, r2] != RESERVED {
            return Err(WeightsError::Reserved { found: [r0, r1, r2] });
        }
        let (expected, found) = (Self::ARCHITECTURE, Architecture { inputs, hidden, classes, deep });
        if found != expected {
            return Err(WeightsError::Architecture { expected, found });
        }
        if count as usize != Self::COUNT {
            return Err(WeightsError::Count { expected: Self::COUNT, found: count });
        }
        let mut network = Self::zeros();
        for (parameter, &bytes) in network.parameters_mut().zip(body.as_chunks().0) {
            *parameter = f32::from_le_bytes(bytes);
        }
        check_finite(network.parameters())?;
        Ok((network, u32::from_le_bytes([g0, g1, g2, g3])))
    }
}

fn check_finite<'a>(mut parameters: impl Iterator<Item = &'a f32>) -> Result<(), WeightsError> {
    let non_finite = parameters.position(|parameter| !parameter.is_finite());
    non_finite.map_or(Ok(()), |parameter| Err(WeightsError::NonFinite { parameter }))
}

/// What tells networks apart whose weights are not interchangeable: the numbers that [`Network`] is generic over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Architecture {
    /// Channels of the image.
    pub inputs: u8,
    /// Channels of each convolution.
    pub hidden: u8,
    /// Classes.
    pub classes: u8,
    /// Dilated convolutions after the first.
    pub deep: u8,
}

/// Why bytes are not the weights of a network, or weights cannot become bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WeightsError {
    /// There are fewer or more bytes than the weights have, or there is no room for them.
    Length {
        /// Bytes that are needed.
        needed: usize,
        /// Bytes that there are.
        got: usize,
    },
    /// The bytes begin as no weights do.
    Magic {
        /// The first four bytes.
        found: [u8; 4],
    },
    /// The format is of a version that this program does not know.
    Version {
        /// The version.
        found: u8,
    },
    /// The bytes are not those that were written.
    Checksum {
        /// The checksum at the end of the bytes.
        stored: u32,
        /// The checksum of the bytes before it.
        computed: u32,
    },
    /// Bytes that this version of the format sets to zero are not.
    Reserved {
        /// The bytes.
        found: [u8; 3],
    },
    /// The weights are those of another network.
    Architecture {
        /// The network that is to take the weights.
        expected: Architecture,
        /// The network that the weights are of.
        found: Architecture,
    },
    /// The number of parameters is not the one that the architecture has.
    Count {
        /// Parameters of the architecture.
        expected: usize,
        /// Parameters that the bytes announce.
        found: u32,
    },
    /// A parameter is infinite or not a number.
    NonFinite {
        /// Its index in the order of [`Parameters`].
        parameter: usize,
    },
}

impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { inputs, hidden, classes, deep } = self;
        write!(f, "{inputs} input and {hidden} hidden channels, {classes} classes, {deep} deep convolutions")
    }
}

impl fmt::Display for WeightsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("weights: ")?;
        match self {
            Self::Length { needed, got } => write!(f, "{needed} bytes needed, got {got}"),
            Self::Magic { found } => write!(f, "they begin with {found:02x?} instead of \"SCRW\""),
            Self::Version { found } => write!(f, "version {found} of the format, only {VERSION} is known"),
            Self::Checksum { stored, computed } => {
                write!(f, "damaged, the checksum is {computed:08x} and not {stored:08x} as stored at the end")
            }
            Self::Reserved { found } => write!(f, "the reserved bytes 9 to 11 are {found:02x?} and not zero"),
            Self::Architecture { expected, found } => write!(f, "of another network ({found}; needed: {expected})"),
            Self::Count { expected, found } => write!(f, "{found} parameters announced, the network has {expected}"),
            Self::NonFinite { parameter } => write!(f, "parameter {parameter} is not finite"),
        }
    }
}

impl core::error::Error for WeightsError {}
