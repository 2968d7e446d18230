//! Fine-tuning by the loss of a whole frame, of which a tile is in memory at a time.

use crate::adaptation::AdaptationError;
use crate::descent::{Descent, Recipe};
use crate::window::Window;
use crate::{Moments, Network, Rows, Slice, TileWorkspace};
use core::ops::Range;
use scarce::metrics::Confusion;
use scarce::{Batch, Tiled, Tiles};

/// Training of a copy of a network as [`FineTuning`](crate::FineTuning) does it, but with the loss of each frame as a whole, in
/// memory of the size of a tile.
///
/// A frame is gone through tile by tile, some rows each: until the loss is known, in one pass or in as many as the loss asks
/// for, and once more for the gradient, which takes the place of each tile's logits. The logits are computed anew in each pass;
/// that costs time for memory and changes no bit of them.
#[derive(Debug)]
pub struct TiledFineTuning<'a, L: Tiled<C>, const I: usize, const H: usize, const C: usize, const D: usize> {
    loss: L,
    descent: Descent<I, H, C, D>,
    /// Of the frame that is trained on, as is the rest.
    tiles: &'a mut Tiles<C, L>,
    moments: [Moments; I],
    next_row: usize,
    /// A label has been seen.
    labelled: bool,
    /// The loss, once it is known.
    value: Option<f32>,
}

impl<'a, L: Tiled<C>, const I: usize, const H: usize, const C: usize, const D: usize>
    TiledFineTuning<'a, L, I, H, C, D>
{
    /// Starts from a network. What `tiles` holds does not matter.
    #[must_use]
    pub fn new(network: Network<I, H, C, D>, loss: L, recipe: Recipe, tiles: &'a mut Tiles<C, L>) -> Self {
        Self {
            loss,
            descent: Descent::new(network, recipe),
            tiles,
            moments: [Moments { mean: 0.0, deviation: 1.0 }; I],
            next_row: 0,
            labelled: false,
            value: None,
        }
    }

    /// Goes on with the next tile of the frame, and makes a step after the last one of the last pass. A call takes bounded time,
    /// that of one tile, and between calls other tasks may run; until a step is made, calls must bring the same frame.
    ///
    /// A frame without labels counts as a step, and nothing is learnt from it.
    ///
    /// # Errors
    /// If the frame cannot be read: the call may be made again. If the workspace does not fit the frame, or training has
    /// diverged: the network is no longer of use then.
    pub fn train<R: Rows<I>>(
        &mut self,
        frame: &mut R,
        workspace: &mut TileWorkspace<'_, I, H, C>,
    ) -> Result<Slice, AdaptationError<R::Error>> {
        if self.descent.is_done() {
            return Ok(Slice::Done);
        }
        let shape = frame.shape();
        workspace.check::<D>(shape)?;
        if self.next_row == 0 && !self.labelled {
            self.moments = frame.moments();
            *self.tiles = Tiles::new();
        }
        let rows = workspace.layout.strip(self.next_row, shape);
        let labelled = workspace.read_labels(frame, rows.clone()).map_err(AdaptationError::Camera)?;
        // The gradient is zero where there are no labels; a loss may want to know of such pixels, though.
        if labelled || self.value.is_none() {
            self.go_on(frame, &rows, workspace)?;
        }
        self.labelled |= labelled;
        self.next_row = rows.end;
        if self.next_row < shape.height {
            return Ok(Slice::InFrame);
        }
        self.next_row = 0;
        if self.labelled && self.value.is_none() {
            self.value = self.loss.settle(self.tiles)?;
            return Ok(Slice::InFrame);
        }
        if self.labelled {
            self.descent.learn(1.0);
        }
        self.descent.count_step();
        self.labelled = false;
        Ok(Slice::Step(self.value.take().unwrap_or_default()))
    }

    fn go_on<R: Rows<I>>(
        &mut self,
        frame: &mut R,
        rows: &Range<usize>,
        workspace: &mut TileWorkspace<'_, I, H, C>,
    ) -> Result<(), AdaptationError<R::Error>> {
        let Descent { network, gradient, recipe, .. } = &mut self.descent;
        let window = Window::around(rows, Network::<I, H, C, D>::REACH, frame.shape());
        workspace.forward(network, frame, self.moments, &window)?;
        let (logits, labels) = workspace.logits_and_labels(&window);
        if self.value.is_some() {
            self.loss.tile_grad_in_place(self.tiles, 1.0, logits, labels)?;
            workspace.backward(network, &window, recipe.scope, gradient)?;
        } else {
            self.loss.observe(self.tiles, &Batch::new(&*logits, labels)?)?;
        }
        Ok(())
    }

    /// Whether all steps were made.
    #[must_use]
    pub const fn is_done(&self) -> bool {
        self.descent.is_done()
    }

    /// The network as trained so far.
    #[must_use]
    pub const fn network(&self) -> &Network<I, H, C, D> {
        &self.descent.network
    }

    /// The network as trained so far.
    #[must_use]
    pub fn into_network(self) -> Network<I, H, C, D> {
        self.descent.network
    }
}

/// Predicts a frame tile by tile, and counts what its labelled pixels are and are predicted as. After each tile it calls
/// `between`.
///
/// # Errors
/// If the frame cannot be read, the workspace does not fit it, or logits are not finite.
pub fn measure_tiled<const I: usize, const H: usize, const C: usize, const D: usize, R: Rows<I>>(
    network: &Network<I, H, C, D>,
    frame: &mut R,
    workspace: &mut TileWorkspace<'_, I, H, C>,
    confusion: &mut Confusion<C>,
    mut between: impl FnMut(),
) -> Result<(), AdaptationError<R::Error>> {
    let (shape, moments) = (frame.shape(), frame.moments());
    workspace.check::<D>(shape)?;
    let mut row = 0;
    while row < shape.height {
        let rows = workspace.layout.strip(row, shape);
        row = rows.end;
        if workspace.read_labels(frame, rows.clone()).map_err(AdaptationError::Camera)? {
            let window = Window::around(&rows, Network::<I, H, C, D>::REACH, shape);
            workspace.forward(network, frame, moments, &window)?;
            let (logits, labels) = workspace.logits_and_labels(&window);
            confusion.observe_scores(&Batch::new(&*logits, labels)?);
        }
        between();
    }
    Ok(())
}
