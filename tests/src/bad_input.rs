//! What becomes of each kind of bad or empty input: a table.

use scarce::metrics::Confusion;
use scarce::sample::{All, Hardest, Stride, segmentation_aware};
use scarce::{
    Batch, BinaryCrossEntropy, CrossEntropy, Embeddings, Error, ExpTable, Focal, Heap, Labels, Loss, Lovasz,
    LovaszHinge, LovaszHingeHistogram, LovaszHistogram, Memory, Ohem, Overlap, Parameter, PixelContrast, Planes,
    Quantized, QuantizedMut, SemanticEncoding, SigmoidFocal, Sum, Tiled, Tiles, Within, lovasz_grad,
};
use scarce_kit::conformance::catalogue::{self, BadVisitor};
use scarce_kit::patterns::{Random, Scores, random_labels};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{Debug, Write as _};

const CLASSES: usize = 3;
const PIXELS: usize = 12;
const IGNORED: u8 = 255;

/// Whatever is added to a negative zero, or overwrites it, changes its bits.
const UNTOUCHED: f32 = -0.0;
const DIRT: u32 = 0x7fc0_dead;

fn is_untouched<const C: usize>(gradient: &[[f32; C]]) -> bool {
    gradient.as_flattened().iter().all(|slope| slope.to_bits() == UNTOUCHED.to_bits())
}

/// The table, as `tests/expected/bad_input.md` holds it.
///
/// # Panics
/// If a call that is refused writes to a buffer, or one that is not gives something that is not finite.
#[must_use]
pub fn table() -> String {
    let mut table = Table::default();
    batches(&mut table);
    table.every_loss();
    table.parameters();
    others(&mut table);
    table.print()
}

/// What was done, what came of it, and with which types.
#[derive(Default)]
struct Table {
    /// In the order in which they were met.
    inputs: Vec<String>,
    outcomes: BTreeMap<(usize, String), Vec<String>>,
}

impl Table {
    fn add(&mut self, input: &str, outcome: String, of: &str) {
        let place = self.inputs.iter().position(|known| known == input).unwrap_or_else(|| {
            self.inputs.push(input.into());
            self.inputs.len() - 1
        });
        let types = self.outcomes.entry((place, outcome)).or_default();
        if !types.iter().any(|known| known == of) {
            types.push(of.into());
        }
    }

    /// A call that must be refused, and that has no buffers.
    fn refused<T>(&mut self, input: &str, result: Result<T, Error>, of: &str) {
        match result {
            Ok(_) => panic!("{of}, {input}: not refused"),
            Err(error) => self.add(input, describe(error), of),
        }
    }

    fn print(&self) -> String {
        let mut text = String::from(
            "Made by `cargo run -p scarce-tests --bin bad_input > tests/expected/bad_input.md`, which fails if a call that is\n\
             refused writes to gradient or scratch, or if one that is not gives a NaN or an infinity.\n\n\
             | input | what becomes of it | where |\n|---|---|---|\n",
        );
        for ((place, outcome), types) in &self.outcomes {
            let types: Vec<String> = types.iter().map(|of| format!("`{of}`")).collect();
            writeln!(text, "| {} | {outcome} | {} |", self.inputs[*place], types.join(", "))
                .expect("a string takes all");
        }
        text
    }
}

/// An error without the numbers that depend on the example.
fn describe(error: Error) -> String {
    match error {
        Error::Length { buffer, .. } => format!("`Error::Length`: {buffer}"),
        Error::Parameter(parameter) => format!("`Error::Parameter`: {parameter}"),
        Error::Label { .. } => "`Error::Label`: the pixel and the label".into(),
        Error::NonFinite { .. } => "`Error::NonFinite`: the pixel".into(),
        Error::Probability { .. } => "`Error::Probability`: the pixel".into(),
        Error::Embedding { .. } => "`Error::Embedding`: the embedding".into(),
        Error::Anchor { .. } => "`Error::Anchor`: its place".into(),
        other => format!("`Error::{}`", format!("{other:?}").split([' ', '(', '{']).next().unwrap_or_default()),
    }
}

/// The type without its parameters.
fn name_of(loss: &impl Debug) -> String {
    let debug = format!("{loss:?}");
    debug.split(|letter: char| !letter.is_alphanumeric()).next().unwrap_or_default().into()
}

/// Scores and labels that are sound.
struct Data<const C: usize> {
    rows: Vec<[f32; C]>,
    labels: Vec<u8>,
}

impl<const C: usize> Data<C> {
    fn new(kind: Scores) -> Self {
        let mut random = Random::new(5);
        let mut labels = random_labels(C, PIXELS, &mut random).labels;
        let classes = C.max(2) as u8;
        for (label, class) in labels.iter_mut().zip((0..classes).chain([IGNORED])) {
            *label = class;
        }
        Self { rows: kind.rows(PIXELS, &mut random), labels }
    }

    fn labels(&self) -> Labels<'_> {
        Labels::new(&self.labels).ignoring(IGNORED)
    }
}

/// What is refused before there is a loss.
fn batches(table: &mut Table) {
    const OF: &str = "Batch::new";
    let good = Data::<CLASSES>::new(Scores::Ordinary);
    let batch = |data: &Data<CLASSES>| Batch::new(data.rows.as_slice(), data.labels()).map(|_| ());
    let with = |change: &dyn Fn(&mut Data<CLASSES>)| {
        let mut data = Data { rows: good.rows.clone(), labels: good.labels.clone() };
        change(&mut data);
        batch(&data)
    };
    for (input, result) in [
        ("a label too few", with(&|data| data.labels.truncate(PIXELS - 1))),
        ("a label too many", with(&|data| data.labels.push(0))),
        ("a label that is neither a class nor ignored", with(&|data| data.labels[4] = CLASSES as u8)),
        ("a score that is NaN", with(&|data| data.rows[1][2] = f32::NAN)),
        ("a score that is ∞", with(&|data| data.rows[1][2] = f32::INFINITY)),
        ("a score that is −∞", with(&|data| data.rows[1][2] = f32::NEG_INFINITY)),
    ] {
        table.refused(input, result, OF);
    }
    let batch = Batch::new(good.rows.as_slice(), good.labels()).expect("sound");
    for images in [0, 5, PIXELS + 1] {
        table.refused("images that do not divide the pixels", batch.with_images(images), "Batch::with_images");
        table.refused(
            "images that do not divide the pixels",
            Planes::<CLASSES>::new(&[0.5; 36], images),
            "Planes::new",
        );
    }
}

/// A loss, its scores, and a row for each kind of input.
struct Subject<'a, const C: usize, L> {
    table: &'a mut Table,
    name: String,
    loss: L,
    data: Data<C>,
}

/// Lengths of the buffers, less than what is needed.
#[derive(Clone, Copy, Default)]
struct Missing {
    gradient: isize,
    scratch: usize,
}

impl<const C: usize, L: Loss<C> + Debug> Subject<'_, C, L> {
    fn rows(&mut self) {
        let gradient_short = Missing { gradient: 1, ..Missing::default() };
        let gradient_long = Missing { gradient: -1, ..Missing::default() };
        let scratch_short = Missing { scratch: 1, ..Missing::default() };
        let (data, sound) =
            (Data { rows: self.data.rows.clone(), labels: self.data.labels.clone() }, Missing::default());
        self.row("a gradient one row short", &data, 1.0, gradient_short);
        self.row("a gradient one row too long", &data, 1.0, gradient_long);
        if self.loss.scratch_len(PIXELS) == 0 {
            self.table.add("scratch one word short", "it takes none".into(), &self.name);
        } else {
            self.row("scratch one word short", &data, 1.0, scratch_short);
        }
        for scale in [f32::NAN, f32::INFINITY, 1.1e12] {
            self.row("a scale of the gradient that is NaN, infinite or beyond 10¹²", &data, scale, sound);
        }
        self.not_read();
        self.row("no pixels", &Data { rows: Vec::new(), labels: Vec::new() }, 1.0, sound);
        self.row("all pixels ignored", &Data { labels: vec![IGNORED; PIXELS], rows: data.rows.clone() }, 1.0, sound);
        self.row("all but one pixel ignored", &self.only_one(), 1.0, sound);
        self.row("one pixel", &Data { rows: vec![data.rows[0]], labels: vec![0] }, 1.0, sound);
        self.row("one class alone", &Data { labels: vec![1; PIXELS], rows: data.rows.clone() }, 1.0, sound);
        let extreme = data.rows.iter().map(|row| row.map(|score| if score > 0.5 { f32::MAX } else { f32::MIN }));
        if !self.takes_probabilities() {
            self.row("scores of ±3.4·10³⁸", &Data { rows: extreme.collect(), labels: data.labels }, 1.0, sound);
        }
    }

    /// What ignored pixels hold changes no bit.
    fn not_read(&mut self) {
        let written = |rows: &[[f32; C]]| {
            let batch = Batch::new(rows, self.data.labels()).expect("sound");
            let mut scratch = vec![DIRT; self.loss.scratch_len_to_write(PIXELS)];
            let mut gradient = vec![[UNTOUCHED; C]; PIXELS];
            let value = self.loss.value_and_grad(&batch, gradient.as_mut_slice(), &mut scratch).expect("sound");
            (value.to_bits(), gradient.as_flattened().iter().map(|slope| slope.to_bits()).collect::<Vec<_>>())
        };
        let mut rows = self.data.rows.clone();
        for (row, label) in rows.iter_mut().zip(&self.data.labels) {
            *row = if *label == IGNORED { [f32::NAN; C] } else { *row };
        }
        assert!(rows.as_flattened().iter().any(|score| score.is_nan()), "no pixel is ignored");
        assert!(written(&rows) == written(&self.data.rows), "{}: ignored pixels are read", self.name);
        self.table.add("scores that are NaN, of an ignored pixel", "not read; the same bits".into(), &self.name);
    }

    fn takes_probabilities(&self) -> bool {
        self.name.ends_with("of probabilities")
    }

    fn only_one(&self) -> Data<C> {
        let mut labels = vec![IGNORED; PIXELS];
        labels[7] = 1;
        Data { labels, rows: self.data.rows.clone() }
    }

    /// Calls both methods that write, and adds what came of it.
    fn row(&mut self, input: &str, data: &Data<C>, scale: f32, missing: Missing) {
        let pixels = data.rows.len();
        let batch = Batch::new(data.rows.as_slice(), data.labels()).expect("sound");
        let mut outcomes = BTreeSet::new();
        for adds in [false, true] {
            let needed = if adds { self.loss.scratch_len(pixels) } else { self.loss.scratch_len_to_write(pixels) };
            if missing.scratch > needed || (!adds && scale != 1.0) {
                continue;
            }
            let mut scratch = vec![DIRT; needed - missing.scratch];
            let mut gradient = vec![[UNTOUCHED; C]; pixels.saturating_add_signed(-missing.gradient)];
            let result = if adds {
                self.loss.add_grad(&batch, scale, gradient.as_mut_slice(), &mut scratch)
            } else {
                self.loss.value_and_grad(&batch, gradient.as_mut_slice(), &mut scratch)
            };
            let what = format!("{}, {input}", self.name);
            outcomes.insert(match result {
                Ok(value) => computed(&what, value, gradient.as_flattened()),
                Err(error) => {
                    let untouched = is_untouched(&gradient);
                    assert!(untouched && scratch.iter().all(|&word| word == DIRT), "{what}: refused, but written to");
                    describe(error)
                }
            });
        }
        assert_eq!(outcomes.len(), 1, "{}, {input}: {outcomes:?}", self.name);
        for outcome in outcomes {
            self.table.add(input, outcome, &self.name);
        }
    }
}

/// Of a value and a gradient.
fn computed(what: &str, value: f32, gradient: &[f32]) -> String {
    assert!(value.is_finite() && gradient.iter().all(|slope| slope.is_finite()), "{what}: {value}, {gradient:?}");
    match (value == 0.0, gradient.iter().all(|&slope| slope == 0.0)) {
        (true, true) => "0, gradient 0".into(),
        (false, true) => "a finite loss, gradient 0".into(),
        _ => "a finite loss and gradient".into(),
    }
}

impl Table {
    fn loss<const C: usize, L: Loss<C> + Debug>(&mut self, variant: &str, kind: Scores, loss: L) {
        let name = name_of(&loss) + variant;
        Subject { table: self, name, loss, data: Data::<C>::new(kind) }.rows();
    }

    fn every_loss(&mut self) {
        let logits = Scores::Ordinary;
        let entropy = CrossEntropy::<CLASSES>::new();
        self.loss("", logits, entropy);
        self.loss("", logits, BinaryCrossEntropy::<1>::new());
        self.loss("", logits, Focal::<CLASSES>::new(2.0));
        self.loss("", logits, SigmoidFocal::<1>::new(2.0));
        self.loss("", logits, Overlap::<CLASSES>::dice());
        self.loss(" of probabilities", Scores::Probabilities, Overlap::<CLASSES>::dice().on_probabilities());
        self.loss("", logits, Lovasz::<CLASSES>::new());
        self.loss(" by heap", logits, Lovasz::<CLASSES>::new().with_sort(Heap));
        self.loss(" of probabilities", Scores::Probabilities, Lovasz::<CLASSES>::new().on_probabilities());
        self.loss("", logits, LovaszHistogram::<CLASSES>::new());
        self.loss("", logits, LovaszHinge::new());
        self.loss("", logits, LovaszHingeHistogram::<256>::new());
        self.loss("", logits, Ohem::new(entropy));
        self.loss("", logits, Sum((1.0, entropy), (1.0, Lovasz::<CLASSES>::new())));
        let nothing = [0.0; CLASSES];
        self.without_weight(&entropy.with_weights(nothing));
        self.without_weight(&Focal::new(2.0).with_alpha(nothing));
        self.without_weight(&Overlap::dice().with_weights(nothing));
        self.without_weight(&Lovasz::new().with_weights(nothing));
        self.no_probability();
    }

    /// Weights that are all 0.
    fn without_weight(&mut self, loss: &(impl Loss<CLASSES> + Debug)) {
        const INPUT: &str = "weights that are all 0";
        let data = Data::<CLASSES>::new(Scores::Ordinary);
        let batch = Batch::new(data.rows.as_slice(), data.labels()).expect("sound");
        let mut gradient = vec![[UNTOUCHED; CLASSES]; PIXELS];
        let mut scratch = vec![DIRT; loss.scratch_len_to_write(PIXELS)];
        let value = loss.value_and_grad(&batch, gradient.as_mut_slice(), &mut scratch).expect("sound");
        let outcome = computed(&format!("{loss:?}, {INPUT}"), value, gradient.as_flattened());
        self.add(INPUT, outcome, &name_of(loss));
    }

    /// Scores that should be probabilities.
    fn no_probability(&mut self) {
        const INPUT: &str = "a score outside 0..=1 where probabilities are expected";
        for bad in [-1e-9, 1.000_001] {
            let mut data = Data::<CLASSES>::new(Scores::Probabilities);
            data.rows[1][1] = bad;
            let batch = Batch::new(data.rows.as_slice(), data.labels()).expect("sound");
            let mut gradient = vec![[UNTOUCHED; CLASSES]; PIXELS];
            let dice = Overlap::dice().on_probabilities();
            self.refused(
                INPUT,
                dice.value_and_grad(&batch, gradient.as_mut_slice(), &mut []),
                "Overlap of probabilities",
            );
            let lovasz = Lovasz::new().on_probabilities();
            let mut scratch = vec![DIRT; Loss::<CLASSES>::scratch_len(&lovasz, PIXELS)];
            let result = lovasz.value_and_grad(&batch, gradient.as_mut_slice(), &mut scratch);
            self.refused(INPUT, result, "Lovasz of probabilities");
            assert!(scratch.iter().all(|&word| word == DIRT), "refused, but scratch was written to");
            assert!(is_untouched(&gradient));
        }
    }

    /// Parameters that are NaN, infinite, negative, or otherwise out of their domains.
    fn parameters(&mut self) {
        struct Refusals<'a>(&'a mut Table, Data<CLASSES>);
        impl BadVisitor<CLASSES> for Refusals<'_> {
            fn visit<L: Loss<CLASSES> + Debug>(&mut self, loss: L, parameter: Parameter) {
                let Self(table, data) = self;
                let batch = Batch::new(data.rows.as_slice(), data.labels()).expect("sound");
                let mut gradient = vec![[UNTOUCHED; CLASSES]; PIXELS];
                let mut scratch = vec![DIRT; loss.scratch_len_to_write(PIXELS)];
                let result = loss.value_and_grad(&batch, gradient.as_mut_slice(), &mut scratch);
                let untouched = is_untouched(&gradient);
                assert!(untouched && scratch.iter().all(|&word| word == DIRT), "{loss:?}: refused, but written to");
                assert_eq!(result, Err(Error::Parameter(parameter)), "{loss:?}");
                table.refused("a parameter that is NaN, infinite or out of its domain", result, &name_of(&loss));
            }
        }
        catalogue::bad_parameters(&mut Refusals(self, Data::new(Scores::Ordinary)));
    }
}

/// What is no [`Loss`].
fn others(table: &mut Table) {
    const PARAMETER: &str = "a parameter that is NaN, infinite or out of its domain";
    let data = Data::<CLASSES>::new(Scores::Ordinary);
    for bad in [f32::NAN, f32::INFINITY, 0.0, -1.0, 1e-13, 1.1e12] {
        table.refused(PARAMETER, Quantized::new(&[[0_i8; CLASSES]], bad, 0), "Quantized::new");
        table.refused(PARAMETER, ExpTable::new(bad), "ExpTable::new");
        table.refused(PARAMETER, QuantizedMut::new(&mut [[0_i8; CLASSES]], bad), "QuantizedMut::new");
    }

    const ENCODING: &str = "SemanticEncoding";
    let (logits, encoding) = ([[0.5, -1.0, 2.0]; 2], SemanticEncoding::new());
    let mut gradient = [[UNTOUCHED; CLASSES]; 2];
    let mut encode = |logits: &[[f32; CLASSES]], rows: usize, encoding: SemanticEncoding<CLASSES>| {
        let result = encoding.value_and_grad(logits, data.labels(), &mut gradient[..rows]);
        assert!(is_untouched(&gradient), "written to");
        result
    };
    table.refused("a gradient one row short", encode(&logits, 1, encoding), ENCODING);
    table.refused("a score that is NaN", encode(&[[0.5; CLASSES], [f32::NAN; CLASSES]], 2, encoding), ENCODING);
    table.refused("images that do not divide the pixels", encode(&[[0.5; CLASSES]; 5], 2, encoding), ENCODING);
    table.refused(PARAMETER, encode(&logits, 2, encoding.with_weights([f32::NAN; CLASSES])), ENCODING);

    const CONTRAST: &str = "PixelContrast";
    let embed = |rows: &[[f32; CLASSES]], anchors: &[u32]| Embeddings::at(rows, data.labels(), anchors).map(|_| ());
    table.refused("an anchor that is no pixel, or an ignored one", embed(&data.rows, &[0, 12]), "Embeddings::at");
    table.refused("an anchor that is no pixel, or an ignored one", embed(&data.rows, &[3]), "Embeddings::at");
    table.refused("a label too many", embed(&data.rows[1..], &[0]), "Embeddings::at");
    let mut spoilt = data.rows.clone();
    spoilt[1][1] = f32::NAN;
    let contrast = |rows: &[[f32; CLASSES]], missing: Missing, loss: PixelContrast| {
        let embeddings = Embeddings::new(rows, data.labels())?;
        let mut scratch = vec![DIRT; PixelContrast::scratch_len(embeddings.anchors()) - missing.scratch];
        let mut gradient = vec![[UNTOUCHED; CLASSES]; PIXELS.saturating_add_signed(-missing.gradient)];
        let result = loss.value_and_grad(&embeddings, Within, &mut All, &mut gradient, &mut scratch);
        let untouched = is_untouched(&gradient);
        let untouched = untouched && scratch.iter().all(|&word| word == DIRT);
        assert!(untouched || result.is_ok(), "{CONTRAST}: refused, but written to");
        result
    };
    let (sound, loss) = (Missing::default(), PixelContrast::new());
    table.refused("a score that is NaN", contrast(&spoilt, sound, loss), CONTRAST);
    table.refused("a gradient one row short", contrast(&data.rows, Missing { gradient: 1, ..sound }, loss), CONTRAST);
    table.refused("scratch one word short", contrast(&data.rows, Missing { scratch: 1, ..sound }, loss), CONTRAST);
    for bad in [f32::NAN, 0.0, -0.1, f32::INFINITY] {
        table.refused(PARAMETER, contrast(&data.rows, sound, loss.with_temperature(bad)), CONTRAST);
    }
    let mut memory = Memory::<CLASSES, 4, CLASSES>::new();
    table.refused("a label that is neither a class nor ignored", memory.push(3, &[1.0; CLASSES]), "Memory::push");
    table.refused("a score that is NaN", memory.push(0, &[f32::NAN; CLASSES]), "Memory::push");

    table.refused("a gradient one row short", lovasz_grad(&[true, false], &mut [0.0]), "lovasz_grad");
    let mut confusion = Confusion::<CLASSES>::new();
    let observed = confusion.observe(data.labels(), &[0; PIXELS - 1]);
    table.refused("a prediction too few", observed, "Confusion::observe");
    let observed = confusion.observe(data.labels(), &[CLASSES as u8; PIXELS]);
    table.refused("a prediction that is no class", observed, "Confusion::observe");
    assert!(confusion.counts().as_flattened().iter().all(|&count| count == 0), "refused, but counted");

    const NORMALIZED: &str = "an embedding of length 0 that is to be normalised, or one beyond 10¹²";
    let mut short = data.rows.clone();
    short[1] = [0.0; CLASSES];
    table.refused(NORMALIZED, contrast(&short, sound, loss.normalizing()), CONTRAST);
    short[1] = [2e12; CLASSES];
    table.refused(NORMALIZED, contrast(&short, sound, loss), CONTRAST);
    let embeddings = Embeddings::new(&data.rows, data.labels()).expect("sound");
    let mut scratch = vec![DIRT; PixelContrast::scratch_len(PIXELS)];
    let mut gradient = vec![[UNTOUCHED; CLASSES]; PIXELS];
    let mut none = Hardest { positives: 0, negatives: 1 };
    let result = loss.value_and_grad(&embeddings, Within, &mut none, &mut gradient, &mut scratch);
    table.refused(PARAMETER, result, "Hardest");
    assert!(is_untouched(&gradient) && scratch.iter().all(|&word| word == DIRT), "refused, but written to");
    let mut anchors = [0; 0];
    let found = segmentation_aware(data.labels(), &[0; PIXELS], 1, 4, 1, &mut Stride, &mut anchors, &mut scratch);
    table.refused("room for fewer anchors than are asked for", found, "segmentation_aware");

    tiles(table);
}

/// What is out of turn, tile by tile.
fn tiles(table: &mut Table) {
    let data = Data::<CLASSES>::new(Scores::Ordinary);
    let batch = Batch::new(data.rows.as_slice(), data.labels()).expect("sound");
    let mut gradient = vec![[UNTOUCHED; CLASSES]; PIXELS];
    let loss = Overlap::<CLASSES>::dice();
    let mut tiles = Tiles::new();
    loss.observe(&mut tiles, &batch).expect("sound");
    let (result, early) =
        (loss.tile_grad(&tiles, &batch, 1.0, gradient.as_mut_slice()), "a gradient of a tile before all are settled");
    table.refused(early, result, "Tiled::tile_grad");
    loss.settle(&mut tiles).expect("sound");
    table.refused("a tile after all are settled", loss.observe(&mut tiles, &batch), "Tiled::observe");
    table.refused("tiles merged after they are settled", tiles.merge(&Tiles::new()), "Tiles::merge");
    for scale in [f32::NAN, 1.1e12] {
        let result = loss.tile_grad(&tiles, &batch, scale, gradient.as_mut_slice());
        table.refused("a scale of the gradient that is NaN, infinite or beyond 10¹²", result, "Tiled::tile_grad");
    }
    let result = loss.tile_grad(&tiles, &batch, 1.0, &mut gradient[1..]);
    table.refused("a gradient one row short", result, "Tiled::tile_grad");
    assert!(is_untouched(&gradient), "refused, but written to");
}
