//! From numbers of channels and classes that are known at run time to those that are types.

use crate::data::Dataset;
use anyhow::{Result, bail};

/// Something to do with images of `I` channels and `C` classes.
pub(crate) trait ForShape {
    /// What comes of it.
    type Output;

    /// Does it.
    fn run<const I: usize, const C: usize>(self) -> Result<Self::Output>;
}

/// Does it for the channels and classes of a set of images.
pub(crate) fn for_shape_of<T: ForShape>(dataset: &Dataset, task: T) -> Result<T::Output> {
    match (dataset.channels, dataset.classes.len()) {
        (1, 2) => task.run::<1, 2>(),
        (1, 3) => task.run::<1, 3>(),
        (1, 4) => task.run::<1, 4>(),
        (1, 5) => task.run::<1, 5>(),
        (1, 6) => task.run::<1, 6>(),
        (1, 7) => task.run::<1, 7>(),
        (1, 8) => task.run::<1, 8>(),
        (3, 2) => task.run::<3, 2>(),
        (3, 3) => task.run::<3, 3>(),
        (3, 4) => task.run::<3, 4>(),
        (3, 5) => task.run::<3, 5>(),
        (3, 6) => task.run::<3, 6>(),
        (3, 7) => task.run::<3, 7>(),
        (3, 8) => task.run::<3, 8>(),
        (channels, classes) => bail!("{channels} channels and {classes} classes are not supported"),
    }
}
