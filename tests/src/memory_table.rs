//! What each loss takes beside scores, labels and gradient, for images of three sizes: a table.

use scarce::{
    CrossEntropy, Focal, Heap, Loss, Lovasz, LovaszHinge, LovaszHingeHistogram, LovaszHistogram, Ohem, Overlap,
    Softmax, Sum, Tiled, Tiles, scratch_len, scratch_len_to_write,
};
use std::fmt::Write as _;

/// Height, width and classes.
const IMAGES: [[usize; 3]; 3] = [[64, 64, 4], [128, 128, 5], [512, 512, 21]];

/// The table, as `tests/expected/memory.md` holds it.
#[must_use]
pub fn table() -> String {
    let mut table = Table(String::new());
    table.line(
        "Memory beside scores and labels, and beside the gradient where that does not take the place of the scores.",
    );
    table.line("Bytes of scratch for any method; for `value_and_grad` alone; and tile by tile, whatever the size of the image.");
    table.line("With `Radix`, on hosts, 48 KiB of counters from 12 032 pixels on are included.");
    table.line("");
    table.line("Made by `cargo run -p scarce-tests --bin memory > tests/expected/memory.md`.");
    table.line("");
    table.row("loss", IMAGES.map(|[height, width, classes]| format!("{height}×{width}×{classes}")));
    table.row("---", ["---"; 3].map(String::from));
    table.row("the scores themselves", IMAGES.map(|[height, width, classes]| bytes(4 * height * width * classes)));
    table.tiled::<CrossEntropy<4>, CrossEntropy<5>, CrossEntropy<21>>("cross entropy");
    table.tiled::<Focal<4>, Focal<5>, Focal<21>>("focal");
    table.tiled::<Overlap<4>, Overlap<5>, Overlap<21>>("Dice and its relatives");
    table.tiled::<Ohem<CrossEntropy<4>>, Ohem<CrossEntropy<5>>, Ohem<CrossEntropy<21>>>("OHEM");
    table.whole::<Lovasz<4>, Lovasz<5>, Lovasz<21>>("Lovász, `Radix`");
    table.whole::<Lovasz<4, Softmax, Heap>, Lovasz<5, Softmax, Heap>, Lovasz<21, Softmax, Heap>>("Lovász, `Heap`");
    table.tiled::<LovaszHistogram<4>, LovaszHistogram<5>, LovaszHistogram<21>>("Lovász, 256 bins");
    table.tiled::<LovaszHistogram<4, 64>, LovaszHistogram<5, 64>, LovaszHistogram<21, 64>>("Lovász, 64 bins");
    table.tiled::<LovaszHistogram<4, 256, 1>, LovaszHistogram<5, 256, 1>, LovaszHistogram<21, 256, 1>>(
        "Lovász, 256 bins, a class at a time",
    );
    table.tiled::<
        Sum<CrossEntropy<4>, LovaszHistogram<4>>,
        Sum<CrossEntropy<5>, LovaszHistogram<5>>,
        Sum<CrossEntropy<21>, LovaszHistogram<21>>,
    >("cross entropy + Lovász, 256 bins");
    table.line("");
    table.line("One channel, so that the number of classes does not matter:");
    table.line("");
    table.row("loss", IMAGES.map(|[height, width, _]| format!("{height}×{width}")));
    table.row("---", ["---"; 3].map(String::from));
    table.row("the scores themselves", IMAGES.map(|[height, width, _]| bytes(4 * height * width)));
    table.row("Lovász hinge, `Radix`", IMAGES.map(scratch::<1, LovaszHinge>));
    table.row("Lovász hinge, `Heap`", IMAGES.map(scratch::<1, LovaszHinge<Heap>>));
    table.row(
        "Lovász hinge, 256 bins",
        IMAGES.map(|image| scratch::<1, LovaszHingeHistogram>(image) + &state::<1, LovaszHingeHistogram>()),
    );
    table.0
}

struct Table(String);

impl Table {
    fn line(&mut self, line: &str) {
        writeln!(self.0, "{line}").expect("a string takes everything");
    }

    fn row(&mut self, first: &str, [a, b, c]: [String; 3]) {
        self.line(&format!("| {first} | {a} | {b} | {c} |"));
    }

    /// A loss over 4, 5 and 21 classes that takes the whole image.
    fn whole<A: Loss<4>, B: Loss<5>, D: Loss<21>>(&mut self, name: &str) {
        let [a, b, c] = IMAGES;
        self.row(name, [scratch::<4, A>(a), scratch::<5, B>(b), scratch::<21, D>(c)].map(|cell| cell + ", –"));
    }

    /// A loss over 4, 5 and 21 classes that takes tiles, too.
    fn tiled<A: Tiled<4>, B: Tiled<5>, D: Tiled<21>>(&mut self, name: &str) {
        let [a, b, c] = IMAGES;
        let cells = [
            scratch::<4, A>(a) + &state::<4, A>(),
            scratch::<5, B>(b) + &state::<5, B>(),
            scratch::<21, D>(c) + &state::<21, D>(),
        ];
        self.row(name, cells);
    }
}

fn scratch<const C: usize, L: Loss<C>>([height, width, _]: [usize; 3]) -> String {
    let pixels = height * width;
    let [any, write] = [scratch_len::<C, L>(pixels), scratch_len_to_write::<C, L>(pixels)].map(|words| 4 * words);
    format!("{}, {}", bytes(any), bytes(write))
}

fn state<const C: usize, L: Tiled<C>>() -> String {
    format!(", {}", bytes(size_of::<Tiles<C, L>>()))
}

/// With a space between thousands.
#[must_use]
pub fn bytes(bytes: usize) -> String {
    let digits = bytes.to_string();
    let groups = digits.as_bytes().rchunks(3).rev().map(|group| String::from_utf8_lossy(group));
    groups.collect::<Vec<_>>().join(" ")
}
