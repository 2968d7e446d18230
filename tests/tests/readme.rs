//! The README's table of scratch is what the library says.

use scarce::{
    BinaryCrossEntropy, CrossEntropy, Focal, Heap, Loss, Lovasz, LovaszHinge, Ohem, Overlap, PixelContrast,
    Probabilities, Sigmoid, SigmoidFocal, Softmax, scratch_len,
};

const README: &str = include_str!("../../README.md");

/// Bytes that each further pixel costs.
fn bytes<const C: usize, L: Loss<C>>() -> usize {
    4 * (scratch_len::<C, L>(1001) - scratch_len::<C, L>(1000))
}

/// The last column of the row whose first column begins so.
fn scratch(loss: &str) -> &str {
    let row = README.lines().find(|line| line.starts_with(&format!("| {loss}"))).expect("a row of the table");
    row.trim_end_matches('|').rsplit('|').next().expect("a last column").trim()
}

#[test]
fn table_of_scratch() {
    assert_eq!(scratch("`CrossEntropy`"), bytes::<4, CrossEntropy<4>>().to_string());
    assert_eq!(scratch("`BinaryCrossEntropy`"), bytes::<1, BinaryCrossEntropy<1>>().to_string());
    assert_eq!(bytes::<4, Focal<4>>(), bytes::<1, SigmoidFocal<1>>());
    assert_eq!(scratch("`Focal`"), bytes::<4, Focal<4>>().to_string());
    assert_eq!(scratch("`Overlap`"), bytes::<4, Overlap<4>>().to_string());
    let lovasz = (bytes::<4, Lovasz<4>>(), bytes::<4, Lovasz<4, Softmax, Heap>>());
    assert_eq!(scratch("`Lovasz`"), format!("{}; with `Heap` {}", lovasz.0, lovasz.1));
    assert!(bytes::<4, Lovasz<4, Sigmoid>>() <= lovasz.0 && bytes::<4, Lovasz<4, Probabilities>>() <= lovasz.0);
    let hinge = (bytes::<1, LovaszHinge>(), bytes::<1, LovaszHinge<Heap>>());
    assert_eq!(scratch("`LovaszHinge`"), format!("{}; with `Heap` {}", hinge.0, hinge.1));
    assert_eq!(scratch("`Ohem`"), bytes::<4, Ohem<CrossEntropy<4>>>().to_string());
    let contrast = 4 * (PixelContrast::scratch_len(101) - PixelContrast::scratch_len(100));
    assert_eq!(scratch("`PixelContrast`"), format!("{contrast} an anchor"));
}
