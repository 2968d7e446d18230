//! Prints the bits of every loss on fixed data, one line a loss: the same lines on every machine, `tests/expected/bits.txt`.

#![cfg_attr(target_os = "none", no_std, no_main)]

use scarce_mcu::selfcheck::{self, Line};

#[cfg(target_os = "none")]
#[scarce_mcu::board::entry]
fn main() -> ! {
    use scarce_mcu::board;
    let result = selfcheck::run(|Line { name, functions, value, hash }| {
        defmt::println!("{=str}; {=str}: {=u32:08x} {=u64:016x}", name, functions, value, hash);
    });
    if let Err(fault) = result {
        defmt::error!("{}", defmt::Debug2Format(&fault));
        board::exit(1);
    }
    board::exit(0)
}

#[cfg(not(target_os = "none"))]
fn main() -> std::process::ExitCode {
    let result = selfcheck::run(|Line { name, functions, value, hash }| {
        println!("{name}; {functions}: {value:08x} {hash:016x}");
    });
    result.map_or_else(
        |fault| {
            eprintln!("{fault:?}");
            std::process::ExitCode::FAILURE
        },
        |()| std::process::ExitCode::SUCCESS,
    )
}
