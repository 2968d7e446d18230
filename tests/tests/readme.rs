//! The README's tables of scratch and speed are what the library and the measurements say.

use scarce::{
    BinaryCrossEntropy, CrossEntropy, Focal, Heap, Loss, Lovasz, LovaszHinge, Ohem, Overlap, PixelContrast,
    Probabilities, Sigmoid, SigmoidFocal, Softmax, scratch_len, scratch_len_to_write,
};

const README: &str = include_str!("../../README.md");

/// Bytes that each further pixel costs.
fn bytes<const C: usize, L: Loss<C>>() -> usize {
    4 * (scratch_len::<C, L>(1001) - scratch_len::<C, L>(1000))
}

/// The same where the gradient is written, and where it is added.
fn to_write_and_to_add<const C: usize, L: Loss<C>>() -> String {
    let to_write = 4 * (scratch_len_to_write::<C, L>(1001) - scratch_len_to_write::<C, L>(1000));
    format!("{to_write}, to add {}", bytes::<C, L>())
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
    let lovasz = [to_write_and_to_add::<4, Lovasz<4>>(), to_write_and_to_add::<4, Lovasz<4, Softmax, Heap>>()];
    assert_eq!(scratch("`Lovasz`"), lovasz.join("; with `Heap` "));
    for other in [bytes::<4, Lovasz<4, Sigmoid>>(), bytes::<4, Lovasz<4, Probabilities>>()] {
        assert!(other <= bytes::<4, Lovasz<4>>());
    }
    let hinge = [to_write_and_to_add::<1, LovaszHinge>(), to_write_and_to_add::<1, LovaszHinge<Heap>>()];
    assert_eq!(scratch("`LovaszHinge`"), hinge.join("; with `Heap` "));
    assert_eq!(scratch("`Ohem`"), bytes::<4, Ohem<CrossEntropy<4>>>().to_string());
    let contrast = 4 * (PixelContrast::scratch_len(101) - PixelContrast::scratch_len(100));
    assert_eq!(scratch("`PixelContrast`"), format!("{contrast} an anchor"));
}

/// The cells of a row whose first one is this.
fn cells<'a>(text: &'a str, first: &str) -> Vec<&'a str> {
    let row = text.lines().find(|line| line.starts_with(&format!("| {first} |")));
    let row = row.unwrap_or_else(|| panic!("no row {first}"));
    row.split('|').map(str::trim).filter(|cell| !cell.is_empty()).skip(1).collect()
}

#[test]
fn tables_of_speed() {
    const MCU: &str = include_str!("../expected/speed-mcu.txt");
    const HOST: &str = include_str!("../expected/speed-host.md");
    let names = [("cross entropy", "cross-entropy"), ("focal, γ = 2", "focal"), ("Dice", "dice"), ("Lovász", "lovasz")];
    let readme = README.split("## Speed").nth(1).expect("a chapter");
    let (mcu, host) = readme.split_once("On a host").expect("two tables");
    let summary = HOST.split("least, geometric mean, most").nth(1).expect("a summary");
    for (row, name) in names {
        let instructions = |name: &str, math: &str| {
            let of = |classes| {
                let start = format!("bench name={name} math={math} C={classes} P=1024 ");
                let line = MCU.lines().find(|line| line.starts_with(&start)).expect("a line of the benchmark");
                line.split("per_elt=").nth(1).and_then(|rest| rest.split(' ').next()).expect("a number")
            };
            format!("{} / {}", of(4), of(21))
        };
        let textbook = |language| instructions(&format!("textbook-{language}-{name}"), "-");
        let expected = [instructions(name, "Fast"), instructions(name, "Fixed"), textbook("rust"), textbook("c")];
        assert_eq!(cells(mcu, row), expected, "{row}");
    }
    let names = [
        ("cross entropy", "ce"),
        ("focal, γ = 2", "focal"),
        ("Dice", "dice"),
        ("OHEM", "ohem"),
        ("Lovász", "lovasz"),
        ("pixel contrast", "contrast"),
    ];
    for (row, name) in names {
        let ratios = cells(summary, name);
        let [fast, _, fast_v3, _] = ratios[..] else { panic!("{name}: another table") };
        assert_eq!(cells(host, row), [fast, fast_v3], "{row}");
    }
}
