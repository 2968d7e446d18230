//! The README's tables of memory and speed are what the library and the measurements say.

use scarce::{
    BinaryCrossEntropy, CrossEntropy, Focal, Heap, Loss, Lovasz, LovaszHinge, LovaszHingeHistogram, LovaszHistogram,
    Ohem, Overlap, PixelContrast, Probabilities, Sigmoid, SigmoidFocal, Softmax, Tiled, Tiles, scratch_len,
    scratch_len_to_write,
};
use scarce_tests::memory_table::{bytes as spaced, table};

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

/// The last two columns of the row whose first column begins so.
fn memory(loss: &str) -> [&str; 2] {
    let row = README.lines().find(|line| line.starts_with(&format!("| {loss}"))).expect("a row of the table");
    let mut columns = row.trim_end_matches('|').rsplit('|').map(str::trim);
    let tiles = columns.next().expect("a last column");
    [columns.next().expect("a column before the last"), tiles]
}

fn scratch(loss: &str) -> &str {
    memory(loss)[0]
}

/// Bytes that are kept tile by tile.
fn tiles<const C: usize, L: Tiled<C>>() -> String {
    spaced(size_of::<Tiles<C, L>>())
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

#[test]
fn table_of_tiles() {
    assert_eq!(memory("`CrossEntropy`")[1], tiles::<4, CrossEntropy<4>>());
    assert_eq!(memory("`BinaryCrossEntropy`")[1], tiles::<1, BinaryCrossEntropy<1>>());
    assert_eq!(memory("`Focal`")[1], tiles::<4, Focal<4>>());
    assert_eq!(memory("`Overlap`")[1], tiles::<4, Overlap<4>>());
    assert_eq!(
        memory("`LovaszHistogram`"),
        [bytes::<4, LovaszHistogram<4>>().to_string(), tiles::<4, LovaszHistogram<4>>()]
    );
    let hinge = [bytes::<1, LovaszHingeHistogram>().to_string(), tiles::<1, LovaszHingeHistogram>()];
    assert_eq!(memory("`LovaszHingeHistogram`"), hinge);
    assert_eq!(memory("`Ohem`")[1], tiles::<4, Ohem<CrossEntropy<4>>>());
}

/// Kilobytes, rounded to so many digits.
fn kilobytes<const C: usize, L: Tiled<C>>(digits: usize) -> String {
    format!("{:.digits$} KB", size_of::<Tiles<C, L>>() as f64 / 1000.0)
}

#[test]
fn first_screen() {
    let screen = README.split("An image need not be in memory.").nth(1).and_then(|rest| rest.split("```").next());
    let screen = screen.expect("a paragraph").replace('\n', " ");
    let all = kilobytes::<21, LovaszHistogram<21>>(0);
    assert!(screen.contains(&format!("21 classes keeps {all} of the {:.0} MB", 512.0 * 512.0 * 84.0 / 1e6)), "{all}");
    let one = kilobytes::<21, LovaszHistogram<21, 256, 1>>(1);
    assert!(screen.contains(&format!("(a class at a time {one})")), "{one}");
    let (ohem, dice) = (kilobytes::<21, Ohem<CrossEntropy<21>>>(1), kilobytes::<21, Overlap<21>>(1));
    assert!(screen.contains(&format!("OHEM {ohem}, Dice {dice}")), "{ohem}, {dice}");
}

#[test]
fn table_of_memory() {
    assert_eq!(
        table(),
        include_str!("../expected/memory.md"),
        "cargo run -p scarce-tests --bin memory > tests/expected/memory.md"
    );
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
