//! What every type of the interface has: defaults, copies, texts; and arrays that are slices.

use scarce::metrics::Confusion;
use scarce::{
    Batch, BinaryCrossEntropy, Buffer, CrossEntropy, Error, Fixed, Heap, Labels, Loss, Lovasz, LovaszHinge,
    LovaszHistogram, Math, Memory, Overlap, Parameter, PixelContrast, PixelLoss, PlanesMut, Reduction,
    SemanticEncoding, Tiled, Tiles,
};
use std::fmt::Debug;

const SCORES: [[f32; 2]; 4] = [[0.5, -1.0], [2.0, 1.0], [-0.25, 0.75], [0.0, 0.0]];
const LABELS: [u8; 4] = [0, 1, 255, 1];

#[test]
fn defaults_are_what_new_makes() {
    fn same(default: impl Debug, new: impl Debug) {
        assert_eq!(format!("{default:?}"), format!("{new:?}"));
    }
    same(CrossEntropy::<3>::default(), CrossEntropy::<3>::new());
    same(BinaryCrossEntropy::<3>::default(), BinaryCrossEntropy::<3>::new());
    same(Lovasz::<3>::default(), Lovasz::<3>::new());
    same(LovaszHinge::default(), LovaszHinge::new());
    same(LovaszHistogram::<3, 16>::default(), LovaszHistogram::<3, 16>::new());
    same(PixelContrast::default(), PixelContrast::new());
    same(SemanticEncoding::<3>::default(), SemanticEncoding::<3>::new());
    same(Confusion::<3>::default(), Confusion::<3>::new());
    same(Memory::<2, 2, 2>::default(), Memory::<2, 2, 2>::new());
    same(Tiles::<3, CrossEntropy<3>>::default(), Tiles::<3, CrossEntropy<3>>::new());
    same(Overlap::<3>::dice().per_batch().per_image(), Overlap::<3>::dice());
}

#[test]
fn copies_are_what_they_are_of() {
    let (loss, batch) = (CrossEntropy::new(), Batch::new(&SCORES, Labels::new(&LABELS).ignoring(255)).expect("valid"));
    let mut tiles = Tiles::new();
    loss.observe(&mut tiles, &batch).expect("valid");
    // `clone`, not a copy, is what is tested.
    #[expect(clippy::clone_on_copy)]
    let (other_batch, mut other) = (batch.clone(), tiles.clone());
    assert_eq!(format!("{other_batch:?}"), format!("{batch:?}"));
    assert_eq!((other.pixels(), format!("{other:?}")), (4, format!("{tiles:?}")));
    assert_eq!(loss.settle(&mut other), loss.settle(&mut tiles));
    assert_eq!(other.pixels(), 4);
}

#[test]
fn labels_know_whether_there_are_any() {
    assert!(Labels::new(&[]).is_empty());
    assert!(!Labels::new(&[255]).ignoring(255).is_empty());
}

#[test]
fn errors_name_what_and_where() {
    let buffers = [Buffer::Labels, Buffer::Grad, Buffer::Scratch, Buffer::Output, Buffer::Predictions, Buffer::Anchors];
    let mut texts: Vec<_> = buffers.map(|buffer| Error::Length { buffer, needed: 17, got: 16 }.to_string()).into();
    assert!(texts.iter().all(|text| text.contains("17") && text.contains("16")), "{texts:?}");
    let places = [
        Error::Label { pixel: 23, label: 9 },
        Error::NonFinite { pixel: 23 },
        Error::Embedding { pixel: 23 },
        Error::Anchor { anchor: 23 },
        Error::Probability { pixel: 23 },
        Error::Images { images: 23, pixels: 7 },
    ];
    let placed: Vec<_> = places.iter().map(ToString::to_string).collect();
    assert!(placed.iter().all(|text| text.contains("23")), "{placed:?}");
    texts.extend(placed);
    texts.extend([Error::TooManyPixels, Error::Settled, Error::Unsettled].map(|error| error.to_string()));
    texts.extend([Parameter::Weight, Parameter::Gamma, Parameter::Scale].map(|of| Error::Parameter(of).to_string()));
    let all = texts.len();
    texts.sort_unstable();
    texts.dedup();
    assert_eq!(texts.len(), all, "two errors have one text: {texts:?}");
}

/// Gradients that are added to what is there, and written.
fn gradients<L: Loss<2>>(loss: &L) {
    let batch = Batch::new(&SCORES, Labels::new(&LABELS).ignoring(255)).expect("valid");
    let mut scratch = vec![0; loss.scratch_len(4)];
    let (mut of_slice, mut of_array) = (vec![[0.5; 2]; 4], [[0.5; 2]; 4]);
    let mut planes = [0.5; 8];
    let mut of_planes = PlanesMut::<2>::new(&mut planes, 1).expect("valid");
    let value = loss.add_grad(&batch, 0.5, of_slice.as_mut_slice(), &mut scratch).expect("valid");
    assert_eq!(loss.add_grad(&batch, 0.5, &mut of_array, &mut scratch), Ok(value));
    assert_eq!(loss.add_grad(&batch, 0.5, &mut of_planes, &mut scratch), Ok(value));
    assert_eq!(of_slice, of_array);
    for (pixel, row) in of_array.iter().enumerate() {
        assert_eq!(*row, [planes[pixel], planes[4 + pixel]]);
    }
    assert_eq!(of_array[2], [0.5; 2]);

    let (mut of_slice, mut of_array) = (vec![[0.5; 2]; 4], [[0.5; 2]; 4]);
    assert_eq!(loss.value_and_grad(&batch, of_slice.as_mut_slice(), &mut scratch), Ok(value));
    assert_eq!(loss.value_and_grad(&batch, &mut of_array, &mut scratch), Ok(value));
    assert_eq!(of_slice, of_array);
    let nothing = Batch::new(&SCORES, Labels::new(&[255; 4]).ignoring(255)).expect("valid");
    assert_eq!(loss.value_and_grad(&nothing, &mut of_array, &mut scratch), Ok(0.0));
    assert_eq!(of_array, [[0.0; 2]; 4]);
}

#[test]
fn an_array_is_a_slice() {
    gradients(&CrossEntropy::new());
    gradients(&Overlap::dice());
    gradients(&Lovasz::new());
    gradients(&Lovasz::new().with_sort(Heap));
    gradients(&Lovasz::new().on_sigmoid());
    gradients(&Lovasz::new().on_sigmoid().with_sort(Heap));
}

/// ½ Σ_c z_c² of the pixels of class 1: no function that has a default is given.
struct Decay;

impl PixelLoss<2> for Decay {
    fn check_parameters(&self) -> Result<(), Error> {
        Ok(())
    }

    fn reduction(&self) -> Reduction {
        Reduction::Sum
    }

    fn weight(&self, label: u8) -> f32 {
        f32::from(label)
    }

    fn confidence(&self, _: [f32; 2], _: u8) -> (f32, f32) {
        (0.5, 0.5)
    }

    fn pixel(&self, [a, b]: [f32; 2], label: u8) -> f32 {
        0.5 * (a * a + b * b) * f32::from(label)
    }

    fn pixel_grad(&self, row: [f32; 2], label: u8, scale: f32) -> (f32, [f32; 2]) {
        (self.pixel(row, label), row.map(|score| score * scale * f32::from(label)))
    }
}

#[test]
fn a_loss_of_ones_own_has_all_that_others_have() {
    let batch = Batch::new(&SCORES, Labels::new(&LABELS).ignoring(255)).expect("valid");
    let mut grad = [[1.0; 2]; 4];
    assert_eq!(Decay.value_and_grad(&batch, &mut grad, &mut []), Ok(2.5));
    assert_eq!(grad, [[0.0; 2], [2.0, 1.0], [0.0; 2], [0.0; 2]]);
    let mut losses = [1.0; 4];
    assert_eq!(Decay.per_pixel(&batch, &mut losses), Ok(()));
    assert_eq!(losses, [0.0, 2.5, 0.0, 0.0]);
    assert_eq!(
        Decay.per_pixel(&batch, &mut losses[..3]),
        Err(Error::Length { buffer: Buffer::Output, needed: 4, got: 3 })
    );
    gradients(&Decay);
}

#[test]
fn the_functions_of_fixed_are_those_of_others() {
    for x in [0.25_f32, 1.0, 3.5, 1e6] {
        assert!((f64::from(Fixed::ln(x)) - f64::from(x).ln()).abs() <= 1e-7 * f64::from(x).ln().abs().max(1.0));
        assert!((f64::from(Fixed::ln_1p(x)) / f64::from(x).ln_1p() - 1.0).abs() <= 4e-7);
        assert!((f64::from(Fixed::sqrt(x)) / f64::from(x).sqrt() - 1.0).abs() <= 1e-7);
    }
}
