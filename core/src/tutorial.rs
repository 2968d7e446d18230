//! From a head trained in PyTorch to one that a device goes on training, in six steps.
//!
//! A network has been trained on a host: layers that see, and a head of one 1×1 convolution that scores the classes of each
//! pixel. On the device the layers stay as they are, and the head learns what the host had no images of. Everything below
//! is one program without `std`, in pieces; each is compiled and run with this page, on a host. Two features and three
//! classes keep it small.
//!
//! 1. [The head's weights](#1-the-heads-weights) leave PyTorch as Rust.
//! 2. [Logits](#2-logits) on the device.
//! 3. [A loss](#3-a-loss-and-its-scratch), and its scratch, sized by the compiler.
//! 4. [The gradient](#4-the-gradient) of the logits.
//! 5. [A step](#5-a-step) of the weights.
//! 6. [Proof](#6-proof): what was learnt, and that the device has the host's bits.
//!
//! # 1. The head's weights
//!
//! PyTorch prints them. It keeps a row a class, here a feature's weights stand together, hence the transposition. A float
//! printed in full, as Python does, is read back to the bit.
//!
//! ```text
//! head = model.segmentation_head[0]                          # torch.nn.Conv2d(2, 3, kernel_size=1)
//! print("weights:", head.weight.detach().reshape(3, 2).T.tolist())
//! print("bias:", head.bias.detach().tolist())
//! ```
//!
//! What it prints goes into the firmware. For the network of this repository's firmware,
//! `examples-host/python/export.py` does this for all layers.
//!
//! ```
//! const FEATURES: usize = 2; // a pixel; what the frozen layers give
//! const CLASSES: usize = 3;
//! struct Head {
//!     weights: [[f32; CLASSES]; FEATURES],
//!     bias: [f32; CLASSES],
//! }
//! const TRAINED: Head = Head {
//!     weights: [
//!         [-1.9486000537872314, 1.4062999486923218, 0.3120999932289124],
//!         [0.5127000212669373, -0.7717999815940857, 0.3052000105381012],
//!     ],
//!     bias: [1.25, -0.4375, -1.5],
//! };
//! # assert_eq!(TRAINED.weights[0][0], -1.9486);
//! ```
//!
//! # 2. Logits
//!
//! A head is all that is to be trained, so its forward pass is all that is to be written; the layers before it may be
//! another library's, also in 8 bits. The order of the additions is fixed, which makes the bits those of any other machine.
//!
//! ```
//! # const FEATURES: usize = 2; // a pixel; what the frozen layers give
//! # const CLASSES: usize = 3;
//! # struct Head {
//! #     weights: [[f32; CLASSES]; FEATURES],
//! #     bias: [f32; CLASSES],
//! # }
//! # const TRAINED: Head = Head {
//! #     weights: [
//! #         [-1.9486000537872314, 1.4062999486923218, 0.3120999932289124],
//! #         [0.5127000212669373, -0.7717999815940857, 0.3052000105381012],
//! #     ],
//! #     bias: [1.25, -0.4375, -1.5],
//! # };
//! impl Head {
//!     fn logits(&self, features: &[[f32; FEATURES]], logits: &mut [[f32; CLASSES]]) {
//!         for (logits, features) in logits.iter_mut().zip(features) {
//!             *logits = self.bias;
//!             for (feature, weights) in features.iter().zip(&self.weights) {
//!                 for (logit, weight) in logits.iter_mut().zip(weights) {
//!                     *logit += feature * weight; // a product, then a sum: no `mul_add`
//!                 }
//!             }
//!         }
//!     }
//! }
//! # let mut logits = [[0.0; CLASSES]; 1];
//! # TRAINED.logits(&[[1.0, 0.0]], &mut logits);
//! # assert_eq!(logits, [[1.25 - 1.9486, -0.4375 + 1.4063, -1.5 + 0.3121]]);
//! ```
//!
//! Logits of a network in 8 bits need no floats: [`Quantized`](crate::Quantized) reads them as they are. Those of class
//! after class, as PyTorch orders a tensor, are [`Planes`](crate::Planes).
//!
//! # 3. A loss, and its scratch
//!
//! Cross entropy alone may miss a rare class; with a loss on the overlap beside it, it did not with any seed
//! ([`CrossEntropy`](crate::CrossEntropy#when-to-use-it), [`Sum`](crate::Sum#when-to-use-it)). [`Lovasz`](crate::Lovasz)
//! would take 8 bytes of scratch a pixel; in 64 bins its scratch does not grow with the image. The type says it all, so the
//! compiler adds it up, and refuses what does not fit:
//!
//! ```
//! # const CLASSES: usize = 3;
//! use scarce::{CrossEntropy, LovaszHistogram, Sum, scratch_len_to_write};
//!
//! type Objective = Sum<CrossEntropy<CLASSES>, LovaszHistogram<CLASSES, 64>>;
//!
//! const LOSS: Objective = Sum((1.0, CrossEntropy::new()), (1.0, LovaszHistogram::new()));
//! const PIXELS: usize = 8 * 8;
//! const WORDS: usize = scratch_len_to_write::<CLASSES, Objective>(PIXELS);
//! const _: () = assert!(4 * WORDS <= 2048, "more scratch than the board has to lend");
//! # assert_eq!(WORDS, 2 * 64 * CLASSES);
//! ```
//!
//! A loss that the network was trained with in another library has a row in [`migration`](crate::migration).
//!
//! # 4. The gradient
//!
//! [`Batch::new`](crate::Batch::new) checks the data: lengths, labels, NaN. After it only a bad parameter is refused, or a
//! buffer of the wrong length; the parameters are constants here, and the lengths types. Nothing is allocated, nothing
//! panics.
//!
//! ```
//! # const FEATURES: usize = 2; // a pixel; what the frozen layers give
//! # const CLASSES: usize = 3;
//! # struct Head {
//! #     weights: [[f32; CLASSES]; FEATURES],
//! #     bias: [f32; CLASSES],
//! # }
//! # const TRAINED: Head = Head {
//! #     weights: [
//! #         [-1.9486000537872314, 1.4062999486923218, 0.3120999932289124],
//! #         [0.5127000212669373, -0.7717999815940857, 0.3052000105381012],
//! #     ],
//! #     bias: [1.25, -0.4375, -1.5],
//! # };
//! # impl Head {
//! #     fn logits(&self, features: &[[f32; FEATURES]], logits: &mut [[f32; CLASSES]]) {
//! #         for (logits, features) in logits.iter_mut().zip(features) {
//! #             *logits = self.bias;
//! #             for (feature, weights) in features.iter().zip(&self.weights) {
//! #                 for (logit, weight) in logits.iter_mut().zip(weights) {
//! #                     *logit += feature * weight; // a product, then a sum: no `mul_add`
//! #                 }
//! #             }
//! #         }
//! #     }
//! # }
//! # use scarce::{CrossEntropy, LovaszHistogram, Sum, scratch_len_to_write};
//! #
//! # type Objective = Sum<CrossEntropy<CLASSES>, LovaszHistogram<CLASSES, 64>>;
//! #
//! # const LOSS: Objective = Sum((1.0, CrossEntropy::new()), (1.0, LovaszHistogram::new()));
//! # const PIXELS: usize = 8 * 8;
//! # const WORDS: usize = scratch_len_to_write::<CLASSES, Objective>(PIXELS);
//! # const _: () = assert!(4 * WORDS <= 2048, "more scratch than the board has to lend");
//! use scarce::{Batch, Error, Labels, Loss};
//!
//! struct Buffers {
//!     logits: [[f32; CLASSES]; PIXELS],
//!     grad: [[f32; CLASSES]; PIXELS],
//!     scratch: [u32; WORDS],
//! }
//!
//! fn loss_and_gradient(
//!     head: &Head,
//!     features: &[[f32; FEATURES]; PIXELS],
//!     labels: Labels<'_>,
//!     buffers: &mut Buffers,
//! ) -> Result<f32, Error> {
//!     head.logits(features, &mut buffers.logits);
//!     let batch = Batch::new(&buffers.logits, labels)?;
//!     LOSS.value_and_grad(&batch, &mut buffers.grad, &mut buffers.scratch)
//! }
//! # let mut buffers = Buffers { logits: [[0.0; CLASSES]; PIXELS], grad: [[0.0; CLASSES]; PIXELS], scratch: [0; WORDS] };
//! # let features = [[0.5; FEATURES]; PIXELS];
//! # let loss = loss_and_gradient(&TRAINED, &features, Labels::new(&[1; PIXELS]), &mut buffers)?;
//! # assert!(loss > 0.0 && buffers.grad[0][1] < 0.0);
//! # Ok::<(), Error>(())
//! ```
//!
//! The buffers are a `static` on a device, one that hands them out once, such as `cortex_m::singleton!` and the crate
//! `static_cell` make. Where they are too large, the gradient can take the logits' place, for an image that is in memory or
//! for one that never is: [`Tiled`](crate::Tiled).
//!
//! # 5. A step
//!
//! Plain gradient descent. The gradient of a weight is the sum over pixels of its feature times the gradient of its logit;
//! there is no need to hold it.
//!
//! ```
//! # const FEATURES: usize = 2; // a pixel; what the frozen layers give
//! # const CLASSES: usize = 3;
//! # struct Head {
//! #     weights: [[f32; CLASSES]; FEATURES],
//! #     bias: [f32; CLASSES],
//! # }
//! # const TRAINED: Head = Head {
//! #     weights: [
//! #         [-1.9486000537872314, 1.4062999486923218, 0.3120999932289124],
//! #         [0.5127000212669373, -0.7717999815940857, 0.3052000105381012],
//! #     ],
//! #     bias: [1.25, -0.4375, -1.5],
//! # };
//! impl Head {
//!     fn descend(&mut self, features: &[[f32; FEATURES]], grad: &[[f32; CLASSES]], rate: f32) {
//!         for (features, grad) in features.iter().zip(grad) {
//!             for (feature, weights) in features.iter().zip(&mut self.weights) {
//!                 for (weight, grad) in weights.iter_mut().zip(grad) {
//!                     *weight -= rate * feature * grad;
//!                 }
//!             }
//!             for (bias, grad) in self.bias.iter_mut().zip(grad) {
//!                 *bias -= rate * grad;
//!             }
//!         }
//!     }
//! }
//! # let mut head = TRAINED;
//! # head.descend(&[[1.0, 0.0]], &[[0.5, -0.5, 0.0]], 0.5);
//! # assert_eq!(head.bias, [1.0, -0.1875, -1.5]);
//! # assert_eq!(head.weights[1], TRAINED.weights[1]);
//! ```
//!
//! # 6. Proof
//!
//! A confusion matrix says what was learnt, class by class; on a device, of frames that were kept from learning. And one
//! number says that the device does what the host did: the losses have the same bits on every target, and so has the code
//! above, which only adds and multiplies. Run the same frames through both, and compare a hash of the weights.
//!
//! ```
//! # const FEATURES: usize = 2; // a pixel; what the frozen layers give
//! # const CLASSES: usize = 3;
//! # struct Head {
//! #     weights: [[f32; CLASSES]; FEATURES],
//! #     bias: [f32; CLASSES],
//! # }
//! # const TRAINED: Head = Head {
//! #     weights: [
//! #         [-1.9486000537872314, 1.4062999486923218, 0.3120999932289124],
//! #         [0.5127000212669373, -0.7717999815940857, 0.3052000105381012],
//! #     ],
//! #     bias: [1.25, -0.4375, -1.5],
//! # };
//! # impl Head {
//! #     fn logits(&self, features: &[[f32; FEATURES]], logits: &mut [[f32; CLASSES]]) {
//! #         for (logits, features) in logits.iter_mut().zip(features) {
//! #             *logits = self.bias;
//! #             for (feature, weights) in features.iter().zip(&self.weights) {
//! #                 for (logit, weight) in logits.iter_mut().zip(weights) {
//! #                     *logit += feature * weight; // a product, then a sum: no `mul_add`
//! #                 }
//! #             }
//! #         }
//! #     }
//! # }
//! # use scarce::{CrossEntropy, LovaszHistogram, Sum, scratch_len_to_write};
//! #
//! # type Objective = Sum<CrossEntropy<CLASSES>, LovaszHistogram<CLASSES, 64>>;
//! #
//! # const LOSS: Objective = Sum((1.0, CrossEntropy::new()), (1.0, LovaszHistogram::new()));
//! # const PIXELS: usize = 8 * 8;
//! # const WORDS: usize = scratch_len_to_write::<CLASSES, Objective>(PIXELS);
//! # const _: () = assert!(4 * WORDS <= 2048, "more scratch than the board has to lend");
//! # use scarce::{Batch, Error, Labels, Loss};
//! #
//! # struct Buffers {
//! #     logits: [[f32; CLASSES]; PIXELS],
//! #     grad: [[f32; CLASSES]; PIXELS],
//! #     scratch: [u32; WORDS],
//! # }
//! #
//! # fn loss_and_gradient(
//! #     head: &Head,
//! #     features: &[[f32; FEATURES]; PIXELS],
//! #     labels: Labels<'_>,
//! #     buffers: &mut Buffers,
//! # ) -> Result<f32, Error> {
//! #     head.logits(features, &mut buffers.logits);
//! #     let batch = Batch::new(&buffers.logits, labels)?;
//! #     LOSS.value_and_grad(&batch, &mut buffers.grad, &mut buffers.scratch)
//! # }
//! # impl Head {
//! #     fn descend(&mut self, features: &[[f32; FEATURES]], grad: &[[f32; CLASSES]], rate: f32) {
//! #         for (features, grad) in features.iter().zip(grad) {
//! #             for (feature, weights) in features.iter().zip(&mut self.weights) {
//! #                 for (weight, grad) in weights.iter_mut().zip(grad) {
//! #                     *weight -= rate * feature * grad;
//! #                 }
//! #             }
//! #             for (bias, grad) in self.bias.iter_mut().zip(grad) {
//! #                 *bias -= rate * grad;
//! #             }
//! #         }
//! #     }
//! # }
//! const FINGERPRINT: u32 = 0x2b21_fa1e;
//! use scarce::metrics::Confusion;
//!
//! fn measure(head: &Head, features: &[[f32; FEATURES]; PIXELS], labels: Labels<'_>) -> Result<Confusion<CLASSES>, Error> {
//!     let (mut confusion, mut logits) = (Confusion::new(), [[0.0; CLASSES]; PIXELS]);
//!     head.logits(features, &mut logits);
//!     confusion.observe_scores(&Batch::new(&logits, labels)?);
//!     Ok(confusion)
//! }
//!
//! fn fingerprint(head: &Head) -> u32 {
//!     let numbers = head.weights.as_flattened().iter().chain(&head.bias);
//!     numbers.fold(0x811c_9dc5, |hash, number| (hash ^ number.to_bits()).wrapping_mul(0x0100_0193))
//! }
//!
//! // Background, a bright stripe of class 1, three odd pixels of class 2 in it, and one that nobody could label.
//! let labels: [u8; PIXELS] = core::array::from_fn(|pixel| match pixel {
//!     17 => 255,
//!     27 | 28 | 36 => 2,
//!     24..40 => 1,
//!     _ => 0,
//! });
//! let features: [[f32; FEATURES]; PIXELS] = core::array::from_fn(|pixel| {
//!     let noise = (pixel * 7 % 16) as f32 / 32.0;
//!     match labels[pixel] {
//!         1 => [1.5 - noise, noise],
//!         2 => [1.5 - noise, 1.5 - noise],
//!         _ => [noise, noise],
//!     }
//! });
//! let labels = Labels::new(&labels).ignoring(255);
//!
//! let mut head = TRAINED;
//! let mut buffers =
//!     Buffers { logits: [[0.0; CLASSES]; PIXELS], grad: [[0.0; CLASSES]; PIXELS], scratch: [0; WORDS] };
//! let before = measure(&head, &features, labels)?;
//! assert_eq!(before.iou(2), Some(0.0)); // it never learnt what the odd pixels are
//!
//! for _ in 0..50 {
//!     loss_and_gradient(&head, &features, labels, &mut buffers)?;
//!     head.descend(&features, &buffers.grad, 1.0);
//! }
//! let after = measure(&head, &features, labels)?;
//! assert_eq!(after.iou(2), Some(1.0));
//! assert!(after.mean_iou() > before.mean_iou());
//! assert_eq!(fingerprint(&head), FINGERPRINT); // printed on a host, compared on the device
//! # Ok::<(), Error>(())
//! ```
//!
//! A difference is then a fault, not rounding: another elementary function ([`Math`](crate::Math)), a fused multiply-add,
//! another order of pixels, or a byte that was lost on the way.
//!
//! # From here
//!
//! `examples-mcu` in the repository is a firmware that does this with frames from a UART, all layers of a small network, a
//! store that survives power cuts, and a check on frames that it did not learn from; it runs in QEMU by `cargo mcu`.
