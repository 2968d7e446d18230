"""The losses as a user of torch writes them: eager, and compiled."""

import torch
from torch.nn import functional as F

torch.set_num_threads(1)
VERSION = f"torch {torch.__version__}"


def implementations(cell, scores, labels, weights):
    torch._dynamo.reset()
    x = torch.tensor(scores, requires_grad=True)
    y = torch.tensor(labels, dtype=torch.int64)
    w = torch.tensor(weights, dtype=torch.float32)
    dim = 0 if cell.class_major else 1
    function = LOSSES[cell.loss]

    def with_gradient(function):
        def call():
            loss = function(x, y, w, dim)
            return loss, torch.autograd.grad(loss, x)[0]

        return call

    def result(call):
        loss, gradient = call()
        return loss.item(), gradient.numpy()

    yield "torch", with_gradient(function), result
    yield "torch.compile", with_gradient(torch.compile(function)), result


def of_pixels(x, y, dim, **options):
    """Cross entropy; a batch of one image where the classes come first."""
    if dim == 0:
        return F.cross_entropy(x[None], y[None], **options)
    return F.cross_entropy(x, y, **options)


def cross_entropy(x, y, w, dim):
    return of_pixels(x, y, dim, weight=w)


def focal(x, y, w, dim):
    surprise = of_pixels(x, y, dim, reduction="none")
    return ((1 - torch.exp(-surprise)) ** 2 * surprise).mean()


def dice(x, y, w, dim):
    p = torch.softmax(x, dim)
    t = F.one_hot(y, x.shape[dim]).to(p.dtype)
    t = t.T if dim == 0 else t
    hit, sizes = (p * t).sum(1 - dim), p.sum(1 - dim) + t.sum(1 - dim)
    return (1 - (2 * hit + 1) / (sizes + 1)).mean()


def ohem(x, y, w, dim):
    surprise = of_pixels(x, y, dim, reduction="none").flatten()
    p = torch.exp(-surprise.detach())
    threshold = torch.sort(p).values[len(y) // 16].clamp(min=0.7)
    return surprise[p < threshold].mean()


def lovasz(x, y, w, dim):
    p = torch.softmax(x, dim)
    losses = []
    for c in range(x.shape[dim]):
        t = (y == c).float()
        number = t.sum()
        if number == 0:
            continue
        errors, order = torch.sort((t - p.select(dim, c)).abs(), 0, descending=True)
        t = t[order]
        jaccard = 1 - (number - t.cumsum(0)) / (number + (1 - t).cumsum(0))
        jaccard[1:] = jaccard[1:] - jaccard[:-1]
        losses.append(torch.dot(errors, jaccard))
    return sum(losses) / len(losses)


def contrast(x, y, w, dim):
    s = torch.matmul(x, x.T) / 0.1
    s = s - s.max(1, keepdim=True).values.detach()
    same = (y[:, None] == y[None, :]).float()
    positive = same - torch.eye(len(y))
    exponentials = torch.exp(s)
    negatives = (exponentials * (1 - same)).sum(1, keepdim=True)
    log_probabilities = s - torch.log(exponentials + negatives)
    return -((log_probabilities * positive).sum(1) / positive.sum(1)).mean()


LOSSES = {
    "ce": cross_entropy, "focal": focal, "dice": dice, "ohem": ohem, "lovasz": lovasz, "contrast": contrast,
}
