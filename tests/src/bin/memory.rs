//! Prints what each loss takes beside scores, labels and gradient.

fn main() {
    print!("{}", scarce_tests::memory_table::table());
}
