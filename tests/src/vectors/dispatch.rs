//! From a number known at run time to a const generic.

/// `function::<N>(arguments)` for the first `N` of a list that is the number, else `None`.
macro_rules! for_numbers {
    ($number:expr, [$($candidate:literal)*], $function:ident $arguments:tt) => {
        match $number {
            $($candidate => Some($function::<$candidate> $arguments),)*
            _ => None,
        }
    };
}

/// `function::<C>(arguments)` for a number of channels.
///
/// Each number takes seconds to compile. These are of the files that come with this package; with the feature
/// `more-shapes` there are more that data sets are likely to have.
macro_rules! for_channels {
    ($number:expr, $function:ident $arguments:tt) => {{
        #[cfg(not(feature = "more-shapes"))]
        let result = $crate::vectors::dispatch::for_numbers!(
            $number, [2 3 4 5 19 21], $function $arguments
        );
        #[cfg(feature = "more-shapes")]
        let result = $crate::vectors::dispatch::for_numbers!(
            $number,
            [2 3 4 5 6 7 8 9 10 11 12 16 19 20 21 32],
            $function $arguments
        );
        result
    }};
}

/// `function::<D>(arguments)` for the dimension of an embedding, as [`for_channels`].
macro_rules! for_dimensions {
    ($number:expr, $function:ident $arguments:tt) => {{
        #[cfg(not(feature = "more-shapes"))]
        let result = $crate::vectors::dispatch::for_numbers!($number, [3 4 6 8 16 32], $function $arguments);
        #[cfg(feature = "more-shapes")]
        let result = $crate::vectors::dispatch::for_numbers!(
            $number,
            [1 2 3 4 5 6 7 8 10 12 16 20 24 32 48 64 96 128 256],
            $function $arguments
        );
        result
    }};
}

pub(super) use {for_channels, for_dimensions, for_numbers};
