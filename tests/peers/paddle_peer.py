"""The losses as a user of Paddle writes them."""

import paddle
from paddle.nn import functional as F

paddle.set_device("cpu")
VERSION = f"paddle {paddle.__version__}"


def implementations(cell, scores, labels, weights):
    x = paddle.to_tensor(scores, stop_gradient=False)
    y = paddle.to_tensor(labels.astype("int64"))
    w = paddle.to_tensor(weights.astype("float32"))
    dim = 0 if cell.class_major else 1
    function = LOSSES[cell.loss]

    def call():
        loss = function(x, y, w, dim)
        return loss, paddle.grad(loss, x)[0]

    def result(call):
        loss, gradient = call()
        return float(loss), gradient.numpy()

    yield "paddle", call, result


def of_pixels(x, y, dim, **options):
    """Cross entropy; a batch of one image where the classes come first."""
    if dim == 0:
        return F.cross_entropy(x[None], y[None], axis=1, **options)
    return F.cross_entropy(x, y, **options)


def cross_entropy(x, y, w, dim):
    return of_pixels(x, y, dim, weight=w)


def focal(x, y, w, dim):
    surprise = of_pixels(x, y, dim, reduction="none")
    return ((1 - paddle.exp(-surprise)) ** 2 * surprise).mean()


def dice(x, y, w, dim):
    p = F.softmax(x, axis=dim)
    t = F.one_hot(y, x.shape[dim])
    t = t.T if dim == 0 else t
    hit, sizes = (p * t).sum(1 - dim), p.sum(1 - dim) + t.sum(1 - dim)
    return (1 - (2 * hit + 1) / (sizes + 1)).mean()


def ohem(x, y, w, dim):
    surprise = of_pixels(x, y, dim, reduction="none").flatten()
    p = paddle.exp(-surprise.detach())
    threshold = paddle.sort(p)[len(y) // 16].clip(min=0.7)
    return surprise[p < threshold].mean()


def lovasz(x, y, w, dim):
    p = F.softmax(x, axis=dim)
    losses = []
    for c in range(x.shape[dim]):
        t = (y == c).astype("float32")
        number = t.sum()
        if float(number) == 0:
            continue
        errors = (t - (p[c] if dim == 0 else p[:, c])).abs()
        order = paddle.argsort(errors.detach(), descending=True)
        t = paddle.gather(t, order)
        jaccard = 1 - (number - t.cumsum(0)) / (number + (1 - t).cumsum(0))
        increments = paddle.concat([jaccard[:1], jaccard[1:] - jaccard[:-1]])
        losses.append((paddle.gather(errors, order) * increments).sum())
    return sum(losses) / len(losses)


def contrast(x, y, w, dim):
    s = paddle.matmul(x, x, transpose_y=True) / 0.1
    s = s - s.max(1, keepdim=True).detach()
    same = (y[:, None] == y[None, :]).astype("float32")
    positive = same - paddle.eye(len(y))
    exponentials = paddle.exp(s)
    negatives = (exponentials * (1 - same)).sum(1, keepdim=True)
    log_probabilities = s - paddle.log(exponentials + negatives)
    return -((log_probabilities * positive).sum(1) / positive.sum(1)).mean()


LOSSES = {
    "ce": cross_entropy, "focal": focal, "dice": dice, "ohem": ohem, "lovasz": lovasz, "contrast": contrast,
}
