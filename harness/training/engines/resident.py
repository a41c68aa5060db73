"""R1: one network at a time, with nothing that makes the device wait; bf16 where there is CUDA."""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn import functional

from harness.training.data.dataset import Dataset
from harness.training.engines.engine import Interrupted, Member, OnEpoch, State, never
from harness.training.engines.loop import run
from harness.training.engines.sgd import sgd_step
from harness.training.engines.single import SingleEngine, Work, add_to, packs, unfit
from harness.training.networks.operations import laid_out
from harness.training.recipe import Recipe
from harness.training.schedule import learning_rate

__all__ = ["NAME", "packs", "train_pack", "unfit"]

NAME = "R1"
_FORMATS = (torch.channels_last, torch.contiguous_format)
_FASTEST: dict[tuple[object, ...], torch.memory_format] = {}
"""Memory formats by device, image shape, batch and skeleton, timed once in a process."""


class ResidentEngine(SingleEngine):
    """A step in bf16 autocast on CUDA, fp32 elsewhere, with a fused update and no look at the device.

    Weights, batch-norm statistics, classifier and loss stay in fp32 under autocast.
    """

    def __init__(self, work: Work) -> None:
        super().__init__(work)
        if work.device.type == "cuda":
            self.evaluation_batch = 2500

    def choose_format(self) -> torch.memory_format:
        """Return the faster memory format for this device, image shape, batch and skeleton; timed once for each."""
        recipe, shape = self.work.recipe, self.work.dataset.shape
        key = (self.work.device, shape, recipe.batch_size, recipe.channels, recipe.cells, recipe.reduction)
        if key not in _FASTEST:
            images = torch.zeros((min(recipe.batch_size, 256), *shape), device=self.work.device)
            timed = {layout: _seconds(self.module, images, layout) for layout in _FORMATS}
            _FASTEST[key] = min(timed, key=lambda layout: timed[layout])
        return _FASTEST[key]

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits (B, classes) float32 of normalised images."""
        with _autocast(self.work.device):
            return super().forward(images)

    def step(self, epoch: int, step: int) -> None:
        """Train on one batch."""
        rate = learning_rate(self.work.recipe, epoch, step, self.work.steps)
        self.update(*self.batch(step), rate)

    def update(self, images: Tensor, labels: Tensor, rate: float | Tensor) -> None:
        """Take a step of SGD on a batch and add to the sums."""
        logits = self.forward(images)
        loss = functional.cross_entropy(logits, labels)
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        sgd_step(self.parameters, self.momentum, self.work.recipe, rate)
        add_to(self.sums, logits, labels, loss)


def _autocast(device: torch.device) -> torch.autocast:
    # Without its cache: each weight is used once a step, and a cached copy would outlive the capture of a CUDA graph.
    return torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda", cache_enabled=False)


def _seconds(module: nn.Module, images: Tensor, layout: torch.memory_format) -> float:
    """Return the best of a few forward and backward passes of a copy of the network."""
    trial = laid_out(copy.deepcopy(module), images.device, layout)
    images = images.contiguous(memory_format=layout)
    taken = []
    for _ in range(4):
        _wait(images.device)
        started = time.perf_counter()
        with _autocast(images.device):
            loss = trial(images).sum()
        loss.backward()
        _wait(images.device)
        taken.append(time.perf_counter() - started)
    return min(taken)


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


@contextmanager
def fast_kernels() -> Iterator[None]:
    """Let cuDNN try its algorithms and use TF32, and restore what was allowed before."""
    with torch.backends.cudnn.flags(enabled=True, benchmark=True, deterministic=False, allow_tf32=True):
        yield


def train_pack(
    members: Sequence[Member],
    recipe: Recipe,
    dataset: Dataset,
    device: torch.device,
    *,
    network: str,
    state: State | None = None,
    on_epoch: OnEpoch = lambda state: False,
    interrupted: Interrupted = never,
) -> State:
    """Train one network; equal to R0 up to rounding, of bf16 on CUDA."""
    (member,) = members
    with fast_kernels():
        engine = ResidentEngine(Work(member, recipe, dataset, device, network))
        return run(engine, recipe, dataset, state=state, on_epoch=on_epoch, interrupted=interrupted)
