//! A small segmentation network and its training, without a heap: the same code trains from scratch on a host and
//! fine-tunes on a microcontroller.
//!
//! * [`Network`]: dilated 3×3 convolutions with ReLU and a 1×1 head, its forward and its backward pass;
//! * [`Adam`] and [`Momentum`]: optimisers over any set of [`Parameters`], a network's or only its [`Head`]'s;
//! * [`schedule`]: learning rates;
//! * [`normalize`]: 8-bit images to what the network takes;
//! * [`FineTuning`] and [`measure`]: a [`Frame`] strip by strip, in a [`Workspace`] smaller than its activations;
//! * [`TiledFineTuning`] and [`measure_tiled`]: the loss of a whole frame, where there is room for the logits of some of its
//!   [`Rows`] only;
//! * [`validate`], [`Adaptation`]: notices that a network falls short, fine-tunes copies, and keeps only what is better;
//! * [`camera`]: where frames come from; [`Store`]: where weights survive a power cut;
//! * [`selfcheck`]: the bits of every loss, the same on every chip.
//!
//! Images are pixel-major: one `[f32; CHANNELS]` a pixel, row after row. Every buffer is the caller's; its length is
//! checked once, by the call that takes it. Equal inputs give equal bits on every target: sums run in one documented
//! order, multiplications and additions are never fused, and elementary functions come from [`libm`].
//!
//! # A step of training
//!
//! ```
//! use rand_pcg::{Pcg32, rand_core::SeedableRng};
//! use scarce::{Batch, CrossEntropy, Labels, Loss};
//! use scarce_mcu::{Adam, Network, Parameters, Shape, normalize};
//!
//! type Model = Network<1, 8, 2, 0>; // grey images, 8 hidden channels, 2 classes, no dilated convolution: 98 parameters
//! const SHAPE: Shape = Shape::new(2, 3);
//!
//! let mut model = Model::new(&mut Pcg32::seed_from_u64(1));
//! let mut adam = Adam::new();
//!
//! let mut input = [[0.0]; SHAPE.pixels()];
//! normalize(&[[10], [10], [200], [12], [11], [9]], &mut input)?;
//! let labels = Labels::new(&[0, 0, 1, 0, 0, 0]);
//!
//! let mut losses = [0.0; 20];
//! for value in &mut losses {
//!     let mut activations = [[0.0; 8]; Model::activations_len(SHAPE)];
//!     let mut logits = [[0.0; 2]; SHAPE.pixels()];
//!     model.forward(&input, SHAPE, &mut activations, &mut logits)?;
//!
//!     let mut logit_gradient = [[0.0; 2]; SHAPE.pixels()];
//!     let loss = CrossEntropy::new().with_weights([0.2, 1.0]);
//!     *value = loss.value_and_grad(&Batch::new(&logits, labels)?, &mut logit_gradient, &mut [])?;
//!
//!     let mut gradient = Model::zeros();
//!     model.backward(&input, SHAPE, &mut activations, &logit_gradient, &mut gradient)?;
//!     adam.step(&mut model, &gradient, 0.01);
//! }
//! assert!(losses[19] < 0.5 * losses[0]);
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```

#![no_std]

mod adam;
mod adaptation;
#[cfg(all(feature = "_board", target_os = "none"))]
pub mod board;
pub mod camera;
mod convolution;
mod descent;
mod eeprom;
mod error;
mod finetune;
mod frame;
mod head;
mod momentum;
mod network;
mod normalize;
mod parameters;
mod rows;
pub mod schedule;
pub mod selfcheck;
mod shape;
mod store;
mod tiled;
mod tiles;
mod weights;
mod window;
mod workspace;

pub use adam::Adam;
pub use adaptation::{Adaptation, AdaptationError, Verdict, measure_round, validate};
pub use convolution::Convolution;
pub use descent::{Recipe, Scope};
pub use eeprom::{EepromError, EepromFlash};
pub use error::{Buffer, LengthError};
pub use finetune::{FineTuning, Slice, TrainingError, measure};
pub use frame::{Frame, IGNORED};
pub use head::Head;
pub use momentum::Momentum;
pub use network::Network;
pub use normalize::{Moments, normalize, normalize_with};
pub use parameters::Parameters;
pub use rows::Rows;
pub use shape::Shape;
pub use store::{Store, StoreError};
pub use tiled::{TiledFineTuning, measure_tiled};
pub use tiles::TileWorkspace;
pub use weights::{Architecture, WeightsError, encoded_len};
pub use workspace::{Layout, Workspace};
