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

/// The row of what a loss takes: instructions, flash, stack, scratch, bytes tile by tile, error of the gradient.
fn cost(loss: &str) -> Vec<&'static str> {
    cells(README.split("What each takes").nth(1).expect("a table"), loss)
}

fn scratch(loss: &str) -> &'static str {
    cost(loss)[3]
}

fn tile_by_tile(loss: &str) -> &'static str {
    cost(loss)[4]
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
    assert_eq!(scratch("`LovaszHistogram`"), bytes::<4, LovaszHistogram<4>>().to_string());
    assert_eq!(scratch("`LovaszHingeHistogram`"), bytes::<1, LovaszHingeHistogram>().to_string());
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
    assert_eq!(tile_by_tile("`CrossEntropy`"), tiles::<4, CrossEntropy<4>>());
    assert_eq!(tile_by_tile("`BinaryCrossEntropy`"), tiles::<1, BinaryCrossEntropy<1>>());
    assert_eq!(tile_by_tile("`Focal`"), tiles::<4, Focal<4>>());
    assert_eq!(tile_by_tile("`SigmoidFocal`"), tiles::<1, SigmoidFocal<1>>());
    assert_eq!(tile_by_tile("`Overlap`"), tiles::<4, Overlap<4>>());
    assert_eq!(tile_by_tile("`LovaszHistogram`"), tiles::<4, LovaszHistogram<4>>());
    assert_eq!(tile_by_tile("`LovaszHingeHistogram`"), tiles::<1, LovaszHingeHistogram>());
    assert_eq!(tile_by_tile("`Ohem`"), tiles::<4, Ohem<CrossEntropy<4>>>());
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
    assert!(screen.contains(&format!("(a class at a time {one}, `LovaszHistogram::of_class`)")), "{one}");
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

const MCU: &str = include_str!("../expected/speed-mcu.txt");

/// Fields of the first line of the benchmark that begins so.
fn measured(name: &str, math: &str, classes: usize, field: &str) -> &'static str {
    let start = format!("bench name={name} math={math} C={classes} ");
    let line = MCU.lines().find(|line| line.starts_with(&start)).expect("a line of the benchmark");
    let value = line.split(' ').find_map(|word| word.strip_prefix(&format!("{field}=")));
    value.expect("a field of the line")
}

#[test]
fn table_of_costs() {
    const ACCURACY: &str = include_str!("../expected/accuracy.md");
    let losses: [(&str, &str, &str, &[usize], &str); 11] = [
        ("CrossEntropy", "cross-entropy", "Fast", &[4, 21], "cross entropy, `Fast`"),
        ("BinaryCrossEntropy", "binary-cross-entropy", "Fast", &[1], "binary cross entropy, `Fast`"),
        ("Focal", "focal", "Fast", &[4, 21], "focal, `Fast`"),
        ("SigmoidFocal", "sigmoid-focal", "Fast", &[1], "sigmoid focal, `Fast`"),
        ("Overlap", "dice", "Fast", &[4, 21], "Dice, `Fast`"),
        ("Lovasz", "lovasz", "Fast", &[4, 21], "Lovász, `Fast`"),
        ("LovaszHistogram", "lovasz-histogram", "Fast", &[4, 21], ""),
        ("LovaszHinge", "lovasz-hinge", "-", &[1], "Lovász hinge, none"),
        ("Ohem", "ohem", "Fast", &[4, 21], ""),
        ("SemanticEncoding", "semantic-encoding", "Fast", &[4], ""),
        ("PixelContrast", "pixel-contrast", "Fast", &[16], ""),
    ];
    for (loss, name, math, classes, row) in losses {
        let instructions: Vec<_> = classes.iter().map(|&classes| measured(name, math, classes, "per_elt")).collect();
        let bytes = |field| spaced(measured(name, math, classes[0], field).parse().expect("a number"));
        let error =
            if row.is_empty() { "–" } else { cells(ACCURACY, row)[0].split(", ").nth(1).expect("the gradient's") };
        let cost = cost(&format!("`{loss}`"));
        assert_eq!(cost[..3], [instructions.join(" / "), bytes("flash"), bytes("stack")], "{loss}");
        assert_eq!(cost[5], error, "{loss}");
    }
}

#[test]
fn tables_of_speed() {
    const HOST: &str = include_str!("../expected/speed-host.md");
    let names = [("cross entropy", "cross-entropy"), ("focal, γ = 2", "focal"), ("Dice", "dice"), ("Lovász", "lovasz")];
    let readme = README.split("## Speed").nth(1).expect("a chapter");
    let (mcu, host) = readme.split_once("On a host").expect("two tables");
    let summary = HOST.split("least, geometric mean, most").nth(1).expect("a summary");
    for (row, name) in names {
        let instructions = |name: &str, math: &str| {
            let of = |classes| measured(name, math, classes, "per_elt");
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

#[test]
fn oldest_rust() {
    let oldest = env!("CARGO_PKG_RUST_VERSION");
    assert!(
        README.contains(&format!("It needs Rust {oldest}.")) && README.contains(&format!("\nRust {oldest}, ")),
        "{oldest}"
    );
}
