"""The losses as a user of JAX writes them, compiled with their gradient."""

import os

os.environ["JAX_PLATFORMS"] = "cpu"
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false " + os.environ.get("XLA_FLAGS", "")

import jax
import jax.numpy as jnp
import numpy as np

# XLA has as many threads as the processors that it sees when it starts.
processors = os.sched_getaffinity(0)
os.sched_setaffinity(0, {min(processors)})
jax.devices()
os.sched_setaffinity(0, processors)

VERSION = f"jax {jax.__version__}"


def implementations(cell, scores, labels, weights):
    x = jnp.asarray(scores)
    y = jnp.asarray(labels.astype(np.int32))
    w = jnp.asarray(weights, dtype=jnp.float32)
    dim = 0 if cell.class_major else 1
    function = LOSSES[cell.loss]
    compiled = jax.jit(jax.value_and_grad(lambda x, y, w: function(x, y, w, dim)))

    def call():
        return jax.block_until_ready(compiled(x, y, w))

    def result(call):
        loss, gradient = call()
        return float(loss), np.asarray(gradient)

    yield "jax.jit", call, result


def of_pixels(x, y, dim):
    log_probabilities = jax.nn.log_softmax(x, axis=dim)
    return -jnp.take_along_axis(log_probabilities, jnp.expand_dims(y, dim), axis=dim).squeeze(dim)


def cross_entropy(x, y, w, dim):
    weights = w[y]
    return (of_pixels(x, y, dim) * weights).sum() / weights.sum()


def focal(x, y, w, dim):
    surprise = of_pixels(x, y, dim)
    return ((1 - jnp.exp(-surprise)) ** 2 * surprise).mean()


def dice(x, y, w, dim):
    p = jax.nn.softmax(x, axis=dim)
    t = jax.nn.one_hot(y, x.shape[dim], axis=dim)
    hit, sizes = (p * t).sum(1 - dim), p.sum(1 - dim) + t.sum(1 - dim)
    return (1 - (2 * hit + 1) / (sizes + 1)).mean()


def ohem(x, y, w, dim):
    surprise = of_pixels(x, y, dim)
    p = jnp.exp(-jax.lax.stop_gradient(surprise))
    kept = p < jnp.maximum(jnp.sort(p)[len(y) // 16], 0.7)
    return jnp.where(kept, surprise, 0).sum() / kept.sum()


def lovasz(x, y, w, dim):
    p = jax.nn.softmax(x, axis=dim)

    def of_class(c):
        t = (y == c).astype(x.dtype)
        errors = jnp.abs(t - jnp.take(p, c, axis=dim))
        order = jnp.argsort(-jax.lax.stop_gradient(errors))
        t, number = t[order], t.sum()
        jaccard = 1 - (number - jnp.cumsum(t)) / (number + jnp.cumsum(1 - t))
        return jnp.dot(errors[order], jnp.diff(jaccard, prepend=0)), number > 0

    losses, present = zip(*(of_class(c) for c in range(x.shape[dim])))
    return jnp.where(jnp.stack(present), jnp.stack(losses), 0).sum() / jnp.stack(present).sum()


def contrast(x, y, w, dim):
    s = x @ x.T / 0.1
    s = s - jax.lax.stop_gradient(s.max(1, keepdims=True))
    same = (y[:, None] == y[None, :]).astype(x.dtype)
    positive = same - jnp.eye(len(y))
    exponentials = jnp.exp(s)
    negatives = (exponentials * (1 - same)).sum(1, keepdims=True)
    log_probabilities = s - jnp.log(exponentials + negatives)
    return -((log_probabilities * positive).sum(1) / positive.sum(1)).mean()


LOSSES = {
    "ce": cross_entropy, "focal": focal, "dice": dice, "ohem": ohem, "lovasz": lovasz, "contrast": contrast,
}
