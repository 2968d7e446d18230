//! From other libraries to this one: "where you wrote that, write this".
//!
//! `z` are logits, `p` probabilities, `y` labels, `t` targets of 0 and 1, `w` a weight of each class; the other names stand
//! for numbers. The last column is the name under which the repository's `tests/vectors` holds what that function computed.
//! A test holds the rows to it: what stands under *here* is compiled and run on results of that function with these
//! parameters, and must give its values (`cargo test -p scarce-tests --test migration`); gradients are compared by `cargo
//! run -p scarce-tests --bin vectors -- tests/vectors`.
//!
//! ```
//! use scarce::{Batch, Labels, Loss, Overlap};
//!
//! // loss = monai.losses.DiceLoss(softmax=True, to_onehot_y=True)(logits, labels); loss.backward()
//! let (logits, labels) = ([[2.0, 0.0], [0.0, 1.0]], [0, 1]);
//! let mut grad = [[0.0; 2]; 2];
//! let batch = Batch::new(&logits, Labels::new(&labels))?;
//! let loss = Overlap::dice().with_smoothing(1e-5, 1e-5).value_and_grad(&batch, &mut grad, &mut [])?;
//! # assert!(loss > 0.19 && loss < 0.20);
//! # Ok::<(), scarce::Error>(())
//! ```
//!
//! With images of a framework's layout, N, C, H, W, nothing is moved:
//!
//! ```
//! use scarce::{Batch, CrossEntropy, Labels, Loss, Overlap, Planes, PlanesMut, Sum};
//!
//! // loss = F.cross_entropy(logits, labels) + monai.losses.DiceLoss(softmax=True, to_onehot_y=True)(logits, …)
//! const N: usize = 2;
//! const C: usize = 3;
//! const PIXELS: usize = 4 * 4; // H · W
//! let logits = [0.0; N * C * PIXELS]; // tensor.flatten()
//! let labels = [1_u8; N * PIXELS]; // tensor.to(torch.uint8).flatten()
//! let mut grad = [0.0; N * C * PIXELS];
//!
//! let loss = Sum((1.0, CrossEntropy::new()), (1.0, Overlap::dice().with_smoothing(1e-5, 1e-5)));
//! let logits = Planes::<C>::new(&logits, N)?;
//! let batch = Batch::new(&logits, Labels::new(&labels))?;
//! let value = loss.value_and_grad(&batch, &mut PlanesMut::<C>::new(&mut grad, N)?, &mut [])?;
//! # assert!((value - 1.932).abs() < 1e-3 && grad[PIXELS] < 0.0);
//! # Ok::<(), scarce::Error>(())
//! ```
//!
//! Options chain: `CrossEntropy::new().with_weights(w).with_label_smoothing(eps)`. The classes `nn.CrossEntropyLoss` and
//! `nn.BCEWithLogitsLoss` are the functions below. Targets `t` are those of one label map: a channel's `t` is 1 where the
//! label is its class; for targets that overlap take a batch of one channel each. Targets between 0 and 1 are not here.
//!
//! Three things differ everywhere:
//!
//! * **Ignored labels** are part of [`Labels`](crate::Labels), and ignored pixels are never read. A label that is neither a
//!   class nor ignored is an error.
//! * **Nothing valid** has the loss 0 and the gradient 0, never NaN.
//! * **Images**: pixel-major scores are one image unless [`Batch::with_images`](crate::Batch::with_images) says otherwise;
//!   [`Planes`](crate::Planes) are what frameworks call N, C, H, W.
//!
//! # PyTorch and torchvision
//!
//! | there | here | in the vectors |
//! |---|---|---|
//! | `F.cross_entropy(z, y)` | `CrossEntropy::new()` | `torch.cross_entropy` |
//! | `F.cross_entropy(z, y, weight=w)` | `CrossEntropy::new().with_weights(w)` | `torch.cross_entropy` |
//! | `F.cross_entropy(z, y, label_smoothing=eps)` | `CrossEntropy::new().with_label_smoothing(eps)` | `torch.cross_entropy` |
//! | `F.cross_entropy(z, y, reduction="sum")` | `CrossEntropy::new().with_reduction(Reduction::Sum)` | `torch.cross_entropy` |
//! | `F.binary_cross_entropy_with_logits(z, t)` | `BinaryCrossEntropy::new()` | `torch.bce_with_logits` |
//! | `F.binary_cross_entropy_with_logits(z, t, pos_weight=a)` | `BinaryCrossEntropy::new().with_pos_weights(a)` | `torch.bce_with_logits` |
//! | `sigmoid_focal_loss(z, t, alpha=-1, gamma=gamma, reduction="mean")` | `SigmoidFocal::new(gamma)` | `torchvision.sigmoid_focal_loss` |
//! | `sigmoid_focal_loss(z, t, alpha=alpha, gamma=gamma, reduction="mean")` | `SigmoidFocal::new(gamma).with_alpha(alpha)` | `torchvision.sigmoid_focal_loss` |
//!
//! * `ignore_index` belongs to the labels: `Labels::new(&y).ignoring(255)`. PyTorch's default, −100, is no `u8`.
//! * `reduction="none"` is [`PixelLoss::per_pixel`](crate::PixelLoss::per_pixel).
//! * Where every pixel is ignored PyTorch's mean is NaN, and 0 here.
//! * torchvision's `reduction` is `"none"` unless said otherwise.
//!
//! # Paddle
//!
//! | there | here | in the vectors |
//! |---|---|---|
//! | `F.cross_entropy(z, y)` | `CrossEntropy::new()` | `paddle.cross_entropy` |
//! | `F.cross_entropy(z, y, weight=w)` | `CrossEntropy::new().with_weights(w)` | `paddle.cross_entropy` |
//! | `F.sigmoid_focal_loss(z, t, alpha=alpha, gamma=gamma, reduction="sum")` | `SigmoidFocal::new(gamma).with_alpha(alpha).with_reduction(Reduction::Sum)` | `paddle.sigmoid_focal_loss` |
//! | `F.sigmoid_focal_loss(z, t, normalizer=n, alpha=alpha, gamma=gamma)` | `SigmoidFocal::new(gamma).with_alpha(alpha).with_reduction(Reduction::Divisor(n))` | `paddle.sigmoid_focal_loss` |
//!
//! * The default `reduction` of `sigmoid_focal_loss` is the sum.
//! * On a CPU, Paddle's softmax cuts differences of logits at 64, so its cross entropy does not exceed about 64.
//!
//! # PaddleSeg
//!
//! | there | here | in the vectors |
//! |---|---|---|
//! | `CrossEntropyLoss()` | `CrossEntropy::new()` | `paddleseg.CrossEntropyLoss` |
//! | `CrossEntropyLoss(weight=w)` | `CrossEntropy::new().with_weights(w)` | `paddleseg.CrossEntropyLoss` |
//! | `CrossEntropyLoss(avg_non_ignore=False)` | `CrossEntropy::new().with_reduction(Reduction::MeanAll)` | `paddleseg.CrossEntropyLoss` |
//! | `CrossEntropyLoss(top_k_percent_pixels=share)` | `Ohem::top_k(CrossEntropy::new(), share)` | `paddleseg.CrossEntropyLoss` |
//! | `BCELoss()` | `BinaryCrossEntropy::new()` | `paddleseg.BCELoss` |
//! | `FocalLoss(alpha=alpha, gamma=gamma)` | `SigmoidFocal::new(gamma).with_alpha(alpha)` | `paddleseg.FocalLoss` |
//! | `MultiClassFocalLoss(alpha=alpha, gamma=gamma)` | `Focal::new(gamma).with_alpha([alpha; CLASSES])` | `paddleseg.MultiClassFocalLoss` |
//! | `DiceLoss()` | `Overlap::dice()` | `paddleseg.DiceLoss` |
//! | `DiceLoss(weight=w)` | `Overlap::dice().with_weights(w).unnormalized()` | `paddleseg.DiceLoss` |
//! | `DiceLoss(smooth=s)` | `Overlap::dice().with_smoothing(s, s)` | `paddleseg.DiceLoss` |
//! | `LovaszSoftmaxLoss(classes="present")` | `Lovasz::new()` | `paddleseg.LovaszSoftmaxLoss` |
//! | `LovaszSoftmaxLoss(classes="all")` | `Lovasz::new().with_classes(Classes::All)` | `paddleseg.LovaszSoftmaxLoss` |
//! | `lovasz_softmax_flat(p, y, classes="all")` | `Lovasz::new().with_classes(Classes::All).on_probabilities()` | `paddleseg.lovasz_softmax_flat` |
//! | `LovaszHingeLoss()` | `LovaszHinge::new()` | `paddleseg.LovaszHingeLoss` |
//! | `OhemCrossEntropyLoss(thresh=thresh, min_kept=n)` | `Ohem::paddle(CrossEntropy::new(), thresh, n)` | `paddleseg.OhemCrossEntropyLoss` |
//! | `OhemCrossEntropyLoss(thresh=thresh, min_kept=n, weight=w)` | `Ohem::paddle(CrossEntropy::new().with_weights(w), thresh, n)` | `paddleseg.OhemCrossEntropyLoss` |
//! | `MedicalSeg DiceLoss()` | `Overlap::dice().with_smoothing(0.0, 0.0).squared().per_batch()` | `medicalseg.DiceLoss(softmax)` |
//! | `SECrossEntropyLoss()` | `SemanticEncoding::new().counting_empty_images()` | `paddleseg.SECrossEntropyLoss` |
//! | `PixelContrastCrossEntropyLoss(temperature=t, base_temperature=b)` | `PixelContrast::new().with_temperature(t).with_base_temperature(b)` | `paddleseg.PixelContrastCrossEntropyLoss._contrastive` |
//!
//! * Its addends to divisors (10⁻⁸, 10⁻¹⁰) are not here, but for OHEM's 10⁻⁵ in [`Ohem::paddle`](crate::Ohem::paddle),
//!   which can be seen. [`Ohem::new`](crate::Ohem::new) is without its flaws.
//! * `top_k_percent_pixels` with weights divides by these; that is not here.
//! * `BCELoss(weight="dynamic")` makes weights from each batch: count labels, and give
//!   [`with_class_weights`](crate::BinaryCrossEntropy::with_class_weights).
//! * `PixelContrastCrossEntropyLoss` samples its anchors: [`sample::segmentation_aware`](crate::sample::segmentation_aware)
//!   with its `max_samples` and `max_views`.
//! * `LovaszHingeLoss` of two channels takes the logarithm of a probability for the logit; here one logit is given.
//!
//! # MONAI
//!
//! | there | here | in the vectors |
//! |---|---|---|
//! | `DiceLoss(softmax=True)` | `Overlap::dice().with_smoothing(1e-5, 1e-5)` | `monai.DiceLoss(softmax)` |
//! | `DiceLoss(softmax=True, weight=w)` | `Overlap::dice().with_smoothing(1e-5, 1e-5).with_weights(w).unnormalized()` | `monai.DiceLoss(softmax)` |
//! | `DiceLoss(softmax=True, include_background=False)` | `Overlap::dice().with_smoothing(1e-5, 1e-5).without_background()` | `monai.DiceLoss(softmax)` |
//! | `DiceLoss(softmax=True, squared_pred=True)` | `Overlap::dice().with_smoothing(1e-5, 1e-5).squared()` | `monai.DiceLoss(softmax)` |
//! | `DiceLoss(softmax=True, jaccard=True)` | `Overlap::jaccard().with_smoothing(5e-6, 5e-6)` | `monai.DiceLoss(softmax)` |
//! | `DiceLoss(softmax=True, batch=True, smooth_nr=a, smooth_dr=b)` | `Overlap::dice().with_smoothing(a, b).per_batch()` | `monai.DiceLoss(softmax)` |
//! | `DiceLoss(sigmoid=True)` | `Overlap::dice().with_smoothing(1e-5, 1e-5).on_sigmoid()` | `monai.DiceLoss(sigmoid)` |
//! | `DiceLoss()` | `Overlap::dice().with_smoothing(1e-5, 1e-5).on_probabilities()` | `monai.DiceLoss(probs)` |
//! | `GeneralizedDiceLoss(softmax=True, w_type="square")` | `Overlap::generalized_dice().with_smoothing(1e-5, 1e-5)` | `monai.GeneralizedDiceLoss(softmax)` |
//! | `FocalLoss(use_softmax=True, gamma=gamma)` | `Focal::new(gamma).with_reduction(Reduction::MeanAllElements)` | `monai.FocalLoss(softmax)` |
//! | `FocalLoss(use_softmax=True, gamma=gamma, ignore_index=255)` | `Focal::new(gamma)` | `monai.FocalLoss(softmax)` |
//! | `FocalLoss(use_softmax=True, gamma=gamma, alpha=alpha)` | `Focal::new(gamma).with_alpha([1.0 - alpha, alpha, alpha, alpha]).with_reduction(Reduction::MeanAllElements)` | `monai.FocalLoss(softmax)` |
//! | `FocalLoss(use_softmax=True, gamma=gamma, weight=w)` | `Focal::new(gamma).with_alpha(w).with_reduction(Reduction::MeanAllElements)` | `monai.FocalLoss(softmax)` |
//! | `FocalLoss(gamma=gamma, alpha=alpha)` | `SigmoidFocal::new(gamma).with_alpha(alpha)` | `monai.FocalLoss(sigmoid)` |
//! | `FocalLoss(gamma=gamma, alpha=alpha, to_onehot_y=True)` | `SigmoidFocal::new(gamma).with_alpha(alpha)` | `monai.FocalLoss(sigmoid one-vs-rest)` |
//!
//! * A list for `alpha` is [`with_alpha`](crate::Focal::with_alpha) as it is; a scalar is that of the foreground.
//! * `include_background=False` of a focal loss: α = 0 for class 0.
//! * `reduction="sum"` of its focal loss first averages over the pixels of an image: `Reduction::Divisor` with their
//!   number.
//! * Dice of an image without a valid pixel is 0 here. `MaskedDiceLoss` with a softmax is not reproduced: it masks logits,
//!   and lets the pixels count.
//!
//! # segmentation_models.pytorch
//!
//! | there | here | in the vectors |
//! |---|---|---|
//! | `SoftCrossEntropyLoss(smooth_factor=eps)` | `CrossEntropy::new().with_label_smoothing(eps).with_reduction(Reduction::MeanAll)` | `smp.SoftCrossEntropyLoss` |
//! | `FocalLoss("binary", alpha=alpha, gamma=gamma)` | `SigmoidFocal::new(gamma).with_alpha(alpha)` | `smp.FocalLoss(binary)` |
//! | `FocalLoss("multiclass", alpha=alpha, gamma=gamma)` | `SigmoidFocal::new(gamma).with_alpha(alpha)` | `smp.FocalLoss(multiclass)` |
//! | `FocalLoss("multiclass", gamma=gamma, class_weights=w)` | `SigmoidFocal::new(gamma).with_channel_weights(w)` | `smp.FocalLoss(multiclass)` |
//! | `softmax_focal_loss_with_logits(z, y, gamma=gamma)` | `Focal::new(gamma).with_reduction(Reduction::MeanAll)` | `smp.softmax_focal_loss_with_logits` |
//! | `DiceLoss("multiclass")` | `Overlap::dice().with_smoothing(0.0, 0.0).per_batch().with_absent(Absent::Zero)` | `smp.DiceLoss(multiclass)` |
//! | `DiceLoss("multiclass", smooth=s)` | `Overlap::dice().with_smoothing(2.0 * s, 2.0 * s).per_batch().with_absent(Absent::Zero)` | `smp.DiceLoss(multiclass)` |
//! | `DiceLoss("multiclass", log_loss=True)` | `Overlap::dice().with_smoothing(0.0, 0.0).per_batch().with_absent(Absent::Zero).with_form(Form::Log)` | `smp.DiceLoss(multiclass)` |
//! | `DiceLoss("multiclass", class_weights=w)` | `Overlap::dice().with_smoothing(0.0, 0.0).per_batch().with_absent(Absent::Zero).with_weights(w)` | `smp.DiceLoss(multiclass)` |
//! | `DiceLoss("binary")` | `Overlap::dice().with_smoothing(0.0, 0.0).per_batch().with_absent(Absent::Zero).on_sigmoid()` | `smp.DiceLoss(binary)` |
//! | `DiceLoss("multiclass", from_logits=False)` | `Overlap::dice().with_smoothing(0.0, 0.0).per_batch().with_absent(Absent::Zero).on_probabilities()` | `smp.DiceLoss(probs)` |
//! | `LovaszLoss("multiclass", per_image=False)` | `Lovasz::new()` | `smp.LovaszLoss(multiclass)` |
//! | `LovaszLoss("multiclass", per_image=True)` | `Lovasz::new().per_image()` | `smp.LovaszLoss(multiclass)` |
//! | `LovaszLoss("binary", per_image=False)` | `LovaszHinge::new()` | `smp.LovaszLoss(binary)` |
//! | `_lovasz_softmax(p, y, classes="all", per_image=True)` | `Lovasz::new().with_classes(Classes::All).per_image()` | `smp._lovasz_softmax` |
//!
//! * `FocalLoss("multiclass")` is a sigmoid in each channel, not a softmax.
//! * `normalized` and `reduced_threshold` of `FocalLoss` are not here.
//! * `smooth` counts twice: its index is (I + s) / (S/2 + s).
//! * With `per_image=True` in mode binary: `LovaszHinge::new().per_image()`.
//! * An absent class has the loss 0, and a batch of background alone teaches nothing;
//!   [`Absent::Count`](crate::Absent::Count), the default here, keeps its false positives.
//!
//! # Kornia
//!
//! | there | here | in the vectors |
//! |---|---|---|
//! | `focal_loss(z, y, alpha=None, gamma=gamma, reduction="mean")` | `Focal::new(gamma).with_reduction(Reduction::MeanAllElements)` | `kornia.focal_loss` |
//! | `focal_loss(z, y, alpha=alpha, gamma=gamma, reduction="mean")` | `Focal::new(gamma).with_alpha([1.0 - alpha, alpha, alpha, alpha]).with_reduction(Reduction::MeanAllElements)` | `kornia.focal_loss` |
//! | `focal_loss(z, y, alpha=None, gamma=gamma, weight=w, reduction="mean")` | `Focal::new(gamma).with_alpha(w).with_reduction(Reduction::MeanAllElements)` | `kornia.focal_loss` |
//! | `binary_focal_loss_with_logits(z, t, alpha=alpha, gamma=gamma, reduction="mean")` | `SigmoidFocal::new(gamma).with_alpha(alpha).with_reduction(Reduction::MeanAllElements)` | `kornia.binary_focal_loss_with_logits` |
//! | `dice_loss(z, y, average="micro")` | `Overlap::dice().with_smoothing(0.0, 1e-8).micro()` | `kornia.dice_loss` |
//! | `dice_loss(z, y, average="macro")` | `Overlap::dice().with_smoothing(0.0, 1e-8).with_absent(Absent::Skip)` | `kornia.dice_loss` |
//! | `dice_loss(z, y, average="macro", weight=w)` | `Overlap::dice().with_smoothing(0.0, 1e-8).with_absent(Absent::Skip).with_weights(w)` | `kornia.dice_loss` |
//! | `lovasz_softmax_loss(z, y)` | `Lovasz::new().with_classes(Classes::All).per_image()` | `kornia.lovasz_softmax_loss` |
//! | `lovasz_softmax_loss(z, y, weight=w)` | `Lovasz::new().with_classes(Classes::All).per_image().with_weights(w)` | `kornia.lovasz_softmax_loss` |
//! | `lovasz_hinge_loss(z, y)` | `LovaszHinge::new().per_image()` | `kornia.lovasz_hinge_loss` |
//!
//! * Ignored pixels stay in its divisors: [`Reduction::MeanAllElements`](crate::Reduction::MeanAllElements) counts them
//!   too.
//! * A scalar α is that of the foreground, 1 − α that of class 0.
//! * An image without a valid pixel has the Dice loss 1 there, and 0 here.
//!
//! # mmsegmentation
//!
//! | there | here | in the vectors |
//! |---|---|---|
//! | `cross_entropy(z, y, avg_non_ignore=False)` | `CrossEntropy::new().with_reduction(Reduction::MeanAll)` | `mmseg.cross_entropy` |
//! | `cross_entropy(z, y, avg_non_ignore=True)` | `CrossEntropy::new()` | `mmseg.cross_entropy` |
//! | `cross_entropy(z, y, class_weight=w, avg_non_ignore=True)` | `CrossEntropy::new().with_weights(w)` | `mmseg.cross_entropy` |
//! | `binary_cross_entropy(z, y, avg_non_ignore=False)` | `BinaryCrossEntropy::new().with_reduction(Reduction::MeanAll)` | `mmseg.binary_cross_entropy` |
//! | `binary_cross_entropy(z, y, avg_non_ignore=True)` | `BinaryCrossEntropy::new()` | `mmseg.binary_cross_entropy` |
//! | `FocalLoss(alpha=alpha, gamma=gamma)` | `SigmoidFocal::new(gamma).with_alpha(alpha).with_reduction(Reduction::MeanAllElements)` | `mmseg.FocalLoss` |
//! | `FocalLoss(alpha=[…], gamma=gamma, class_weight=w)` | `SigmoidFocal::new(gamma).with_channel_alpha(alpha).with_channel_weights(w).with_reduction(Reduction::MeanAllElements)` | `mmseg.FocalLoss` |
//! | `DiceLoss(use_sigmoid=False, naive_dice=False)` | `Overlap::dice().with_smoothing(0.0, 2e-3).squared().micro()` | `mmseg.DiceLoss(softmax)` |
//! | `DiceLoss(use_sigmoid=False, naive_dice=True)` | `Overlap::dice().with_smoothing(1e-3, 1e-3).micro()` | `mmseg.DiceLoss(softmax)` |
//! | `DiceLoss(naive_dice=False)` | `Overlap::dice().with_smoothing(0.0, 2e-3).squared().micro().on_sigmoid()` | `mmseg.DiceLoss(sigmoid)` |
//! | `LovaszLoss(classes="present", per_image=False)` | `Lovasz::new()` | `mmseg.LovaszLoss(multi_class)` |
//! | `LovaszLoss(classes="present", class_weight=w)` | `Lovasz::new().with_weights(w)` | `mmseg.LovaszLoss(multi_class)` |
//! | `LovaszLoss(loss_type="binary", per_image=True)` | `LovaszHinge::new().per_image()` | `mmseg.LovaszLoss(binary)` |
//! | `OhemCrossEntropy(thres=thresh, min_kept=n)` | `Ohem::hrnet(CrossEntropy::new(), thresh, n)` | `mmseg.OhemCrossEntropy` |
//! | `OhemCrossEntropy(thres=thresh, min_kept=n, class_weight=w)` | `Ohem::hrnet(CrossEntropy::new().with_weights(w), thresh, n)` | `mmseg.OhemCrossEntropy` |
//!
//! * Release 1.2.2. Its loss modules multiply by `loss_weight`: [`Sum`](crate::Sum).
//! * Ignored pixels stay in the denominator of its `DiceLoss`; here they are never read, so that the two agree where none
//!   is ignored.
//! * `OhemCrossEntropy` gives NaN where no pixel is kept, and 0 here.
//!
//! # The papers' own code
//!
//! | there | here | in the vectors |
//! |---|---|---|
//! | `LovaszSoftmax: lovasz_softmax(p, y, classes="present", per_image=False)` | `Lovasz::new()` | `berman.lovasz_softmax` |
//! | `LovaszSoftmax: lovasz_softmax(p, y, classes="all", per_image=True)` | `Lovasz::new().with_classes(Classes::All).per_image()` | `berman.lovasz_softmax` |
//! | `LovaszSoftmax: lovasz_hinge(z, y, per_image=True)` | `LovaszHinge::new().per_image()` | `berman.lovasz_hinge` |
//! | `LovaszSoftmax: lovasz_hinge(z, y, per_image=False)` | `LovaszHinge::new()` | `berman.lovasz_hinge` |
//! | `LovaszSoftmax: binary_xloss(z, y)` | `BinaryCrossEntropy::new()` | `berman.binary_xloss` |
//! | `ContrastiveSeg: FSCELoss(weight=w)` | `CrossEntropy::new().with_weights(w)` | `contrastiveseg.FSCELoss` |
//! | `ContrastiveSeg: FSOhemCELoss(ohem_thresh=thresh, ohem_minkeep=n)` | `Ohem::hrnet(CrossEntropy::new(), thresh, n)` | `contrastiveseg.FSOhemCELoss` |
//! | `ContrastiveSeg: PixelContrastLoss(temperature=t, base_temperature=b)` | `PixelContrast::new().with_temperature(t).with_base_temperature(b)` | `contrastiveseg.PixelContrastLoss._contrastive` |
//! | `contrast_seg_paddle: PixelContrastCrossEntropyLoss(temperature=t, base_temperature=b)` | `PixelContrast::new().with_temperature(t).with_base_temperature(b)` | `contrast_seg_paddle.PixelContrastCrossEntropyLoss._contrastive` |
//! | `PyTorch-Encoding: SegmentationLosses(weight=w), its cross entropy` | `CrossEntropy::new().with_weights(w)` | `pytorch_encoding.SegmentationLosses(ce)` |
//! | `PyTorch-Encoding: SegmentationLosses(se_loss=True), its SE term` | `SemanticEncoding::new().counting_empty_images()` | `pytorch_encoding.SegmentationLosses(se term)` |
//! | `ENCNet_paddle: SeCrossEntropyLoss()` | `SemanticEncoding::new().counting_empty_images()` | `encnet_paddle.SeCrossEntropyLoss` |
//!
//! * Berman's `lovasz_softmax` takes probabilities: `on_probabilities()`, or logits and the softmax within, as above.
//! * A list of classes is [`Classes::Listed`](crate::Classes::Listed).
//! * `SegmentationLosses` as a whole is CE(logits) + 0.4 CE(auxiliary logits) + 0.2 SE(presence logits): the example of
//!   [`SemanticEncoding`](crate::SemanticEncoding#example).
//! * `PixelContrastLoss` samples its anchors: [`sample::segmentation_aware`](crate::sample::segmentation_aware).
