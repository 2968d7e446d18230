//! Tells the linker of the board whose feature is chosen. Does nothing for a host, nor where no board is chosen: the
//! library and `link_proof` need none.

use std::path::PathBuf;
use std::{env, fs, io};

const BOARDS: [&str; 7] =
    ["mps2-an386", "mps2-an500", "mps2-an385", "mps2-an505", "microbit", "nrf52840-dk", "qemu-riscv32"];

const FIRMWARE: [&str; 3] = ["--nmagic", "-Tlink.x", "-Tdefmt.x"];

/// It has its own entry point, and is linked for targets that no board has.
const WITHOUT_BOARD: &str = "link_proof";

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=memory");
    println!("cargo::rerun-if-changed=src/bin");
    println!("cargo::rustc-check-cfg=cfg(planted_allocation)"); // tests/run plants it
    println!("cargo::rustc-check-cfg=cfg(rust_analyzer)"); // the macros of embedded-test ask for it
    if variable("CARGO_CFG_TARGET_OS") != "none" {
        return Ok(());
    }
    let chosen: Vec<&str> = BOARDS.into_iter().filter(|board| is_chosen(board)).collect();
    match chosen[..] {
        [] => Ok(()),
        [board] => link(board),
        _ => {
            println!("cargo::error=a firmware is for one board, and these features choose several: {chosen:?}");
            Ok(())
        }
    }
}

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_default()
}

fn is_chosen(board: &str) -> bool {
    env::var_os(format!("CARGO_FEATURE_{}", board.to_uppercase().replace('-', "_"))).is_some()
}

fn link(board: &str) -> io::Result<()> {
    let output = PathBuf::from(variable("OUT_DIR"));
    fs::copy(format!("memory/{board}.x"), output.join("memory.x"))?; // the start-up crate's link.x includes it by this name
    println!("cargo::rustc-link-search={}", output.display());
    println!("cargo::rustc-env=BOARD={board}");
    for file in fs::read_dir("src/bin")? {
        let path = file?.path();
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        if name != WITHOUT_BOARD {
            for argument in FIRMWARE {
                println!("cargo::rustc-link-arg-bin={name}={argument}");
            }
        }
    }
    for argument in FIRMWARE.into_iter().chain(["-Tembedded-test.x"]) {
        println!("cargo::rustc-link-arg-tests={argument}");
    }
    Ok(())
}
