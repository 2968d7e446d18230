//! Faults and the log: a firmware that fails ends the emulator with a code that says how.

#![allow(unsafe_code, reason = "the fault handler, and the symbol that tells the machine")]

use core::sync::atomic::{AtomicBool, Ordering};
#[cfg(target_arch = "arm")]
use cortex_m::interrupt; // and the critical section
use defmt_semihosting as _; // the log
#[cfg(target_arch = "riscv32")]
use riscv::interrupt; // and the critical section

const PANICKED: i32 = 101;
const ASSERTION_FAILED: i32 = 102;
const FAULTED: i32 = 103;

#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    static PANICKING: AtomicBool = AtomicBool::new(false);
    interrupt::disable();
    // A load and a store: a Cortex-M0 has no swap.
    if !PANICKING.load(Ordering::Relaxed) {
        PANICKING.store(true, Ordering::Relaxed);
        defmt::error!("{}", defmt::Display2Format(info));
    }
    exit(PANICKED)
}

#[defmt::panic_handler]
fn assertion_failed() -> ! {
    let code = ASSERTION_FAILED;
    exit(code)
}

#[cfg(target_arch = "arm")]
#[cortex_m_rt::exception]
unsafe fn HardFault(frame: &cortex_m_rt::ExceptionFrame) -> ! {
    defmt::error!("a fault at {=u32:#010x}", frame.pc());
    exit(FAULTED)
}

/// What riscv-rt calls for exceptions.
#[cfg(target_arch = "riscv32")]
#[unsafe(export_name = "ExceptionHandler")]
fn exception(_: &riscv_rt::TrapFrame) -> ! {
    defmt::error!("a fault at {=usize:#010x}", riscv::register::mepc::read());
    exit(FAULTED)
}

/// Ends the program; the emulator exits with this code.
pub fn exit(code: i32) -> ! {
    semihosting::process::exit(code)
}

/// Tells whoever runs the firmware on which of QEMU's machines.
macro_rules! machine {
    ($($feature:literal $machine:literal),*) => {
        $(
            #[cfg(feature = $feature)]
            #[used]
            #[unsafe(export_name = concat!("qemu_machine=", $machine))]
            static MACHINE: u8 = 0;
        )*
    };
}
machine!(
    "mps2-an386" "mps2-an386", "mps2-an500" "mps2-an500", "mps2-an385" "mps2-an385", "mps2-an505" "mps2-an505",
    "microbit" "microbit", "qemu-riscv32" "virt"
);
