//! Pixel contrast, with pairs that are chosen beforehand.

/// Embeddings and the classes of those that are anchors.
#[derive(Clone, Copy, Debug)]
pub struct Anchors<'a> {
    /// Embeddings, one after the other.
    pub rows: &'a [f64],
    /// Components of an embedding.
    pub dimension: usize,
    /// Index and class of each anchor.
    pub anchors: &'a [(usize, u8)],
}

impl<'a> Anchors<'a> {
    fn row(&self, index: usize) -> &'a [f64] {
        &self.rows[index * self.dimension..(index + 1) * self.dimension]
    }
}

/// What anchors are compared with: the columns.
#[derive(Clone, Debug)]
pub enum Contrast {
    /// Each other.
    Within,
    /// Constant vectors and their classes.
    Constants(Vec<(Vec<f64>, u8)>),
}

/// The columns that an anchor is pulled to, and those that it is pushed from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pairs {
    /// Of its class.
    pub positives: Vec<usize>,
    /// Of other classes.
    pub negatives: Vec<usize>,
}

/// (τ/τ_b) · mean over the anchors with a positive of mean_j −ln (e^{s_ij} / (e^{s_ij} + Σ_k e^{s_ik})),
/// s_ij = f_i · f_j / τ.
#[derive(Clone, Copy, Debug)]
pub struct PixelContrast {
    /// τ.
    pub temperature: f64,
    /// τ_b, τ if `None`.
    pub base_temperature: Option<f64>,
    /// f = x / ‖x‖, and not the embeddings as they are. Constants are taken as they are.
    pub normalizing: bool,
}

impl PixelContrast {
    fn unit(&self, row: &[f64]) -> Vec<f64> {
        let length = row.iter().map(|x| x * x).sum::<f64>().sqrt();
        row.iter().map(|x| if self.normalizing { x / length } else { *x }).collect()
    }

    /// s of each anchor (rows) and column.
    #[must_use]
    pub fn similarities(&self, anchors: &Anchors<'_>, contrast: &Contrast) -> Vec<Vec<f64>> {
        let own: Vec<Vec<f64>> = anchors.anchors.iter().map(|&(index, _)| self.unit(anchors.row(index))).collect();
        let columns = match contrast {
            Contrast::Within => own.clone(),
            Contrast::Constants(vectors) => vectors.iter().map(|(vector, _)| vector.clone()).collect(),
        };
        let similarity = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>() / self.temperature;
        own.iter().map(|a| columns.iter().map(|b| similarity(a, b)).collect()).collect()
    }

    /// All pairs of each anchor.
    #[must_use]
    pub fn all(&self, anchors: &Anchors<'_>, contrast: &Contrast) -> Vec<Pairs> {
        let columns: Vec<u8> = match contrast {
            Contrast::Within => anchors.anchors.iter().map(|&(_, class)| class).collect(),
            Contrast::Constants(vectors) => vectors.iter().map(|&(_, class)| class).collect(),
        };
        let is_self = |anchor: usize, column: usize| matches!(contrast, Contrast::Within) && anchor == column;
        let pairs = |(anchor, &(_, class)): (usize, &(usize, u8))| {
            let others = (0..columns.len()).filter(|&column| !is_self(anchor, column));
            let (positives, negatives) = others.partition(|&column| columns[column] == class);
            Pairs { positives, negatives }
        };
        anchors.anchors.iter().enumerate().map(pairs).collect()
    }

    /// The pairs of each anchor that are hardest, in ascending order of columns: the least similar positives and the most
    /// similar negatives, ties to the lower column. `numbers` tells how many of how many positives and negatives.
    #[must_use]
    pub fn hardest(
        &self,
        anchors: &Anchors<'_>,
        contrast: &Contrast,
        numbers: [&dyn Fn(usize) -> usize; 2],
    ) -> Vec<Pairs> {
        let similarities = self.similarities(anchors, contrast);
        let mut pairs = self.all(anchors, contrast);
        for (row, pairs) in similarities.iter().zip(&mut pairs) {
            // Stable: ties to the lower column.
            pairs.positives.sort_by(|&a, &b| row[a].total_cmp(&row[b]));
            pairs.negatives.sort_by(|&a, &b| row[b].total_cmp(&row[a]));
            for (columns, number) in [&mut pairs.positives, &mut pairs.negatives].into_iter().zip(numbers) {
                columns.truncate(number(columns.len()));
                columns.sort_unstable();
            }
        }
        pairs
    }

    /// The loss over these pairs of each anchor.
    #[must_use]
    pub fn value(&self, anchors: &Anchors<'_>, contrast: &Contrast, pairs: &[Pairs]) -> f64 {
        let mut losses = Vec::new();
        for (row, pairs) in self.similarities(anchors, contrast).iter().zip(pairs) {
            // −ln (e^s / (e^s + Σ e^{s_k})) = ln (1 + Σ e^{s_k − s})
            let loss = |&j: &usize| pairs.negatives.iter().map(|&k| (row[k] - row[j]).exp()).sum::<f64>().ln_1p();
            if !pairs.positives.is_empty() {
                losses.push(pairs.positives.iter().map(loss).sum::<f64>() / pairs.positives.len() as f64);
            }
        }
        let scale = self.base_temperature.map_or(1.0, |base| self.temperature / base);
        if losses.is_empty() { 0.0 } else { scale * losses.iter().sum::<f64>() / losses.len() as f64 }
    }
}
