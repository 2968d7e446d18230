//! Labels and scores by name, chosen to be hard.

/// The ignored label of the patterns that ignore something.
pub const IGNORED: u8 = 255;

/// SplitMix64: a generator of random bits that anybody can repeat.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// A generator that has not been used yet.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number in `0..n`.
    pub fn below(&mut self, n: usize) -> usize {
        (self.bits() % n as u64) as usize
    }

    /// A multiple of 2⁻²⁰ in `0..1`: few enough bits that sums and products by powers of two are exact.
    pub fn unit(&mut self) -> f32 {
        (self.bits() >> 44) as f32 / 1_048_576.0
    }

    /// A number in `from..to`.
    pub fn between(&mut self, from: f32, to: f32) -> f32 {
        from + (to - from) * self.unit()
    }

    /// +1 or −1.
    pub fn sign(&mut self) -> f32 {
        if self.bits() >> 63 == 0 { 1.0 } else { -1.0 }
    }
}

/// The class of each pixel.
#[derive(Clone, Debug)]
pub struct LabelMap {
    /// What it shows.
    pub name: &'static str,
    /// The labels.
    pub labels: Vec<u8>,
    /// The ignored label.
    pub ignore: Option<u8>,
}

/// Digits are classes (modulo the number of classes), L is the last class, x is ignored. A row has six pixels; the twelve
/// can be one image, two or three.
const PICTURES: [(&str, &str); 11] = [
    ("mixed", "012L34 5L2610"),
    ("one class", "000000 000000"),
    ("last class only", "LLLLLL LLLLLL"),
    ("single pixel", "000000 00L000"),
    ("checkerboard", "0L0L0L L0L0L0"),
    ("absent class", "000222 220000"),
    ("halves", "000000 LLLLLL"),
    ("mixed, some ignored", "01xL2x xL10x2"),
    ("an image ignored", "xxxxxx 01L0x0"),
    ("all but one ignored", "xxxxxx xLxxxx"),
    ("all ignored", "xxxxxx xxxxxx"),
];

/// The label maps for this many channels.
#[must_use]
pub fn label_maps(channels: usize) -> Vec<LabelMap> {
    let mut maps: Vec<LabelMap> =
        PICTURES.iter().map(|&(name, picture)| draw(name, picture, labels_of(channels))).collect();
    // The ignored label may be a class, and wins.
    let [mixed, ..] = maps.as_slice() else { unreachable!("there are pictures") };
    maps.push(LabelMap { name: "class 1 ignored", ignore: Some(1), ..mixed.clone() });
    maps.push(LabelMap { name: "no pixel", labels: Vec::new(), ignore: None });
    maps
}

/// One pixel of the last class among 1002, the rest class 0: 99.9 % background.
#[must_use]
pub fn rare(channels: usize) -> LabelMap {
    let mut labels = vec![0; 1002];
    labels[777] = labels_of(channels) - 1;
    LabelMap { name: "99.9 % background", labels, ignore: None }
}

/// Random classes, and one pixel in eight ignored.
#[must_use]
pub fn random_labels(channels: usize, pixels: usize, random: &mut Random) -> LabelMap {
    let classes = usize::from(labels_of(channels));
    let label = |_| if random.below(8) == 0 { IGNORED } else { random.below(classes) as u8 };
    LabelMap { name: "random", labels: (0..pixels).map(label).collect(), ignore: Some(IGNORED) }
}

/// The number of labels that are valid: with one channel, 0 and 1.
#[must_use]
pub fn labels_of(channels: usize) -> u8 {
    u8::try_from(channels.max(2)).unwrap_or(u8::MAX)
}

fn draw(name: &'static str, picture: &str, classes: u8) -> LabelMap {
    let label = |symbol: char| match symbol {
        'x' => IGNORED,
        'L' => classes - 1,
        digit => digit.to_digit(10).expect("a digit") as u8 % classes,
    };
    let labels = picture.chars().filter(|symbol| !symbol.is_whitespace()).map(label).collect();
    LabelMap { name, labels, ignore: picture.contains('x').then_some(IGNORED) }
}

/// A kind of scores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scores {
    /// −4…4, all different.
    Ordinary,
    /// 90…100: exp overflows, exp(x − max) does not.
    Overflowing,
    /// ±10⁴.
    Large,
    /// ±10³⁰.
    Enormous,
    /// ±3·10³⁸: differences overflow.
    Largest,
    /// All the same.
    Equal,
    /// Subnormal numbers.
    Subnormal,
    /// Few values, so that errors tie.
    Tied,
    /// One channel 17…200 above the others, at which 1 − p is 0 in f32.
    Saturated,
    /// Probabilities, all different.
    Probabilities,
    /// Probabilities in quarters: many ties, and exact 0 and 1.
    Quarters,
    /// Probabilities that are 0, 1, or next to them.
    Extreme,
}

impl Scores {
    /// Those that are logits.
    pub const LOGITS: [Self; 9] = [
        Self::Ordinary,
        Self::Overflowing,
        Self::Large,
        Self::Enormous,
        Self::Largest,
        Self::Equal,
        Self::Subnormal,
        Self::Tied,
        Self::Saturated,
    ];

    /// Those that are probabilities.
    pub const PROBABILITIES: [Self; 3] = [Self::Probabilities, Self::Quarters, Self::Extreme];

    /// Whether no loss of them leaves the range of f32.
    #[must_use]
    pub fn is_sane(self) -> bool {
        self != Self::Largest
    }

    /// The scores of a number of pixels.
    #[must_use]
    pub fn rows<const C: usize>(self, pixels: usize, random: &mut Random) -> Vec<[f32; C]> {
        (0..pixels).map(|_| self.row(random)).collect()
    }

    fn row<const C: usize>(self, random: &mut Random) -> [f32; C] {
        if self == Self::Saturated {
            let mut row = [0.0; C];
            row[random.below(C)] = random.between(17.0, 200.0) * if C == 1 { random.sign() } else { 1.0 };
            return row;
        }
        std::array::from_fn(|_| match self {
            Self::Ordinary => random.between(-4.0, 4.0),
            Self::Overflowing => random.between(90.0, 100.0),
            Self::Large => random.sign() * 1e4,
            Self::Enormous => random.sign() * 1e30,
            Self::Largest => random.sign() * 3e38,
            Self::Equal | Self::Saturated => 0.75,
            Self::Subnormal => random.sign() * f32::from_bits(random.bits() as u32 & 0x007f_ffff),
            Self::Tied => [-1.0, -0.0, 0.0, 1.0, 2.0][random.below(5)],
            Self::Probabilities => random.unit(),
            Self::Quarters => random.below(5) as f32 / 4.0,
            Self::Extreme => {
                [0.0, 1.0, f32::from_bits(1), f32::MIN_POSITIVE, 1e-7, 1.0 - f32::EPSILON / 2.0][random.below(6)]
            }
        })
    }
}
