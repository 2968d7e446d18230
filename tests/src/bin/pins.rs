//! Prints the bits of every loss on fixed data: `tests/expected/pins.txt` is this program's output.

fn main() {
    print!("{}", scarce_tests::pins::pins());
}
