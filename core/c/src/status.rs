//! Why a call was refused, as C is told.

use crate::batch::Layout;
use scarce::Error;

/// What every function returns, as an `int32_t`. Whatever is not `SCARCE_STATUS_OK` is an error: nothing has been written but
/// the `struct scarce_error`, if one was given.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Done.
    Ok = 0,
    /// A buffer has the wrong length: `buffer`, `needed`, `got`.
    Length = 1,
    /// A label is neither a class nor the ignored one: `index` is the first such pixel, `label` its label.
    Label = 2,
    /// A score of a pixel that is not ignored is NaN or infinite: `index` is the first such pixel, or the image.
    NonFinite = 3,
    /// An embedding is NaN, larger than 1e12 in a component, or too short to be normalised: `index`.
    Embedding = 4,
    /// An anchor is not the index of an embedding, or of an ignored one: `index` is its place in the list.
    Anchor = 5,
    /// A score was to be a probability: `index`. No function here takes probabilities.
    Probability = 6,
    /// The pixels (`got`) cannot be divided into so many images (`needed`).
    Images = 7,
    /// More than 2^32 - 1 pixels.
    TooManyPixels = 8,
    /// Tiles have been settled. No function here takes tiles.
    Settled = 9,
    /// Tiles are yet to be settled. No function here takes tiles.
    Unsettled = 10,
    /// A parameter is NaN or outside its domain: `parameter`.
    Parameter = 11,
    /// The library refuses, for a reason that this interface has no name for.
    Other = 12,
    /// A pointer is NULL: `buffer`.
    Null = 32,
    /// A pointer is not aligned for what it points to: `buffer`.
    Misaligned = 33,
    /// A buffer that is to be written, `buffer`, overlaps another.
    Overlap = 34,
    /// A buffer would be larger than an object can be: `buffer`.
    TooLong = 35,
    /// The library was not built for this number of classes or dimensions (`SCARCE_CLASSES`, `SCARCE_DIMENSIONS`), or this
    /// loss is not defined for it: `got`.
    NotBuilt = 36,
    /// A field that holds one of an enumeration holds something else: `got`.
    Enumerator = 37,
    /// The library was not built for this layout (its features `rows` and `planes`): `got`.
    LayoutNotBuilt = 38,
}

/// What a pointer points to.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Buffer {
    /// None is meant.
    None = 0,
    /// The scores.
    Logits = 1,
    /// The class of each pixel.
    Labels = 2,
    /// The gradient.
    Grad = 3,
    /// Working memory.
    Scratch = 4,
    /// Indices of embeddings.
    Anchors = 5,
    /// Embeddings.
    Embeddings = 6,
    /// The struct that holds the data: batch, presence or embeddings.
    Data = 7,
    /// The struct that holds the options.
    Options = 8,
    /// An array of a number for each class among the options.
    ClassOptions = 9,
    /// Where the loss is written.
    Loss = 10,
    /// One that this interface has no name for.
    Other = 11,
}

/// A parameter that is checked; its domain.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parameter {
    /// None is meant.
    None = 0,
    /// A weight: 0, or in 1e-12 to 1e12.
    Weight = 1,
    /// The weight of a term of a sum: in -1e12 to 1e12.
    TermWeight = 2,
    /// The weight of the positive label: 0, or in 1e-12 to 1e12.
    PosWeight = 3,
    /// The label smoothing: in 0 to 1.
    LabelSmoothing = 4,
    /// An addend of the logits: in -1e12 to 1e12.
    LogitAdjustment = 5,
    /// The divisor of the sum: in 1e-12 to 1e12.
    Divisor = 6,
    /// A focusing exponent: in 0 to 1e12.
    Gamma = 7,
    /// The balance of a focal loss: 0, or in 1e-12 to 1e12; on a sigmoid, in 0 to 1.
    Alpha = 8,
    /// The weights of false positives and negatives: 0, or in 1e-12 to 1e12.
    FalseWeight = 9,
    /// A smoothing constant: 0, or in 1e-12 to 1e12.
    Smoothing = 10,
    /// The threshold of hard example mining: in 0 to 1, of a loss in 0 to 1e12.
    Thresh = 11,
    /// The share of pixels to keep: in 0 to 1.
    MinKept = 12,
    /// A temperature: in 1e-6 to 1e6.
    Temperature = 13,
    /// The number of pairs.
    Pairs = 14,
    /// The factor of the gradient: in -1e12 to 1e12.
    Scale = 15,
    /// The scale of quantised numbers. No function here takes any.
    QuantizationScale = 16,
    /// One that this interface has no name for.
    Other = 17,
}

/// What was wrong, and where. What the status does not name is 0.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ErrorReport {
    /// One of `enum scarce_status`.
    pub status: i32,
    /// One of `enum scarce_buffer`.
    pub buffer: u32,
    /// One of `enum scarce_parameter`.
    pub parameter: u32,
    /// The label that was found.
    pub label: u32,
    /// Index of the pixel, image, embedding or anchor.
    pub index: usize,
    /// What was needed.
    pub needed: usize,
    /// What was given.
    pub got: usize,
}

/// Why a call is refused.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Failure {
    Library(Error),
    Null(Buffer),
    Misaligned(Buffer),
    Overlap(Buffer),
    TooLong(Buffer),
    NotBuilt(usize),
    LayoutNotBuilt(Layout),
    Enumerator(u32),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Library(error)
    }
}

impl Failure {
    /// As C is told.
    pub(crate) fn report(self) -> ErrorReport {
        let of = |status: Status| ErrorReport { status: status as i32, ..ErrorReport::default() };
        let at = |status: Status, index: usize| ErrorReport { index, ..of(status) };
        let buffer = |status: Status, buffer: Buffer| ErrorReport { buffer: buffer as u32, ..of(status) };
        match self {
            Self::Library(Error::Length { buffer: which, needed, got }) => {
                ErrorReport { needed, got, ..buffer(Status::Length, which.into()) }
            }
            Self::Library(Error::Label { pixel, label }) => {
                ErrorReport { label: u32::from(label), ..at(Status::Label, pixel) }
            }
            Self::Library(Error::NonFinite { pixel }) => at(Status::NonFinite, pixel),
            Self::Library(Error::Embedding { pixel }) => at(Status::Embedding, pixel),
            Self::Library(Error::Anchor { anchor }) => at(Status::Anchor, anchor),
            Self::Library(Error::Probability { pixel }) => at(Status::Probability, pixel),
            Self::Library(Error::Images { images, pixels }) => {
                ErrorReport { needed: images, got: pixels, ..of(Status::Images) }
            }
            Self::Library(Error::TooManyPixels) => of(Status::TooManyPixels),
            Self::Library(Error::Settled) => of(Status::Settled),
            Self::Library(Error::Unsettled) => of(Status::Unsettled),
            Self::Library(Error::Parameter(which)) => {
                ErrorReport { parameter: Parameter::from(which) as u32, ..of(Status::Parameter) }
            }
            // The library may name more reasons in a later version.
            Self::Library(_) => of(Status::Other),
            Self::Null(which) => buffer(Status::Null, which),
            Self::Misaligned(which) => buffer(Status::Misaligned, which),
            Self::Overlap(which) => buffer(Status::Overlap, which),
            Self::TooLong(which) => buffer(Status::TooLong, which),
            Self::NotBuilt(got) => ErrorReport { got, ..of(Status::NotBuilt) },
            Self::LayoutNotBuilt(got) => ErrorReport { got: got as usize, ..of(Status::LayoutNotBuilt) },
            Self::Enumerator(got) => ErrorReport { got: got as usize, ..of(Status::Enumerator) },
        }
    }
}

/// What an enumerator stands for, of an enumeration's values from 0 on.
pub(crate) fn one_of<T: Copy, const N: usize>(values: [T; N], number: u32) -> Result<T, Failure> {
    values.get(number as usize).copied().ok_or(Failure::Enumerator(number))
}

impl From<scarce::Buffer> for Buffer {
    fn from(buffer: scarce::Buffer) -> Self {
        match buffer {
            scarce::Buffer::Labels => Self::Labels,
            scarce::Buffer::Grad => Self::Grad,
            scarce::Buffer::Scratch => Self::Scratch,
            scarce::Buffer::Anchors => Self::Anchors,
            _ => Self::Other,
        }
    }
}

impl From<scarce::Parameter> for Parameter {
    fn from(parameter: scarce::Parameter) -> Self {
        match parameter {
            scarce::Parameter::Weight => Self::Weight,
            scarce::Parameter::TermWeight => Self::TermWeight,
            scarce::Parameter::PosWeight => Self::PosWeight,
            scarce::Parameter::LabelSmoothing => Self::LabelSmoothing,
            scarce::Parameter::LogitAdjustment => Self::LogitAdjustment,
            scarce::Parameter::Divisor => Self::Divisor,
            scarce::Parameter::Gamma => Self::Gamma,
            scarce::Parameter::Alpha => Self::Alpha,
            scarce::Parameter::FalseWeight => Self::FalseWeight,
            scarce::Parameter::Smoothing => Self::Smoothing,
            scarce::Parameter::Thresh => Self::Thresh,
            scarce::Parameter::MinKept => Self::MinKept,
            scarce::Parameter::Temperature => Self::Temperature,
            scarce::Parameter::Pairs => Self::Pairs,
            scarce::Parameter::Scale => Self::Scale,
            scarce::Parameter::QuantizationScale => Self::QuantizationScale,
            _ => Self::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn status(error: Error) -> i32 {
        Failure::from(error).report().status
    }

    #[test]
    fn each_error_of_the_library_has_a_status_of_its_own() {
        let buffer = scarce::Buffer::Scratch;
        let errors = [
            (Error::Length { buffer, needed: 2, got: 1 }, Status::Length),
            (Error::Label { pixel: 1, label: 2 }, Status::Label),
            (Error::NonFinite { pixel: 1 }, Status::NonFinite),
            (Error::Embedding { pixel: 1 }, Status::Embedding),
            (Error::Anchor { anchor: 1 }, Status::Anchor),
            (Error::Probability { pixel: 1 }, Status::Probability),
            (Error::Images { images: 2, pixels: 3 }, Status::Images),
            (Error::TooManyPixels, Status::TooManyPixels),
            (Error::Settled, Status::Settled),
            (Error::Unsettled, Status::Unsettled),
            (Error::Parameter(scarce::Parameter::Gamma), Status::Parameter),
        ];
        for (error, expected) in errors {
            assert_eq!(status(error), expected as i32, "{error:?}");
        }
        let statuses: BTreeSet<i32> = errors.iter().map(|(error, _)| status(*error)).collect();
        assert_eq!(statuses, (1..=11).collect());
    }

    #[test]
    fn a_refused_layout_is_not_taken_for_a_number_of_classes() {
        let report = |status: Status| ErrorReport { status: status as i32, got: 1, ..ErrorReport::default() };
        assert_eq!(Failure::NotBuilt(1).report(), report(Status::NotBuilt));
        assert_eq!(Failure::LayoutNotBuilt(Layout::Planes).report(), report(Status::LayoutNotBuilt));
    }

    #[test]
    fn each_parameter_has_a_name_of_its_own() {
        use scarce::Parameter as P;
        let parameters = [
            P::Weight,
            P::TermWeight,
            P::PosWeight,
            P::LabelSmoothing,
            P::LogitAdjustment,
            P::Divisor,
            P::Gamma,
            P::Alpha,
            P::FalseWeight,
            P::Smoothing,
            P::Thresh,
            P::MinKept,
            P::Temperature,
            P::Pairs,
            P::Scale,
            P::QuantizationScale,
        ];
        let names = parameters.map(|parameter| Failure::from(Error::Parameter(parameter)).report().parameter);
        assert!(names.into_iter().eq(1..=16), "{names:?}");
    }

    #[test]
    fn a_length_tells_of_its_buffer() {
        let of = |buffer| Failure::from(Error::Length { buffer, needed: 2, got: 1 }).report();
        for (buffer, name) in [
            (scarce::Buffer::Labels, Buffer::Labels),
            (scarce::Buffer::Grad, Buffer::Grad),
            (scarce::Buffer::Scratch, Buffer::Scratch),
            (scarce::Buffer::Anchors, Buffer::Anchors),
            (scarce::Buffer::Output, Buffer::Other),
        ] {
            let expected = ErrorReport { status: 1, buffer: name as u32, needed: 2, got: 1, ..ErrorReport::default() };
            assert_eq!(of(buffer), expected);
        }
    }
}
