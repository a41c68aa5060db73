"""How fast supernets train and their subnets are evaluated, one thread; run as a program to see a table.

Figures are CPU seconds: on a machine that others use, they are what a thread of one's own would take.  Nothing is
asserted.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
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
from harness.training.networks.operations import EPSILON, Pool3, ReLUConvNorm, laid_out
from harness.training.recipe import TrainingSetup
from harness.training.supernets.batches import Batches
from harness.training.supernets.cells import LEAVING, build
from harness.training.supernets.written.supernet import WrittenSupernet, written_supernet
from tests.bench.figures import Row, parser, show

TABLE, BATCH, EPOCHS, SUBNETS = "micro-mnist1d", 100, 50, 100
"""EPOCHS is what methods are told; one is really trained.  Of a thousand subnets SUBNETS are evaluated."""
PATH = (3, 2, 1, 4, 0, 3)
"""Of convolutions, a skip and a pool."""
EVERY, SEEDS = [tuple(range(len(OPERATIONS)))] * len(EDGES), 10


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
    """Train the first epoch of every method that searches the table: nothing that its schedule leaves to later ones."""
    data, space = _data(), nh.open_benchmark(TABLE).space.name
    names = [name for name in registry.names("one_shot") if space in registry.one_shot(name).takes]
    for name in names:
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


def steps() -> list[Row]:
    """Compare steps written out with autograd's, and a mixture with its operations, each run alone."""
    data = _data()
    with compute_threads(1), deterministic():
        batches = Batches(data)
        supernet = build(batches.recipe, batches.shape, batches.classes, seed=0)
        laid_out(supernet, batches.device, batches.layout)
        written = _written(batches, seed=0)
        images, labels = next(batches.training(np.random.default_rng(0), BATCH))
        mixed = torch.full((len(EDGES), len(OPERATIONS)), 1 / len(OPERATIONS))
        alpha = mixed.clone().requires_grad_()
        autograd = {
            "of the weights of the mixture": lambda: _step(
                supernet, lambda x: supernet.mixture(x, mixed), images, labels
            ),
            "of alpha": lambda: torch.autograd.grad(
                functional.cross_entropy(supernet.mixture(images, alpha), labels), alpha
            ),
            "of a path": lambda: _step(supernet, lambda x: supernet.path(x, PATH), images, labels),
        }
        by_hand = {
            "of the weights of the mixture": lambda: _backward(written, images, labels, mixed),
            "of alpha": lambda: torch.autograd.grad(written.loss(images, labels, alpha, EVERY, learns=False), alpha),
            "of a path": lambda: _learn(written, images, labels),
        }
        took = {name: (_seconds(call), _seconds(by_hand[name])) for name, call in autograd.items()}
        rest = _seconds(lambda: _step(supernet, lambda x: supernet(x, lambda cell, features: features), images, labels))
        alone, length = rest, batches.shape[2]
        for width in stage_widths(batches.recipe.channels):
            parts = [_seconds(_operation(code, width, length)) for code in range(len(OPERATIONS)) if code != NONE]
            alone += len(EDGES) * batches.recipe.cells * sum(parts)
            length //= 2
    rows = list[Row]()
    for name, (auto, hand) in took.items():
        target = ">= 2" if name == "of a path" else ">= 1"
        rows += [
            {"what": f"a step {name}, batch of 100, by autograd", "value": 1e3 * auto, "unit": "CPU ms", "target": ""},
            {"what": f"a step {name}, written out", "value": 1e3 * hand, "unit": "CPU ms", "target": ""},
            {
                "what": f"a step {name}, autograd against written",
                "value": auto / hand,
                "unit": "times",
                "target": target,
            },
        ]
    step = took["of the weights of the mixture"][1]
    return [
        *rows,
        {"what": "the mixture's operations, each run alone", "value": 1e3 * alone, "unit": "CPU ms", "target": ""},
        {"what": "the mixture against its operations", "value": step / alone, "unit": "times", "target": "<= 1.5"},
    ]


def packs() -> list[Row]:
    """Compare a step of ten seeds at once with ten steps written out, one after another, all on one thread.

    This is why the program packs no supernets: seeds go to processes.
    """
    data = _data()
    with compute_threads(1), deterministic():
        batches = Batches(data)
        images, labels = next(batches.training(np.random.default_rng(0), BATCH))
        mixed = torch.full((len(EDGES), len(OPERATIONS)), 1 / len(OPERATIONS))
        written = [_written(batches, seed=seed) for seed in range(SEEDS)]
        singly = _seconds(partial(_each, [partial(_backward, one, images, labels, mixed) for one in written]))
        vmapped = _seconds(_vmapped(batches, images, labels, mixed))
        waves = [(_wave(SEEDS, *size), [_wave(1, *size) for _ in range(SEEDS)]) for size in _sizes(batches)]
        together = sum(_seconds(at_once) for at_once, _ in waves)
        apart = sum(_seconds(partial(_each, ones)) for _, ones in waves)
    return [
        {"what": "ten mixtures, one after another, written out", "value": 1e3 * singly, "unit": "CPU ms", "target": ""},
        {"what": "the same by torch.func.vmap", "value": vmapped / singly, "unit": "times as long", "target": ">= 1"},
        {
            "what": "their convolutions as batched products, one after another against at once",
            "value": apart / together,
            "unit": "times",
            "target": "",
        },
    ]


def _written(batches: Batches, seed: int) -> WrittenSupernet:
    written = written_supernet(build(batches.recipe, batches.shape, batches.classes, seed=seed), batches)
    assert written is not None  # these are signals
    return written


def _learn(written: WrittenSupernet, images: Tensor, labels: Tensor) -> None:
    """Give the weights of a path their gradients, and drop them."""
    written.learn(images, labels, PATH)
    _drop(written)


def _drop(written: WrittenSupernet) -> None:
    for parameter in written.parameters:
        parameter.grad = None


def _backward(written: WrittenSupernet, images: Tensor, labels: Tensor, mixed: Tensor) -> None:
    """Give the weights of a supernet their gradients, and drop them."""
    written.loss(images, labels, mixed, EVERY, learns=True).backward()
    _drop(written)


def _each(calls: Sequence[Callable[[], None]]) -> None:
    for call in calls:
        call()


def _vmapped(batches: Batches, images: Tensor, labels: Tensor, mixed: Tensor) -> Callable[[], object]:
    """Return the gradients of the mixtures of `SEEDS` supernets by torch.func."""
    supernets = [build(batches.recipe, batches.shape, batches.classes, seed=seed) for seed in range(SEEDS)]
    stacked, _ = torch.func.stack_module_state(supernets)
    empty = supernets[0].to("meta")

    def loss(parameters: dict[str, Tensor]) -> Tensor:
        logits = torch.func.functional_call(
            empty, parameters, (images, lambda cell, features: cell.mixture(features, mixed))
        )
        return functional.cross_entropy(logits, labels)

    gradients = torch.func.vmap(torch.func.grad(loss))
    return lambda: gradients(stacked)


def _sizes(batches: Batches) -> list[tuple[int, int]]:
    """Return the channels and the positions, times the batch, of the stages."""
    widths = stage_widths(batches.recipe.channels)
    return [(width, batches.shape[2] // 2**stage * BATCH) for stage, width in enumerate(widths)]


def _wave(members: int, width: int, count: int) -> Callable[[], None]:
    """Return the products and the normalisations of what leaves a node to three others, forward and backward."""
    three = len(LEAVING[0]) * width
    inputs, slope = torch.randn(members, 3 * width, count), torch.randn(members, three, count)
    kernels = [torch.randn(members, three, taps * width) for taps in (3, 1)]
    windows = [inputs, inputs[:, width : 2 * width]]
    maps, gradients = torch.empty(members, three, count), [torch.empty_like(kernel) for kernel in kernels]
    into, gain = torch.empty_like(inputs), torch.ones(members * three)

    def product(left: Tensor, right: Tensor, out: Tensor) -> None:
        if members == 1:
            torch.mm(left[0], right[0], out=out[0])
        else:
            torch.bmm(left, right, out=out)

    def run() -> None:
        for kernel, seen, gradient in zip(kernels, windows, gradients, strict=True):
            product(kernel, seen, maps)
            flat, channels = maps.view(1, -1, count), members * three
            _, mean, inverse = torch.native_group_norm(flat, gain, None, 1, channels, count, channels, EPSILON)
            found = torch.ops.aten.native_batch_norm_backward(
                slope.view_as(flat),
                flat,
                gain,
                None,
                None,
                mean.view(-1),
                inverse.view(-1),
                True,
                EPSILON,
                [True, True, False],
            )[0].view_as(maps)
            product(found, seen.mT, gradient)
            product(kernel.mT, found, into[:, : kernel.shape[2]])

    return run


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
    show((steps, packs, evaluation, epochs), parser(__doc__).parse_args().json)
