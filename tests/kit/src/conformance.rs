//! The contract of `scarce::Loss`, line by line, as checks that any loss must pass.
//!
//! [`catalogue`] lists every loss of the library with its families of options, and the f64 reference of each; [`contract`]
//! holds the checks, [`tiling`] what is computed tile by tile, [`oracle`] the comparison with the reference, [`samples`] the
//! data that they are run on. A loss of one's own is checked by [`contract::check`].

pub mod catalogue;
pub mod contract;
mod erased;
pub mod fake;
pub mod oracle;
pub mod samples;
pub mod tiling;
