"""Times scarce beside the peers that have a Python interface: `speed.py REFERENCES BUILD=LIBRARY...`.

All in this process, one after the other, round by round. Writes tab-separated values, and the f64 references of all cells
as files, which the Rust program reads, too.
"""

import ctypes
import importlib
import itertools
import math
import pathlib
import statistics
import sys
import time
from typing import NamedTuple

import numpy as np

import reference

ROUNDS = 15
FEWEST_ROUNDS = 5
ENOUGH = 4.0  # seconds; after so much of all implementations of a cell together, the fewest rounds do
MEASUREMENT = 2e-3  # seconds; a measurement takes as many calls as last this long

PIXELS, CLASSES = 65_536, [2, 4, 21]
ANCHORS, EMBEDDING_CLASSES, DIMENSIONS = 1024, 16, 256
LOSSES = ["ce", "focal", "dice", "ohem", "lovasz", "contrast"]  # in the order of job.rs


class Cell(NamedTuple):
    loss: str
    class_major: bool
    classes: int
    pixels: int

    @property
    def name(self):
        return f"{self.loss}-{'class' if self.class_major else 'pixel'}-{self.classes}"

    @property
    def shape(self):
        if self.loss == "contrast":
            return self.pixels, DIMENSIONS
        return (self.classes, self.pixels) if self.class_major else (self.pixels, self.classes)


CELLS = [Cell(*cell, PIXELS) for cell in itertools.product(LOSSES[:-1], [False, True], CLASSES)]
CELLS.append(Cell("contrast", False, EMBEDDING_CLASSES, ANCHORS))


class Library:
    """scarce, built for one kind of processor."""

    def __init__(self, build, path):
        self.build, self.library = build, ctypes.CDLL(path)
        job = ctypes.c_void_p
        size = ctypes.c_size_t
        self.function("peers_maths", ctypes.c_char_p)
        self.function("peers_job", job, size, ctypes.c_bool, size, size, size)
        self.function("peers_drop", None, job)
        self.function("peers_run", ctypes.c_float, job)
        self.function("peers_scores", ctypes.POINTER(ctypes.c_float), job)
        self.function("peers_labels", ctypes.POINTER(ctypes.c_uint8), job)
        self.function("peers_gradient", ctypes.POINTER(ctypes.c_float), job)
        self.maths = self.library.peers_maths().decode().split(",")

    def function(self, name, result, *arguments):
        function = getattr(self.library, name)
        function.restype, function.argtypes = result, arguments

    def job(self, cell, math):
        return self.library.peers_job(LOSSES.index(cell.loss), cell.class_major, cell.classes, cell.pixels, math)

    def inputs(self, cell):
        job = self.job(cell, 0)
        scores = np.ctypeslib.as_array(self.library.peers_scores(job), cell.shape).copy()
        labels = np.ctypeslib.as_array(self.library.peers_labels(job), (cell.pixels,)).copy()
        self.library.peers_drop(job)
        return scores, labels

    def implementations(self, cell):
        for index, name in enumerate(self.maths):
            job, run = self.job(cell, index), self.library.peers_run

            def call(job=job):
                return run(job)

            def result(call, job=job):
                loss = call()
                gradient = np.ctypeslib.as_array(self.library.peers_gradient(job), cell.shape).copy()
                self.library.peers_drop(job)
                return loss, gradient

            yield f"scarce {name}", self.build, call, result


def peers():
    for name in ["torch", "jax", "paddle"]:
        try:
            yield importlib.import_module(f"{name}_peer")
        except ImportError as error:
            print(f"# without {name}: {error}")


def clock(calls, call):
    """Seconds a call; of the process, since some peers work on threads of their own."""
    start = time.process_time_ns()
    for _ in range(calls):
        call()
    return (time.process_time_ns() - start) / calls * 1e-9


def measure(cell, implementations, value, gradient):
    calls = []
    for _, _, call, _ in implementations:
        call()
        calls.append(max(1, math.ceil(MEASUREMENT / clock(1, call))))
    times = [[] for _ in implementations]
    start = time.process_time()
    for round_number in range(ROUNDS):
        if round_number >= FEWEST_ROUNDS and time.process_time() - start > ENOUGH:
            break
        for (_, _, call, _), number, of in zip(implementations, calls, times):
            of.append(clock(number, call))
    for (name, build, call, result), of in zip(implementations, times):
        loss, own = result(call)
        loss_error = abs(loss - value) / abs(value)
        gradient_error = np.abs(own.astype(np.float64) - gradient).sum() / np.abs(gradient).sum()
        milliseconds = statistics.median(of) * 1e3
        print(cell.name, name, build, milliseconds, loss, loss_error, gradient_error, sep="\t", flush=True)


def main(references, *libraries):
    modules = list(peers())
    print("# versions:", ", ".join(module.VERSION for module in modules))
    libraries = [Library(*library.split("=")) for library in libraries]
    for cell in CELLS:
        scores, labels = libraries[0].inputs(cell)
        value, gradient = reference.value_and_gradient(cell.loss, cell.class_major, scores, labels)
        file = pathlib.Path(references) / cell.name
        file.write_bytes(np.float64(value).tobytes() + np.ascontiguousarray(gradient).tobytes())
        implementations = [own for library in libraries for own in library.implementations(cell)]
        for module in modules:
            for name, call, result in module.implementations(cell, scores, labels, reference.weights(cell.classes)):
                implementations.append((name, "", call, result))
        measure(cell, implementations, value, gradient)


main(*sys.argv[1:])
