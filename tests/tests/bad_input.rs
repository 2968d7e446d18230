//! What is written of bad input is what becomes of it.

#[test]
fn the_table_is_current() {
    let table = scarce_tests::bad_input::table();
    assert!(
        table == include_str!("../expected/bad_input.md"),
        "if it should be otherwise: cargo run -p scarce-tests --bin bad_input > tests/expected/bad_input.md\n{table}"
    );
}
