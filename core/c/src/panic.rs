//! The panic handler of bare metal, which cannot be linked: no panic is reachable.

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    unsafe extern "C" {
        fn scarce_a_panic_is_reachable() -> !;
    }
    // SAFETY: the symbol does not exist, so a program that could call it does not link.
    unsafe { scarce_a_panic_is_reachable() }
}

/// Panics beyond the end: linking it must fail. `examples-mcu/c/run` plants it.
#[cfg(planted_panic)]
#[unsafe(no_mangle)]
pub(crate) extern "C" fn scarce_planted_panic(place: usize) -> u8 {
    b"panic"[place]
}
