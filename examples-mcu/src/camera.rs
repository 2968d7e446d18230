//! Where frames come from.

pub mod scenes;
pub mod spi;
pub mod things;
pub mod uart;

pub use scenes::Scenes;
pub use spi::{ArducamError, ArducamMega};
pub use things::Things;
pub use uart::{UartCamera, UartError};

use crate::Frame;

/// What a frame is wanted for. A host that sends pictures has others for each; a camera that sees the world does not care.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To be learnt from.
    Adapt,
    /// To decide whether what was learnt is better.
    Validate,
    /// To tell how good the result is; nothing is decided by it.
    Test,
}

/// Whether a frame was the last of its round: frames for a purpose come in rounds, over and over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Round {
    /// More are to come.
    Continues,
    /// The next frame is the first again.
    Ends,
}

/// A source of frames of `CHANNELS` bytes a pixel.
pub trait Camera<const CHANNELS: usize> {
    /// What can go wrong.
    type Error: core::fmt::Debug;

    /// Begins a purpose's round anew: its next frame is the first, also if the last round broke off.
    ///
    /// # Errors
    /// If the camera cannot be told.
    fn begin_round(&mut self, purpose: Purpose) -> Result<(), Self::Error>;

    /// Takes the next frame: fills the image, and the labels, with [`IGNORED`](crate::IGNORED) where there is none; tells the
    /// [field of view](Frame::set_field) of which it is a window.
    ///
    /// # Errors
    /// If there is no frame to be had. All labels are [`IGNORED`](crate::IGNORED) then.
    fn capture(&mut self, purpose: Purpose, frame: &mut Frame<'_, CHANNELS>) -> Result<Round, Self::Error>;
}
