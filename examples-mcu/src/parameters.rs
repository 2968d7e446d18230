//! Flat access to parameters.

/// A set of trainable parameters in a fixed order: what optimisers, stores and loaders go through.
///
/// A gradient has the type of what it is the gradient of, and so does each moment that an optimiser keeps.
pub trait Parameters {
    /// Number of parameters.
    const COUNT: usize;

    /// All parameters zero: an empty gradient.
    #[must_use]
    fn zeros() -> Self;

    /// All parameters, in the order that the type documents.
    fn parameters(&self) -> impl Iterator<Item = &f32>;

    /// All parameters, in the same order.
    fn parameters_mut(&mut self) -> impl Iterator<Item = &mut f32>;

    /// Sets all parameters to zero in place, as before the gradient of the next batch is accumulated.
    fn clear(&mut self) {
        self.parameters_mut().for_each(|parameter| *parameter = 0.0);
    }
}
