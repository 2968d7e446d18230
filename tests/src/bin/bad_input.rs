//! Prints what becomes of each kind of bad input.

fn main() {
    print!("{}", scarce_tests::bad_input::table());
}
