//! The k-th smallest of many keys, without moving them.

/// Words that [`nth`] counts in.
pub(crate) const COUNTERS: usize = 256;

/// The key of rank `rank` (from 0) in ascending order, by radix refinement: one counting pass for each byte, the highest
/// first. The largest key there is if there are not so many.
///
/// `slice::select_nth_unstable` costs 1.8 KB of flash, brings a path to a panic, and moves its input.
pub(crate) fn nth(keys: &[u32], mut rank: u32, counters: &mut [u32]) -> u32 {
    let Some(counters) = counters.first_chunk_mut::<COUNTERS>() else { return u32::MAX };
    let (mut prefix, mut known) = (0_u32, 0_u32);
    for shift in [24, 16, 8, 0] {
        counters.fill(0);
        for key in keys.iter().filter(|&&key| key & known == prefix) {
            let count = &mut counters[((key >> shift) & 255) as usize];
            *count = count.wrapping_add(1);
        }
        let mut digit = 255;
        for (value, &count) in (0_u32..).zip(counters.iter()) {
            if rank < count {
                digit = value;
                break;
            }
            rank = rank.wrapping_sub(count);
        }
        prefix |= digit << shift;
        known |= 255 << shift;
    }
    prefix
}
