"""Losses and gradients in f64, on the inputs that the library makes; the gradient has the layout of the scores."""

import numpy as np


def weights(classes):
    """The class weights of the cross entropy, as in job.rs."""
    return np.array([0.25] + [1 + c / 16 for c in range(1, classes)])


def value_and_gradient(loss, class_major, scores, labels):
    scores = scores.astype(np.float64)
    if loss == "contrast":
        return contrast(scores, labels)
    z = scores.T if class_major else scores
    value, gradient = LOSSES[loss](z, labels.astype(np.int64))
    return value, gradient.T if class_major else gradient


def softmax(z):
    e = np.exp(z - z.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def at_labels(z, y):
    """Probabilities, truth and the labels' surprise."""
    p = softmax(z)
    m = z.max(1)
    surprise = m + np.log(np.exp(z - m[:, None]).sum(1)) - z[np.arange(len(y)), y]
    return p, np.eye(z.shape[1])[y], surprise


def through_softmax(p, slope):
    return p * (slope - (p * slope).sum(1, keepdims=True))


def cross_entropy(z, y):
    p, t, surprise = at_labels(z, y)
    w = weights(z.shape[1])[y]
    return (w * surprise).sum() / w.sum(), w[:, None] * (p - t) / w.sum()


def focal(z, y):
    p, t, surprise = at_labels(z, y)
    own = np.exp(-surprise)
    rest = 1 - own
    slope = -(rest**2) - 2 * rest * own * surprise  # by the logarithm of the label's probability
    return (rest**2 * surprise).mean(), slope[:, None] * (t - p) / len(y)


def dice(z, y):
    p, t, _ = at_labels(z, y)
    numerator, denominator = 2 * (p * t).sum(0) + 1, (p + t).sum(0) + 1
    slope = -(2 * t * denominator - numerator) / denominator**2 / z.shape[1]
    return (1 - numerator / denominator).mean(), through_softmax(p, slope)


def ohem(z, y):
    p, t, surprise = at_labels(z, y)
    order = np.argsort(-surprise, kind="stable")
    kept = order[: max((np.exp(-surprise) < 0.7).sum(), len(y) // 16)]
    mask = np.zeros(len(y))
    mask[kept] = 1 / len(kept)
    return (surprise * mask).sum(), (p - t) * mask[:, None]


def lovasz(z, y):
    p, t, _ = at_labels(z, y)
    slope, losses = np.zeros_like(p), []
    for c in np.flatnonzero(t.sum(0)):
        errors = np.abs(t[:, c] - p[:, c])
        order = np.argsort(-errors, kind="stable")
        truth = t[order, c]
        hits, misses, number = np.cumsum(truth), np.cumsum(1 - truth), truth.sum()
        # The Jaccard loss's steps without a difference of two near values.
        step = np.where(
            truth > 0, 1 / (number + misses), (number - hits) / ((number + misses) * (number + misses - 1))
        )
        losses.append((errors[order] * step).sum())
        slope[order, c] = np.where(truth > 0, -step, step)
    return np.mean(losses), through_softmax(p, slope / len(losses))


def contrast(x, y):
    s = x @ x.T / 0.1
    same = y[:, None] == y[None, :]
    positive = same & ~np.eye(len(y), dtype=bool)
    negatives = np.where(same, -np.inf, s)
    m = negatives.max(1, keepdims=True)
    bound = m + np.log(np.exp(negatives - m).sum(1, keepdims=True))
    share = positive / positive.sum(1, keepdims=True)
    value = (share * np.logaddexp(0, bound - s)).sum(1).mean()
    pull = share / (1 + np.exp(s - bound))
    slope = (np.exp(negatives - bound) * pull.sum(1, keepdims=True) - pull) / len(y)
    return value, (slope + slope.T) @ x / 0.1


LOSSES = {"ce": cross_entropy, "focal": focal, "dice": dice, "ohem": ohem, "lovasz": lovasz}
