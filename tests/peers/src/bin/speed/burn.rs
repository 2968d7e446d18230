//! The losses as a user of burn writes them: backend flex with automatic differentiation.

use crate::Implementation;
use anyhow::{Context, Result};
use burn::tensor::activation::{log_softmax, softmax};
use burn::tensor::{Device, Int, Tensor, TensorData};
use scarce_peers::{Cell, DIMENSIONS, Job, Layout, Loss, weight};

pub(crate) struct Burn {
    cell: Cell,
    /// The dimension of the classes.
    dim: usize,
    scores: Tensor<2>,
    labels: Tensor<1, Int>,
    weights: Tensor<1>,
}

impl Burn {
    pub(crate) fn new(job: &Job) -> Self {
        let cell = job.cell();
        let device = Device::flex().autodiff();
        let (shape, dim) = match (cell.loss, cell.layout) {
            (Loss::Contrast, _) => ([cell.pixels, DIMENSIONS], 1),
            (_, Layout::PixelMajor) => ([cell.pixels, cell.classes], 1),
            (_, Layout::ClassMajor) => ([cell.classes, cell.pixels], 0),
        };
        let labels: Vec<i64> = job.labels().iter().copied().map(i64::from).collect();
        let weights: Vec<f32> = (0..cell.classes).map(weight).collect();
        let (pixels, classes) = (cell.pixels, cell.classes);
        Self {
            cell,
            dim,
            scores: Tensor::from_data(TensorData::new(job.scores().to_vec(), shape), &device).require_grad(),
            labels: Tensor::from_data(TensorData::new(labels, [pixels]), &device),
            weights: Tensor::from_data(TensorData::new(weights, [classes]), &device),
        }
    }

    fn value_and_grad(&self) -> Result<(Tensor<1>, Tensor<2>)> {
        let loss = self.loss();
        let gradients = loss.backward();
        let gradient = self.scores.grad(&gradients).context("no gradient")?;
        Ok((loss, gradient))
    }

    fn loss(&self) -> Tensor<1> {
        match self.cell.loss {
            Loss::CrossEntropy => {
                let weights = self.weights.clone().select(0, self.labels.clone());
                (self.cross_entropy() * weights.clone()).sum() / weights.sum()
            }
            Loss::Focal => {
                let surprise = self.cross_entropy();
                let rest = -surprise.clone().neg().exp() + 1.0;
                (rest.clone() * rest * surprise).mean()
            }
            Loss::Dice => self.dice(),
            Loss::Ohem => {
                let surprise = self.cross_entropy();
                let confidence = surprise.clone().detach().neg().exp();
                let least = self.cell.pixels / 16;
                let sorted = confidence.clone().sort(0);
                let threshold = sorted.narrow(0, least, 1).into_scalar::<f32>().max(0.7);
                let kept = confidence.lower_elem(threshold).float();
                (surprise * kept.clone()).sum() / kept.sum()
            }
            Loss::Lovasz => self.lovasz(),
            Loss::Contrast => self.contrast(),
        }
    }

    /// Of each pixel.
    fn cross_entropy(&self) -> Tensor<1> {
        let labels = self.labels.clone().unsqueeze_dim(self.dim);
        log_softmax(self.scores.clone(), self.dim).gather(self.dim, labels).reshape([self.cell.pixels]).neg()
    }

    fn dice(&self) -> Tensor<1> {
        let probabilities = softmax(self.scores.clone(), self.dim);
        let truth: Tensor<2> = self.labels.clone().one_hot::<2>(self.cell.classes).float();
        let truth = if self.dim == 0 { truth.transpose() } else { truth };
        let pixels = 1 - self.dim;
        let hit = (probabilities.clone() * truth.clone()).sum_dim(pixels);
        let sizes = probabilities.sum_dim(pixels) + truth.sum_dim(pixels);
        -((hit * 2.0 + 1.0) / (sizes + 1.0)).mean() + 1.0
    }

    fn lovasz(&self) -> Tensor<1> {
        let probabilities = softmax(self.scores.clone(), self.dim);
        let mut losses = Vec::new();
        for class in 0..self.cell.classes {
            let truth = self.labels.clone().equal_elem(class as i64).float();
            let number = truth.clone().sum();
            if number.clone().into_scalar::<f32>() == 0.0 {
                continue;
            }
            let own = probabilities.clone().narrow(self.dim, class, 1).reshape([self.cell.pixels]);
            let (errors, order) = (truth.clone() - own).abs().sort_descending_with_indices(0);
            let truth = truth.select(0, order);
            let intersection = number.clone() - truth.clone().cumsum(0);
            let union = number + (-truth + 1.0).cumsum(0);
            let jaccard = -(intersection / union) + 1.0;
            let last = self.cell.pixels - 1;
            let steps = jaccard.clone().narrow(0, 1, last) - jaccard.clone().narrow(0, 0, last);
            let increments = Tensor::cat(vec![jaccard.narrow(0, 0, 1), steps], 0);
            losses.push((errors * increments.detach()).sum());
        }
        Tensor::cat(losses, 0).mean()
    }

    fn contrast(&self) -> Tensor<1> {
        let anchors = self.cell.pixels;
        let similarities = self.scores.clone().matmul(self.scores.clone().transpose()) / 0.1;
        let similarities = similarities.clone() - similarities.max_dim(1).detach();
        let columns = self.labels.clone().unsqueeze_dim::<2>(0).expand([anchors, anchors]);
        let same = self.labels.clone().unsqueeze_dim::<2>(1).expand([anchors, anchors]).equal(columns).float();
        let positive = same.clone() - Tensor::eye(anchors, &self.scores.device());
        let exponentials = similarities.clone().exp();
        let negatives = (exponentials.clone() * (-same + 1.0)).sum_dim(1);
        let log_probabilities = similarities - (exponentials + negatives).log();
        let means = (log_probabilities * positive.clone()).sum_dim(1) / positive.sum_dim(1);
        -means.mean()
    }
}

impl Implementation for Burn {
    fn run(&mut self) -> Result<()> {
        std::hint::black_box(self.value_and_grad()?);
        Ok(())
    }

    fn result(&mut self) -> Result<(f32, Vec<f32>)> {
        let (loss, gradient) = self.value_and_grad()?;
        let gradient = gradient.into_data().try_to_vec::<f32>();
        Ok((loss.into_scalar::<f32>(), gradient.map_err(|error| anyhow::anyhow!("{error:?}"))?))
    }
}
