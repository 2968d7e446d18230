//! Floats as integers of the same order.

/// Order-preserving bits of a float: a < b as numbers if and only if `key(a) < key(b)`; −0 below +0.
#[inline]
pub(crate) const fn key(value: f32) -> u32 {
    let bits = value.to_bits();
    if bits >> 31 == 0 { bits | 1 << 31 } else { !bits }
}
