"""How fast supernets train and their subnets are evaluated, one thread; run as a program to see a table.

Figures are CPU seconds: on a machine that others use, they are what a thread of one's own would take.  Nothing is
asserted.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

import harness as nh
from harness import registry
from harness.experiments.supernets import search_data
from harness.one_shot import OneShot, SearchData
from harness.spaces.four_nodes import EDGES, NONE, SKIP
from harness.spaces.layers import Geometry
from harness.spaces.nb201.operations import KERNELS, OPERATIONS, stage_widths
from harness.training.devices import compute_threads
from harness.training.engines.reference import deterministic
from harness.training.networks.operations import Pool3, ReLUConvNorm, laid_out
from harness.training.recipe import TrainingSetup
from harness.training.supernets.batches import Batches
from harness.training.supernets.cells import build
from harness.training.supernets.written import written_paths
from tests.bench.figures import Row, parser, show

TABLE, BATCH, EPOCHS, SUBNETS = "micro-mnist1d", 100, 50, 100
"""EPOCHS is what methods are told; one is really trained.  Of a thousand subnets SUBNETS are evaluated."""
PATH = (3, 2, 1, 4, 0, 3)
"""Of convolutions, a skip and a pool."""


def _data() -> SearchData:
    return search_data(TrainingSetup.from_dict(registry.describe_benchmark(TABLE)["training"]))


def _method(name: str, data: SearchData) -> OneShot:
    """Return a method that has not trained yet, at its own values but the batch size of the table."""
    space = nh.open_benchmark(TABLE).space
    return registry.one_shot(name)(space, data, np.random.default_rng(0), EPOCHS, batch_size=BATCH)


def _seconds(call: Callable[[], object], repeats: int = 5) -> float:
    """Return the CPU seconds of a call, the best of a few, after one that does not count."""
    call()
    taken = []
    for _ in range(repeats):
        began = time.process_time()
        call()
        taken.append(time.process_time() - began)
    return min(taken)


def epochs() -> Iterator[Row]:
    """Train the first epoch of every method; what its schedule leaves out of the first epoch is not in it."""
    data = _data()
    for name in registry.names("one_shot"):
        with compute_threads(1), deterministic():
            method = _method(name, data)
            began = time.process_time()
            method.epoch()
            took = time.process_time() - began
        yield {"what": f"first epoch of {name} on {TABLE}", "value": took, "unit": "CPU s", "target": ""}


def _step(network: nn.Module, compute: Callable[[Tensor], Tensor], images: Tensor, labels: Tensor) -> None:
    loss = functional.cross_entropy(compute(images), labels)
    loss.backward()
    network.zero_grad()


def _operation(code: int, width: int, length: int) -> Callable[[], None]:
    """Return a forward and a backward pass of an operation alone, by itself as a network of its own has it."""
    features = torch.randn(BATCH, width, 1, length).contiguous(memory_format=torch.channels_last).requires_grad_()
    geometry = Geometry(signal=True)
    if code in KERNELS:
        layer: nn.Module = ReLUConvNorm(width, width, KERNELS[code], geometry)
    else:
        layer = Pool3(geometry)
    slope = torch.ones_like(features)

    def run() -> None:
        (features * 0.2 if code == SKIP else layer(features)).backward(slope)
        features.grad = None
        layer.zero_grad()

    return run


def mixtures() -> list[Row]:
    """Compare a step of the mixture with its operations, each run alone."""
    data = _data()
    with compute_threads(1), deterministic():
        batches = Batches(data)
        supernet = build(batches.recipe, batches.shape, batches.classes, seed=0)
        laid_out(supernet, batches.device, batches.layout)
        images, labels = next(batches.training(np.random.default_rng(0), BATCH))
        alpha = torch.full((len(EDGES), len(OPERATIONS)), 1 / len(OPERATIONS), requires_grad=True)
        whole = _seconds(lambda: _step(supernet, lambda x: supernet.mixture(x, alpha), images, labels))
        path = _seconds(lambda: _step(supernet, lambda x: supernet.path(x, PATH), images, labels))
        by_hand = written_paths(build(batches.recipe, batches.shape, batches.classes, seed=0), batches)
        assert by_hand is not None  # these are signals
        written = _seconds(partial(by_hand.learn, images, labels, PATH))
        rest = _seconds(lambda: _step(supernet, lambda x: supernet(x, lambda cell, features: features), images, labels))
        alone, length = rest, batches.shape[2]
        for width in stage_widths(batches.recipe.channels):
            parts = [_seconds(_operation(code, width, length)) for code in range(len(OPERATIONS)) if code != NONE]
            alone += len(EDGES) * batches.recipe.cells * sum(parts)
            length //= 2
    return [
        {"what": "a step of the mixture, batch of 100", "value": 1e3 * whole, "unit": "CPU ms", "target": ""},
        {"what": "a step of a path, by autograd", "value": 1e3 * path, "unit": "CPU ms", "target": ""},
        {"what": "a step of a path, gradients written out", "value": 1e3 * written, "unit": "CPU ms", "target": ""},
        {"what": "a path by autograd against written out", "value": path / written, "unit": "times", "target": ">= 2"},
        {"what": "the mixture's operations, each run alone", "value": 1e3 * alone, "unit": "CPU ms", "target": ""},
        {"what": "the mixture against its operations", "value": whole / alone, "unit": "times", "target": "<= 1.5"},
    ]


def evaluation() -> list[Row]:
    """Evaluate subnets on all validation items, with both treatments of batch normalisation."""
    rows, data = list[Row](), _data()
    archs = nh.open_benchmark(TABLE).space.sample(SUBNETS, np.random.default_rng(0))
    for name, statistics in (("rsps", "batch"), ("spos", "recalibrated")):
        with compute_threads(1), deterministic():
            method = _method(name, data)
            took = 1000 / SUBNETS * _seconds(partial(method.inherited, archs), repeats=1)
        what = f"1,000 subnets on the validation items, {statistics} statistics"
        rows.append({"what": what, "value": took, "unit": "CPU s", "target": "<= 90"})
    return rows


if __name__ == "__main__":
    show((mixtures, evaluation, epochs), parser(__doc__).parse_args().json)
