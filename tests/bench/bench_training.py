"""How many micro networks train in a minute at R0, R3 and R4; run as a program to see a table.  Nothing is asserted.

A control stands beside the packed engines: `torch.func`, which makes a step of many networks out of that of one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from harness.checks import Archs
from harness.seeding import generator
from harness.spaces.nb201.operations import CARDINALITIES
from harness.training import data
from harness.training import recipe as recipes
from harness.training.data.dataset import Dataset
from harness.training.devices import compute_threads
from harness.training.engines.engine import Engine, Task
from harness.training.engines.packed.engine import PackedEngine
from harness.training.engines.reference import ReferenceEngine
from harness.training.engines.resident import sgd_step
from harness.training.recipe import Recipe
from harness.training.schedule import Member
from harness.training.trainer import train
from tests.bench.figures import Row, parser, show

NETWORKS, SEEDS, EPOCHS = 32, 4, 2
"""Networks of a pack, seeds of a cell where they are packed, and epochs that are really trained."""
STEPS, TEN = 8, 10
"""Steps that are timed, of ten networks."""


def _cells(count: int) -> Archs:
    """Return different random cells, (count, 6)."""
    drawn = generator(0, "bench", "training").integers(0, CARDINALITIES, (4 * count, len(CARDINALITIES)))
    _, first = np.unique(drawn, axis=0, return_index=True)
    return drawn[np.sort(first)[:count]].astype(np.uint8)


def _seconds_per_network(
    level: str, recipe: Recipe, dataset: Dataset, device: str, *, archs: Archs, seeds: int
) -> Callable[[], float]:
    """Return what trains once, set-up and evaluations included, and tells the seconds of a network with all epochs."""
    few = recipe.but(epochs=EPOCHS)

    def once() -> float:
        started = time.perf_counter()
        train(archs, np.arange(seeds), few, dataset, device, level=level)
        return (time.perf_counter() - started) / (len(archs) * seeds) * recipe.epochs / EPOCHS

    return once


def _compare(channels: int, device: str, repeats: int) -> list[Row]:
    """Train the same 32 cells at R0 and R4, and 8 of them with 4 seeds at R3, by turns; the best of each counts."""
    recipe, dataset = recipes.load("micro").but(channels=channels), data.load("mnist1d")
    seconds = partial(_seconds_per_network, recipe=recipe, dataset=dataset, device=device)
    archs = _cells(NETWORKS)
    calls = {
        "R0": seconds("R0", archs=archs, seeds=1),
        "R3": seconds("R3", archs=archs[: NETWORKS // SEEDS], seeds=SEEDS),
        "R4": seconds("R4", archs=archs, seeds=1),
    }
    # R3 trains other cells than R0: it is compared with R0 on its own.
    own = seconds("R0", archs=archs[: NETWORKS // SEEDS], seeds=1)
    best = {level: np.inf for level in (*calls, "own")}
    for _ in range(repeats):
        for level, call in (*calls.items(), ("own", own)):
            best[level] = min(best[level], call())
    where = f"{device}, {channels} channels"
    rows: list[Row] = [{"what": f"a micro network at R0, {where}", "value": best["R0"], "unit": "s", "target": "<= 3"}]
    for level in calls:
        what = f"micro networks a minute at {level}, {where}"
        rows.append({"what": what, "value": 60 / best[level], "unit": "networks/min", "target": ""})
    for level, base, what in (("R3", "own", "4 seeds of 8 cells"), ("R4", "R0", "32 cells")):
        what = f"{level} against R0, {what}, {where}"
        rows.append({"what": what, "value": best[base] / best[level], "unit": "times", "target": ">= 3"})
    return rows


def on_cpu(repeats: int = 2) -> list[Row]:
    """Measure on one CPU thread, with the recipe's width and with half of it."""
    width = recipes.load("micro").channels
    return [row for channels in (width, width // 2) for row in _compare(channels, "cpu", repeats)]


def on_cuda(repeats: int = 2) -> list[Row]:
    """Measure on a CUDA device, where there is one."""
    if not torch.cuda.is_available():
        what, nothing = "micro networks a minute on CUDA", float("nan")
        return [{"what": what, "value": nothing, "unit": "not measured:", "target": "no CUDA device"}]
    return _compare(recipes.load("micro").channels, "cuda", repeats)


class _Mapped:
    """Seeds of one cell by `torch.func`: the gradient of one network, mapped over stacked weights."""

    def __init__(self, members: Sequence[Member], task: Task) -> None:
        modules = [task.build(member).train() for member in members]
        parameters, buffers = torch.func.stack_module_state(modules)
        self._names, self._values = list(parameters), [value.detach() for value in parameters.values()]
        self._momentum = [torch.zeros_like(value) for value in self._values]
        self._recipe, base = task.recipe, modules[0].to("meta")

        def loss(parameters: dict[str, Tensor], buffers: dict[str, Tensor], images: Tensor, labels: Tensor) -> Tensor:
            return functional.cross_entropy(torch.func.functional_call(base, (parameters, buffers), (images,)), labels)

        self._gradients, self._buffers = torch.func.vmap(torch.func.grad(loss)), buffers

    def step(self, images: Tensor, labels: Tensor) -> None:
        """Train on images (M, B, C, H, W) with labels (M, B)."""
        parameters = dict(zip(self._names, self._values, strict=True))
        found = self._gradients(parameters, self._buffers, images, labels)
        for name, value in parameters.items():
            value.grad = found[name]
        sgd_step(self._values, self._momentum, self._recipe, self._recipe.learning_rate)


def controls(repeats: int = 3) -> list[Row]:
    """Time steps of ten seeds of a cell and of ten cells on one CPU thread, by turns; the best of each counts.

    In CPU seconds.  What `torch.func` does has its images for nothing: they are drawn before.
    """
    recipe, dataset = recipes.load("micro"), data.load("mnist1d")
    task = Task("nb201", recipe, dataset, torch.device("cpu"))
    archs = [tuple(arch) for arch in _cells(TEN).tolist()]
    seeds, cells = [Member(archs[3], seed) for seed in range(TEN)], [Member(arch, 0) for arch in archs]
    images = torch.from_numpy(dataset.images["train"][: recipe.batch_size]).expand(TEN, -1, -1, -1, -1)
    labels = torch.from_numpy(dataset.labels["train"][: recipe.batch_size]).expand(TEN, -1)
    mapped = _Mapped(seeds, task)

    def steps(engines: Sequence[Engine]) -> None:
        for engine in engines:
            engine.begin(0)
            for step in range(STEPS):
                engine.step(0, step)

    def by_map() -> None:
        for _ in range(STEPS):
            mapped.step(images, labels)

    calls: dict[str, Callable[[], None]] = {"ten seeds by torch.func": by_map}
    for what, members in (("ten seeds", seeds), ("ten cells", cells)):
        calls[f"{what} at R0"] = partial(steps, [ReferenceEngine(member, task) for member in members])
        calls[f"{what} by signals/"] = partial(steps, [PackedEngine(members, task)])
        calls[f"{what} by images/"] = partial(steps, [PackedEngine(members, task, on_signals=False)])
    best = dict.fromkeys(calls, np.inf)
    with compute_threads(1):
        for turn in range(repeats + 1):
            for what, call in calls.items():
                began = time.process_time()
                call()
                if turn:
                    best[what] = min(best[what], (time.process_time() - began) / STEPS)
    rows: list[Row] = [
        {"what": f"a step of {what}", "value": 1e3 * took, "unit": "CPU ms", "target": ""}
        for what, took in best.items()
    ]
    for what, base, faster, target in (
        ("signals/ against torch.func, ten seeds", "ten seeds by torch.func", "ten seeds by signals/", "> 1"),
        ("signals/ against R0, ten seeds", "ten seeds at R0", "ten seeds by signals/", ">= 2"),
        ("signals/ against R0, ten cells", "ten cells at R0", "ten cells by signals/", ">= 2"),
        ("signals/ against images/, ten cells", "ten cells by images/", "ten cells by signals/", "> 1.3"),
    ):
        rows.append({"what": what, "value": best[base] / best[faster], "unit": "times", "target": target})
    return rows


if __name__ == "__main__":
    show((controls, on_cpu, on_cuda), parser(__doc__).parse_args().json)
