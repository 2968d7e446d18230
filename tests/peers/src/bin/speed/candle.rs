//! The losses as a user of candle writes them.

use crate::Implementation;
use anyhow::{Context, Result};
use candle_core::{D, DType, Device, Tensor, Var};
use candle_nn::ops::{log_softmax, softmax};
use scarce_peers::{Cell, DIMENSIONS, Job, Layout, Loss, weight};

pub(crate) struct Candle {
    cell: Cell,
    /// The dimension of the classes.
    dim: usize,
    scores: Var,
    labels: Tensor,
    weights: Tensor,
}

impl Candle {
    pub(crate) fn new(job: &Job) -> Result<Self> {
        let cell = job.cell();
        let (shape, dim) = match (cell.loss, cell.layout) {
            (Loss::Contrast, _) => ((cell.pixels, DIMENSIONS), 1),
            (_, Layout::PixelMajor) => ((cell.pixels, cell.classes), 1),
            (_, Layout::ClassMajor) => ((cell.classes, cell.pixels), 0),
        };
        let labels: Vec<u32> = job.labels().iter().copied().map(u32::from).collect();
        Ok(Self {
            cell,
            dim,
            scores: Var::from_slice(job.scores(), shape, &Device::Cpu)?,
            labels: Tensor::new(labels, &Device::Cpu)?,
            weights: Tensor::new((0..cell.classes).map(weight).collect::<Vec<_>>(), &Device::Cpu)?,
        })
    }

    fn value_and_grad(&self) -> Result<(Tensor, Tensor)> {
        let loss = self.loss()?;
        let gradient = loss.backward()?.remove(&self.scores).context("no gradient")?;
        Ok((loss, gradient))
    }

    fn loss(&self) -> Result<Tensor> {
        match self.cell.loss {
            Loss::CrossEntropy => {
                let weights = self.weights.index_select(&self.labels, 0)?;
                Ok(((self.cross_entropy()? * &weights)?.sum_all()? / weights.sum_all()?)?)
            }
            Loss::Focal => {
                let surprise = self.cross_entropy()?;
                let rest = (1.0 - surprise.neg()?.exp()?)?;
                Ok((rest.sqr()? * surprise)?.mean_all()?)
            }
            Loss::Dice => self.dice(),
            Loss::Ohem => {
                let surprise = self.cross_entropy()?;
                let confidence = surprise.detach().neg()?.exp()?;
                let (sorted, _) = confidence.sort_last_dim(true)?;
                let threshold = sorted.get(self.cell.pixels / 16)?.to_scalar::<f32>()?.max(0.7);
                let kept = confidence.lt(threshold)?.to_dtype(DType::F32)?;
                Ok(((surprise * &kept)?.sum_all()? / kept.sum_all()?)?)
            }
            Loss::Lovasz => self.lovasz(),
            Loss::Contrast => self.contrast(),
        }
    }

    /// Of each pixel.
    fn cross_entropy(&self) -> Result<Tensor> {
        let labels = self.labels.unsqueeze(self.dim)?;
        Ok(log_softmax(&self.scores, self.dim)?.gather(&labels, self.dim)?.squeeze(self.dim)?.neg()?)
    }

    /// 1 where a pixel is of a class.
    fn truth(&self, class: usize) -> Result<Tensor> {
        Ok(self.labels.eq(class as u32)?.to_dtype(DType::F32)?)
    }

    fn dice(&self) -> Result<Tensor> {
        let probabilities = softmax(&self.scores, self.dim)?;
        let truth = candle_nn::encoding::one_hot(self.labels.clone(), self.cell.classes, 1_f32, 0_f32)?;
        let truth = if self.dim == 0 { truth.t()? } else { truth };
        let pixels = 1 - self.dim;
        let hit = (&probabilities * &truth)?.sum(pixels)?;
        let sizes = (probabilities.sum(pixels)? + truth.sum(pixels)?)?;
        Ok((1.0 - (((hit * 2.0)? + 1.0)? / (sizes + 1.0)?)?.mean_all()?)?)
    }

    fn lovasz(&self) -> Result<Tensor> {
        let probabilities = softmax(&self.scores, self.dim)?;
        let mut losses = Vec::new();
        for class in 0..self.cell.classes {
            let truth = self.truth(class)?;
            let own = probabilities.narrow(self.dim, class, 1)?.flatten_all()?;
            let errors = (&truth - own)?.abs()?;
            let order = errors.arg_sort_last_dim(false)?;
            let Some(increments) = increments(&truth.index_select(&order, 0)?.to_vec1()?) else { continue };
            let increments = Tensor::new(increments, &Device::Cpu)?;
            losses.push((errors.index_select(&order, 0)? * increments)?.sum_all()?);
        }
        Ok(Tensor::stack(&losses, 0)?.mean_all()?)
    }

    fn contrast(&self) -> Result<Tensor> {
        let anchors = self.cell.pixels;
        let similarities = (self.scores.matmul(&self.scores.t()?)? / 0.1)?;
        let similarities = similarities.broadcast_sub(&similarities.max_keepdim(D::Minus1)?.detach())?;
        let same = self.labels.unsqueeze(1)?.broadcast_eq(&self.labels.unsqueeze(0)?)?.to_dtype(DType::F32)?;
        let positive = (&same - Tensor::eye(anchors, DType::F32, &Device::Cpu)?)?;
        let exponentials = similarities.exp()?;
        let negatives = (&exponentials * (1.0 - same)?)?.sum_keepdim(1)?;
        let log_probabilities = (similarities - exponentials.broadcast_add(&negatives)?.log()?)?;
        let means = ((log_probabilities * &positive)?.sum(1)? / positive.sum(1)?)?;
        Ok(means.mean_all()?.neg()?)
    }
}

/// By how much the Jaccard loss grows with each pixel; `None` for a class that is absent. On the host, since candle's
/// cumulative sum is a product with a triangular matrix.
fn increments(truth: &[f32]) -> Option<Vec<f32>> {
    let number: f32 = truth.iter().sum();
    let (mut hits, mut misses, mut before) = (0.0, 0.0, 0.0);
    let increment = |&truth: &f32| {
        hits += truth;
        misses += 1.0 - truth;
        let jaccard = 1.0 - (number - hits) / (number + misses);
        jaccard - std::mem::replace(&mut before, jaccard)
    };
    (number > 0.0).then(|| truth.iter().map(increment).collect())
}

impl Implementation for Candle {
    fn run(&mut self) -> Result<()> {
        std::hint::black_box(self.value_and_grad()?);
        Ok(())
    }

    fn result(&mut self) -> Result<(f32, Vec<f32>)> {
        let (loss, gradient) = self.value_and_grad()?;
        Ok((loss.to_scalar()?, gradient.flatten_all()?.to_vec1()?))
    }
}
