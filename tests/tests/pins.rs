//! The bits that the release build gave are the bits that this build gives.

use scarce_tests::pins::pins;
use std::path::Path;

#[test]
fn bits_are_as_committed() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("expected/pins.txt");
    let committed = std::fs::read_to_string(&path).expect("expected/pins.txt is committed");
    let found = pins();
    let differs = committed.lines().zip(found.lines()).find(|(committed, found)| committed != found);
    assert!(
        committed == found,
        "{differs:?}, {} lines committed, {} found. If the numerics were changed on purpose: cargo run --release -q -p \
         scarce-tests --bin pins > tests/expected/pins.txt, and a line in the changelog",
        committed.lines().count(),
        found.lines().count()
    );
}
